/* What fetching may take: memory, threads, turns. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "test-fetch-world.h"
#include "util/cleanup.h"

/* What nobody reads is bounded: the queue, */
static void
test_ahead_queue_is_bounded (void **state)
{
  const unsigned connections = 64;
  struct world w;
  struct place p;

  (void) state;
  world_init (&w);
  w.config.connections = connections;
  world_start (&w);
  place_open (&p, &w, 400 * MIB);
  fault_origin_hold (p.far, 0, UINT64_MAX);
  /* Blocks apart from each other: a run each. */
  for (uint64_t block = 0; block < 3 * FETCH_AHEAD_QUEUE; block++)
    fetch_ahead (p.source, 2 * block * BLOCK, BLOCK);
  fault_origin_release (p.far);
  wait_runs (&w, RUN_QUEUED_AHEAD, 0);
  wait_runs (&w, RUN_IN_FLIGHT, 0);
  assert_in_range (reads_of (&p), FETCH_AHEAD_QUEUE,
                   FETCH_AHEAD_QUEUE + connections);
  place_close (&p);
  world_end (&w);
}

/* and the memory it may take. */
static void
test_ahead_is_bounded (void **state)
{
  struct world w;
  struct place p, other;
  struct reading reading;
  struct fault_origin_stats far;
  const uint64_t ahead = 140;   /* MiB: more than there is memory for */

  (void) state;
  world_init (&w);
  w.config.connections = 64;
  world_start (&w);
  place_open (&p, &w, ahead * MIB);
  place_open (&other, &w, MIB);
  fake_cache_hold (p.object);
  fetch_ahead (p.source, 0, ahead * MIB);
  assert_true (fault_origin_wait_reads (p.far, FETCH_MEMORY_AHEAD / MIB));
  wait_runs (&w, RUN_IN_FLIGHT, 0);
  assert_int_equal (reads_of (&p), FETCH_MEMORY_AHEAD / MIB);
  assert_true (stats_of (&w).buffer_bytes <= FETCH_MEMORY_AHEAD);
  /* There is room for who waits. */
  reading_start (&reading, &other, 5, 10);
  reading_good (&reading);
  fake_cache_release (p.object);
  wait_runs (&w, RUN_QUEUED_AHEAD, 0);
  wait_runs (&w, RUN_IN_FLIGHT, 0);
  fault_origin_stats (p.far, &far);
  assert_int_equal (far.reads, ahead);
  assert_true (fake_cache_wait_stored (p.object, far.reads * 16));
  assert_true (stats_of (&w).buffer_peak_bytes <= FETCH_MEMORY);
  place_close (&other);
  place_close (&p);
  world_end (&w);
}

/* Readers who together want more than the memory wait for room, and all get
 * it, in whatever order they overlap.
 */
static void
test_memory_is_bounded (void **state)
{
  struct world w;
  struct place p;
  struct reading readings[16];

  (void) state;
  world_init (&w);
  w.config.connections = 128;
  world_start (&w);
  place_open (&p, &w, 160 * MIB);
  fake_cache_hold (p.object);
  for (size_t i = 0; i < 16; i++)
    reading_start (&readings[i], &p, (i * 7 % 16) * 6 * MIB + 5000,
                   9 * MIB - 5000);
  /* Not one more can begin before something is stored. */
  assert_true (fault_origin_wait_reads (p.far, FETCH_MEMORY / MIB));
  wait_runs (&w, RUN_IN_FLIGHT, 0);
  check_runs (&w);
  assert_int_equal (reads_of (&p), FETCH_MEMORY / MIB);
  fake_cache_release (p.object);
  for (size_t i = 0; i < 16; i++)
    reading_good (&readings[i]);
  assert_int_equal (reads_of (&p), 99);
  assert_true (stats_of (&w).buffer_peak_bytes <= FETCH_MEMORY);
  assert_true (stats_of (&w).buffer_peak_bytes >= FETCH_MEMORY - 2 * MIB);
  place_close (&p);
  wait_threads (&w, 0);
  assert_int_equal (stats_of (&w).buffer_bytes, 0);
  world_end (&w);
}

/* A reader takes what comes first, not what it begins with: or it would
 * hold all of the memory that the beginning is waiting for.
 */
static void
test_memory_is_not_held (void **state)
{
  struct world w;
  struct place taker, last, p;
  struct reading most, some, tail, whole;

  (void) state;
  world_with_place (&w, &p, 64, 0);
  place_open (&taker, &w, 32 * MIB);
  place_open (&last, &w, 16 * MIB);
  taker.source->limit.window = last.source->limit.window = 64;
  fault_origin_hold (taker.far, 0, UINT64_MAX);
  fault_origin_hold (last.far, 0, UINT64_MAX);
  reading_start (&most, &taker, 0, 32 * MIB);
  reading_start (&some, &last, 0, 16 * MIB);
  assert_true (fault_origin_wait_held (taker.far, 32));
  assert_true (fault_origin_wait_held (last.far, 16));
  reading_start (&tail, &p, 48 * MIB, 16 * MIB);
  wait_runs (&w, RUN_QUEUED_DEMAND, 16);
  reading_start (&whole, &p, 0, 64 * MIB);
  wait_joined (&w, 16);
  wait_runs (&w, RUN_QUEUED_DEMAND, 64);
  check_runs (&w);
  fault_origin_release (last.far);
  reading_good (&some);
  reading_good (&tail);
  reading_good (&whole);
  fault_origin_release (taker.far);
  reading_good (&most);
  place_close (&p);
  place_close (&taker);
  place_close (&last);
  world_end (&w);
}

static uint64_t
kept_bytes (struct world *w)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&w->fetch->lock);
  return w->fetch->kept_bytes;
}

/* What the cache refuses is fetched once for a burst of reads, and kept no
 * longer than until so much else came.
 */
static void
test_refused_is_kept (void **state)
{
  struct world w;
  struct place p;
  unsigned reads;

  (void) state;
  world_with_place (&w, &p, 64, 0);
  fake_cache_refuse (p.object);
  read_good (&p, 0, 4096);
  assert_true (fake_cache_wait_stored (p.object, 1));
  wait_runs (&w, RUN_STORING, 0);
  for (unsigned i = 1; i < BLOCK / 4096; i++)
    read_good (&p, i * 4096, 4096);
  assert_int_equal (reads_of (&p), 1);
  assert_int_equal (kept_bytes (&w), BLOCK);
  fetch_ahead (p.source, 0, BLOCK);
  assert_int_equal (reads_of (&p), 1);
  for (unsigned i = 1; i < 30; i++) {
    read_good (&p, i * MIB, MIB);
    assert_true (kept_bytes (&w) <= FETCH_KEPT);
  }
  wait_runs (&w, RUN_IN_FLIGHT, 0);
  wait_runs (&w, RUN_ARRIVED, 0);
  wait_runs (&w, RUN_STORING, 0);
  assert_int_equal (kept_bytes (&w), FETCH_KEPT);
  reads = reads_of (&p);
  read_good (&p, 29 * MIB, 4096);
  assert_int_equal (reads_of (&p), reads);
  read_good (&p, 0, 4096);
  assert_int_equal (reads_of (&p), reads + 1);
  place_close (&p);
  assert_int_equal (kept_bytes (&w), 0);
  world_end (&w);
}

/* A store that waits long makes the next ones hurry. */
static void
test_hurry (void **state)
{
  struct world w;
  struct place p;
  struct reading reading;
  unsigned hurried = 0;

  (void) state;
  world_with_place (&w, &p, 64, 0);
  fake_cache_hold (p.object);
  reading_start (&reading, &p, 0, 40 * MIB);
  reading_good (&reading);
  fake_cache_release (p.object);
  assert_true (fake_cache_wait_stored (p.object, 640));
  for (uint64_t n = 0; n < 640; n += 16)
    hurried += fake_cache_options (p.object, n, NULL).hurry;
  assert_true (hurried > 0 && hurried < 40);
  place_close (&p);
  world_end (&w);
}

/* With room for one at a time, sources get it in turn. */
static void
test_sources_take_turns (void **state)
{
  struct world w;
  struct place taker, last, a, b;
  struct reading most, one, ra, rb;
  struct tap tap_a, tap_b;
  struct tap_order order = { .n = 0 };

  (void) state;
  world_with_place (&w, &taker, 64, 0);
  place_open (&last, &w, MIB);
  place_open (&a, &w, 8 * MIB);
  place_open (&b, &w, 8 * MIB);
  tap_put (&tap_a, &a);
  tap_put (&tap_b, &b);
  tap_a.name = 'a';
  tap_b.name = 'b';
  tap_a.order = tap_b.order = &order;

  /* All the memory is in flight; of that, 1 MiB will be free again. */
  taker.source->limit.window = 64;
  fault_origin_hold (taker.far, 0, UINT64_MAX);
  fault_origin_hold (last.far, 0, UINT64_MAX);
  reading_start (&most, &taker, 0, FETCH_MEMORY - MIB);
  reading_start (&one, &last, 0, MIB);
  assert_true (fault_origin_wait_held (taker.far, FETCH_MEMORY / MIB - 1));
  assert_true (fault_origin_wait_held (last.far, 1));
  reading_start (&ra, &a, 0, 8 * MIB);
  wait_runs (&w, RUN_QUEUED_DEMAND, 8);
  reading_start (&rb, &b, 0, 8 * MIB);
  wait_runs (&w, RUN_QUEUED_DEMAND, 16);
  fault_origin_release (last.far);
  reading_good (&one);
  reading_good (&ra);
  reading_good (&rb);
  assert_int_equal (order.n, 16);
  for (unsigned i = 0; i < 16; i++)
    assert_int_equal (order.names[i], i % 2 ? 'b' : 'a');
  fault_origin_release (taker.far);
  reading_good (&most);
  place_close (&taker);
  place_close (&last);
  place_close (&a);
  place_close (&b);
  world_end (&w);
}

static void
test_threads_end (void **state)
{
  struct world w;
  struct place p;
  struct fault_origin_stats far;

  (void) state;
  world_with_place (&w, &p, 3, 0);
  read_good (&p, 0, 16 * MIB);
  fault_origin_stats (p.far, &far);
  assert_true (far.max_in_flight <= 3);
  assert_true (stats_of (&w).threads <= 3 + 2);
  wait_threads (&w, 0);
  assert_int_equal (stats_of (&w).buffer_bytes, 0);
  /* And begin again. */
  read_good (&p, 20 * MIB, MIB);
  place_close (&p);
  world_end (&w);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_ahead_queue_is_bounded),
    cmocka_unit_test (test_ahead_is_bounded),
    cmocka_unit_test (test_memory_is_bounded),
    cmocka_unit_test (test_memory_is_not_held),
    cmocka_unit_test (test_refused_is_kept),
    cmocka_unit_test (test_hurry),
    cmocka_unit_test (test_sources_take_turns),
    cmocka_unit_test (test_threads_end),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
