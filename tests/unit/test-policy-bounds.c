/* The policy at the edges of what it can be given: sizes and costs of any
 * magnitude, a cache of one block and of less, pins that come and go, and a
 * clock that was set back.
 */

#include <config.h>

#include <math.h>

#include "test-policy.h"

#define MS 1000u

static void
assert_finite (const struct model *m, const struct policy_entry *entry)
{
  double worth = policy_double (policy_worth (m->policy, entry));

  assert_true (isfinite (worth) && worth > 0);
}

/* A size from 1 to 2^40, a cost from 0 to 2^64 - 1, alike in each octave. */
static uint64_t
any_size (uint64_t key)
{
  return (UINT64_C (1) << 40) >> mix_u64 (key) % 41;
}

static uint64_t
any_cost (uint64_t key)
{
  return UINT64_MAX >> mix_u64 (~key) % 65 % 64;
}

/* A digest of which slot holds what, after a run of blocks of any size. */
static uint64_t
run_of_any_size (uint64_t seed)
{
  uint64_t digest = 0, used = 0;
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 1u << 25, 300);       /* 2 TiB */
  m.random = seed;
  for (unsigned i = 0; i < 20000; ++i) {
    uint64_t key = model_random (&m) % 250;

    digest = digest * 31
      + model_access (&m, key, any_size (key), any_cost (key));
    assert_finite (&m, &model_find (&m, key)->entry);
    assert_true (m.used <= m.capacity);
  }
  for (uint32_t s = 0; s < m.count; ++s) {
    used += m.slots[s].bytes;
    digest = mix_u64 (digest ^ m.slots[s].key ^ m.slots[s].bytes);
  }
  assert_true (used == m.used);
  model_free (&m);
  return digest;
}

static void
test_any_size (void **state)
{
  (void) state;
  assert_true (run_of_any_size (1) == run_of_any_size (1));
  assert_true (run_of_any_size (1) != run_of_any_size (2));
}

/* What no caller should give is taken for the nearest that makes sense. */
static void
test_beyond_any_size (void **state)
{
  static const uint64_t values[] = { 0, 1, BLOCK, UINT64_C (1) << 40,
    UINT64_MAX };
  const size_t count = sizeof values / sizeof values[0];
  struct model m;

  (void) state;
  model_new (&m, POLICY_WEIGHTED, UINT32_MAX, 1);
  for (size_t cost = 0; cost < count; ++cost) {
    uint64_t before = UINT64_MAX;

    for (size_t size = 0; size < count; ++size) {
      struct policy_entry e = { 0 };

      policy_insert (m.policy, &e, size, values[size], values[cost]);
      assert_finite (&m, &e);
      assert_true (policy_worth (m.policy, &e) <= before);
      before = policy_worth (m.policy, &e);
      policy_hit (m.policy, &e, size);
      policy_evicted (m.policy, &e, size, false);
    }
  }
  model_free (&m);
}

static void
test_one_block (void **state)
{
  static const enum policy_kind kinds[] = { POLICY_WEIGHTED, POLICY_LRU };

  (void) state;
  for (unsigned k = 0; k < 2; ++k) {
    struct model m;

    model_new (&m, kinds[k], 1, 1);
    for (unsigned i = 0; i < 3000; ++i) {
      assert_false (model_access (&m, i % 2, BLOCK, 40 * MS));
      assert_true (model_access (&m, i % 2, BLOCK, 40 * MS));
      assert_true (m.used == BLOCK);
    }
    model_free (&m);
  }
}

/* The cache is smaller than the only block it is given. */
static void
test_less_than_a_block (void **state)
{
  uint32_t victim = UINT32_MAX;
  struct model m;

  (void) state;
  model_new (&m, POLICY_WEIGHTED, 1, 1);
  policy_free (m.policy);
  m.policy = policy_new (&(struct policy_config) {
      .kind = POLICY_WEIGHTED, .capacity = 100, .max_entries = 1 });
  assert_non_null (m.policy);
  for (unsigned i = 0; i < 3000; ++i) {
    struct policy_table table = model_table (&m);

    m.slots[0].key = i % 5;
    m.slots[0].bytes = BLOCK;
    m.used = BLOCK;
    policy_insert (m.policy, &m.slots[0].entry, mix_u64 (i % 5), BLOCK,
                   40 * MS);
    policy_hit (m.policy, &m.slots[0].entry, mix_u64 (i % 5));
    assert_finite (&m, &m.slots[0].entry);
    assert_int_equal (policy_victims (m.policy, &table, &victim, 1), 1);
    assert_int_equal (victim, 0);
    model_drop (&m, 0, true);
  }
  model_free (&m);
}

/* Victims are neither empty nor pinned, and none comes twice in a call. */
static void
test_pins_are_kept (void **state)
{
  uint32_t victims[BATCH], count;
  struct model m;

  (void) state;
  model_new (&m, POLICY_WEIGHTED, 200, 200);
  for (unsigned i = 0; i < 20000; ++i) {
    struct policy_table table = model_table (&m);
    uint64_t r = model_random (&m);

    m.slots[r % m.count].pinned = r >> 32 & 1;
    if (r % 8 != 0) {
      if (m.used < m.capacity || model_find (&m, r % 1000))
        model_access (&m, r % 1000, BLOCK, 40 * MS);
      continue;
    }
    count = policy_victims (m.policy, &table, victims, BATCH);
    assert_true (count <= BATCH);
    for (uint32_t v = 0; v < count; ++v) {
      assert_true (m.slots[victims[v]].bytes != 0);
      assert_false (m.slots[victims[v]].pinned);
      model_drop (&m, victims[v], true);
    }
  }
  model_free (&m);
}

/* The entries are of a later time than the state of the policy: they are
 * neither immortal nor worthless.
 */
static void
test_clock_set_back (void **state)
{
  uint8_t before[POLICY_SAVED], saved[100][POLICY_ENTRY_SAVED];
  unsigned hits = 0, left = 0;
  struct model m;

  (void) state;
  model_new (&m, POLICY_WEIGHTED, 100, 100);
  policy_save (m.policy, before);
  for (unsigned i = 0; i < 5000; ++i)
    model_access (&m, 10000 + i, BLOCK, 40 * MS);
  for (unsigned i = 0; i < 100; ++i)
    policy_entry_save (&m.slots[i].entry, saved[i]);
  model_free (&m);

  model_new (&m, POLICY_WEIGHTED, 100, 100);
  policy_load (m.policy, before);
  for (unsigned i = 0; i < 100; ++i) {
    m.slots[i].key = i;
    m.slots[i].bytes = BLOCK;
    m.used += BLOCK;
    policy_entry_load (m.policy, &m.slots[i].entry, mix_u64 (i), BLOCK,
                       saved[i]);
    assert_finite (&m, &m.slots[i].entry);
  }
  /* A tenth of them stays in use, beside 80 that are new. */
  for (unsigned i = 0; i < 4000; ++i) {
    hits += model_access (&m, i % 10, BLOCK, 40 * MS);
    model_access (&m, 100000 + i % 80, BLOCK, 40 * MS);
  }
  assert_true (hits > 3900);
  for (unsigned i = 10; i < 100; ++i)
    left += model_find (&m, i) != NULL;
  assert_true (left <= 10);
  model_free (&m);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_any_size),
    cmocka_unit_test (test_beyond_any_size),
    cmocka_unit_test (test_one_block),
    cmocka_unit_test (test_less_than_a_block),
    cmocka_unit_test (test_pins_are_kept),
    cmocka_unit_test (test_clock_set_back),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
