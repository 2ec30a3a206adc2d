/* Fetching when the system gives no more threads: readers do it themselves. */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "test-fetch-world.h"

/* Called in the place of pthread_create, which is __real_. */
extern int __real_pthread_create (pthread_t *thread,
                                  const pthread_attr_t *attr,
                                  void *(*fn) (void *), void *opaque);
extern int __wrap_pthread_create (pthread_t *thread,
                                  const pthread_attr_t *attr,
                                  void *(*fn) (void *), void *opaque);

static atomic_bool no_threads;

int
__wrap_pthread_create (pthread_t *thread, const pthread_attr_t *attr,
                       void *(*fn) (void *), void *opaque)
{
  return atomic_load (&no_threads) ? EAGAIN :
    __real_pthread_create (thread, attr, fn, opaque);
}

static void
test_no_first_thread (void **state)
{
  struct world w;
  struct place p;

  (void) state;
  world_with_place (&w, &p, 16, 5);
  no_threads = true;
  read_good (&p, 5, 10);
  read_good (&p, MIB - 5, 3 * MIB);
  fetch_ahead (p.source, 0, MIB);
  check_runs (&w);
  no_threads = false;
  read_good (&p, 5, 10);
  place_close (&p);
  world_end (&w);
}

/* A reader waits for memory, and meanwhile all fetching threads end. */
static void
test_no_thread_any_more (void **state)
{
  struct world w;
  struct place p;
  struct reading waiting;

  (void) state;
  world_init (&w);
  w.config.connections = 64;
  world_start (&w);
  place_open (&p, &w, 64 * MIB);
  p.source->limit.window = 64;
  fake_cache_hold (p.object);
  reading_start (&waiting, &p, 0, 63 * MIB);
  assert_true (fault_origin_wait_reads (p.far, FETCH_MEMORY / MIB));
  wait_runs (&w, RUN_IN_FLIGHT, 0);
  /* All but those that store, and are held there. */
  wait_threads (&w, FETCH_FILL_THREADS);
  no_threads = true;
  fake_cache_release (p.object);
  reading_good (&waiting);
  no_threads = false;
  read_good (&p, 63 * MIB, 10);
  place_close (&p);
  world_end (&w);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_no_first_thread),
    cmocka_unit_test (test_no_thread_any_more),
  };

  alarm (300);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
