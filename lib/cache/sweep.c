/* Sweeps: the evictor goes through the table for slots that are DOOMED or
 * whose object is gone, and frees them.
 */

#include <config.h>

#include <stdlib.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define SWEEP_SLOTS 4096        /* looked at with the lock held */

/* The blocks of an object that is gone: nobody can ask for them any more.
 * If the id can't be kept for want of memory, they are evicted in time.
 */
void
sweep_object (struct cache *c, uint32_t id)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);
  uint32_t *dead = realloc (c->dead, (c->dead_count + 1) * sizeof *dead);

  if (!dead)
    return;
  c->dead = dead;
  c->dead[c->dead_count++] = id;
  c->sweep_wanted = true;
  pthread_cond_signal (&c->evict_cond);
}

static void
begin (struct cache *c)
{
  free (c->sweep_dead);
  c->sweep_dead = c->dead;
  c->sweep_dead_count = c->dead_count;
  c->dead = NULL;
  c->dead_count = 0;
  if (c->sweep_dead_count > 0)
    qsort (c->sweep_dead, c->sweep_dead_count, sizeof *c->sweep_dead,
           slots_compare);
  c->sweep_wanted = false;
  c->sweep_at = 0;
  c->sweeping = true;
}

static bool
is_dead (struct cache *c, struct slot *s)
{
  uint32_t object = atomic_load_explicit (&s->object, memory_order_relaxed);

  return c->sweep_dead_count > 0 &&
    bsearch (&object, c->sweep_dead, c->sweep_dead_count,
             sizeof *c->sweep_dead, slots_compare) != NULL;
}

bool
sweep_some (struct cache *c)
{
  uint32_t slots[BATCH_MAX], n = 0, end;
  bool suspect = false;

  if (!c->sweeping && !c->sweep_wanted)
    return false;
  if (!c->sweeping)
    begin (c);
  end = min_u64 (c->sweep_at + (uint64_t) SWEEP_SLOTS, c->high_water);
  for (; c->sweep_at < end && n < BATCH_MAX; c->sweep_at++) {
    struct slot *s = &c->table[c->sweep_at];

    if (s->state == SLOT_LIVE && is_dead (c, s)) {
      slots_doom (c, c->sweep_at);
      policy_evicted (c->policy, &s->policy,
                      slots_key (c, atomic_load (&s->object),
                                 atomic_load (&s->block)), false);
    }
    if (s->state == SLOT_DOOMED) {
      slots[n++] = c->sweep_at;
      suspect |= s->flags & SLOT_SUSPECT;
    }
  }
  if (c->sweep_at >= c->high_water)
    c->sweeping = false;
  pthread_mutex_unlock (&c->lock);
  evict_free (c, slots, n);
  pthread_mutex_lock (&c->lock);
  if (suspect)
    budget_reconcile (c);
  return !health_unwritable (c);
}
