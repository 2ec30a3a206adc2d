/* Every checksum there is: of records and of pieces, also of those that a
 * reader has checked before.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define LOOK_AT 4096            /* slots, with the lock held */

struct verify
{
  struct cache *cache;
  struct named named;
  uint8_t *stored, *piece;
  uint32_t at;                  /* the next slot to look at */
  struct cache_verified *verified;
};

/* A block to be checked, as it was looked up. */
struct one
{
  struct cache_object *object;
  uint64_t block;
  struct view view;
};

/* The next LIVE blocks.  How many; 0 with *more: look again. */
static uint32_t
next_blocks (struct verify *v, struct one *ones, bool *more)
{
  struct cache *c = v->cache;
  uint32_t n = 0, end;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  end = min_u64 (v->at + (uint64_t) LOOK_AT, c->high_water);
  for (; v->at < end && n < BATCH_MAX; v->at++) {
    struct slot *s = &c->table[v->at];
    struct cache_object **found = s->state != SLOT_LIVE ? NULL :
      named_find (&v->named, atomic_load (&s->object));

    if (!found)
      continue;
    ones[n++] = (struct one) {
      .object = *found, .block = atomic_load (&s->block),
      .view = { .slot = v->at, .version = atomic_load (&s->version),
                .lengths = atomic_load (&s->lengths) }
    };
  }
  *more = v->at < c->high_water;
  return n;
}

static bool
is_right (struct verify *v, const struct one *one)
{
  struct cache *c = v->cache;
  uint64_t lengths = one->view.lengths;
  const uint8_t *stored = v->stored;
  uint8_t bytes[INDEX_RECORD];
  struct record record;

  if (index_read (c, one->view.slot, 1, bytes) == -1) {
    health_failed (c, "read", "index", UINT32_MAX, errno);
    return false;
  }
  if (!read_record (c, one->object, one->block, &one->view, bytes, &record))
    return false;
  if (lengths != 0 && !read_data (c, one->view.slot, 0, v->stored,
                                  pieces_bytes (c, lengths, 0, PIECES)))
    return false;
  for (unsigned p = 0; p < PIECES; p++) {
    uint32_t length = pieces_length (lengths, p);

    if (length != 0 &&
        (pieces_crc (one->object->seed, one->block, p, stored,
                     length * c->granule) != record.crc[p] ||
         !pieces_decode (c, length, stored, v->piece)))
      return false;
    stored += length * c->granule;
  }
  return true;
}

/* What was evicted or stored anew meanwhile is neither right nor wrong.  What
 * could not be read goes, too, so that the next one gets further.
 */
static void
verify_one (struct verify *v, const struct one *one)
{
  struct cache *c = v->cache;
  bool right = is_right (v, one);

  if (!right && health_degraded (c))
    read_drop (c, &one->view, false);
  if (health_degraded (c) || !slots_unchanged (c, &one->view))
    return;
  v->verified->blocks++;
  v->verified->bytes += pieces_bytes (c, one->view.lengths, 0, PIECES);
  if (right)
    return;
  v->verified->failed++;
  read_drop (c, &one->view, true);
}

/* How many blocks there are to be looked at. */
static uint64_t
count (struct verify *v)
{
  struct one ones[BATCH_MAX];
  uint64_t sum = 0;
  bool more = true;

  while (more)
    sum += next_blocks (v, ones, &more);
  v->at = 0;
  return sum;
}

static int
verify_all (struct verify *v, cache_progress_fn progress, void *opaque,
            struct error *e)
{
  struct cache *c = v->cache;
  struct one ones[BATCH_MAX];
  uint64_t total = count (v);
  bool more = true;

  while (more) {
    uint32_t n = next_blocks (v, ones, &more);

    for (uint32_t i = 0; i < n; i++) {
      verify_one (v, &ones[i]);
      if (health_degraded (c))
        return error_set (e, EIO, "%s: its disk fails: only %llu blocks could "
                          "be read", c->dir,
                          (unsigned long long) v->verified->blocks);
    }
    if (n > 0 && !progress (opaque, v->verified->blocks,
                            max_u64 (total, v->verified->blocks)))
      break;
  }
  return 0;
}

int
cache_verify (struct cache *c, const char *identity,
              cache_progress_fn progress, void *opaque,
              struct cache_verified *verified, struct error *e)
{
  CLEANUP_FREE uint8_t *stored = malloc (c->block_size);
  CLEANUP_FREE uint8_t *piece = malloc (c->piece);
  struct verify v = {
    .cache = c, .stored = stored, .piece = piece, .verified = verified
  };
  int r;

  *verified = (struct cache_verified) { 0 };
  if (!stored || !piece)
    return error_set (e, ENOMEM, "%s: out of memory", c->dir);
  if (named_get (c, identity, false, &v.named, e) == -1)
    return -1;
  r = verify_all (&v, progress, opaque, e);
  named_put (&v.named, false);
  return r;
}
