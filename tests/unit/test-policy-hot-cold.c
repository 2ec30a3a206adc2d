/* The order of hot and cold (SHADOW_HOT_COLD), the ghosts it looks at, and the
 * shadows that are ahead of the cache.
 */

#include <config.h>

#include "policy/shadow-internal.h"
#include "test-policy.h"

#define MS 1000u

enum { BLOCKS = 200, HOT_COLD = SHADOW_SETTINGS - 1 };

/* A full cache under that setting, which stays: the shadows follow no block. */
static void
start (struct model *m)
{
  model_new (m, POLICY_WEIGHTED, BLOCKS, BLOCKS);
  assert_int_equal (shadow_settings[HOT_COLD].order, SHADOW_HOT_COLD);
  atomic_store (&m->policy->shadows->limit, 0);         /* none is sampled */
  atomic_store (&m->policy->shadows->best, HOT_COLD);
  for (uint64_t key = 0; key < BLOCKS; ++key)
    model_access (m, key, BLOCK, 40 * MS);
}

static void
use (struct model *m, uint64_t first, uint64_t end)
{
  for (uint64_t key = first; key < end; ++key)
    model_access (m, key, BLOCK, 40 * MS);
}

static unsigned
resident (const struct model *m, uint64_t first, uint64_t end)
{
  unsigned count = 0;

  for (uint64_t key = first; key < end; ++key)
    count += model_find ((struct model *) m, key) != NULL;
  return count;
}

static bool
is_cold (struct model *m, uint64_t key)
{
  struct model_slot *s = model_find (m, key);

  assert_non_null (s);
  return atomic_load (&s->entry.base) & POLICY_COLD;
}

/* Of ten caches full of what is used once, 1 % and a batch of victims find
 * room: what was there first stays.
 */
static void
test_scan_passes (void **state)
{
  struct model m;

  start (&m);
  use (&m, 1000, 1000 + 10 * BLOCKS);
  assert_true (resident (&m, 0, BLOCKS) >= BLOCKS - 3 - BATCH);
  assert_true (is_cold (&m, 1000 + 10 * BLOCKS - 1));
  (void) state;
  model_free (&m);
}

/* What comes back sooner than the oldest hot one was used becomes hot, and
 * that one is what goes for it.
 */
static void
test_comes_back_sooner (void **state)
{
  struct model m;

  start (&m);
  use (&m, 1000, 1020);
  assert_null (model_find (&m, 1000));
  use (&m, 1000, 1010);
  for (uint64_t key = 1000; key < 1010; ++key)
    assert_false (is_cold (&m, key));
  use (&m, 2000, 2000 + 5 * BLOCKS);
  assert_int_equal (resident (&m, 1000, 1010), 10);
  assert_int_equal (resident (&m, 0, 10), 0);
  (void) state;
  model_free (&m);
}

/* In a loop all come back after the same time: none of those that are not
 * there is sooner than the hot ones, and nothing changes.
 */
static void
test_loop_keeps (void **state)
{
  struct model m;

  start (&m);
  for (unsigned turn = 0; turn < 10; ++turn)
    use (&m, 0, 2 * BLOCKS);
  assert_true (resident (&m, 0, BLOCKS) >= BLOCKS - 3 - BATCH);
  (void) state;
  model_free (&m);
}

/* A cold one that is used again while it is there, too. */
static void
test_cold_is_used (void **state)
{
  struct model m;

  start (&m);
  for (uint32_t slot = 0; slot < BLOCKS / 2; ++slot)
    model_drop (&m, slot, true);
  use (&m, 1000, 1000 + BLOCKS / 2);    /* cold: things were evicted */
  use (&m, 2000, 2001);                 /* a scan finds the oldest hot one */
  assert_true (is_cold (&m, 1000 + BLOCKS / 2 - BLOCKS / 10));
  use (&m, 1000 + BLOCKS / 2 - BLOCKS / 10, 1000 + BLOCKS / 2);
  assert_false (is_cold (&m, 1000 + BLOCKS / 2 - BLOCKS / 10));
  (void) state;
  model_free (&m);
}

/* And one that is used under another setting. */
static void
test_used_meanwhile (void **state)
{
  struct model m;

  start (&m);
  use (&m, 1000, 1020);
  assert_true (is_cold (&m, 1019));
  atomic_store (&m.policy->shadows->best, 0);
  use (&m, 2000, 2000 + BLOCKS / 10);
  use (&m, 1019, 1020);
  atomic_store (&m.policy->shadows->best, HOT_COLD);
  assert_false (is_cold (&m, 1019));
  (void) state;
  model_free (&m);
}

/* Until the next scan nothing becomes hot once the oldest was used. */
static void
test_oldest_unknown (void **state)
{
  struct model m;
  unsigned used = 0;
  uint64_t oldest;

  start (&m);
  for (uint32_t slot = 0; slot < BLOCKS / 2; ++slot)
    model_drop (&m, slot, true);
  use (&m, 1000, 1000 + BLOCKS / 2 + 1);
  oldest = atomic_load (&m.policy->oldest_hot);
  assert_true (oldest & POLICY_KNOWN);
  for (uint64_t key = 0; key < BLOCKS; ++key) {
    struct model_slot *s = model_find (&m, key);

    if (s != NULL && atomic_load (&s->entry.used_at) == (uint32_t) oldest) {
      use (&m, key, key + 1);
      used++;
    }
  }
  assert_int_equal (used, 1);
  assert_int_equal (atomic_load (&m.policy->oldest_hot), 0);
  use (&m, 1000 + BLOCKS / 4, 1000 + BLOCKS / 4 + 1);
  assert_true (is_cold (&m, 1000 + BLOCKS / 4));
  (void) state;
  model_free (&m);
}

/* The mark is saved with the entry, and damage to it is no more than that. */
static void
test_mark_is_saved (void **state)
{
  struct policy_entry back = { 0 };
  uint8_t saved[POLICY_ENTRY_SAVED];
  struct model m;

  start (&m);
  use (&m, 1000, 1020);
  assert_true (is_cold (&m, 1019));
  for (unsigned turn = 0; turn < 2; ++turn) {
    policy_entry_save (&model_find (&m, 1019)->entry, saved);
    saved[7] ^= turn ? 0x80 : 0;        /* the mark */
    policy_entry_load (m.policy, &back, mix_u64 (1019), BLOCK, saved);
    assert_int_equal (!!(atomic_load (&back.base) & POLICY_COLD), turn == 0);
    assert_true ((atomic_load (&back.base) & ~POLICY_COLD)
                 <= atomic_load (&m.policy->inflation));
    policy_evicted (m.policy, &back, mix_u64 (1019), false);
  }
  (void) state;
  model_free (&m);
}

static void
test_ghosts (void **state)
{
  enum { KNOWN = 10000 };
  const uint32_t turnover = POLICY_USED_TURNOVER;
  const uint32_t begin = UINT32_MAX - turnover / 2;     /* it goes round */
  struct ghost ghost = { 0 };
  unsigned found = 0, wrong = 0;

  assert_int_equal (ghost_age (&ghost, mix_u64 (1), begin), UINT32_MAX);
  for (uint64_t i = 0; i < 2 * KNOWN; ++i) {
    uint32_t now = begin + i * turnover / KNOWN;

    ghost_add (&ghost, mix_u64 (i), now, now, KNOWN);
  }
  for (uint64_t i = 0; i < KNOWN; ++i) {
    uint32_t now = begin + 2 * turnover;
    uint32_t age = ghost_age (&ghost, mix_u64 (KNOWN + i), now);
    uint32_t real = turnover - i * turnover / KNOWN;

    found += age >= real && age <= real + turnover / 128;
    wrong += ghost_age (&ghost, mix_u64 (UINT32_MAX + i), now) < UINT32_MAX;
  }
  assert_true (found > KNOWN * 9 / 10);
  assert_true (wrong < KNOWN / 200);
  assert_int_not_equal (ghost_take (&ghost, mix_u64 (2 * KNOWN - 1),
                                    begin + 2 * turnover), UINT32_MAX);
  assert_int_equal (ghost_age (&ghost, mix_u64 (2 * KNOWN - 1),
                               begin + 2 * turnover), UINT32_MAX);
  (void) state;
  ghost_free (&ghost);
}

/* When the first block has to go, the shadows know that it is a loop. */
static void
test_ahead (void **state)
{
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 1000, 1000);
  for (unsigned i = 0; i < 1600; ++i)
    model_access (&m, i % 400, BLOCK, 40 * MS);
  assert_false (m.policy->evicted);
  assert_true (policy_setting (m.policy)->order != SHADOW_AGES);
  (void) state;
  model_free (&m);
}

/* If none has to go for long, they are as large as the cache. */
static void
test_ahead_ends (void **state)
{
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 1000, 1000);
  for (unsigned i = 0; i < 100000; ++i)
    model_access (&m, i % 900, BLOCK, 40 * MS);
  assert_false (m.policy->evicted);
  assert_int_equal (m.policy->shadows->ahead, 1);
  assert_true (m.policy->shadows->share > m.capacity / 8);
  assert_true (m.policy->shadows->views[0].used
               > m.policy->shadows->share * 8 / 10);
  (void) state;
  model_free (&m);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_scan_passes),
    cmocka_unit_test (test_comes_back_sooner),
    cmocka_unit_test (test_loop_keeps),
    cmocka_unit_test (test_cold_is_used),
    cmocka_unit_test (test_used_meanwhile),
    cmocka_unit_test (test_oldest_unknown),
    cmocka_unit_test (test_mark_is_saved),
    cmocka_unit_test (test_ghosts),
    cmocka_unit_test (test_ahead),
    cmocka_unit_test (test_ahead_ends),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
