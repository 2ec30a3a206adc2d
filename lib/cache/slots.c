/* The slot table, the hash from (object, block) to slot, and the bitmap of
 * slots in use.
 *
 * Slots are handed out from the lowest up, and those given back are used
 * again before new ones are touched: memory and data files then only ever
 * cover what was needed at most.  The search goes on where the last one
 * ended, so that what is stored in one go finds neighbours.
 */

#include <config.h>

#include <stdlib.h>

#include "cache/cache-internal.h"
#include "util/mix.h"

#define WALK_MAX 1024           /* of a chain; the mean is below two */
#define FIND_TRIES 4

enum walk { WALK_FOUND, WALK_ABSENT, WALK_DIVERTED };

int
slots_new (struct cache *c)
{
  c->heads_count = c->slots / 2 + 16;
  c->table = calloc (c->slots, sizeof *c->table);
  c->heads = calloc (c->heads_count, sizeof *c->heads);
  c->bitmap = calloc (c->slots / 64 + 1, sizeof *c->bitmap);
  return c->table && c->heads && c->bitmap ? 0 : -1;
}

void
slots_delete (struct cache *c)
{
  free (c->table);
  free (c->heads);
  free (c->bitmap);
}

uint64_t
slots_key (const struct cache *c, uint32_t object, uint64_t block)
{
  return mix_u64 (block + mix_u64 (c->hash_seed ^ object));
}

static uint32_t
bucket_of (const struct cache *c, uint32_t object, uint64_t block)
{
  return ((slots_key (c, object, block) >> 32) * c->heads_count) >> 32;
}

/* One way down a chain.  Slots may leave it and join others meanwhile: then
 * the walk may end up elsewhere, which shows in a changed version or in a
 * slot that does not belong here.
 */
static enum walk
walk (struct cache *c, uint32_t bucket, uint32_t object, uint64_t block,
      struct view *view)
{
  uint32_t link = atomic_load_explicit (&c->heads[bucket],
                                        memory_order_acquire);

  for (unsigned steps = 0; link != 0; steps++) {
    struct slot *s = &c->table[link - 1];
    uint32_t version = atomic_load_explicit (&s->version,
                                             memory_order_acquire);
    uint32_t o = atomic_load_explicit (&s->object, memory_order_acquire);
    uint64_t b = atomic_load_explicit (&s->block, memory_order_acquire);

    *view = (struct view) {
      .slot = link - 1, .version = version,
      .lengths = atomic_load_explicit (&s->lengths, memory_order_acquire)
    };
    link = atomic_load_explicit (&s->next, memory_order_acquire);
    if (!slots_unchanged (c, view) || steps >= WALK_MAX)
      return WALK_DIVERTED;
    if (o == object && b == block)
      return version & VERSION_BUSY ? WALK_DIVERTED : WALK_FOUND;
    if (bucket_of (c, o, b) != bucket)
      return WALK_DIVERTED;
  }
  return WALK_ABSENT;
}

/* Lock-free.  May, very rarely, miss what is there. */
bool
slots_find (struct cache *c, uint32_t object, uint64_t block,
            struct view *view)
{
  uint32_t bucket = bucket_of (c, object, block);

  for (int i = 0; i < FIND_TRIES; i++) {
    switch (walk (c, bucket, object, block, view)) {
    case WALK_FOUND: return true;
    case WALK_ABSENT: return false;
    case WALK_DIVERTED: break;
    }
  }
  return false;
}

int
slots_compare (const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

  return x < y ? -1 : x > y;
}

/* Is what was read since the look-up the content that was looked up? */
bool
slots_unchanged (struct cache *c, const struct view *view)
{
  _Atomic uint32_t *version = &c->table[view->slot].version;
  uint32_t now;

#ifdef __SANITIZE_THREAD__      /* which knows no fences */
  now = atomic_fetch_add (version, 0);
#else
  atomic_thread_fence (memory_order_acquire);
  now = atomic_load_explicit (version, memory_order_relaxed);
#endif
  return ((now ^ view->version) & ~VERSION_BITS) == 0;
}

/* Sets and clears low bits of the version, unless the content has changed. */
void
slots_mark (struct cache *c, const struct view *view, uint32_t set,
            uint32_t clear)
{
  _Atomic uint32_t *version = &c->table[view->slot].version;
  uint32_t now = atomic_load_explicit (version, memory_order_relaxed);

  while (((now ^ view->version) & ~VERSION_BITS) == 0 &&
         ((now | set) & ~clear) != now &&
         !atomic_compare_exchange_weak (version, &now, (now | set) & ~clear))
    ;
}

static void
mark_taken (struct cache *c, uint32_t slot)
{
  struct slot *s = &c->table[slot];
  uint32_t version = atomic_load (&s->version) & ~VERSION_BITS;

  c->bitmap[slot / 64] |= UINT64_C (1) << slot % 64;
  c->taken++;
  s->state = SLOT_TAKEN;
  s->flags = 0;
  atomic_store (&s->version, (version + VERSION_COUNT) | VERSION_BUSY);
}

/* The first free slot in [from, end), or end. */
static uint32_t
next_free (const struct cache *c, uint32_t from, uint32_t end)
{
  while (from < end) {
    uint64_t free = ~c->bitmap[from / 64] >> from % 64;

    if (free) {
      from += __builtin_ctzll (free);
      return from < end ? from : end;
    }
    from = (from / 64 + 1) * 64;
  }
  return end;
}

/* Slots for a store: false, and none taken, if there are not enough. */
bool
slots_take (struct cache *c, uint32_t count, uint32_t *slots)
{
  uint32_t below = c->high_water - c->taken;

  if (c->slots - c->taken < count)
    return false;
  if (below < count + c->high_water / 512 &&
      c->slots - c->high_water >= count) {
    for (uint32_t i = 0; i < count; i++)
      mark_taken (c, slots[i] = c->high_water++);
    return true;
  }
  for (uint32_t i = 0; i < count; i++) {
    uint32_t slot = next_free (c, c->cursor, c->high_water);

    if (slot == c->high_water)
      slot = next_free (c, 0, c->high_water);
    if (slot == c->high_water)
      c->high_water++;
    mark_taken (c, slots[i] = slot);
    c->cursor = slot + 1;
  }
  return true;
}

/* Recovery: the slot holds a block. */
void
slots_adopt (struct cache *c, uint32_t slot)
{
  mark_taken (c, slot);
  if (slot >= c->high_water)
    c->high_water = slot + 1;
}

void
slots_give (struct cache *c, uint32_t slot)
{
  c->bitmap[slot / 64] &= ~(UINT64_C (1) << slot % 64);
  c->taken--;
  c->table[slot].state = SLOT_FREE;
}

/* Makes a taken slot, whose object, block and lengths are set, readable.
 * False if the block is there already.
 */
bool
slots_publish (struct cache *c, uint32_t slot, bool ahead)
{
  struct slot *s = &c->table[slot];
  uint32_t object = atomic_load (&s->object);
  uint64_t block = atomic_load (&s->block);
  _Atomic uint32_t *head = &c->heads[bucket_of (c, object, block)];
  uint32_t first = atomic_load (head);
  uint32_t version = atomic_load (&s->version);

  for (uint32_t link = first; link; link = atomic_load (
                                      &c->table[link - 1].next))
    if (atomic_load (&c->table[link - 1].object) == object &&
        atomic_load (&c->table[link - 1].block) == block)
      return false;

  s->state = SLOT_LIVE;
  atomic_store (&s->next, first);
  atomic_store (&s->version,
                (version & ~(VERSION_BITS | VERSION_BUSY)) + VERSION_COUNT +
                (ahead ? VERSION_AHEAD : 0));
  atomic_store (head, slot + 1);
  atomic_fetch_add_explicit (&c->resident, 1, memory_order_relaxed);
  if (s->flags & SLOT_HURRY)
    c->hurry_slots++;
  if (s->flags & SLOT_PINNED)
    c->pinned_live++;
  return true;
}

/* LIVE to DOOMED: nobody finds it from now on, and whoever is reading it
 * will notice.
 */
void
slots_doom (struct cache *c, uint32_t slot)
{
  struct slot *s = &c->table[slot];
  _Atomic uint32_t *link;
  uint32_t version = atomic_load (&s->version) & ~VERSION_BITS;

  /* Readers set and clear low bits at any time: these are lost here, as
   * they must be.
   */
  atomic_store (&s->version, (version + VERSION_COUNT) | VERSION_BUSY);
  link = &c->heads[bucket_of (c, atomic_load (&s->object),
                              atomic_load (&s->block))];
  while (atomic_load (link) != slot + 1)
    link = &c->table[atomic_load (link) - 1].next;
  atomic_store (link, atomic_load (&s->next));
  s->state = SLOT_DOOMED;
  atomic_fetch_sub_explicit (&c->resident, 1, memory_order_relaxed);
  if (s->flags & SLOT_HURRY)
    c->hurry_slots--;
  if (s->flags & SLOT_PINNED)
    c->pinned_live--;
}
