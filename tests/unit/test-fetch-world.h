/* A pool, a simulated origin and a cache in memory, for the tests of fetch. */

#ifndef TIERCACHE_TEST_FETCH_WORLD_H
#define TIERCACHE_TEST_FETCH_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <cmocka.h>

#include "fake-cache.h"
#include "fault-origin.h"
#include "fetch/fetch-internal.h"

#define MIB UINT64_C (1048576)
#define BLOCK 65536u
#define OBJECT_VERSION 7

struct world
{
  struct fetch_config config;
  struct fetch *fetch;
  struct stop stop;
  atomic_bool stopping;
};

/* One object and its source. */
struct place
{
  struct world *world;
  struct fault_origin *far;
  struct origin *origin;
  struct cache_object *object;
  struct fetch_source *source;
  atomic_uint gone;
};

/* Reasonable defaults: set w->config before world_start if others are needed.
 * Backoff is 1 ms: tests don't wait.
 */
extern void world_init (struct world *w);
extern void world_start (struct world *w);
extern void world_end (struct world *w);

extern void place_open (struct place *p, struct world *w, uint64_t size);
/* All of this with an object of 64 MiB and 777 bytes. */
extern void world_with_place (struct world *w, struct place *p,
                              unsigned connections, unsigned retries);

/* Closes the source if it is open, and waits for gone. */
extern void place_close (struct place *p);
extern void place_gone (void *opaque);

/* Between a source and its origin: writes down in which order sources ask
 * (set order to a common one, read one at a time), and holds what begins
 * at bad_offset until it is opened, then fails it as unreachable.
 */
struct tap_order
{
  unsigned n;
  char names[64];
};
struct tap
{
  struct origin common;
  struct origin *below;
  char name;
  struct tap_order *order;
  uint64_t bad_offset;
  bool held, open;
  pthread_mutex_t lock;
  pthread_cond_t changed;
};
extern void tap_put (struct tap *tap, struct place *p);
extern void tap_wait_held (struct tap *tap);
extern void tap_open (struct tap *tap);

/* A reader in a thread of its own. */
struct reading
{
  struct place *place;
  uint64_t offset;
  uint32_t count;
  bool no_buf;
  pthread_t thread;
  char *buf;
  int r;
  struct error e;
};
extern void reading_start (struct reading *reading, struct place *p,
                           uint64_t offset, uint32_t count);
/* Joins it and asserts that it got the right bytes. */
extern void reading_good (struct reading *reading);
/* Joins it and asserts that it failed so. */
extern void reading_bad (struct reading *reading, int errnum,
                         enum error_kind kind);

/* Reads here and now, and asserts that the bytes are right. */
extern void read_good (struct place *p, uint64_t offset, uint32_t count);

/* Waits until there are n runs in that state; asserts within 30 s. */
extern void wait_runs (struct world *w, enum run_state state, unsigned n);
extern void wait_blocks (struct world *w, enum run_state state, unsigned n);
extern void wait_joined (struct world *w, unsigned n);
extern void wait_threads (struct world *w, unsigned n);
extern void wait_gone (struct place *p);

extern struct fetch_stats stats_of (struct world *w);
extern unsigned reads_of (struct place *p);
extern void assert_request (struct place *p, unsigned i, uint64_t offset,
                            uint64_t count);

/* Asserts what the table in fetch-run.c says of each run. */
extern void check_runs (struct world *w);

#endif /* TIERCACHE_TEST_FETCH_WORLD_H */
