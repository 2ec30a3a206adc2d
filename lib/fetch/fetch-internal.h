/* What the files of lib/fetch share: the pool, its sources and their runs.
 *
 * All of it is guarded by fetch->lock unless it says otherwise; functions
 * here are called with the lock held unless they say otherwise.
 */

#ifndef TIERCACHE_FETCH_INTERNAL_H
#define TIERCACHE_FETCH_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "fetch/fetch.h"
#include "fetch/limit.h"
#include "fetch/retry.h"

#define FETCH_THREADS 128             /* that wait for an origin, at most */
#define FETCH_FILL_THREADS 2          /* that store */
#define FETCH_IDLE_MS 2000            /* then a thread ends */
#define FETCH_AHEAD_QUEUE 512         /* runs of read-ahead, at most */
/* Read-ahead leaves this much for readers. */
#define FETCH_MEMORY_AHEAD (FETCH_MEMORY / 4 * 3)
/* Of replays, queued and in flight. */
#define FETCH_REPLAY_RUNS 64
#define FETCH_REPLAY_FAILURES 16      /* in a row: the origin fails */
#define FETCH_BUCKETS 1024            /* of the table of runs */

/* Buffers (fetch-buffer.c): sizes are powers of two from 4 KiB to 4 MiB. */
#define BUFFER_CLASSES 11
struct buffers
{
  void *free[BUFFER_CLASSES];   /* lists, linked through the first word */
  uint64_t free_bytes;          /* in those lists */
  uint64_t used_bytes;          /* outside them */
  uint64_t peak_bytes;          /* of both together */
};

/* Whether a buffer of count bytes keeps what is used within bound. */
extern bool buffers_room (const struct buffers *buffers, uint64_t count,
                          uint64_t bound);

/* Counts a buffer of count bytes as used and returns one, or NULL if there is
 * none to recycle: then the caller makes it by buffer_new, or gives it up by
 * buffers_cancel.
 */
extern void *buffers_take (struct buffers *buffers, uint64_t count);
extern void *buffer_new (uint64_t count);       /* needs no lock */
extern void buffers_cancel (struct buffers *buffers, uint64_t count);
extern void buffers_give (struct buffers *buffers, void *buf, uint64_t count);
extern void buffers_trim (struct buffers *buffers);

/* See the table at the top of fetch-run.c. */
enum run_state
{
  RUN_QUEUED_DEMAND,
  RUN_QUEUED_AHEAD,
  RUN_QUEUED_REPLAY,
  RUN_DELAYED,
  RUN_IN_FLIGHT,
  RUN_ARRIVED,
  RUN_STORING,
  RUN_STORED,
  RUN_KEPT,
  RUN_FAILED,
};

/* A reader's interest in some bytes of a run, or of the cache (run NULL). */
struct claim
{
  struct run *run;
  pthread_cond_t *cond;         /* the reader waits on it */
  uint64_t event;               /* when it was made */
  uint64_t from, to;            /* bytes of the object */
  bool again;                   /* [from, to) is to be asked for anew */
  TAILQ_ENTRY (claim) link;     /* run->claims */
};
TAILQ_HEAD (claim_list, claim);

/* One ranged request and what came of it. */
struct run
{
  struct fetch_source *source;
  enum run_state state;
  unsigned refs;                /* claims, and one for the table */
  struct claim_list claims;
  struct run *next_in_bucket;
  TAILQ_ENTRY (run) link;       /* the list its state says */

  uint64_t first_block, nblocks;
  uint64_t bytes;               /* to fetch */
  uint64_t arrived;             /* of them, from the start */
  char *buf;                    /* below arrived: only read, without the
                                   lock by holders of a reference; above:
                                   its thread's while in flight */
  bool reserved;                /* a buffer is counted for it */
  bool waited;                  /* by a reader, ever */
  bool replay;                  /* a replay's, and it has not ended */

  struct retry retry;
  uint64_t due_ns;              /* while delayed */
  uint64_t spent_ns;            /* in flight, all tries */
  uint64_t asked;               /* bytes of the current try */
  uint64_t try_ns, limit_round, try_in_flight;  /* when it began */

  /* Event numbers, see fetch->events. */
  uint64_t queued_event, first_try_event, last_try_event;
  uint64_t failed_event;        /* when the try whose error it is began */
  struct error error;           /* of the last try */
};
TAILQ_HEAD (run_list, run);

struct fetch_source
{
  struct fetch *fetch;
  struct origin *origin;
  struct cache_object *object;
  uint64_t size;

  struct run_list demand, ahead, replay;
  bool active;                  /* on fetch->active: has queued runs */
  TAILQ_ENTRY (fetch_source) link;
  struct limit limit;
  unsigned in_flight;
  uint64_t bytes_in_flight;
  unsigned unstored;            /* runs that have arrived */
  unsigned replay_runs;         /* of replays, queued and in flight */
  uint64_t replay_in_flight;    /* their bytes in flight */
  unsigned replay_failures;     /* in a row */
  uint64_t arrived_event;       /* the last time any byte came */

  bool closed;
  void (*gone) (void *opaque);
  void *opaque;
};
TAILQ_HEAD (source_list, fetch_source);

/* Threads of one kind (pool.c). */
struct crew
{
  pthread_cond_t wake;
  unsigned count, idle;
  void *(*main) (void *fetch);
  struct crew_slot
  {
    pthread_t thread;
    enum { SLOT_FREE, SLOT_RUNNING, SLOT_ENDED } state;
  } slots[FETCH_THREADS];
};

struct fetch
{
  struct fetch_config config;
  struct retry_rules rules;
  uint64_t chunk_blocks;        /* no run crosses a border of so many */

  pthread_mutex_t lock;
  uint64_t events;              /* a clock that only tells before from after */
  bool ending;
  struct run *buckets[FETCH_BUCKETS];
  struct source_list active;    /* the one whose turn it is first */
  struct run_list delayed;      /* by due_ns */
  struct run_list arrived;      /* to be stored */
  struct run_list kept;         /* that the cache refused, oldest first */
  uint64_t kept_bytes;          /* of them */
  uint64_t arrived_bytes;       /* of them and those being stored */
  unsigned sources;             /* open or not yet gone */
  unsigned ahead_queued;
  unsigned replay_runs;         /* of all sources */
  pthread_cond_t replay_ended;  /* one of them */
  struct buffers buffers;
  struct crew fetchers, fillers;
  struct fetch_stats stats;
};

/* fetch-run.c */
extern struct run *run_find (struct fetch_source *source, uint64_t block);

/* Queues a block that is in no run: at the end of a queued run, or in a new
 * one.  queue is one of the RUN_QUEUED states.  NULL when out of memory, or
 * (read-ahead) of room in the queue.
 */
extern struct run *run_queue (struct fetch_source *source, uint64_t block,
                              enum run_state queue);
extern void run_claim (struct run *run, struct claim *claim);
extern void run_unclaim (struct claim *claim);
extern bool claim_ready (const struct claim *claim);

/* Byte of the object at which the run begins, and that behind its end. */
extern uint64_t run_begin (const struct run *run);
extern uint64_t run_end (const struct run *run);

/* The changes of state. */
extern void run_start (struct run *run, uint64_t now_ns);
extern void run_bytes_came (struct run *run, uint64_t count);
extern void run_came (struct run *run);
extern struct run *run_store_next (struct fetch *fetch);
extern void run_stored (struct run *run, bool refused);
extern void run_failed_try (struct run *run, const struct error *e,
                            uint64_t now_ns);
extern void run_give_up (struct run *run);
extern void run_due (struct fetch *fetch, uint64_t now_ns);
extern void run_drop (struct run *run);

/* pool.c */
extern void pool_init (struct fetch *fetch);

/* Sees to it that a thread looks after what can be done now.  0, or -1 with
 * errno if there is something to do and not one thread can be had for it.
 */
extern int pool_kick (struct fetch *fetch);
extern int pool_kick_fill (struct fetch *fetch);

/* One try of the next run in the calling thread.  If the wish is not NULL, of
 * that one or none: when it is next, or, not in_turn, whenever it may start;
 * the caller has a claim of it.  False if there is none.  The lock is given
 * back meanwhile.
 */
extern bool pool_try (struct fetch *fetch, struct run *wish, bool in_turn);

/* Without the lock: ends and joins all threads. */
extern void pool_end (struct fetch *fetch);

/* fetch.c; without the lock.  Once the source is closed and nothing of it is
 * in flight or being stored.
 */
extern void source_gone (struct fetch_source *source);
static inline bool
source_is_idle (const struct fetch_source *source)
{
  return source->closed && source->in_flight == 0 && source->unstored == 0;
}

#endif /* TIERCACHE_FETCH_INTERNAL_H */
