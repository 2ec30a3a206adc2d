/* What the files of lib/cache share.  The format on disk is in
 * docs/tiercache-cache-format.pod.
 *
 * Locks: objects_lock before lock; neither is held across I/O.  What is
 * marked (lock) changes only with lock held.
 */

#ifndef TIERCACHE_CACHE_INTERNAL_H
#define TIERCACHE_CACHE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"
#include "policy/policy.h"

#define PIECES 4u
#define DATA_FILE_BYTES (UINT64_C (1) << 30)
#define OBJECTS_MAX 16384u
#define BATCH_MAX 64u           /* slots handled at a time */
#define NOT_LASTING 0x80000000u /* object ids from here are never on disk */
#define NS_PER_S UINT64_C (1000000000)

/* A slot is in one of four states, changed only with the lock held.
 *
 * FREE     not in the bitmap; nothing on disk that anyone counts on
 * TAKEN    belongs to a store in flight; not in the hash
 * LIVE     in the hash, readable, may be evicted
 * DOOMED   was LIVE; the evictor still has to punch it and free it
 *
 * Its version word tells readers, who hold no lock, whether what they have
 * read is still what they looked up: the count changes whenever the slot
 * becomes LIVE or stops being it, and BUSY is set in all other states.
 * What readers learn about the content is in the low bits, so that a late
 * reader can't say it of the next content.
 */
enum slot_state { SLOT_FREE, SLOT_TAKEN, SLOT_LIVE, SLOT_DOOMED };

#define VERSION_VERIFIED(piece) (1u << (piece))
#define VERSION_AHEAD 0x10u
#define VERSION_BUSY 0x20u
#define VERSION_COUNT 0x40u     /* one step of the count above the bits */
#define VERSION_BITS 0x1fu      /* what may change without a new content */

#define SLOT_HURRY 1u           /* raw for want of time: compress when idle */
#define SLOT_SUSPECT 2u         /* failed its check: space is not as thought */
#define SLOT_PINNED 4u          /* of a pinned object: no victim */

struct slot
{
  _Atomic uint64_t block;
  _Atomic uint64_t lengths;     /* of the pieces in granules, 16 bits each */
  struct policy_entry policy;
  _Atomic uint32_t object;
  _Atomic uint32_t next;        /* in the chain: slot + 1, 0 ends */
  _Atomic uint32_t version;
  uint8_t state, flags;         /* (lock) */
  uint16_t unused;
};

_Static_assert (sizeof (struct slot) == 48, "memory a slot");

/* Hits of one object; a thread counts on the line of its CPU. */
#define OBJECT_COUNTERS 8u
struct object_counter
{
  _Alignas (64) _Atomic uint64_t hits;
};

struct cache_object
{
  struct cache *cache;
  uint32_t id;
  unsigned refs;                /* (objects_lock) */
  bool lasting, superseded;     /* superseded: (objects_lock) */
  _Atomic bool pinned;          /* written with objects_lock held */
  uint64_t size, blocks;
  uint64_t seed;
  _Atomic uint64_t validated_s;
  uint64_t hits_before;         /* by other processes */
  struct object_counter *counters;      /* from its first open on */
  char *identity, *validator;
  cache_stored_fn stored;       /* set before anything is stored, or never */
  void *stored_opaque;
};

/* A block in its stored form, on its way to the disk. */
struct packed
{
  const uint8_t *data;
  uint32_t bytes;               /* in data */
  uint32_t slot;
  uint64_t block;
  uint64_t lengths;
  uint32_t crc[PIECES];
  bool hurry;
};

/* One record of the index. */
struct record
{
  uint32_t object;
  uint64_t block;
  uint64_t lengths;
  uint32_t crc[PIECES];
  uint32_t flags;
};
#define RECORD_HURRY 1u

#define INDEX_HEADER 4096u
#define INDEX_RECORD 64u
#define INDEX_POLICY 48u        /* where policy state is in a record */

/* What the header of the index says. */
struct index_header
{
  uint64_t nonce, budget;
  uint32_t block_size, slots, flags, policy;
  uint8_t policy_state[POLICY_SAVED];
};
#define INDEX_COMPRESS 1u

/* What a look into a file may find. */
enum found
{
  FOUND,
  FOUND_NOTHING,
  FOUND_DAMAGED,
  FOUND_UNKNOWN_VERSION,
  FOUND_ERROR,                  /* it can't be read at all */
};

#define COUNTERS 16u
struct counters
{
  _Alignas (64) _Atomic uint64_t hits;
  _Atomic uint64_t misses;
};

struct cache
{
  const struct sys *sys;
  const struct stop *stop;
  char *dir;
  uint64_t size;                /* the budget */
  uint32_t block_size, piece, granule;
  bool compress;
  enum policy_kind policy_kind;
  enum policy_goal goal;
  enum policy_admission admission;
  uint64_t nonce, hash_seed;
  uint8_t *learned;             /* what learned_open has found; or NULL */
  size_t learned_bytes;
  uint32_t unit;                /* of allocation in this file system */

  int lock_fd, index_fd;
  atomic_bool moved;            /* the user has heard that dir is another */
  pid_t pid;                    /* that the lock file names */
  uint32_t slots, slots_per_file, files;
  _Atomic int *data_fds;        /* -1: not there yet */

  struct slot *table;
  _Atomic uint32_t *heads;
  uint32_t heads_count;
  uint64_t *bitmap;             /* (lock) of slots that are not FREE */
  uint32_t taken;               /* (lock) bits set in it */
  uint32_t high_water;          /* (lock) slots from here were never taken */
  uint32_t cursor;              /* (lock) where to look for a free slot */

  pthread_mutex_t lock;
  pthread_cond_t evict_cond, space_cond;
  struct policy *policy;        /* (lock), but for policy_hit */

  /* The account, in bytes: all (lock). */
  uint64_t limit;               /* size without the margin */
  uint64_t fixed;               /* all but data files and objects */
  uint64_t objects_reserved;
  uint64_t data_used;           /* of blocks, a whole number of units each */
  uint64_t meta_used;           /* what the file system may need for them */
  uint64_t surplus;             /* found on disk beyond the account */
  uint64_t pinned_used;         /* of data_used, in pinned slots */
  uint64_t pinned_live;         /* LIVE slots that are pinned */
  uint64_t wanted;              /* by the store that waits for most */
  uint32_t wanted_slots, waiters;
  uint32_t *file_live, *file_peak;
  bool evicting;

  /* The evictor: its own but for what is marked (lock). */
  pthread_t evictor;
  bool evictor_runs;
  bool closing;                 /* (lock) */
  bool sweep_wanted;            /* (lock) there are DOOMED slots */
  uint32_t *dead;               /* (lock) ids of objects that are gone */
  size_t dead_count;            /* (lock) */
  uint32_t *sweep_dead;
  size_t sweep_dead_count;
  uint32_t sweep_at;
  bool sweeping;
  uint32_t hurry_at, policy_at;
  uint64_t hurry_slots;         /* (lock) LIVE slots with SLOT_HURRY */
  uint64_t activity, activity_seen;     /* (lock) stores so far */
  uint64_t next_tick_ns;

  pthread_mutex_t objects_lock;
  pthread_cond_t objects_cond;
  struct cache_object **objects;        /* ascending by id */
  size_t objects_count, objects_room;
  uint32_t next_id, next_not_lasting;
  _Atomic uint64_t objects_changed, objects_saved;      /* generations */
  _Atomic bool objects_touched; /* a time of validation is not saved */
  bool objects_busy;            /* somebody writes the file */

  struct scratch *scratch;
  uint32_t scratch_count;

  _Atomic bool degraded;        /* the disk fails: bypassed */
  _Atomic bool unwritable;      /* it is full or read-only: hits only */
  _Atomic unsigned told;        /* bits of health.c */
  uint64_t retry_at_ns;         /* (lock) */

  struct counters counters[COUNTERS];
  _Atomic uint64_t stored_blocks, stored_bytes, evicted_blocks;
  _Atomic uint64_t failed_checks, io_errors, resident;
};

/* cache.c */
extern int cache_settle (struct cache *c, struct error *e);
extern char *cache_path (const char *dir, const char *name);
extern void cache_unlink (struct cache *c, const char *name);

/* health.c: a disk that fails. */
extern void health_failed (struct cache *c, const char *what,
                           const char *file, uint32_t number, int errnum);
extern void health_works (struct cache *c);
extern void health_retry (struct cache *c);     /* by the evictor, lock held;
                                                   let go during I/O */
static inline bool
health_degraded (struct cache *c)
{
  return atomic_load_explicit (&c->degraded, memory_order_relaxed);
}

/* Nothing is to be written, and so nothing evicted. */
static inline bool
health_unwritable (struct cache *c)
{
  return health_degraded (c) ||
    atomic_load_explicit (&c->unwritable, memory_order_relaxed);
}

/* slots.c: the table, the hash and the bitmap.  What a reader looked up: */
struct view
{
  uint32_t slot, version;
  uint64_t lengths;
};

extern int slots_new (struct cache *c);
extern void slots_delete (struct cache *c);
extern bool slots_find (struct cache *c, uint32_t object, uint64_t block,
                        struct view *view);
extern bool slots_unchanged (struct cache *c, const struct view *view);
extern void slots_mark (struct cache *c, const struct view *view,
                        uint32_t set, uint32_t clear);
extern uint64_t slots_key (const struct cache *c, uint32_t object,
                           uint64_t block);
/* For qsort and bsearch of numbers of 32 bits. */
extern int slots_compare (const void *a, const void *b);
/* The rest with the lock held. */
extern bool slots_take (struct cache *c, uint32_t count, uint32_t *slots);
extern void slots_adopt (struct cache *c, uint32_t slot);
extern void slots_give (struct cache *c, uint32_t slot);
extern bool slots_publish (struct cache *c, uint32_t slot, bool ahead);
extern void slots_doom (struct cache *c, uint32_t slot);

/* budget.c: the account of space; the lock is held for all. */
extern uint64_t budget_fixed (struct cache *c, uint32_t slots,
                              uint64_t dir_bytes);
extern uint64_t budget_block (const struct cache *c, uint64_t lengths);
extern uint64_t budget_used (const struct cache *c);
extern bool budget_fits (const struct cache *c, uint64_t bytes,
                         uint32_t slots);
extern bool budget_wait (struct cache *c, uint64_t bytes, uint32_t slots);
extern void budget_charge (struct cache *c, uint32_t slot, uint64_t bytes);
extern void budget_release (struct cache *c, uint32_t slot, uint64_t bytes);
extern uint64_t budget_excess (struct cache *c);
extern void budget_reconcile (struct cache *c); /* lets the lock go */
extern bool budget_crowded (const struct cache *c);

/* index.c: header and records. */
extern enum found index_read_header (const struct sys *sys, int fd,
                                     struct index_header *header);
extern int index_write_header (struct cache *c);
extern int index_write_policy (struct cache *c,
                               const uint8_t state[POLICY_SAVED]);
extern void index_encode (const struct cache *c, uint64_t seed,
                          uint32_t slot, const struct record *record,
                          const uint8_t policy[POLICY_ENTRY_SAVED],
                          uint8_t out[INDEX_RECORD]);
extern bool index_decode (uint64_t nonce, uint64_t seed, uint32_t slot,
                          const uint8_t in[INDEX_RECORD],
                          struct record *record);
extern uint32_t index_object (const uint8_t in[INDEX_RECORD]);
extern int index_write (struct cache *c, uint32_t slot, uint32_t count,
                        const uint8_t *records);
extern int index_read (struct cache *c, uint32_t slot, uint32_t count,
                       uint8_t *records);
static inline uint64_t
index_offset (uint32_t slot)
{
  return INDEX_HEADER + (uint64_t) slot * INDEX_RECORD;
}
extern uint32_t index_crc (uint32_t seed, const void *data, size_t bytes);
extern void index_prelude (uint8_t *out, const char magic[8],
                           uint32_t version);
/* Versions from 1 to newest are known. */
extern enum found index_check_prelude (const uint8_t *in,
                                       const char magic[8], uint32_t newest,
                                       uint32_t *version);

/* data.c: the data files. */
extern int data_fd (struct cache *c, uint32_t file);
extern int data_open (struct cache *c, uint32_t file, bool create);
extern int data_unlink (const struct sys *sys, const char *dir,
                        uint32_t file);
static inline uint64_t
data_offset (const struct cache *c, uint32_t slot)
{
  return (uint64_t) (slot % c->slots_per_file) * c->block_size;
}

/* pieces.c: the stored form of a block. */
static inline uint32_t
pieces_length (uint64_t lengths, unsigned piece)
{
  return (lengths >> (16 * piece)) & 0xffff;
}
extern uint64_t pieces_raw (const struct cache *c);
extern uint32_t pieces_bytes (const struct cache *c, uint64_t lengths,
                              unsigned first, unsigned end);
extern bool pieces_valid (const struct cache *c, uint64_t lengths);
extern void pieces_pack (const struct cache *c, const uint8_t *data,
                         uint8_t *room, struct packed *packed);
extern void pieces_sum (const struct cache *c, uint64_t seed,
                        struct packed *packed);
extern uint32_t pieces_crc (uint64_t seed, uint64_t block, unsigned piece,
                            const void *stored, uint32_t bytes);
extern bool pieces_decode (const struct cache *c, uint32_t length,
                           const uint8_t *stored, uint8_t *out);

/* scratch.c: buffers that belong to a CPU, not to a thread. */
struct scratch
{
  pthread_mutex_t busy;
  uint8_t *stored;              /* a block, as stored */
  uint8_t *piece;               /* a piece, decoded */
  bool for_one_read;            /* not one of the cache's */
};
extern int scratch_new (struct cache *c);
extern void scratch_delete (struct cache *c);
extern struct scratch *scratch_get (struct cache *c);
extern void scratch_put (struct scratch *scratch);

/* read.c.  Both false: the disk has failed, or the file is short. */
extern bool read_data (struct cache *c, uint32_t slot, uint32_t offset,
                       void *buf, uint32_t bytes);
extern bool read_record (struct cache *c, const struct cache_object *object,
                         uint64_t block, const struct view *view,
                         const uint8_t *bytes, struct record *record);
extern bool read_quietly (struct cache_object *object, void *buf,
                          uint64_t offset, uint32_t count);
extern void read_drop (struct cache *c, const struct view *view,
                       bool failed_check);

/* store.c */
extern void store_run (struct cache *c, const struct cache_object *object,
                       struct packed *blocks, uint32_t count,
                       const struct cache_store_options *options,
                       const struct view *replaces);

/* evict.c */
extern int evict_start (struct cache *c);
extern void evict_stop (struct cache *c);
extern uint32_t evict_choose (struct cache *c, uint32_t max,
                              uint32_t *slots); /* lock held, let go */
extern void evict_one (struct cache *c, uint32_t slot); /* lock held */
extern void evict_free (struct cache *c, uint32_t *slots, uint32_t count);

/* sweep.c: by the evictor, lock held, let go during I/O.  True: did
 * something and may have more to do.
 */
extern bool sweep_some (struct cache *c);
extern void sweep_object (struct cache *c, uint32_t id);

/* recompress.c: like sweep.c */
extern bool recompress_some (struct cache *c);

/* objects.c; objects_lock is held where no other lock is named. */
extern struct cache_object *objects_by_id (struct cache *c, uint32_t id);
struct objects_entry;
extern int objects_add_known (void *cache, const struct objects_entry *entry);
extern void objects_delete_all (struct cache *c);
extern struct cache_object *objects_newest (struct cache *c,
                                            const char *identity);
extern void objects_put (struct cache_object *object, bool forget);
extern uint64_t objects_hits (const struct cache_object *object);
extern uint64_t objects_seed (uint32_t id, const char *identity,
                              const char *validator, uint64_t size);

/* objects-file.c */
struct objects_header
{
  uint64_t nonce;
  uint32_t next_id, count;
};
struct objects_entry
{
  const char *identity, *validator;     /* valid during the call */
  uint64_t size, validated_s, hits;
  uint32_t id;
  bool pinned;
};
typedef int (*objects_fn) (void *opaque, const struct objects_entry *entry);
extern enum found objects_read (const struct sys *sys, const char *dir,
                                struct objects_header *header,
                                uint64_t *bytes, objects_fn fn,
                                void *opaque, struct error *e);
extern uint64_t objects_limit (const struct cache *c);
extern uint64_t objects_entry_bytes (const struct cache_object *object);
extern uint64_t objects_reserve (const struct cache *c, uint64_t bytes);

/* Writes the file if it has changed; takes its own locks.  wait: for space,
 * which the evictor itself must not.
 */
extern int objects_save (struct cache *c, bool wait);

/* For a new cache, while it is being opened and has space for an empty list.
 * -1 with errno.
 */
extern int objects_create (struct cache *c);

/* named.c: the objects of an identity, or all of them (NULL), each with a
 * reference, ascending by id.
 */
struct named
{
  struct cache_object **objects;
  size_t count;
};
extern int named_get (struct cache *c, const char *identity, bool not_pinned,
                      struct named *named, struct error *e);
extern struct cache_object **named_find (const struct named *named,
                                         uint32_t id);
extern void named_put (struct named *named, bool forget);

/* pin.c: what is pinned is no victim. */
extern void pin_object (struct cache_object *object, bool pinned);
static inline uint64_t
pin_evictable (struct cache *c) /* lock held */
{
  return atomic_load_explicit (&c->resident, memory_order_relaxed) -
    c->pinned_live;
}

/* owned.c: 0, or -1 with *e if the directory holds files that have the names
 * of a cache's and are not.
 */
extern int owned_check (struct cache *c, struct error *e);

/* Is the lock in the directory still the one that is held? */
extern bool owned_in_place (struct cache *c);

/* learned.c: what the policy has learned, over a restart.  It is read before
 * anything is hashed, because the hashes in it are of its seed; given to the
 * policy if it is of this cache; and gone then.
 */
extern void learned_open (struct cache *c);
extern void learned_load (struct cache *c);
extern void learned_drop (struct cache *c);
extern void learned_save (struct cache *c);

/* The space it may take; 0: it is not kept, in so small a cache. */
extern uint64_t learned_reserve (const struct cache *c, uint32_t slots);

/* recover.c: fills the cache from what the directory holds. */
extern int recover (struct cache *c, uint64_t dir_bytes, struct error *e);

/* load.c: from the index into memory; leaves what is no good out. */
extern void load_records (struct cache *c, uint32_t slots, bool with_policy);

/* reclaim.c: punches what no record covers. */
extern int reclaim_file (struct cache *c, uint32_t file);

#endif /* TIERCACHE_CACHE_INTERNAL_H */
