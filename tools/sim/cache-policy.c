/* The device's own policies (lib/policy) over a table of slots, one victim
 * at a time.  What is refused is in memory a moment, as in lib/fetch.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "policy/policy.h"
#include "util/minmax.h"
#include "util/mix.h"

/* Memory for what was refused: FETCH_KEPT of lib/fetch, but in a small cache
 * no more than a twentieth of it, lest the memory be what is measured.
 */
#define MOMENT_MAX (UINT64_C (12) << 20)
#define MOMENT_SHARE 20

struct slot
{
  struct policy_entry entry;
  uint32_t object;
  bool used;
  uint64_t bytes;
};

struct policy_cache
{
  struct cache cache;
  struct policy *policy;
  struct slot *slots;
  uint32_t count;               /* used ones so far, from 0 */
  uint32_t *free_slots;         /* a stack */
  uint32_t free_count;
  uint32_t *slot_of;            /* by object, plus 1; 0: not resident */
  uint64_t used;
  uint32_t *kept;               /* objects refused last, a ring */
  uint64_t *kept_bytes;
  uint32_t objects;             /* room in the ring */
  uint64_t kept_used, kept_first, kept_end;
  bool *is_kept;                /* by object */
};

static void
policy_cache_free (struct cache *cache)
{
  struct policy_cache *p = (struct policy_cache *) cache;

  if (p == NULL)
    return;
  policy_free (p->policy);
  free (p->slots);
  free (p->free_slots);
  free (p->slot_of);
  free (p->kept);
  free (p->kept_bytes);
  free (p->is_kept);
  free (p);
}

static struct cache *
policy_cache_new (const struct cache_ops *ops, enum policy_kind kind,
                  const struct trace *trace,
                  const struct cache_config *config)
{
  struct policy_cache *p = calloc (1, sizeof *p);
  uint64_t mean = trace->footprint / trace->objects;
  struct policy_config policy = {
    .kind = kind, .goal = config->goal, .admission = config->admission,
    .capacity = config->capacity, .seed = config->seed,
  };

  if (p == NULL)
    return NULL;
  p->cache.ops = ops;
  p->cache.capacity = config->capacity;
  p->objects = trace->objects;
  policy.max_entries = min_u64 (trace->objects,
                                config->capacity / max_u64 (mean, 1) + 1);
  p->policy = policy_new (&policy);
  p->kept = calloc (trace->objects, sizeof *p->kept);
  p->kept_bytes = calloc (trace->objects, sizeof *p->kept_bytes);
  p->is_kept = calloc (trace->objects, sizeof *p->is_kept);
  p->slot_of = calloc (trace->objects, sizeof *p->slot_of);
  p->slots = calloc (trace->objects, sizeof *p->slots);
  p->free_slots = calloc (trace->objects, sizeof *p->free_slots);
  if (p->policy == NULL || p->slot_of == NULL || p->slots == NULL
      || p->free_slots == NULL || p->kept == NULL || p->kept_bytes == NULL
      || p->is_kept == NULL) {
    policy_cache_free (&p->cache);
    return NULL;
  }
  return &p->cache;
}

static struct policy_entry *
policy_cache_entry (void *opaque, uint32_t slot)
{
  struct policy_cache *p = opaque;

  return p->slots[slot].used ? &p->slots[slot].entry : NULL;
}

static void
policy_cache_evict (struct policy_cache *p)
{
  struct policy_table table = { p->count, policy_cache_entry, p };
  struct slot *slot;
  uint32_t victim, count;

  do
    count = policy_victims (p->policy, &table, &victim, 1);
  while (policy_scanning (p->policy));
  if (count != 1)
    abort ();   /* nothing is pinned here, so there is always one */
  slot = &p->slots[victim];
  policy_evicted (p->policy, &slot->entry, mix_u64 (slot->object), true);
  p->slot_of[slot->object] = 0;
  p->used -= slot->bytes;
  slot->used = false;
  p->free_slots[p->free_count++] = victim;
  p->cache.counts.evictions++;
}

static void
policy_cache_keep (struct policy_cache *p, const struct access *access)
{
  uint64_t objects = p->objects, limit, i;

  limit = min_u64 (MOMENT_MAX, p->cache.capacity / MOMENT_SHARE);
  i = p->kept_end++ % objects;
  p->kept[i] = access->object;
  p->kept_bytes[i] = access->bytes;
  p->kept_used += access->bytes;
  p->is_kept[access->object] = true;
  while (p->kept_used > limit) {
    i = p->kept_first++ % objects;
    p->kept_used -= p->kept_bytes[i];
    p->is_kept[p->kept[i]] = false;
  }
}

static bool
policy_cache_access (struct cache *cache, const struct access *access,
                     uint64_t index)
{
  struct policy_cache *p = (struct policy_cache *) cache;
  uint32_t slot = p->slot_of[access->object];

  (void) index;
  if (slot != 0) {
    policy_hit (p->policy, &p->slots[slot - 1].entry,
                mix_u64 (access->object));
    return true;
  }
  if (p->is_kept[access->object])
    return true;
  if (access->bytes > cache->capacity)
    return false;
  if (!policy_admit (p->policy, mix_u64 (access->object), access->bytes,
                     access->cost_us)) {
    policy_cache_keep (p, access);
    return false;
  }
  while (p->used + access->bytes > cache->capacity)
    policy_cache_evict (p);
  slot = p->free_count > 0 ? p->free_slots[--p->free_count] : p->count++;
  p->slots[slot].object = access->object;
  p->slots[slot].bytes = access->bytes;
  p->slots[slot].used = true;
  p->slot_of[access->object] = slot + 1;
  p->used += access->bytes;
  cache->counts.inserted_bytes += access->bytes;
  policy_insert (p->policy, &p->slots[slot].entry, mix_u64 (access->object),
                 access->bytes, access->cost_us);
  return false;
}

static struct cache *
weighted_new (const struct trace *trace, const struct cache_config *config)
{
  return policy_cache_new (&cache_weighted, POLICY_WEIGHTED, trace, config);
}

static struct cache *
lru_new (const struct trace *trace, const struct cache_config *config)
{
  return policy_cache_new (&cache_lru, POLICY_LRU, trace, config);
}

const struct cache_ops cache_weighted = {
  .name = "weighted",
  .new = weighted_new,
  .free = policy_cache_free,
  .access = policy_cache_access,
};

const struct cache_ops cache_lru = {
  .name = "lru",
  .new = lru_new,
  .free = policy_cache_free,
  .access = policy_cache_access,
};

const struct cache_ops *
cache_find_ops (const char *name)
{
  static const struct cache_ops *const all[] = {
    &cache_weighted, &cache_lru, &cache_gdsf, &cache_gdsf_cost,
    &cache_belady,
  };

  for (unsigned i = 0; i < sizeof all / sizeof all[0]; ++i)
    if (strcmp (name, all[i]->name) == 0)
      return all[i];
  return NULL;
}
