/* What the files of lib/policy share: the state of a policy, and how the
 * fields of an entry are coded.
 */

#ifndef TIERCACHE_POLICY_INTERNAL_H
#define TIERCACHE_POLICY_INTERNAL_H

#include <string.h>

#include "policy/ghost.h"
#include "policy/policy.h"

/* Virtual time: turnovers of the cache, 32 bits of fraction.  An entry keeps
 * the middle 32 bits; differences are taken modulo, so that going round after
 * 65536 turnovers does no harm.
 */
#define POLICY_TURNOVER (UINT64_C (1) << 32)
#define POLICY_USED_SHIFT 16
#define POLICY_USED_TURNOVER (1u << (32 - POLICY_USED_SHIFT))

#define POLICY_CREDIT_ONE 24u           /* frequency of one use */
#define POLICY_CREDIT_MAX (10 * POLICY_CREDIT_ONE)

#define POLICY_PAGE 4096u
#define POLICY_PAGES_MASK 0x7ffu        /* of size_gap; 4 MiB are 1024 pages */
#define POLICY_PAGES_MAX 1024u
#define POLICY_GAP_SHIFT 11

#define POLICY_STRIPES 16               /* power of two */

struct policy_candidate
{
  uint64_t score;
  uint32_t slot;
};

struct policy
{
  enum policy_kind kind;
  uint64_t capacity;
  uint32_t max_entries;
  uint64_t seed;

  /* Read by every hit, written by insertions, evictions and now and then by
   * a hit.
   */
  _Alignas (64) _Atomic uint64_t clock;         /* virtual time */
  _Atomic uint64_t inflation;                   /* L, the bits of a double */
  _Atomic uint64_t sequence;                    /* LRU: uses so far */
  _Atomic uint32_t residents;

  /* Uses not yet added to the clock, a line for each thread. */
  struct
  {
    _Alignas (64) _Atomic uint32_t uses;
  } stripes[POLICY_STRIPES];

  /* Owned by the one caller of insert, victims and evicted. */
  struct ghost ghost;
  uint64_t worst_victim;        /* highest score last handed out */
  struct policy_candidate *pool;
  uint32_t pool_size;           /* room is for twice as many */
  uint32_t pool_next, pool_end; /* what is left of the last scan, sorted */

  double cost_weight[256];      /* by cost code; 40 ms is 1 */
  double decay[64];             /* 2^(-i/64) */
};

static inline double
policy_double (uint64_t bits)
{
  double d;

  memcpy (&d, &bits, sizeof d);
  return d;
}

/* Bits of doubles >= 0 compare as the doubles do. */
static inline uint64_t
policy_bits (double d)
{
  uint64_t bits;

  memcpy (&bits, &d, sizeof bits);
  return bits;
}

static inline uint32_t
policy_now (struct policy *policy)
{
  return atomic_load_explicit (&policy->clock, memory_order_relaxed)
    >> POLICY_USED_SHIFT;
}

static inline unsigned
policy_pages (uint16_t size_gap)
{
  unsigned pages = size_gap & POLICY_PAGES_MASK;

  return pages ? pages : 1;
}

extern unsigned policy_pages_of (uint64_t bytes);
extern unsigned policy_gap_code (uint32_t gap);

/* L + weight * frequency, never 0. */
extern uint64_t policy_score (struct policy *policy, unsigned frequency,
                              unsigned cost, unsigned pages);

#endif /* TIERCACHE_POLICY_INTERNAL_H */
