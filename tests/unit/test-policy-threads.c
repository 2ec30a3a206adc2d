/* Uses from several threads while blocks come and go: no data race (under
 * ThreadSanitizer), and no entry left half made.
 */

#include <config.h>

#include <pthread.h>

#include "test-policy.h"

#define SLOTS 64
#define THREADS 4
#define HITS 50000

static struct model model;

static void *
hitter (void *opaque)
{
  uint64_t random = (uintptr_t) opaque;

  for (unsigned i = 0; i < HITS; ++i) {
    random = mix_u64 (random);
    policy_hit (model.policy, &model.slots[random % SLOTS].entry, random);
  }
  return NULL;
}

static void
check_threads (enum policy_kind kind)
{
  struct policy_table table;
  uint32_t victims[SLOTS], count;
  pthread_t threads[THREADS];

  model_new (&model, kind, SLOTS, SLOTS);
  table = model_table (&model);
  for (uintptr_t i = 0; i < THREADS; ++i)
    assert_int_equal (pthread_create (&threads[i], NULL, hitter,
                                      (void *) (i + 1)), 0);
  for (uint64_t key = 0; key < 5000; ++key)
    model_access (&model, key, BLOCK, 40000);
  for (unsigned i = 0; i < THREADS; ++i)
    assert_int_equal (pthread_join (threads[i], NULL), 0);

  /* Dropped ones are not brought back by a late use. */
  for (uint32_t i = 0; i < SLOTS; ++i)
    assert_true ((model.slots[i].bytes == 0)
                 == (policy_worth (model.policy, &model.slots[i].entry) == 0));
  count = policy_victims (model.policy, &table, victims, SLOTS);
  assert_int_equal (count, model.used / BLOCK);
  model_free (&model);
}

static void
test_threads (void **state)
{
  check_threads (POLICY_WEIGHTED);
  check_threads (POLICY_LRU);
  (void) state;
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
