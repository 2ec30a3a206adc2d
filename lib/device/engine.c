/* The engine: one cache, one pool of fetching threads, and the devices open
 * on them.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device-internal.h"
#include "trace/trace-file.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"

static struct fetch *
open_fetch (const struct engine_config *config, struct error *e)
{
  struct fetch_config fetch = {
    .connections = config->origin.connections,
    .retries = config->fetch_retries,
    .timeout_ms = config->origin.timeout_ms,
    .block_size = config->cache.block_size,
    .stop = config->stop,
    .seed = stop_now_ns (),
  };

  return fetch_new (&fetch, e);
}

/* What is replayed is opened first: it may be the file that is recorded to.
 * 0, or -1 with *e.
 */
static int
open_traces (struct engine *engine, struct error *e)
{
  const struct engine_config *config = &engine->config;
  const struct sys *sys = config->cache.sys ? config->cache.sys : &sys_real;
  struct recorder_config record = {
    .path = config->trace_record, .block_size = config->cache.block_size,
    .sys = sys
  };

  record.at_end = config->trace_record && config->trace_replay
    && trace_file_same (sys, config->trace_record, config->trace_replay);
  if (record.at_end)
    trace_file_adopt (sys, record.path);
  if (config->trace_replay) {
    engine->replay = replay_open (engine, config->trace_replay,
                                  record.at_end, e);
    if (!engine->replay)
      return -1;
  }
  if (config->trace_record) {
    engine->recorder = recorder_open (&record, e);
    if (!engine->recorder)
      return -1;
  }
  return 0;
}

/* Neither devices nor threads are left. */
static void
free_engine (struct engine *engine)
{
  if (engine->replay)
    replay_close (engine->replay);
  if (engine->recorder)
    recorder_close (engine->recorder);
  if (engine->fetch)
    fetch_free (engine->fetch);
  if (engine->cache)
    cache_close (engine->cache);
  free (engine);
}

struct engine *
engine_open (const struct engine_config *config, struct error *e)
{
  struct engine *engine = calloc (1, sizeof *engine);

  if (!engine) {
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  engine->config = *config;
  engine->config.cache.stop = config->stop;
  engine->config.origin.stop = config->stop;
  engine->config.origin.timeout_ms -= config->origin.timeout_ms / RETRY_SLACK;
  engine->cache = cache_open (&engine->config.cache, e);
  if (engine->cache)
    engine->fetch = open_fetch (&engine->config, e);
  if (!engine->fetch || open_traces (engine, e) == -1) {
    free_engine (engine);
    return NULL;
  }
  progress_init (&engine->progress, config->progress);
  pthread_mutex_init (&engine->lock, NULL);
  stop_cond_init (&engine->changed);
  return engine;
}

/* nbdkit that is told to quit does not close its connections. */
static void
close_devices (struct engine *engine)
{
  for (;;) {
    struct device *device;

    pthread_mutex_lock (&engine->lock);
    device = engine->devices;
    if (device)
      device->refs = 1;
    pthread_mutex_unlock (&engine->lock);
    if (!device)
      return;
    device_close (device);
  }
}

void
engine_close (struct engine *engine)
{
  checker_end (engine);
  if (engine->replay)
    replay_close (engine->replay);
  engine->replay = NULL;
  close_devices (engine);
  /* What the devices had in flight ends by its timeout, or by stop. */
  pthread_mutex_lock (&engine->lock);
  while (engine->alive > 0)
    pthread_cond_wait (&engine->changed, &engine->lock);
  pthread_mutex_unlock (&engine->lock);

  progress_destroy (&engine->progress);
  pthread_cond_destroy (&engine->changed);
  pthread_mutex_destroy (&engine->lock);
  free_engine (engine);
}

struct cache *
engine_cache (struct engine *engine)
{
  return engine->cache;
}

/* Everything the device holds, in the order it needs each other. */
static void
free_device (struct device *device)
{
  direct_destroy (&device->direct);
  readahead_free (device->readahead);
  if (device->origin)
    origin_close (device->origin);
  if (device->object)
    cache_object_close (device->object);
  free (device->url);
  free (device->url_for_log);
  free (device->identity);
  free (device);
}

/* Nothing of it is in flight any more: called by the fetch pool. */
static void
device_gone (void *opaque)
{
  struct device *device = opaque;
  struct engine *engine = device->engine;

  free_device (device);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&engine->lock);
  engine->alive--;
  pthread_cond_broadcast (&engine->changed);
}

void
device_close (struct device *device)
{
  struct engine *engine = device->engine;

  pthread_mutex_lock (&engine->lock);
  if (--device->refs > 0) {
    pthread_mutex_unlock (&engine->lock);
    return;
  }
  for (struct device **p = &engine->devices; *p; p = &(*p)->next)
    if (*p == device) {
      *p = device->next;
      break;
    }
  pthread_mutex_unlock (&engine->lock);
  fetch_source_close (device->source, device_gone, device);
}

static void
note_stored (void *opaque, uint64_t block, uint64_t cost_us, uint64_t bytes)
{
  recorder_stored (opaque, block, min_u64 (cost_us, UINT32_MAX), bytes);
}

/* Its accesses are recorded from now on, and what is stored of it. */
static void
record (struct device *device)
{
  device->recorded = recorder_object (device->engine->recorder,
                                      device->identity, device->validator,
                                      device->size);
  if (device->recorded)
    cache_object_watch (device->object, note_stored, device->recorded);
}

static struct device *
find_device (struct engine *engine, const struct device_version *version)
{
  for (struct device *d = engine->devices; d; d = d->next)
    if (strcmp (d->url, version->url) == 0
        && strcmp (d->identity, version->identity) == 0
        && strcmp (d->validator, version->validator) == 0
        && d->size == version->size && d->lasting == version->lasting) {
      d->refs++;
      return d;
    }
  return NULL;
}

/* All of a device but its place in the engine. */
static struct device *
new_device (struct engine *engine, const struct device_version *version,
            struct error *e)
{
  struct device *device = calloc (1, sizeof *device);
  const struct engine_config *config = &engine->config;

  if (!device) {
    if (version->origin)
      origin_close (version->origin);
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  error_set (e, ENOMEM, "out of memory");
  device->engine = engine;
  device->refs = 1;
  direct_init (&device->direct);
  device->size = version->size;
  device->lasting = version->lasting;
  snprintf (device->validator, sizeof device->validator, "%s",
            version->validator);
  device->url = strdup (version->url);
  device->identity = strdup (version->identity);
  device->url_for_log = origin_url_for_log (version->url);
  device->origin = late_open (version->url, &config->origin, version->size,
                              version->validator, version->lasting,
                              version->origin);
  device->readahead = readahead_new (version->size, config->cache.block_size,
                                     config->readahead, device_has_block,
                                     device);
  if (device->url && device->identity && device->url_for_log
      && device->origin && device->readahead)
    device->object = cache_object_open (engine->cache, version->identity,
                                        *version->validator
                                        ? version->validator : NULL,
                                        version->lasting, version->size, e);
  if (device->object) {
    device->source = fetch_source_open (engine->fetch, device->origin,
                                        device->object, device->size);
    if (device->source) {
      if (engine->recorder)
        record (device);
      return device;
    }
    error_set (e, ENOMEM, "%s: out of memory", device->url_for_log);
  }
  free_device (device);
  return NULL;
}

struct device *
engine_device (struct engine *engine, const struct device_version *version,
               struct error *e)
{
  struct device *device, *other;

  pthread_mutex_lock (&engine->lock);
  device = find_device (engine, version);
  pthread_mutex_unlock (&engine->lock);
  if (device) {
    if (version->origin)
      origin_close (version->origin);
    return device;
  }
  device = new_device (engine, version, e);
  if (!device)
    return NULL;

  pthread_mutex_lock (&engine->lock);
  engine->alive++;
  /* Two that opened at once: the first stays. */
  other = find_device (engine, version);
  if (!other) {
    device->next = engine->devices;
    engine->devices = device;
    if (engine->replay)
      replay_device (engine->replay, device);
  }
  pthread_mutex_unlock (&engine->lock);
  if (other) {
    device_close (device);
    return other;
  }
  return device;
}

/* What has just been asked for, or is vouched for, is current. */
struct device *
engine_device_current (struct engine *engine,
                       const struct device_version *version, struct error *e)
{
  struct device *device = engine_device (engine, version, e);

  if (device)
    cache_object_validated (device->object,
                            sys_real.realtime_s (&sys_real));
  return device;
}

struct device *
device_open_origin (struct engine *engine, const char *name,
                    const char *identity, struct origin *origin,
                    struct error *e)
{
  const struct device_version version = {
    .url = name, .identity = identity, .validator = origin->validator,
    .lasting = origin->lasting, .size = origin->size, .origin = origin
  };

  return engine_device_current (engine, &version, e);
}

struct device *
device_open_direct (struct engine *engine, const char *name,
                    const char *identity, const char *validator,
                    uint64_t size, struct error *e)
{
  const struct device_version version = {
    .url = name, .identity = identity,
    .validator = validator ? validator : "", .lasting = validator != NULL,
    .size = size
  };

  return engine_device_current (engine, &version, e);
}
