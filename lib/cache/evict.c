/* The evictor: one thread that runs ahead of need, and does in its idle time
 * what else there is to do.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"

#define TICK_NS NS_PER_S
#define POLICY_AT_A_TICK 1024   /* entries whose state is saved */

/* For policy_victims: only what is LIVE may go, and is not pinned. */
static struct policy_entry *
table_entry (void *opaque, uint32_t slot)
{
  struct slot *s = &((struct cache *) opaque)->table[slot];

  return s->state == SLOT_LIVE && !(s->flags & SLOT_PINNED) ?
    &s->policy : NULL;
}

void
evict_one (struct cache *c, uint32_t slot)
{
  struct slot *s = &c->table[slot];

  slots_doom (c, slot);
  policy_evicted (c->policy, &s->policy,
                  slots_key (c, atomic_load (&s->object),
                             atomic_load (&s->block)), true);
  atomic_fetch_add (&c->evicted_blocks, 1);
}

/* Chooses victims and makes them DOOMED.  Looking through a large table takes
 * long: stores get the lock in between.
 */
uint32_t
evict_choose (struct cache *c, uint32_t max, uint32_t *slots)
{
  struct policy_table table = { .entry = table_entry, .opaque = c };
  uint32_t n;

  for (;;) {
    table.count = c->high_water;
    n = policy_victims (c->policy, &table, slots, max);
    if (!policy_scanning (c->policy))
      break;
    pthread_mutex_unlock (&c->lock);
    sched_yield ();
    pthread_mutex_lock (&c->lock);
  }
  for (uint32_t i = 0; i < n; i++)
    evict_one (c, slots[i]);
  return n;
}

static uint32_t
neighbours (const uint32_t *slots, uint32_t count, uint32_t file_slots)
{
  uint32_t n = 1;

  while (n < count && slots[n] == slots[n - 1] + 1 &&
         slots[n] % file_slots != 0)
    n++;
  return n;
}

static bool
punch (struct cache *c, uint32_t slot, uint32_t count)
{
  uint32_t file = slot / c->slots_per_file;
  int fd = data_fd (c, file);

  if (fd == -1)                 /* the store could not even create it */
    return true;
  if (c->sys->fallocate (c->sys, fd,
                         FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                         data_offset (c, slot),
                         (uint64_t) count * c->block_size) == 0)
    return true;
  health_failed (c, "punch a hole", "data.", file, errno);
  return false;
}

static void
give_back (struct cache *c, const uint32_t *slots, uint32_t count,
           bool punched)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  for (uint32_t i = 0; i < count; i++) {
    struct slot *s = &c->table[slots[i]];
    uint64_t bytes = budget_block (c, atomic_load (&s->lengths));

    if (!punched) {             /* health_retry has them swept again */
      s->state = SLOT_DOOMED;
      continue;
    }
    budget_release (c, slots[i], bytes);
    /* What was not what its record says may not have been where it says
     * either: the next look at the disk tells.
     */
    if (s->flags & SLOT_SUSPECT)
      c->surplus += bytes;
    slots_give (c, slots[i]);
  }
  pthread_cond_broadcast (&c->space_cond);
}

/* Frees slots that nobody finds any more and that belong to the caller: on
 * disk, then in the account.  That their records may stay on a disk that
 * fails does no harm: they are right or fail their check.
 */
void
evict_free (struct cache *c, uint32_t *slots, uint32_t count)
{
  static const uint8_t empty[BATCH_MAX * INDEX_RECORD];
  uint32_t n;

  qsort (slots, count, sizeof *slots, slots_compare);
  for (uint32_t i = 0; i < count; i += n) {
    n = neighbours (slots + i, count - i, c->slots_per_file);
    if (index_write (c, slots[i], n, empty) == -1)
      health_failed (c, "write", "index", UINT32_MAX, errno);
    give_back (c, slots + i, n, punch (c, slots[i], n));
  }
}

/* How many blocks to evict for so many bytes: a few at a time, so that a
 * small cache is not emptied for one store.
 */
static uint32_t
batch (struct cache *c, uint64_t bytes)
{
  uint64_t resident = atomic_load (&c->resident);
  uint64_t mean = resident == 0 ? c->unit :
    max_u64 (c->data_used / resident, c->unit);
  uint64_t n = min_u64 (bytes / mean + 1, resident / 8 + 1);

  return min_u64 (n, BATCH_MAX);
}

static bool
evict_some (struct cache *c)
{
  uint64_t bytes = budget_excess (c);
  uint32_t slots[BATCH_MAX], n;

  if (bytes == 0 || pin_evictable (c) == 0)
    return false;
  n = evict_choose (c, batch (c, bytes), slots);
  if (n == 0)
    return false;
  pthread_mutex_unlock (&c->lock);
  for (uint32_t i = 0; i < n; i++)
    log_debug (cache, "evict: object %u block %llu, for room",
               atomic_load (&c->table[slots[i]].object),
               (unsigned long long) atomic_load (&c->table[slots[i]].block));
  evict_free (c, slots, n);
  pthread_mutex_lock (&c->lock);
  return true;
}

/* Saves the policy's state of the next slots, and its own: 16 bytes at a
 * time, since the rest of a record may be being written by a store.
 */
static void
save_policy (struct cache *c)
{
  uint8_t saved[POLICY_AT_A_TICK][POLICY_ENTRY_SAVED];
  uint8_t state[POLICY_SAVED];
  uint32_t first = c->policy_at < c->high_water ? c->policy_at : 0;
  uint32_t count = min_u64 (POLICY_AT_A_TICK, c->high_water - first);
  bool failed = false;

  for (uint32_t i = 0; i < count; i++)
    policy_entry_save (&c->table[first + i].policy, saved[i]);
  policy_save (c->policy, state);
  c->policy_at = first + count;

  pthread_mutex_unlock (&c->lock);
  for (uint32_t i = 0; i < count && !failed; i++)
    failed = sys_pwrite_full (c->sys, c->index_fd, saved[i],
                              POLICY_ENTRY_SAVED,
                              index_offset (first + i) +
                              INDEX_POLICY) == -1;
  if (failed || index_write_policy (c, state) == -1)
    health_failed (c, "write", "index", UINT32_MAX, errno);
  pthread_mutex_lock (&c->lock);
}

/* What a change of the objects could not write at once, for want of space or
 * of a disk that works.
 */
static void
save_objects (struct cache *c)
{
  if (atomic_load (&c->objects_changed) <= atomic_load (&c->objects_saved))
    return;
  pthread_mutex_unlock (&c->lock);
  objects_save (c, false);
  pthread_mutex_lock (&c->lock);
}

/* Once a second, if anything has happened. */
static void
tick (struct cache *c)
{
  uint64_t now = c->sys->monotonic_ns (c->sys), activity = c->activity;

  if (now < c->next_tick_ns)
    return;
  c->next_tick_ns = now + TICK_NS;
  save_objects (c);
  for (unsigned i = 0; i < COUNTERS; i++)
    activity += atomic_load_explicit (&c->counters[i].hits,
                                      memory_order_relaxed);
  if (activity == c->activity_seen)
    return;
  c->activity_seen = activity;
  budget_reconcile (c);
  save_policy (c);
}

static void *
evict_thread (void *arg)
{
  struct cache *c = arg;
  uint64_t stores = 0;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  while (!c->closing) {
    bool idle = stores == c->activity;

    stores = c->activity;
    if (health_unwritable (c))
      health_retry (c);
    else {
      bool did = sweep_some (c);

      did |= evict_some (c);
      tick (c);                 /* also when there is always more to do */
      if (did)
        continue;
      if (idle && recompress_some (c))
        continue;
    }
    if (!c->closing)
      stop_wait (NULL, &c->evict_cond, &c->lock, 0);
  }
  return NULL;
}

int
evict_start (struct cache *c)
{
  int r = pthread_create (&c->evictor, NULL, evict_thread, c);

  c->evictor_runs = r == 0;
  return r;
}

void
evict_stop (struct cache *c)
{
  if (!c->evictor_runs)
    return;
  pthread_mutex_lock (&c->lock);
  c->closing = true;
  pthread_cond_signal (&c->evict_cond);
  pthread_cond_broadcast (&c->space_cond);
  pthread_mutex_unlock (&c->lock);
  pthread_join (c->evictor, NULL);
}
