/* The order of a replay: every block once, what was asked for first first, in
 * requests as large as they can be.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device/replay-plan.h"
#include "util/mix.h"

#define CHUNK 16u

static void
expect (struct replay_plan *plan, uint64_t first, uint64_t count)
{
  uint64_t got_first, got_count;

  assert_true (replay_plan_next (plan, CHUNK, &got_first, &got_count));
  assert_int_equal (got_first, first);
  assert_int_equal (got_count, count);
}

static void
expect_end (struct replay_plan *plan)
{
  uint64_t first, count;

  assert_false (replay_plan_next (plan, CHUNK, &first, &count));
}

static void
add (struct replay_plan *plan, unsigned n, const uint64_t *blocks)
{
  for (unsigned i = 0; i < n; i++)
    assert_true (replay_plan_add (plan, blocks[i]));
}

static void
test_order (void **state)
{
  struct replay_plan plan;

  (void) state;
  replay_plan_init (&plan);
  expect_end (&plan);
  assert_true (replay_plan_make (&plan));
  expect_end (&plan);
  replay_plan_clear (&plan);
  /* 40 brings 41 and, though it comes much later, 39; 47 and 48 are of two
   * chunks; 7 is there twice.
   */
  add (&plan, 10, (uint64_t[]) { 40, 7, 41, 48, 7, 47, 100, 39, 7, 8 });
  expect_end (&plan);
  assert_true (replay_plan_make (&plan));
  expect (&plan, 39, 3);
  expect (&plan, 7, 2);
  expect (&plan, 48, 1);
  expect (&plan, 47, 1);
  expect (&plan, 100, 1);
  expect_end (&plan);
  replay_plan_clear (&plan);
  expect_end (&plan);
  add (&plan, 1, (uint64_t[]) { 3 });
  assert_true (replay_plan_make (&plan));
  expect (&plan, 3, 1);
  expect_end (&plan);
  replay_plan_destroy (&plan);
}

/* Against a slow way to say the same. */
static void
test_random (void **state)
{
  (void) state;
  for (unsigned seed = 0; seed < 200; seed++) {
    uint64_t range = 1 + mix_u64 (seed) % 500, first, count;
    unsigned n = mix_u64 (seed + 1000) % 600, at[501], i;
    bool taken[501] = { false };
    struct replay_plan plan;

    replay_plan_init (&plan);
    memset (at, 0xff, sizeof at);
    for (i = 0; i < n; i++) {
      uint64_t block = mix_u64 (seed * 1000 + i) % range;

      assert_true (replay_plan_add (&plan, block));
      if (at[block] == UINT32_MAX)
        at[block] = i;
    }
    assert_true (replay_plan_make (&plan));
    for (;;) {
      unsigned best = UINT32_MAX;
      uint64_t b;

      for (b = 0; b < range; b++)
        if (!taken[b] && at[b] < best)
          best = at[b];
      if (!replay_plan_next (&plan, CHUNK, &first, &count))
        break;
      assert_true (first / CHUNK == (first + count - 1) / CHUNK);
      /* The next one asked for is in it, and it can't be larger. */
      for (b = first; b < first + count; b++) {
        assert_true (b < range && !taken[b] && at[b] != UINT32_MAX);
        taken[b] = true;
        if (at[b] == best)
          best = UINT32_MAX;
      }
      assert_int_equal (best, UINT32_MAX);
      assert_true (first % CHUNK == 0 || at[first - 1] == UINT32_MAX);
      assert_true (b % CHUNK == 0 || b >= range || at[b] == UINT32_MAX);
    }
    for (uint64_t b = 0; b < range; b++)
      assert_true (taken[b] == (at[b] != UINT32_MAX));
    replay_plan_destroy (&plan);
  }
}

/* What is asked for again and again takes no room; what is new does, up to a
 * bound.
 */
static void
test_bound (void **state)
{
  struct replay_plan plan;
  uint64_t first, count, n = 0;

  (void) state;
  replay_plan_init (&plan);
  for (unsigned i = 0; i < 4 * REPLAY_PLAN_BLOCKS; i++)
    assert_true (replay_plan_add (&plan, 2 * (i % 1000)));
  for (unsigned i = 1000; replay_plan_add (&plan, 2 * i); i++)
    assert_true (i < 2 * REPLAY_PLAN_BLOCKS);
  assert_true (replay_plan_make (&plan));
  assert_int_equal (plan.allocated, REPLAY_PLAN_BLOCKS);
  while (replay_plan_next (&plan, CHUNK, &first, &count)) {
    assert_int_equal (first, 2 * n);
    assert_int_equal (count, 1);
    n++;
  }
  assert_true (n > REPLAY_PLAN_BLOCKS / 2 && n <= REPLAY_PLAN_BLOCKS);
  replay_plan_destroy (&plan);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_order),
    cmocka_unit_test (test_random),
    cmocka_unit_test (test_bound),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
