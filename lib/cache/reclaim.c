/* Recovery, second half: space in the data files that no record covers is
 * given back.  It was left by a store that was not finished, or by an
 * eviction that was, but whose record came back.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cache/cache-internal.h"
#include "util/log.h"
#include "util/minmax.h"

struct hole
{
  uint64_t from, to;
};

static int
punch (struct cache *c, uint32_t file, struct hole *hole)
{
  int r = 0;

  if (hole->to > hole->from)
    r = c->sys->fallocate (c->sys, data_fd (c, file),
                           FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                           hole->from, hole->to - hole->from);
  hole->from = hole->to = 0;
  return r;
}

/* Where the bytes that count end in the slot at this offset of the file. */
static uint64_t
covered_to (struct cache *c, uint32_t file, uint64_t start)
{
  uint64_t slot = (uint64_t) file * c->slots_per_file +
    start / c->block_size;

  if (slot >= c->slots || c->table[slot].state != SLOT_LIVE)
    return start;
  return start + budget_block (c, atomic_load (&c->table[slot].lengths));
}

/* Punches what is not covered in [from, to), which is all data. */
static int
reclaim_range (struct cache *c, uint32_t file, uint64_t from, uint64_t to)
{
  struct hole hole = { 0, 0 };

  while (from < to) {
    uint64_t start = from / c->block_size * c->block_size;
    uint64_t end = min_u64 (to, start + c->block_size);
    uint64_t free_from = max_u64 (from, covered_to (c, file, start));

    if (hole.to != free_from && punch (c, file, &hole) == -1)
      return -1;
    if (free_from < end) {
      if (hole.to == 0)
        hole.from = free_from;
      hole.to = end;
    }
    from = end;
  }
  return punch (c, file, &hole);
}

/* -1 with errno if the file system refuses. */
int
reclaim_file (struct cache *c, uint32_t file)
{
  int fd = data_fd (c, file);
  uint64_t at = 0;

  while (at < DATA_FILE_BYTES) {
    int64_t from = c->sys->lseek (c->sys, fd, at, SEEK_DATA), to;

    if (from == -1 && errno == ENXIO)
      return 0;
    if (from == -1)
      return -1;
    to = c->sys->lseek (c->sys, fd, from, SEEK_HOLE);
    if (to == -1)
      return -1;
    if ((uint64_t) from < at || to <= from)
      return 0;
    if (reclaim_range (c, file, from, min_u64 (to, DATA_FILE_BYTES)) == -1)
      return -1;
    at = to;
  }
  return 0;
}
