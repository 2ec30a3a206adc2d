/* A pool, a simulated origin and a cache in memory, for the tests of fetch. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test-fetch-world.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define PATIENCE_NS UINT64_C (30000000000)

static bool
stopping (void *opaque)
{
  struct world *w = opaque;

  return atomic_load (&w->stopping);
}

void
world_init (struct world *w)
{
  memset (w, 0, sizeof *w);
  w->stop = (struct stop) { .stopping = stopping, .opaque = w };
  w->config = (struct fetch_config) {
    .connections = 16,
    .retries = 0,
    .timeout_ms = 600000,
    .backoff_ms = 1,
    .block_size = BLOCK,
    .stop = &w->stop,
    .seed = 1,
  };
}

void
world_start (struct world *w)
{
  struct error e;

  w->fetch = fetch_new (&w->config, &e);
  assert_non_null (w->fetch);
}

void
world_end (struct world *w)
{
  fetch_free (w->fetch);
}

void
place_open (struct place *p, struct world *w, uint64_t size)
{
  struct error e;

  memset (p, 0, sizeof *p);
  p->world = w;
  p->far = fault_origin_new (size, OBJECT_VERSION, &w->stop);
  p->origin = fault_origin_open (p->far, &e);
  assert_non_null (p->origin);
  p->object = fake_cache_new (size, w->config.block_size);
  p->source = fetch_source_open (w->fetch, p->origin, p->object, size);
  assert_non_null (p->source);
}

void
place_gone (void *opaque)
{
  struct place *p = opaque;

  atomic_fetch_add (&p->gone, 1);
}

static int
tap_read (struct origin *origin, void *buf, size_t count, uint64_t offset,
          size_t *got, struct error *e)
{
  struct tap *tap = (struct tap *) origin;

  pthread_mutex_lock (&tap->lock);
  if (tap->order && tap->order->n < 64)
    tap->order->names[tap->order->n++] = tap->name;
  if (offset == tap->bad_offset) {
    tap->held = true;
    pthread_cond_broadcast (&tap->changed);
    while (!tap->open)
      pthread_cond_wait (&tap->changed, &tap->lock);
    pthread_mutex_unlock (&tap->lock);
    *got = 0;
    return error_set_kind (e, ERROR_ABSENT, ETIMEDOUT, "no answer");
  }
  pthread_mutex_unlock (&tap->lock);
  return tap->below->ops->read (tap->below, buf, count, offset, got, e);
}

static const struct origin_ops tap_ops = { .read = tap_read };

void
tap_put (struct tap *tap, struct place *p)
{
  memset (tap, 0, sizeof *tap);
  tap->common.ops = &tap_ops;
  tap->below = p->origin;
  tap->bad_offset = UINT64_MAX;
  pthread_mutex_init (&tap->lock, NULL);
  stop_cond_init (&tap->changed);
  p->source->origin = &tap->common;
}

void
tap_wait_held (struct tap *tap)
{
  uint64_t deadline = stop_now_ns () + PATIENCE_NS;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&tap->lock);

  while (!tap->held)
    assert_int_equal (stop_wait (NULL, &tap->changed, &tap->lock, deadline),
                      0);
}

void
tap_open (struct tap *tap)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&tap->lock);
  tap->open = true;
  pthread_cond_broadcast (&tap->changed);
}

void
world_with_place (struct world *w, struct place *p, unsigned connections,
                  unsigned retries)
{
  world_init (w);
  w->config.connections = connections;
  w->config.retries = retries;
  world_start (w);
  place_open (p, w, 64 * MIB + 777);
}

#define WAIT_UNTIL(condition)                                   \
  do {                                                          \
    uint64_t deadline_ = stop_now_ns () + PATIENCE_NS;          \
    while (!(condition)) {                                      \
      assert_true (stop_now_ns () < deadline_);                 \
      usleep (500);                                             \
    }                                                           \
  } while (0)

void
wait_gone (struct place *p)
{
  WAIT_UNTIL (atomic_load (&p->gone) > 0);
}

void
place_close (struct place *p)
{
  if (p->source)
    fetch_source_close (p->source, place_gone, p);
  p->source = NULL;
  wait_gone (p);
  p->origin->ops->close (p->origin);
  fault_origin_free (p->far);
  fake_cache_free (p->object);
}

static void *
read_in_thread (void *opaque)
{
  struct reading *reading = opaque;

  reading->r = fetch_read (reading->place->source,
                           reading->no_buf ? NULL : reading->buf,
                           reading->offset, reading->count, &reading->e);
  return NULL;
}

void
reading_start (struct reading *reading, struct place *p, uint64_t offset,
               uint32_t count)
{
  *reading = (struct reading) {
    .place = p, .offset = offset, .count = count, .buf = malloc (count)
  };
  assert_non_null (reading->buf);
  assert_int_equal (pthread_create (&reading->thread, NULL, read_in_thread,
                                    reading), 0);
}

void
reading_good (struct reading *reading)
{
  pthread_join (reading->thread, NULL);
  if (reading->r != 0)
    print_message ("%s\n", reading->e.text);
  assert_int_equal (reading->r, 0);
  assert_true (fault_origin_check (reading->buf, reading->count,
                                   OBJECT_VERSION, reading->offset));
  free (reading->buf);
}

void
reading_bad (struct reading *reading, int errnum, enum error_kind kind)
{
  pthread_join (reading->thread, NULL);
  assert_int_equal (reading->r, -1);
  assert_int_equal (reading->e.errnum, errnum);
  assert_int_equal (reading->e.kind, kind);
  assert_true (reading->e.text[0] != '\0');
  free (reading->buf);
}

void
read_good (struct place *p, uint64_t offset, uint32_t count)
{
  CLEANUP_FREE char *buf = malloc (count);
  struct error e = { .text = "" };
  int r;

  assert_non_null (buf);
  r = fetch_read (p->source, buf, offset, count, &e);
  if (r != 0)
    print_message ("%s\n", e.text);
  assert_int_equal (r, 0);
  assert_true (fault_origin_check (buf, count, OBJECT_VERSION, offset));
}

/* Runs in the table in that state, and their blocks. */
static unsigned
count_runs (struct world *w, enum run_state state, unsigned *blocks)
{
  unsigned n = 0;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&w->fetch->lock);

  *blocks = 0;
  for (size_t i = 0; i < FETCH_BUCKETS; i++)
    for (struct run *run = w->fetch->buckets[i]; run;
         run = run->next_in_bucket)
      if (run->state == state) {
        n++;
        *blocks += run->nblocks;
      }
  return n;
}

void
wait_runs (struct world *w, enum run_state state, unsigned n)
{
  unsigned blocks;

  WAIT_UNTIL (count_runs (w, state, &blocks) == n);
}

void
wait_blocks (struct world *w, enum run_state state, unsigned n)
{
  unsigned blocks;

  WAIT_UNTIL ((count_runs (w, state, &blocks), blocks == n));
}

void
wait_joined (struct world *w, unsigned n)
{
  WAIT_UNTIL (stats_of (w).joined == n);
}

void
wait_threads (struct world *w, unsigned n)
{
  WAIT_UNTIL (stats_of (w).threads == n);
}

struct fetch_stats
stats_of (struct world *w)
{
  struct fetch_stats stats;

  fetch_stats (w->fetch, &stats);
  return stats;
}

unsigned
reads_of (struct place *p)
{
  struct fault_origin_stats stats;

  fault_origin_stats (p->far, &stats);
  return stats.reads;
}

void
assert_request (struct place *p, unsigned i, uint64_t offset, uint64_t count)
{
  uint64_t at;
  size_t n;

  assert_true (fault_origin_request (p->far, i, &at, &n));
  assert_int_equal (at, offset);
  assert_int_equal (n, count);
}

static bool
is_in (const struct run_list *list, const struct run *run)
{
  const struct run *other;

  TAILQ_FOREACH (other, list, link)
    if (other == run)
      return true;
  return false;
}

static void
check_run (struct fetch *fetch, struct run *run)
{
  struct fetch_source *source = run->source;
  struct claim *claim;
  unsigned claims = 0;

  TAILQ_FOREACH (claim, &run->claims, link) {
    assert_ptr_equal (claim->run, run);
    assert_true (claim->from >= run_begin (run) && claim->to <= run_end (run));
    claims++;
  }
  assert_int_equal (run->refs, claims + 1);
  assert_true (run->arrived <= run->bytes && run->nblocks > 0);
  assert_true (run->state < RUN_STORED);
  /* In flight, buf is its thread's. */
  assert_true (run->state == RUN_IN_FLIGHT || !run->buf == !run->reserved);
  assert_true (run->arrived == 0 || run->reserved);
  assert_true ((run->state != RUN_QUEUED_AHEAD
                && run->state != RUN_QUEUED_REPLAY) || !run->waited);
  assert_int_equal (is_in (&source->demand, run),
                    run->state == RUN_QUEUED_DEMAND);
  assert_int_equal (is_in (&source->ahead, run),
                    run->state == RUN_QUEUED_AHEAD);
  assert_int_equal (is_in (&source->replay, run),
                    run->state == RUN_QUEUED_REPLAY);
  assert_int_equal (is_in (&fetch->delayed, run), run->state == RUN_DELAYED);
  assert_int_equal (is_in (&fetch->arrived, run), run->state == RUN_ARRIVED);
  for (uint64_t i = 0; i < run->nblocks; i++)
    assert_ptr_equal (run_find (source, run->first_block + i), run);
}

void
check_runs (struct world *w)
{
  struct fetch *fetch = w->fetch;
  struct fetch_source *source;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&fetch->lock);

  for (size_t i = 0; i < FETCH_BUCKETS; i++)
    for (struct run *run = fetch->buckets[i]; run; run = run->next_in_bucket)
      check_run (fetch, run);
  TAILQ_FOREACH (source, &fetch->active, link)
    assert_true (source->active && !(TAILQ_EMPTY (&source->demand) &&
                                     TAILQ_EMPTY (&source->ahead) &&
                                     TAILQ_EMPTY (&source->replay)));
}
