/* Fetching when all goes well: joining, coalescing, order, ends. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test-fetch-world.h"

#define AT(n) ((n) * (uint64_t) BLOCK)

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
  world_with_place (&w, &p, 16, 0);
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
  world_with_place (&w, &p, 16, 0);
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
    /* What nobody waits for any more comes, too. */
    wait_runs (&w, RUN_IN_FLIGHT, 0);
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
  world_with_place (&w, &p, 16, 0);
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
  world_with_place (&w, &p, 16, 0);
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
  world_with_place (&w, &p, 1, 0);
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
  world_with_place (&w, &p, 1, 0);
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
  world_with_place (&w, &p, 1, 0);
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
  world_with_place (&w, &p, 1, 0);
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

static void
test_cached_meanwhile (void **state)
{
  struct world w;
  struct place p;
  char block[BLOCK];

  (void) state;
  world_with_place (&w, &p, 16, 0);
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
  world_with_place (&w, &p, 16, 0);
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
  world_with_place (&w, &p, 1, 0);
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
  world_with_place (&w, &p, 16, 0);
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
  world_with_place (&w, &p, 16, 0);
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
  world_with_place (&w, &p, 1, 0);
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
    cmocka_unit_test (test_cached_meanwhile),
    cmocka_unit_test (test_into_cache_only),
    cmocka_unit_test (test_close_in_flight),
    cmocka_unit_test (test_close_while_storing),
    cmocka_unit_test (test_close_idle),
    cmocka_unit_test (test_stop),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
