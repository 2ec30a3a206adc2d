/* How sizes, costs and gaps are coded in an entry, and what they weigh. */

#include <config.h>

#include "policy/internal.h"
#include "util/minmax.h"

/* Cost codes: twelve an octave from 16 us (code 0) to 37 s (code 254). */
#define POLICY_COST_MIN_US 16
#define POLICY_COST_UNIT_US 40000.0     /* weight 1 */
#define POLICY_ROOT_12 1.0594630943592953       /* 2^(1/12) */

void
policy_fill_weights (struct policy *policy)
{
  double d = POLICY_COST_MIN_US / POLICY_COST_UNIT_US;

  for (unsigned i = 0; i < 256; ++i, d *= POLICY_ROOT_12)
    policy->cost_weight[i] = d;
  for (unsigned i = 0; i < POLICY_SIZES; ++i)
    policy->size_weight[i] = 65536.0 / policy_size_of (i);
}

/* Sizes in units of 16 bytes: below 64 units the number itself, then 64 steps
 * an octave, rounded up.
 */
unsigned
policy_size_code_of (uint64_t bytes)
{
  uint64_t units = bytes / 16 + (bytes % 16 != 0);
  unsigned shift;

  if (units < 64)
    return units ? units : 1;
  shift = 57 - __builtin_clzll (units);
  units = (units >> shift) + ((units & ((UINT64_C (1) << shift) - 1)) != 0);
  return min_u64 (shift * 64 + units, POLICY_SIZES - 1);
}

uint64_t
policy_size_of (unsigned code)
{
  if (code < 128)
    return code ? code * 16 : 16;
  return (UINT64_C (64) + code % 64) << (code / 64 - 1) << 4;
}

unsigned
policy_cost_code (const struct policy *policy, uint64_t cost_us)
{
  double weight = cost_us / POLICY_COST_UNIT_US;
  unsigned low = 0, high = 255;

  while (low < high) {
    unsigned mid = (low + high) / 2;

    /* Geometric middle of mid and mid + 1, squared. */
    if (weight * weight
        > policy->cost_weight[mid] * policy->cost_weight[mid] * POLICY_ROOT_12)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

unsigned
policy_gap_code (uint32_t gap)
{
  unsigned octave, half;

  gap = gap / (POLICY_USED_TURNOVER / 64);
  if (gap < 2)
    return 1;
  octave = 31 - __builtin_clz (gap);
  half = (gap >> (octave - 1)) & 1;
  return octave * 2 + half < 31 ? octave * 2 + half : 31;
}

double
policy_weight (const struct policy *policy, unsigned cost, unsigned size)
{
  if (policy->goal == POLICY_BYTES)
    return 1;
  return policy->cost_weight[cost] * policy->size_weight[size];
}
