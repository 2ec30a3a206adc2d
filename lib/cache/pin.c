/* Pins: the blocks of a pinned object are no victims.
 *
 * The pin is the identity's: the object version that is current has it, and it
 * is in the file of objects.  Each slot has it as a flag, which is what the
 * evictor looks at, and the account knows how much is pinned.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define LOOK_AT 4096            /* slots, with the lock held */

/* A slot of the object.  With the lock held. */
static void
pin_slot (struct cache *c, struct slot *s, bool pinned)
{
  uint64_t bytes = budget_block (c, atomic_load (&s->lengths));
  bool live = s->state == SLOT_LIVE;

  if (s->state == SLOT_FREE || pinned == !!(s->flags & SLOT_PINNED))
    return;
  s->flags ^= SLOT_PINNED;
  c->pinned_used += pinned ? bytes : -bytes;
  if (live)
    c->pinned_live += pinned ? 1 : -1;
}

/* With objects_lock held.  Stores that begin after the object's flag is set
 * see it; the slots of those that began before are in the table.
 */
void
pin_object (struct cache_object *object, bool pinned)
{
  struct cache *c = object->cache;
  uint32_t slot = 0, end;

  atomic_store (&object->pinned, pinned);
  do {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

    end = min_u64 (slot + (uint64_t) LOOK_AT, c->high_water);
    for (; slot < end; slot++)
      if (atomic_load_explicit (&c->table[slot].object,
                                memory_order_relaxed) == object->id)
        pin_slot (c, &c->table[slot], pinned);
    end = c->high_water;
    pthread_cond_signal (&c->evict_cond);
  } while (slot < end);
}

static int
pin_newest (struct cache *c, const char *identity, bool pinned,
            struct error *e)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->objects_lock);
  struct cache_object *object = objects_newest (c, identity);

  if (!object)
    return error_set (e, ENOENT, "%s: nothing is known of %s: only what was "
                      "read or warmed through the cache can be pinned",
                      c->dir, identity);
  if (!object->lasting)
    return error_set (e, EINVAL, "%s: %s can't be pinned: its origin does not "
                      "tell its versions apart, so that it is not kept (a "
                      "cache-key does)", c->dir, identity);
  if (object->pinned == pinned)
    return 0;
  pin_object (object, pinned);
  atomic_fetch_add (&c->objects_changed, 1);
  return 0;
}

int
cache_pin (struct cache *c, const char *identity, bool pinned,
           struct error *e)
{
  if (pin_newest (c, identity, pinned, e) == -1)
    return -1;
  if (objects_save (c, true) == 0)
    return 0;
  return error_set (e, EIO, "%s/objects: cannot write: %s is %s only until "
                    "the cache is closed", c->dir, identity,
                    pinned ? "pinned" : "unpinned");
}
