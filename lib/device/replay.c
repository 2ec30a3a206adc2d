/* Warms the cache with what a trace says will be asked for. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device-internal.h"
#include "device/replay-plan.h"
#include "device/replay.h"
#include "trace/decode.h"
#include "util/log.h"
#include "util/minmax.h"

#define STEPS_A_LOOK 1024       /* between two looks at whether to stop */
#define RATIO_BLOCKS 64         /* tell how well blocks compress */
#define JOBS_MAX 8              /* at once: each may need some 5 MiB */

/* An object of the trace, by its identity: whatever the version, its blocks
 * are worth a try.
 */
struct subject
{
  char *identity;
  /* The version that it was replayed for; size 0: none yet. */
  uint64_t size;
  char validator[ORIGIN_VALIDATOR_MAX + 1];
};

/* The trace as a decoder reads it. */
struct source
{
  struct replay *replay;
  uint64_t offset;
};

/* What is being replayed to one device. */
struct job
{
  struct job *next;
  struct device *device;        /* a reference */
  struct source source;
  struct trace_decoder *decoder;
  bool wanted[TRACE_OBJECTS_MAX];
  bool ended;                   /* the trace */
  uint64_t rest, rest_end;      /* blocks that the plan had no room for */
  unsigned steps;               /* records read, and blocks looked up */
  struct replay_plan plan;

  bool has_run;                 /* the next request, that had no room */
  uint64_t first, count;
  uint64_t asked, requests;     /* asked: blocks */
};

struct replay
{
  struct engine *engine;
  const struct sys *sys;
  const char *path;
  int fd;                       /* -1: there is nothing to replay */
  struct subject *subjects;     /* the rest is guarded by engine->lock */
  size_t count;
  pthread_t thread;
  bool runs, ending;
  struct job *added;

  /* The thread's: what all jobs since there was none have asked for, beside
   * what the cache was then; and how much of a block's size is used for it.
   */
  uint64_t asked;               /* blocks */
  struct cache_stats before;
  double ratio;
};

static ssize_t
read_trace (void *opaque, void *buf, size_t count, struct error *e)
{
  struct source *source = opaque;
  const struct replay *replay = source->replay;
  ssize_t n = sys_pread_full (replay->sys, replay->fd, buf, count,
                              source->offset);

  if (n == -1)
    return error_set (e, errno, "cannot read: %s", strerror (errno));
  source->offset += n;
  return n;
}

/* ---------------------------------------------------------------- start */

static int
add_subject (struct replay *replay, const char *identity, struct error *e)
{
  struct subject *subjects;

  for (size_t i = 0; i < replay->count; i++)
    if (strcmp (replay->subjects[i].identity, identity) == 0)
      return 0;
  subjects = realloc (replay->subjects,
                      (replay->count + 1) * sizeof *subjects);
  if (!subjects)
    return error_set (e, ENOMEM, "out of memory");
  replay->subjects = subjects;
  subjects[replay->count] = (struct subject) {
    .identity = strdup (identity)
  };
  if (!subjects[replay->count].identity)
    return error_set (e, ENOMEM, "out of memory");
  replay->count++;
  return 0;
}

/* All of the trace.  0, or -1 with *e; then *at says where, and is 0 if it is
 * no trace at all.
 */
static int
look_through (struct replay *replay, uint64_t *at, struct error *e)
{
  struct source source = { replay, 0 };
  struct trace_decoder *decoder = trace_decoder_new (read_trace, &source, e);
  struct trace_record record;
  int r;

  if (!decoder)
    return -1;
  while ((r = trace_decoder_next (decoder, &record, e)) == 1)
    if (record.kind == TRACE_OBJECT
        && add_subject (replay, record.identity, e) == -1) {
      r = -1;
      break;
    }
  if (r == 0 && trace_decoder_torn (decoder) > 0)
    log_info ("%s: its last %" PRIu64 " bytes are torn, and left out",
              replay->path, trace_decoder_torn (decoder));
  *at = trace_decoder_offset (decoder);
  trace_decoder_free (decoder);
  return r;
}

static int
open_trace (struct replay *replay, bool recording, struct error *e)
{
  const struct sys *sys = replay->sys;
  struct error why;
  struct stat st;
  uint64_t at = 0;

  replay->fd = sys->open (sys, replay->path, O_RDONLY | O_NONBLOCK |
                          O_CLOEXEC | O_NOCTTY, 0);
  if (replay->fd == -1 && errno == ENOENT && recording)
    return 0;
  if (replay->fd == -1)
    return error_set (e, errno, "%s: cannot open the trace to replay: %s",
                      replay->path, strerror (errno));
  if (sys->fstat (sys, replay->fd, &st) == -1 || !S_ISREG (st.st_mode))
    return error_set (e, EINVAL, "%s: cannot be replayed, for it is not a "
                      "regular file", replay->path);
  if (recording && st.st_size == 0)
    return 0;
  if (look_through (replay, &at, &why) == 0)
    return 0;
  if (!recording || at == 0)
    return error_set (e, why.errnum, "%s: byte %" PRIu64 ": cannot be "
                      "replayed: %s: give a trace that trace-record has "
                      "written", replay->path, at, why.text);
  log_info ("%s: byte %" PRIu64 ": what comes before it is replayed: %s",
            replay->path, at, why.text);
  return 0;
}

struct replay *
replay_open (struct engine *engine, const char *path, bool recording,
             struct error *e)
{
  struct replay *replay = calloc (1, sizeof *replay);

  if (!replay) {
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  replay->engine = engine;
  replay->sys = engine->config.cache.sys ? engine->config.cache.sys
    : &sys_real;
  replay->path = path;
  if (open_trace (replay, recording, e) == 0)
    return replay;
  replay_close (replay);
  return NULL;
}

/* ---------------------------------------------------------------- jobs */

static void
free_job (struct job *job)
{
  if (job->requests > 0)
    log_debug (replay, "%s: asked for %" PRIu64 " blocks in %" PRIu64
               " requests", job->device->url_for_log, job->asked,
               job->requests);
  replay_plan_destroy (&job->plan);
  trace_decoder_free (job->decoder);
  device_close (job->device);
  free (job);
}

/* Now and then: a run of the trace may be of many blocks here. */
static bool
must_stop (struct job *job)
{
  return ++job->steps % STEPS_A_LOOK == 0
    && stop_requested (job->device->engine->config.stop);
}

/* What was left over, as far as there is room.  False: there is none, or it
 * is time to stop.
 */
static bool
add_rest (struct job *job)
{
  for (; job->rest < job->rest_end; job->rest++)
    if (must_stop (job)
        || (!cache_has (job->device->object, job->rest)
            && !replay_plan_add (&job->plan, job->rest)))
      return false;
  return true;
}

/* The blocks of an access, which may be of another size. */
static bool
add_access (struct job *job, const struct trace_record *record)
{
  struct device *device = job->device;
  uint64_t theirs = trace_decoder_block_size (job->decoder);
  uint64_t ours = device->engine->config.cache.block_size;
  uint64_t blocks = (device->size + theirs - 1) / theirs, end;

  if (record->block >= blocks)
    return true;
  end = min_u64 (record->block + record->count, blocks) * theirs;
  job->rest = record->block * theirs / ours;
  job->rest_end = (min_u64 (end, device->size) - 1) / ours + 1;
  return add_rest (job);
}

/* The next part of the trace into the plan. */
static void
plan_part (struct job *job)
{
  struct trace_record record;
  struct error e;
  bool room;

  replay_plan_clear (&job->plan);
  if (!job->decoder)
    job->decoder = trace_decoder_new (read_trace, &job->source, &e);
  room = add_rest (job);
  while (room && !job->ended) {
    if (must_stop (job))
      return;
    if (!job->decoder
        || trace_decoder_next (job->decoder, &record, &e) != 1)
      job->ended = true;
    else if (record.kind == TRACE_OBJECT)
      job->wanted[record.object]
        = strcmp (record.identity, job->device->identity) == 0;
    else if (record.kind == TRACE_ACCESS && job->wanted[record.object])
      room = add_access (job, &record);
  }
  replay_plan_make (&job->plan);
}

/* With so many blocks more, what has been asked for would fill the cache: they
 * would evict each other.  What compression saves is told from what was stored
 * so far; if that was a guess too good, a cache that had room begins to evict.
 */
static bool
would_fill (struct replay *replay, uint64_t more)
{
  const struct cache_config *config = &replay->engine->config.cache;
  const struct cache_stats *before = &replay->before;
  uint64_t kept = before->resident_blocks == 0 ? before->used_bytes : 0;
  uint64_t limit = config->size / 8 * 7;
  struct cache_stats now;

  cache_stats (replay->engine->cache, &now);
  if (now.degraded || (now.evicted_blocks > before->evicted_blocks
                       && before->used_bytes < limit))
    return true;
  if (now.evicted_blocks == before->evicted_blocks
      && now.resident_blocks >= before->resident_blocks + RATIO_BLOCKS)
    replay->ratio = ((double) now.used_bytes - before->used_bytes)
      / (now.resident_blocks - before->resident_blocks)
      / config->block_size;
  return (replay->asked + more) * replay->ratio * config->block_size + kept
    > limit;
}

enum step { STEP_ASKED, STEP_WAIT, STEP_DONE };

/* All has been asked for.  With the last reference to the device what is
 * queued of it would be dropped.
 */
static enum step
job_end (struct job *job)
{
  return fetch_replay_busy (job->device->source) ? STEP_WAIT : STEP_DONE;
}

static enum step
job_step (struct replay *replay, struct job *job)
{
  struct engine *engine = replay->engine;
  uint64_t block_size = engine->config.cache.block_size, offset;
  uint64_t chunk = max_u64 (FETCH_MAX / block_size, 1);
  int r;

  if (stop_requested (engine->config.stop))
    return STEP_DONE;
  while (!job->has_run) {
    job->has_run = replay_plan_next (&job->plan, chunk, &job->first,
                                     &job->count);
    if (!job->has_run && job->ended)
      return job_end (job);
    if (!job->has_run)
      plan_part (job);
    if (stop_requested (engine->config.stop))
      return STEP_DONE;
  }
  if (would_fill (replay, job->count))
    return job_end (job);
  offset = job->first * block_size;
  r = fetch_replay (job->device->source, offset,
                    min_u64 (job->count * block_size,
                             job->device->size - offset));
  if (r == -1)
    log_debug (replay, "%s: the origin fails", job->device->url_for_log);
  if (r != 1)
    return r == 0 ? STEP_WAIT : STEP_DONE;
  job->has_run = false;
  job->requests++;
  job->asked += job->count;
  replay->asked += job->count;
  return STEP_ASKED;
}

/* A step of each.  True if any could take one. */
static bool
step_all (struct replay *replay, struct job **jobs)
{
  bool any = false;

  for (struct job **p = jobs; *p; ) {
    struct job *job = *p;
    enum step step = job_step (replay, job);

    any |= step != STEP_WAIT;
    if (step == STEP_DONE) {
      *p = job->next;
      free_job (job);
    }
    else
      p = &job->next;
  }
  return any;
}

/* What was added goes to the end of the thread's own list, as far as there is
 * room.  With the lock held.
 */
static void
take_added (struct replay *replay, struct job **jobs, unsigned max)
{
  struct job *job;

  if (!*jobs && replay->added) {
    cache_stats (replay->engine->cache, &replay->before);
    replay->asked = 0;
    replay->ratio = 1;
  }
  for (; *jobs && max > 0; max--)
    jobs = &(*jobs)->next;
  while ((job = replay->added) && max-- > 0) {
    replay->added = job->next;
    job->next = NULL;
    *jobs = job;
    jobs = &job->next;
  }
}

static void *
replay_thread (void *opaque)
{
  struct replay *replay = opaque;
  struct engine *engine = replay->engine;
  struct job *jobs = NULL;

  pthread_mutex_lock (&engine->lock);
  while (!replay->ending) {
    take_added (replay, &jobs, JOBS_MAX);
    if (!jobs) {
      pthread_cond_wait (&engine->changed, &engine->lock);
      continue;
    }
    pthread_mutex_unlock (&engine->lock);
    if (!step_all (replay, &jobs))
      fetch_replay_wait (engine->fetch);
    pthread_mutex_lock (&engine->lock);
  }
  take_added (replay, &jobs, UINT_MAX);
  pthread_mutex_unlock (&engine->lock);
  while (jobs) {
    struct job *next = jobs->next;

    free_job (jobs);
    jobs = next;
  }
  return NULL;
}

/* What the trace has of the device, if that is still to be replayed. */
static struct subject *
find_subject (const struct replay *replay, const struct device *device)
{
  for (size_t i = 0; i < replay->count; i++) {
    struct subject *subject = &replay->subjects[i];

    if (strcmp (subject->identity, device->identity) == 0)
      return subject->size == device->size
        && strcmp (subject->validator, device->validator) == 0
        ? NULL : subject;
  }
  return NULL;
}

void
replay_device (struct replay *replay, struct device *device)
{
  struct subject *subject = find_subject (replay, device);
  struct job *job = subject ? calloc (1, sizeof *job) : NULL, **last;

  if (!job)
    return;
  if (!replay->runs
      && pthread_create (&replay->thread, NULL, replay_thread, replay) != 0) {
    free (job);
    return;                     /* everything is fetched when it is needed */
  }
  replay->runs = true;
  subject->size = device->size;
  snprintf (subject->validator, sizeof subject->validator, "%s",
            device->validator);
  device->refs++;
  job->device = device;
  job->source.replay = replay;
  replay_plan_init (&job->plan);
  for (last = &replay->added; *last; last = &(*last)->next)
    ;
  *last = job;
  pthread_cond_broadcast (&replay->engine->changed);
}

void
replay_close (struct replay *replay)
{
  struct engine *engine = replay->engine;

  if (replay->runs) {
    pthread_mutex_lock (&engine->lock);
    replay->ending = true;
    pthread_cond_broadcast (&engine->changed);
    pthread_mutex_unlock (&engine->lock);
    pthread_join (replay->thread, NULL);
  }
  for (size_t i = 0; i < replay->count; i++)
    free (replay->subjects[i].identity);
  free (replay->subjects);
  if (replay->fd != -1)
    replay->sys->close (replay->sys, replay->fd);
  free (replay);
}
