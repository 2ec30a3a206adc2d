/* What the test programs of the cache share: directories, contents that can
 * be known again, and what the directory takes on disk.
 */

#ifndef TIERCACHE_TEST_CACHE_HELP_H
#define TIERCACHE_TEST_CACHE_HELP_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"

#define KIB UINT64_C (1024)
#define MIB (1024 * KIB)

enum content
{
  CONTENT_RANDOM,               /* nothing compresses it */
  CONTENT_TEXT,                 /* compresses well */
  CONTENT_MIXED,                /* block by block: random, text, zero, half */
};

/* The directory of a test, for its set-up and tear-down. */
extern char *help_dir;
extern int help_set_up (void **state);
extern int help_tear_down (void **state);
#define HELP_TEST(test) \
  cmocka_unit_test_setup_teardown (test, help_set_up, help_tear_down)

/* A new directory; help_remove_dir removes it with all in it. */
extern char *help_make_dir (void);
extern void help_remove_dir (char *dir);
extern char *help_path (const char *dir, const char *name);

/* What du says of the directory. */
extern uint64_t help_du (const char *dir);

/* The bytes of a block of an object, known by its name. */
extern void help_fill (uint8_t *out, uint32_t bytes, enum content content,
                       uint64_t object, uint64_t block);

extern struct cache_config help_config (const char *dir, uint64_t size,
                                        uint32_t block_size, bool compress);
extern struct cache *help_open (const struct cache_config *config);

/* An object that lasts; validator "v" and its number. */
extern struct cache_object *help_object (struct cache *cache,
                                         const char *identity,
                                         uint64_t number, uint64_t size);

/* Stores blocks with the content of the object with this number. */
extern void help_store (struct cache_object *object, uint64_t number,
                        uint64_t size, uint32_t block_size,
                        uint64_t first, uint64_t count,
                        enum content content,
                        const struct cache_store_options *options);

/* Reads a range; fails the test if what is returned is wrong.  Returns the
 * bytes that were there.
 */
extern uint32_t help_check (struct cache_object *object, uint64_t number,
                            uint64_t size, uint32_t block_size,
                            uint64_t offset, uint32_t count,
                            enum content content);

/* How many of the blocks are there, and right. */
extern uint64_t help_count (struct cache_object *object, uint64_t number,
                            uint64_t size, uint32_t block_size,
                            enum content content);

/* Waits, for a generous time, until the condition holds. */
extern bool help_wait (bool (*condition) (void *opaque), void *opaque);

#endif /* TIERCACHE_TEST_CACHE_HELP_H */
