/* Uses, insertions and evictions: how a block's score comes about.
 *
 * score = L + weight * frequency, where L is the score of what was evicted
 * last (Cherkasova's GreedyDual-Size-Frequency, HP Labs 1998: what is not
 * used again is overtaken by what is new), weight the time to fetch a byte of
 * the block again, and frequency a credit of one a use.  A 64 KiB block gets
 * many small reads in a row: at most one use counts in a correlation window
 * of virtual time, and the others store nothing at all.
 */

#include <config.h>

#include <stdlib.h>

#include "policy/internal.h"
#include "util/mix.h"

#define POLICY_WINDOW (POLICY_USED_TURNOVER / 20)       /* 0.05 turnovers */
#define POLICY_HALF_LIFE (8 * POLICY_USED_TURNOVER)

/* Cost codes: twelve an octave from 16 us (code 0) to 37 s (code 254). */
#define POLICY_COST_MIN_US 16
#define POLICY_COST_OCTAVE 12
#define POLICY_COST_UNIT_US 40000.0     /* weight 1 */
#define POLICY_ROOT_12 1.0594630943592953       /* 2^(1/12) */
#define POLICY_ROOT_64 0.98922801319397549      /* 2^(-1/64) */

/* How many uses a thread counts before it adds them to the clock. */
#define POLICY_USES_BATCH 64

struct policy *
policy_new (enum policy_kind kind, uint64_t capacity, uint32_t max_entries,
            uint64_t seed)
{
  struct policy *policy;
  double d;

  policy = aligned_alloc (_Alignof (struct policy), sizeof *policy);
  if (policy == NULL)
    return NULL;
  memset (policy, 0, sizeof *policy);
  policy->kind = kind;
  policy->capacity = capacity ? capacity : 1;
  policy->max_entries = max_entries;
  policy->seed = seed;
  policy->pool_size = max_entries / 256 + POLICY_VICTIMS_MAX;
  policy->pool = malloc ((size_t) policy->pool_size * 2
                         * sizeof policy->pool[0]);
  if (policy->pool == NULL) {
    free (policy);
    return NULL;
  }
  d = POLICY_COST_MIN_US / POLICY_COST_UNIT_US;
  for (unsigned i = 0; i < 256; ++i, d *= POLICY_ROOT_12)
    policy->cost_weight[i] = d;
  d = 1;
  for (unsigned i = 0; i < 64; ++i, d *= POLICY_ROOT_64)
    policy->decay[i] = d;
  return policy;
}

void
policy_free (struct policy *policy)
{
  if (policy == NULL)
    return;
  ghost_free (&policy->ghost);
  free (policy->pool);
  free (policy);
}

unsigned
policy_pages_of (uint64_t bytes)
{
  uint64_t pages = bytes / POLICY_PAGE + (bytes % POLICY_PAGE != 0);

  if (pages == 0)
    return 1;
  return pages < POLICY_PAGES_MAX ? pages : POLICY_PAGES_MAX;
}

/* The nearest code. */
static unsigned
policy_cost_code (const struct policy *policy, uint64_t cost_us)
{
  double weight = cost_us / POLICY_COST_UNIT_US;
  unsigned low = 0, high = 255;

  while (low < high) {
    unsigned mid = (low + high) / 2;

    /* Geometric middle of mid and mid + 1, squared. */
    if (weight * weight
        > policy->cost_weight[mid] * policy->cost_weight[mid] * POLICY_ROOT_12)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

/* Half octaves, from 1 (shorter than 1/32 turnover) to 31. */
unsigned
policy_gap_code (uint32_t gap)
{
  unsigned octave, half;

  gap = gap / (POLICY_USED_TURNOVER / 64);
  if (gap < 2)
    return 1;
  octave = 31 - __builtin_clz (gap);
  half = (gap >> (octave - 1)) & 1;
  return octave * 2 + half < 31 ? octave * 2 + half : 31;
}

uint64_t
policy_score (struct policy *policy, unsigned frequency, unsigned cost,
              unsigned pages)
{
  double inflation, weight;

  inflation = policy_double (atomic_load_explicit (&policy->inflation,
                                                   memory_order_relaxed));
  weight = policy->cost_weight[cost] * 16 / pages;
  return policy_bits (inflation + weight * frequency / POLICY_CREDIT_ONE);
}

/* When there are no misses the time has to go on too: one correlation window
 * for one use of each resident block.  Each thread counts on its own line.
 */
static void
policy_count_use (struct policy *policy)
{
  static _Atomic unsigned threads;
  static _Thread_local unsigned self;
  _Atomic uint32_t *uses;
  uint32_t residents, count;

  if (self == 0)
    self = 1 + atomic_fetch_add_explicit (&threads, 1, memory_order_relaxed)
      % POLICY_STRIPES;
  uses = &policy->stripes[self - 1].uses;
  /* Threads that share a line may lose one: it is only a pace. */
  count = atomic_load_explicit (uses, memory_order_relaxed) + 1;
  if (count < POLICY_USES_BATCH) {
    atomic_store_explicit (uses, count, memory_order_relaxed);
    return;
  }
  atomic_store_explicit (uses, 0, memory_order_relaxed);
  residents = atomic_load_explicit (&policy->residents, memory_order_relaxed);
  atomic_fetch_add_explicit (&policy->clock,
                             (POLICY_TURNOVER / 20) * count
                             / (residents ? residents : 1),
                             memory_order_relaxed);
}

static unsigned
policy_decayed (const struct policy *policy, unsigned frequency, uint32_t gap)
{
  uint32_t steps = gap / (POLICY_HALF_LIFE / 64);
  double left;

  if (steps >= 64 * 8)
    return 0;
  left = frequency * policy->decay[steps % 64] / (1u << steps / 64);
  return left + 0.5;
}

static void
policy_hit_lru (struct policy *policy, struct policy_entry *entry)
{
  uint64_t score = atomic_load_explicit (&entry->score, memory_order_relaxed);
  uint64_t newest;

  newest = atomic_load_explicit (&policy->sequence, memory_order_relaxed);
  if (score == 0 || score == newest)
    return;
  newest = 1 + atomic_fetch_add_explicit (&policy->sequence, 1,
                                          memory_order_relaxed);
  atomic_compare_exchange_strong_explicit (&entry->score, &score, newest,
                                           memory_order_relaxed,
                                           memory_order_relaxed);
}

/* The gap between uses so far: half of what it was, half of the new one. */
static unsigned
policy_mean_gap (unsigned old, uint32_t gap)
{
  unsigned code = policy_gap_code (gap);

  return old == 0 ? code : (old + code + (code > old)) / 2;
}

/* The score is what counts and is changed by one compare-and-swap.  Who loses
 * the race leaves the use to the winner.  The other fields follow: if the
 * entry is evicted or reused in between, they are a little off.
 */
static void
policy_hit_counted (struct policy *policy, struct policy_entry *entry,
                    uint32_t now, uint32_t gap)
{
  uint64_t old, new;
  unsigned frequency, cost, size_gap, mean;

  old = atomic_load_explicit (&entry->score, memory_order_relaxed);
  if (old == 0)
    return;
  frequency = atomic_load_explicit (&entry->frequency, memory_order_relaxed);
  cost = atomic_load_explicit (&entry->cost, memory_order_relaxed);
  size_gap = atomic_load_explicit (&entry->size_gap, memory_order_relaxed);

  frequency = policy_decayed (policy, frequency, gap) + POLICY_CREDIT_ONE;
  if (frequency > POLICY_CREDIT_MAX)
    frequency = POLICY_CREDIT_MAX;
  new = policy_score (policy, frequency, cost, policy_pages (size_gap));
  if (!atomic_compare_exchange_strong_explicit (&entry->score, &old, new,
                                                memory_order_relaxed,
                                                memory_order_relaxed))
    return;
  mean = policy_mean_gap (size_gap >> POLICY_GAP_SHIFT, gap);
  size_gap = (size_gap & POLICY_PAGES_MASK) | mean << POLICY_GAP_SHIFT;
  atomic_store_explicit (&entry->used_at, now, memory_order_relaxed);
  atomic_store_explicit (&entry->frequency, frequency, memory_order_relaxed);
  atomic_store_explicit (&entry->size_gap, size_gap, memory_order_relaxed);
}

void
policy_hit (struct policy *policy, struct policy_entry *entry)
{
  uint32_t now, gap;

  if (policy->kind == POLICY_LRU) {
    policy_hit_lru (policy, entry);
    return;
  }
  policy_count_use (policy);
  now = policy_now (policy);
  gap = now - atomic_load_explicit (&entry->used_at, memory_order_relaxed);
  if (gap >= POLICY_WINDOW)
    policy_hit_counted (policy, entry, now, gap);
}

void
policy_insert (struct policy *policy, struct policy_entry *entry,
               uint64_t key, uint64_t bytes, uint64_t cost_us)
{
  unsigned frequency = POLICY_CREDIT_ONE, cost, pages;
  uint32_t residents;
  uint64_t step, score;

  if (bytes > policy->capacity)
    bytes = policy->capacity;
  pages = policy_pages_of (bytes);
  cost = policy_cost_code (policy, cost_us);
  step = (double) bytes / policy->capacity * POLICY_TURNOVER;
  atomic_fetch_add_explicit (&policy->clock, step, memory_order_relaxed);
  residents = 1 + atomic_fetch_add_explicit (&policy->residents, 1,
                                             memory_order_relaxed);
  if (policy->kind == POLICY_LRU)
    score = 1 + atomic_fetch_add_explicit (&policy->sequence, 1,
                                           memory_order_relaxed);
  else {
    if (ghost_take (&policy->ghost, mix_u64 (key ^ policy->seed), residents))
      frequency += POLICY_CREDIT_ONE;
    score = policy_score (policy, frequency, cost, pages);
  }
  atomic_store_explicit (&entry->used_at, policy_now (policy),
                         memory_order_relaxed);
  atomic_store_explicit (&entry->frequency, frequency, memory_order_relaxed);
  atomic_store_explicit (&entry->cost, cost, memory_order_relaxed);
  atomic_store_explicit (&entry->size_gap, pages, memory_order_relaxed);
  atomic_store_explicit (&entry->score, score, memory_order_relaxed);
}

/* L is what the victim was worth when it was chosen: a use that came after
 * that must not make everything else look old.
 */
static void
policy_inflate (struct policy *policy, uint64_t score)
{
  uint64_t inflation;

  if (score > policy->worst_victim)
    score = policy->worst_victim;
  inflation = atomic_load_explicit (&policy->inflation, memory_order_relaxed);
  if (score > inflation)
    atomic_store_explicit (&policy->inflation, score, memory_order_relaxed);
}

void
policy_evicted (struct policy *policy, struct policy_entry *entry,
                uint64_t key, bool remember)
{
  uint32_t residents;
  uint64_t score;

  score = atomic_exchange_explicit (&entry->score, 0, memory_order_relaxed);
  if (score == 0)
    return;
  residents = atomic_fetch_sub_explicit (&policy->residents, 1,
                                         memory_order_relaxed);
  if (remember && policy->kind == POLICY_WEIGHTED) {
    policy_inflate (policy, score);
    ghost_add (&policy->ghost, mix_u64 (key ^ policy->seed), residents);
  }
  atomic_store_explicit (&entry->used_at, 0, memory_order_relaxed);
  atomic_store_explicit (&entry->frequency, 0, memory_order_relaxed);
  atomic_store_explicit (&entry->cost, 0, memory_order_relaxed);
  atomic_store_explicit (&entry->size_gap, 0, memory_order_relaxed);
}
