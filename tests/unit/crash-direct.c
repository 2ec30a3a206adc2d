/* A cache at work under devices that the caller fills, as the filter's are
 * where nobody but the request may read the next layer.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crash-work.h"
#include "device/device.h"
#include "util/minmax.h"

#define BLOCK CRASH_BLOCK

struct direct_thing
{
  struct crash_work *work;
  const struct crash_thing *thing;
  struct device *device;
};

struct direct_work
{
  struct crash_work *work;
  struct engine *engine;
};

static bool refuses;            /* the next layer fails */

static int
read_next (void *opaque, void *buf, uint32_t count, uint64_t offset,
           struct error *e)
{
  const struct crash_thing *thing = opaque;
  unsigned char block[BLOCK];

  if (refuses)
    return error_set (e, EIO, "nothing but what is cached");
  for (uint32_t done = 0, n; done < count; done += n) {
    uint32_t at = (offset + done) % BLOCK;

    n = min_u64 (count - done, BLOCK - at);
    crash_thing_content (thing, (offset + done) / BLOCK, block);
    memcpy ((char *) buf + done, block + at, n);
  }
  return 0;
}

static const char *
direct_url (const struct crash_thing *thing, char *url, size_t size)
{
  (void) url;
  (void) size;
  return thing->path;
}

static void *
direct_start (struct crash_work *work, const struct cache_config *config,
              struct error *e)
{
  const struct engine_config all = {
    .cache = *config, .origin = { .connections = 1, .timeout_ms = 300000 }
  };
  struct direct_work *direct = calloc (1, sizeof *direct);

  direct->work = work;
  direct->engine = engine_open (&all, e);
  if (direct->engine)
    return direct;
  free (direct);
  return NULL;
}

static void
direct_end (void *whole)
{
  struct direct_work *direct = whole;

  engine_close (direct->engine);
  free (direct);
}

static struct cache *
direct_cache (void *whole)
{
  struct direct_work *direct = whole;

  return engine_cache (direct->engine);
}

static void *
direct_thing (void *whole, const struct crash_thing *thing, struct error *e)
{
  struct direct_work *direct = whole;
  struct direct_thing *object = calloc (1, sizeof *object);

  object->work = direct->work;
  object->thing = thing;
  object->device = device_open_direct (direct->engine, thing->path,
                                       thing->path, thing->validator,
                                       thing->size, e);
  if (object->device)
    return object;
  free (object);
  return NULL;
}

static void
direct_thing_close (void *opaque)
{
  struct direct_thing *object = opaque;

  device_close (object->device);
  free (object);
}

/* Nothing but the next layer excuses an error: not the death of the disk. */
static void
judge (struct direct_thing *object, const struct error *e)
{
  if (!refuses)
    crash_work_wrong (object->work, "%s: %s", object->thing->path, e->text);
}

static void
direct_thing_store (void *opaque, const struct crash_thing *thing,
                    uint64_t first, uint64_t nr, bool hurry)
{
  struct direct_thing *object = opaque;
  uint64_t end = min_u64 ((first + nr) * BLOCK, thing->size);
  struct error e;

  (void) hurry;
  if (device_cache_direct (object->device, end - first * BLOCK,
                           first * BLOCK, read_next, (void *) thing, &e)
      == -1)
    judge (object, &e);
}

/* All of it or nothing: a device serves no parts. */
static uint32_t
direct_thing_read (void *opaque, const struct crash_thing *thing, void *buf,
                   uint64_t offset, uint32_t count)
{
  struct direct_thing *object = opaque;
  struct error e;

  if (device_read_direct (object->device, buf, count, offset, read_next,
                          (void *) thing, &e) != -1)
    return count;
  judge (object, &e);
  return 0;
}

static void
direct_only_cached (bool only)
{
  refuses = only;
}

const struct crash_over crash_over_direct = {
  .url = direct_url,
  .start = direct_start,
  .end = direct_end,
  .cache = direct_cache,
  .open = direct_thing,
  .close = direct_thing_close,
  .store = direct_thing_store,
  .read = direct_thing_read,
  .only_cached = direct_only_cached,
};
