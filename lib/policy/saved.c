/* The state of the policy over a restart: nothing of it is essential, and all
 * of it may have been damaged on disk.
 *
 * All numbers are little-endian.
 *
 *     policy   0  inflation L, IEEE 754 double    8  virtual time   16  zeros
 *     entry    0  score      8  used_at     12  frequency   13  cost
 *              14  pages, mean gap
 */

#include <config.h>

#include "policy/internal.h"

/* So large an L leaves no room for differences: it is damage. */
#define SAVED_INFLATION_MAX 1e12

#define SAVED_COST_UNKNOWN 135u         /* weight 1 */

static void
saved_put (uint8_t *out, uint64_t value, unsigned bytes)
{
  for (unsigned i = 0; i < bytes; ++i)
    out[i] = value >> (8 * i);
}

static uint64_t
saved_get (const uint8_t *in, unsigned bytes)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < bytes; ++i)
    value |= (uint64_t) in[i] << (8 * i);
  return value;
}

void
policy_save (const struct policy *policy, uint8_t out[POLICY_SAVED])
{
  uint64_t inflation, clock;

  memset (out, 0, POLICY_SAVED);
  inflation = policy->kind == POLICY_LRU
    ? policy_bits (atomic_load_explicit (&policy->sequence,
                                         memory_order_relaxed))
    : atomic_load_explicit (&policy->inflation, memory_order_relaxed);
  clock = atomic_load_explicit (&policy->clock, memory_order_relaxed);
  saved_put (out, inflation, 8);
  saved_put (out + 8, clock, 8);
}

void
policy_load (struct policy *policy, const uint8_t in[POLICY_SAVED])
{
  double inflation = policy_double (saved_get (in, 8));

  /* Written so that a NaN is refused too. */
  if (!(inflation >= 0 && inflation <= SAVED_INFLATION_MAX))
    inflation = 0;
  if (policy->kind == POLICY_LRU)
    atomic_store_explicit (&policy->sequence, inflation,
                           memory_order_relaxed);
  else
    atomic_store_explicit (&policy->inflation, policy_bits (inflation),
                           memory_order_relaxed);
  atomic_store_explicit (&policy->clock, saved_get (in + 8, 8),
                         memory_order_relaxed);
}

void
policy_entry_save (const struct policy_entry *entry,
                   uint8_t out[POLICY_ENTRY_SAVED])
{
  saved_put (out, atomic_load_explicit (&entry->score,
                                        memory_order_relaxed), 8);
  saved_put (out + 8, atomic_load_explicit (&entry->used_at,
                                            memory_order_relaxed), 4);
  out[12] = atomic_load_explicit (&entry->frequency, memory_order_relaxed);
  out[13] = atomic_load_explicit (&entry->cost, memory_order_relaxed);
  saved_put (out + 14, atomic_load_explicit (&entry->size_gap,
                                             memory_order_relaxed), 2);
}

/* A score that no use can have given is replaced by one that a use now would
 * give.  The device may have died with newer entries on disk than the policy
 * state: those are treated the same.
 */
static uint64_t
saved_score (struct policy *policy, uint64_t score, unsigned frequency,
             unsigned cost, unsigned pages)
{
  if (policy->kind == POLICY_LRU) {
    uint64_t newest = atomic_load_explicit (&policy->sequence,
                                            memory_order_relaxed);

    if (newest == 0)
      atomic_store_explicit (&policy->sequence, ++newest,
                             memory_order_relaxed);
    return score != 0 && score <= newest ? score : newest;
  }
  if (score == 0
      || score > policy_score (policy, POLICY_CREDIT_MAX, cost, pages))
    return policy_score (policy, frequency, cost, pages);
  return score;
}

void
policy_entry_load (struct policy *policy, struct policy_entry *entry,
                   uint64_t bytes, const uint8_t in[POLICY_ENTRY_SAVED])
{
  uint64_t score = saved_get (in, 8);
  uint32_t used_at = saved_get (in + 8, 4), now = policy_now (policy);
  unsigned frequency = in[12], cost = in[13], pages = policy_pages_of (bytes);
  unsigned gap = saved_get (in + 14, 2) >> POLICY_GAP_SHIFT;

  if (frequency < POLICY_CREDIT_ONE)
    frequency = POLICY_CREDIT_ONE;
  if (frequency > POLICY_CREDIT_MAX)
    frequency = POLICY_CREDIT_MAX;
  if (now - used_at > INT32_MAX || score == 0)
    used_at = now;
  if (score == 0)
    cost = SAVED_COST_UNKNOWN;
  score = saved_score (policy, score, frequency, cost, pages);

  atomic_store_explicit (&entry->used_at, used_at, memory_order_relaxed);
  atomic_store_explicit (&entry->frequency, frequency, memory_order_relaxed);
  atomic_store_explicit (&entry->cost, cost, memory_order_relaxed);
  atomic_store_explicit (&entry->size_gap, pages | gap << POLICY_GAP_SHIFT,
                         memory_order_relaxed);
  atomic_store_explicit (&entry->score, score, memory_order_relaxed);
  atomic_fetch_add_explicit (&policy->residents, 1, memory_order_relaxed);
}
