/* The file of objects: read at open, rewritten whole when a version is added
 * or dropped.  Bytes as in docs/tiercache-cache-format.pod.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cache/bytes.h"
#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"

#define HEADER 48
#define FORMAT 2
#define ENTRY 40                /* without the strings */
#define ENTRY_1 24              /* in version 1 */
#define ENTRY_PINNED 1u
#define SMALL_LIMIT 8192
#define FILE_BYTES_MAX ((uint64_t) OBJECTS_MAX *                        \
                  (ENTRY + CACHE_IDENTITY_MAX + CACHE_VALIDATOR_MAX + 8))

static const char magic[8] = "tcObject";

static uint64_t
entry_bytes (uint64_t head, uint64_t strings)
{
  return (head + strings + 7) / 8 * 8;
}

uint64_t
objects_entry_bytes (const struct cache_object *o)
{
  return entry_bytes (ENTRY, strlen (o->identity) + strlen (o->validator));
}

/* What all entries may take, so that they don't eat up a small budget. */
uint64_t
objects_limit (const struct cache *c)
{
  return max_u64 (SMALL_LIMIT, min_u64 (c->size / 64, FILE_BYTES_MAX)) -
    HEADER;
}

static bool
is_written (const struct cache_object *o)
{
  return o->lasting && !o->superseded;
}

static uint8_t *
put_entry (uint8_t *out, const struct cache_object *o)
{
  size_t identity = strlen (o->identity), validator = strlen (o->validator);

  bytes_put32 (out, o->id);
  bytes_put16 (out + 4, identity);
  bytes_put16 (out + 6, validator);
  bytes_put64 (out + 8, o->size);
  bytes_put64 (out + 16, atomic_load (&o->validated_s));
  bytes_put64 (out + 24, objects_hits (o));
  bytes_put32 (out + 32, atomic_load (&o->pinned) ? ENTRY_PINNED : 0);
  memcpy (out + ENTRY, o->identity, identity);
  memcpy (out + ENTRY + identity, o->validator, validator);
  return out + entry_bytes (ENTRY, identity + validator);
}

/* Which objects are written: those that are pinned, and as many of the newest
 * of the others as fit.  Returns from which on the others are.
 */
static size_t
choose (struct cache *c, uint32_t *count, uint64_t *sum)
{
  size_t first = c->objects_count;

  *count = 0;
  *sum = 0;
  for (size_t i = 0; i < c->objects_count; i++)
    if (is_written (c->objects[i]) && c->objects[i]->pinned) {
      *sum += objects_entry_bytes (c->objects[i]);
      ++*count;
    }
  for (; first > 0 && *count < OBJECTS_MAX; first--) {
    const struct cache_object *o = c->objects[first - 1];

    if (!is_written (o) || o->pinned)
      continue;
    if (*sum + objects_entry_bytes (o) > objects_limit (c))
      break;
    *sum += objects_entry_bytes (o);
    ++*count;
  }
  return first;
}

static uint8_t *
encode (struct cache *c, size_t *bytes)
{
  uint64_t sum;
  uint32_t count;
  size_t first = choose (c, &count, &sum);
  uint8_t *image, *at;

  image = calloc (1, HEADER + sum);
  if (!image)
    return NULL;
  at = image + HEADER;
  for (size_t i = 0; i < c->objects_count; i++)
    if (is_written (c->objects[i]) && (i >= first || c->objects[i]->pinned))
      at = put_entry (at, c->objects[i]);
  index_prelude (image, magic, FORMAT);
  bytes_put64 (image + 16, c->nonce);
  bytes_put32 (image + 24, c->next_id);
  bytes_put32 (image + 28, count);
  bytes_put64 (image + 32, sum);
  bytes_put32 (image + 40, index_crc (UINT32_MAX, image + HEADER, sum));
  bytes_put32 (image + 44, index_crc (UINT32_MAX, image, 44));
  *bytes = HEADER + sum;
  return image;
}

static int
write_file (struct cache *c, const uint8_t *image, size_t bytes)
{
  CLEANUP_FREE char *temp = cache_path (c->dir, "objects.tmp");
  CLEANUP_FREE char *path = cache_path (c->dir, "objects");
  int fd, r, saved;

  if (!temp || !path)
    return -1;
  fd = c->sys->open (c->sys, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW,
                     0600);
  if (fd == -1)
    return -1;
  r = sys_pwrite_full (c->sys, fd, image, bytes, 0) == -1 ? -1 :
    c->sys->fdatasync (c->sys, fd);
  saved = errno;
  c->sys->close (c->sys, fd);
  if (r == 0 && c->sys->rename (c->sys, temp, path) == 0)
    return c->sys->fsync_dir (c->sys, c->dir);
  if (r == 0)
    saved = errno;
  c->sys->unlink (c->sys, temp);
  errno = saved;
  return -1;
}

/* Space for the old file and the new one. */
static bool
reserve (struct cache *c, uint64_t bytes, bool wait)
{
  uint64_t now = objects_reserve (c, bytes), more;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  more = now > c->objects_reserved ? now - c->objects_reserved : 0;
  if (more > 0 && !(wait ? budget_wait (c, more, 0) :
                    budget_fits (c, more, 0)))
    return false;
  c->objects_reserved += more;
  return true;
}

/* Writes what is now.  The caller is the only one who does. */
static int
save (struct cache *c, const uint8_t *image, size_t bytes, bool wait)
{
  if (!image)
    return -1;
  if (!owned_in_place (c)) {
    if (!atomic_exchange (&c->moved, true))
      log_info ("%s: is not the directory any more that it was: what is "
                "cached, or pinned, from now on is forgotten at the end: "
                "start again with the directory that it is now", c->dir);
    return -1;
  }
  if (!reserve (c, bytes, wait))
    return -1;
  if (write_file (c, image, bytes) == -1) {
    health_failed (c, "write", "objects", UINT32_MAX, errno);
    return -1;
  }
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);
  c->objects_reserved = max_u64 (objects_reserve (c, bytes),
                                 objects_reserve (c, SMALL_LIMIT));
  return 0;
}

int
objects_create (struct cache *c)
{
  size_t bytes = 0;
  uint64_t changed = atomic_load (&c->objects_changed);
  CLEANUP_FREE uint8_t *image = encode (c, &bytes);

  if (!image || write_file (c, image, bytes) == -1)
    return -1;
  atomic_store (&c->objects_saved, changed);
  return 0;
}

int
objects_save (struct cache *c, bool wait)
{
  CLEANUP_FREE uint8_t *image = NULL;
  size_t bytes = 0;
  uint64_t want, changed;
  int r;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->objects_lock);

  want = atomic_load (&c->objects_changed);
  /* Whoever writes it now may be waiting for space, and so for the evictor. */
  if (c->objects_busy && !wait)
    return -1;
  while (c->objects_busy && atomic_load (&c->objects_saved) < want)
    if (stop_wait (c->stop, &c->objects_cond, &c->objects_lock, 0) != 0)
      return -1;
  if (atomic_load (&c->objects_saved) >= want)
    return 0;
  if (health_unwritable (c))
    return -1;
  c->objects_busy = true;
  changed = atomic_load (&c->objects_changed);
  image = encode (c, &bytes);
  pthread_mutex_unlock (&c->objects_lock);
  r = save (c, image, bytes, wait);
  pthread_mutex_lock (&c->objects_lock);
  c->objects_busy = false;
  if (r == 0)
    atomic_store (&c->objects_saved, changed);
  pthread_cond_broadcast (&c->objects_cond);
  return r;
}

/* One entry of the version, with a head of so many bytes.  The bytes it
 * takes, or 0 if it is damaged.
 */
static uint64_t
parse_entry (const uint8_t *in, uint64_t bytes, uint32_t head,
             struct objects_entry *entry, char *identity, char *validator)
{
  uint16_t n, v;

  if (bytes < head)
    return 0;
  n = bytes_get16 (in + 4);
  v = bytes_get16 (in + 6);
  if (n == 0 || n > CACHE_IDENTITY_MAX || v > CACHE_VALIDATOR_MAX ||
      bytes < entry_bytes (head, n + v) || memchr (in + head, 0, n + v) ||
      bytes_get64 (in + 8) > INT64_MAX)
    return 0;
  memcpy (identity, in + head, n);
  identity[n] = '\0';
  memcpy (validator, in + head + n, v);
  validator[v] = '\0';
  *entry = (struct objects_entry) {
    .id = bytes_get32 (in), .identity = identity, .validator = validator,
    .size = bytes_get64 (in + 8), .validated_s = bytes_get64 (in + 16)
  };
  if (head == ENTRY) {
    entry->hits = bytes_get64 (in + 24);
    entry->pinned = bytes_get32 (in + 32) & ENTRY_PINNED;
  }
  return entry_bytes (head, n + v);
}

static enum found
parse_entries (const uint8_t *in, uint64_t bytes, uint32_t head,
               const struct objects_header *h, objects_fn fn, void *opaque)
{
  uint32_t last = 0;

  for (uint32_t i = 0; i < h->count; i++) {
    char identity[CACHE_IDENTITY_MAX + 1], validator[CACHE_VALIDATOR_MAX + 1];
    struct objects_entry entry;
    uint64_t taken = parse_entry (in, bytes, head, &entry, identity,
                                  validator);

    if (taken == 0 || entry.id <= last || entry.id >= h->next_id)
      return FOUND_DAMAGED;
    if (fn (opaque, &entry) == -1)
      return FOUND_ERROR;
    last = entry.id;
    in += taken;
    bytes -= taken;
  }
  return bytes == 0 ? FOUND : FOUND_DAMAGED;
}

static enum found
parse (const uint8_t *in, uint64_t bytes, struct objects_header *h,
       objects_fn fn, void *opaque)
{
  uint32_t version;
  enum found found;

  if (bytes < 16)
    return FOUND_DAMAGED;
  found = index_check_prelude (in, magic, FORMAT, &version);
  if (found != FOUND)
    return found;
  if (bytes < HEADER ||
      bytes_get32 (in + 44) != index_crc (UINT32_MAX, in, 44) ||
      bytes_get64 (in + 32) != bytes - HEADER ||
      bytes_get32 (in + 40) != index_crc (UINT32_MAX, in + HEADER,
                                          bytes - HEADER))
    return FOUND_DAMAGED;
  h->nonce = bytes_get64 (in + 16);
  h->next_id = bytes_get32 (in + 24);
  h->count = bytes_get32 (in + 28);
  if (h->next_id == 0 || h->next_id > NOT_LASTING ||
      h->count > OBJECTS_MAX)
    return FOUND_DAMAGED;
  return parse_entries (in + HEADER, bytes - HEADER,
                        version == 1 ? ENTRY_1 : ENTRY, h, fn, opaque);
}

/* Calls fn for each object in the file; it ends the reading with -1.
 * FOUND_DAMAGED may come after some calls.
 */
enum found
objects_read (const struct sys *sys, const char *dir,
              struct objects_header *header, uint64_t *bytes, objects_fn fn,
              void *opaque, struct error *e)
{
  CLEANUP_FREE char *path = cache_path (dir, "objects");
  CLEANUP_FREE uint8_t *image = NULL;
  enum found found = FOUND_DAMAGED;
  struct stat st;
  ssize_t r = -1;
  int fd = path ? sys->open (sys, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
                             0) : -1;

  *bytes = 0;
  if (fd == -1 && errno == ENOENT)
    return FOUND_NOTHING;
  if (fd == -1) {
    error_set (e, errno, "%s/objects: cannot open: %s", dir,
               strerror (errno));
    return FOUND_ERROR;
  }
  if (sys->fstat (sys, fd, &st) == -1)
    found = FOUND_ERROR;
  else if (S_ISREG (st.st_mode) && (uint64_t) st.st_size <= FILE_BYTES_MAX) {
    *bytes = st.st_size;
    image = malloc (*bytes + 1);
    if (image)
      r = sys_pread_full (sys, fd, image, *bytes, 0);
    found = r == -1 ? FOUND_ERROR :
      r < st.st_size ? FOUND_DAMAGED :
      parse (image, *bytes, header, fn, opaque);
  }
  if (found == FOUND_ERROR)
    error_set (e, errno, "%s/objects: cannot read: %s", dir,
               strerror (errno));
  sys->close (sys, fd);
  return found;
}
