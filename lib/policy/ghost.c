/* What was evicted not long ago: a set of hashes that forgets its oldest.
 *
 * A way is 24 bits, 13 of the hash and 11 of the time the block was last
 * resident or used:
 *
 *     bucket (from the upper half of the hash)
 *     +-----------+-----------+-----------+--   --+-----------+
 *     | tag  time | tag  time |     0     |  ...  | tag  time |   48 bytes
 *     +-----------+-----------+-----------+--   --+-----------+
 *
 * With sixteen ways for fourteen live ones on average, a few are forgotten too
 * early, and one look in six hundred finds what was never there: it only gives
 * a block a little credit.  The time counts 256ths of a turnover and goes
 * round after eight; what is so old has left its bucket, unless hardly anything
 * was evicted meanwhile.
 */

#include <config.h>

#include <stdlib.h>

#include "policy/internal.h"

#define GHOST_WAYS 16
#define GHOST_LIVE 14           /* of them, on average */
#define GHOST_WAY_BYTES 3
#define GHOST_MIN 256           /* smaller sets are not worth growing */

#define GHOST_TIME_BITS 11
#define GHOST_TIME_MASK ((1u << GHOST_TIME_BITS) - 1)
#define GHOST_TICK (POLICY_USED_TURNOVER / 256)

#define GHOST_TAGS 0x1fffu      /* not 0: that is an empty way */

static uint8_t *
ghost_bucket (const struct ghost *ghost, uint64_t hash)
{
  uint64_t bucket = ((hash >> 32) * ghost->buckets) >> 32;

  return ghost->ways + bucket * GHOST_WAYS * GHOST_WAY_BYTES;
}

static uint32_t
ghost_tag (uint64_t hash)
{
  return hash % GHOST_TAGS + 1;
}

static uint32_t
ghost_ticks (uint32_t way, uint32_t now)
{
  return (now / GHOST_TICK - way) & GHOST_TIME_MASK;
}

static void
ghost_grow (struct ghost *ghost, uint32_t room)
{
  uint32_t buckets;
  uint8_t *ways;

  if (ghost->ways != NULL && room / 3 <= ghost->sized_for / 2)
    return;
  if (room < GHOST_MIN)
    room = GHOST_MIN;
  buckets = room / GHOST_LIVE + 1;
  ways = calloc (buckets, GHOST_WAYS * GHOST_WAY_BYTES);
  if (ways == NULL)
    return;
  free (ghost->ways);
  ghost->ways = ways;
  ghost->buckets = buckets;
  ghost->sized_for = room;
}

void
ghost_add (struct ghost *ghost, uint64_t hash, uint32_t at, uint32_t now,
           uint32_t room)
{
  uint8_t *way, *oldest = NULL;
  uint32_t oldest_ticks = 0;

  ghost_grow (ghost, room);
  if (ghost->ways == NULL)
    return;
  way = ghost_bucket (ghost, hash);
  for (unsigned i = 0; i < GHOST_WAYS; ++i, way += GHOST_WAY_BYTES) {
    uint32_t value = policy_get (way, GHOST_WAY_BYTES);
    uint32_t ticks = ghost_ticks (value, now);

    if (value == 0 || value >> GHOST_TIME_BITS == ghost_tag (hash)) {
      oldest = way;
      break;
    }
    if (oldest == NULL || ticks > oldest_ticks) {
      oldest = way;
      oldest_ticks = ticks;
    }
  }
  policy_put (oldest, ghost_tag (hash) << GHOST_TIME_BITS
              | (at / GHOST_TICK & GHOST_TIME_MASK), GHOST_WAY_BYTES);
}

/* The way of hash, or NULL. */
static uint8_t *
ghost_find (const struct ghost *ghost, uint64_t hash)
{
  uint8_t *way;

  if (ghost->ways == NULL)
    return NULL;
  way = ghost_bucket (ghost, hash);
  for (unsigned i = 0; i < GHOST_WAYS; ++i, way += GHOST_WAY_BYTES)
    if (policy_get (way, GHOST_WAY_BYTES) >> GHOST_TIME_BITS
        == ghost_tag (hash))
      return way;
  return NULL;
}

uint32_t
ghost_age (const struct ghost *ghost, uint64_t hash, uint32_t now)
{
  uint8_t *way = ghost_find (ghost, hash);

  return way == NULL ? UINT32_MAX
    : (ghost_ticks (policy_get (way, GHOST_WAY_BYTES), now) + 1) * GHOST_TICK;
}

uint32_t
ghost_take (struct ghost *ghost, uint64_t hash, uint32_t now)
{
  uint32_t age = ghost_age (ghost, hash, now);

  if (age < UINT32_MAX)
    policy_put (ghost_find (ghost, hash), 0, GHOST_WAY_BYTES);
  return age;
}

void
ghost_free (struct ghost *ghost)
{
  free (ghost->ways);
}
