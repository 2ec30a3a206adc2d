/* Which blocks go first: those worth least of the whole table, in batches.
 *
 * A scan, in slices, keeps the lowest 1/256 of the table (at least what was
 * asked for), and the calls that follow are served from them: 256 entries
 * looked at for a victim on average, however large the table.  A candidate
 * that was used, evicted or pinned since the scan is passed over.  What came
 * in later with a lower worth waits for the next scan, at most 0.4 % of the
 * cache later.
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

/* A large block (above 64 KiB) that was used more than once goes only when its
 * next use is overdue: twice the mean gap has passed since the last (two half
 * octaves).
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

static unsigned
victims_setting (const struct policy *policy)
{
  return policy->kind == POLICY_LRU ? 0 : shadows_best (policy->shadows);
}

static enum shadow_order
victims_order (const struct policy *policy)
{
  return policy->kind == POLICY_LRU ? SHADOW_AGES
    : shadow_settings[policy->scan_setting].order;
}

static void
victims_begin (struct policy *policy, uint32_t keep, bool spare)
{
  policy->scanning = true;
  policy->scan_spare = spare;
  policy->scan_slot = 0;
  policy->scan_keep = keep;
  policy->scan_limit = UINT64_MAX;
  policy->scan_now = policy_now (policy);
  policy->scan_hot = UINT64_MAX;
  policy->scan_setting = victims_setting (policy);
  policy->pool_next = policy->pool_end = 0;
}

/* For SHADOW_HOT_COLD, which hot one was used longest ago is found by the way:
 * the lowest of those that are not going to be evicted.
 */
static void
victims_leave (struct policy *policy, uint64_t worth, uint32_t slot)
{
  if (worth >> 32 != POLICY_HOT || worth >= policy->scan_hot)
    return;
  policy->scan_hot = worth;
  policy->scan_hot_slot = slot;
}

/* The lowest stay in the pool. */
static void
victims_trim (struct policy *policy)
{
  if (policy->pool_end <= policy->scan_keep)
    return;
  victims_select (policy->pool, policy->pool_end, policy->scan_keep);
  for (uint32_t i = policy->scan_keep; i < policy->pool_end; ++i)
    victims_leave (policy, policy->pool[i].worth, policy->pool[i].slot);
  policy->pool_end = policy->scan_keep;
}

/* When it was used, with POLICY_KNOWN; 0 if it has been used since it was
 * looked at.  If there is none, whatever is used again becomes one.
 */
static uint64_t
victims_oldest_hot (struct policy *policy, const struct policy_table *table)
{
  const struct policy_entry *entry;

  for (uint32_t i = 0;
       policy->scan_hot == UINT64_MAX && i < policy->pool_end; ++i)
    victims_leave (policy, policy->pool[i].worth, policy->pool[i].slot);
  if (policy->scan_hot == UINT64_MAX)
    return POLICY_KNOWN | (policy->scan_now - INT32_MAX);
  entry = table->entry (table->opaque, policy->scan_hot_slot);
  if (entry == NULL || policy_worth (policy, entry) != policy->scan_hot)
    return 0;
  return POLICY_KNOWN | atomic_load_explicit (&entry->used_at,
                                              memory_order_relaxed);
}

/* Adds a slot to the pool, which keeps the lowest. */
static void
victims_add (struct policy *policy, const struct policy_entry *entry,
             uint32_t slot, uint32_t now)
{
  struct policy_candidate *pool = policy->pool;
  bool keeps = victims_order (policy) == SHADOW_KEEPS;
  uint64_t worth = policy_worth (policy, entry);
  uint32_t age;

  if (worth == 0)
    return;
  age = now - atomic_load_explicit (&entry->used_at, memory_order_relaxed);
  if (worth > policy->scan_limit
      || (policy->scan_spare && victims_spared (policy, entry, age))) {
    victims_leave (policy, worth, slot);
    return;
  }
  pool[policy->pool_end].worth = worth;
  pool[policy->pool_end].age = keeps ? policy_keeps_rank (age) : age;
  pool[policy->pool_end++].slot = slot;
  if (policy->pool_end < policy->scan_keep * 2)
    return;
  victims_trim (policy);
  policy->scan_limit = 0;
  for (uint32_t i = 0; i < policy->pool_end; ++i)
    policy->scan_limit = max_u64 (policy->scan_limit, pool[i].worth);
}

/* One slice of filling the pool with the lowest of the table, under one
 * setting.  True when that is done.
 */
static bool
victims_scan (struct policy *policy, const struct policy_table *table)
{
  uint32_t now = policy_now (policy), end;

  if (policy->scan_setting != victims_setting (policy))
    victims_begin (policy, policy->scan_keep, policy->scan_spare);
  end = min_u64 ((uint64_t) policy->scan_slot + POLICY_SLICE, table->count);
  for (; policy->scan_slot < end; ++policy->scan_slot) {
    const struct policy_entry *entry;

    entry = table->entry (table->opaque, policy->scan_slot);
    if (entry != NULL)
      victims_add (policy, entry, policy->scan_slot, now);
  }
  if (policy->scan_slot < table->count)
    return false;
  victims_trim (policy);
  qsort (policy->pool, policy->pool_end, sizeof policy->pool[0],
         victims_compare);
  policy->scanning = false;
  atomic_store_explicit (&policy->oldest_hot,
                         victims_order (policy) == SHADOW_HOT_COLD
                         ? victims_oldest_hot (policy, table) : 0,
                         memory_order_relaxed);
  return true;
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

bool
policy_scanning (const struct policy *policy)
{
  return policy->scanning;
}

/* The few that are left of the last scan are found again by the next, so that
 * none comes twice.
 */
uint32_t
policy_victims (struct policy *policy, const struct policy_table *table,
                uint32_t *victims, uint32_t max)
{
  uint32_t keep = table->count / VICTIMS_SHARE, count;

  if (max > POLICY_VICTIMS_MAX)
    max = POLICY_VICTIMS_MAX;
  if (max == 0)
    return 0;
  if (!policy->scanning) {
    count = victims_take (policy, table, victims, max, false);
    if (count == max)
      return count;
    keep = min_u64 (max_u64 (keep, max), policy->pool_size);
    victims_begin (policy, keep, policy->kind == POLICY_WEIGHTED);
  }
  if (!victims_scan (policy, table))
    return 0;
  if (policy->scan_spare && policy->pool_end < max) {
    victims_begin (policy, policy->scan_keep, false);
    if (!victims_scan (policy, table))
      return 0;
  }
  /* A long scan begins with what was as it was some slices ago. */
  count = victims_take (policy, table, victims, max,
                        table->count <= POLICY_SLICE);
  if (count > 0)
    return count;
  policy->pool_next = 0;
  return victims_take (policy, table, victims, max, true);
}
