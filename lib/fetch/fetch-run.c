/* Runs: one ranged request each, from its queue to the cache.
 *
 *   state          on the list         left for
 *   -------------  ------------------  ------------------------------------
 *   QUEUED_AHEAD   source->ahead       QUEUED_DEMAND when a reader joins,
 *                                      IN_FLIGHT, dropped at close
 *   QUEUED_REPLAY  source->replay      the same
 *   QUEUED_DEMAND  source->demand      IN_FLIGHT, FAILED with the queue or
 *                                      when it is too late for another try,
 *                                      dropped at close
 *   IN_FLIGHT      none: a thread's    ARRIVED, DELAYED, FAILED,
 *                                      dropped when it fails after close
 *   DELAYED        fetch->delayed      QUEUED_DEMAND (at the front) when due,
 *                                      dropped at close
 *   ARRIVED        fetch->arrived      STORING; dropped if nobody can
 *                                      store it
 *   STORING        none: a thread's    STORED; KEPT if the cache refused
 *                                      a block of it
 *   KEPT           fetch->kept         STORED, pushed out by the next ones,
 *                                      or at close
 *   STORED         none                freed with its last claim
 *   FAILED         none                freed with its last claim
 *
 * A run is in the table, where readers find it, in all states but STORED and
 * FAILED, and has a reference for that.  So whoever asks for a block after its
 * run has failed or is stored finds nothing here, and begins anew.
 *
 * Only a queued run before its first try has no buffer, grows, or moves to
 * another queue.  arrived never falls; readers have the bytes below it as
 * soon as it covers their claim, whatever the state.  A source is on
 * fetch->active exactly while it has queued runs.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "fetch/fetch-internal.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/mix.h"

uint64_t
run_begin (const struct run *run)
{
  return run->first_block * run->source->fetch->config.block_size;
}

uint64_t
run_end (const struct run *run)
{
  return run_begin (run) + run->bytes;
}

/* Runs do not cross borders of chunks, so one look in one bucket finds all
 * that can hold a block.
 */
static struct run **
bucket_of (const struct fetch_source *source, uint64_t block)
{
  uint64_t chunk = block / source->fetch->chunk_blocks;
  uint64_t key = mix_u64 ((uintptr_t) source) ^ chunk;

  return &source->fetch->buckets[mix_u64 (key) % FETCH_BUCKETS];
}

struct run *
run_find (struct fetch_source *source, uint64_t block)
{
  for (struct run *run = *bucket_of (source, block); run;
       run = run->next_in_bucket)
    if (run->source == source && block >= run->first_block &&
        block - run->first_block < run->nblocks)
      return run;
  return NULL;
}

static void
unref (struct run *run)
{
  struct buffers *buffers = &run->source->fetch->buffers;

  if (--run->refs > 0)
    return;
  if (run->buf)
    buffers_give (buffers, run->buf, run->bytes);
  else if (run->reserved)
    buffers_cancel (buffers, run->bytes);
  free (run);
}

static void
enter_queue (struct run *run, enum run_state state, bool front)
{
  struct fetch_source *source = run->source;
  struct run_list *list =
    state == RUN_QUEUED_DEMAND ? &source->demand :
    state == RUN_QUEUED_AHEAD ? &source->ahead : &source->replay;

  run->state = state;
  if (front)
    TAILQ_INSERT_HEAD (list, run, link);
  else
    TAILQ_INSERT_TAIL (list, run, link);
  source->fetch->ahead_queued += state == RUN_QUEUED_AHEAD;
  if (!source->active) {
    source->active = true;
    TAILQ_INSERT_TAIL (&source->fetch->active, source, link);
  }
}

/* Takes it off the list its state says. */
static void
leave_list (struct run *run)
{
  struct fetch_source *source = run->source;
  struct fetch *fetch = source->fetch;

  switch (run->state) {
  case RUN_QUEUED_DEMAND:
    TAILQ_REMOVE (&source->demand, run, link);
    break;
  case RUN_QUEUED_AHEAD:
    TAILQ_REMOVE (&source->ahead, run, link);
    fetch->ahead_queued--;
    break;
  case RUN_QUEUED_REPLAY:
    TAILQ_REMOVE (&source->replay, run, link);
    break;
  case RUN_DELAYED:
    TAILQ_REMOVE (&fetch->delayed, run, link);
    break;
  case RUN_ARRIVED:
    TAILQ_REMOVE (&fetch->arrived, run, link);
    break;
  case RUN_KEPT:
    TAILQ_REMOVE (&fetch->kept, run, link);
    fetch->kept_bytes -= run->bytes;
    break;
  default:
    break;
  }
  if (source->active && TAILQ_EMPTY (&source->demand) &&
      TAILQ_EMPTY (&source->ahead) && TAILQ_EMPTY (&source->replay)) {
    source->active = false;
    TAILQ_REMOVE (&fetch->active, source, link);
  }
}

/* There is room for another run of a replay. */
static void
replay_ended (struct run *run)
{
  struct fetch_source *source = run->source;

  if (!run->replay)
    return;
  run->replay = false;
  source->replay_runs--;
  source->fetch->replay_runs--;
  pthread_cond_broadcast (&source->fetch->replay_ended);
}

/* Out of the table, and wakes whoever waits. */
static void
leave_table (struct run *run, enum run_state state)
{
  struct run **p = bucket_of (run->source, run->first_block);
  struct claim *claim;

  leave_list (run);
  replay_ended (run);
  while (*p != run)
    p = &(*p)->next_in_bucket;
  *p = run->next_in_bucket;
  run->state = state;
  TAILQ_FOREACH (claim, &run->claims, link)
    pthread_cond_signal (claim->cond);
  unref (run);
}

static void
set_nblocks (struct run *run, uint64_t nblocks)
{
  run->nblocks = nblocks;
  run->bytes = min_u64 (nblocks * run->source->fetch->config.block_size,
                        run->source->size - run_begin (run));
}

/* The queued run that ends right before block and may grow by it. */
static struct run *
find_to_extend (struct fetch_source *source, uint64_t block,
                enum run_state queue)
{
  struct run *run;

  if (block % source->fetch->chunk_blocks == 0)
    return NULL;
  run = run_find (source, block - 1);
  if (run && run->first_block + run->nblocks == block &&
      run->retry.tries == 0 &&
      (run->state == queue ||
       (run->state == RUN_QUEUED_AHEAD && queue == RUN_QUEUED_DEMAND)))
    return run;
  return NULL;
}

struct run *
run_queue (struct fetch_source *source, uint64_t block, enum run_state queue)
{
  struct fetch *fetch = source->fetch;
  struct run *run = find_to_extend (source, block, queue);
  struct run **bucket = bucket_of (source, block);

  if (run) {
    set_nblocks (run, run->nblocks + 1);
    return run;
  }
  if (queue == RUN_QUEUED_AHEAD && fetch->ahead_queued >= FETCH_AHEAD_QUEUE)
    return NULL;
  run = calloc (1, sizeof *run);
  if (!run)
    return NULL;
  run->source = source;
  run->refs = 1;
  TAILQ_INIT (&run->claims);
  run->first_block = block;
  set_nblocks (run, 1);
  run->retry.seed = mix_u64 (fetch->config.seed ^ block);
  run->queued_event = ++fetch->events;
  run->next_in_bucket = *bucket;
  *bucket = run;
  if (queue == RUN_QUEUED_REPLAY) {
    run->replay = true;
    source->replay_runs++;
    fetch->replay_runs++;
  }
  enter_queue (run, queue, false);
  return run;
}

void
run_claim (struct run *run, struct claim *claim)
{
  struct fetch *fetch = run->source->fetch;

  claim->run = run;
  claim->event = ++fetch->events;
  run->refs++;
  TAILQ_INSERT_TAIL (&run->claims, claim, link);
  run->waited = true;
  if (run->state == RUN_QUEUED_AHEAD || run->state == RUN_QUEUED_REPLAY) {
    leave_list (run);
    replay_ended (run);
    run->queued_event = claim->event;
    enter_queue (run, RUN_QUEUED_DEMAND, false);
  }
}

void
run_unclaim (struct claim *claim)
{
  TAILQ_REMOVE (&claim->run->claims, claim, link);
  unref (claim->run);
  claim->run = NULL;
}

bool
claim_ready (const struct claim *claim)
{
  const struct run *run = claim->run;

  return claim->to - run_begin (run) <= run->arrived ||
    run->state == RUN_FAILED;
}

void
run_start (struct run *run, uint64_t now_ns)
{
  struct fetch_source *source = run->source;
  struct fetch *fetch = source->fetch;

  fetch->stats.ahead_requests += run->state == RUN_QUEUED_AHEAD;
  fetch->stats.replay_requests += run->state == RUN_QUEUED_REPLAY;
  leave_list (run);
  run->state = RUN_IN_FLIGHT;
  if (!run->reserved) {
    run->buf = buffers_take (&fetch->buffers, run->bytes);
    run->reserved = true;
  }
  run->last_try_event = ++fetch->events;
  if (run->retry.tries == 0)
    run->first_try_event = run->last_try_event;
  retry_begin (&run->retry, now_ns);
  run->asked = run->bytes - run->arrived;
  run->try_ns = now_ns;
  run->limit_round = source->limit.round;
  source->in_flight++;
  source->bytes_in_flight += run->asked;
  if (run->replay)
    source->replay_in_flight += run->asked;
  run->try_in_flight = source->bytes_in_flight;
}

void
run_bytes_came (struct run *run, uint64_t count)
{
  struct fetch *fetch = run->source->fetch;
  struct claim *claim;

  if (count == 0)
    return;
  run->arrived += count;
  run->source->arrived_event = ++fetch->events;
  fetch->stats.bytes += count;
  if (run->replay)
    fetch->stats.replay_bytes += count;
  else if (!run->waited)
    fetch->stats.ahead_bytes += count;
  TAILQ_FOREACH (claim, &run->claims, link)
    if (claim_ready (claim))
      pthread_cond_signal (claim->cond);
}

void
run_came (struct run *run)
{
  struct fetch *fetch = run->source->fetch;

  if (run->replay)
    run->source->replay_failures = 0;
  replay_ended (run);
  run->state = RUN_ARRIVED;
  run->source->unstored++;
  TAILQ_INSERT_TAIL (&fetch->arrived, run, link);
  fetch->arrived_bytes += run->bytes;
}

struct run *
run_store_next (struct fetch *fetch)
{
  struct run *run = TAILQ_FIRST (&fetch->arrived);

  if (run) {
    leave_list (run);
    run->state = RUN_STORING;
  }
  return run;
}

/* A burst of small reads of what was refused finds it here for a while. */
static void
keep (struct run *run)
{
  struct fetch *fetch = run->source->fetch;

  run->state = RUN_KEPT;
  TAILQ_INSERT_TAIL (&fetch->kept, run, link);
  fetch->kept_bytes += run->bytes;
  while (fetch->kept_bytes > FETCH_KEPT)
    leave_table (TAILQ_FIRST (&fetch->kept), RUN_STORED);
}

void
run_stored (struct run *run, bool refused)
{
  run->source->unstored--;
  run->source->fetch->arrived_bytes -= run->bytes;
  if (refused && !run->source->closed)
    keep (run);
  else
    leave_table (run, RUN_STORED);
}

static void
fail (struct run *run, const struct error *e, uint64_t failed_event)
{
  log_debug (fetch, "given up: %" PRIu64 " bytes at %" PRIu64 ": %s",
             run->bytes, run_begin (run), e->text);
  run->source->fetch->stats.failed++;
  run->source->replay_failures += run->replay;
  run->error = *e;
  run->failed_event = failed_event;
  leave_table (run, RUN_FAILED);
}

/* The source can't be reached: all tries of a fetch have failed, and nothing
 * has come since the first of them began.  Those that have waited in the
 * queue for as long as the last of them fail too, rather than each taking
 * its own timeouts.
 */
static void
fail_queue (struct fetch_source *source, const struct error *e,
            uint64_t failed_event)
{
  struct run *run = TAILQ_FIRST (&source->demand), *next;

  for (; run; run = next) {
    next = TAILQ_NEXT (run, link);
    if (run->queued_event < failed_event)
      fail (run, e, failed_event);
  }
}

void
run_give_up (struct run *run)
{
  struct fetch_source *source = run->source;
  struct error e = run->error;
  uint64_t event = run->last_try_event;
  bool unreachable = run->waited && e.kind == ERROR_ABSENT &&
    source->arrived_event < run->first_try_event;

  fail (run, &e, event);
  if (unreachable)
    fail_queue (source, &e, event);
}

static void
delay (struct run *run, uint64_t due_ns)
{
  struct fetch *fetch = run->source->fetch;
  struct run *after = TAILQ_LAST (&fetch->delayed, run_list);

  run->state = RUN_DELAYED;
  run->due_ns = due_ns;
  while (after && after->due_ns > due_ns)
    after = TAILQ_PREV (after, run_list, link);
  if (after)
    TAILQ_INSERT_AFTER (&fetch->delayed, after, run, link);
  else
    TAILQ_INSERT_HEAD (&fetch->delayed, run, link);

  /* An empty buffer is of more use to others. */
  if (run->arrived == 0 && run->buf) {
    buffers_give (&fetch->buffers, run->buf, run->bytes);
    run->buf = NULL;
    run->reserved = false;
  }
}

void
run_failed_try (struct run *run, const struct error *e, uint64_t now_ns)
{
  struct fetch *fetch = run->source->fetch;
  uint64_t delay_ms;

  run->error = *e;
  if (run->waited && !stop_requested (fetch->config.stop) &&
      retry_again (&fetch->rules, &run->retry, e, now_ns, &delay_ms)) {
    log_debug (fetch, "again in %" PRIu64 " ms, %" PRIu64 " of %" PRIu64
               " bytes at %" PRIu64 " have come: %s", delay_ms, run->arrived,
               run->bytes, run_begin (run), e->text);
    fetch->stats.retries++;
    delay (run, now_ns + delay_ms * 1000000);
  }
  else
    run_give_up (run);
}

void
run_due (struct fetch *fetch, uint64_t now_ns)
{
  struct run *run;

  while ((run = TAILQ_FIRST (&fetch->delayed)) && run->due_ns <= now_ns) {
    leave_list (run);
    enter_queue (run, RUN_QUEUED_DEMAND, true);
  }
}

void
run_drop (struct run *run)
{
  if (run->state == RUN_ARRIVED) {
    run->source->fetch->arrived_bytes -= run->bytes;
    run->source->unstored--;
  }
  leave_table (run, RUN_FAILED);
}
