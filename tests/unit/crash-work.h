/* A cache at work, to be interrupted: what it does, and what must hold
 * afterwards.
 */

#ifndef TIERCACHE_CRASH_WORK_H
#define TIERCACHE_CRASH_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "sys-test.h"

#define CRASH_WORK_BUDGET (UINT64_C (1) << 20)
#define CRASH_BLOCK 16384u

/* A version of an object. */
struct crash_thing
{
  const char *identity, *validator;
  bool lasting;
  uint64_t size;
};

/* What such a range of it holds. */
extern void crash_thing_content (const struct crash_thing *thing, void *buf,
                                 uint64_t offset, uint64_t count);

/* A way to use a cache: what open and object_open return is its own. */
struct crash_way
{
  void *(*open) (const struct cache_config *config, struct error *e);
  void (*close) (void *opened);
  struct cache *(*cache) (void *opened);
  void *(*object_open) (void *opened, const struct crash_thing *thing,
                        struct error *e);
  void (*object_close) (void *object);
  void (*validated) (void *object, uint64_t now_s);

  /* Whole blocks, or up to the end. */
  void (*store) (void *object, const struct crash_thing *thing,
                 uint64_t offset, uint64_t count, bool hurry);

  /* Returns how much was read, as cache_read does; adds to *brought the bytes
   * that did not come from the cache.
   */
  uint32_t (*read) (void *object, const struct crash_thing *thing, void *buf,
                    uint64_t offset, uint32_t count, uint64_t *brought);
};

extern const struct crash_way crash_way_cache;  /* its functions */
extern const struct crash_way crash_way_direct; /* device_read_direct */
extern const struct crash_way crash_way_fetch;  /* device_read, of an origin */

/* Says where we are, for the message of a check that fails: it is printed to
 * stderr, with the text.
 */
struct crash_work
{
  struct sys_test *test;
  const struct crash_way *way;
  bool faulty;          /* calls may fail: so may opening the cache */
  char where[300];      /* crash point, seed: whatever names the run */
  atomic_uint wrong;    /* checks that failed */
};

/* Makes the directory for the cache, and makes it durable: else there is
 * nothing left to look at after most power losses.
 */
extern void crash_work_mkdir (struct crash_work *work);

/* The workload: several objects, stores of zero, compressible and
 * incompressible blocks, more than the budget has room for, a version that
 * changes, the cache closed and opened again.  Every byte read is checked;
 * so is the budget.
 */
extern void crash_work_run (struct crash_work *work);

/* What must hold on a disk that such a run has left, however it ended: the
 * cache opens, serves nothing but right bytes, knows nothing of what was not
 * to last, keeps to the budget, and works on.  No call fails here.
 */
extern void crash_work_check (struct crash_work *work);

/* What was stored before a close is there after it.  No call fails here. */
extern void crash_work_check_kept (struct crash_work *work);

/* Messages of the engine go nowhere from now on. */
extern void crash_work_quiet (void);

#endif /* TIERCACHE_CRASH_WORK_H */
