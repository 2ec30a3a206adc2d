/* A cache at work, to be interrupted: what it does, and what must hold
 * afterwards.
 */

#ifndef TIERCACHE_CRASH_WORK_H
#define TIERCACHE_CRASH_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"
#include "crash-thing.h"
#include "sys-test.h"

#define CRASH_WORK_BUDGET (UINT64_C (1) << 20)

struct crash_work;

/* What the work is done over: the functions of a cache by itself, or of
 * devices above it.  An open whole or thing is theirs.
 */
struct crash_over
{
  const char *(*url) (const struct crash_thing *thing, char *url,
                      size_t size);
  void *(*start) (struct crash_work *work, const struct cache_config *config,
                  struct error *e);
  void (*end) (void *whole);
  struct cache *(*cache) (void *whole);
  void *(*open) (void *whole, const struct crash_thing *thing,
                 struct error *e);
  void (*close) (void *object);

  /* Brings blocks [first, first + nr), which the thing has, into the cache. */
  void (*store) (void *object, const struct crash_thing *thing,
                 uint64_t first, uint64_t nr, bool hurry);

  /* Returns how many bytes are served, from offset on. */
  uint32_t (*read) (void *object, const struct crash_thing *thing, void *buf,
                    uint64_t offset, uint32_t count);

  /* Whether reads get only what is cached.  NULL: they always do. */
  void (*only_cached) (bool only);
};

extern const struct crash_over crash_over_cache;        /* crash-cache.c */
extern const struct crash_over crash_over_direct;       /* crash-direct.c */

/* crash-http.c; between the calls of these two. */
extern const struct crash_over crash_over_http;
extern void crash_http_start (void);
extern void crash_http_stop (void);

/* Says where we are, for the message of a check that fails: it is printed to
 * stderr, with the text.
 */
struct crash_work
{
  const struct crash_over *over;
  struct sys_test *test;
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

/* A check has failed. */
extern void crash_work_wrong (struct crash_work *work, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

/* Messages of the engine go nowhere from now on. */
extern void crash_work_quiet (void);

#endif /* TIERCACHE_CRASH_WORK_H */
