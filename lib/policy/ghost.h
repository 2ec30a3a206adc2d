/* What was evicted not long ago: a set of hashes that forgets its oldest.
 *
 * Five to six bytes for each block it is to remember, allocated at the first
 * use.
 */

#ifndef TIERCACHE_GHOST_H
#define TIERCACHE_GHOST_H

#include <stdbool.h>
#include <stdint.h>

struct ghost
{
  uint32_t *ways;       /* buckets of eight; 0: empty */
  uint32_t buckets;
  uint32_t sized_for;   /* how many it was made to remember */
  uint64_t evictions;   /* its clock */
};

/* Remembers hash.  limit is how many are to be remembered; the set grows with
 * it (and starts empty then).  Out of memory: nothing is remembered.
 */
extern void ghost_add (struct ghost *ghost, uint64_t hash, uint32_t limit);

/* Is hash among the last limit that were added? */
extern bool ghost_has (struct ghost *ghost, uint64_t hash, uint32_t limit);

/* The same, and forgets it. */
extern bool ghost_take (struct ghost *ghost, uint64_t hash, uint32_t limit);

extern void ghost_free (struct ghost *ghost);

#endif /* TIERCACHE_GHOST_H */
