/* Hits: from the slots into the caller's buffer.
 *
 * Look up, read, and then ask whether the slot still holds what was looked
 * up.  No lock, no allocation; bytes go straight into the caller's buffer
 * where they are stored raw, and neighbours in neighbouring slots are read
 * in one go.
 */

#include <config.h>

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"

#define READ_TRIES 16           /* when slots change under the reader */

/* What to read: blocks in slots side by side, or just one block. */
struct run
{
  const struct cache_object *object;
  uint64_t first;               /* block */
  uint32_t from;                /* offset in the first block */
  uint32_t bytes;               /* wanted, from there */
  uint32_t count;               /* of blocks */
  bool direct;                  /* all raw: straight to the caller */
  bool quiet;                   /* not a use that counts */
  struct view views[BATCH_MAX];
};

/* Bytes [from, to) of block i of the run that are wanted. */
static void
wanted (const struct cache *c, const struct run *run, uint32_t i,
        uint32_t *from, uint32_t *to)
{
  uint64_t end = (uint64_t) run->from + run->bytes;
  uint64_t start = (uint64_t) i * c->block_size;

  *from = i == 0 ? run->from : 0;
  *to = min_u64 (end - start, c->block_size);
}

/* A piece must be checked as a whole when it is first touched. */
static bool
must_check (const struct view *view, unsigned piece)
{
  return !(view->version & VERSION_VERIFIED (piece)) &&
    pieces_length (view->lengths, piece) != 0;
}

static bool
whole (const struct cache *c, unsigned piece, uint32_t from, uint32_t to)
{
  return from <= piece * c->piece && (piece + 1) * c->piece <= to;
}

/* Can bytes [from, to) of the block be read to where they are wanted? */
static bool
is_direct (const struct cache *c, const struct view *view, uint32_t from,
           uint32_t to)
{
  unsigned first = from / c->piece, last = (to - 1) / c->piece;

  return view->lengths == pieces_raw (c) &&
    (whole (c, first, from, to) || !must_check (view, first)) &&
    (whole (c, last, from, to) || !must_check (view, last));
}

/* Fills the run with the first block and those that can be read with it. */
static bool
find_run (struct cache *c, struct run *run, uint32_t bytes)
{
  uint32_t from, to;

  run->bytes = min_u64 (bytes, c->block_size - run->from);
  run->count = 1;
  if (!slots_find (c, run->object->id, run->first, &run->views[0]))
    return false;
  wanted (c, run, 0, &from, &to);
  run->direct = is_direct (c, &run->views[0], from, to);

  while (run->direct && run->bytes < bytes && run->count < BATCH_MAX) {
    struct view *view = &run->views[run->count];
    uint32_t more = min_u64 (bytes - run->bytes, c->block_size);

    if (!slots_find (c, run->object->id, run->first + run->count, view) ||
        view->slot != view[-1].slot + 1 ||
        view->slot % c->slots_per_file == 0 ||
        !is_direct (c, view, 0, more))
      break;
    run->count++;
    run->bytes += more;
  }
  return true;
}

/* Forgets a block that can't be read, unless it has gone already. */
void
read_drop (struct cache *c, const struct view *view, bool failed_check)
{
  struct slot *s = &c->table[view->slot];
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  if (s->state != SLOT_LIVE || !slots_unchanged (c, view))
    return;
  slots_doom (c, view->slot);
  s->flags |= SLOT_SUSPECT;
  policy_evicted (c->policy, &s->policy,
                  slots_key (c, atomic_load (&s->object),
                             atomic_load (&s->block)), false);
  c->sweep_wanted = true;
  pthread_cond_signal (&c->evict_cond);
  if (failed_check) {
    atomic_fetch_add (&c->failed_checks, 1);
    log_debug (cache, "%s: object %u block %llu in slot %u fails its check",
               c->dir, atomic_load (&s->object),
               (unsigned long long) atomic_load (&s->block), view->slot);
  }
}

/* Reads from the data file.  False: the disk failed, or the file is short. */
bool
read_data (struct cache *c, uint32_t slot, uint32_t offset, void *buf,
           uint32_t bytes)
{
  uint32_t file = slot / c->slots_per_file;
  ssize_t r = sys_pread_full (c->sys, data_fd (c, file), buf, bytes,
                              data_offset (c, slot) + offset);

  if (r == -1)
    health_failed (c, "read", "data.", file, errno);
  return r == bytes;
}

static bool
read_records (struct cache *c, uint32_t slot, uint32_t count, uint8_t *out)
{
  if (index_read (c, slot, count, out) == 0)
    return true;
  health_failed (c, "read", "index", UINT32_MAX, errno);
  return false;
}

/* The record of a block that was looked up: does it say the same? */
bool
read_record (struct cache *c, const struct cache_object *object,
            uint64_t block, const struct view *view, const uint8_t *bytes,
            struct record *record)
{
  return index_decode (c->nonce, object->seed, view->slot, bytes, record) &&
    record->object == object->id && record->block == block &&
    record->lengths == view->lengths;
}

static void
count_hit (struct cache *c, const struct run *run, uint32_t i,
           uint32_t verified, unsigned *flags)
{
  const struct view *view = &run->views[i];
  uint32_t ahead = run->quiet ? 0 : view->version & VERSION_AHEAD;

  if (ahead)
    *flags |= CACHE_READ_AHEAD;
  if (ahead || (verified & ~view->version))
    slots_mark (c, view, verified, ahead);
  if (!run->quiet)
    policy_hit (c->policy, &c->table[view->slot].policy,
                slots_key (c, run->object->id, run->first + i));
}

/* Checks what was read of a block of a direct run.  The pieces that were
 * checked are added to *verified.
 */
static bool
check_direct (struct cache *c, const struct run *run, uint32_t i,
              const uint8_t *buf, const uint8_t *records,
              uint32_t *verified)
{
  const struct view *view = &run->views[i];
  struct record record;
  uint32_t from, to;

  wanted (c, run, i, &from, &to);
  for (unsigned p = from / c->piece; p <= (to - 1) / c->piece; p++) {
    if (!must_check (view, p))
      continue;
    if (*verified == 0 &&
        !read_record (c, run->object, run->first + i, view,
                     records + i * INDEX_RECORD, &record))
      return false;
    if (pieces_crc (run->object->seed, run->first + i, p,
                    buf + (p * c->piece - from), c->piece) != record.crc[p])
      return false;
    *verified |= VERSION_VERIFIED (p);
  }
  return true;
}

static bool
needs_records (const struct cache *c, const struct run *run)
{
  for (uint32_t i = 0; i < run->count; i++) {
    uint32_t from, to;

    wanted (c, run, i, &from, &to);
    for (unsigned p = from / c->piece; p <= (to - 1) / c->piece; p++)
      if (must_check (&run->views[i], p))
        return true;
  }
  return false;
}

/* Something of a run can't be read: drops the blocks that it is, so that a
 * disk with a bad place in it is not in trouble again and again.
 */
static void
drop_unreadable (struct cache *c, const struct run *run, uint8_t *buf)
{
  uint8_t record[INDEX_RECORD];

  for (uint32_t i = 0; i < run->count; i++) {
    const struct view *view = &run->views[i];
    uint32_t from, to;

    wanted (c, run, i, &from, &to);
    if (!read_data (c, view->slot, from, buf, to - from) ||
        !read_records (c, view->slot, 1, record))
      read_drop (c, view, false);
    buf += to - from;
  }
}

/* Returns the bytes that are good, from the start: 0 if the first block has
 * changed or was dropped.
 */
static uint32_t
read_direct (struct cache *c, struct run *run, uint8_t *buf,
             unsigned *flags)
{
  uint8_t records[BATCH_MAX * INDEX_RECORD];
  uint32_t slot = run->views[0].slot, good = 0;

  if (!read_data (c, slot, run->from, buf, run->bytes) ||
      (needs_records (c, run) &&
       !read_records (c, slot, run->count, records))) {
    drop_unreadable (c, run, buf);
    return 0;
  }
  for (uint32_t i = 0; i < run->count; i++) {
    uint32_t from, to, verified = 0;

    wanted (c, run, i, &from, &to);
    if (!slots_unchanged (c, &run->views[i]))
      break;
    if (!check_direct (c, run, i, buf + good, records, &verified)) {
      read_drop (c, &run->views[i], true);
      break;
    }
    count_hit (c, run, i, verified, flags);
    good += to - from;
  }
  return good;
}

/* Checks and decodes the wanted part of each piece touched. */
static bool
decode_block (struct cache *c, const struct run *run,
              struct scratch *scratch, const struct record *record,
              uint8_t *buf, uint32_t *verified)
{
  const struct view *view = &run->views[0];
  const uint8_t *stored = scratch->stored;
  uint32_t from, to;

  wanted (c, run, 0, &from, &to);
  for (unsigned p = from / c->piece; p <= (to - 1) / c->piece; p++) {
    uint32_t length = pieces_length (view->lengths, p);
    uint32_t start = max_u64 (from, p * c->piece);
    uint32_t end = min_u64 (to, (p + 1) * c->piece);
    bool all = end - start == c->piece;
    uint8_t *out = all ? buf + (start - from) : scratch->piece;

    if (must_check (view, p)) {
      if (pieces_crc (run->object->seed, run->first, p, stored,
                      length * c->granule) != record->crc[p])
        return false;
      *verified |= VERSION_VERIFIED (p);
    }
    if (!pieces_decode (c, length, stored, out))
      return false;
    if (!all)
      memcpy (buf + (start - from), out + (start - p * c->piece),
              end - start);
    stored += length * c->granule;
  }
  return true;
}

/* One block of any form, by way of a scratch buffer. */
static uint32_t
read_packed (struct cache *c, const struct run *run,
             struct scratch *scratch, uint8_t *buf, unsigned *flags)
{
  const struct view *view = &run->views[0];
  unsigned first = run->from / c->piece;
  unsigned last = (run->from + run->bytes - 1) / c->piece;
  uint32_t bytes = pieces_bytes (c, view->lengths, first, last + 1);
  uint8_t bytes_of_record[INDEX_RECORD];
  struct record record = { 0 };
  uint32_t verified = 0;
  bool check = needs_records (c, run);

  if ((bytes > 0 &&
       !read_data (c, view->slot, pieces_bytes (c, view->lengths, 0, first),
                   scratch->stored, bytes)) ||
      (check && !read_records (c, view->slot, 1, bytes_of_record))) {
    read_drop (c, view, false);
    return 0;
  }
  if (!slots_unchanged (c, view))
    return 0;
  if ((check && !read_record (c, run->object, run->first, view,
                             bytes_of_record, &record)) ||
      !decode_block (c, run, scratch, &record, buf, &verified)) {
    read_drop (c, view, true);
    return 0;
  }
  count_hit (c, run, 0, verified, flags);
  return run->bytes;
}

/* The next bytes, as many as can be had in one go.  0: missing. */
static uint32_t
read_some (struct cache *c, struct run *run, uint8_t *buf, uint32_t bytes,
           unsigned *flags)
{
  for (int i = 0; i < READ_TRIES; i++) {
    struct scratch *scratch;
    uint32_t r;

    if (health_degraded (c) || !find_run (c, run, bytes))
      return 0;
    if (run->direct) {
      r = read_direct (c, run, buf, flags);
      bytes = c->block_size - run->from < bytes && r == 0 ?
        c->block_size - run->from : bytes;
    }
    else {
      scratch = scratch_get (c);
      if (!scratch)
        return 0;
      r = read_packed (c, run, scratch, buf, flags);
      scratch_put (scratch);
    }
    if (r > 0)
      return r;
  }
  return 0;
}

uint32_t
cache_read (struct cache_object *object, void *buf, uint64_t offset,
            uint32_t count, unsigned *flags)
{
  struct cache *c = object->cache;
  unsigned cpu = sched_getcpu ();
  struct counters *counters = &c->counters[cpu % COUNTERS];
  struct object_counter *own = &object->counters[cpu % OBJECT_COUNTERS];
  uint32_t done = 0;
  struct run run;

  run.object = object;
  run.quiet = false;
  while (done < count) {
    uint32_t r, blocks;

    run.first = (offset + done) / c->block_size;
    run.from = (offset + done) % c->block_size;
    r = read_some (c, &run, (uint8_t *) buf + done, count - done, flags);
    if (r == 0) {
      atomic_fetch_add_explicit (&counters->misses, 1, memory_order_relaxed);
      break;
    }
    done += r;
    blocks = (run.from + r + c->block_size - 1) / c->block_size;
    atomic_fetch_add_explicit (&counters->hits, blocks, memory_order_relaxed);
    atomic_fetch_add_explicit (&own->hits, blocks, memory_order_relaxed);
  }
  return done;
}

/* For the cache's own use: all within one block, and neither a hit nor a
 * miss.
 */
bool
read_quietly (struct cache_object *object, void *buf, uint64_t offset,
              uint32_t count)
{
  struct cache *c = object->cache;
  unsigned flags = 0;
  struct run run;

  run.object = object;
  run.quiet = true;
  run.first = offset / c->block_size;
  run.from = offset % c->block_size;
  return read_some (c, &run, buf, count, &flags) == count;
}

bool
cache_has (struct cache_object *object, uint64_t block)
{
  struct view view;

  return !health_degraded (object->cache) &&
    slots_find (object->cache, object->id, block, &view);
}
