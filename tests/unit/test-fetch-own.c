/* A reader who asks the origin itself is kept there no longer than one who
 * waits, and keeps nothing from others.
 */

#include <config.h>

#include <errno.h>
#include <unistd.h>

#include "test-fetch-world.h"
#include "util/cleanup.h"

#define NS_PER_MS UINT64_C (1000000)

/* A large block comes in pieces: it is there with the one it is in. */
static void
test_not_for_all_of_a_block (void **state)
{
  struct world w;
  struct place p;

  (void) state;
  world_init (&w);
  w.config.block_size = 4 * MIB;
  world_start (&w);
  place_open (&p, &w, 10 * MIB);
  fault_origin_hold (p.far, 6 * MIB, MIB);
  read_good (&p, 4 * MIB + 5, 10);
  read_good (&p, 6 * MIB - 10, 10);
  fault_origin_release (p.far);
  read_good (&p, 6 * MIB - 5, 10);
  assert_true (fake_cache_wait_stored (p.object, 1));
  assert_int_equal (reads_of (&p), 4);
  place_close (&p);
  world_end (&w);
}

/* Bytes of buffers that somebody has. */
static uint64_t
used_bytes (struct world *w)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&w->fetch->lock);
  return w->fetch->buffers.used_bytes;
}

/* What has come is copied while the rest is awaited: its memory is needed. */
static void
test_gives_buffers_back (void **state)
{
  struct world w;
  struct place p;
  struct reading reading;
  struct tap tap;
  uint64_t deadline;

  (void) state;
  world_with_place (&w, &p, 16, 0);
  tap_put (&tap, &p);
  tap.bad_offset = 3 * MIB;
  fault_origin_hold (p.far, 2 * MIB, MIB);
  fetch_ahead (p.source, 2 * MIB, MIB);
  assert_true (fault_origin_wait_held (p.far, 1));
  /* What is in flight, and one more. */
  reading_start (&reading, &p, 2 * MIB, 2 * MIB);
  tap_wait_held (&tap);
  fault_origin_release (p.far);
  deadline = stop_now_ns () + 10000 * NS_PER_MS;
  while (used_bytes (&w) > MIB) {
    assert_true (stop_now_ns () < deadline);
    usleep (500);
  }
  tap_open (&tap);
  reading_bad (&reading, ETIMEDOUT, ERROR_ABSENT);
  place_close (&p);
  world_end (&w);
}

/* The next try is made when it is due, also when a thread that is idle has
 * slept since before.  If it waited for the end of a slice, 40 of them would
 * take half of that each; sleeping a quarter in turns with them is the
 * measure, which a slow machine makes longer, too.
 */
static void
test_again_when_due (void **state)
{
  uint64_t tries = 0, sleeps = 0, begin;
  struct world w;
  struct place p;

  (void) state;
  world_with_place (&w, &p, 16, 1);
  fetch_ahead (p.source, 60 * MIB, BLOCK);
  wait_runs (&w, RUN_IN_FLIGHT, 0);
  for (unsigned i = 0; i < 40; i++) {
    fault_origin_fail (p.far, 1, ERROR_AGAIN, EIO, 0);
    begin = stop_now_ns ();
    read_good (&p, i * MIB, 10);
    tries += stop_now_ns () - begin;
    begin = stop_now_ns ();
    stop_sleep (NULL, STOP_SLICE_MS / 4);
    sleeps += stop_now_ns () - begin;
  }
  assert_true (tries < sleeps);
  place_close (&p);
  world_end (&w);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_not_for_all_of_a_block),
    cmocka_unit_test (test_gives_buffers_back),
    cmocka_unit_test (test_again_when_due),
  };

  alarm (120);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
