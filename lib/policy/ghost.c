/* What was evicted not long ago: a set of hashes that forgets its oldest.
 *
 * A way is 16 bits of the hash and 16 bits of the time it was added:
 *
 *     bucket (from the upper half of the hash)
 *     +-----------+-----------+-----------+--   --+-----------+
 *     | tag  time | tag  time |     0     |  ...  | tag  time |   32 bytes
 *     +-----------+-----------+-----------+--   --+-----------+
 *
 * With eight ways for six live ones on average, a few are forgotten too
 * early, and one look in ten thousand finds what was never there: it
 * only gives a block a little credit.
 */

#include <config.h>

#include <stdlib.h>

#include "policy/ghost.h"

#define GHOST_WAYS 8
#define GHOST_LIVE 6            /* of them, on average */
#define GHOST_MIN 256           /* smaller sets are not worth growing */
#define GHOST_STEPS 4096        /* of the time, before one is too old */

/* Time counts evictions; in large sets one step is several of them, so that
 * 16 bits go round only after sixteen lifetimes.
 */
static uint32_t
ghost_step (const struct ghost *ghost)
{
  return ghost->sized_for / GHOST_STEPS + 1;
}

static uint16_t
ghost_now (const struct ghost *ghost)
{
  return ghost->evictions / ghost_step (ghost);
}

static uint32_t *
ghost_bucket (const struct ghost *ghost, uint64_t hash)
{
  uint64_t bucket = ((hash >> 32) * ghost->buckets) >> 32;

  return ghost->ways + bucket * GHOST_WAYS;
}

static uint16_t
ghost_tag (uint64_t hash)
{
  uint16_t tag = hash & 0xffff;

  return tag ? tag : 1;
}

static uint16_t
ghost_age (const struct ghost *ghost, uint32_t way)
{
  return ghost_now (ghost) - (uint16_t) way;
}

static void
ghost_grow (struct ghost *ghost, uint32_t limit)
{
  uint32_t buckets;
  uint32_t *ways;

  if (ghost->ways != NULL && limit <= ghost->sized_for + ghost->sized_for / 2)
    return;
  if (limit < GHOST_MIN)
    limit = GHOST_MIN;
  buckets = limit / GHOST_LIVE + 1;
  ways = calloc (buckets, GHOST_WAYS * sizeof *ways);
  if (ways == NULL)
    return;
  free (ghost->ways);
  ghost->ways = ways;
  ghost->buckets = buckets;
  ghost->sized_for = limit;
}

void
ghost_add (struct ghost *ghost, uint64_t hash, uint32_t limit)
{
  uint32_t *bucket, *oldest;

  ghost_grow (ghost, limit);
  if (ghost->ways == NULL)
    return;
  ghost->evictions++;
  bucket = oldest = ghost_bucket (ghost, hash);
  for (unsigned i = 0; i < GHOST_WAYS; ++i) {
    if (bucket[i] == 0 || bucket[i] >> 16 == ghost_tag (hash)) {
      oldest = &bucket[i];
      break;
    }
    if (ghost_age (ghost, bucket[i]) > ghost_age (ghost, *oldest))
      oldest = &bucket[i];
  }
  *oldest = (uint32_t) ghost_tag (hash) << 16 | ghost_now (ghost);
}

/* The way of hash, or NULL; *live: it is among the last limit. */
static uint32_t *
ghost_find (struct ghost *ghost, uint64_t hash, uint32_t limit, bool *live)
{
  uint32_t *bucket;

  if (ghost->ways == NULL)
    return NULL;
  bucket = ghost_bucket (ghost, hash);
  for (unsigned i = 0; i < GHOST_WAYS; ++i)
    if (bucket[i] != 0 && bucket[i] >> 16 == ghost_tag (hash)) {
      uint64_t age = ghost_age (ghost, bucket[i]);

      *live = age * ghost_step (ghost) <= limit;
      return &bucket[i];
    }
  return NULL;
}

bool
ghost_has (struct ghost *ghost, uint64_t hash, uint32_t limit)
{
  bool live;

  return ghost_find (ghost, hash, limit, &live) != NULL && live;
}

bool
ghost_take (struct ghost *ghost, uint64_t hash, uint32_t limit)
{
  bool live;
  uint32_t *way = ghost_find (ghost, hash, limit, &live);

  if (way == NULL)
    return false;
  *way = 0;
  return live;
}

void
ghost_free (struct ghost *ghost)
{
  free (ghost->ways);
}
