/* Which blocks go first: those worth least of the whole table, in batches.
 *
 * A scan keeps the lowest 1/256 of the table (at least what was asked for),
 * and the calls that follow are served from them: 256 entries looked at for
 * a victim on average, however large the table.  A candidate that was used,
 * evicted or pinned since the scan is passed over.  What came in later with
 * a lower worth waits for the next scan, at most 0.4 % of the cache later.
 * (Random samples of 256 cost as much, miss the cache each time, and evict
 * 0.2 % worse.)
 */

#include <config.h>

#include <stdlib.h>

#include "policy/internal.h"
#include "util/minmax.h"

#define VICTIMS_SHARE 256

static bool
victims_before (const struct policy_candidate *a,
                const struct policy_candidate *b)
{
  if (a->worth != b->worth)
    return a->worth < b->worth;
  return a->age > b->age || (a->age == b->age && a->slot < b->slot);
}

static int
victims_compare (const void *a, const void *b)
{
  return victims_before (a, b) ? -1 : victims_before (b, a);
}

/* Brings the lowest keep candidates to the front (quickselect). */
static void
victims_select (struct policy_candidate *c, uint32_t count, uint32_t keep)
{
  uint32_t low = 0, high = count;

  while (high - low > 1) {
    struct policy_candidate pivot = c[low + (high - low - 1) / 2], swap;
    uint32_t i = low, j = high - 1;

    for (;;) {
      while (victims_before (&c[i], &pivot))
        i++;
      while (victims_before (&pivot, &c[j]))
        j--;
      if (i >= j)
        break;
      swap = c[i];
      c[i++] = c[j];
      c[j--] = swap;
    }
    /* c[low, j] <= pivot <= c[j + 1, high), neither of them empty. */
    if (keep <= j)
      high = j + 1;
    else
      low = j + 1;
  }
}

/* A large block (above 64 KiB) that was used more than once goes only when its next use is
 * overdue: twice the mean gap has passed since the last (two half octaves).
 */
static bool
victims_spared (const struct policy *policy,
                const struct policy_entry *entry, uint32_t age)
{
  unsigned gap;

  gap = atomic_load_explicit (&entry->size_gap, memory_order_relaxed)
    >> POLICY_GAP_SHIFT;
  if (gap == 0
      || policy->size_weight[policy_size_code (entry)] >= 1)
    return false;
  return policy_gap_code (age) < gap + 2;
}

/* Fills the pool with the lowest keep of the table. */
static void
victims_scan (struct policy *policy, const struct policy_table *table,
              uint32_t keep, bool spare)
{
  struct policy_candidate *pool = policy->pool;
  uint64_t limit = UINT64_MAX;
  uint32_t count = 0, now = policy_now (policy);
  bool oldest = policy->kind == POLICY_LRU
    || shadow_settings[shadows_best (policy->shadows)].ages;

  for (uint32_t slot = 0; slot < table->count; ++slot) {
    const struct policy_entry *entry = table->entry (table->opaque, slot);
    uint64_t worth;
    uint32_t age;

    if (entry == NULL)
      continue;
    worth = policy_worth (policy, entry);
    if (worth == 0 || worth > limit)
      continue;
    age = now - atomic_load_explicit (&entry->used_at, memory_order_relaxed);
    if (spare && victims_spared (policy, entry, age))
      continue;
    pool[count].worth = worth;
    pool[count].age = oldest || age < POLICY_IN_USE ? age : ~age;
    pool[count++].slot = slot;
    if (count == keep * 2) {
      victims_select (pool, count, keep);
      count = keep;
      limit = 0;
      for (uint32_t i = 0; i < keep; ++i)
        limit = max_u64 (limit, pool[i].worth);
    }
  }
  if (count > keep) {
    victims_select (pool, count, keep);
    count = keep;
  }
  qsort (pool, count, sizeof pool[0], victims_compare);
  policy->pool_next = 0;
  policy->pool_end = count;
}

/* Moves candidates into victims: from an earlier scan only those which are
 * as they were.  In a scan just made one that was used since is the lowest
 * all the same, and something must go even when everything is in use.
 */
static uint32_t
victims_take (struct policy *policy, const struct policy_table *table,
              uint32_t *victims, uint32_t max, bool fresh)
{
  uint32_t count = 0;

  while (count < max && policy->pool_next < policy->pool_end) {
    const struct policy_candidate *c = &policy->pool[policy->pool_next++];
    const struct policy_entry *entry;
    uint64_t worth;

    if (c->slot >= table->count)
      continue;
    entry = table->entry (table->opaque, c->slot);
    if (entry == NULL)
      continue;
    worth = policy_worth (policy, entry);
    if (worth == 0 || (worth != c->worth && !fresh))
      continue;
    victims[count++] = c->slot;
    policy->worst_victim = c->worth;
  }
  return count;
}

uint32_t
policy_victims (struct policy *policy, const struct policy_table *table,
                uint32_t *victims, uint32_t max)
{
  bool spare = policy->kind == POLICY_WEIGHTED;
  uint32_t keep = table->count / VICTIMS_SHARE, count;

  if (max > POLICY_VICTIMS_MAX)
    max = POLICY_VICTIMS_MAX;
  if (max == 0)
    return 0;
  count = victims_take (policy, table, victims, max, false);
  if (count == max)
    return count;

  /* The few that are left are found again, so that none comes twice. */
  if (keep < max)
    keep = max;
  if (keep > policy->pool_size)
    keep = policy->pool_size;
  victims_scan (policy, table, keep, spare);
  if (spare && policy->pool_end < max)
    victims_scan (policy, table, keep, false);
  return victims_take (policy, table, victims, max, true);
}
