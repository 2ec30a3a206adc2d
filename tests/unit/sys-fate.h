/* The dice of a power loss: what survives, the same for the same seed. */

#ifndef TIERCACHE_SYS_FATE_H
#define TIERCACHE_SYS_FATE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/mix.h"

struct sys_fate
{
  bool nothing;                 /* what was not synced is lost, all of it */
  uint64_t state;
  unsigned keep;                /* of 100 */
};

/* Seed 0 keeps nothing. */
static inline struct sys_fate
sys_fate_of (uint64_t seed)
{
  return (struct sys_fate) { .nothing = seed == 0, .state = mix_u64 (seed) };
}

static inline uint64_t
sys_fate_random (struct sys_fate *fate)
{
  fate->state = mix_u64 (fate->state);
  return fate->state;
}

static inline bool
sys_fate_keeps (struct sys_fate *fate)
{
  return sys_fate_random (fate) % 100 < fate->keep;
}

/* New odds, from none to all: drawn for each file, so that one can be new
 * where another is old.
 */
static inline void
sys_fate_draw (struct sys_fate *fate)
{
  static const unsigned odds[] = { 0, 20, 50, 80, 100 };
  unsigned keep = odds[sys_fate_random (fate) % 5];

  fate->keep = fate->nothing ? 0 : keep;
}

#endif /* TIERCACHE_SYS_FATE_H */
