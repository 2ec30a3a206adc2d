/* Read-ahead opens for readers who read onwards: forward, backward, strided,
 * several at once, out of order, through what is partly cached.
 */

#include <config.h>

#include <stdio.h>

#include "test-readahead-sim.h"

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

static const uint64_t block_sizes[] = { 4 * KIB, 64 * KIB, 1 * MIB };
static const uint64_t request_sizes[] = { 4 * KIB, 64 * KIB, 256 * KIB,
                                          1 * MIB };
static const unsigned spans[] = { 1, 8, 16, 32 };

static void
show (const struct sim *sim, const char *what)
{
  print_message ("%s: read %.1f MiB, fetched %.4f of touched, "
                 "%.3f requests a MiB, %.4f on demand, most unused "
                 "%.2f MiB\n", what, sim->read / (double) MIB,
                 sim->fetched / (double) sim->touched,
                 sim->requests / (sim->fetched / (double) MIB),
                 sim->demand_blocks * sim->block_size
                 / (double) sim->touched,
                 sim->most_unused / (double) MIB);
}

static void
assert_at_most (const struct sim *sim, const char *what,
                double value, double most)
{
  if (value > most) {
    show (sim, what);
    fail_msg ("%s: %.4f is more than %.4f", what, value, most);
  }
}

static void
sequential (uint64_t block_size, uint64_t request, unsigned span,
            bool backward, uint64_t seed)
{
  const uint64_t size = 256 * MIB;
  /* A queue of large requests is as good as a window: it may take longer. */
  const uint64_t first = 48 * MIB + 2 * span * request;
  struct sim sim;
  uint64_t requests, fetched;
  char what[128];

  snprintf (what, sizeof what, "%s blocks %u requests %u span %u",
            backward ? "backward" : "forward", (unsigned) block_size,
            (unsigned) request, span);
  sim_start (&sim, size, block_size, READAHEAD_WINDOW_MAX, 1 << 17, seed);
  sim.latency = 8 * span;

  /* Within the first few dozen MiB it is as wide open as the wire needs. */
  if (backward)
    sim_sequential (&sim, size - first, size, request, span, true);
  else
    sim_sequential (&sim, 0, first, request, span, false);
  if (sim.most_unused < 16 * MIB) {
    show (&sim, what);
    fail_msg ("%s: the window has not opened", what);
  }
  requests = sim.requests;
  fetched = sim.fetched;
  if (backward)
    sim_sequential (&sim, 0, size - first, request, span, true);
  else
    sim_sequential (&sim, first, size, request, span, false);

  assert_at_most (&sim, what, sim.fetched / (double) sim.read, 1.02);
  assert_at_most (&sim, what, (sim.requests - requests)
                  / ((sim.fetched - fetched) / (double) MIB), 1.1);
  /* Its reader finds nearly all there. */
  assert_at_most (&sim, what, sim.demand_blocks * block_size
                  / (double) sim.touched, span * request > MIB ? 0.35 : 0.05);
  /* The gaps that reads out of order leave are not beyond the window. */
  assert_true (sim.most_unused <= READAHEAD_WINDOW_MAX + span * request
               + block_size);
  sim_end (&sim);
}

static void
test_sequential (void **state)
{
  size_t i, j, k;

  (void) state;
  for (i = 0; i < COUNT (block_sizes); i++)
    for (j = 0; j < COUNT (request_sizes); j++)
      for (k = 0; k < COUNT (spans); k++) {
        sequential (block_sizes[i], request_sizes[j], spans[k], false, i);
        sequential (block_sizes[i], request_sizes[j], spans[k], true, j);
      }
}

/* As the kernel reads: 4 KiB to 256 KiB, slightly out of order. */
static void
test_mixed_sizes (void **state)
{
  uint64_t seed, at, n, i;
  struct sim sim;

  (void) state;
  for (seed = 0; seed < SEEDS (20); seed++) {
    sim_start (&sim, 128 * MIB, 64 * KIB, READAHEAD_WINDOW_MAX, 1 << 13,
               seed * 1000000);
    sim.latency = 16;
    for (at = 0; at + 16 * MIB < sim.size; ) {
      uint64_t offset[8], count[8];

      for (n = 0; n < 8; n++) {
        offset[n] = at;
        count[n] = (1 + sim_random (&sim, 64)) * 4 * KIB;
        at += count[n];
      }
      for (; n > 0; n--) {
        i = sim_random (&sim, n);
        sim_read (&sim, offset[i], count[i]);
        offset[i] = offset[n - 1];
        count[i] = count[n - 1];
      }
    }
    assert_true (sim.most_unused >= 16 * MIB);
    assert_at_most (&sim, "mixed sizes",
                    (sim.fetched - sim.unused) / (double) sim.read, 1.02);
    assert_at_most (&sim, "mixed sizes", sim.demand_blocks * sim.block_size
                    / (double) sim.touched, 0.1);
    sim_end (&sim);
  }
}

static void
four (uint64_t request, unsigned span, double demand, uint64_t seed)
{
  const uint64_t quarter = 64 * MIB;
  struct sim_queue queue[4] = { 0 };
  struct sim sim;
  uint64_t picked, left = 4 * (quarter / request);
  unsigned i;

  sim_start (&sim, 4 * quarter, 64 * KIB, READAHEAD_WINDOW_MAX, 1 << 14,
             seed);
  sim.latency = 4 * span;
  while (left > 0) {
    i = sim_random (&sim, 4);
    picked = sim_queue_pick (&sim, &queue[i], span);
    if (picked >= quarter / request)
      continue;
    sim_read (&sim, i * quarter + picked * request, request);
    left--;
  }
  assert_at_most (&sim, "four readers", sim.fetched / (double) sim.read,
                  1.02);
  assert_at_most (&sim, "four readers", sim.demand_blocks * sim.block_size
                  / (double) sim.touched, demand);
  assert_true (sim.most_unused >= 48 * MIB);
  sim_end (&sim);
}

static void
test_four (void **state)
{
  uint64_t seed;

  (void) state;
  for (seed = 0; seed < SEEDS (20); seed++) {
    /* A quarter is 64 MiB, and until the window holds what such a queue has
     * under way, that is asked for on demand.
     */
    four (64 * KIB, 8, 0.1, seed * 1000000);
    four (256 * KIB, 8, 0.2, seed * 1000000);
    four (256 * KIB, 16, 0.4, seed * 1000000);
  }
}

static void
strided (uint64_t stride, uint64_t piece, uint64_t request, unsigned span,
         bool backward, uint64_t seed)
{
  const uint64_t each = piece / request;
  struct sim_queue queue = { 0 };
  struct sim sim;
  uint64_t picked, pieces = 512 * MIB / stride, at;
  char what[128];

  snprintf (what, sizeof what, "strided%s %u of %u in %u span %u",
            backward ? " backward" : "", (unsigned) piece, (unsigned) stride,
            (unsigned) request, span);
  sim_start (&sim, 512 * MIB, 64 * KIB, READAHEAD_WINDOW_MAX, 1 << 14, seed);
  sim.latency = 4 * span;
  while (queue.next < pieces * each) {
    picked = sim_queue_pick (&sim, &queue, span);
    if (picked >= pieces * each)
      continue;
    at = picked / each;
    if (backward)
      at = pieces - 1 - at;
    sim_read (&sim, at * stride + picked % each * request, request);
  }
  assert_at_most (&sim, what, sim.fetched / (double) sim.touched, 1.04);
  assert_at_most (&sim, what, sim.demand_blocks * sim.block_size
                  / (double) sim.touched, 0.2);
  sim_end (&sim);
}

static void
test_strided (void **state)
{
  int backward;

  (void) state;
  for (backward = 0; backward < 2; backward++) {
    strided (1 * MIB, 256 * KIB, 256 * KIB, 1, backward, 1);
    strided (1 * MIB, 256 * KIB, 256 * KIB, 8, backward, 2);
    strided (1 * MIB, 256 * KIB, 64 * KIB, 1, backward, 3);
    strided (1 * MIB, 256 * KIB, 4 * KIB, 1, backward, 4);
    strided (1 * MIB, 64 * KIB, 4 * KIB, 1, backward, 5);
    strided (256 * KIB, 4 * KIB, 4 * KIB, 1, backward, 6);
    strided (256 * KIB, 4 * KIB, 4 * KIB, 8, backward, 7);
    strided (1000 * 1000, 100 * 1000, 100 * 1000, 1, backward, 8);
    strided (8 * MIB, 2 * MIB, 256 * KIB, 1, backward, 9);
  }
}

/* Blocks cached at random, in the first half of the image, and in long
 * stretches, in the second: both are gaps, since hits are not noted.
 */
static void
partly_cached (unsigned percent, uint64_t request, unsigned span,
               bool backward, uint64_t seed)
{
  uint64_t at, window = READAHEAD_WINDOW_MAX;
  struct sim sim;
  char what[128];

  snprintf (what, sizeof what, "partly cached%s %u%% requests %u span %u",
            backward ? " backward" : "", percent, (unsigned) request, span);
  sim_start (&sim, 512 * MIB, 64 * KIB, window, 1 << 14, seed);
  sim.latency = 4 * span;
  for (at = 0; at < sim.size / 2; at += sim.block_size)
    if (sim_random (&sim, 100) < percent)
      sim_cache (&sim, at, sim.block_size);
  for (; at < sim.size; at += 8 * MIB)
    if (sim_random (&sim, 100) < percent)
      sim_cache (&sim, at, 8 * MIB);
  sim_sequential (&sim, 0, sim.size, request, span, backward);
  assert_at_most (&sim, what, sim.fetched / (double) sim.touched, 1.02);
  assert_at_most (&sim, what, sim.demand_blocks * sim.block_size
                  / (double) sim.touched, span * request > MIB ? 0.4 : 0.2);
  /* Where what is cached lies is only known on average. */
  assert_at_most (&sim, what, sim.most_unused / (double) window, 2);
  sim_end (&sim);
}

static void
test_partly_cached (void **state)
{
  static const unsigned percents[] = { 10, 20, 33, 50, 70, 80 };
  uint64_t seed;
  size_t i, backward;

  (void) state;
  for (seed = 0; seed < SEEDS (3); seed++)
    for (i = 0; i < COUNT (percents); i++)
      for (backward = 0; backward < 2; backward++) {
        partly_cached (percents[i], 64 * KIB, 1, backward, seed * 1000000);
        partly_cached (percents[i], 64 * KIB, 8, backward, seed * 1000000);
        partly_cached (percents[i], 256 * KIB, 1, backward, seed * 1000000);
        partly_cached (percents[i], 256 * KIB, 16, backward, seed * 1000000);
      }
}

/* Behind what was cached it goes on with the window it had. */
static void
test_cached_stretch (void **state)
{
  struct sim sim;

  (void) state;
  sim_start (&sim, 256 * MIB, 64 * KIB, READAHEAD_WINDOW_MAX, 1 << 14, 1);
  sim_cache (&sim, 64 * MIB, 24 * MIB);
  sim_sequential (&sim, 0, 92 * MIB, 256 * KIB, 2, false);
  assert_true (sim.unused >= 16 * MIB);
  sim_end (&sim);
}

/* On from the middle, and then back from it: next to all that was read. */
static void
test_turn (void **state)
{
  struct sim sim;
  uint64_t ahead;

  (void) state;
  sim_start (&sim, 512 * MIB, 64 * KIB, READAHEAD_WINDOW_MAX, 1 << 14, 1);
  sim_sequential (&sim, 256 * MIB, 320 * MIB, 256 * KIB, 4, false);
  ahead = sim.ahead;
  sim_sequential (&sim, 192 * MIB, 256 * MIB, 256 * KIB, 4, true);
  /* Nothing more is fetched above, and there is a window below. */
  assert_true (sim.unused <= 2 * READAHEAD_WINDOW_MAX);
  assert_true (sim.unused >= READAHEAD_WINDOW_MAX + 16 * MIB);
  assert_true (sim.ahead - ahead >= 48 * MIB);
  sim_end (&sim);
}

/* One reads onwards; meanwhile others read here and there, up to most. */
static void
beside_random (unsigned span, unsigned most)
{
  uint64_t seed, picked, others;
  const uint64_t size = 64 * GIB, part = 128 * MIB;
  struct sim sim;

  for (seed = 0; seed < SEEDS (10); seed++) {
    struct sim_queue queue = { 0 };

    sim_start (&sim, size, 64 * KIB, READAHEAD_WINDOW_MAX, 1 << 18,
               seed * 1000000);
    sim.latency = 64;
    while (queue.next < part / (64 * KIB)) {
      picked = sim_queue_pick (&sim, &queue, span);
      sim_read (&sim, picked * 64 * KIB, 64 * KIB);
      for (others = sim_random (&sim, most + 1); others > 0; others--)
        sim_read (&sim, sim_random (&sim, size / (4 * KIB)) * 4 * KIB,
                  4 * KIB);
    }
    assert_at_most (&sim, "beside random",
                    (sim.fetched - READAHEAD_WINDOW_MAX)
                    / (double) sim.touched, 1.02);
    assert_true (sim.most_unused >= 16 * MIB);
    /* What came ahead is nearly all of the one reader's part. */
    assert_true (sim.ahead - sim.unused >= part * 9 / 10);
    sim_end (&sim);
  }
}

static void
test_beside_random (void **state)
{
  (void) state;
  beside_random (8, 16);
  beside_random (1, 72);
}

/* After others wasted what was brought for them, a long reader still gets
 * a window.
 */
static void
test_after_waste (void **state)
{
  struct sim sim;
  uint64_t wasted;
  unsigned i;

  (void) state;
  sim_start (&sim, 64 * GIB, 64 * KIB, READAHEAD_WINDOW_MAX, 1 << 16, 1);
  for (i = 0; i < 20; i++)
    sim_sequential (&sim, i * GIB, i * GIB + 24 * MIB, 256 * KIB, 1, false);
  wasted = sim.most_unused = sim.unused;
  sim_sequential (&sim, 40 * GIB, 40 * GIB + 256 * MIB, 256 * KIB, 1, false);
  assert_true (sim.most_unused >= wasted + 16 * MIB);
  assert_at_most (&sim, "after waste", sim.unused / (double) sim.touched,
                  0.25);
  sim_end (&sim);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_sequential),
    cmocka_unit_test (test_mixed_sizes),
    cmocka_unit_test (test_four),
    cmocka_unit_test (test_strided),
    cmocka_unit_test (test_partly_cached),
    cmocka_unit_test (test_cached_stretch),
    cmocka_unit_test (test_turn),
    cmocka_unit_test (test_beside_random),
    cmocka_unit_test (test_after_waste),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
