/* Blocks that somebody wants gone, whatever they are worth. */

#include <config.h>

#include <errno.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define LOOK_AT 4096            /* slots, with the lock held */

/* What is to go: blocks [first, end) of the objects. */
struct drop
{
  struct cache *cache;
  struct named named;
  uint64_t first, end;
  uint32_t at;                  /* the next slot to look at */
  struct cache_evicted *evicted;
};

static bool
is_meant (const struct drop *drop, const struct slot *s)
{
  uint64_t block = atomic_load_explicit (&s->block, memory_order_relaxed);

  return s->state == SLOT_LIVE && block >= drop->first && block < drop->end &&
    named_find (&drop->named, atomic_load_explicit (&s->object,
                                                    memory_order_relaxed));
}

/* Nobody finds it any more, and no sweep takes it: it is the caller's. */
static void
take (struct drop *drop, uint32_t slot)
{
  struct cache *c = drop->cache;
  struct slot *s = &c->table[slot];

  slots_doom (c, slot);
  s->state = SLOT_TAKEN;
  policy_evicted (c->policy, &s->policy,
                  slots_key (c, atomic_load (&s->object),
                             atomic_load (&s->block)), false);
  drop->evicted->blocks++;
  drop->evicted->bytes += budget_block (c, atomic_load (&s->lengths));
}

/* False: that was all. */
static bool
drop_some (struct drop *drop)
{
  struct cache *c = drop->cache;
  uint32_t slots[BATCH_MAX], n = 0, end;
  bool more;

  pthread_mutex_lock (&c->lock);
  end = min_u64 (drop->at + (uint64_t) LOOK_AT, c->high_water);
  for (; drop->at < end && n < BATCH_MAX; drop->at++)
    if (is_meant (drop, &c->table[drop->at]))
      take (drop, slots[n++] = drop->at);
  more = drop->at < c->high_water;
  pthread_mutex_unlock (&c->lock);
  evict_free (c, slots, n);
  return more;
}

int
cache_evict (struct cache *c, const char *identity, uint64_t offset,
             uint64_t end, struct cache_evicted *evicted, struct error *e)
{
  struct drop drop = {
    .cache = c, .first = offset / c->block_size,
    .end = end / c->block_size + (end % c->block_size != 0),
    .evicted = evicted
  };
  bool whole = offset == 0 && end == UINT64_MAX, failed;

  *evicted = (struct cache_evicted) { 0 };
  if (named_get (c, identity, true, &drop.named, e) == -1)
    return -1;
  while (!(failed = health_unwritable (c)) && drop_some (&drop))
    ;
  named_put (&drop.named, whole && !failed);
  if (whole && !failed)
    objects_save (c, true);
  return !failed ? 0 :
    error_set (e, EIO, "%s: its disk fails: not all could be dropped", c->dir);
}
