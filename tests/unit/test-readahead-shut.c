/* Read-ahead stays shut, or wastes little: random readers, readers who stop
 * or jump, the object's end, windows too small; and threads at once.
 */

#include <config.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "test-readahead-sim.h"
#include "util/minmax.h"

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

static void
assert_ratio (const struct sim *sim, const char *what, double most)
{
  double ratio = sim->fetched / (double) sim->touched;

  if (ratio > most)
    fail_msg ("%s: size %llu blocks %llu: fetched %.4f of what was touched, "
              "more than %.4f (%.2f MiB unused)", what,
              (unsigned long long) sim->size,
              (unsigned long long) sim->block_size, ratio, most,
              sim->unused / (double) MIB);
}

/* A number below n, low ones far more often: the inverse of a power law. */
static uint64_t
skewed (struct sim *sim, uint64_t n)
{
  double u = (sim_random (sim, 1u << 30) + 1) / (double) (1u << 30);

  return min_u64 (n - 1, (uint64_t) (n * u * u * u * u));
}

enum spread { UNIFORM, SKEWED, SCATTERED };

static void
random_reads (uint64_t size, uint64_t block_size, uint64_t request,
              enum spread spread, uint64_t align, uint64_t seed)
{
  struct sim sim;
  uint64_t places = (size - request) / align, at;
  unsigned i;
  static const char *const name[] = { "uniform", "skewed", "scattered" };

  sim_start (&sim, size, block_size, READAHEAD_WINDOW_MAX, 1 << 19, seed);
  sim.latency = 32;
  for (i = 0; i < 2000; i++) {
    at = spread == UNIFORM ? sim_random (&sim, places)
                           : skewed (&sim, places);
    /* The hot ones are anywhere: an odd factor permutes them. */
    if (spread == SCATTERED)
      at = at * 2654435761u % places;
    sim_read (&sim, at * align, request);
  }
  assert_ratio (&sim, name[spread], 1.05);
  sim_end (&sim);
}

static void
test_random (void **state)
{
  static const uint64_t sizes[] = { 64 * MIB, 256 * MIB, 2 * GIB, 100 * GIB,
                                    16 * TIB };
  static const uint64_t blocks[] = { 4 * KIB, 64 * KIB };
  static const uint64_t requests[] = { 4 * KIB, 16 * KIB, 64 * KIB };
  size_t i, j, k;
  uint64_t seed;

  (void) state;
  for (i = 0; i < COUNT (sizes); i++)
    for (j = 0; j < COUNT (blocks); j++)
      for (k = 0; k < COUNT (requests); k++)
        for (seed = 0; seed < SEEDS (6); seed++) {
          uint64_t s = seed * 1000003;

          random_reads (sizes[i], blocks[j], requests[k], UNIFORM, 4 * KIB,
                        s);
          random_reads (sizes[i], blocks[j], requests[k], UNIFORM,
                        requests[k], s);
          random_reads (sizes[i], blocks[j], requests[k], SCATTERED,
                        requests[k], s);
          random_reads (sizes[i], blocks[j], requests[k], SKEWED,
                        requests[k], s);
        }
}

/* What is cached between random reads does not make a reader of them. */
static void
random_partly_cached (uint64_t size, uint64_t block_size, unsigned percent,
                      uint64_t seed)
{
  struct sim sim;
  uint64_t at;
  unsigned i;

  sim_start (&sim, size, block_size, READAHEAD_WINDOW_MAX, 1 << 17, seed);
  sim.latency = 32;
  for (at = 0; at < size; at += block_size)
    if (sim_random (&sim, 100) < percent)
      sim_cache (&sim, at, block_size);
  for (i = 0; i < 4000; i++)
    sim_read (&sim, sim_random (&sim, size / (4 * KIB)) * 4 * KIB, 4 * KIB);
  assert_ratio (&sim, "partly cached", 1.05);
  sim_end (&sim);
}

static void
test_random_partly_cached (void **state)
{
  static const uint64_t sizes[] = { 64 * MIB, 256 * MIB, 2 * GIB };
  static const unsigned percents[] = { 10, 30, 50, 70, 90 };
  uint64_t seed;
  size_t i, j;

  (void) state;
  for (i = 0; i < COUNT (sizes); i++)
    for (j = 0; j < COUNT (percents); j++)
      for (seed = 0; seed < SEEDS (4); seed++) {
        random_partly_cached (sizes[i], 64 * KIB, percents[j],
                              seed * 1000003);
        if (sizes[i] <= 256 * MIB)
          random_partly_cached (sizes[i], 4 * KIB, percents[j],
                                seed * 1000003);
      }
}

/* However well it was used before, random reads after that stay shut. */
static void
test_random_after_sequential (void **state)
{
  const uint64_t part = 64 * MIB, size = 4 * GIB;
  struct sim sim;
  uint64_t seed, at, fetched, touched;
  unsigned i;

  (void) state;
  for (seed = 0; seed < SEEDS (40); seed++) {
    sim_start (&sim, size, 4 * KIB, READAHEAD_WINDOW_MAX, 1 << 17,
               seed * 1000003);
    sim_sequential (&sim, 0, 128 * MIB, 256 * KIB, 8, false);
    assert_true (sim.unused >= 16 * MIB);
    fetched = sim.fetched;
    touched = sim.touched;
    for (i = 0; i < 2000; i++) {
      at = size - part + sim_random (&sim, part / (4 * KIB)) * 4 * KIB;
      sim_read (&sim, at, 4 * KIB);
    }
    assert_true (sim.fetched - fetched <= (sim.touched - touched) * 1.05);
    sim_end (&sim);
  }
}

/* Chunks anywhere, each read onwards. */
static void
chunks (uint64_t chunk, uint64_t request, unsigned span, uint64_t total,
        double most, uint64_t seed)
{
  struct sim sim;
  uint64_t at;
  char what[64];

  snprintf (what, sizeof what, "chunks of %u in %u span %u",
            (unsigned) chunk, (unsigned) request, span);
  sim_start (&sim, TIB, 64 * KIB, READAHEAD_WINDOW_MAX, 1 << 17, seed);
  sim.latency = 4 * span;
  while (sim.read < total) {
    at = sim_random (&sim, sim.size / chunk) * chunk;
    sim_sequential (&sim, at, at + chunk, request, span, false);
  }
  assert_ratio (&sim, what, most);
  sim_end (&sim);
}

static void
test_chunks (void **state)
{
  uint64_t seed;

  (void) state;
  for (seed = 0; seed < SEEDS (10); seed++) {
    chunks (512 * KIB, 512 * KIB, 1, 256 * MIB, 1.01, seed * 1000003);
    chunks (512 * KIB, 64 * KIB, 1, 256 * MIB, 1.05, seed * 1000003);
    chunks (512 * KIB, 64 * KIB, 8, 256 * MIB, 1.05, seed * 1000003);
    chunks (1 * MIB, 64 * KIB, 1, 256 * MIB, 1.05, seed * 1000003);
    chunks (1 * MIB, 256 * KIB, 1, 256 * MIB, 1.05, seed * 1000003);
    chunks (1 * MIB, 128 * KIB, 8, 256 * MIB, 1.05, seed * 1000003);
    chunks (4 * MIB, 256 * KIB, 8, 1 * GIB, 1.2, seed * 1000003);
    chunks (32 * MIB, 256 * KIB, 8, 2 * GIB, 1.2, seed * 1000003);
  }
}

/* A reader who stops has read at least what is thrown away. */
static void
test_stop (void **state)
{
  struct sim sim;
  uint64_t length;

  (void) state;
  for (length = 256 * KIB; length <= 128 * MIB; length *= 2) {
    sim_start (&sim, GIB, 64 * KIB, READAHEAD_WINDOW_MAX, 1 << 14, length);
    sim_sequential (&sim, 512 * MIB, 512 * MIB + length, 64 * KIB, 1, false);
    assert_true (sim.unused <= length);
    assert_true (sim.unused <= READAHEAD_WINDOW_MAX);
    sim_end (&sim);
  }
}

/* Reads that go onwards, with gaps: less than a quarter of the bytes. */
static void
test_sparse (void **state)
{
  struct sim sim;
  uint64_t at, seed;

  (void) state;
  for (seed = 0; seed < SEEDS (10); seed++) {
    sim_start (&sim, 4 * GIB, 64 * KIB, READAHEAD_WINDOW_MAX, 1 << 17,
               seed * 1000003);
    for (at = 0; at + MIB < sim.size; ) {
      sim_read (&sim, at, 64 * KIB);
      at += 64 * KIB * (2 + sim_random (&sim, 6));
    }
    assert_ratio (&sim, "sparse", 1.06);
    sim_end (&sim);
  }
}

static void
test_end (void **state)
{
  static const uint64_t sizes[] = { 1, 511, 4096, 65535, 65536, 65537,
                                    1000000, 3 * MIB + 1, 20 * MIB - 7 };
  static const uint64_t blocks[] = { 4 * KIB, 64 * KIB, 1 * MIB, 4 * MIB };
  static const uint64_t requests[] = { 512, 4 * KIB, 100000, 1 * MIB };
  size_t i, j, k;
  struct sim sim;

  (void) state;
  for (i = 0; i < COUNT (sizes); i++)
    for (j = 0; j < COUNT (blocks); j++)
      for (k = 0; k < COUNT (requests); k++) {
        sim_start (&sim, sizes[i], blocks[j], READAHEAD_WINDOW_MAX, 1 << 14,
                   1);
        sim_sequential (&sim, 0, sizes[i], requests[k], 1, false);
        assert_int_equal (sim.fetched, sizes[i]);
        sim_end (&sim);
        sim_start (&sim, sizes[i], blocks[j], READAHEAD_WINDOW_MAX, 1 << 14,
                   1);
        sim_sequential (&sim, 0, sizes[i], requests[k], 8, true);
        assert_int_equal (sim.fetched, sizes[i]);
        sim_end (&sim);
      }
}

static void
test_small_windows (void **state)
{
  static const uint64_t windows[] = { 0, 1, 4 * KIB, 64 * KIB, 100000,
                                      128 * KIB, 1 * MIB, 3 * MIB };
  static const uint64_t blocks[] = { 4 * KIB, 64 * KIB, 1 * MIB };
  size_t i, j;
  struct sim sim;

  (void) state;
  for (i = 0; i < COUNT (windows); i++)
    for (j = 0; j < COUNT (blocks); j++) {
      sim_start (&sim, 32 * MIB, blocks[j], windows[i], 1 << 14, 1);
      sim_sequential (&sim, 0, 32 * MIB, 64 * KIB, 4, false);
      /* Reads out of order leave gaps of some requests behind. */
      assert_true (sim.most_unused <= windows[i] + 4 * 64 * KIB);
      assert_true ((sim.ahead > 0) == (windows[i] >= blocks[j]));
      assert_int_equal (sim.fetched, 32 * MIB);
      sim_end (&sim);
    }
}

/* What no reader should ask, and a nearly endless object. */
static void
test_odd_notes (void **state)
{
  struct readahead_range out[READAHEAD_RANGES];
  struct readahead *ra;
  uint64_t size = INT64_MAX, i, n, j;

  (void) state;
  ra = readahead_new (size, 4 * MIB, UINT64_MAX, NULL, NULL);
  assert_non_null (ra);
  assert_int_equal (readahead_note (ra, 0, 0, true, out), 0);
  assert_int_equal (readahead_note (ra, size, 1, true, out), 0);
  assert_int_equal (readahead_note (ra, UINT64_MAX, UINT64_MAX, true, out),
                    0);
  for (i = 64; i > 0; i--) {
    n = readahead_note (ra, size - i * 4 * MIB, UINT64_MAX, true, out);
    for (j = 0; j < n; j++)
      assert_true (out[j].count <= size - out[j].offset);
    n = readahead_note (ra, size - i * 4 * MIB, 4 * MIB, true, out);
    for (j = 0; j < n; j++)
      assert_true (out[j].count <= size - out[j].offset);
  }
  readahead_free (ra);
  readahead_free (NULL);
}

static void *
thread (void *opaque)
{
  struct readahead_range out[READAHEAD_RANGES];
  struct readahead *ra = opaque;
  uint64_t i, n, ranges = 0;

  for (i = 0; i < 20000; i++) {
    n = readahead_note (ra, (i % 4096) * 256 * KIB, 256 * KIB, i % 3, out);
    ranges += n;
  }
  return (void *) (uintptr_t) ranges;
}

static void
test_threads (void **state)
{
  struct readahead *ra = readahead_new (GIB, 64 * KIB, READAHEAD_WINDOW_MAX,
                                        NULL, NULL);
  pthread_t threads[8];
  size_t i;
  void *ranges;
  uint64_t sum = 0;

  (void) state;
  assert_non_null (ra);
  for (i = 0; i < COUNT (threads); i++)
    assert_int_equal (pthread_create (&threads[i], NULL, thread, ra), 0);
  for (i = 0; i < COUNT (threads); i++) {
    assert_int_equal (pthread_join (threads[i], &ranges), 0);
    sum += (uintptr_t) ranges;
  }
  assert_true (sum > 0);
  readahead_free (ra);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_random),
    cmocka_unit_test (test_random_partly_cached),
    cmocka_unit_test (test_random_after_sequential),
    cmocka_unit_test (test_chunks),
    cmocka_unit_test (test_stop),
    cmocka_unit_test (test_sparse),
    cmocka_unit_test (test_end),
    cmocka_unit_test (test_small_windows),
    cmocka_unit_test (test_odd_notes),
    cmocka_unit_test (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
