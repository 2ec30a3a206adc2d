/* What is in a cache directory, for somebody who does not own it.  The owner
 * may be changing it meanwhile: what is found is what was there at some
 * moment, record by record.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define CHUNK 1024u
#define GAP 64                  /* data files missing in a row */

struct object
{
  uint32_t id;
  char *identity, *validator;
  uint64_t size, validated_s, hits, seed, blocks, stored_bytes;
  bool pinned;
};

struct list
{
  const char *dir;
  struct cache shape;           /* for pieces_bytes: block size, granule */
  uint64_t nonce;
  struct object *objects;
  size_t count;
};

static int
add_object (void *opaque, const struct objects_entry *entry)
{
  struct list *list = opaque;
  struct object *more = realloc (list->objects,
                                 (list->count + 1) * sizeof *more), *o;

  if (!more)
    return -1;
  list->objects = more;
  o = &list->objects[list->count++];
  *o = (struct object) {
    .id = entry->id, .identity = strdup (entry->identity),
    .validator = strdup (entry->validator), .size = entry->size,
    .validated_s = entry->validated_s, .hits = entry->hits,
    .pinned = entry->pinned,
    .seed = objects_seed (entry->id, entry->identity, entry->validator,
                          entry->size)
  };
  return o->identity && o->validator ? 0 : -1;
}

static void
free_list (struct list *list)
{
  for (size_t i = 0; i < list->count; i++) {
    free (list->objects[i].identity);
    free (list->objects[i].validator);
  }
  free (list->objects);
}

static int
compare_id (const void *key, const void *object)
{
  uint32_t id = *(const uint32_t *) key;
  uint32_t other = ((const struct object *) object)->id;

  return id < other ? -1 : id > other;
}

static void
count_record (struct list *list, struct cache_listing *listing,
              uint32_t slot, const uint8_t *in)
{
  uint32_t id = index_object (in);
  struct object *o = id == 0 || list->count == 0 ? NULL :
    bsearch (&id, list->objects, list->count, sizeof *o, compare_id);
  struct record r;

  if (!o || !index_decode (list->nonce, o->seed, slot, in, &r) ||
      !pieces_valid (&list->shape, r.lengths))
    return;
  o->blocks++;
  o->stored_bytes += pieces_bytes (&list->shape, r.lengths, 0, PIECES);
  listing->blocks++;
}

static int
count_records (struct list *list, struct cache_listing *listing, int fd)
{
  CLEANUP_FREE uint8_t *records = malloc (CHUNK * INDEX_RECORD);

  if (!records)
    return -1;
  for (uint64_t s = 0; s < listing->slots; s += CHUNK) {
    uint32_t n = min_u64 (CHUNK, listing->slots - s);
    ssize_t r = sys_pread_full (&sys_real, fd, records,
                                (size_t) n * INDEX_RECORD, index_offset (s));

    if (r == -1)
      return -1;
    n = r / INDEX_RECORD;
    for (uint32_t i = 0; i < n; i++)
      count_record (list, listing, s + i, records + i * INDEX_RECORD);
    if (n < CHUNK)
      break;
  }
  return 0;
}

static bool
add_blocks (const char *dir, const char *name, uint64_t *bytes)
{
  CLEANUP_FREE char *path = cache_path (dir, name);
  struct stat st;

  if (!path || lstat (path, &st) == -1)
    return false;
  *bytes += (uint64_t) st.st_blocks * 512;
  return true;
}

static uint64_t
used_bytes (const char *dir, uint32_t files)
{
  uint64_t sum = 0;

  add_blocks (dir, ".", &sum);
  add_blocks (dir, "lock", &sum);
  add_blocks (dir, "objects", &sum);
  add_blocks (dir, "index", &sum);
  for (uint32_t i = 0, missing = 0; i < files && missing < GAP; i++) {
    char name[32];

    snprintf (name, sizeof name, "data.%" PRIu32, i);
    missing = add_blocks (dir, name, &sum) ? 0 : missing + 1;
  }
  return sum;
}

/* 0 if nobody holds the lock. */
static long
owner_pid (const char *dir)
{
  CLEANUP_FREE char *path = cache_path (dir, "lock");
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  char text[24] = "";
  long pid = 0;
  int fd = path ? sys_real.open (&sys_real, path, O_RDONLY | O_NOFOLLOW |
                                 O_NONBLOCK, 0) : -1;

  if (fd == -1)
    return 0;
  if (fcntl (fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK &&
      sys_pread_full (&sys_real, fd, text, sizeof text - 1, 0) > 0)
    pid = strtol (text, NULL, 10);
  sys_real.close (&sys_real, fd);
  return pid;
}

static int
read_index (struct list *list, struct cache_listing *listing,
            struct error *e)
{
  CLEANUP_FREE char *path = cache_path (list->dir, "index");
  struct index_header h = { 0 };
  enum found found;
  int r, fd = path ? sys_real.open (&sys_real, path, O_RDONLY | O_NOFOLLOW |
                                    O_NONBLOCK, 0) : -1;

  if (fd == -1)
    return error_set (e, errno, "%s/index: cannot open: %s", list->dir,
                      strerror (errno));
  found = index_read_header (&sys_real, fd, &h);
  if (found != FOUND || h.nonce != list->nonce) {
    sys_real.close (&sys_real, fd);
    return error_set (e, EINVAL, "%s/index: %s", list->dir,
                      found == FOUND_UNKNOWN_VERSION ?
                      "its version is not one that this tiercache knows" :
                      "is damaged");
  }
  listing->block_size = h.block_size;
  listing->budget = h.budget;
  listing->slots = h.slots;
  listing->compress = h.flags & INDEX_COMPRESS;
  listing->policy = h.policy;
  list->shape.block_size = h.block_size;
  list->shape.piece = h.block_size / PIECES;
  list->shape.granule = h.block_size <= 65536 ? 1 : h.block_size / 65536;
  r = count_records (list, listing, fd);
  sys_real.close (&sys_real, fd);
  return r == 0 ? 0 : error_set (e, EIO, "%s/index: cannot read", list->dir);
}

static int
list_all (struct list *list, struct cache_listing *listing,
          cache_listing_fn fn, void *opaque, struct error *e)
{
  struct objects_header h = { 0 };
  uint64_t bytes;

  switch (objects_read (&sys_real, list->dir, &h, &bytes, add_object, list,
                        e)) {
  case FOUND: break;
  case FOUND_ERROR: return -1;
  case FOUND_NOTHING:
    return error_set (e, ENOENT, "%s: is not a cache directory", list->dir);
  case FOUND_UNKNOWN_VERSION:
    return error_set (e, EINVAL, "%s/objects: its version is not one that "
                      "this tiercache knows", list->dir);
  case FOUND_DAMAGED:
    return error_set (e, EINVAL, "%s/objects: is damaged", list->dir);
  }
  list->nonce = h.nonce;
  if (read_index (list, listing, e) == -1)
    return -1;
  listing->owner_pid = owner_pid (list->dir);
  listing->used_bytes = used_bytes (list->dir, listing->slots /
                                    (DATA_FILE_BYTES /
                                     listing->block_size) + 1);
  for (size_t i = 0; i < list->count; i++) {
    const struct object *o = &list->objects[i];
    struct cache_listing_object out = {
      .identity = o->identity, .validator = o->validator,
      .size = o->size, .validated_s = o->validated_s,
      .blocks = o->blocks, .stored_bytes = o->stored_bytes,
      .hits = o->hits, .pinned = o->pinned, .kept = true
    };

    if (fn && fn (opaque, &out) == -1)
      return error_set (e, ECANCELED, "%s: listing was ended", list->dir);
  }
  return 0;
}

int
cache_list (const char *dir, struct cache_listing *listing,
            cache_listing_fn fn, void *opaque, struct error *e)
{
  struct list list = { .dir = dir };
  int r;

  memset (listing, 0, sizeof *listing);
  r = list_all (&list, listing, fn, opaque, e);
  free_list (&list);
  return r;
}
