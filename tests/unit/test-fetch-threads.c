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

/* Who gets no thread: what its function would be called with. */
static const void *_Atomic denied;

int
__wrap_pthread_create (pthread_t *thread, const pthread_attr_t *attr,
                       void *(*fn) (void *), void *opaque)
{
  return opaque == atomic_load (&denied) ? EAGAIN :
    __real_pthread_create (thread, attr, fn, opaque);
}

static void
test_no_first_thread (void **state)
{
  struct world w;
  struct place p;

  (void) state;
  world_with_place (&w, &p, 16, 5);
  denied = w.fetch;
  read_good (&p, 5, 10);
  read_good (&p, MIB - 5, 3 * MIB);
  fetch_ahead (p.source, 0, MIB);
  check_runs (&w);
  denied = NULL;
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
  denied = w.fetch;
  fake_cache_release (p.object);
  reading_good (&waiting);
  denied = NULL;
  read_good (&p, 63 * MIB, 10);
  place_close (&p);
  world_end (&w);
}

/* A reader does what it waits for itself, not what is next: that may be at an
 * origin which does not answer.
 */
static void
test_other_origin_is_silent (void **state)
{
  struct world w;
  struct place silent, p;
  struct reading held;

  (void) state;
  world_with_place (&w, &silent, 16, 0);
  place_open (&p, &w, 4 * MIB);
  denied = w.fetch;
  fault_origin_hold (silent.far, 0, UINT64_MAX);
  reading_start (&held, &silent, 0, 4 * MIB);
  assert_true (fault_origin_wait_held (silent.far, 1));
  read_good (&p, 5, 10);
  read_good (&p, MIB - 5, 2 * MIB);
  check_runs (&w);
  fault_origin_release (silent.far);
  reading_good (&held);
  denied = NULL;
  place_close (&p);
  place_close (&silent);
  world_end (&w);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_no_first_thread),
    cmocka_unit_test (test_no_thread_any_more),
    cmocka_unit_test (test_other_origin_is_silent),
  };

  alarm (300);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
