/* The objects that a command is about, held while it works on them. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"

/* 0, or -1 with *e: there are none, or one is pinned and must not be. */
int
named_get (struct cache *c, const char *identity, bool not_pinned,
           struct named *named, struct error *e)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->objects_lock);
  size_t n = 0;

  named->count = 0;
  named->objects = calloc (c->objects_count + 1, sizeof *named->objects);
  if (!named->objects)
    return error_set (e, ENOMEM, "%s: out of memory", c->dir);
  for (size_t i = 0; i < c->objects_count; i++) {
    struct cache_object *object = c->objects[i];

    if (identity ? strcmp (object->identity, identity) != 0
        : not_pinned && object->pinned)
      continue;
    if (not_pinned && object->pinned) {
      free (named->objects);
      return error_set (e, EBUSY, "%s: %s is pinned: unpin it first", c->dir,
                        identity);
    }
    named->objects[n++] = object;
  }
  if (n == 0 && identity) {
    free (named->objects);
    return error_set (e, ENOENT, "%s: nothing is known of %s", c->dir,
                      identity);
  }
  for (size_t i = 0; i < n; i++)
    named->objects[i]->refs++;
  named->count = n;
  return 0;
}

static int
compare (const void *key, const void *member)
{
  uint32_t id = *(const uint32_t *) key;
  uint32_t other = (*(struct cache_object *const *) member)->id;

  return id < other ? -1 : id > other;
}

/* Where it is in the list; NULL: not one of them. */
struct cache_object **
named_find (const struct named *named, uint32_t id)
{
  return named->count == 0 ? NULL :
    bsearch (&id, named->objects, named->count, sizeof *named->objects,
             compare);
}

void
named_put (struct named *named, bool forget)
{
  for (size_t i = 0; i < named->count; i++)
    objects_put (named->objects[i], forget);
  free (named->objects);
}
