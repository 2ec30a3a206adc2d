/* The object versions that are known, and who holds them. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cache/bytes.h"
#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/mix.h"

uint64_t
objects_seed (uint32_t id, const char *identity, const char *validator,
              uint64_t size)
{
  uint8_t number[8];
  uint64_t seed = XXH64 (identity, strlen (identity), 0);

  seed = XXH64 (validator, strlen (validator), seed);
  bytes_put64 (number, size);
  seed = XXH64 (number, sizeof number, seed);
  return id >= NOT_LASTING ? seed ^ mix_u64 (id) : seed;
}

/* Where an id is, or should be put. */
static size_t
place_of (const struct cache *c, uint32_t id)
{
  size_t low = 0, high = c->objects_count;

  while (low < high) {
    size_t middle = (low + high) / 2;

    if (c->objects[middle]->id < id)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct cache_object *
objects_by_id (struct cache *c, uint32_t id)
{
  size_t at = place_of (c, id);

  return at < c->objects_count && c->objects[at]->id == id ?
    c->objects[at] : NULL;
}

static void
delete_object (struct cache_object *object)
{
  free (object->identity);
  free (object->validator);
  free (object->counters);
  free (object);
}

void
objects_delete_all (struct cache *c)
{
  for (size_t i = 0; i < c->objects_count; i++)
    delete_object (c->objects[i]);
  free (c->objects);
  c->objects = NULL;
  c->objects_count = c->objects_room = 0;
}

static struct cache_object *
add (struct cache *c, uint32_t id, const char *identity,
     const char *validator, uint64_t size)
{
  struct cache_object *object = calloc (1, sizeof *object);
  size_t at = place_of (c, id);

  if (c->objects_count == c->objects_room) {
    size_t room = c->objects_room * 2 + 16;
    struct cache_object **more = realloc (c->objects, room * sizeof *more);

    if (more) {
      c->objects = more;
      c->objects_room = room;
    }
  }
  if (object) {
    object->identity = strdup (identity);
    object->validator = strdup (validator);
  }
  if (!object || !object->identity || !object->validator ||
      c->objects_count == c->objects_room) {
    if (object)
      delete_object (object);
    return NULL;
  }
  object->cache = c;
  object->id = id;
  object->lasting = id < NOT_LASTING;
  object->size = size;
  object->blocks = size / c->block_size + (size % c->block_size != 0);
  object->seed = objects_seed (id, identity, validator, size);
  memmove (c->objects + at + 1, c->objects + at,
           (c->objects_count - at) * sizeof *c->objects);
  c->objects[at] = object;
  c->objects_count++;
  return object;
}

/* One that the file knows. */
int
objects_add_known (void *cache, const struct objects_entry *entry)
{
  struct cache_object *object = add (cache, entry->id, entry->identity,
                                     entry->validator, entry->size);

  if (!object)
    return -1;
  atomic_store (&object->validated_s, entry->validated_s);
  object->hits_before = entry->hits;
  object->pinned = entry->pinned;
  return 0;
}

uint64_t
objects_hits (const struct cache_object *object)
{
  uint64_t sum = object->hits_before;

  for (unsigned i = 0; object->counters && i < OBJECT_COUNTERS; i++)
    sum += atomic_load_explicit (&object->counters[i].hits,
                                 memory_order_relaxed);
  return sum;
}

static bool
make_counters (struct cache_object *object)
{
  size_t bytes = OBJECT_COUNTERS * sizeof *object->counters;

  if (object->counters)
    return true;
  object->counters = aligned_alloc (64, bytes);
  if (object->counters)
    memset (object->counters, 0, bytes);
  return object->counters != NULL;
}

/* Nobody finds it or its blocks any more. */
static void
drop (struct cache *c, struct cache_object *object)
{
  size_t at = place_of (c, object->id);

  c->objects_count--;
  memmove (c->objects + at, c->objects + at + 1,
           (c->objects_count - at) * sizeof *c->objects);
  if (object->lasting)
    atomic_fetch_add (&c->objects_changed, 1);
  sweep_object (c, object->id);
  delete_object (object);
}

/* The newest version of an identity. */
struct cache_object *
objects_newest (struct cache *c, const char *identity)
{
  for (size_t i = c->objects_count; i > 0; i--) {
    struct cache_object *object = c->objects[i - 1];

    if (!object->superseded && strcmp (object->identity, identity) == 0)
      return object;
  }
  return NULL;
}

bool
cache_find (struct cache *c, const char *identity,
            struct cache_version *version)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->objects_lock);
  struct cache_object *object = objects_newest (c, identity);

  if (!object || !object->lasting)
    return false;
  version->size = object->size;
  version->validated_s = atomic_load (&object->validated_s);
  strcpy (version->validator, object->validator);
  return true;
}

/* This very version, also when another has come after it. */
static struct cache_object *
find (struct cache *c, const char *identity, const char *validator,
      bool lasting, uint64_t size)
{
  for (size_t i = 0; i < c->objects_count; i++) {
    struct cache_object *object = c->objects[i];

    if (object->size == size && object->lasting == lasting &&
        strcmp (object->identity, identity) == 0 &&
        strcmp (object->validator, validator) == 0)
      return object;
  }
  return NULL;
}

/* A pin is the identity's: the version that is current has it. */
static void
take_pin (struct cache *c, struct cache_object *object)
{
  for (size_t i = 0; i < c->objects_count; i++) {
    struct cache_object *other = c->objects[i];

    if (other == object || !other->pinned ||
        strcmp (other->identity, object->identity) != 0)
      continue;
    pin_object (other, false);
    pin_object (object, true);
    atomic_fetch_add (&c->objects_changed, 1);
  }
}

/* All other versions are the past: they go when nobody holds them. */
static void
supersede_others (struct cache *c, const struct cache_object *object)
{
  for (size_t i = c->objects_count; i > 0; i--) {
    struct cache_object *other = c->objects[i - 1];

    if (other == object || strcmp (other->identity, object->identity) != 0)
      continue;
    if (!other->superseded)
      atomic_fetch_add (&c->objects_changed, 1);
    other->superseded = true;
    if (other->refs == 0)
      drop (c, other);
  }
}

/* Too many are known: those that were not validated for longest go. */
static void
forget_some (struct cache *c)
{
  for (;;) {
    struct cache_object *oldest = NULL;
    uint64_t bytes = 0;

    for (size_t i = 0; i < c->objects_count; i++) {
      struct cache_object *o = c->objects[i];

      if (!o->lasting)
        continue;
      bytes += objects_entry_bytes (o);
      if (o->refs == 0 && !o->pinned &&
          (!oldest || atomic_load (&o->validated_s) <
           atomic_load (&oldest->validated_s)))
        oldest = o;
    }
    if (!oldest || (c->objects_count <= OBJECTS_MAX &&
                    bytes <= objects_limit (c)))
      return;
    drop (c, oldest);
  }
}

static int
check_names (const char *identity, const char *validator, bool lasting,
             uint64_t size, struct error *e)
{
  size_t length = strlen (identity);

  if (length == 0 || length > CACHE_IDENTITY_MAX)
    return error_set (e, ENAMETOOLONG, "%.100s...: the name of an object "
                      "must have 1 to %d bytes, not %zu", identity,
                      CACHE_IDENTITY_MAX, length);
  if (lasting && !validator)
    return error_set (e, EINVAL, "%s: an object that lasts needs a "
                      "validator", identity);
  if (validator && strlen (validator) > CACHE_VALIDATOR_MAX)
    return error_set (e, ENAMETOOLONG, "%s: its validator has more than %d "
                      "bytes", identity, CACHE_VALIDATOR_MAX);
  if (size > INT64_MAX)
    return error_set (e, EFBIG, "%s: larger than an object can be",
                      identity);
  return 0;
}

static struct cache_object *
open_locked (struct cache *c, const char *identity, const char *validator,
             bool lasting, uint64_t size)
{
  struct cache_object *object = NULL;

  /* Without any validator nothing tells two versions apart. */
  if (validator)
    object = find (c, identity, validator, lasting, size);
  if (!object) {
    uint32_t *next = lasting ? &c->next_id : &c->next_not_lasting;

    if (*next == (lasting ? NOT_LASTING : UINT32_MAX))
      return NULL;
    object = add (c, *next, identity, validator ? validator : "", size);
    if (!object)
      return NULL;
    ++*next;
    if (lasting)
      atomic_fetch_add (&c->objects_changed, 1);
  }
  else if (object->superseded)
    atomic_fetch_add (&c->objects_changed, 1);
  if (!make_counters (object))
    return NULL;
  object->refs++;
  object->superseded = false;
  take_pin (c, object);
  supersede_others (c, object);
  forget_some (c);
  return object;
}

struct cache_object *
cache_object_open (struct cache *c, const char *identity,
                   const char *validator, bool lasting, uint64_t size,
                   struct error *e)
{
  struct cache_object *object;

  if (check_names (identity, validator, lasting, size, e) == -1 ||
      cache_settle (c, e) == -1)
    return NULL;
  pthread_mutex_lock (&c->objects_lock);
  object = open_locked (c, identity, validator, lasting, size);
  pthread_mutex_unlock (&c->objects_lock);
  if (!object) {
    error_set (e, ENOMEM, "%s: %s: out of memory", c->dir, identity);
    return NULL;
  }
  /* If it can't be written its blocks won't be found after a restart. */
  objects_save (c, true);
  return object;
}

/* Gives a reference back; the last one forgets what nobody can ask for any
 * more, and with forget whatever it is, unless it is pinned.
 */
void
objects_put (struct cache_object *object, bool forget)
{
  struct cache *c = object->cache;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->objects_lock);

  if (--object->refs == 0 && (!object->lasting || object->superseded ||
                              (forget && !object->pinned)))
    drop (c, object);
}

void
cache_object_watch (struct cache_object *object, cache_stored_fn stored,
                    void *opaque)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->cache->objects_lock);

  if (object->stored)
    return;
  object->stored = stored;
  object->stored_opaque = opaque;
}

void
cache_object_close (struct cache_object *object)
{
  objects_put (object, false);
}

void
cache_object_validated (struct cache_object *object, uint64_t now_s)
{
  atomic_store (&object->validated_s, now_s);
  if (object->lasting)
    atomic_store (&object->cache->objects_touched, true);
}
