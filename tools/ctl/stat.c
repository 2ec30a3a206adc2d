/* tiercache-ctl stat: what a cache directory holds, per object. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "cache/cache.h"
#include "human.h"
#include "stat.h"

static int
print_object (void *opaque, const struct cache_listing_object *object)
{
  uint64_t block_size = *(uint32_t *) opaque;
  char stored[32], size[32];
  uint64_t all = (object->size + block_size - 1) / block_size;

  printf ("\n%s\n", object->identity);
  printf ("  version:  %s\n", *object->validator ? object->validator : "-");
  printf ("  size:     %s\n", human_bytes (object->size, size));
  printf ("  pinned:   %s\n", object->pinned ? "yes" : "no");
  printf ("  cached:   %" PRIu64 " of %" PRIu64 " blocks (%.0f %%), %s on "
          "disk\n", object->blocks, all,
          all ? 100.0 * object->blocks / all : 0.0,
          human_bytes (object->stored_bytes, stored));
  return 0;
}

static int
skip_object (void *opaque, const struct cache_listing_object *object)
{
  (void) opaque;
  (void) object;
  return 0;
}

static int
stat_text (const char *dir, struct error *e)
{
  struct cache_listing listing;
  char used[32], budget[32], block[32];

  if (cache_list (dir, &listing, skip_object, NULL, e) == -1)
    return -1;
  printf ("%s\n", dir);
  if (listing.owner_pid)
    printf ("  in use by process %ld\n", listing.owner_pid);
  printf ("  used:     %s of %s\n", human_bytes (listing.used_bytes, used),
          human_bytes (listing.budget, budget));
  printf ("  blocks:   %" PRIu64 " of %s, compression %s\n", listing.blocks,
          human_bytes (listing.block_size, block),
          listing.compress ? "lz4" : "none");
  return cache_list (dir, &listing, print_object, &listing.block_size, e);
}

static int
add_object (void *opaque, const struct cache_listing_object *object)
{
  json_t *one = json_pack ("{s:s, s:s, s:I, s:I, s:I, s:I, s:b}",
                           "identity", object->identity,
                           "validator", object->validator,
                           "size", (json_int_t) object->size,
                           "validated", (json_int_t) object->validated_s,
                           "blocks", (json_int_t) object->blocks,
                           "stored_bytes",
                           (json_int_t) object->stored_bytes,
                           "pinned", object->pinned);

  /* What a server sent as a validator need not be UTF-8. */
  if (!one)
    one = json_pack ("{s:I, s:I, s:I}",
                     "size", (json_int_t) object->size,
                     "blocks", (json_int_t) object->blocks,
                     "stored_bytes", (json_int_t) object->stored_bytes);
  return one && json_array_append_new (opaque, one) == 0 ? 0 : -1;
}

static int
stat_json (const char *dir, struct error *e)
{
  struct cache_listing listing;
  json_t *objects = json_array (), *all;
  int r;

  if (cache_list (dir, &listing, add_object, objects, e) == -1) {
    json_decref (objects);
    return -1;
  }
  all = json_pack ("{s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:o}",
                   "directory", dir,
                   "block_size", (json_int_t) listing.block_size,
                   "budget", (json_int_t) listing.budget,
                   "used_bytes", (json_int_t) listing.used_bytes,
                   "blocks", (json_int_t) listing.blocks,
                   "slots", (json_int_t) listing.slots,
                   "compress", listing.compress,
                   "owner_pid", (json_int_t) listing.owner_pid,
                   "objects", objects);
  r = all ? json_dumpf (all, stdout, JSON_INDENT (2)) : -1;
  json_decref (all);
  putchar ('\n');
  return r == -1 ? error_set (e, 0, "%s: can't be written as JSON", dir) : 0;
}

int
ctl_stat (const char *dir, bool json)
{
  struct error e;

  if ((json ? stat_json : stat_text) (dir, &e) == -1) {
    fprintf (stderr, "tiercache-ctl: %s\n", e.text);
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
