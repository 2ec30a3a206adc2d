/* What is let in, what is saved, what it takes: admission, goal, memory. */

#include <config.h>

#include <malloc.h>

#include "test-policy.h"

#define MS 1000u

static void
auto_new (struct model *m, uint32_t blocks)
{
  model_new (m, POLICY_WEIGHTED, blocks, blocks);
  policy_free (m->policy);
  m->policy = policy_new (&(struct policy_config) {
      .admission = POLICY_AUTO, .capacity = m->capacity,
      .max_entries = blocks, .seed = 42 });
  assert_non_null (m->policy);
}

/* True if it is in the cache afterwards. */
static bool
auto_access (struct model *m, uint64_t key)
{
  if (model_find (m, key) == NULL
      && !policy_admit (m->policy, mix_u64 (key), BLOCK, 40 * MS))
    return false;
  model_access (m, key, BLOCK, 40 * MS);
  return true;
}

/* What fits is never refused, even if nothing is used twice; when it does
 * not fit, what is used once is refused, and what comes again soon is not.
 */
static void
test_refuses_what_passes (void **state)
{
  unsigned refused = 0;
  struct model m;

  auto_new (&m, 400);
  for (uint64_t i = 0; i < 400; ++i)
    assert_true (auto_access (&m, i));
  for (uint64_t i = 1000; i < 9000; ++i)
    refused += !auto_access (&m, i);
  assert_true (refused > 7000);
  for (uint64_t i = 8900; i < 9000; ++i)
    assert_true (auto_access (&m, i));
  (void) state;
  model_free (&m);
}

/* Where what is new gets used again, all of it is let in, but for some 300
 * blocks of the first two turnovers: the shadows learn first.
 */
static void
test_admits_what_is_reused (void **state)
{
  unsigned refused = 0;
  struct model m;

  auto_new (&m, 400);
  for (uint64_t i = 0; i < 20000; ++i) {
    refused += !auto_access (&m, i);
    for (uint64_t back = 50; i > 200 && back < 200; back += 50)
      auto_access (&m, i - back);
  }
  assert_true (refused < 400);
  (void) state;
  model_free (&m);
}

/* Room that came to be by other means than eviction is used. */
static void
test_admits_into_room (void **state)
{
  unsigned admitted = 0;
  struct model m;

  auto_new (&m, 400);
  for (uint64_t i = 0; i < 9000; ++i)
    auto_access (&m, i);
  for (uint32_t i = 0; i < m.count; ++i)
    if (m.slots[i].bytes != 0)
      model_drop (&m, i, false);
  for (uint64_t i = 20000; i < 20400; ++i)
    admitted += auto_access (&m, i);
  assert_true (admitted > 350);
  (void) state;
  model_free (&m);
}

static void
test_others_admit_all (void **state)
{
  static const struct policy_config configs[] = {
    { .capacity = BLOCK, .max_entries = 1 },
    { .kind = POLICY_LRU, .admission = POLICY_AUTO, .capacity = BLOCK,
      .max_entries = 1 },
  };

  for (unsigned i = 0; i < 2; ++i) {
    struct policy *policy = policy_new (&configs[i]);

    assert_non_null (policy);
    for (uint64_t key = 0; key < 1000; ++key)
      assert_true (policy_admit (policy, key, BLOCK, 40 * MS));
    policy_free (policy);
  }
  (void) state;
}

/* Two blocks of one size that cost differently, and two sizes of one cost:
 * with bytes in view neither is better.
 */
static void
test_goal (void **state)
{
  struct policy_entry cheap = { 0 }, dear = { 0 }, large = { 0 };
  uint64_t w[3];

  for (unsigned goal = POLICY_TIME; goal <= POLICY_BYTES; ++goal) {
    struct policy *policy = policy_new (&(struct policy_config) {
        .goal = goal, .capacity = 100 * BLOCK, .max_entries = 100 });

    assert_non_null (policy);
    policy_insert (policy, &cheap, 1, BLOCK, 1 * MS);
    policy_insert (policy, &dear, 2, BLOCK, 90 * MS);
    policy_insert (policy, &large, 3, 4 * BLOCK, 90 * MS);
    w[0] = policy_worth (policy, &cheap);
    w[1] = policy_worth (policy, &dear);
    w[2] = policy_worth (policy, &large);
    if (goal == POLICY_TIME)
      assert_true (w[1] > w[0] && w[1] > w[2]);
    else
      assert_true (w[0] == w[1] && w[1] == w[2]);
    policy_free (policy);
  }
  (void) state;
}

static size_t
allocated (void)
{
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

/* The entries, all that was allocated and the ghosts of three times as many,
 * in a cache that has turned over.  What does not grow with the blocks is bounded.
 */
static void
check_memory (uint32_t blocks, size_t fixed)
{
  struct policy_entry *entries = calloc (blocks, sizeof *entries);
  size_t before = allocated (), bytes;
  struct policy *policy;

  policy = policy_new (&(struct policy_config) {
      .capacity = (uint64_t) blocks * BLOCK, .max_entries = blocks,
      .admission = POLICY_AUTO });
  assert_non_null (entries);
  assert_non_null (policy);
  for (uint32_t round = 0; round < 2; ++round)
    for (uint32_t i = 0; i < blocks; ++i) {
      uint64_t key = (uint64_t) round << 32 | i;

      policy_evicted (policy, &entries[i], key - (UINT64_C (1) << 32), true);
      policy_admit (policy, key, BLOCK, 40 * MS);
      policy_insert (policy, &entries[i], key, BLOCK, 40 * MS);
    }
  bytes = allocated () - before + (size_t) blocks * sizeof *entries;
  if (bytes > (size_t) blocks * 27 + fixed)
    fail_msg ("%u blocks: %zu bytes, %.1f a block", blocks, bytes,
              (double) bytes / blocks);
  policy_free (policy);
  free (entries);
}

static void
test_memory (void **state)
{
  check_memory (256, 96 << 10);
  check_memory (1000, 300 << 10);
  check_memory (16384, 300 << 10);
  check_memory (1 << 20, 300 << 10);
  (void) state;
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_refuses_what_passes),
    cmocka_unit_test (test_admits_what_is_reused),
    cmocka_unit_test (test_admits_into_room),
    cmocka_unit_test (test_others_admit_all),
    cmocka_unit_test (test_goal),
    cmocka_unit_test (test_memory),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
