/* What is in a cache that this process has open. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define LOOK_AT 4096            /* slots, with the lock held */

struct sum
{
  uint64_t blocks, bytes;
};

static void
count_slot (struct cache *c, const struct named *named, struct sum *sums,
            struct slot *s)
{
  struct cache_object **found = s->state != SLOT_LIVE ? NULL :
    named_find (named, atomic_load (&s->object));
  struct sum *sum;

  if (!found)
    return;
  sum = &sums[found - named->objects];
  sum->blocks++;
  sum->bytes += pieces_bytes (c, atomic_load (&s->lengths), 0, PIECES);
}

static void
count_slots (struct cache *c, const struct named *named, struct sum *sums)
{
  uint32_t slot = 0, end;

  do {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

    end = min_u64 (slot + (uint64_t) LOOK_AT, c->high_water);
    for (; slot < end; slot++)
      count_slot (c, named, sums, &c->table[slot]);
    end = c->high_water;
  } while (slot < end);
}

static struct cache_listing_object
describe (struct cache_object *object, const struct sum *sum)
{
  struct cache *c = object->cache;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->objects_lock);

  return (struct cache_listing_object) {
    .identity = object->identity, .validator = object->validator,
    .size = object->size, .validated_s = atomic_load (&object->validated_s),
    .blocks = sum->blocks, .stored_bytes = sum->bytes,
    .hits = objects_hits (object), .pinned = object->pinned,
    .kept = object->lasting && !object->superseded
  };
}

int
cache_list_open (struct cache *c, struct cache_listing *listing,
                 cache_listing_fn fn, void *opaque, struct error *e)
{
  CLEANUP_FREE struct sum *sums = NULL;
  struct cache_stats stats;
  struct named named;
  int r = 0;

  if (named_get (c, NULL, false, &named, e) == -1)
    return -1;
  sums = calloc (named.count + 1, sizeof *sums);
  if (!sums) {
    named_put (&named, false);
    return error_set (e, ENOMEM, "%s: out of memory", c->dir);
  }
  count_slots (c, &named, sums);
  cache_stats (c, &stats);
  *listing = (struct cache_listing) {
    .block_size = c->block_size, .budget = c->size,
    .used_bytes = stats.used_bytes, .blocks = stats.resident_blocks,
    .slots = c->slots, .compress = c->compress, .policy = c->policy_kind,
    .owner_pid = getpid ()
  };
  for (size_t i = 0; i < named.count && r == 0; i++) {
    struct cache_listing_object object = describe (named.objects[i],
                                                   &sums[i]);

    r = fn (opaque, &object);
  }
  named_put (&named, false);
  return r == 0 ? 0 :
    error_set (e, ECANCELED, "%s: listing was ended", c->dir);
}
