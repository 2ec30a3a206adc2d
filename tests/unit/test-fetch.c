/* Fetching when all goes well: joining, coalescing, order, memory, ends. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test-fetch-world.h"

#define AT(n) ((n) * (uint64_t) BLOCK)

static void
start_narrow (struct world *w, struct place *p, unsigned connections)
{
  world_init (w);
  w->config.connections = connections;
  world_start (w);
  place_open (p, w, 64 * MIB + 777);
}

/* Holds the origin and makes a demand request that occupies a connection. */
static void
occupy (struct place *p, struct reading *reading, uint64_t offset)
{
  fault_origin_hold (p->far, 0, UINT64_MAX);
  reading_start (reading, p, offset, BLOCK);
  assert_true (fault_origin_wait_held (p->far, 1));
}

static void
test_reads_right_bytes (void **state)
{
  static const struct { uint64_t offset; uint32_t count; } ranges[] = {
    { 0, 1 }, { AT (3) - 1, 2 }, { 5, 3 * BLOCK }, { MIB - 10, 20 },
    { 64 * MIB + 776, 1 }, { 63 * MIB, MIB + 777 }, { 7 * MIB + 1, 9 * MIB },
  };
  struct world w;
  struct place p;

  (void) state;
  start_narrow (&w, &p, 16);
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    read_good (&p, ranges[i].offset, ranges[i].count);
    check_runs (&w);
    read_good (&p, ranges[i].offset, ranges[i].count);
  }
  place_close (&p);
  world_end (&w);
}

static void
test_stores_what_came (void **state)
{
  struct world w;
  struct place p;
  char block[BLOCK];
  struct cache_store_options options;

  (void) state;
  start_narrow (&w, &p, 16);
  read_good (&p, 64 * MIB - 10, 20);
  assert_true (fake_cache_wait_stored (p.object, 2));
  for (uint64_t n = 1023; n < 1025; n++) {
    options = fake_cache_options (p.object, n, block);
    assert_true (fault_origin_check (block, n == 1023 ? BLOCK : 777,
                                     OBJECT_VERSION, AT (n)));
    assert_true (options.cost_us >= 1 && !options.ahead && !options.hurry);
  }
  fetch_ahead (p.source, 0, 2 * BLOCK);
  assert_true (fake_cache_wait_stored (p.object, 4));
  options = fake_cache_options (p.object, 1, NULL);
  assert_true (options.ahead);
  place_close (&p);
  world_end (&w);
}

/* Large blocks take several requests; small ones go up to 1 MiB in one. */
static void
test_block_sizes (void **state)
{
  static const uint32_t sizes[] = { 4096, 1048576, 4194304 };

  (void) state;
  for (size_t i = 0; i < 3; i++) {
    struct world w;
    struct place p;

    world_init (&w);
    w.config.block_size = sizes[i];
    world_start (&w);
    place_open (&p, &w, 9 * MIB + 100);
    read_good (&p, 3 * MIB + 5, 2 * MIB);
    read_good (&p, 9 * MIB, 100);
    check_runs (&w);
    /* 4 KiB: 3 and a bit; 1 MiB: 3; 4 MiB: both blocks. */
    assert_int_equal (reads_of (&p), i == 2 ? 8 + 2 : 4);
    place_close (&p);
    world_end (&w);
  }
}

static void
test_readers_join (void **state)
{
  struct world w;
  struct place p;
  struct reading readings[8];

  (void) state;
  start_narrow (&w, &p, 16);
  occupy (&p, &readings[0], AT (5));
  for (size_t i = 1; i < 8; i++)
    reading_start (&readings[i], &p, AT (5) + i, 100 * i);
  wait_joined (&w, 7);
  check_runs (&w);
  fault_origin_release (p.far);
  for (size_t i = 0; i < 8; i++)
    reading_good (&readings[i]);
  assert_int_equal (reads_of (&p), 1);
  assert_request (&p, 0, AT (5), BLOCK);
  assert_int_equal (stats_of (&w).requests, 1);
  assert_int_equal (stats_of (&w).bytes, BLOCK);
  place_close (&p);
  world_end (&w);
}

/* While it is being stored, readers take it from the buffer. */
static void
test_join_while_storing (void **state)
{
  struct world w;
  struct place p;

  (void) state;
  start_narrow (&w, &p, 16);
  fake_cache_hold (p.object);
  read_good (&p, AT (5), BLOCK);
  assert_true (fake_cache_wait_held (p.object, 1));
  read_good (&p, AT (5) + 7, 100);
  assert_int_equal (reads_of (&p), 1);
  fake_cache_release (p.object);
  place_close (&p);
  world_end (&w);
}

static void
test_neighbours_coalesce (void **state)
{
  struct world w;
  struct place p;
  struct reading first, readings[17];

  (void) state;
  start_narrow (&w, &p, 1);
  occupy (&p, &first, 0);
  for (size_t i = 0; i < 17; i++) {
    reading_start (&readings[i], &p, AT (16 + i), BLOCK);
    wait_blocks (&w, RUN_QUEUED_DEMAND, i + 1);
  }
  check_runs (&w);
  fault_origin_release (p.far);
  reading_good (&first);
  for (size_t i = 0; i < 17; i++)
    reading_good (&readings[i]);
  assert_int_equal (reads_of (&p), 3);
  assert_request (&p, 1, MIB, MIB);
  assert_request (&p, 2, 2 * MIB, BLOCK);
  place_close (&p);
  world_end (&w);
}

static void
test_demand_before_ahead (void **state)
{
  struct world w;
  struct place p;
  struct reading first, second;

  (void) state;
  start_narrow (&w, &p, 1);
  occupy (&p, &first, 0);
  fetch_ahead (p.source, MIB, 3 * MIB);
  reading_start (&second, &p, 10 * MIB, BLOCK);
  wait_runs (&w, RUN_QUEUED_DEMAND, 1);
  wait_runs (&w, RUN_QUEUED_AHEAD, 3);
  fault_origin_release (p.far);
  reading_good (&first);
  reading_good (&second);
  assert_true (fake_cache_wait_stored (p.object, 50));
  assert_request (&p, 1, 10 * MIB, BLOCK);
  assert_request (&p, 2, MIB, MIB);
  assert_request (&p, 4, 3 * MIB, MIB);
  assert_int_equal (stats_of (&w).ahead_requests, 3);
  assert_int_equal (stats_of (&w).ahead_bytes, 3 * MIB);
  place_close (&p);
  world_end (&w);
}

static void
test_joined_ahead_moves_up (void **state)
{
  struct world w;
  struct place p;
  struct reading first, second;

  (void) state;
  start_narrow (&w, &p, 1);
  occupy (&p, &first, 0);
  fetch_ahead (p.source, MIB, 3 * MIB);
  reading_start (&second, &p, 3 * MIB + 9, 100);
  wait_joined (&w, 1);
  wait_runs (&w, RUN_QUEUED_DEMAND, 1);
  check_runs (&w);
  fault_origin_release (p.far);
  reading_good (&first);
  reading_good (&second);
  assert_true (fake_cache_wait_stored (p.object, 49));
  assert_request (&p, 1, 3 * MIB, MIB);
  assert_request (&p, 2, MIB, MIB);
  assert_int_equal (reads_of (&p), 4);
  place_close (&p);
  world_end (&w);
}

/* What is there, in flight or beyond the end is not asked for. */
static void
test_ahead_leaves_out (void **state)
{
  struct world w;
  struct place p;
  struct reading first;
  char block[BLOCK] = "";

  (void) state;
  start_narrow (&w, &p, 1);
  occupy (&p, &first, AT (2));
  fake_cache_put (p.object, 4, block);
  fetch_ahead (p.source, AT (1), 6 * BLOCK);
  fetch_ahead (p.source, 64 * MIB, UINT64_MAX);
  fetch_ahead (p.source, 64 * MIB + 777, 5);
  fetch_ahead (p.source, UINT64_MAX, 5);
  wait_runs (&w, RUN_QUEUED_AHEAD, 4);
  wait_blocks (&w, RUN_QUEUED_AHEAD, 1 + 1 + 2 + 1);
  fault_origin_release (p.far);
  reading_good (&first);
  assert_true (fake_cache_wait_stored (p.object, 6));
  assert_int_equal (reads_of (&p), 5);
  assert_request (&p, 1, AT (1), BLOCK);
  assert_request (&p, 2, AT (3), BLOCK);
  assert_request (&p, 3, AT (5), 2 * BLOCK);
  assert_request (&p, 4, 64 * MIB, 777);
  place_close (&p);
  world_end (&w);
}

/* What nobody reads is bounded: the queue, and the memory it may take. */
static void
test_ahead_is_bounded (void **state)
{
  struct world w;
  struct place p, other;
  struct reading reading;
  struct fault_origin_stats far;

  (void) state;
  world_init (&w);
  w.config.connections = 64;
  world_start (&w);
  place_open (&p, &w, 400 * MIB);
  place_open (&other, &w, MIB);
  fake_cache_hold (p.object);
  fetch_ahead (p.source, 0, 400 * MIB);
  assert_true (fault_origin_wait_reads (p.far, FETCH_MEMORY_AHEAD / MIB));
  wait_runs (&w, RUN_IN_FLIGHT, 0);
  assert_int_equal (reads_of (&p), FETCH_MEMORY_AHEAD / MIB);
  /* The bound was for what is queued; some were taken at once. */
  assert_true (stats_of (&w).buffer_bytes <= FETCH_MEMORY_AHEAD);
  /* There is room for who waits. */
  reading_start (&reading, &other, 5, 10);
  reading_good (&reading);
  fake_cache_release (p.object);
  wait_runs (&w, RUN_QUEUED_AHEAD, 0);
  wait_runs (&w, RUN_IN_FLIGHT, 0);
  fault_origin_stats (p.far, &far);
  assert_true (far.reads >= FETCH_AHEAD_QUEUE && far.reads < 400);
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
  struct reading readings[24];

  (void) state;
  world_init (&w);
  w.config.connections = 128;
  world_start (&w);
  place_open (&p, &w, 160 * MIB);
  fake_cache_hold (p.object);
  for (size_t i = 0; i < 24; i++)
    reading_start (&readings[i], &p, (i * 7 % 24) * 6 * MIB + 5000,
                   9 * MIB - 5000);
  /* Not one more can begin before something is stored. */
  assert_true (fault_origin_wait_reads (p.far, FETCH_MEMORY / MIB));
  wait_runs (&w, RUN_IN_FLIGHT, 0);
  check_runs (&w);
  assert_int_equal (reads_of (&p), FETCH_MEMORY / MIB);
  fake_cache_release (p.object);
  for (size_t i = 0; i < 24; i++)
    reading_good (&readings[i]);
  assert_int_equal (reads_of (&p), 147);
  assert_true (stats_of (&w).buffer_peak_bytes <= FETCH_MEMORY);
  assert_true (stats_of (&w).buffer_peak_bytes >= FETCH_MEMORY - 2 * MIB);
  place_close (&p);
  wait_threads (&w, 0);
  assert_int_equal (stats_of (&w).buffer_bytes, 0);
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
  start_narrow (&w, &p, 64);
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

static void
test_cached_meanwhile (void **state)
{
  struct world w;
  struct place p;
  char block[BLOCK];

  (void) state;
  start_narrow (&w, &p, 16);
  fault_origin_fill (block, BLOCK, OBJECT_VERSION, AT (2));
  fake_cache_put (p.object, 2, block);
  read_good (&p, AT (2) + 1, BLOCK - 1);
  assert_int_equal (reads_of (&p), 0);
  read_good (&p, AT (1), 3 * BLOCK);
  assert_int_equal (reads_of (&p), 2);

  /* A cache that says it has what it can't read: asked anew, not for ever. */
  fake_cache_lie (p.object, 40);
  read_good (&p, AT (39) + 1, 3 * BLOCK);
  assert_true (reads_of (&p) <= 5);
  fake_cache_be_honest (p.object);
  place_close (&p);
  world_end (&w);
}

static void
test_into_cache_only (void **state)
{
  struct world w;
  struct place p;
  struct error e;

  (void) state;
  start_narrow (&w, &p, 16);
  assert_int_equal (fetch_read (p.source, NULL, 10, 2 * BLOCK, &e), 0);
  assert_true (fake_cache_wait_stored (p.object, 3));
  assert_false (fake_cache_options (p.object, 1, NULL).ahead);
  assert_int_equal (fetch_read (p.source, NULL, 10, 2 * BLOCK, &e), 0);
  assert_int_equal (reads_of (&p), 1);
  place_close (&p);
  world_end (&w);
}

static void
test_close_in_flight (void **state)
{
  struct world w;
  struct place p;

  (void) state;
  start_narrow (&w, &p, 1);
  fault_origin_hold (p.far, 0, UINT64_MAX);
  fetch_ahead (p.source, 0, 4 * MIB);
  assert_true (fault_origin_wait_held (p.far, 1));
  fetch_source_close (p.source, place_gone, &p);
  assert_int_equal (atomic_load (&p.gone), 0);
  fault_origin_release (p.far);
  p.source = NULL;
  place_close (&p);
  assert_int_equal (atomic_load (&p.gone), 1);
  assert_int_equal (stats_of (&w).requests, 1);
  world_end (&w);
}

static void
test_close_while_storing (void **state)
{
  struct world w;
  struct place p;
  unsigned stored;

  (void) state;
  start_narrow (&w, &p, 16);
  fake_cache_hold (p.object);
  read_good (&p, 0, 4 * MIB);
  assert_true (fake_cache_wait_held (p.object, 2));
  fetch_source_close (p.source, place_gone, &p);
  assert_int_equal (atomic_load (&p.gone), 0);
  p.source = NULL;
  fake_cache_release (p.object);
  wait_gone (&p);
  /* What was fetched is not thrown away. */
  stored = fake_cache_stored (p.object);
  assert_int_equal (stored, 64);
  place_close (&p);
  assert_int_equal (atomic_load (&p.gone), 1);
  world_end (&w);
}

static void
test_close_idle (void **state)
{
  struct world w;
  struct place p;

  (void) state;
  start_narrow (&w, &p, 16);
  fetch_source_close (p.source, place_gone, &p);
  assert_int_equal (atomic_load (&p.gone), 1);
  p.source = NULL;
  place_close (&p);
  assert_int_equal (stats_of (&w).threads, 0);
  world_end (&w);
}

static void
test_stop (void **state)
{
  struct world w;
  struct place p;
  struct reading first, second;

  (void) state;
  start_narrow (&w, &p, 1);
  occupy (&p, &first, 0);
  reading_start (&second, &p, MIB, BLOCK);
  wait_runs (&w, RUN_QUEUED_DEMAND, 1);
  atomic_store (&w.stopping, true);
  reading_bad (&first, ESHUTDOWN, ERROR_FINAL);
  reading_bad (&second, ESHUTDOWN, ERROR_FINAL);
  /* And those that come now don't wait either. */
  reading_start (&first, &p, 2 * MIB, BLOCK);
  reading_bad (&first, ESHUTDOWN, ERROR_FINAL);
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
  start_narrow (&w, &taker, 64);
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
  start_narrow (&w, &p, 3);
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
    cmocka_unit_test (test_reads_right_bytes),
    cmocka_unit_test (test_stores_what_came),
    cmocka_unit_test (test_block_sizes),
    cmocka_unit_test (test_readers_join),
    cmocka_unit_test (test_join_while_storing),
    cmocka_unit_test (test_neighbours_coalesce),
    cmocka_unit_test (test_demand_before_ahead),
    cmocka_unit_test (test_joined_ahead_moves_up),
    cmocka_unit_test (test_ahead_leaves_out),
    cmocka_unit_test (test_ahead_is_bounded),
    cmocka_unit_test (test_memory_is_bounded),
    cmocka_unit_test (test_hurry),
    cmocka_unit_test (test_cached_meanwhile),
    cmocka_unit_test (test_into_cache_only),
    cmocka_unit_test (test_close_in_flight),
    cmocka_unit_test (test_close_while_storing),
    cmocka_unit_test (test_close_idle),
    cmocka_unit_test (test_stop),
    cmocka_unit_test (test_sources_take_turns),
    cmocka_unit_test (test_threads_end),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
