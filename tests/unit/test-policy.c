/* What is evicted: worth, victims, scans and accounting. */

#include <config.h>

#include "test-policy.h"

#define MS 1000u

/* Inserts blocks of other keys so that virtual time passes. */
static void
pass_time (struct model *m, unsigned blocks)
{
  struct policy_entry e = { 0 };

  for (unsigned i = 0; i < blocks; ++i) {
    policy_insert (m->policy, &e, model_random (m), BLOCK, 40 * MS);
    policy_evicted (m->policy, &e, 0, false);
  }
}

static void
test_worth_rises_with_frequency (void **state)
{
  struct policy_entry e[12] = { 0 };
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 100, 100);
  for (unsigned i = 0; i < 12; ++i)
    policy_insert (m.policy, &e[i], i, BLOCK, 40 * MS);
  for (unsigned use = 1; use < 12; ++use) {
    pass_time (&m, 6);
    for (unsigned i = use; i < 12; ++i)
      policy_hit (m.policy, &e[i], i);
  }
  for (unsigned i = 1; i < 12; ++i)
    assert_true (policy_worth (m.policy, &e[i]) >= policy_worth (m.policy, &e[i - 1]));
  assert_true (policy_worth (m.policy, &e[5]) > policy_worth (m.policy, &e[0]));
  (void) state;
  model_free (&m);
}

static void
test_worth_rises_with_cost (void **state)
{
  struct policy_entry e = { 0 };
  uint64_t last = 0, first;
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 100, 100);
  policy_insert (m.policy, &e, 1, BLOCK, 0);
  first = policy_worth (m.policy, &e);
  for (uint64_t cost = 1; cost < 1000000000; cost += cost / 10 + 1) {
    policy_insert (m.policy, &e, 1, BLOCK, cost);
    assert_true (policy_worth (m.policy, &e) >= last);
    last = policy_worth (m.policy, &e);
  }
  assert_true (last > first);
  policy_insert (m.policy, &e, 1, BLOCK, UINT64_MAX);
  assert_true (policy_worth (m.policy, &e) >= last);
  (void) state;
  model_free (&m);
}

static void
test_worth_falls_with_size (void **state)
{
  struct policy_entry e = { 0 };
  uint64_t last = UINT64_MAX;
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 100000, 100);
  for (uint64_t bytes = 1; bytes <= 4194304; bytes += 1000) {
    policy_insert (m.policy, &e, 1, bytes, 40 * MS);
    assert_true (policy_worth (m.policy, &e) <= last);
    last = policy_worth (m.policy, &e);
  }
  policy_insert (m.policy, &e, 1, 4096, 40 * MS);
  assert_true (policy_worth (m.policy, &e) > last);
  policy_insert (m.policy, &e, 1, UINT64_MAX, 40 * MS);
  assert_true (policy_worth (m.policy, &e) > 0);
  (void) state;
  model_free (&m);
}

/* Many reads of a block in a row are one use. */
static void
test_burst_is_one_use (void **state)
{
  struct policy_entry once = { 0 }, burst = { 0 };
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 1000, 1000);
  policy_insert (m.policy, &once, 1, BLOCK, 40 * MS);
  policy_insert (m.policy, &burst, 2, BLOCK, 40 * MS);
  for (unsigned i = 0; i < 15; ++i)
    policy_hit (m.policy, &burst, 2);
  assert_true (policy_worth (m.policy, &once) == policy_worth (m.policy, &burst));
  pass_time (&m, 60);
  policy_hit (m.policy, &burst, 2);
  assert_true (policy_worth (m.policy, &once) < policy_worth (m.policy, &burst));
  (void) state;
  model_free (&m);
}

/* Without misses no bytes are inserted, and uses must count all the same. */
static void
test_time_passes_without_misses (void **state)
{
  struct policy_entry hot = { 0 }, cold = { 0 };
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 10, 10);
  policy_insert (m.policy, &hot, 1, BLOCK, 40 * MS);
  policy_insert (m.policy, &cold, 2, BLOCK, 40 * MS);
  for (unsigned i = 0; i < 1000; ++i)
    policy_hit (m.policy, &hot, 1);
  assert_true (policy_worth (m.policy, &hot) > policy_worth (m.policy, &cold));
  (void) state;
  model_free (&m);
}

static void
test_ghost_gives_credit (void **state)
{
  struct policy_entry e = { 0 }, known = { 0 }, new = { 0 };
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 100, 100);
  for (unsigned i = 0; i < 50; ++i)
    policy_insert (m.policy, &e, 1000 + i, BLOCK, 40 * MS);
  policy_insert (m.policy, &e, 1, BLOCK, 40 * MS);
  policy_evicted (m.policy, &e, 1, true);
  policy_insert (m.policy, &known, 1, BLOCK, 40 * MS);
  policy_insert (m.policy, &new, 2, BLOCK, 40 * MS);
  assert_true (policy_worth (m.policy, &known) > policy_worth (m.policy, &new));

  /* Only once, and not what was dropped without a memory of it. */
  policy_insert (m.policy, &known, 1, BLOCK, 40 * MS);
  assert_true (policy_worth (m.policy, &known) == policy_worth (m.policy, &new));
  policy_insert (m.policy, &e, 3, BLOCK, 40 * MS);
  policy_evicted (m.policy, &e, 3, false);
  policy_insert (m.policy, &known, 3, BLOCK, 40 * MS);
  assert_true (policy_worth (m.policy, &known) == policy_worth (m.policy, &new));
  (void) state;
  model_free (&m);
}

/* What was evicted within the last turnover is remembered, not the ones
 * before.
 */
static void
test_ghost_forgets (void **state)
{
  enum { RESIDENT = 2000 };
  static struct policy_entry resident[RESIDENT];
  struct policy_entry e = { 0 }, new = { 0 };
  unsigned recent = 0, old = 0;
  struct model m;

  model_new (&m, POLICY_WEIGHTED, RESIDENT, RESIDENT);
  for (unsigned i = 0; i < RESIDENT; ++i)
    policy_insert (m.policy, &resident[i], i, BLOCK, 40 * MS);
  for (unsigned i = 0; i < 4 * RESIDENT; ++i) {
    policy_insert (m.policy, &e, 10000 + i, BLOCK, 40 * MS);
    policy_evicted (m.policy, &e, 10000 + i, true);
  }
  policy_insert (m.policy, &new, 1, BLOCK, 40 * MS);
  for (unsigned i = 0; i < RESIDENT / 4; ++i) {
    policy_insert (m.policy, &e, 10000 + i, BLOCK, 40 * MS);
    old += policy_worth (m.policy, &e) > policy_worth (m.policy, &new);
    policy_evicted (m.policy, &e, 0, false);
    policy_insert (m.policy, &e, 10000 + RESIDENT * 7 / 2 + i, BLOCK,
                   40 * MS);
    recent += policy_worth (m.policy, &e) > policy_worth (m.policy, &new);
    policy_evicted (m.policy, &e, 0, false);
  }
  assert_true (recent > RESIDENT / 4 * 9 / 10);
  assert_true (old < RESIDENT / 4 / 100);
  (void) state;
  model_free (&m);
}

static int
compare_u64 (const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

  return x < y ? -1 : x > y;
}

/* The victims are exactly those worth least, in order, unique, never pinned
 * or empty; the calls after a scan are served from it and still are so.
 */
static void
check_exact (enum policy_kind kind, uint32_t count, unsigned fill_percent,
             uint32_t max)
{
  uint32_t victims[POLICY_VICTIMS_MAX], n, eligible = 0, seen = 0;
  uint64_t *sorted = calloc (count + 1, sizeof *sorted);
  struct policy_table table;
  struct model m;

  model_new (&m, kind, count, count);
  table = model_table (&m);
  m.random = count + max;
  for (uint32_t i = 0; i < count; ++i) {
    if (model_random (&m) % 100 >= fill_percent)
      continue;
    m.slots[i].bytes = BLOCK;
    m.slots[i].pinned = model_random (&m) % 10 == 0;
    policy_insert (m.policy, &m.slots[i].entry, i,
                   4096 + model_random (&m) % 61440,
                   1 + model_random (&m) % 100000);
    if (!m.slots[i].pinned)
      sorted[eligible++] = policy_worth (m.policy, &m.slots[i].entry);
  }
  qsort (sorted, eligible, sizeof *sorted, compare_u64);
  do {
    n = policy_victims (m.policy, &table, victims, max);
    assert_true (n <= max);
    for (uint32_t i = 0; i < n; ++i) {
      struct model_slot *s = &m.slots[victims[i]];

      assert_true (s->bytes != 0 && !s->pinned);
      assert_true (policy_worth (m.policy, &s->entry) == sorted[seen + i]);
    }
    for (uint32_t i = 0; i < n; ++i) {
      /* A victim that comes twice is empty the second time. */
      assert_true (m.slots[victims[i]].bytes != 0);
      model_drop (&m, victims[i], true);
    }
    seen += n;
  } while (n > 0);
  assert_int_equal (seen, eligible);
  model_free (&m);
  free (sorted);
}

static void
test_victims_are_the_lowest (void **state)
{
  static const uint32_t counts[] = { 1, 2, 3, 17, 64, 1000, 20000 };
  static const unsigned fills[] = { 0, 1, 50, 100 };
  static const uint32_t maxes[] = { 1, 2, 32, 1024 };

  for (unsigned c = 0; c < 7; ++c)
    for (unsigned f = 0; f < 4; ++f)
      for (unsigned x = 0; x < 4; ++x) {
        check_exact (POLICY_WEIGHTED, counts[c], fills[f], maxes[x]);
        check_exact (POLICY_LRU, counts[c], fills[f], maxes[x]);
      }
  (void) state;
}

static void
test_no_victims (void **state)
{
  uint32_t victims[4] = { 0 };
  struct policy_table table;
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 100, 10000);
  table = model_table (&m);
  assert_int_equal (policy_victims (m.policy, &table, victims, 4), 0);
  assert_int_equal (policy_victims (m.policy, &table, victims, 0), 0);
  model_access (&m, 1, BLOCK, 40 * MS);
  m.slots[0].pinned = true;
  assert_int_equal (policy_victims (m.policy, &table, victims, 4), 0);
  m.slots[0].pinned = false;
  assert_int_equal (policy_victims (m.policy, &table, victims, 4), 1);
  assert_int_equal (victims[0], 0);
  table.count = 0;
  assert_int_equal (policy_victims (m.policy, &table, victims, 4), 0);
  (void) state;
  model_free (&m);
}

/* What was used, pinned or dropped after a scan is not handed out from it. */
static void
test_pool_is_checked (void **state)
{
  enum { COUNT = 10240 };
  uint32_t victims[4];
  struct policy_table table;
  struct model m;

  model_new (&m, POLICY_LRU, COUNT, COUNT);
  table = model_table (&m);
  for (uint32_t i = 0; i < COUNT; ++i) {
    m.slots[i].bytes = BLOCK;
    policy_insert (m.policy, &m.slots[i].entry, i, BLOCK, 40 * MS);
  }
  assert_int_equal (policy_victims (m.policy, &table, victims, 1), 1);
  assert_int_equal (victims[0], 0);
  model_drop (&m, 0, true);
  policy_hit (m.policy, &m.slots[1].entry, 1);
  m.slots[2].pinned = true;
  model_drop (&m, 3, false);
  assert_int_equal (policy_victims (m.policy, &table, victims, 2), 2);
  assert_int_equal (victims[0], 4);
  assert_int_equal (victims[1], 5);
  (void) state;
  model_free (&m);
}

/* A scan of many slots comes in slices, and finds what a whole one does; what
 * is used meanwhile is passed over.
 */
static unsigned looked_at;

static struct policy_entry *
counted_entry (void *opaque, uint32_t slot)
{
  looked_at++;
  return model_entry (opaque, slot);
}

static void
test_scan_in_slices (void **state)
{
  enum { COUNT = 5 * POLICY_SLICE / 2 };
  uint32_t victims[8], n;
  unsigned calls = 0;
  struct policy_table table;
  struct model m;

  model_new (&m, POLICY_LRU, COUNT, COUNT);
  table = model_table (&m);
  table.entry = counted_entry;
  for (uint32_t i = 0; i < COUNT; ++i) {
    uint32_t slot = COUNT - 1 - i;

    m.slots[slot].bytes = BLOCK;
    policy_insert (m.policy, &m.slots[slot].entry, slot, BLOCK, 40 * MS);
  }
  do {
    looked_at = 0;
    n = policy_victims (m.policy, &table, victims, 8);
    assert_true (looked_at <= POLICY_SLICE + 8);
    if (++calls == 1)
      policy_hit (m.policy, &m.slots[COUNT - 1].entry, COUNT - 1);
  } while (policy_scanning (m.policy));
  assert_int_equal (calls, 3);
  assert_int_equal (n, 8);
  for (uint32_t i = 0; i < n; ++i)
    assert_int_equal (victims[i], COUNT - 2 - i);
  (void) state;
  model_free (&m);
}

/* A large block used at regular intervals stays until it is overdue, though
 * it is worth least; alone in the cache, it goes.
 */
static void
test_large_are_spared (void **state)
{
  uint32_t victims[1];
  struct policy_table table;
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 256, 4);
  table = model_table (&m);
  m.slots[0].bytes = 1048576;
  policy_insert (m.policy, &m.slots[0].entry, 1, 1048576, 1 * MS);
  for (unsigned i = 0; i < 4; ++i) {
    pass_time (&m, 64);
    policy_hit (m.policy, &m.slots[0].entry, 0);
  }
  assert_int_equal (policy_victims (m.policy, &table, victims, 1), 1);
  assert_int_equal (victims[0], 0);
  m.slots[1].bytes = BLOCK;
  policy_insert (m.policy, &m.slots[1].entry, 2, BLOCK, 40 * MS);
  assert_int_equal (policy_victims (m.policy, &table, victims, 1), 1);
  assert_int_equal (victims[0], 1);
  pass_time (&m, 256);
  assert_int_equal (policy_victims (m.policy, &table, victims, 1), 1);
  assert_int_equal (victims[0], 0);
  (void) state;
  model_free (&m);
}

/* Of a hundred hot blocks none goes by what is read once. */
static void
check_scan (unsigned scan_blocks)
{
  enum { CACHE = 1000, HOT = 100 };
  unsigned gone = 0;
  struct model m;

  model_new (&m, POLICY_WEIGHTED, CACHE, CACHE);
  for (unsigned round = 0; round < 20; ++round) {
    for (unsigned i = 0; i < HOT; ++i)
      model_access (&m, i, BLOCK, 40 * MS);
    for (unsigned i = 0; i < 300; ++i)
      model_access (&m, 100000 + round * 300 + i, BLOCK, 40 * MS);
  }
  for (unsigned i = 0; i < scan_blocks; ++i)
    model_access (&m, 1000000 + i, BLOCK, 40 * MS);
  for (unsigned i = 0; i < HOT; ++i)
    gone += model_find (&m, i) == NULL;
  assert_int_equal (gone, 0);
  model_free (&m);
}

static void
test_scans (void **state)
{
  check_scan (100);
  check_scan (1000);
  check_scan (10000);
  (void) state;
}

/* A code stands for a size that is no smaller and at most 1/64 larger. */
static void
test_size_codes (void **state)
{
  unsigned last = 0;

  for (uint64_t bytes = 1; bytes < UINT64_C (1) << 40; bytes += bytes / 99 + 1) {
    unsigned code = policy_size_code_of (bytes);
    uint64_t size = policy_size_of (code);

    assert_true (code > 0 && code < POLICY_SIZES && code >= last);
    assert_true (size >= bytes && size - bytes <= bytes / 64 + 15);
    last = code;
  }
  assert_true (policy_size_code_of (0) > 0);
  assert_true (policy_size_code_of (UINT64_MAX) < POLICY_SIZES);
  assert_int_equal (policy_size_of (policy_size_code_of (65536)), 65536);
  (void) state;
}

/* Every block is used four times within 60 steps, and then never again:
 * frequency misleads.
 */
static void
run_passing (struct model *m, uint64_t first)
{
  for (uint64_t i = first + 100; i < first + 20000; ++i)
    for (uint64_t back = 0; back < 80; back += 20)
      model_access (m, i - back, BLOCK, 40 * MS);
}

/* A block of a lower number is used more often, whatever was used before. */
static void
run_steady (struct model *m)
{
  for (unsigned i = 0; i < 60000; ++i) {
    uint64_t key = 20000;

    for (unsigned n = 0; n < 4; ++n)
      key = model_random (m) % (1 + key);
    model_access (m, key, BLOCK, 40 * MS);
  }
}

/* Is what was used often worth much more than what was used once? */
static bool
counts_frequency (const struct model *m)
{
  const struct shadow_setting *setting = policy_setting (m->policy);

  return setting->order != SHADOW_HOT_COLD && setting->reuse >= 4;
}

static unsigned
loop_hits (uint32_t cache, unsigned loop, unsigned accesses)
{
  unsigned hits = 0;
  struct model m;

  model_new (&m, POLICY_WEIGHTED, cache, cache);
  for (unsigned i = 0; i < accesses; ++i)
    hits += model_access (&m, i % loop, BLOCK, 40 * MS);
  model_free (&m);
  return hits;
}

/* A loop over twice the cache: what recency alone never hits. */
static void
test_loop (void **state)
{
  (void) state;
  assert_true (loop_hits (100, 200, 40000) > 40000 * 35 / 100);
}

/* Once it is seen that it is a loop, what is in the cache then stays: the
 * second round finds most of it.  (What comes back in that round had been
 * evicted not long ago, and would have pushed it all out.)
 */
static void
test_loop_settles (void **state)
{
  (void) state;
  assert_true (loop_hits (1000, 1600, 2 * 1600) > 800);
}

/* The setting follows the workload, and follows again. */
static void
test_settings_follow (void **state)
{
  struct model m;

  model_new (&m, POLICY_WEIGHTED, 100, 100);
  run_passing (&m, UINT64_C (1) << 32);
  assert_false (counts_frequency (&m));
  run_steady (&m);
  assert_true (counts_frequency (&m));
  run_passing (&m, UINT64_C (1) << 33);
  assert_false (counts_frequency (&m));
  (void) state;
  model_free (&m);
}

/* A digest of which slot holds what, after a random run. */
static uint64_t
random_run (enum policy_kind kind, uint64_t seed)
{
  uint64_t digest = 0, used;
  struct model m;

  model_new (&m, kind, 200, 1000);
  m.random = seed;
  for (unsigned i = 0; i < 20000; ++i) {
    uint64_t r = model_random (&m);
    uint64_t key = (r >> 8) % (r % 4 == 0 ? 5000 : 150);
    uint64_t bytes = 4096 + mix_u64 (key) % 61441;

    digest = digest * 31 + model_access (&m, key, bytes, mix_u64 (key) % 90000);
    assert_true (m.used <= m.capacity);
    if (r % 64 == 1 && m.slots[r % m.count].bytes != 0)
      model_drop (&m, r % m.count, false);
    used = 0;
    for (uint32_t s = 0; i % 100 == 0 && s < m.count; ++s) {
      used += m.slots[s].bytes;
      assert_true ((m.slots[s].bytes == 0)
                   == (policy_worth (m.policy, &m.slots[s].entry) == 0));
    }
    assert_true (i % 100 != 0 || used == m.used);
  }
  for (uint32_t s = 0; s < m.count; ++s)
    digest = mix_u64 (digest ^ m.slots[s].key ^ m.slots[s].bytes);
  model_free (&m);
  return digest;
}

static void
test_random_runs (void **state)
{
  assert_true (random_run (POLICY_WEIGHTED, 1)
               == random_run (POLICY_WEIGHTED, 1));
  assert_true (random_run (POLICY_WEIGHTED, 1)
               != random_run (POLICY_WEIGHTED, 2));
  assert_true (random_run (POLICY_LRU, 3) == random_run (POLICY_LRU, 3));
  (void) state;
}

/* A budget of nothing, and blocks larger than it. */
static void
test_absurd_capacity (void **state)
{
  struct policy_entry e = { 0 };
  struct policy *policy = policy_new (&(struct policy_config) { 0 });

  assert_non_null (policy);
  for (unsigned i = 0; i < 100; ++i) {
    policy_insert (policy, &e, i, BLOCK, 40 * MS);
    policy_hit (policy, &e, 1);
    policy_evicted (policy, &e, i, true);
    policy_evicted (policy, &e, i, true);
  }
  policy_hit (policy, &e, 1);
  assert_true (policy_worth (policy, &e) == 0);
  policy_free (policy);
  policy_free (NULL);
  (void) state;
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_worth_rises_with_frequency),
    cmocka_unit_test (test_worth_rises_with_cost),
    cmocka_unit_test (test_worth_falls_with_size),
    cmocka_unit_test (test_burst_is_one_use),
    cmocka_unit_test (test_time_passes_without_misses),
    cmocka_unit_test (test_ghost_gives_credit),
    cmocka_unit_test (test_ghost_forgets),
    cmocka_unit_test (test_victims_are_the_lowest),
    cmocka_unit_test (test_no_victims),
    cmocka_unit_test (test_pool_is_checked),
    cmocka_unit_test (test_scan_in_slices),
    cmocka_unit_test (test_large_are_spared),
    cmocka_unit_test (test_scans),
    cmocka_unit_test (test_size_codes),
    cmocka_unit_test (test_loop),
    cmocka_unit_test (test_loop_settles),
    cmocka_unit_test (test_settings_follow),
    cmocka_unit_test (test_random_runs),
    cmocka_unit_test (test_absurd_capacity),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
