/* A cache in memory for tests of what stands on it: stores can be held, and
 * it can be made to say that it has what it has not.
 *
 * fake-cache.c defines cache_has, cache_read and cache_store: a program that
 * is linked with it has no other cache.
 */

#ifndef TIERCACHE_FAKE_CACHE_H
#define TIERCACHE_FAKE_CACHE_H

#include "cache/cache.h"

/* Abort when out of memory. */
extern struct cache_object *fake_cache_new (uint64_t size,
                                            uint32_t block_size);
extern void fake_cache_free (struct cache_object *object);

/* Stores wait from now on, until they are released. */
extern void fake_cache_hold (struct cache_object *object);
extern void fake_cache_release (struct cache_object *object);

/* From now on nothing is worth a place. */
extern void fake_cache_refuse (struct cache_object *object);

/* Wait until so many stores wait, or so many blocks were stored.  False
 * after 30 s.
 */
extern bool fake_cache_wait_held (struct cache_object *object, unsigned n);
extern bool fake_cache_wait_stored (struct cache_object *object, unsigned n);

/* Blocks stored so far. */
extern unsigned fake_cache_stored (struct cache_object *object);

/* cache_has says so of the block, though it is missing; or of no block. */
extern void fake_cache_lie (struct cache_object *object, uint64_t block);
extern void fake_cache_be_honest (struct cache_object *object);

/* Puts a block there, or takes it away. */
extern void fake_cache_put (struct cache_object *object, uint64_t block,
                            const void *data);
extern void fake_cache_drop (struct cache_object *object, uint64_t block);

/* The options with which the block was stored last; data too, if not NULL. */
extern struct cache_store_options
fake_cache_options (struct cache_object *object, uint64_t block, void *data);

#endif /* TIERCACHE_FAKE_CACHE_H */
