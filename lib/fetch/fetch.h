/* Misses: join, coalesce, retry, and hand on to the cache.
 *
 * One block, one fetch in flight, however many readers wait for it.  A fetch
 * is one ranged request of at most 1 MiB; it is in a queue (demand goes
 * before read-ahead, and that before a replay), then in flight, then its
 * bytes have arrived and readers have them; then they are being stored, and
 * last the fetch is gone and the cache has the blocks; those that the cache
 * refuses stay in memory until FETCH_KEPT bytes came after them.  No lock is
 * held across I/O.
 *
 * Memory is bounded: FETCH_MEMORY bytes of buffers for a pool; a demand
 * fetch waits for room, read-ahead is not started.
 */

#ifndef TIERCACHE_FETCH_H
#define TIERCACHE_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "origin/origin.h"
#include "util/error.h"
#include "util/stop.h"

#define FETCH_MAX 1048576u              /* bytes of one request; a block may
                                           be larger: then one block */
#define FETCH_MEMORY (48u << 20)
#define FETCH_KEPT (FETCH_MEMORY / 4)   /* of it, at most, for what has
                                           arrived and the cache refused */

struct fetch_config
{
  unsigned connections;         /* of one source in flight, at most */
  unsigned retries;             /* of one request, after the first try */
  uint64_t timeout_ms;          /* the origin's: bounds one try */
  uint64_t backoff_ms;          /* first backoff; 0: 200 ms */
  uint32_t block_size;
  const struct stop *stop;
  uint64_t seed;                /* of the jitter */
};

struct fetch;
struct fetch_source;

/* A pool of threads, started as they are needed.  NULL with *e. */
extern struct fetch *fetch_new (const struct fetch_config *config,
                                struct error *e);

/* Ends all threads: requests in flight end by their own timeout or by
 * stop.  All sources must have been closed.
 */
extern void fetch_free (struct fetch *fetch);

/* An origin and the cache object its blocks go to.  Both stay the caller's
 * and must live until gone is called.  NULL when out of memory.
 */
extern struct fetch_source *fetch_source_open (struct fetch *fetch,
                                               struct origin *origin,
                                               struct cache_object *object,
                                               uint64_t size);

/* No reader may be inside.  What is queued is dropped, what has arrived or
 * still arrives is stored; does not wait.
 * gone (opaque) is called once nothing of the source is in flight or being
 * stored: perhaps at once, perhaps later from a thread of the pool.
 */
extern void fetch_source_close (struct fetch_source *source,
                                void (*gone) (void *opaque), void *opaque);

/* Gets bytes [offset, offset + count), which lie within the object, into
 * buf, or only into the cache if buf is NULL.  Takes from what is in flight
 * or has arrived, and from the cache if a block got there meanwhile; fetches
 * the rest, neighbours in one request.  0, or -1 with *e.  Waits until the
 * bytes are there, at most as long as all tries take.
 */
extern int fetch_read (struct fetch_source *source, void *buf,
                       uint64_t offset, uint32_t count, struct error *e);

/* Asks for the blocks touched by [offset, offset + count) without waiting;
 * what is cached, in flight or beyond the end is left out.  Fails silently.
 */
extern void fetch_ahead (struct fetch_source *source, uint64_t offset,
                         uint64_t count);

/* The same for what a replay wants: blocks next to each other, at most
 * FETCH_MAX bytes, that cross no border of FETCH_MAX (or one block).  They go
 * when neither readers nor read-ahead have anything to ask for, and leave
 * them some of the connections.  1 if they were taken, 0 if so many are under
 * way that there is no room now, or -1 if the origin has failed the last of
 * them one after the other.
 */
extern int fetch_replay (struct fetch_source *source, uint64_t offset,
                         uint64_t count);

/* Whether any of it is still queued or in flight. */
extern bool fetch_replay_busy (struct fetch_source *source);

/* Waits until there may be room again, at most one slice (STOP_SLICE_MS). */
extern void fetch_replay_wait (struct fetch *fetch);

/* Whether nothing of the source is in flight or being stored. */
extern bool fetch_idle (struct fetch_source *source);

struct fetch_stats
{
  uint64_t requests;            /* to the origin, all tries */
  uint64_t retries;
  uint64_t failed;              /* fetches given up */
  uint64_t bytes;               /* arrived */
  uint64_t ahead_requests, ahead_bytes;         /* of them, read-ahead's */
  uint64_t replay_requests, replay_bytes;       /* and of replays */
  uint64_t joined;              /* readers who joined a fetch in flight */
  uint64_t buffer_bytes, buffer_peak_bytes;     /* memory, now and at most */
  unsigned threads;             /* running now */
};
extern void fetch_stats (struct fetch *fetch, struct fetch_stats *stats);

#endif /* TIERCACHE_FETCH_H */
