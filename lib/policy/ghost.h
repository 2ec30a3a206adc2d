/* What was evicted not long ago: a set of hashes that forgets its oldest.
 *
 * Three and a half bytes for each block it is to remember, allocated at the
 * first use.  All times are virtual, as in an entry (internal.h).
 */

#ifndef TIERCACHE_GHOST_H
#define TIERCACHE_GHOST_H

#include <stdint.h>

struct ghost
{
  uint8_t *ways;        /* buckets of sixteen */
  uint32_t buckets;
  uint32_t sized_for;   /* how many it was made to remember */
};

/* Remembers hash, as of the time at, now or before.  room is how many are to
 * be remembered; the set grows with it (and starts empty then).  Out of memory:
 * nothing is remembered.
 */
extern void ghost_add (struct ghost *ghost, uint64_t hash, uint32_t at,
                       uint32_t now, uint32_t room);

/* The time since then, or up to two 256ths of a turnover more; UINT32_MAX: not
 * known, or forgotten.
 */
extern uint32_t ghost_age (const struct ghost *ghost, uint64_t hash,
                           uint32_t now);

/* The same, and forgets it. */
extern uint32_t ghost_take (struct ghost *ghost, uint64_t hash, uint32_t now);

extern void ghost_free (struct ghost *ghost);

#endif /* TIERCACHE_GHOST_H */
