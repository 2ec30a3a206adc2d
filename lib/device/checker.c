/* Asks origins behind the user's back whether a version is still current:
 * for devices opened between stale-after and expire-after.
 */

#include <config.h>

#include <stdlib.h>

#include "device/device-internal.h"
#include "util/cleanup.h"
#include "util/log.h"

static void
check (struct device *device)
{
  struct engine *engine = device->engine;
  struct error e;
  struct origin *origin = origin_open (device->url, &engine->config.origin,
                                       &e);

  if (!origin) {
    log_debug (origin, "%s: not checked: %s", device->url_for_log, e.text);
    return;
  }
  if (same_version (origin, device->validator, device->lasting,
                    device->size)) {
    log_debug (origin, "%s: still current", device->url_for_log);
    cache_object_validated (device->object, sys_real.realtime_s (&sys_real));
  }
  else {
    log_info ("%s: has changed since it was cached: what is open keeps the "
              "old version, the next open gets the new one",
              device->url_for_log);
    cache_object_validated (device->object, 0);
  }
  origin_close (origin);
}

static void *
checker_thread (void *opaque)
{
  struct engine *engine = opaque;

  pthread_mutex_lock (&engine->lock);
  while (!engine->closing) {
    struct device *device = engine->to_check;

    if (!device) {
      pthread_cond_wait (&engine->changed, &engine->lock);
      continue;
    }
    engine->to_check = device->next_check;
    pthread_mutex_unlock (&engine->lock);
    check (device);
    device_close (device);
    pthread_mutex_lock (&engine->lock);
  }
  pthread_mutex_unlock (&engine->lock);
  return NULL;
}

void
checker_ask (struct device *device)
{
  struct engine *engine = device->engine;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&engine->lock);

  for (struct device *d = engine->to_check; d; d = d->next_check)
    if (d == device)
      return;
  if (!engine->checker_runs
      && pthread_create (&engine->checker, NULL, checker_thread, engine) != 0)
    return;       /* asked at the next open: validated_s is as old then */
  engine->checker_runs = true;
  device->refs++;
  device->next_check = engine->to_check;
  engine->to_check = device;
  pthread_cond_broadcast (&engine->changed);
}

void
checker_end (struct engine *engine)
{
  struct device *left;

  pthread_mutex_lock (&engine->lock);
  engine->closing = true;
  left = engine->to_check;
  engine->to_check = NULL;
  pthread_cond_broadcast (&engine->changed);
  pthread_mutex_unlock (&engine->lock);
  if (engine->checker_runs)
    pthread_join (engine->checker, NULL);
  while (left) {
    struct device *next = left->next_check;

    device_close (left);
    left = next;
  }
}
