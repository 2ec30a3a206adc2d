/* Recovery, first half: from the records of the index into the slot table. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"

#define CHUNK 1024u             /* records read at a time */

static bool
acceptable (struct cache *c, uint32_t slot, const struct record *r,
            const struct cache_object *object)
{
  return r->object == object->id && r->block < object->blocks &&
    pieces_valid (c, r->lengths) &&
    (r->lengths == 0 || data_fd (c, slot / c->slots_per_file) != -1);
}

/* Takes a record over into the table.  False: it is no good. */
static bool
load_record (struct cache *c, uint32_t slot, const uint8_t *in,
             bool with_policy)
{
  static const uint8_t unknown[POLICY_ENTRY_SAVED];
  struct cache_object *object = objects_by_id (c, index_object (in));
  struct slot *s = &c->table[slot];
  struct record r;
  uint64_t space;
  struct view view;

  if (!object || !index_decode (c->nonce, object->seed, slot, in, &r) ||
      !acceptable (c, slot, &r, object) ||
      slots_find (c, r.object, r.block, &view))
    return false;
  slots_adopt (c, slot);
  atomic_store (&s->object, r.object);
  atomic_store (&s->block, r.block);
  atomic_store (&s->lengths, r.lengths);
  s->flags = (c->compress && (r.flags & RECORD_HURRY) ? SLOT_HURRY : 0) |
    (object->pinned ? SLOT_PINNED : 0);
  space = budget_block (c, r.lengths);
  budget_charge (c, slot, space);
  policy_entry_load (c->policy, &s->policy,
                     slots_key (c, r.object, r.block),
                     max_u64 (space, c->unit),
                     with_policy ? in + INDEX_POLICY : unknown);
  return slots_publish (c, slot, false);
}

static bool
is_empty (const uint8_t *record)
{
  static const uint8_t empty[INDEX_RECORD];

  return memcmp (record, empty, sizeof empty) == 0;
}

/* A chunk that can't be read, or not be cleared of what is no good, is left
 * alone: its slots are free, and what is written there again replaces it.
 */
static void
load_chunk (struct cache *c, uint32_t slot, uint32_t count,
            uint8_t *records, bool with_policy)
{
  uint32_t dropped = 0;

  if (index_read (c, slot, count, records) == -1) {
    log_info ("%s/index: cannot read %u records: %s: their blocks are "
              "forgotten", c->dir, count, strerror (errno));
    return;
  }
  for (uint32_t i = 0; i < count; i++) {
    uint8_t *record = records + i * INDEX_RECORD;

    if (is_empty (record) || load_record (c, slot + i, record, with_policy))
      continue;
    memset (record, 0, INDEX_RECORD);
    dropped++;
  }
  if (dropped == 0)
    return;
  log_debug (cache, "%s: dropped %u records from slot %u on", c->dir,
             dropped, slot);
  if (index_write (c, slot, count, records) == -1)
    log_debug (cache, "%s/index: cannot clear records: %s", c->dir,
               strerror (errno));
}

/* The next range of records in which something has ever been written, from
 * slot *first on; false if there is none.  A file system that does not know
 * has one range.
 */
static bool
next_range (struct cache *c, uint32_t slots, uint32_t *first, uint32_t *end)
{
  int64_t from = c->sys->lseek (c->sys, c->index_fd, index_offset (*first),
                                SEEK_DATA), to;

  if (from == -1 && errno == ENXIO)
    return false;
  if (from == -1)
    from = index_offset (*first);
  to = c->sys->lseek (c->sys, c->index_fd, from, SEEK_HOLE);
  if (to <= from)
    to = index_offset (slots);
  *first = max_u64 (*first, from <= INDEX_HEADER ? 0 :
                    (from - INDEX_HEADER) / INDEX_RECORD);
  *end = min_u64 (slots, to <= INDEX_HEADER ? 0 :
                  (to - INDEX_HEADER + INDEX_RECORD - 1) / INDEX_RECORD);
  return *first < slots;
}

void
load_records (struct cache *c, uint32_t slots, bool with_policy)
{
  CLEANUP_FREE uint8_t *records = malloc ((size_t) CHUNK * INDEX_RECORD);
  uint32_t slot = 0, end;

  if (!records) {
    log_info ("%s: out of memory: nothing is found again", c->dir);
    return;
  }
  while (slot < slots && next_range (c, slots, &slot, &end)) {
    for (; slot < end; slot += CHUNK)
      load_chunk (c, slot, min_u64 (CHUNK, end - slot), records,
                  with_policy);
    slot = end;
  }
}
