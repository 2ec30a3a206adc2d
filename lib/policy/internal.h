/* What the files of lib/policy share: the state of a policy, and how the
 * fields of an entry are coded.
 */

#ifndef TIERCACHE_POLICY_INTERNAL_H
#define TIERCACHE_POLICY_INTERNAL_H

#include <string.h>

#include "policy/ghost.h"
#include "policy/policy.h"
#include "policy/shadow.h"

/* Virtual time: turnovers of the cache, 32 bits of fraction.  An entry keeps
 * the middle 32 bits; differences are taken modulo, so that going round after
 * 65536 turnovers does no harm.
 */
#define POLICY_TURNOVER (UINT64_C (1) << 32)
#define POLICY_USED_SHIFT 16
#define POLICY_USED_TURNOVER (1u << (32 - POLICY_USED_SHIFT))

#define POLICY_WINDOW (POLICY_USED_TURNOVER / 20)       /* 0.05 turnovers */

/* But where the least worth goes first whatever its age, what was used so
 * lately is still in use, and goes last.
 */
#define POLICY_IN_USE (POLICY_USED_TURNOVER / 100)

#define POLICY_CREDIT_ONE 24u           /* frequency of one use */
#define POLICY_CREDIT_MAX (10 * POLICY_CREDIT_ONE)

#define POLICY_SIZES 2048u              /* codes in the low bits of size_gap */
#define POLICY_GAP_SHIFT 11

/* In the base of an entry: see policy_worth. */
#define POLICY_COLD (UINT64_C (1) << 63)

/* In oldest_hot, above the time: there is one. */
#define POLICY_KNOWN (UINT64_C (1) << 32)

#define POLICY_STRIPES 16               /* power of two */

struct policy_candidate
{
  uint64_t worth;
  uint32_t age;                 /* of equals the higher goes first */
  uint32_t slot;
};

struct policy
{
  enum policy_kind kind;
  enum policy_goal goal;
  enum policy_admission admission;
  uint64_t capacity;
  uint64_t seed;

  /* Read by every hit, written by insertions, evictions and now and then by
   * a hit.  (Processors fetch lines of 64 bytes in pairs.)
   */
  _Alignas (128) _Atomic uint64_t clock;        /* virtual time */
  _Atomic uint64_t inflation;                   /* L, the bits of a double */
  _Atomic uint64_t sequence;                    /* LRU: uses so far */
  _Atomic uint32_t residents;
  _Atomic uint64_t oldest_hot;  /* POLICY_KNOWN and when it was used; 0 */

  /* Uses not yet added to the clock, a line for each thread. */
  struct
  {
    _Alignas (128) _Atomic uint32_t uses;
    _Atomic uint32_t due;               /* so many are added at once */
  } stripes[POLICY_STRIPES];

  /* Owned by the one caller of insert, victims and evicted. */
  struct ghost ghost;
  uint64_t worst_victim;        /* what was last handed out was worth */
  uint32_t evicted_at;          /* virtual time */
  bool evicted;                 /* ever */
  uint32_t aged_until;          /* virtual time under settings that age */
  struct policy_candidate *pool;
  uint32_t pool_size;           /* room is for twice as many */
  uint32_t pool_next, pool_end; /* what is left of the last scan, sorted */
  bool scanning;                /* the pool is being filled, unsorted */
  bool scan_spare;              /* large ones that are not overdue */
  uint32_t scan_slot, scan_keep;
  uint64_t scan_limit;          /* worth more: not among the lowest */
  uint32_t scan_now;            /* virtual time at its beginning */
  uint64_t scan_hot;            /* the lowest worth of a hot one outside */
  uint32_t scan_hot_slot;
  unsigned scan_setting;

  struct shadows *shadows;      /* weighted only */

  double cost_weight[256];              /* by cost code; 40 ms is 1 */
  double size_weight[POLICY_SIZES];     /* by size code; 64 KiB is 1 */
};

/* So large an L leaves no room for differences: it is damage. */
#define POLICY_INFLATION_MAX 1e12

/* Little-endian numbers of 1 to 8 bytes. */
static inline void
policy_put (uint8_t *out, uint64_t value, unsigned bytes)
{
  for (unsigned i = 0; i < bytes; ++i)
    out[i] = value >> (8 * i);
}

static inline uint64_t
policy_get (const uint8_t *in, unsigned bytes)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < bytes; ++i)
    value |= (uint64_t) in[i] << (8 * i);
  return value;
}

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

/* What goes first under SHADOW_HOT_COLD. */
enum policy_class
{
  POLICY_NOT_IN_USE = 1,        /* cold */
  POLICY_HOT,
  POLICY_STILL_IN_USE,          /* cold */
};

static inline enum policy_class
policy_class (bool cold, uint32_t age)
{
  return !cold ? POLICY_HOT
    : age >= POLICY_IN_USE ? POLICY_NOT_IN_USE : POLICY_STILL_IN_USE;
}

/* Under SHADOW_KEEPS of equals the higher goes first: the newest, but what is
 * still in use last, of that the oldest.
 */
static inline uint32_t
policy_keeps_rank (uint32_t age)
{
  return age < POLICY_IN_USE ? age : ~age;
}

static inline const struct shadow_setting *
policy_setting (const struct policy *policy)
{
  return &shadow_settings[shadows_best (policy->shadows)];
}

static inline unsigned
policy_size_code (const struct policy_entry *entry)
{
  return atomic_load_explicit (&entry->size_gap, memory_order_relaxed)
    % POLICY_SIZES;
}

/* codes.c.  Fills the tables of weights. */
extern void policy_fill_weights (struct policy *policy);

/* Rounded up, 2 % at most. */
extern unsigned policy_size_code_of (uint64_t bytes);
extern uint64_t policy_size_of (unsigned code);

/* The nearest. */
extern unsigned policy_cost_code (const struct policy *policy,
                                  uint64_t cost_us);

/* Half octaves, from 1 (shorter than 1/32 turnover) to 31. */
extern unsigned policy_gap_code (uint32_t gap);

/* What a byte costs if it has to be fetched again: all alike if bytes are to
 * be saved.
 */
extern double policy_weight (const struct policy *policy, unsigned cost,
                             unsigned size);

/* policy.c.  A block that is resident after a restart: the shadows begin with
 * it, if it is followed.
 */
extern void policy_seed_shadows (struct policy *policy,
                                 const struct policy_entry *entry,
                                 uint64_t key, uint64_t bytes);

/* What the entry is worth under the setting of the moment; what is lowest goes
 * first.  0: unused.  Under SHADOW_HOT_COLD it compares within one scan only
 * (scan_now).
 */
extern uint64_t policy_worth (const struct policy *policy,
                              const struct policy_entry *entry);

#endif /* TIERCACHE_POLICY_INTERNAL_H */
