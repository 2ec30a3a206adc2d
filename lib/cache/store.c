/* Stores: pack, reserve, write the data, write the records, publish.
 *
 * A batch of blocks at a time.  Nothing is readable before both its data and
 * its record have been written, and nothing is written before its space is
 * in the account.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"

#define BATCH_BYTES (UINT64_C (1) << 20)

/* How many blocks from i on can be written with one call: the neighbours in
 * the file that are neighbours in memory, too, and leave no hole.
 */
static uint32_t
writable_run (const struct cache *c, const struct packed *blocks,
              uint32_t count)
{
  uint32_t n = 1;

  while (n < count && blocks[n - 1].bytes == c->block_size &&
         blocks[n].bytes > 0 &&
         blocks[n].slot == blocks[n - 1].slot + 1 &&
         blocks[n].slot % c->slots_per_file != 0 &&
         blocks[n].data == blocks[n - 1].data + c->block_size)
    n++;
  return n;
}

static int
write_data (struct cache *c, const struct packed *blocks, uint32_t count)
{
  uint32_t n;

  for (uint32_t i = 0; i < count; i += n) {
    uint32_t file = blocks[i].slot / c->slots_per_file;
    size_t bytes = 0;
    int fd = data_fd (c, file);

    n = writable_run (c, blocks + i, count - i);
    for (uint32_t k = i; k < i + n; k++)
      bytes += blocks[k].bytes;
    if (fd == -1)
      fd = data_open (c, file, true);
    if (fd == -1) {
      health_failed (c, "create", "data.", file, errno);
      return -1;
    }
    if (bytes > 0 &&
        sys_pwrite_full (c->sys, fd, blocks[i].data, bytes,
                         data_offset (c, blocks[i].slot)) == -1) {
      health_failed (c, "write", "data.", file, errno);
      return -1;
    }
  }
  return 0;
}

static void
encode (struct cache *c, const struct cache_object *object,
        const struct packed *block, uint8_t *out)
{
  uint8_t policy[POLICY_ENTRY_SAVED];
  struct record record = {
    .object = object->id, .block = block->block, .lengths = block->lengths,
    .flags = block->hurry ? RECORD_HURRY : 0
  };

  memcpy (record.crc, block->crc, sizeof record.crc);
  policy_entry_save (&c->table[block->slot].policy, policy);
  index_encode (c, object->seed, block->slot, &record, policy, out);
}

static int
write_records (struct cache *c, const struct cache_object *object,
               const struct packed *blocks, uint32_t count)
{
  uint8_t records[BATCH_MAX * INDEX_RECORD];
  uint32_t n;

  for (uint32_t i = 0; i < count; i += n) {
    n = 0;
    do {
      encode (c, object, &blocks[i + n], records + n * INDEX_RECORD);
      n++;
    } while (i + n < count && blocks[i + n].slot == blocks[i].slot + n);
    if (index_write (c, blocks[i].slot, n, records) == -1) {
      health_failed (c, "write", "index", UINT32_MAX, errno);
      return -1;
    }
  }
  return 0;
}

/* Space and slots for a batch.  The policy hears of the blocks now, so that
 * their records can hold its state; none of them can be a victim before it
 * is LIVE.
 */
static bool
take (struct cache *c, const struct cache_object *object,
      struct packed *blocks, uint32_t count, uint64_t cost_us, bool wait)
{
  uint32_t slots[BATCH_MAX];
  uint64_t bytes = 0;

  for (uint32_t i = 0; i < count; i++)
    bytes += budget_block (c, blocks[i].lengths);

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);
  c->activity++;
  if (!object->pinned && budget_crowded (c))
    return false;
  if (!(wait ? budget_wait (c, bytes, count) :
        budget_fits (c, bytes, count)) ||
      !slots_take (c, count, slots))
    return false;
  for (uint32_t i = 0; i < count; i++) {
    struct packed *b = &blocks[i];
    struct slot *s = &c->table[slots[i]];
    uint64_t space = budget_block (c, b->lengths);

    b->slot = slots[i];
    s->flags = (b->hurry ? SLOT_HURRY : 0) |
      (object->pinned ? SLOT_PINNED : 0);
    budget_charge (c, b->slot, space);
    atomic_store (&s->object, object->id);
    atomic_store (&s->block, b->block);
    atomic_store (&s->lengths, b->lengths);
    policy_insert (c->policy, &s->policy,
                   slots_key (c, object->id, b->block),
                   max_u64 (space, c->unit), cost_us);
  }
  if (budget_excess (c))
    pthread_cond_signal (&c->evict_cond);
  return true;
}

/* The new form of a block takes the place of the old one, if that is still
 * there.
 */
static bool
replace (struct cache *c, const struct view *old, struct slot *s)
{
  struct slot *o = &c->table[old->slot];
  uint8_t policy[POLICY_ENTRY_SAVED];

  if (o->state != SLOT_LIVE || !slots_unchanged (c, old))
    return false;
  policy_entry_save (&o->policy, policy);
  policy_evicted (c->policy, &s->policy,
                  slots_key (c, atomic_load (&s->object),
                             atomic_load (&s->block)), false);
  policy_entry_load (c->policy, &s->policy,
                     slots_key (c, atomic_load (&s->object),
                                atomic_load (&s->block)),
                     max_u64 (budget_block (c, atomic_load (&s->lengths)),
                              c->unit), policy);
  slots_doom (c, old->slot);
  policy_evicted (c->policy, &o->policy,
                  slots_key (c, atomic_load (&o->object),
                             atomic_load (&o->block)), false);
  c->sweep_wanted = true;
  return true;
}

/* Makes the batch readable.  Returns those that are not to be, because the
 * block is there already, in losers.
 */
static uint32_t
publish (struct cache *c, const struct packed *blocks, uint32_t count,
         bool ahead, bool written, const struct view *replaces,
         uint32_t *losers)
{
  uint32_t lost = 0;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  for (uint32_t i = 0; i < count; i++) {
    struct slot *s = &c->table[blocks[i].slot];

    if (written && (!replaces || replace (c, replaces, s)) &&
        slots_publish (c, blocks[i].slot, ahead)) {
      atomic_fetch_add (&c->stored_blocks, replaces ? 0 : 1);
      atomic_fetch_add (&c->stored_bytes, replaces ? 0 : blocks[i].bytes);
      continue;
    }
    policy_evicted (c->policy, &s->policy,
                    slots_key (c, atomic_load (&s->object),
                               blocks[i].block), false);
    losers[lost++] = blocks[i].slot;
  }
  return lost;
}

/* Whoever watches the object hears of what was published. */
static void
tell (const struct cache *c, const struct cache_object *object,
      const struct packed *blocks, uint32_t count, uint64_t cost_us,
      const uint32_t *losers, uint32_t lost)
{
  for (uint32_t i = 0; object->stored && i < count; i++) {
    /* Losers are in the order of the blocks. */
    if (lost > 0 && *losers == blocks[i].slot) {
      losers++;
      lost--;
      continue;
    }
    object->stored (object->stored_opaque, blocks[i].block, cost_us,
                    budget_block (c, blocks[i].lengths));
  }
}

/* Stores up to BATCH_MAX packed blocks.  replaces, if not NULL, is where the
 * only block is now: then nobody waits for space.
 */
void
store_run (struct cache *c, const struct cache_object *object,
           struct packed *blocks, uint32_t count,
           const struct cache_store_options *options,
           const struct view *replaces)
{
  uint32_t losers[BATCH_MAX], lost;
  bool written;

  for (uint32_t i = 0; i < count; i++)
    pieces_sum (c, object->seed, &blocks[i]);
  if (!take (c, object, blocks, count, options->cost_us, !replaces))
    return;
  written = write_data (c, blocks, count) == 0 &&
    write_records (c, object, blocks, count) == 0;
  lost = publish (c, blocks, count, options->ahead, written, replaces,
                  losers);
  if (!replaces)
    tell (c, object, blocks, count, options->cost_us, losers, lost);
  if (lost > 0)
    evict_free (c, losers, lost);
  if (written)
    health_works (c);
}

/* The last block of an object, filled up with zeros. */
static const uint8_t *
padded (const struct cache *c, const uint8_t *data, uint64_t bytes,
        uint8_t *room)
{
  if (bytes >= c->block_size)
    return data;
  memcpy (room, data, bytes);
  memset (room + bytes, 0, c->block_size - bytes);
  return room;
}

/* A batch must leave room for others, also in a very small cache. */
static uint32_t
batch_blocks (const struct cache *c)
{
  uint64_t bytes = min_u64 (BATCH_BYTES, c->size / 16);

  return min_u64 (max_u64 (bytes / c->block_size, 1), BATCH_MAX);
}

/* Before it is packed nobody knows what the block will take: its raw size
 * stands for that.
 */
static bool
admit (struct cache *c, const struct cache_object *object, uint64_t block,
       uint64_t cost_us)
{
  if (c->admission == POLICY_ALWAYS || object->pinned)
    return true;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);
  return policy_admit (c->policy, slots_key (c, object->id, block),
                       c->block_size, cost_us);
}

uint32_t
cache_store (struct cache_object *object, uint64_t first_block,
             const void *data, uint64_t count,
             const struct cache_store_options *options)
{
  struct cache *c = object->cache;
  bool compress = c->compress && !options->hurry;
  uint64_t blocks = (count + c->block_size - 1) / c->block_size;
  uint32_t batch = min_u64 (batch_blocks (c), blocks), n = 0;
  CLEANUP_FREE uint8_t *room = NULL, *last = NULL;
  struct packed packed[BATCH_MAX];
  uint32_t refused = 0;

  if (compress)
    room = malloc ((size_t) batch * c->block_size);
  if (count % c->block_size != 0)
    last = malloc (c->block_size);
  if ((compress && !room) || (count % c->block_size != 0 && !last))
    return 0;

  for (uint64_t i = 0; i < blocks && !health_unwritable (c); i++) {
    const uint8_t *block = (const uint8_t *) data + i * c->block_size;
    struct view view;

    if (slots_find (c, object->id, first_block + i, &view))
      ;                         /* another store was quicker */
    else if (!admit (c, object, first_block + i, options->cost_us))
      refused++;
    else {
      block = padded (c, block, count - i * c->block_size, last);
      pieces_pack (c, block,
                   room ? room + (size_t) n * c->block_size : NULL,
                   &packed[n]);
      packed[n].block = first_block + i;
      packed[n].hurry = c->compress && options->hurry &&
        packed[n].bytes > 0;
      n++;
    }
    if (n == batch || (n > 0 && i == blocks - 1)) {
      store_run (c, object, packed, n, options, NULL);
      n = 0;
    }
  }
  return refused;
}
