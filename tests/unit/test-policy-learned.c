/* What the shadows have seen, over a restart: all of it comes back, and
 * whatever else the bytes are is refused or harmless.
 */

#include <config.h>

#include <math.h>

#include "test-policy.h"

#define MS 1000u
#define BLOCKS 200u

static struct policy_config
config (enum policy_admission admission)
{
  return (struct policy_config) {
    .kind = POLICY_WEIGHTED, .admission = admission,
    .capacity = (uint64_t) BLOCKS * BLOCK, .max_entries = BLOCKS * 16,
    .seed = 42
  };
}

static void
start (struct model *m, enum policy_admission admission)
{
  struct policy_config c = config (admission);

  model_new (m, POLICY_WEIGHTED, BLOCKS, BLOCKS * 16);
  policy_free (m->policy);
  m->policy = policy_new (&c);
  assert_non_null (m->policy);
}

/* Some blocks often, some once, some in a loop. */
static void
work (struct model *m, unsigned accesses)
{
  for (unsigned i = 0; i < accesses; ++i) {
    uint64_t r = model_random (m) >> 8;
    uint64_t key = i % 3 == 0 ? r % 50 : i % 3 == 1 ? 1000 + i % 500 : r;

    if (policy_admit (m->policy, mix_u64 (key), BLOCK, 40 * MS))
      model_access (m, key, 4096 + mix_u64 (key) % 61441, 40 * MS);
  }
}

static uint8_t *
save (struct policy *policy, enum policy_admission admission, size_t *bytes)
{
  struct policy_config c = config (admission);
  size_t most = policy_learned_most (&c);
  uint8_t *out = malloc (most);

  assert_non_null (out);
  *bytes = policy_learned_save (policy, out);
  assert_true (*bytes > 1000 && *bytes <= most);
  return out;
}

/* What a policy has learned from such work. */
static uint8_t *
learn (uint64_t seed, size_t *bytes)
{
  struct model m;
  uint8_t *saved;

  start (&m, POLICY_ALWAYS);
  m.random = seed;
  work (&m, 5000);
  saved = save (m.policy, POLICY_ALWAYS, bytes);
  model_free (&m);
  return saved;
}

static void
check_all_comes_back (enum policy_admission admission)
{
  struct model a, b;
  size_t before, after;
  uint8_t *saved, *again;

  start (&a, admission);
  a.random = 7;
  work (&a, 20000);
  saved = save (a.policy, admission, &before);
  start (&b, admission);
  assert_true (policy_learned_load (b.policy, saved, before));
  assert_int_equal (shadows_best (a.policy->shadows),
                    shadows_best (b.policy->shadows));
  again = save (b.policy, admission, &after);
  assert_int_equal (before, after);
  assert_memory_equal (saved, again, before);
  /* Once only: it is for a policy that has seen nothing. */
  assert_false (policy_learned_load (b.policy, saved, before));
  free (saved);
  free (again);
  model_free (&a);
  model_free (&b);
}

static void
test_all_comes_back (void **state)
{
  (void) state;
  check_all_comes_back (POLICY_ALWAYS);
  check_all_comes_back (POLICY_AUTO);
}

/* Another goal, kind, or admission; a cache that is much smaller. */
static void
test_other_configuration (void **state)
{
  struct policy_config other[4];
  size_t bytes;
  uint8_t *saved = learn (0, &bytes);

  (void) state;
  for (unsigned i = 0; i < 4; ++i)
    other[i] = config (POLICY_ALWAYS);
  other[0].goal = POLICY_BYTES;
  other[1].kind = POLICY_LRU;
  other[2].admission = POLICY_AUTO;
  other[3].capacity = 4096;
  for (unsigned i = 0; i < 4; ++i) {
    struct policy *p = policy_new (&other[i]);

    assert_non_null (p);
    assert_false (policy_learned_load (p, saved, bytes));
    policy_free (p);
  }
  assert_int_equal (policy_learned_most (&other[1]), 0);
  free (saved);
}

/* Loads what may be anything, and goes on: the budget is kept all the same. */
static bool
survives (const uint8_t *bytes, size_t count)
{
  struct model m;
  bool loaded;

  start (&m, POLICY_ALWAYS);
  loaded = policy_learned_load (m.policy, bytes, count);
  work (&m, 500);
  assert_true (m.used <= m.capacity);
  model_free (&m);
  return loaded;
}

static void
test_cut_off (void **state)
{
  size_t bytes;
  uint8_t *saved = learn (0, &bytes);

  (void) state;
  for (size_t n = 0; n < bytes; n += n < 200 ? 1 : 997)
    assert_false (survives (saved, n));
  assert_true (survives (saved, bytes));
  free (saved);
}

static void
test_not_a_number (void **state)
{
  static const double bad[] = { NAN, -1, -INFINITY, 1e300 };
  /* Total, missed, inflation, the first row's weight and score. */
  static const size_t places[] = { 20, 28, 36, 108 + 16, 108 + 25 };
  size_t bytes;
  uint8_t *saved = learn (0, &bytes), before[8];

  (void) state;
  for (size_t p = 0; p < sizeof places / sizeof places[0]; ++p) {
    memcpy (before, saved + places[p], sizeof before);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
      policy_put (saved + places[p], policy_bits (bad[i]), 8);
      assert_false (survives (saved, bytes));
    }
    memcpy (saved + places[p], before, sizeof before);
  }
  assert_true (survives (saved, bytes));
  free (saved);
}

static void
test_damage (void **state)
{
  unsigned loaded = 0;

  (void) state;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    size_t bytes;
    uint8_t *saved = learn (seed, &bytes), *copy = malloc (bytes);
    uint64_t r = seed;

    assert_non_null (copy);
    for (unsigned i = 0; i < 400; ++i) {
      memcpy (copy, saved, bytes);
      for (unsigned edits = 1 + i % 8; edits > 0; --edits) {
        /* Every second one in the heads, which are less than 1 %. */
        r = mix_u64 (r);
        copy[(r >> 9) % (r & 1 ? 108 : bytes)] = r & 2 ? 0xff : r >> 40;
      }
      loaded += survives (copy, bytes);
    }
    free (copy);
    free (saved);
  }
  /* Else the test has seen refusals only. */
  assert_true (loaded > 100);
}

/* Blocks that are followed whatever is sampled, more than there can be. */
static void
test_hashes_alike (void **state)
{
  enum { ROWS = 2048, HEAD = 28 + 5 * 16, ROW = 25 + 5 * 13 };
  size_t bytes;
  uint8_t *saved = learn (0, &bytes), *made = calloc (1, HEAD + ROWS * ROW);

  (void) state;
  assert_non_null (made);
  memcpy (made, saved, HEAD);
  policy_put (made + 8, ROWS, 4);
  for (size_t i = 0; i < ROWS; ++i) {
    uint8_t *row = made + HEAD + i * ROW;

    policy_put (row, i + 1, 8);
    policy_put (row + 8, 1, 8);
    for (size_t view = 0; view < 5; ++view)
      policy_put (row + 25 + view * 13, policy_bits (1), 8);
  }
  assert_true (survives (made, HEAD + ROWS * ROW));
  free (made);
  free (saved);
}

/* What was worth much under one setting is worth less than nothing under
 * another: what is saved then can be loaded again.
 */
static void
test_worth_nothing (void **state)
{
  struct policy_config c = config (POLICY_ALWAYS);
  struct policy *a = policy_new (&c), *b = policy_new (&c);
  uint8_t policy_state[POLICY_SAVED] = { 0 }, entry[POLICY_ENTRY_SAVED] = { 0 };
  struct policy_entry e = { 0 };
  uint8_t *saved;
  size_t bytes;

  assert_non_null (a);
  assert_non_null (b);
  policy_put (policy_state, policy_bits (1000), 8);
  policy_load (a, policy_state);
  policy_put (entry, policy_bits (900), 8);
  entry[12] = 240;
  entry[13] = 135;
  policy_entry_load (a, &e, mix_u64 (1), BLOCK, entry);
  saved = malloc (policy_learned_most (&c));
  assert_non_null (saved);
  bytes = policy_learned_save (a, saved);
  assert_true (policy_learned_load (b, saved, bytes));
  (void) state;
  free (saved);
  policy_free (a);
  policy_free (b);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_all_comes_back),
    cmocka_unit_test (test_other_configuration),
    cmocka_unit_test (test_cut_off),
    cmocka_unit_test (test_not_a_number),
    cmocka_unit_test (test_hashes_alike),
    cmocka_unit_test (test_worth_nothing),
    cmocka_unit_test (test_damage),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
