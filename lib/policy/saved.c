/* The state of the policy over a restart: nothing of it is essential, and all
 * of it may have been damaged on disk.
 *
 * All numbers are little-endian.
 *
 *     policy   0  inflation L, IEEE 754 double (LRU: uses so far)
 *              8  virtual time
 *             16  miss ratio of each of the five settings, 1/65535
 *             26  which settings those are: SAVED_SETTINGS
 *             28  cost of the uses that they are of (0: not known)
 *     entry    0  base (bit 63: cold)
 *              8  used_at     12  frequency   13  cost
 *             14  size, mean gap
 */

#include <config.h>

#include "policy/internal.h"
#include "util/minmax.h"

#define SAVED_SEQUENCE_MAX (UINT64_C (1) << 62)

/* Counts the changes of shadow_settings. */
#define SAVED_SETTINGS 1u
_Static_assert (16 + 2 * SHADOW_SETTINGS <= 26, "room for the ratios");

#define SAVED_COST_UNKNOWN 135u         /* weight 1 */

void
policy_save (const struct policy *policy, uint8_t out[POLICY_SAVED])
{
  struct shadow_history history;
  uint64_t inflation, clock;

  memset (out, 0, POLICY_SAVED);
  inflation = policy->kind == POLICY_LRU
    ? atomic_load_explicit (&policy->sequence, memory_order_relaxed)
    : atomic_load_explicit (&policy->inflation, memory_order_relaxed);
  clock = atomic_load_explicit (&policy->clock, memory_order_relaxed);
  policy_put (out, inflation, 8);
  policy_put (out + 8, clock, 8);
  if (policy->kind == POLICY_LRU)
    return;
  shadows_save (policy->shadows, &history);
  policy_put (out + 26, SAVED_SETTINGS, 2);
  policy_put (out + 28, history.total, 4);
  for (unsigned i = 0; i < SHADOW_SETTINGS; ++i)
    policy_put (out + 16 + 2 * i, history.ratios[i], 2);
}

void
policy_load (struct policy *policy, const uint8_t in[POLICY_SAVED])
{
  double inflation = policy_double (policy_get (in, 8));
  struct shadow_history history;

  atomic_store_explicit (&policy->clock, policy_get (in + 8, 8),
                         memory_order_relaxed);
  if (policy->kind == POLICY_LRU) {
    atomic_store_explicit (&policy->sequence,
                           min_u64 (policy_get (in, 8), SAVED_SEQUENCE_MAX),
                           memory_order_relaxed);
    return;
  }
  /* Written so that a NaN is refused too. */
  if (!(inflation >= 1 && inflation <= POLICY_INFLATION_MAX))
    inflation = 1;
  atomic_store_explicit (&policy->inflation, policy_bits (inflation),
                         memory_order_relaxed);
  for (unsigned i = 0; i < SHADOW_SETTINGS; ++i)
    history.ratios[i] = policy_get (in + 16 + 2 * i, 2);
  history.total = policy_get (in + 26, 2) == SAVED_SETTINGS
    ? policy_get (in + 28, 4) : 0;
  shadows_load (policy->shadows, &history);
}

void
policy_entry_save (const struct policy_entry *entry,
                   uint8_t out[POLICY_ENTRY_SAVED])
{
  policy_put (out, atomic_load_explicit (&entry->base,
                                         memory_order_relaxed), 8);
  policy_put (out + 8, atomic_load_explicit (&entry->used_at,
                                             memory_order_relaxed), 4);
  out[12] = atomic_load_explicit (&entry->frequency, memory_order_relaxed);
  out[13] = atomic_load_explicit (&entry->cost, memory_order_relaxed);
  policy_put (out + 14, atomic_load_explicit (&entry->size_gap,
                                              memory_order_relaxed), 2);
}

/* A base (without its mark) that no use can have had is that of a use now.  The
 * device may have died with newer entries on disk than the policy state: those
 * are treated the same.
 */
static uint64_t
saved_base (struct policy *policy, uint64_t base)
{
  uint64_t newest, oldest = 1;

  if (policy->kind == POLICY_LRU) {
    newest = atomic_load_explicit (&policy->sequence, memory_order_relaxed);
    if (newest == 0)
      atomic_store_explicit (&policy->sequence, ++newest,
                             memory_order_relaxed);
  }
  else {
    newest = atomic_load_explicit (&policy->inflation, memory_order_relaxed);
    oldest = policy_bits (1);
  }
  return base >= oldest && base <= newest ? base : newest;
}

void
policy_entry_load (struct policy *policy, struct policy_entry *entry,
                   uint64_t key, uint64_t bytes,
                   const uint8_t in[POLICY_ENTRY_SAVED])
{
  uint64_t base = policy_get (in, 8);
  uint32_t used_at = policy_get (in + 8, 4), now = policy_now (policy);
  unsigned frequency = in[12], cost = in[13];
  unsigned gap = policy_get (in + 14, 2) >> POLICY_GAP_SHIFT;
  uint64_t cold = policy->kind == POLICY_WEIGHTED ? base & POLICY_COLD : 0;

  if (frequency < POLICY_CREDIT_ONE)
    frequency = POLICY_CREDIT_ONE;
  if (frequency > POLICY_CREDIT_MAX)
    frequency = POLICY_CREDIT_MAX;
  if (now - used_at > INT32_MAX || base == 0)
    used_at = now;
  if (base == 0)
    cost = SAVED_COST_UNKNOWN;
  base = saved_base (policy, base & ~cold) | cold;

  atomic_store_explicit (&entry->used_at, used_at, memory_order_relaxed);
  atomic_store_explicit (&entry->frequency, frequency, memory_order_relaxed);
  atomic_store_explicit (&entry->cost, cost, memory_order_relaxed);
  atomic_store_explicit (&entry->size_gap,
                         policy_size_code_of (bytes) | gap << POLICY_GAP_SHIFT,
                         memory_order_relaxed);
  atomic_store_explicit (&entry->base, base, memory_order_relaxed);
  atomic_fetch_add_explicit (&policy->residents, 1, memory_order_relaxed);
  if (policy->kind == POLICY_WEIGHTED)
    policy_seed_shadows (policy, entry, key, bytes);
}

size_t
policy_learned_most (const struct policy_config *config)
{
  return config->kind != POLICY_WEIGHTED ? 0
    : 4 + shadows_image_most (config->max_entries,
                              config->admission == POLICY_AUTO);
}

size_t
policy_learned_save (struct policy *policy, uint8_t *out)
{
  if (!policy->shadows)
    return 0;
  policy_put (out, policy->goal, 4);
  return 4 + shadows_image_save (policy->shadows, out + 4);
}

/* Weights of another goal mean nothing. */
bool
policy_learned_load (struct policy *policy, const uint8_t *in, size_t bytes)
{
  return policy->shadows && bytes > 4 && policy_get (in, 4) == policy->goal
    && shadows_image_load (policy->shadows, in + 4, bytes - 4);
}
