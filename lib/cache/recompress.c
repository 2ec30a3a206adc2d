/* Blocks that were stored raw in a hurry are compressed when the evictor has
 * nothing else to do: each is stored again in its small form, in a slot of
 * its own, and then takes the place of the raw one.
 */

#include <config.h>

#include <sched.h>
#include <stdlib.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define LOOK_AT 4096            /* slots, with the lock held */

/* The next LIVE raw block, if one is found. */
static bool
next_raw (struct cache *c, struct view *view, uint32_t *object,
          uint64_t *block)
{
  for (unsigned i = 0; i < LOOK_AT; i++, c->hurry_at++) {
    struct slot *s;

    if (c->hurry_at >= c->high_water)
      c->hurry_at = 0;
    s = &c->table[c->hurry_at];
    if (s->state != SLOT_LIVE || !(s->flags & SLOT_HURRY))
      continue;
    *view = (struct view) {
      .slot = c->hurry_at++, .version = atomic_load (&s->version),
      .lengths = atomic_load (&s->lengths)
    };
    *object = atomic_load (&s->object);
    *block = atomic_load (&s->block);
    s->flags &= ~SLOT_HURRY;    /* whatever comes of it, once is enough */
    c->hurry_slots--;
    return true;
  }
  return false;
}

/* A reference, so that it stays while its block is stored again. */
static struct cache_object *
get_object (struct cache *c, uint32_t id)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->objects_lock);
  struct cache_object *object = objects_by_id (c, id);

  if (object)
    object->refs++;
  return object;
}

/* Reads the block as any reader would, checks included. */
static void
recompress (struct cache *c, struct cache_object *object, uint64_t block,
            const struct view *view)
{
  CLEANUP_FREE uint8_t *data = calloc (1, c->block_size);
  CLEANUP_FREE uint8_t *room = malloc (c->block_size);
  uint64_t offset = block * c->block_size;
  uint32_t bytes = min_u64 (c->block_size, object->size - offset);
  struct packed packed;
  struct cache_store_options options = {
    .ahead = view->version & VERSION_AHEAD
  };

  if (!data || !room || !read_quietly (object, data, offset, bytes))
    return;
  pieces_pack (c, data, room, &packed);
  packed.block = block;
  packed.hurry = false;
  if (budget_block (c, packed.lengths) < budget_block (c, view->lengths))
    store_run (c, object, &packed, 1, &options, view);
}

bool
recompress_some (struct cache *c)
{
  struct cache_object *object;
  struct view view;
  uint32_t id;
  uint64_t block, activity = c->activity;

  if (c->hurry_slots == 0)
    return false;
  if (!next_raw (c, &view, &id, &block)) {
    pthread_mutex_unlock (&c->lock);
    sched_yield ();
    pthread_mutex_lock (&c->lock);
    return true;
  }
  pthread_mutex_unlock (&c->lock);
  object = get_object (c, id);
  if (object) {
    recompress (c, object, block, &view);
    cache_object_close (object);
  }
  pthread_mutex_lock (&c->lock);
  /* What the evictor stores itself does not end its idleness. */
  if (c->activity == activity + 1)
    c->activity = activity;
  return true;
}
