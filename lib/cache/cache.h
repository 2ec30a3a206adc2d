/* Blocks of immutable object versions on NVMe: the slot arena.
 *
 * The format on disk is in docs/tiercache-cache-format.pod, to the byte.
 *
 * One process owns a cache directory.  Everything here may be called from
 * any thread.  A read never waits for a store, a store never waits for a
 * reader, and no lock is held across I/O.
 */

#ifndef TIERCACHE_CACHE_H
#define TIERCACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"
#include "util/error.h"
#include "util/stop.h"
#include "util/sys.h"

#define CACHE_BLOCK_SIZE_MIN 4096u
#define CACHE_BLOCK_SIZE_MAX 4194304u
#define CACHE_VALIDATOR_MAX 512       /* bytes without the final NUL */
#define CACHE_IDENTITY_MAX 4096

struct cache_config
{
  const char *dir;              /* made if missing, mode 0700 */
  uint64_t size;                /* the budget: what du may ever say, bytes */
  uint32_t block_size;          /* power of two; must match an existing cache,
                                   or that cache is refused by name */
  bool compress;                /* LZ4 what becomes smaller by it */
  enum policy_kind policy;
  enum policy_goal goal;
  enum policy_admission admission;
  const struct sys *sys;        /* NULL: sys_real */
  const struct stop *stop;      /* asked while waiting for space */
};

struct cache;
struct cache_object;

/* Opens or makes the cache.  Starts no thread: that is left to the first
 * cache_object_open, so that the program may fork in between.  NULL with *e:
 * directory not usable, owned by a live process (named by pid), another block
 * size, an unknown version, or size too small for sixteen blocks and the
 * bookkeeping.  Damage inside is not an error: what fails its check is
 * dropped.  The strings are copied.
 */
extern struct cache *cache_open (const struct cache_config *config,
                                 struct error *e);

/* Ends the evictor, writes policy state, gives the directory back.  All
 * objects must have been closed.
 */
extern void cache_close (struct cache *cache);

extern uint32_t cache_block_size (const struct cache *cache);

/* What is known of the newest version of an identity. */
struct cache_version
{
  uint64_t size;                              /* bytes */
  uint64_t validated_s;                       /* realtime; 0: never */
  char validator[CACHE_VALIDATOR_MAX + 1];
};

/* False if nothing is known of it. */
extern bool cache_find (struct cache *cache, const char *identity,
                        struct cache_version *version);

/* Opens a version of an object, making it if it is new; a reference is held
 * until cache_object_close.  Other versions of the same identity are dropped
 * when nobody holds them.  lasting false (an origin without a strong
 * validator): never written to disk as an object, and dropped with its last
 * reference; validator may then be NULL.  NULL with *e: out of memory, no
 * thread can be started, or the strings are too long; never for its disk.
 */
extern struct cache_object *cache_object_open (struct cache *cache,
                                               const char *identity,
                                               const char *validator,
                                               bool lasting, uint64_t size,
                                               struct error *e);
extern void cache_object_close (struct cache_object *object);

/* The origin has just said that this version is current, at now (realtime).
 * Reaches the disk with the next change of the objects, or at close.
 */
extern void cache_object_validated (struct cache_object *object,
                                    uint64_t now_s);

#define CACHE_READ_AHEAD 1u   /* a block that read-ahead brought: first use */

/* Calls stored for each block of the object that is stored from now on, with
 * what it takes in the cache and the time that it took to fetch; from any
 * thread, with no lock held.  Call before anything is stored.  The first call
 * counts, for as long as the cache is open.
 */
typedef void (*cache_stored_fn) (void *opaque, uint64_t block,
                                 uint64_t cost_us, uint64_t bytes);
extern void cache_object_watch (struct cache_object *object,
                                cache_stored_fn stored, void *opaque);

/* Copies bytes [offset, offset + count) as far as they are cached without a
 * gap.  Returns how many (0: the first block is missing).  What returns short
 * ends at a block border.  *flags gets CACHE_READ_AHEAD or'ed in.  Never an
 * error: a block that can't be read or fails its check counts as missing,
 * and is dropped.  offset + count must lie within the object.
 */
extern uint32_t cache_read (struct cache_object *object, void *buf,
                            uint64_t offset, uint32_t count,
                            unsigned *flags);

/* Memory only, no I/O: may be wrong a moment later. */
extern bool cache_has (struct cache_object *object, uint64_t block);

struct cache_store_options
{
  uint64_t cost_us;     /* time it took to fetch a block */
  bool ahead;           /* read-ahead: not asked for by anyone yet */
  bool hurry;           /* store raw now, compress later when idle */
};

/* Stores bytes [first block, + count bytes) of the object; count is a whole
 * number of blocks unless it reaches the end of the object.  Blocks already
 * there are left alone.  May wait for the evictor (never for the network);
 * what can't be stored is not an error to anybody: it is fetched again.
 * Returns how many blocks were refused (policy_admit): they are best kept in
 * memory a moment.
 */
extern uint32_t cache_store (struct cache_object *object,
                             uint64_t first_block, const void *data,
                             uint64_t count,
                             const struct cache_store_options *options);

struct cache_stats
{
  uint64_t hits, misses;                /* blocks */
  uint64_t stored_blocks, stored_bytes; /* since open */
  uint64_t evicted_blocks;
  uint64_t failed_checks;               /* blocks dropped by their checksum */
  uint64_t io_errors;                   /* of the cache's own disk */
  uint64_t resident_blocks;
  uint64_t used_bytes;                  /* on disk, index included */
  bool degraded;                        /* pass-through: the disk fails */
  bool unwritable;                      /* it is full or read-only: what is
                                           cached is served, nothing stored */
};
extern void cache_stats (struct cache *cache, struct cache_stats *stats);

/* What is cached of an object version, or known of it. */
struct cache_listing_object
{
  const char *identity, *validator;     /* valid during the call */
  uint64_t size, validated_s;
  uint64_t blocks, stored_bytes;        /* cached of it */
  uint64_t hits;                        /* blocks read from the cache */
  bool pinned;
  bool kept;                            /* found again by the next process */
};
struct cache_listing
{
  uint32_t block_size;
  uint64_t budget, used_bytes, blocks, slots;
  bool compress;
  uint32_t policy;                      /* an enum policy_kind, or a number of
                                           a later tiercache's */
  long owner_pid;                       /* 0: nobody has it open */
};
typedef int (*cache_listing_fn) (void *opaque,
                                 const struct cache_listing_object *object);

/* Fills *listing, calls fn once for each object.  0, or -1 with *e.  Reads the
 * directory without owning it, also while another process does: hits and pins
 * are as they were last saved.
 */
extern int cache_list (const char *dir, struct cache_listing *listing,
                       cache_listing_fn fn, void *opaque, struct error *e);

/* The same of a cache that is open, as it is now. */
extern int cache_list_open (struct cache *cache,
                            struct cache_listing *listing,
                            cache_listing_fn fn, void *opaque,
                            struct error *e);

/* Pins an identity, or ends that: blocks of its current version, and of those
 * after it, are never evicted for room, also after a restart.  When what is
 * pinned fills the budget nothing else is stored.  0, or -1 with *e: nothing
 * is known of it, its versions can't be told apart, or it could not be
 * written down.
 */
extern int cache_pin (struct cache *cache, const char *identity, bool pinned,
                      struct error *e);

/* What cache_verify tells now and then; false ends it. */
typedef bool (*cache_progress_fn) (void *opaque, uint64_t done,
                                   uint64_t total);

/* Drops the blocks that bytes [offset, end) of an identity touch, of all its
 * versions; end UINT64_MAX: to its end.  identity NULL: of all objects that are
 * not pinned.  When they return the space has been given back.  0, or -1 with
 * *e: it is pinned, or nothing is known of it.
 */
struct cache_evicted
{
  uint64_t blocks, bytes;               /* on disk */
};
extern int cache_evict (struct cache *cache, const char *identity,
                        uint64_t offset, uint64_t end,
                        struct cache_evicted *evicted, struct error *e);

/* Reads every block of an identity (NULL: of all) from the disk and checks
 * all of it, whether it was checked before or not; what fails is dropped.
 * progress is told blocks.  0, also if some failed or progress has ended it;
 * -1 with *e: nothing is known of it, or the disk fails.
 */
struct cache_verified
{
  uint64_t blocks, bytes;               /* read, on disk */
  uint64_t failed;                      /* of the blocks */
};
extern int cache_verify (struct cache *cache, const char *identity,
                         cache_progress_fn progress, void *opaque,
                         struct cache_verified *verified, struct error *e);

#endif /* TIERCACHE_CACHE_H */
