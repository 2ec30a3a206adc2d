/* Uses, insertions and evictions: what a block is worth.
 *
 * worth = L + weight * (1 + reuse * (frequency - 1)), where L is what was
 * evicted last had been worth when the block was last used (Cherkasova's
 * GreedyDual-Size-Frequency, HP Labs 1998: what is not used again is overtaken
 * by what is new), weight the time to fetch a byte of the block again, and
 * frequency a credit of one a use.  How much a second use should count differs
 * between workloads (little: recency; much: frequency, and scans pass by): the
 * shadows choose.  The entry holds L and the frequency, so that a new choice
 * is true of every block at once.  (One of the settings leaves L out.)
 *
 * One setting is another policy, LIRS in short (Jiang and Zhang, SIGMETRICS
 * 2002).  A block is hot or cold.  In a full cache what is fetched is cold,
 * unless it was used after the hot one that was used longest ago; a cold one
 * that is used again as soon as that becomes hot.  A cold one goes first, and
 * what was used longest ago of its kind.  So of a loop larger than the cache,
 * where all come back after the same time, what is there stays.
 *
 * A 64 KiB block gets many small reads in a row: at most one use counts in a
 * correlation window of virtual time, and the others store nothing shared.
 */

#include <config.h>

#include <stdlib.h>

#include "policy/internal.h"
#include "util/minmax.h"
#include "util/mix.h"

#define POLICY_HALF_LIFE (64 * POLICY_USED_TURNOVER)    /* of credit */

/* How many uses a thread counts before it adds them to the clock, which every
 * hit of every thread reads: a 16th of a correlation window, within bounds.
 */
#define POLICY_USES_MIN 256
#define POLICY_USES_MAX 4096

static unsigned policy_decayed (unsigned frequency, uint32_t gap);

struct policy *
policy_new (const struct policy_config *config)
{
  uint32_t entries = config->max_entries ? config->max_entries : 1;
  struct shadows_config shadows = {
    .window = POLICY_WINDOW, .decay = policy_decayed,
    .refuses = config->admission == POLICY_AUTO, .entries = entries,
  };
  struct policy *policy;

  policy = aligned_alloc (_Alignof (struct policy), sizeof *policy);
  if (policy == NULL)
    return NULL;
  memset (policy, 0, sizeof *policy);
  policy->kind = config->kind;
  policy->goal = config->goal;
  policy->admission = config->admission;
  policy->capacity = config->capacity ? config->capacity : 1;
  shadows.capacity = policy->capacity;
  policy->seed = config->seed;
  policy->pool_size = min_u64 (entries, entries / 256 + POLICY_VICTIMS_MAX);
  policy->pool = malloc ((size_t) policy->pool_size * 2
                         * sizeof policy->pool[0]);
  if (policy->kind == POLICY_WEIGHTED)
    policy->shadows = shadows_new (&shadows);
  if (policy->pool == NULL
      || (policy->kind == POLICY_WEIGHTED && policy->shadows == NULL)) {
    policy_free (policy);
    return NULL;
  }
  atomic_init (&policy->inflation, policy_bits (1));
  policy_fill_weights (policy);
  return policy;
}

void
policy_free (struct policy *policy)
{
  if (policy == NULL)
    return;
  ghost_free (&policy->ghost);
  shadows_free (policy->shadows);
  free (policy->pool);
  free (policy);
}

/* The time of use counts from the beginning of the scan, so that it has no
 * end to go round at; it is different for the same entry only after a use.
 */
static uint64_t
policy_worth_hot_cold (const struct policy *policy, uint32_t used_at,
                       bool cold)
{
  uint32_t age = policy->scan_now - used_at;

  /* Used since the scan began. */
  if (age > INT32_MAX)
    age = 0;
  return (uint64_t) policy_class (cold, age) << 32 | (UINT32_MAX - age);
}

uint64_t
policy_worth (const struct policy *policy, const struct policy_entry *entry)
{
  uint64_t base = atomic_load_explicit (&entry->base, memory_order_relaxed);
  const struct shadow_setting *setting;
  unsigned frequency, cost;
  bool cold = base & POLICY_COLD;
  double uses;

  if (base == 0 || policy->kind == POLICY_LRU)
    return base;
  setting = policy_setting (policy);
  if (setting->order == SHADOW_HOT_COLD)
    return policy_worth_hot_cold (policy, atomic_load_explicit
                                  (&entry->used_at, memory_order_relaxed),
                                  cold);
  base &= ~POLICY_COLD;
  frequency = atomic_load_explicit (&entry->frequency, memory_order_relaxed);
  cost = atomic_load_explicit (&entry->cost, memory_order_relaxed);
  uses = frequency / (double) POLICY_CREDIT_ONE;
  return policy_bits ((setting->order == SHADOW_AGES ? policy_double (base)
                       : 0)
                      + policy_weight (policy, cost, policy_size_code (entry))
                      * (1 + setting->reuse * (uses - 1)));
}

/* Was a block that comes back after gap used after the hot one that was used
 * longest ago?  Not while that is not known: between its next use and the scan
 * that finds the one after it.
 */
static bool
policy_is_hot (const struct policy *policy, uint32_t gap, uint32_t now)
{
  uint64_t oldest = atomic_load_explicit (&policy->oldest_hot,
                                          memory_order_relaxed);

  return (oldest & POLICY_KNOWN) && gap < now - (uint32_t) oldest;
}

/* What was used at that time is used again, or gone. */
static void
policy_forget_oldest (struct policy *policy, uint32_t used_at)
{
  uint64_t oldest = POLICY_KNOWN | used_at;

  /* A compare-and-swap alone would take the line from all other threads. */
  if (atomic_load_explicit (&policy->oldest_hot, memory_order_relaxed)
      == oldest)
    atomic_compare_exchange_strong_explicit (&policy->oldest_hot, &oldest, 0,
                                             memory_order_relaxed,
                                             memory_order_relaxed);
}

/* Remembers a block as of the time at. */
static void
policy_remember (struct policy *policy, uint64_t hash, uint32_t at)
{
  uint64_t residents = atomic_load_explicit (&policy->residents,
                                             memory_order_relaxed);

  ghost_add (&policy->ghost, hash, at, policy_now (policy),
             min_u64 (residents * SHADOW_REACH_MAX, UINT32_MAX));
}

/* When there are no misses the time has to go on too: one correlation window
 * for one use of each resident block.  Each thread counts on its own line.
 */
static void
policy_count_use (struct policy *policy)
{
  static _Atomic unsigned threads;
  static _Thread_local unsigned self;
  _Atomic uint32_t *uses, *due;
  uint32_t residents, count;

  if (self == 0)
    self = 1 + atomic_fetch_add_explicit (&threads, 1, memory_order_relaxed)
      % POLICY_STRIPES;
  uses = &policy->stripes[self - 1].uses;
  due = &policy->stripes[self - 1].due;
  /* Threads that share a line may lose one: it is only a pace. */
  count = atomic_load_explicit (uses, memory_order_relaxed) + 1;
  if (count < atomic_load_explicit (due, memory_order_relaxed)) {
    atomic_store_explicit (uses, count, memory_order_relaxed);
    return;
  }
  atomic_store_explicit (uses, 0, memory_order_relaxed);
  residents = atomic_load_explicit (&policy->residents, memory_order_relaxed);
  atomic_store_explicit (due, min_u64 (max_u64 (residents / 16,
                                                POLICY_USES_MIN),
                                       POLICY_USES_MAX),
                         memory_order_relaxed);
  atomic_fetch_add_explicit (&policy->clock,
                             (POLICY_TURNOVER / 20) * count
                             / (residents ? residents : 1),
                             memory_order_relaxed);
}

/* Linear within a half-life: close enough, and quick. */
static unsigned
policy_decayed (unsigned frequency, uint32_t gap)
{
  unsigned halves = gap / POLICY_HALF_LIFE;
  unsigned part = gap % POLICY_HALF_LIFE / (POLICY_HALF_LIFE / 256);

  if (halves >= 8)
    return 0;
  return (frequency * (512 - part) + (256u << halves)) >> (9 + halves);
}

static void
policy_hit_lru (struct policy *policy, struct policy_entry *entry)
{
  uint64_t base = atomic_load_explicit (&entry->base, memory_order_relaxed);
  uint64_t newest;

  newest = atomic_load_explicit (&policy->sequence, memory_order_relaxed);
  if (base == 0 || base == newest)
    return;
  newest = 1 + atomic_fetch_add_explicit (&policy->sequence, 1,
                                          memory_order_relaxed);
  atomic_compare_exchange_strong_explicit (&entry->base, &base, newest,
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

/* The base is changed by one compare-and-swap, if at all: while nothing is
 * evicted it stays what it is.  Where it changes, who loses the race leaves the
 * use to the winner.  The other fields follow: if the entry is evicted or
 * reused in between, they are a little off.
 */
static void
policy_hit_counted (struct policy *policy, struct policy_entry *entry,
                    uint32_t now, uint32_t gap)
{
  uint64_t old, new;
  unsigned frequency, size_gap, mean;

  old = atomic_load_explicit (&entry->base, memory_order_relaxed);
  if (old == 0)
    return;
  frequency = atomic_load_explicit (&entry->frequency, memory_order_relaxed);
  size_gap = atomic_load_explicit (&entry->size_gap, memory_order_relaxed);
  new = atomic_load_explicit (&policy->inflation, memory_order_relaxed);
  if ((old & POLICY_COLD)
      && policy_setting (policy)->order == SHADOW_HOT_COLD
      && !policy_is_hot (policy, gap, now))
    new |= POLICY_COLD;
  if (old != new
      && !atomic_compare_exchange_strong_explicit (&entry->base, &old, new,
                                                   memory_order_relaxed,
                                                   memory_order_relaxed))
    return;
  frequency = policy_decayed (frequency, gap) + POLICY_CREDIT_ONE;
  frequency = min_u64 (frequency, POLICY_CREDIT_MAX);
  mean = policy_mean_gap (size_gap >> POLICY_GAP_SHIFT, gap);
  size_gap = size_gap % POLICY_SIZES | mean << POLICY_GAP_SHIFT;
  atomic_store_explicit (&entry->used_at, now, memory_order_relaxed);
  atomic_store_explicit (&entry->frequency, frequency, memory_order_relaxed);
  atomic_store_explicit (&entry->size_gap, size_gap, memory_order_relaxed);
}

void
policy_seed_shadows (struct policy *policy, const struct policy_entry *entry,
                     uint64_t key, uint64_t bytes)
{
  uint64_t base = atomic_load_explicit (&entry->base, memory_order_relaxed);
  uint64_t newest = atomic_load_explicit (&policy->inflation,
                                          memory_order_relaxed);
  struct shadow_resident resident = {
    .hash = mix_u64 (key ^ policy->seed),
    .bytes = min_u64 (bytes, policy->capacity),
    .weight = policy_weight (policy, atomic_load_explicit
                             (&entry->cost, memory_order_relaxed),
                             policy_size_code (entry)),
    .base = policy_double (base & ~POLICY_COLD) - policy_double (newest),
    .used_at = atomic_load_explicit (&entry->used_at, memory_order_relaxed),
    .frequency = atomic_load_explicit (&entry->frequency,
                                       memory_order_relaxed),
    .cold = base & POLICY_COLD,
  };

  if (shadows_sampled (policy->shadows, resident.hash))
    shadows_seed (policy->shadows, &resident);
}

static void
policy_shadow (struct policy *policy, uint64_t hash, uint64_t bytes,
               unsigned cost, bool wait)
{
  struct shadow_use use = {
    .hash = hash,
    .bytes = bytes,
    .cost = policy->goal == POLICY_BYTES ? bytes / 65536.0
    : policy->cost_weight[cost],
    .weight = policy_weight (policy, cost, policy_size_code_of (bytes)),
    .now = policy_now (policy),
  };

  if (shadows_sampled (policy->shadows, hash))
    shadows_use (policy->shadows, &use, wait);
}

void
policy_hit (struct policy *policy, struct policy_entry *entry, uint64_t key)
{
  uint32_t now, used_at;
  unsigned cost;
  uint64_t hash;

  if (policy->kind == POLICY_LRU) {
    policy_hit_lru (policy, entry);
    return;
  }
  policy_count_use (policy);
  now = policy_now (policy);
  used_at = atomic_load_explicit (&entry->used_at, memory_order_relaxed);
  /* Another thread may have been faster, and its time is later. */
  if (now - used_at + POLICY_WINDOW < 2 * POLICY_WINDOW)
    return;
  policy_forget_oldest (policy, used_at);
  policy_hit_counted (policy, entry, now, now - used_at);
  hash = mix_u64 (key ^ policy->seed);
  cost = atomic_load_explicit (&entry->cost, memory_order_relaxed);
  policy_shadow (policy, hash, policy_size_of (policy_size_code (entry)),
                 cost, false);
}

static void
policy_pass_time (struct policy *policy, uint64_t bytes)
{
  uint64_t step = (double) bytes / policy->capacity * POLICY_TURNOVER;

  atomic_fetch_add_explicit (&policy->clock, step, memory_order_relaxed);
}

/* Only in a full cache: something was evicted a moment ago. */
bool
policy_admit (struct policy *policy, uint64_t key, uint64_t bytes,
              uint64_t cost_us)
{
  uint64_t hash = mix_u64 (key ^ policy->seed);
  uint32_t now;

  if (policy->kind != POLICY_WEIGHTED || policy->admission != POLICY_AUTO)
    return true;
  bytes = min_u64 (bytes, policy->capacity);
  policy_shadow (policy, hash, bytes, policy_cost_code (policy, cost_us),
                 true);
  now = policy_now (policy);
  if (!shadows_refuse (policy->shadows) || !policy->evicted
      || now - policy->evicted_at > POLICY_WINDOW
      || ghost_age (&policy->ghost, hash, now)
      <= SHADOW_REACH_ADMIT * POLICY_USED_TURNOVER)
    return true;
  policy_pass_time (policy, bytes);
  policy_remember (policy, hash, policy_now (policy));
  return false;
}

/* Does a block come back so soon that it counts as used twice?  In a loop all
 * come back, each as long after the last time as any other.  What was evicted
 * before a setting for loops was chosen would push out what has to be kept
 * now, a whole round, for nothing: only what was evicted since counts there.
 */
static bool
policy_returns (struct policy *policy, const struct shadow_setting *setting,
                uint32_t age, uint32_t now)
{
  if (setting->order == SHADOW_AGES)
    policy->aged_until = now;
  else if (age > now - policy->aged_until)
    return false;
  return age <= setting->reach * POLICY_USED_TURNOVER;
}

/* Returns the base. */
static uint64_t
policy_insert_weighted (struct policy *policy, struct policy_entry *entry,
                        uint64_t key, uint64_t bytes, unsigned cost)
{
  uint64_t hash = mix_u64 (key ^ policy->seed);
  uint32_t now = policy_now (policy);
  uint32_t age = ghost_take (&policy->ghost, hash, now);
  const struct shadow_setting *setting = policy_setting (policy);
  unsigned frequency = POLICY_CREDIT_ONE;
  bool cold;

  if (policy_returns (policy, setting, age, now))
    frequency += POLICY_CREDIT_ONE;
  cold = policy->evicted && setting->order == SHADOW_HOT_COLD
    && (age >= SHADOW_REACH_MAX * POLICY_USED_TURNOVER
        || !policy_is_hot (policy, age, now));
  atomic_store_explicit (&entry->frequency, frequency, memory_order_relaxed);
  if (policy->admission != POLICY_AUTO)         /* else policy_admit did */
    policy_shadow (policy, hash, bytes, cost, true);
  return atomic_load_explicit (&policy->inflation, memory_order_relaxed)
    | (cold ? POLICY_COLD : 0);
}

void
policy_insert (struct policy *policy, struct policy_entry *entry,
               uint64_t key, uint64_t bytes, uint64_t cost_us)
{
  unsigned cost = policy_cost_code (policy, cost_us);
  uint64_t base;

  bytes = min_u64 (bytes, policy->capacity);
  policy_pass_time (policy, bytes);
  atomic_fetch_add_explicit (&policy->residents, 1, memory_order_relaxed);
  atomic_store_explicit (&entry->used_at, policy_now (policy),
                         memory_order_relaxed);
  atomic_store_explicit (&entry->cost, cost, memory_order_relaxed);
  atomic_store_explicit (&entry->size_gap, policy_size_code_of (bytes),
                         memory_order_relaxed);
  if (policy->kind == POLICY_LRU)
    base = 1 + atomic_fetch_add_explicit (&policy->sequence, 1,
                                          memory_order_relaxed);
  else
    base = policy_insert_weighted (policy, entry, key, bytes, cost);
  atomic_store_explicit (&entry->base, base, memory_order_relaxed);
}

/* L is what the victim was worth when it was chosen: a use that came after
 * that must not make everything else look old.
 */
static void
policy_inflate (struct policy *policy, uint64_t worth)
{
  uint64_t inflation;

  worth = min_u64 (worth, policy->worst_victim);
  inflation = atomic_load_explicit (&policy->inflation, memory_order_relaxed);
  if (worth > inflation)
    atomic_store_explicit (&policy->inflation, worth, memory_order_relaxed);
}

/* By eviction: the cache is full, L may rise, and the ghost has the time it
 * went, or for SHADOW_HOT_COLD of its last use.
 */
static void
policy_evicted_weighted (struct policy *policy, uint64_t key, uint64_t worth,
                         uint32_t used_at)
{
  uint64_t hash = mix_u64 (key ^ policy->seed);
  enum shadow_order order = policy_setting (policy)->order;
  uint32_t now = policy_now (policy);

  if (!policy->evicted)
    shadows_filled (policy->shadows);
  policy->evicted = true;
  policy->evicted_at = now;
  if (order != SHADOW_HOT_COLD)
    used_at = now;
  if (order == SHADOW_AGES)
    policy_inflate (policy, worth);
  if (now - used_at < SHADOW_REACH_MAX * POLICY_USED_TURNOVER)
    policy_remember (policy, hash, used_at);
}

void
policy_evicted (struct policy *policy, struct policy_entry *entry,
                uint64_t key, bool remember)
{
  uint64_t worth = policy_worth (policy, entry);
  uint32_t used_at = atomic_load_explicit (&entry->used_at,
                                           memory_order_relaxed);

  if (atomic_exchange_explicit (&entry->base, 0, memory_order_relaxed) == 0)
    return;
  policy_forget_oldest (policy, used_at);
  if (remember && policy->kind == POLICY_WEIGHTED)
    policy_evicted_weighted (policy, key, worth, used_at);
  atomic_fetch_sub_explicit (&policy->residents, 1, memory_order_relaxed);
  atomic_store_explicit (&entry->used_at, 0, memory_order_relaxed);
  atomic_store_explicit (&entry->frequency, 0, memory_order_relaxed);
  atomic_store_explicit (&entry->cost, 0, memory_order_relaxed);
  atomic_store_explicit (&entry->size_gap, 0, memory_order_relaxed);
}
