/* What a replay asks for comes after everything else, leaves room for it, and
 * is joined by whoever needs it now.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "test-fetch-world.h"

#define AT(block) ((uint64_t) (block) * BLOCK)

static void
occupy (struct place *p, struct reading *reading, uint64_t offset)
{
  fault_origin_hold (p->far, 0, UINT64_MAX);
  reading_start (reading, p, offset, BLOCK);
  assert_true (fault_origin_wait_held (p->far, 1));
}

static void
test_last_of_all (void **state)
{
  struct world w;
  struct place p;
  struct reading first, second;

  (void) state;
  world_with_place (&w, &p, 1, 0);
  occupy (&p, &first, 0);
  assert_int_equal (fetch_replay (p.source, 5 * MIB, MIB), 1);
  wait_runs (&w, RUN_QUEUED_REPLAY, 1);
  fetch_ahead (p.source, MIB, 2 * MIB);
  reading_start (&second, &p, 10 * MIB, BLOCK);
  wait_runs (&w, RUN_QUEUED_DEMAND, 1);
  check_runs (&w);
  fault_origin_release (p.far);
  reading_good (&first);
  reading_good (&second);
  assert_true (fake_cache_wait_stored (p.object, 50));
  assert_request (&p, 1, 10 * MIB, BLOCK);
  assert_request (&p, 2, MIB, MIB);
  assert_request (&p, 3, 2 * MIB, MIB);
  assert_request (&p, 4, 5 * MIB, MIB);
  assert_int_equal (stats_of (&w).ahead_requests, 2);
  assert_int_equal (stats_of (&w).ahead_bytes, 2 * MIB);
  assert_int_equal (stats_of (&w).replay_requests, 1);
  assert_int_equal (stats_of (&w).replay_bytes, MIB);
  place_close (&p);
  world_end (&w);
}

/* Queued, it moves up; in flight, its bytes are shared. */
static void
test_joined (void **state)
{
  struct world w;
  struct place p;
  struct reading first, second, third;

  (void) state;
  world_with_place (&w, &p, 2, 0);
  occupy (&p, &first, 0);
  assert_int_equal (fetch_replay (p.source, MIB, MIB), 1);
  assert_true (fault_origin_wait_held (p.far, 2));
  reading_start (&second, &p, MIB + 77, 100);
  wait_joined (&w, 1);
  assert_int_equal (fetch_replay (p.source, 2 * MIB, MIB), 0);
  fault_origin_pass (p.far, 2);
  reading_good (&first);
  reading_good (&second);
  assert_true (fake_cache_wait_stored (p.object, 17));

  occupy (&p, &first, 40 * MIB);
  reading_start (&second, &p, 41 * MIB, BLOCK);
  assert_true (fault_origin_wait_held (p.far, 2));
  assert_int_equal (fetch_replay (p.source, 2 * MIB, MIB), 1);
  wait_runs (&w, RUN_QUEUED_REPLAY, 1);
  reading_start (&third, &p, 2 * MIB, BLOCK);
  wait_runs (&w, RUN_QUEUED_DEMAND, 1);
  wait_runs (&w, RUN_QUEUED_REPLAY, 0);
  check_runs (&w);
  /* It is a reader's now: there is room for another. */
  assert_int_equal (fetch_replay (p.source, 3 * MIB, MIB), 1);
  fault_origin_release (p.far);
  reading_good (&first);
  reading_good (&second);
  reading_good (&third);
  assert_true (fake_cache_wait_stored (p.object, 17 + 2 + 16 + 16));
  place_close (&p);
  world_end (&w);
}

/* Of many connections a replay leaves some, and a window that it has filled
 * keeps no reader out.
 */
static void
test_leaves_room (void **state)
{
  struct world w;
  struct place p;
  struct reading reading;
  unsigned n = 0;

  (void) state;
  world_with_place (&w, &p, 16, 0);
  fault_origin_hold (p.far, 0, UINT64_MAX);
  while (fetch_replay (p.source, n * MIB, MIB) == 1)
    n++;
  assert_int_equal (n, 14);
  /* The first window is of four requests. */
  assert_true (fault_origin_wait_held (p.far, 4));
  reading_start (&reading, &p, 50 * MIB, BLOCK);
  assert_true (fault_origin_wait_held (p.far, 5));
  check_runs (&w);
  fault_origin_release (p.far);
  reading_good (&reading);
  assert_true (fake_cache_wait_stored (p.object, 14 * 16 + 1));
  assert_int_equal (fetch_replay (p.source, 20 * MIB, MIB), 1);
  assert_true (fake_cache_wait_stored (p.object, 15 * 16 + 1));
  place_close (&p);
  world_end (&w);
}

/* What is cached or on its way is left out. */
static void
test_leaves_out (void **state)
{
  struct world w;
  struct place p;
  struct reading first;
  char block[BLOCK] = "";

  (void) state;
  world_with_place (&w, &p, 1, 0);
  occupy (&p, &first, AT (2));
  fake_cache_put (p.object, 4, block);
  assert_int_equal (fetch_replay (p.source, 0, MIB), 1);
  wait_blocks (&w, RUN_QUEUED_REPLAY, 2 + 1 + 11);
  wait_runs (&w, RUN_QUEUED_REPLAY, 3);
  fault_origin_release (p.far);
  reading_good (&first);
  assert_true (fake_cache_wait_stored (p.object, 15));
  assert_int_equal (fetch_replay (p.source, 0, MIB), 1);
  wait_runs (&w, RUN_QUEUED_REPLAY, 0);
  assert_int_equal (reads_of (&p), 4);
  /* The end of the object is not that of a block. */
  assert_int_equal (fetch_replay (p.source, 64 * MIB, 777), 1);
  assert_true (fake_cache_wait_stored (p.object, 16));
  assert_request (&p, 4, 64 * MIB, 777);
  place_close (&p);
  world_end (&w);
}

/* An origin that fails is not asked for all of it; one that fails now and
 * then is.
 */
static void
test_failures (void **state)
{
  struct world w;
  struct place p;
  unsigned n = 0;
  int r;

  (void) state;
  world_with_place (&w, &p, 1, 5);
  fault_origin_fail (p.far, FETCH_REPLAY_FAILURES - 1, ERROR_AGAIN, EIO, 0);
  for (n = 0; n < FETCH_REPLAY_FAILURES; ) {
    r = fetch_replay (p.source, AT (2 * n), BLOCK);
    assert_true (r >= 0);
    n += r;
    if (r == 0)
      fetch_replay_wait (w.fetch);
  }
  assert_true (fake_cache_wait_stored (p.object, 1));
  fault_origin_fail (p.far, 0, ERROR_ABSENT, ECONNREFUSED, 0);
  while ((r = fetch_replay (p.source, AT (2 * n), BLOCK)) != -1) {
    n += r;
    if (r == 0)
      fetch_replay_wait (w.fetch);
    assert_true (n <= 2 * FETCH_REPLAY_FAILURES + 1);
  }
  /* No retries: nobody waits for it. */
  assert_int_equal (stats_of (&w).retries, 0);
  place_close (&p);
  world_end (&w);
}

/* Closed with all of it queued and in flight. */
static void
test_closed (void **state)
{
  struct world w;
  struct place p;

  (void) state;
  world_with_place (&w, &p, 4, 0);
  fault_origin_hold (p.far, 0, UINT64_MAX);
  for (unsigned i = 0; fetch_replay (p.source, i * 2 * MIB, MIB) == 1; i++)
    ;
  assert_true (fault_origin_wait_held (p.far, 3));
  fetch_source_close (p.source, place_gone, &p);
  fault_origin_release (p.far);
  wait_gone (&p);
  assert_int_equal (w.fetch->replay_runs, 0);
  p.source = NULL;
  place_close (&p);
  world_end (&w);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_last_of_all),
    cmocka_unit_test (test_joined),
    cmocka_unit_test (test_leaves_room),
    cmocka_unit_test (test_leaves_out),
    cmocka_unit_test (test_failures),
    cmocka_unit_test (test_closed),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
