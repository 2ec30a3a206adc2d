/* The account of what the directory takes on disk.
 *
 * Space is charged before anything is written and released after it has been
 * punched, so that the account is never below the disk.  What can't be known
 * in advance (the blocks in which a file system keeps a file's extents) is
 * allowed for at its worst; and now and then the account is compared with
 * what the files really take.
 */

#include <config.h>

#include <fcntl.h>

#include "cache/cache-internal.h"
#include "util/minmax.h"

/* An extent takes 12 bytes (ext4) or 16 (XFS) in blocks that are at least
 * half full: two extents for a slot, and one more for each 64 pages.
 */
#define META_SLOT 64
#define META_FILE 16384         /* the tree's upper levels, directory entry */

#define WAIT_NS (5 * NS_PER_S)  /* for space, with everything in flight */

static uint64_t
round_up (uint64_t bytes, uint32_t unit)
{
  return (bytes + unit - 1) / unit * unit;
}

static uint64_t
meta_slot (const struct cache *c)
{
  return META_SLOT + c->block_size / 4096;
}

uint64_t
budget_fixed (struct cache *c, uint32_t slots, uint64_t dir_bytes)
{
  uint64_t index = index_offset (slots);

  return round_up (dir_bytes, c->unit) + c->unit +      /* room to grow */
    c->unit +                                           /* lock */
    learned_reserve (c, slots) +
    round_up (index, c->unit) + round_up (index / 100, c->unit) +
    2 * (uint64_t) c->unit;
}

/* What a block takes. */
uint64_t
budget_block (const struct cache *c, uint64_t lengths)
{
  return round_up (pieces_bytes (c, lengths, 0, PIECES), c->unit);
}

uint64_t
objects_reserve (const struct cache *c, uint64_t bytes)
{
  return 2 * round_up (bytes, c->unit);         /* the old and the new */
}

uint64_t
budget_used (const struct cache *c)
{
  return c->fixed + c->objects_reserved + c->data_used + c->meta_used +
    c->surplus;
}

static uint32_t
files_for (const struct cache *c, uint64_t slots)
{
  return (slots + c->slots_per_file - 1) / c->slots_per_file;
}

/* With all that may come with it. */
static uint64_t
cost (const struct cache *c, uint64_t bytes, uint32_t slots)
{
  uint32_t files = slots == 0 ? 0 :
    files_for (c, (uint64_t) c->high_water + slots) -
    files_for (c, c->high_water);

  return bytes + slots * meta_slot (c) + (uint64_t) files * META_FILE;
}

bool
budget_fits (const struct cache *c, uint64_t bytes, uint32_t slots)
{
  return budget_used (c) + cost (c, bytes, slots) <= c->limit &&
    c->slots - c->taken >= slots;
}

/* What is pinned leaves so little that what else would be stored goes again at
 * once: it had better not be stored at all.
 */
bool
budget_crowded (const struct cache *c)
{
  return c->pinned_used > 0 &&
    budget_used (c) - c->data_used + c->pinned_used >
    c->limit - c->limit / 20;
}

/* Nobody will make room: all there is is pinned. */
static bool
is_stuck (struct cache *c)
{
  return c->pinned_live > 0 && pin_evictable (c) == 0 && !c->sweep_wanted &&
    !c->sweeping;
}

/* Waits until it fits, for a bounded time.  False: it doesn't. */
bool
budget_wait (struct cache *c, uint64_t bytes, uint32_t slots)
{
  uint64_t deadline = 0;
  int r = 0;

  while (!budget_fits (c, bytes, slots)) {
    if (r != 0 || health_unwritable (c) || c->closing || is_stuck (c))
      return false;
    if (!deadline)
      deadline = stop_now_ns () + WAIT_NS;
    c->waiters++;
    c->wanted = max_u64 (c->wanted, cost (c, bytes, slots));
    c->wanted_slots = max_u64 (c->wanted_slots, slots);
    pthread_cond_signal (&c->evict_cond);
    r = stop_wait (c->stop, &c->space_cond, &c->lock, deadline);
    if (--c->waiters == 0)
      c->wanted = c->wanted_slots = 0;
  }
  return true;
}

void
budget_charge (struct cache *c, uint32_t slot, uint64_t bytes)
{
  uint32_t file = slot / c->slots_per_file;

  c->data_used += bytes;
  if (c->table[slot].flags & SLOT_PINNED)
    c->pinned_used += bytes;
  if (c->file_peak[file] == 0)
    c->meta_used += META_FILE;
  /* A file system does not merge what holds the extents of a file when these
   * become fewer: what a file has needed at most stays charged.
   */
  if (++c->file_live[file] > c->file_peak[file]) {
    c->file_peak[file]++;
    c->meta_used += meta_slot (c);
  }
}

void
budget_release (struct cache *c, uint32_t slot, uint64_t bytes)
{
  c->data_used -= bytes;
  if (c->table[slot].flags & SLOT_PINNED)
    c->pinned_used -= bytes;
  c->file_live[slot / c->slots_per_file]--;
}

/* What the evictor should free now: 0 if there is room.  It begins when 98 %
 * are in use and goes on down to 97 %.
 */
uint64_t
budget_excess (struct cache *c)
{
  uint64_t used = budget_used (c), excess = 0;
  uint64_t high = c->limit - c->limit / 50, low = c->limit - c->limit / 33;
  uint32_t free_slots = c->slots - c->taken;

  if (used > high)
    c->evicting = true;
  else if (used <= low)
    c->evicting = false;
  if (c->evicting)
    excess = used - low;
  if (used + c->wanted > c->limit)
    excess = max_u64 (excess, used + c->wanted - c->limit);
  if (free_slots < max_u64 (c->wanted_slots, c->slots / 64))
    excess = max_u64 (excess, c->unit);
  return excess;
}

/* What the kernel says that all but objects takes.  False: it doesn't. */
static bool
on_disk (struct cache *c, uint64_t *bytes)
{
  const int fds[] = { c->index_fd, c->lock_fd };
  struct stat st;
  uint64_t sum = 0;
  int dir;

  for (uint32_t i = 0; i < c->files; i++) {
    int fd = data_fd (c, i);

    if (fd == -1)
      continue;
    if (c->sys->fstat (c->sys, fd, &st) == -1)
      return false;
    sum += (uint64_t) st.st_blocks * 512;
  }
  for (unsigned i = 0; i < 2; i++) {
    if (c->sys->fstat (c->sys, fds[i], &st) == -1)
      return false;
    sum += (uint64_t) st.st_blocks * 512;
  }
  dir = c->sys->open (c->sys, c->dir, O_RDONLY | O_DIRECTORY, 0);
  if (dir != -1) {
    if (c->sys->fstat (c->sys, dir, &st) == 0)
      sum += (uint64_t) st.st_blocks * 512;
    c->sys->close (c->sys, dir);
  }
  *bytes = sum;
  return true;
}

/* Takes into account what is on disk beyond what was expected there.  Stores
 * and evictions go on meanwhile: the higher of the account before and after
 * is right, or a little too cautious until the next time.
 */
void
budget_reconcile (struct cache *c)
{
  uint64_t before = c->fixed + c->data_used + c->meta_used;
  uint64_t found, account;
  bool known;

  pthread_mutex_unlock (&c->lock);
  known = on_disk (c, &found);
  pthread_mutex_lock (&c->lock);
  if (!known)
    return;
  account = max_u64 (before, c->fixed + c->data_used + c->meta_used);
  c->surplus = found > account ? found - account : 0;
}
