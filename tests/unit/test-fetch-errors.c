/* Fetching when the origin fails: retries, and who gets which error. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test-fetch-world.h"

static void
end (struct world *w, struct place *p)
{
  check_runs (w);
  place_close (p);
  world_end (w);
}

/* A reader whose request hangs at the origin until it is let pass. */
static void
start_held (struct place *p, struct reading *reading, uint32_t count)
{
  fault_origin_hold (p->far, 0, UINT64_MAX);
  reading_start (reading, p, 0, count);
  assert_true (fault_origin_wait_held (p->far, 1));
}

/* What came is kept: only the rest is asked for. */
static void
test_resumes (void **state)
{
  struct world w;
  struct place p;
  struct fetch_stats stats;

  (void) state;
  world_with_place (&w, &p, 16, 5);
  fault_origin_fail (p.far, 1, ERROR_AGAIN, EIO, 70001);
  fault_origin_fail (p.far, 1, ERROR_ABSENT, ETIMEDOUT, 0);
  fault_origin_fail (p.far, 1, ERROR_AGAIN, EIO, 9);
  read_good (&p, 2 * MIB, MIB);
  assert_int_equal (reads_of (&p), 4);
  assert_request (&p, 0, 2 * MIB, MIB);
  assert_request (&p, 1, 2 * MIB + 70001, MIB - 70001);
  assert_request (&p, 2, 2 * MIB + 70001, MIB - 70001);
  assert_request (&p, 3, 2 * MIB + 70010, MIB - 70010);
  stats = stats_of (&w);
  assert_int_equal (stats.requests, 4);
  assert_int_equal (stats.retries, 3);
  assert_int_equal (stats.failed, 0);
  assert_int_equal (stats.bytes, MIB);
  assert_true (fake_cache_wait_stored (p.object, 16));
  end (&w, &p);
}

/* The pieces of a large block, too. */
static void
test_resumes_large_block (void **state)
{
  struct world w;
  struct place p;

  (void) state;
  world_init (&w);
  w.config.block_size = 4 * MIB;
  w.config.retries = 2;
  world_start (&w);
  place_open (&p, &w, 10 * MIB);
  fault_origin_fail_at (p.far, 5 * MIB, 1, 1, ERROR_AGAIN, EIO, 300000, 0);
  read_good (&p, 5 * MIB, 100);
  assert_true (fake_cache_wait_stored (p.object, 1));
  assert_int_equal (reads_of (&p), 5);
  assert_request (&p, 1, 5 * MIB, MIB);
  assert_request (&p, 2, 5 * MIB + 300000, MIB);
  assert_request (&p, 3, 6 * MIB + 300000, MIB);
  assert_request (&p, 4, 7 * MIB + 300000, MIB - 300000);
  end (&w, &p);
}

static void
test_gives_up (void **state)
{
  struct world w;
  struct place p;
  struct reading reading;

  (void) state;
  world_with_place (&w, &p, 16, 3);
  fault_origin_fail (p.far, 0, ERROR_AGAIN, ECONNRESET, 0);
  reading_start (&reading, &p, 5, 10);
  reading_bad (&reading, ECONNRESET, ERROR_AGAIN);
  assert_int_equal (reads_of (&p), 4);
  assert_int_equal (stats_of (&w).retries, 3);
  assert_int_equal (stats_of (&w).failed, 1);
  fault_origin_heal (p.far);
  read_good (&p, 5, 10);
  end (&w, &p);
}

static void
test_final_is_not_retried (void **state)
{
  struct world w;
  struct place p;
  struct reading reading;

  (void) state;
  world_with_place (&w, &p, 16, 5);
  fault_origin_fail (p.far, 0, ERROR_FINAL, EACCES, 100);
  reading_start (&reading, &p, 95, 10);
  reading_bad (&reading, EACCES, ERROR_FINAL);
  assert_int_equal (reads_of (&p), 1);
  assert_int_equal (fake_cache_stored (p.object), 0);
  end (&w, &p);
}

/* A wait can't be shorter than it should, however slow the machine is. */
static void
test_retry_after (void **state)
{
  struct world w;
  struct place p;
  uint64_t before = stop_now_ns ();

  (void) state;
  world_with_place (&w, &p, 16, 1);
  fault_origin_fail_at (p.far, 0, MIB, 1, ERROR_BUSY, EBUSY, 0, 250);
  read_good (&p, 5, 10);
  assert_true (stop_now_ns () - before >= UINT64_C (250000000));
  assert_int_equal (p.source->limit.cap, 1);
  end (&w, &p);
}

/* Readers have what came before it broke off, while the rest is awaited. */
static void
test_bytes_before_the_break (void **state)
{
  struct world w;
  struct place p;
  struct reading whole, part;

  (void) state;
  world_with_place (&w, &p, 16, 1);
  fault_origin_fail (p.far, 1, ERROR_AGAIN, EIO, 2 * BLOCK);
  start_held (&p, &whole, 4 * BLOCK);
  reading_start (&part, &p, 10, 2 * BLOCK - 10);
  wait_joined (&w, 1);
  fault_origin_pass (p.far, 1);
  reading_good (&part);
  assert_true (fault_origin_wait_reads (p.far, 2));
  assert_true (fault_origin_wait_held (p.far, 1));
  fault_origin_release (p.far);
  reading_good (&whole);
  assert_int_equal (reads_of (&p), 2);
  end (&w, &p);
}

static void
test_error_reaches_all (void **state)
{
  struct world w;
  struct place p;
  struct reading readings[6];

  (void) state;
  world_with_place (&w, &p, 16, 1);
  fault_origin_fail (p.far, 0, ERROR_AGAIN, EIO, 0);
  start_held (&p, &readings[0], 100);
  for (size_t i = 1; i < 6; i++)
    reading_start (&readings[i], &p, i, 100);
  wait_joined (&w, 5);
  fault_origin_release (p.far);
  for (size_t i = 0; i < 6; i++)
    reading_bad (&readings[i], EIO, ERROR_AGAIN);
  assert_int_equal (reads_of (&p), 2);
  assert_int_equal (stats_of (&w).failed, 1);
  end (&w, &p);
}

/* Two readers of a block, one of whom comes when its last try is under way;
 * so many tries fail (0: all).
 */
static void
two_readers (struct world *w, struct place *p, unsigned failures,
             enum error_kind kind, struct reading *late)
{
  struct reading early;

  world_with_place (w, p, 16, 0);
  fault_origin_fail (p->far, failures, kind, EIO, 0);
  start_held (p, &early, 100);
  reading_start (late, p, 50, 100);
  wait_joined (w, 1);
  fault_origin_release (p->far);
  reading_bad (&early, EIO, kind);
}

/* Who comes late begins anew if it fails; */
static void
test_late_reader_begins_anew (void **state)
{
  struct world w;
  struct place p;
  struct reading late;

  (void) state;
  two_readers (&w, &p, 1, ERROR_AGAIN, &late);
  reading_good (&late);
  assert_int_equal (reads_of (&p), 2);
  end (&w, &p);
}

/* but not for ever, and not if the answer is final. */
static void
test_late_reader_has_an_end (void **state)
{
  static const enum error_kind kinds[] = { ERROR_AGAIN, ERROR_FINAL };
  struct world w;
  struct place p;
  struct reading late;

  (void) state;
  for (size_t i = 0; i < 2; i++) {
    two_readers (&w, &p, 0, kinds[i], &late);
    reading_bad (&late, EIO, kinds[i]);
    assert_int_equal (reads_of (&p), kinds[i] == ERROR_FINAL ? 1 : 2);
    end (&w, &p);
  }
}

static void
test_ahead_is_tried_once (void **state)
{
  struct world w;
  struct place p;

  (void) state;
  world_with_place (&w, &p, 16, 5);
  fault_origin_fail (p.far, 1, ERROR_ABSENT, ETIMEDOUT, 0);
  fetch_ahead (p.source, 0, MIB);
  wait_runs (&w, RUN_QUEUED_AHEAD, 0);
  wait_runs (&w, RUN_IN_FLIGHT, 0);
  assert_int_equal (stats_of (&w).failed, 1);
  assert_int_equal (stats_of (&w).retries, 0);
  assert_int_equal (reads_of (&p), 1);
  read_good (&p, 0, 100);
  end (&w, &p);
}

/* A reader makes of it what is tried as often as it should. */
static void
test_joined_ahead_is_retried (void **state)
{
  struct world w;
  struct place p;
  struct reading reading;

  (void) state;
  world_with_place (&w, &p, 16, 1);
  fault_origin_fail (p.far, 1, ERROR_AGAIN, EIO, 1000);
  fault_origin_hold (p.far, 0, UINT64_MAX);
  fetch_ahead (p.source, 0, MIB);
  assert_true (fault_origin_wait_held (p.far, 1));
  reading_start (&reading, &p, 5, 3 * BLOCK);
  wait_joined (&w, 1);
  fault_origin_release (p.far);
  reading_good (&reading);
  assert_int_equal (reads_of (&p), 2);
  assert_request (&p, 1, 1000, MIB - 1000);
  end (&w, &p);
}

/* Waits in the queue behind an occupied connection, one after the other. */
static void
queue_up (struct world *w, struct place *p, struct reading *readings,
          unsigned n)
{
  for (unsigned i = 0; i < n; i++) {
    reading_start (&readings[i], p, (10 + i) * MIB, BLOCK);
    wait_runs (w, RUN_QUEUED_DEMAND, i + 1);
  }
}

/* The first of a queue of n fails while the others wait; so many tries fail
 * so (0: all).
 */
static void
fail_first (struct world *w, struct place *p, struct reading *readings,
            unsigned n, unsigned failures, enum error_kind kind, int errnum)
{
  struct reading first;

  world_with_place (w, p, 1, 0);
  fault_origin_fail (p->far, failures, kind, errnum, 0);
  start_held (p, &first, BLOCK);
  queue_up (w, p, readings, n);
  fault_origin_release (p->far);
  reading_bad (&first, errnum, kind);
}

static void
test_unreachable_fails_the_queue (void **state)
{
  struct world w;
  struct place p;
  struct reading readings[8];

  (void) state;
  fail_first (&w, &p, readings, 8, 0, ERROR_ABSENT, ETIMEDOUT);
  for (size_t i = 0; i < 8; i++)
    reading_bad (&readings[i], ETIMEDOUT, ERROR_ABSENT);
  /* The first, and the next, for which all others had waited. */
  assert_int_equal (reads_of (&p), 2);
  assert_int_equal (stats_of (&w).failed, 9);
  end (&w, &p);
}

/* An origin that answers with errors is reached: each has its own tries. */
static void
test_errors_do_not_fail_the_queue (void **state)
{
  struct world w;
  struct place p;
  struct reading readings[4];

  (void) state;
  fail_first (&w, &p, readings, 4, 3, ERROR_AGAIN, EIO);
  reading_bad (&readings[0], EIO, ERROR_AGAIN);
  reading_bad (&readings[1], EIO, ERROR_AGAIN);
  reading_good (&readings[2]);
  reading_good (&readings[3]);
  end (&w, &p);
}

/* One range gets no answer while others arrive. */
static void
test_one_bad_range (void **state)
{
  struct world w;
  struct place p;
  struct reading occupants[2], readings[4];
  struct tap tap;

  (void) state;
  world_with_place (&w, &p, 2, 0);
  tap_put (&tap, &p);
  tap.bad_offset = 10 * MIB;
  fault_origin_hold (p.far, 0, UINT64_MAX);
  reading_start (&occupants[0], &p, 0, BLOCK);
  reading_start (&occupants[1], &p, MIB, BLOCK);
  assert_true (fault_origin_wait_held (p.far, 2));
  queue_up (&w, &p, readings, 4);
  /* One passes: the bad one takes its place.  Then the other arrives, after
   * the bad one began, and the next in the queue takes that place.
   */
  fault_origin_pass (p.far, 1);
  tap_wait_held (&tap);
  fault_origin_pass (p.far, 1);
  assert_true (fault_origin_wait_reads (p.far, 3));
  wait_runs (&w, RUN_QUEUED_DEMAND, 2);
  tap_open (&tap);
  reading_bad (&readings[0], ETIMEDOUT, ERROR_ABSENT);
  fault_origin_release (p.far);
  for (size_t i = 1; i < 4; i++)
    reading_good (&readings[i]);
  reading_good (&occupants[0]);
  reading_good (&occupants[1]);
  end (&w, &p);
}

/* Read-ahead that gets no answer is nobody's concern. */
static void
test_ahead_does_not_fail_the_queue (void **state)
{
  struct world w;
  struct place p;
  struct reading occupant, readings[3];
  struct tap tap;

  (void) state;
  world_with_place (&w, &p, 2, 0);
  tap_put (&tap, &p);
  tap.bad_offset = 40 * MIB;
  start_held (&p, &occupant, BLOCK);
  fetch_ahead (p.source, 40 * MIB, MIB);
  tap_wait_held (&tap);
  queue_up (&w, &p, readings, 3);
  tap_open (&tap);
  assert_true (fault_origin_wait_held (p.far, 2));
  fault_origin_release (p.far);
  reading_good (&occupant);
  for (size_t i = 0; i < 3; i++)
    reading_good (&readings[i]);
  end (&w, &p);
}

/* What waits for its next try is dropped with its source. */
static void
test_stop_while_delayed (void **state)
{
  struct world w;
  struct place p;
  struct reading reading;

  (void) state;
  world_init (&w);
  w.config.retries = 5;
  w.config.backoff_ms = 10000;
  world_start (&w);
  place_open (&p, &w, 64 * MIB);
  fault_origin_fail (p.far, 0, ERROR_AGAIN, EIO, 1000);
  reading_start (&reading, &p, 0, BLOCK);
  wait_runs (&w, RUN_DELAYED, 1);
  check_runs (&w);
  atomic_store (&w.stopping, true);
  reading_bad (&reading, ESHUTDOWN, ERROR_FINAL);
  end (&w, &p);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_resumes),
    cmocka_unit_test (test_resumes_large_block),
    cmocka_unit_test (test_gives_up),
    cmocka_unit_test (test_final_is_not_retried),
    cmocka_unit_test (test_retry_after),
    cmocka_unit_test (test_bytes_before_the_break),
    cmocka_unit_test (test_error_reaches_all),
    cmocka_unit_test (test_late_reader_begins_anew),
    cmocka_unit_test (test_late_reader_has_an_end),
    cmocka_unit_test (test_ahead_is_tried_once),
    cmocka_unit_test (test_joined_ahead_is_retried),
    cmocka_unit_test (test_unreachable_fails_the_queue),
    cmocka_unit_test (test_errors_do_not_fail_the_queue),
    cmocka_unit_test (test_one_bad_range),
    cmocka_unit_test (test_ahead_does_not_fail_the_queue),
    cmocka_unit_test (test_stop_while_delayed),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
