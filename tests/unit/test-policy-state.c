/* State over a restart: the same order after it, and damage is harmless. */

#include <config.h>

#include "test-policy.h"

#define MS 1000u

static void
fill (struct model *m)
{
  for (unsigned i = 0; i < 5000; ++i) {
    uint64_t key = (model_random (m) >> 8) % (i % 3 ? 100 : 2000);

    model_access (m, key, 4096 + mix_u64 (key) % 61441,
                  mix_u64 (key) % 90000);
  }
}

/* Restarts b with a's residents. */
static void
restart (const struct model *a, struct model *b, enum policy_kind kind)
{
  uint8_t saved[POLICY_SAVED], entry[POLICY_ENTRY_SAVED];

  model_new (b, kind, a->capacity / BLOCK, a->count);
  policy_save (a->policy, saved);
  policy_load (b->policy, saved);
  for (uint32_t i = 0; i < a->count; ++i) {
    b->slots[i].key = a->slots[i].key;
    b->slots[i].bytes = a->slots[i].bytes;
    if (a->slots[i].bytes == 0)
      continue;
    b->used += a->slots[i].bytes;
    policy_entry_save (&a->slots[i].entry, entry);
    policy_entry_load (b->policy, &b->slots[i].entry,
                       mix_u64 (a->slots[i].key), a->slots[i].bytes, entry);
  }
}

static void
check_same_order (enum policy_kind kind)
{
  struct policy_table table_a, table_b;
  uint32_t va[POLICY_VICTIMS_MAX], vb[POLICY_VICTIMS_MAX], na, nb;
  struct model a, b;

  model_new (&a, kind, 100, 400);
  fill (&a);
  restart (&a, &b, kind);
  for (unsigned i = 0; i < 50; ++i) {
    uint32_t slot = i * 7 % a.count;

    if (a.slots[slot].bytes == 0)
      continue;
    policy_hit (a.policy, &a.slots[slot].entry, slot);
    policy_hit (b.policy, &b.slots[slot].entry, slot);
  }
  table_a = model_table (&a);
  table_b = model_table (&b);
  na = policy_victims (a.policy, &table_a, va, POLICY_VICTIMS_MAX);
  nb = policy_victims (b.policy, &table_b, vb, POLICY_VICTIMS_MAX);
  assert_true (na >= 100);
  assert_int_equal (na, nb);
  assert_memory_equal (va, vb, na * sizeof va[0]);
  model_free (&a);
  model_free (&b);
}

static void
test_same_order (void **state)
{
  check_same_order (POLICY_WEIGHTED);
  check_same_order (POLICY_LRU);
  (void) state;
}

static void
test_saved_bytes (void **state)
{
  uint8_t first[POLICY_ENTRY_SAVED], again[POLICY_ENTRY_SAVED];
  uint8_t saved[POLICY_SAVED], saved_again[POLICY_SAVED];
  struct model a, b;
  unsigned compared = 0;

  model_new (&a, POLICY_WEIGHTED, 100, 400);
  fill (&a);
  restart (&a, &b, POLICY_WEIGHTED);
  policy_save (a.policy, saved);
  policy_save (b.policy, saved_again);
  assert_memory_equal (saved, saved_again, sizeof saved);
  for (uint32_t i = 0; i < a.count; ++i)
    if (a.slots[i].bytes != 0) {
      policy_entry_save (&a.slots[i].entry, first);
      policy_entry_save (&b.slots[i].entry, again);
      assert_memory_equal (first, again, sizeof first);
      compared++;
    }
  assert_true (compared > 50);
  (void) state;
  model_free (&a);
  model_free (&b);
}

/* A history says which settings are good; not whether refusing is, and nothing
 * when the settings were others.
 */
static void
test_history (void **state)
{
  struct policy_config c = {
    .admission = POLICY_AUTO, .capacity = 100 * BLOCK, .max_entries = 100
  };
  uint8_t saved[POLICY_SAVED] = { 0 };

  policy_put (saved, policy_bits (1), 8);
  for (unsigned i = 0; i < SHADOW_SETTINGS; ++i)
    policy_put (saved + 16 + 2 * i, i == 2 ? 10000 : 30000, 2);
  policy_put (saved + 28, 100000, 4);
  for (unsigned version = 0; version < 2; ++version) {
    struct policy *policy = policy_new (&c);

    assert_non_null (policy);
    policy_put (saved + 26, version, 2);
    policy_load (policy, saved);
    assert_int_equal (shadows_best (policy->shadows), version == 1 ? 2 : 0);
    assert_false (shadows_refuse (policy->shadows));
    policy_free (policy);
  }
  (void) state;
}

/* Every entry of zeros is as good as any other, and a used one is better. */
static void
test_nothing_saved (void **state)
{
  static const uint8_t zeros[POLICY_SAVED];
  struct policy_entry a = { 0 }, b = { 0 }, new = { 0 };
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 100, 100);
  policy_load (m.policy, zeros);
  policy_entry_load (m.policy, &a, 1, BLOCK, zeros);
  policy_entry_load (m.policy, &b, 2, BLOCK, zeros);
  assert_true (policy_worth (m.policy, &a) == policy_worth (m.policy, &b));
  policy_insert (m.policy, &new, 1, 10 * BLOCK, 40 * MS);
  policy_hit (m.policy, &a, 3);
  assert_true (policy_worth (m.policy, &a) > policy_worth (m.policy, &b));
  (void) state;
  model_free (&m);
}

/* Loads damaged bytes and runs on: what is used stays, what is not goes. */
static void
check_damage (enum policy_kind kind, uint64_t seed, int filler)
{
  uint8_t saved[POLICY_SAVED], entry[POLICY_ENTRY_SAVED];
  unsigned hits = 0;
  struct model m;

  model_new (&m, kind, 100, 100);
  m.random = seed;
  for (unsigned i = 0; i < sizeof saved; ++i)
    saved[i] = filler < 0 ? model_random (&m) : (unsigned) filler;
  policy_load (m.policy, saved);
  for (uint32_t i = 0; i < m.count; ++i) {
    for (unsigned k = 0; k < sizeof entry; ++k)
      entry[k] = filler < 0 ? model_random (&m) : (unsigned) filler;
    m.slots[i].key = 1000 + i;
    m.slots[i].bytes = BLOCK;
    m.used += BLOCK;
    policy_entry_load (m.policy, &m.slots[i].entry, mix_u64 (1000 + i), BLOCK,
                       entry);
    assert_true (policy_worth (m.policy, &m.slots[i].entry) != 0);
  }
  for (unsigned i = 0; i < 8000; ++i) {
    hits += model_access (&m, i % 20, BLOCK, 40 * MS);
    model_access (&m, 10000 + i, BLOCK, 40 * MS);
  }
  assert_true (hits > 7000);
  model_free (&m);
}

static void
test_damage (void **state)
{
  static const int fillers[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff };

  for (unsigned i = 0; i < 6; ++i) {
    check_damage (POLICY_WEIGHTED, 1, fillers[i]);
    check_damage (POLICY_LRU, 1, fillers[i]);
  }
  for (uint64_t seed = 0; seed < 40; ++seed) {
    check_damage (POLICY_WEIGHTED, seed, -1);
    check_damage (POLICY_LRU, seed, -1);
  }
  (void) state;
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_same_order),
    cmocka_unit_test (test_saved_bytes),
    cmocka_unit_test (test_history),
    cmocka_unit_test (test_nothing_saved),
    cmocka_unit_test (test_damage),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
