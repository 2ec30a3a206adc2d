/* The threads of a pool: those that wait for origins, and those that store.
 *
 * Threads are started as there is work and end when there was none for a
 * while.  Whoever makes work kicks one thread; a thread that takes work
 * kicks the next before it begins, if there is more: so none is woken in
 * vain, and no work waits while a thread could be had for it.  A reader who
 * would only wait asks the origin itself: so that nobody has to be woken.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>

#include "fetch/fetch-internal.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"

#define NS_PER_MS UINT64_C (1000000)

/* 0, or -1 with errno if the crew has not one thread. */
static int
crew_call (struct fetch *fetch, struct crew *crew, unsigned max)
{
  struct crew_slot *slot = crew->slots;
  int r;

  if (crew->idle > 0) {
    pthread_cond_signal (&crew->wake);
    return 0;
  }
  if (crew->count >= max || fetch->ending) {
    errno = ESHUTDOWN;
    return crew->count > 0 ? 0 : -1;
  }
  while (slot->state == SLOT_RUNNING)
    slot++;
  if (slot->state == SLOT_ENDED)
    pthread_join (slot->thread, NULL);
  slot->state = SLOT_FREE;
  r = pthread_create (&slot->thread, NULL, crew->main, fetch);
  if (r == 0) {
    slot->state = SLOT_RUNNING;
    crew->count++;
  }
  errno = r;
  return crew->count > 0 ? 0 : -1;
}

/* The calling thread of the crew ends.  A filler may give buffers back after
 * the last fetcher has gone.
 */
static void
crew_leave (struct fetch *fetch, struct crew *crew)
{
  struct crew_slot *slot = crew->slots;

  while (slot->state != SLOT_RUNNING ||
         !pthread_equal (slot->thread, pthread_self ()))
    slot++;
  slot->state = SLOT_ENDED;
  crew->count--;
  if (fetch->fetchers.count == 0)
    buffers_trim (&fetch->buffers);
}

/* Waits for work, or until something is due.  False: the thread is to end.
 * *idle_until is 0 when it has just been busy.
 */
static bool
crew_wait (struct fetch *fetch, struct crew *crew, const struct run *delayed,
           uint64_t *idle_until)
{
  uint64_t now = stop_now_ns (), until;

  if (fetch->ending || stop_requested (fetch->config.stop))
    return false;
  if (*idle_until == 0 || delayed)
    *idle_until = now + FETCH_IDLE_MS * NS_PER_MS;
  if (now >= *idle_until)
    return false;
  until = delayed ? min_u64 (*idle_until, delayed->due_ns) : *idle_until;
  crew->idle++;
  stop_wait (fetch->config.stop, &crew->wake, &fetch->lock, until);
  crew->idle--;
  return true;
}

/* What is in flight of a replay does not keep readers from the wire. */
static bool
may_start (const struct fetch_source *source, const struct run *run,
           uint64_t memory)
{
  uint64_t before = run->state == RUN_QUEUED_REPLAY ? 0 :
    source->replay_in_flight;

  return limit_allows (&source->limit, source->in_flight,
                       source->bytes_in_flight - before,
                       run->bytes - run->arrived) &&
    (run->reserved ||
     buffers_room (&source->fetch->buffers, run->bytes, memory));
}

/* What is to be fetched next: what readers wait for, then read-ahead of
 * sources that have no reader waiting, then what is replayed of those that
 * have neither; sources take turns.
 */
static struct run *
next_run (struct fetch *fetch)
{
  struct fetch_source *source;
  struct run *run;

  TAILQ_FOREACH (source, &fetch->active, link) {
    run = TAILQ_FIRST (&source->demand);
    if (run && may_start (source, run, FETCH_MEMORY))
      return run;
  }
  TAILQ_FOREACH (source, &fetch->active, link) {
    run = TAILQ_FIRST (&source->ahead);
    if (run && TAILQ_EMPTY (&source->demand) &&
        may_start (source, run, FETCH_MEMORY_AHEAD))
      return run;
  }
  TAILQ_FOREACH (source, &fetch->active, link) {
    run = TAILQ_FIRST (&source->replay);
    if (run && TAILQ_EMPTY (&source->demand) &&
        TAILQ_EMPTY (&source->ahead) &&
        may_start (source, run, FETCH_MEMORY_AHEAD))
      return run;
  }
  return NULL;
}

/* See pool_try. */
static struct run *
choose_run (struct fetch *fetch, struct run *wish, bool in_turn)
{
  struct run *next;

  if (wish && !in_turn)
    return wish->state == RUN_QUEUED_DEMAND &&
      may_start (wish->source, wish, FETCH_MEMORY) ? wish : NULL;
  next = next_run (fetch);
  return !wish || next == wish ? next : NULL;
}

/* Takes it into flight; its source is the last in turn now. */
static struct run *
take_run (struct fetch *fetch, struct run *wish, bool in_turn)
{
  uint64_t now = stop_now_ns ();
  struct run *run;

  if (stop_requested (fetch->config.stop))
    return NULL;
  run_due (fetch, now);
  while ((run = choose_run (fetch, wish, in_turn))) {
    struct fetch_source *source = run->source;

    if (!retry_in_time (&fetch->rules, &run->retry, now)) {
      run_give_up (run);
      continue;
    }
    TAILQ_REMOVE (&fetch->active, source, link);
    TAILQ_INSERT_TAIL (&fetch->active, source, link);
    run_start (run, now);
    return run;
  }
  return NULL;
}

int
pool_kick (struct fetch *fetch)
{
  unsigned max = min_u64 ((uint64_t) fetch->config.connections *
                          fetch->sources, FETCH_THREADS);

  /* What is delayed needs someone who wakes when it is due. */
  if (!next_run (fetch) &&
      (TAILQ_EMPTY (&fetch->delayed) || fetch->fetchers.idle > 0))
    return 0;
  return crew_call (fetch, &fetch->fetchers, max);
}

int
pool_kick_fill (struct fetch *fetch)
{
  if (TAILQ_EMPTY (&fetch->arrived))
    return 0;
  return crew_call (fetch, &fetch->fillers, FETCH_FILL_THREADS);
}

/* Asks the origin for what is missing of the run, in pieces if a block is
 * larger than what may be asked for at once.  Without the lock.
 */
static int
ask_origin (struct run *run, struct error *e)
{
  struct fetch_source *source = run->source;
  struct fetch *fetch = source->fetch;
  bool more;
  int r;

  if (!run->buf)
    run->buf = buffer_new (run->bytes);
  if (!run->buf)
    return error_set_kind (e, ERROR_AGAIN, ENOMEM, "no memory to fetch %"
                           PRIu64 " bytes", run->bytes);
  do {
    uint64_t piece = min_u64 (run->bytes - run->arrived, ORIGIN_READ_MAX);
    size_t got = 0;

    r = source->origin->ops->read (source->origin, run->buf + run->arrived,
                                   piece, run_begin (run) + run->arrived,
                                   &got, e);
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&fetch->lock);
    fetch->stats.requests++;
    run_bytes_came (run, r == 0 ? piece : min_u64 (got, piece));
    more = run->arrived < run->bytes && !source->closed;
  } while (r == 0 && more && !stop_requested (fetch->config.stop));

  /* Only stop and close leave it unfinished without an error. */
  if (r == 0 && run->arrived < run->bytes)
    r = error_set (e, ESHUTDOWN, "fetching was stopped");
  return r;
}

static void
tell_limit (struct run *run, int r, const struct error *e, uint64_t now)
{
  struct fetch_source *source = run->source;
  struct limit_sample sample = {
    .round = run->limit_round,
    .started_ns = run->try_ns,
    .now_ns = now,
    .bytes = run->asked,
    .bytes_in_flight = max_u64 (source->bytes_in_flight,
                                run->try_in_flight),
  };

  if (r == 0)
    limit_done (&source->limit, &sample);
  else if (e->kind == ERROR_BUSY)
    limit_busy (&source->limit, run->try_ns, now, source->in_flight);
}

/* What follows from an answer. */
static void
finish_try (struct run *run, int r, const struct error *e)
{
  struct fetch_source *source = run->source;
  struct fetch *fetch = source->fetch;
  uint64_t now = stop_now_ns ();

  tell_limit (run, r, e, now);
  run->spent_ns += now - run->try_ns;
  source->in_flight--;
  source->bytes_in_flight -= run->asked;
  if (run->replay)
    source->replay_in_flight -= run->asked;
  if (!run->buf) {
    buffers_cancel (&fetch->buffers, run->bytes);
    run->reserved = false;
  }

  if (run->arrived == run->bytes) {
    run_came (run);
    /* With nobody to store it, it is fetched again when it is needed. */
    if (pool_kick_fill (fetch) == -1)
      run_drop (run);
  }
  else if (source->closed)
    run_drop (run);
  else {
    run_failed_try (run, e, now);
    /* Who sleeps does not know yet when it is due. */
    if (!TAILQ_EMPTY (&fetch->delayed))
      pthread_cond_signal (&fetch->fetchers.wake);
  }
}

/* After the last of a source that was closed meanwhile. */
static void
leave_source (struct fetch_source *source)
{
  struct fetch *fetch = source->fetch;

  if (!source_is_idle (source))
    return;
  pthread_mutex_unlock (&fetch->lock);
  source_gone (source);
  pthread_mutex_lock (&fetch->lock);
}

bool
pool_try (struct fetch *fetch, struct run *wish, bool in_turn)
{
  struct run *run = take_run (fetch, wish, in_turn);
  struct fetch_source *source;
  const char *why;
  struct error e = { .errnum = EIO, .kind = ERROR_AGAIN };
  int r;

  if (!run)
    return false;
  source = run->source;
  why = run->replay ? "replay: " : run->waited ? "" : "ahead: ";
  pool_kick (fetch);
  pthread_mutex_unlock (&fetch->lock);
  r = ask_origin (run, &e);
  log_debug (fetch, "%s%" PRIu64 " bytes at %" PRIu64 " in %" PRIu64
             " us%s%s", why, run->bytes, run_begin (run),
             (stop_now_ns () - run->try_ns) / 1000,
             r == -1 ? ": " : "", r == -1 ? e.text : "");
  pthread_mutex_lock (&fetch->lock);
  finish_try (run, r, &e);
  leave_source (source);
  return true;
}

static void *
fetcher (void *opaque)
{
  struct fetch *fetch = opaque;
  uint64_t idle_until = 0;

  pthread_setname_np (pthread_self (), "tc-fetch");
  pthread_mutex_lock (&fetch->lock);
  do {
    while (pool_try (fetch, NULL, true))
      idle_until = 0;
  } while (crew_wait (fetch, &fetch->fetchers,
                      TAILQ_FIRST (&fetch->delayed), &idle_until));
  crew_leave (fetch, &fetch->fetchers);
  pthread_mutex_unlock (&fetch->lock);
  return NULL;
}

/* Nobody waits for it: it wakes without pushing a hit from its core.  Who has
 * given the program another scheduling means it.
 */
static void *
filler (void *opaque)
{
  struct fetch *fetch = opaque;
  uint64_t idle_until = 0;
  const struct sched_param fair = { 0 };
  struct run *run;

  pthread_setname_np (pthread_self (), "tc-fill");
  if (sched_getscheduler (0) == SCHED_OTHER)
    sched_setscheduler (0, SCHED_BATCH, &fair);
  pthread_mutex_lock (&fetch->lock);
  do {
    while ((run = run_store_next (fetch))) {
      struct fetch_source *source = run->source;
      struct cache_store_options options = {
        .cost_us = max_u64 (run->spent_ns / 1000 / run->nblocks, 1),
        .ahead = !run->waited,
        .hurry = fetch->arrived_bytes > FETCH_MEMORY / 2,
      };
      uint32_t refused;

      pool_kick_fill (fetch);
      pthread_mutex_unlock (&fetch->lock);
      refused = cache_store (source->object, run->first_block, run->buf,
                             run->bytes, &options);
      pthread_mutex_lock (&fetch->lock);
      run_stored (run, refused > 0);
      pool_kick (fetch);
      leave_source (source);
      idle_until = 0;
    }
  } while (crew_wait (fetch, &fetch->fillers, NULL, &idle_until));
  crew_leave (fetch, &fetch->fillers);
  pthread_mutex_unlock (&fetch->lock);
  return NULL;
}

void
pool_init (struct fetch *fetch)
{
  stop_cond_init (&fetch->fetchers.wake);
  stop_cond_init (&fetch->fillers.wake);
  fetch->fetchers.main = fetcher;
  fetch->fillers.main = filler;
}

static void
crew_end (struct fetch *fetch, struct crew *crew)
{
  for (size_t i = 0; i < FETCH_THREADS; i++) {
    struct crew_slot *slot = &crew->slots[i];
    bool join;

    pthread_mutex_lock (&fetch->lock);
    join = slot->state != SLOT_FREE;
    pthread_cond_broadcast (&crew->wake);
    pthread_mutex_unlock (&fetch->lock);
    if (join)
      pthread_join (slot->thread, NULL);
  }
  pthread_cond_destroy (&crew->wake);
}

void
pool_end (struct fetch *fetch)
{
  pthread_mutex_lock (&fetch->lock);
  fetch->ending = true;
  pthread_mutex_unlock (&fetch->lock);
  crew_end (fetch, &fetch->fetchers);
  crew_end (fetch, &fetch->fillers);
  buffers_trim (&fetch->buffers);
}
