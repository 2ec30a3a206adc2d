/* What to evict: pure logic over a few bytes a cached block.
 *
 * No I/O, no clock, no lists: the device, the simulator and the tests run
 * this very code.  The caller owns the entries (one a slot, in its own
 * table) and serialises policy_admit, policy_insert, policy_victims and
 * policy_evicted;
 * policy_hit may run at any time from any number of threads.
 */

#ifndef TIERCACHE_POLICY_H
#define TIERCACHE_POLICY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy_kind
{
  POLICY_WEIGHTED,      /* frequency, size and cost of fetching: the default */
  POLICY_LRU,           /* for comparison */
};

/* Per block, 16 bytes.  Only lib/policy looks inside; the caller stores it
 * and may write it to disk (policy_entry_save).  All-zero is "unused".
 */
struct policy_entry
{
  _Atomic uint64_t base;        /* of its score: L (negative: cold), or the
                                   place in the order of use; 0: unused */
  _Atomic uint32_t used_at;     /* virtual time of the last counted use */
  _Atomic uint8_t frequency;    /* credit, fixed point */
  _Atomic uint8_t cost;         /* of fetching again, log-coded */
  _Atomic uint16_t size_gap;    /* stored size and mean gap between uses,
                                   both log-coded */
};

enum policy_goal
{
  POLICY_TIME,          /* to wait little for fetches: the default */
  POLICY_BYTES,         /* to fetch few bytes */
};

enum policy_admission
{
  POLICY_ALWAYS,        /* all that is fetched: the default */
  POLICY_AUTO,          /* see policy_admit */
};

struct policy_config
{
  enum policy_kind kind;
  enum policy_goal goal;                /* weighted only */
  enum policy_admission admission;      /* weighted only */
  uint64_t capacity;                    /* the budget, bytes */
  uint32_t max_entries;         /* the most blocks that can be resident:
                                   bounds the memory */
  uint64_t seed;
};

struct policy;

/* NULL when out of memory. */
extern struct policy *policy_new (const struct policy_config *config);
extern void policy_free (struct policy *policy);

/* A resident block was used.  key is the one it was inserted with.  Waits for
 * nobody, no allocation, a few ns; harmless on an entry that has just been
 * evicted or given to another block.
 */
extern void policy_hit (struct policy *policy, struct policy_entry *entry,
                        uint64_t key);

/* Is a block that had to be fetched worth a place?  False only with
 * POLICY_AUTO, for a block that was not seen lately, and while the shadows say
 * that the fetches it costs to refuse those are hardly more: the cache turns
 * over faster than what is new gets used again.  Remembers what it refuses:
 * the next time soon it is admitted.  Called once a fetched block, serialised
 * like policy_insert, which follows if it is true; if not, the caller keeps the
 * block in memory a moment, so that a burst of small reads is one fetch.
 */
extern bool policy_admit (struct policy *policy, uint64_t key,
                          uint64_t bytes, uint64_t cost_us);

/* A block becomes resident.  key names it (a hash of object and block), bytes
 * is what it takes on disk, cost_us the time it took to fetch.
 */
extern void policy_insert (struct policy *policy, struct policy_entry *entry,
                           uint64_t key, uint64_t bytes, uint64_t cost_us);

/* A resident block has gone, by eviction (remember: it goes on the ghost
 * list) or because its object has (remember is false).  Clears the entry.
 */
extern void policy_evicted (struct policy *policy, struct policy_entry *entry,
                            uint64_t key, bool remember);

/* The caller's table: the entry of slot i, or NULL if the slot is empty or
 * must not be evicted (in flight, pinned).  Must be cheap.
 */
struct policy_table
{
  uint32_t count;
  struct policy_entry *(*entry) (void *opaque, uint32_t slot);
  void *opaque;
};

/* Chooses up to max slots to evict, lowest score first, into victims.
 * Returns how many: fewer than max, even 0, when few slots are eligible, and
 * never more than POLICY_VICTIMS_MAX.  Never returns a slot twice in one call.
 * Once in about count / 256 victims the whole table is looked at: ask for some
 * dozens at a time.  One call looks at POLICY_SLICE slots at most; when it has
 * found nothing yet, policy_scanning is true, and it is to be called again
 * soon: locks may be let go in between.
 */
#define POLICY_VICTIMS_MAX 1024
#define POLICY_SLICE 65536u
extern uint32_t policy_victims (struct policy *policy,
                                const struct policy_table *table,
                                uint32_t *victims, uint32_t max);
extern bool policy_scanning (const struct policy *policy);

/* State over a restart.  The saved forms are little-endian and of fixed size;
 * what was damaged on disk must be harmless: load clamps every value, and
 * zeros (nothing was ever saved) stand for a block used once just now.  Load
 * the policy before its entries; each loaded entry counts as resident, and the
 * shadows begin with those of them that they follow, unless they were loaded
 * themselves (policy_learned_load).
 */
#define POLICY_ENTRY_SAVED 16
#define POLICY_SAVED 32
extern void policy_entry_save (const struct policy_entry *entry,
                               uint8_t out[POLICY_ENTRY_SAVED]);
extern void policy_entry_load (struct policy *policy,
                               struct policy_entry *entry, uint64_t key,
                               uint64_t bytes,
                               const uint8_t in[POLICY_ENTRY_SAVED]);
extern void policy_save (const struct policy *policy,
                         uint8_t out[POLICY_SAVED]);
extern void policy_load (struct policy *policy,
                         const uint8_t in[POLICY_SAVED]);

/* What the shadows have seen, beyond the little that is in POLICY_SAVED: so
 * that a restart is no new beginning.  policy_learned_most is how much room
 * policy_learned_save needs, at most 0.22 MB; the latter returns what it has
 * written, 0 if the policy learns nothing.  To be loaded after policy_load and
 * before the entries, into a policy of the same seed.  False, and nothing has
 * changed: damaged, or of another goal or kind or a larger cache.  What was
 * changed on purpose can make the choice of the setting a bad one, not more.
 */
extern size_t policy_learned_most (const struct policy_config *config);
extern size_t policy_learned_save (struct policy *policy, uint8_t *out);
extern bool policy_learned_load (struct policy *policy, const uint8_t *in,
                                 size_t bytes);

#endif /* TIERCACHE_POLICY_H */
