/* What cache_open does with a directory: make a new cache there, or find the
 * old one again, within the budget as it is now.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/mix.h"

#define BLOCKS_MIN 16
#define UNLINK_GAP 64           /* files missing in a row: the end of them */

static int
failed (struct cache *c, const char *file, const char *what,
        struct error *e)
{
  return error_set (e, errno, "%s/%s: cannot %s: %s", c->dir, file, what,
                    strerror (errno));
}

static int
open_index (struct cache *c, int flags)
{
  CLEANUP_FREE char *path = cache_path (c->dir, "index");
  struct stat st;

  if (!path)
    return -1;
  c->index_fd = c->sys->open (c->sys, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK |
                              flags, 0600);
  if (c->index_fd == -1)
    return -1;
  if (c->sys->fstat (c->sys, c->index_fd, &st) == -1)
    return -1;
  if (!S_ISREG (st.st_mode)) {
    errno = EINVAL;
    return -1;
  }
  return 0;
}

/* Data files from this one on. */
static void
unlink_data (struct cache *c, uint32_t file)
{
  for (unsigned missing = 0; missing < UNLINK_GAP; file++)
    missing = data_unlink (c->sys, c->dir, file) == 0 ? 0 : missing + 1;
}

/* How many slots: enough for the budget when everything becomes as small as
 * it can; more, if there are more already and they are not too many.
 */
static uint32_t
choose_slots (struct cache *c, uint32_t before)
{
  uint64_t blocks = c->size / c->block_size;
  uint64_t most = blocks * min_u64 (4, c->block_size / c->unit);
  uint64_t need = c->compress ? most : blocks;

  return min_u64 (max_u64 (need, min_u64 (before, most)), INT32_MAX);
}

/* Divides the budget.  Returns what it would have to be at least, for the
 * slots that belong to the budget there is.
 */
static uint64_t
lay_out (struct cache *c, uint32_t before, uint64_t dir_bytes)
{
  uint64_t margin = min_u64 (max_u64 (c->size / 512, 16384),
                             UINT64_C (64) << 20);

  c->slots = choose_slots (c, before);
  c->slots_per_file = DATA_FILE_BYTES / c->block_size;
  c->files = c->slots / c->slots_per_file + 1;
  c->fixed = budget_fixed (c, c->slots, dir_bytes);
  c->limit = c->size - min_u64 (c->size, margin);
  return budget_used (c) + BLOCKS_MIN * ((uint64_t) c->block_size +
                                         c->block_size / 4096 + 64) +
    16384 + margin;
}

/* A larger budget has more slots, and these take more of it. */
static int
too_small (struct cache *c, uint32_t before, uint64_t dir_bytes,
           struct error *e)
{
  uint64_t size = c->size, least = size, need;

  while ((need = lay_out (c, before, dir_bytes)) > least)
    c->size = least = need;
  c->size = size;
  return error_set (e, EINVAL, "%s: a cache size of %" PRIu64 " bytes is too "
                    "small for %d blocks of %" PRIu32 " bytes: it takes at "
                    "least %" PRIu64, c->dir, size, BLOCKS_MIN,
                    c->block_size, least);
}

/* Everything that depends on the number of slots. */
static int
make_tables (struct cache *c, uint32_t before, uint64_t dir_bytes,
             struct error *e)
{
  if (lay_out (c, before, dir_bytes) > c->size)
    return too_small (c, before, dir_bytes, e);
  c->data_fds = malloc (c->files * sizeof *c->data_fds);
  for (uint32_t i = 0; c->data_fds && i < c->files; i++)
    atomic_init (&c->data_fds[i], -1);
  c->file_live = calloc (c->files, sizeof *c->file_live);
  c->file_peak = calloc (c->files, sizeof *c->file_peak);
  c->policy = policy_new (&(struct policy_config) {
      .kind = c->policy_kind, .goal = c->goal, .admission = c->admission,
      .capacity = c->limit, .max_entries = c->slots, .seed = c->hash_seed });
  if (!c->data_fds || !c->file_live || !c->file_peak || !c->policy ||
      slots_new (c) == -1 || scratch_new (c) == -1)
    return error_set (e, ENOMEM, "%s: out of memory for %" PRIu32 " slots",
                      c->dir, c->slots);
  return 0;
}

/* The index gets its full length and all its space. */
static int
size_index (struct cache *c, struct error *e)
{
  uint64_t bytes = index_offset (c->slots);
  struct stat st;

  if (c->sys->fstat (c->sys, c->index_fd, &st) == -1)
    return failed (c, "index", "look at it", e);
  if ((uint64_t) st.st_size > bytes &&
      c->sys->ftruncate (c->sys, c->index_fd, bytes) == -1)
    return failed (c, "index", "make it shorter", e);
  if (((uint64_t) st.st_size < bytes ||
       (uint64_t) st.st_blocks * 512 < bytes) &&
      c->sys->fallocate (c->sys, c->index_fd, 0, 0, bytes) == -1)
    return failed (c, "index", "allocate it", e);
  return 0;
}

static int
start_empty (struct cache *c, uint64_t dir_bytes, struct error *e)
{
  if (make_tables (c, 0, dir_bytes, e) == -1)
    return -1;
  if (c->index_fd != -1)
    c->sys->close (c->sys, c->index_fd);
  c->index_fd = -1;
  cache_unlink (c, "index");
  cache_unlink (c, "objects");
  unlink_data (c, 0);
  objects_delete_all (c);
  c->next_id = 1;
  c->nonce = mix_u64 (c->hash_seed ^ c->sys->realtime_s (c->sys));
  atomic_store (&c->objects_changed, 1);
  if (objects_create (c) == -1)
    return failed (c, "objects", "write", e);
  if (open_index (c, O_CREAT | O_TRUNC) == -1)
    return failed (c, "index", "create", e);
  if (size_index (c, e) == -1)
    return -1;
  if (index_write_header (c) == -1 ||
      c->sys->fsync_dir (c->sys, c->dir) == -1)
    return failed (c, "index", "write", e);
  return 0;
}

/* Gives back the space that is nobody's, where there is any. */
static int
reclaim (struct cache *c, struct error *e)
{
  CLEANUP_FREE uint64_t *used = calloc (c->files, sizeof *used);

  if (!used)
    return error_set (e, ENOMEM, "%s: out of memory", c->dir);
  for (uint32_t s = 0; s < c->high_water; s++)
    if (c->table[s].state == SLOT_LIVE)
      used[s / c->slots_per_file] +=
        budget_block (c, atomic_load (&c->table[s].lengths)) + 64;
  for (uint32_t i = 0; i < c->files; i++) {
    struct stat st;
    int fd = data_fd (c, i);

    if (fd != -1 && c->sys->fstat (c->sys, fd, &st) == 0 &&
        (uint64_t) st.st_blocks * 512 > used[i] && reclaim_file (c, i) == -1)
      log_info ("%s/data.%" PRIu32 ": cannot give back unused space: %s",
                c->dir, i, strerror (errno));
  }
  return 0;
}

/* The last slots, for want of better victims; what is pinned only if there is
 * nothing else.
 */
static uint32_t
choose_any (struct cache *c, uint32_t *slots)
{
  uint64_t evictable = pin_evictable (c);
  uint32_t n = 0;

  for (uint32_t s = c->high_water; s > 0 && n < BATCH_MAX; s--) {
    struct slot *slot = &c->table[s - 1];

    if (slot->state == SLOT_LIVE &&
        (evictable == 0 || !(slot->flags & SLOT_PINNED)))
      evict_one (c, slots[n++] = s - 1);
  }
  return n;
}

/* The budget may have become smaller: down to it before anything is served.
 * The policy is asked first.
 */
static void
shrink (struct cache *c)
{
  bool told = false;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  budget_reconcile (c);
  while (budget_used (c) > c->limit && atomic_load (&c->resident) > 0) {
    uint32_t slots[BATCH_MAX], n = evict_choose (c, BATCH_MAX, slots);

    if (n == 0 && pin_evictable (c) == 0 && !told) {
      log_info ("%s: what is pinned takes more than its size, which is %"
                PRIu64 " bytes now: some of it goes", c->dir, c->size);
      told = true;
    }
    if (n == 0)
      n = choose_any (c, slots);
    pthread_mutex_unlock (&c->lock);
    evict_free (c, slots, n);
    pthread_mutex_lock (&c->lock);
    if (budget_used (c) <= c->limit || health_unwritable (c))
      budget_reconcile (c);
    if (health_unwritable (c))
      return;
  }
}

static int
load (struct cache *c, const struct index_header *h, uint64_t dir_bytes,
      struct error *e)
{
  bool same_policy = h->policy == (uint32_t) c->policy_kind;

  if (make_tables (c, h->slots, dir_bytes, e) == -1)
    return -1;
  for (uint32_t i = 0; i < c->files; i++)
    if (data_open (c, i, false) == -1 && errno != ENOENT)
      return error_set (e, errno, "%s/data.%" PRIu32 ": cannot open: %s",
                        c->dir, i, strerror (errno));
  if (same_policy) {
    policy_load (c->policy, h->policy_state);
    learned_load (c);
  }
  load_records (c, min_u64 (h->slots, c->slots), same_policy);
  unlink_data (c, c->files);
  if (reclaim (c, e) == -1)
    return -1;
  shrink (c);
  if (size_index (c, e) == -1)
    return -1;
  if ((h->slots != c->slots || h->budget != c->size ||
       h->policy != (uint32_t) c->policy_kind ||
       h->flags != (c->compress ? INDEX_COMPRESS : 0)) &&
      index_write_header (c) == -1)
    return failed (c, "index", "write", e);
  return 0;
}

static int
refuse_version (struct cache *c, const char *file, struct error *e)
{
  return error_set (e, EINVAL, "%s/%s: its version is not one that this "
                    "tiercache knows: use a newer tiercache, or delete the "
                    "directory", c->dir, file);
}

int
recover (struct cache *c, uint64_t dir_bytes, struct error *e)
{
  struct objects_header oh = { 0 };
  struct index_header ih = { 0 };
  enum found objects, index = FOUND_NOTHING;
  uint64_t bytes;

  objects = objects_read (c->sys, c->dir, &oh, &bytes, objects_add_known, c,
                          e);
  if (objects == FOUND_ERROR)
    return -1;
  if (open_index (c, 0) == 0)
    index = index_read_header (c->sys, c->index_fd, &ih);
  else if (errno != ENOENT)
    return failed (c, "index", "open", e);
  /* A disk that fails now may be well again tomorrow: nothing is thrown away
   * for that.
   */
  if (index == FOUND_ERROR)
    return failed (c, "index", "read", e);
  if (objects == FOUND_UNKNOWN_VERSION)
    return refuse_version (c, "objects", e);
  if (index == FOUND_UNKNOWN_VERSION)
    return refuse_version (c, "index", e);
  if (index == FOUND && ih.block_size != c->block_size)
    return error_set (e, EINVAL, "%s: was made with a block size of %" PRIu32
                      ", not %" PRIu32 ": use that, or another directory, "
                      "or delete this one", c->dir, ih.block_size,
                      c->block_size);
  cache_unlink (c, "objects.tmp");
  c->objects_reserved = objects_reserve (c, max_u64 (bytes, 8192));
  if (objects == FOUND && index == FOUND && oh.nonce == ih.nonce) {
    c->nonce = ih.nonce;
    c->next_id = oh.next_id;
    return load (c, &ih, dir_bytes, e);
  }
  c->objects_reserved = objects_reserve (c, 8192);
  if (objects == FOUND_DAMAGED || index == FOUND_DAMAGED ||
      (objects == FOUND && index == FOUND))
    log_info ("%s: the %s is damaged: the cache starts empty", c->dir,
              objects == FOUND_DAMAGED ? "list of objects" : "index");
  return start_empty (c, dir_bytes, e);
}
