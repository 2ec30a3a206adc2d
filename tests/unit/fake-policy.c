/* A policy for tests of the cache: least recently used, by a counter. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

struct policy
{
  _Atomic uint64_t clock;
};

struct policy *
policy_new (enum policy_kind kind, uint64_t capacity, uint32_t max_entries,
            uint64_t seed)
{
  (void) kind;
  (void) capacity;
  (void) max_entries;
  (void) seed;
  return calloc (1, sizeof (struct policy));
}

void
policy_free (struct policy *policy)
{
  free (policy);
}

void
policy_hit (struct policy *policy, struct policy_entry *entry)
{
  entry->score = ++policy->clock;
}

void
policy_insert (struct policy *policy, struct policy_entry *entry,
               uint64_t key, uint64_t bytes, uint64_t cost_us)
{
  (void) key;
  (void) cost_us;
  entry->pages = bytes / 4096;
  entry->score = ++policy->clock;
}

void
policy_evicted (struct policy *policy, struct policy_entry *entry,
                uint64_t key, bool remember)
{
  (void) policy;
  (void) key;
  (void) remember;
  entry->score = 0;
  entry->pages = 0;
}

uint32_t
policy_victims (struct policy *policy, const struct policy_table *table,
                uint32_t *victims, uint32_t max)
{
  uint64_t after = 0;
  uint32_t n = 0;

  (void) policy;
  while (n < max) {
    uint64_t best = UINT64_MAX;
    bool found = false;

    for (uint32_t i = 0; i < table->count; i++) {
      struct policy_entry *entry = table->entry (table->opaque, i);
      bool chosen = false;

      if (!entry || entry->score >= best || entry->score < after)
        continue;
      for (uint32_t k = 0; k < n; k++)
        chosen |= victims[k] == i;
      if (chosen)
        continue;
      best = entry->score;
      victims[n] = i;
      found = true;
    }
    if (!found)
      break;
    after = best;
    n++;
  }
  return n;
}

void
policy_entry_save (const struct policy_entry *entry,
                   uint8_t out[POLICY_ENTRY_SAVED])
{
  uint64_t score = entry->score;

  memset (out, 0, POLICY_ENTRY_SAVED);
  memcpy (out, &score, sizeof score);
}

void
policy_entry_load (struct policy *policy, struct policy_entry *entry,
                   uint64_t bytes, const uint8_t in[POLICY_ENTRY_SAVED])
{
  uint64_t score;

  (void) policy;
  memcpy (&score, in, sizeof score);
  entry->score = score & UINT32_MAX;
  entry->pages = bytes / 4096;
}

void
policy_save (const struct policy *policy, uint8_t out[POLICY_SAVED])
{
  uint64_t clock = policy->clock;

  memset (out, 0, POLICY_SAVED);
  memcpy (out, &clock, sizeof clock);
}

void
policy_load (struct policy *policy, const uint8_t in[POLICY_SAVED])
{
  uint64_t clock;

  memcpy (&clock, in, sizeof clock);
  policy->clock = clock & UINT32_MAX;
}
