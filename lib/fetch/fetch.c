/* Misses: what readers and read-ahead ask for.
 *
 * A reader claims its range in pieces: of runs in the table, of runs it
 * makes, and of what the cache has meanwhile.  Then it waits for whichever
 * run has its bytes next, not for one after the other: a run keeps its
 * buffer until its claims are gone, and the run waited for may be in need
 * of that buffer.  For the last one, where it is that run's turn, it makes
 * the try itself, as the pool's threads do.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/fetch-internal.h"
#include "util/cleanup.h"
#include "util/minmax.h"

/* Claims a reader has at once; a longer range takes several rounds. */
#define READER_CLAIMS 64

/* The cache is asked this often for a block it says it has. */
#define CACHE_ATTEMPTS 2

struct reader
{
  struct fetch_source *source;
  char *buf;                    /* NULL: only into the cache */
  uint64_t offset;              /* of its first byte in the object */
  pthread_cond_t cond;
};

/* One round. */
struct round
{
  struct reader *reader;
  unsigned attempt;
  size_t nclaims;
  struct claim claims[READER_CLAIMS];
};

struct fetch *
fetch_new (const struct fetch_config *config, struct error *e)
{
  struct fetch *fetch;

  if (config->connections == 0 ||
      config->block_size < CACHE_BLOCK_SIZE_MIN ||
      config->block_size > CACHE_BLOCK_SIZE_MAX ||
      (config->block_size & (config->block_size - 1)) != 0) {
    error_set (e, EINVAL, "cannot fetch over %u connections in blocks of "
               "%" PRIu32 " bytes", config->connections, config->block_size);
    return NULL;
  }
  fetch = calloc (1, sizeof *fetch);
  if (!fetch) {
    error_set (e, ENOMEM, "no memory for fetching");
    return NULL;
  }
  fetch->config = *config;
  fetch->rules = (struct retry_rules) {
    .retries = config->retries,
    .timeout_ms = config->timeout_ms *
      max_u64 (config->block_size / ORIGIN_READ_MAX, 1),
    .backoff_ms = config->backoff_ms,
  };
  fetch->chunk_blocks = max_u64 (FETCH_MAX / config->block_size, 1);
  pthread_mutex_init (&fetch->lock, NULL);
  TAILQ_INIT (&fetch->active);
  TAILQ_INIT (&fetch->delayed);
  TAILQ_INIT (&fetch->arrived);
  stop_cond_init (&fetch->replay_ended);
  TAILQ_INIT (&fetch->kept);
  pool_init (fetch);
  return fetch;
}

void
fetch_free (struct fetch *fetch)
{
  pool_end (fetch);
  pthread_cond_destroy (&fetch->replay_ended);
  pthread_mutex_destroy (&fetch->lock);
  free (fetch);
}

struct fetch_source *
fetch_source_open (struct fetch *fetch, struct origin *origin,
                   struct cache_object *object, uint64_t size)
{
  struct fetch_source *source = calloc (1, sizeof *source);

  if (!source)
    return NULL;
  source->fetch = fetch;
  source->origin = origin;
  source->object = object;
  source->size = size;
  TAILQ_INIT (&source->demand);
  TAILQ_INIT (&source->ahead);
  TAILQ_INIT (&source->replay);
  limit_init (&source->limit, fetch->config.connections,
              max_u64 (FETCH_MAX, fetch->config.block_size));
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&fetch->lock);
  fetch->sources++;
  return source;
}

void
source_gone (struct fetch_source *source)
{
  struct fetch *fetch = source->fetch;

  pthread_mutex_lock (&fetch->lock);
  fetch->sources--;
  pthread_mutex_unlock (&fetch->lock);
  if (source->gone)
    source->gone (source->opaque);
  free (source);
}

/* Drops what is of the source from a list it shares with others. */
static void
drop_from (struct run_list *list, const struct fetch_source *source)
{
  struct run *run, *next;

  for (run = TAILQ_FIRST (list); run; run = next) {
    next = TAILQ_NEXT (run, link);
    if (run->source == source)
      run_drop (run);
  }
}

void
fetch_source_close (struct fetch_source *source, void (*gone) (void *opaque),
                    void *opaque)
{
  struct fetch *fetch = source->fetch;
  bool idle;

  pthread_mutex_lock (&fetch->lock);
  source->closed = true;
  source->gone = gone;
  source->opaque = opaque;
  drop_from (&source->demand, source);
  drop_from (&source->ahead, source);
  drop_from (&source->replay, source);
  drop_from (&fetch->delayed, source);
  drop_from (&fetch->kept, source);
  idle = source_is_idle (source);
  pool_kick (fetch);
  pthread_mutex_unlock (&fetch->lock);
  if (idle)
    source_gone (source);
}

/* Adds [from, to) to the claims: to the last one, if it is of the same run (or
 * of the cache, too) and ends there.  run NULL is the cache.
 */
static void
add_claim (struct round *round, struct run *run, uint64_t from, uint64_t to)
{
  struct claim *claim = &round->claims[round->nclaims];

  if (round->nclaims > 0 && claim[-1].run == run && claim[-1].to == from) {
    claim[-1].to = to;
    return;
  }
  *claim = (struct claim) {
    .cond = &round->reader->cond, .from = from, .to = to
  };
  if (run)
    run_claim (run, claim);
  round->nclaims++;
}

/* Claims what lies in one chunk, as far as there is room for claims.
 * Returns how far it came; short of to with room left: out of memory.
 */
static uint64_t
claim_chunk (struct round *round, uint64_t from, uint64_t to)
{
  struct fetch_source *source = round->reader->source;
  struct fetch *fetch = source->fetch;

  while (from < to && round->nclaims < READER_CLAIMS) {
    uint64_t block = from / fetch->config.block_size, end;
    struct run *run = run_find (source, block);

    if (run) {
      end = run_end (run);
      fetch->stats.joined++;
    }
    else {
      end = (block + 1) * fetch->config.block_size;
      if (round->attempt >= CACHE_ATTEMPTS ||
          !cache_has (source->object, block)) {
        run = run_queue (source, block, RUN_QUEUED_DEMAND);
        if (!run)
          break;
      }
    }
    end = min_u64 (end, to);
    add_claim (round, run, from, end);
    from = end;
  }
  return from;
}

/* Claims as much of [*from, to) as a round takes, and moves *from.  The lock
 * is given back between chunks: a range may have thousands of blocks.
 */
static int
claim_range (struct round *round, uint64_t *from, uint64_t to,
             struct error *e)
{
  struct fetch *fetch = round->reader->source->fetch;
  uint64_t chunk = fetch->chunk_blocks * fetch->config.block_size;

  while (*from < to && round->nclaims < READER_CLAIMS) {
    uint64_t begin = *from, end = min_u64 (to, (begin / chunk + 1) * chunk);
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&fetch->lock);

    *from = claim_chunk (round, begin, end);
    if (round->nclaims > 1)
      pool_kick (fetch);
    if (*from < end && round->nclaims < READER_CLAIMS)
      return error_set (e, ENOMEM, "no memory to fetch bytes at offset %"
                        PRIu64, *from);
  }
  return 0;
}

/* What the cache has got meanwhile.  Without the lock. */
static void
read_cached (struct reader *reader, struct claim *claim)
{
  unsigned flags = 0;

  if (reader->buf)
    claim->from += cache_read (reader->source->object,
                               reader->buf + (claim->from - reader->offset),
                               claim->from, claim->to - claim->from, &flags);
  else
    claim->from = claim->to;
  claim->again = claim->from < claim->to;
}

/* A run of which a claim is ready: takes the bytes, or the error.  The lock
 * is given back for the copy.
 */
static int
settle_claim (struct reader *reader, struct claim *claim, unsigned attempt,
              struct error *e)
{
  struct fetch *fetch = reader->source->fetch;
  struct run *run = claim->run;

  if (claim->to - run_begin (run) > run->arrived) {
    /* Who came when the last try was under way has waited too little for
     * its failure to be an answer.
     */
    if (claim->event > run->failed_event && attempt == 0 &&
        run->error.kind != ERROR_FINAL) {
      claim->again = true;
      return 0;
    }
    if (e)
      *e = run->error;
    return -1;
  }
  if (reader->buf) {
    pthread_mutex_unlock (&fetch->lock);
    memcpy (reader->buf + (claim->from - reader->offset),
            run->buf + (claim->from - run_begin (run)),
            claim->to - claim->from);
    pthread_mutex_lock (&fetch->lock);
  }
  return 0;
}

/* A claim of a run that can be settled, or has to be waited for; NULL if none
 * is left.
 */
static struct claim *
next_claim (struct round *round)
{
  struct claim *any = NULL;

  for (size_t i = 0; i < round->nclaims; i++)
    if (round->claims[i].run) {
      any = &round->claims[i];
      if (claim_ready (any))
        break;
    }
  return any;
}

/* Whether the reader would only wait for that claim, and until all of what is
 * asked for has come.  Otherwise it must be there to take what comes before:
 * for its client, and because others need the memory.
 */
static bool
may_ask (const struct round *round, const struct claim *claim)
{
  const struct run *run = claim->run;

  for (size_t i = 0; i < round->nclaims; i++)
    if (round->claims[i].run && &round->claims[i] != claim)
      return false;
  return run->bytes - run->arrived <= ORIGIN_READ_MAX;
}

/* Where the system gives no thread: a try of what this reader waits for, and
 * of nothing else, which may be at an origin that does not answer.
 */
static bool
try_any (struct round *round)
{
  for (size_t i = 0; i < round->nclaims; i++)
    if (round->claims[i].run &&
        pool_try (round->reader->source->fetch, round->claims[i].run, false))
      return true;
  return false;
}

/* One slice.  The last thread may have ended while there was nothing that it
 * could do, and nobody else may see that there is now.
 */
static int
wait_slice (struct round *round, const struct claim *claim, struct error *e)
{
  struct reader *reader = round->reader;
  struct fetch *fetch = reader->source->fetch;

  if (pool_kick (fetch) == -1 && try_any (round))
    return 0;
  if (stop_wait (fetch->config.stop, &reader->cond, &fetch->lock, 0)
      == ESHUTDOWN)
    return error_set (e, ESHUTDOWN, "stopped while waiting for bytes at "
                      "offset %" PRIu64, claim->from);
  return 0;
}

static void
drop_claims (struct round *round)
{
  struct fetch *fetch = round->reader->source->fetch;
  struct claim *claim;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&fetch->lock);

  while ((claim = next_claim (round)))
    run_unclaim (claim);
  pool_kick (fetch);
}

static int
settle_runs (struct round *round, struct error *e)
{
  struct reader *reader = round->reader;
  struct fetch *fetch = reader->source->fetch;
  struct claim *claim;
  int r = 0;

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&fetch->lock);
  while (r == 0 && (claim = next_claim (round))) {
    if (claim_ready (claim)) {
      r = settle_claim (reader, claim, round->attempt, e);
      run_unclaim (claim);
      /* There may be room now for a buffer that this very reader needs. */
      pool_kick (fetch);
    }
    else if (!(may_ask (round, claim) && pool_try (fetch, claim->run, true)) &&
             !claim_ready (claim))
      r = wait_slice (round, claim, e);
  }
  return r;
}

/* Gets [from, to).  What has to be asked for again is, with attempt one more:
 * the recursion ends because from then on errors count, and with
 * CACHE_ATTEMPTS the cache is not asked any more.
 */
static int
read_range (struct reader *reader, uint64_t from, uint64_t to,
            unsigned attempt, struct error *e)
{
  while (from < to) {
    struct round round = { .reader = reader, .attempt = attempt };
    int r = claim_range (&round, &from, to, e);

    if (r == 0) {
      for (size_t i = 0; i < round.nclaims; i++)
        if (!round.claims[i].run)
          read_cached (reader, &round.claims[i]);
      r = settle_runs (&round, e);
    }
    if (r == -1) {
      drop_claims (&round);
      return -1;
    }
    for (size_t i = 0; i < round.nclaims; i++)
      if (round.claims[i].again &&
          read_range (reader, round.claims[i].from, round.claims[i].to,
                      attempt + 1, e) == -1)
        return -1;
  }
  return 0;
}

int
fetch_read (struct fetch_source *source, void *buf, uint64_t offset,
            uint32_t count, struct error *e)
{
  struct reader reader = { .source = source, .buf = buf, .offset = offset };
  int r;

  stop_cond_init (&reader.cond);
  r = read_range (&reader, offset, offset + count, 0, e);
  pthread_cond_destroy (&reader.cond);
  return r;
}

void
fetch_ahead (struct fetch_source *source, uint64_t offset, uint64_t count)
{
  struct fetch *fetch = source->fetch;
  uint64_t block = offset / fetch->config.block_size, end;

  if (offset >= source->size || count == 0)
    return;
  end = offset + min_u64 (count, source->size - offset);
  end = (end - 1) / fetch->config.block_size + 1;
  while (block < end) {
    uint64_t border = (block / fetch->chunk_blocks + 1) * fetch->chunk_blocks;
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&fetch->lock);

    for (; block < min_u64 (border, end); block++)
      if (!run_find (source, block) && !cache_has (source->object, block) &&
          !run_queue (source, block, RUN_QUEUED_AHEAD))
        end = block;            /* no room: ends both loops */
    pool_kick (fetch);
  }
}

/* Readers and read-ahead have an eighth of the connections for themselves,
 * and at least one if there are several.
 */
static bool
replay_room (const struct fetch_source *source)
{
  unsigned connections = source->fetch->config.connections;
  unsigned kept = max_u64 (connections / 8, connections > 1);

  return source->replay_runs < connections - kept
    && source->fetch->replay_runs < FETCH_REPLAY_RUNS;
}

int
fetch_replay (struct fetch_source *source, uint64_t offset, uint64_t count)
{
  struct fetch *fetch = source->fetch;
  uint64_t block = offset / fetch->config.block_size;
  uint64_t end = (offset + count - 1) / fetch->config.block_size + 1;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&fetch->lock);

  if (source->replay_failures >= FETCH_REPLAY_FAILURES)
    return -1;
  if (!replay_room (source))
    return 0;
  for (; block < end; block++)
    if (!run_find (source, block) && !cache_has (source->object, block) &&
        !run_queue (source, block, RUN_QUEUED_REPLAY))
      break;
  pool_kick (fetch);
  return 1;
}

bool
fetch_replay_busy (struct fetch_source *source)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&source->fetch->lock);

  return source->replay_runs > 0;
}

void
fetch_replay_wait (struct fetch *fetch)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&fetch->lock);

  stop_wait (fetch->config.stop, &fetch->replay_ended, &fetch->lock, 0);
}

bool
fetch_idle (struct fetch_source *source)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&source->fetch->lock);

  return source->in_flight == 0 && source->unstored == 0;
}

void
fetch_stats (struct fetch *fetch, struct fetch_stats *stats)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&fetch->lock);
  *stats = fetch->stats;
  stats->buffer_bytes = fetch->buffers.used_bytes + fetch->buffers.free_bytes;
  stats->buffer_peak_bytes = fetch->buffers.peak_bytes;
  stats->threads = fetch->fetchers.count + fetch->fillers.count;
}
