/* splitmix64's finaliser: spreads the bits of a number over 64 bits.
 *
 * Source: Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA 2014; the constants are Stafford's variant 13.
 */

#ifndef TIERCACHE_MIX_H
#define TIERCACHE_MIX_H

#include <stdint.h>

/* The golden-ratio increment is added first, as in splitmix64: so that
 * mix_u64 (0) is not 0.
 */
static inline uint64_t
mix_u64 (uint64_t x)
{
  x += UINT64_C (0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C (0x94d049bb133111eb);
  return x ^ (x >> 31);
}

#endif /* TIERCACHE_MIX_H */
