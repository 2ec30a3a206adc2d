/* Ways to use a cache: by its own functions, as the filter does where nobody
 * but the request may read the next layer, and as the plugin does.
 */

#include <config.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "device/device.h"
#include "util/cleanup.h"

#include "crash-work.h"

/* Tests may. */
static void *
must (void *p)
{
  if (!p)
    abort ();
  return p;
}

/* ---------------------------------------------------------------- cache */

static void *
cache_way_open (const struct cache_config *config, struct error *e)
{
  return cache_open (config, e);
}

static void
cache_way_close (void *cache)
{
  cache_close (cache);
}

static struct cache *
cache_way_cache (void *cache)
{
  return cache;
}

static void *
cache_way_object_open (void *cache, const struct crash_thing *thing,
                       struct error *e)
{
  return cache_object_open (cache, thing->identity, thing->validator,
                            thing->lasting, thing->size, e);
}

static void
cache_way_object_close (void *object)
{
  cache_object_close (object);
}

static void
cache_way_validated (void *object, uint64_t now_s)
{
  cache_object_validated (object, now_s);
}

static void
cache_way_store (void *object, const struct crash_thing *thing,
                 uint64_t offset, uint64_t count, bool hurry)
{
  CLEANUP_FREE void *buf = must (malloc (count));
  const struct cache_store_options options = {
    .cost_us = 1000, .hurry = hurry
  };

  crash_thing_content (thing, buf, offset, count);
  cache_store (object, offset / CRASH_BLOCK, buf, count, &options);
}

static uint32_t
cache_way_read (void *object, const struct crash_thing *thing, void *buf,
                uint64_t offset, uint32_t count, uint64_t *brought)
{
  unsigned flags = 0;

  (void) thing;
  (void) brought;
  return cache_read (object, buf, offset, count, &flags);
}

const struct crash_way crash_way_cache = {
  .open = cache_way_open,
  .close = cache_way_close,
  .cache = cache_way_cache,
  .object_open = cache_way_object_open,
  .object_close = cache_way_object_close,
  .validated = cache_way_validated,
  .store = cache_way_store,
  .read = cache_way_read,
};

/* ---------------------------------------------------------------- devices */

/* Reads ahead in no way, so that what is stored is what was asked for. */
static void *
device_way_open (const struct cache_config *config, struct error *e)
{
  const struct engine_config engine = {
    .cache = *config,
    .origin = { .connections = 2, .timeout_ms = 60000 },
  };

  return engine_open (&engine, e);
}

static void
device_way_close (void *engine)
{
  engine_close (engine);
}

static struct cache *
device_way_cache (void *engine)
{
  return engine_cache (engine);
}

/* The open says so. */
static void
device_way_validated (void *object, uint64_t now_s)
{
  (void) object;
  (void) now_s;
}

/* ---------------------------------------------------------------- direct */

struct direct_read
{
  const struct crash_thing *thing;
  uint64_t brought;
};

static int
direct_read (void *opaque, void *buf, uint32_t count, uint64_t offset,
             struct error *e)
{
  struct direct_read *read = opaque;

  (void) e;
  crash_thing_content (read->thing, buf, offset, count);
  read->brought += count;
  return 0;
}

static void *
direct_way_object_open (void *engine, const struct crash_thing *thing,
                        struct error *e)
{
  return device_open_direct (engine, thing->identity, thing->identity,
                             thing->validator, thing->size, e);
}

static void
direct_way_object_close (void *device)
{
  device_close (device);
}

static void
direct_way_store (void *device, const struct crash_thing *thing,
                  uint64_t offset, uint64_t count, bool hurry)
{
  struct direct_read read = { .thing = thing };
  struct error e;

  (void) hurry;
  if (device_cache_direct (device, count, offset, direct_read, &read, &e)
      == -1)
    abort ();                   /* whatever the disk does */
}

static uint32_t
direct_way_read (void *device, const struct crash_thing *thing, void *buf,
                 uint64_t offset, uint32_t count, uint64_t *brought)
{
  struct direct_read read = { .thing = thing };
  struct error e;

  if (device_read_direct (device, buf, count, offset, direct_read, &read, &e)
      == -1)
    abort ();
  *brought += read.brought;
  return count;
}

const struct crash_way crash_way_direct = {
  .open = device_way_open,
  .close = device_way_close,
  .cache = device_way_cache,
  .object_open = direct_way_object_open,
  .object_close = direct_way_object_close,
  .validated = device_way_validated,
  .store = direct_way_store,
  .read = direct_way_read,
};

/* ---------------------------------------------------------------- fetch */

struct thing_origin
{
  struct origin common;         /* first */
  const struct crash_thing *thing;
  _Atomic uint64_t brought;
};

static int
thing_origin_read (struct origin *common, void *buf, size_t count,
                   uint64_t offset, size_t *got, struct error *e)
{
  struct thing_origin *origin = (struct thing_origin *) common;

  (void) e;
  crash_thing_content (origin->thing, buf, offset, count);
  atomic_fetch_add (&origin->brought, count);
  *got = count;
  return 0;
}

static void
thing_origin_close (struct origin *common)
{
  free (common);
}

static const struct origin_ops thing_origin_ops = {
  .close = thing_origin_close,
  .read = thing_origin_read,
};

struct fetch_object
{
  struct device *device;
  struct thing_origin *origin;  /* the device's */
};

static void *
fetch_way_object_open (void *engine, const struct crash_thing *thing,
                       struct error *e)
{
  struct thing_origin *origin = must (calloc (1, sizeof *origin));
  struct fetch_object *object = must (calloc (1, sizeof *object));

  origin->common.ops = &thing_origin_ops;
  origin->common.size = thing->size;
  origin->common.lasting = thing->lasting;
  snprintf (origin->common.validator, sizeof origin->common.validator, "%s",
            thing->validator ? thing->validator : "");
  origin->thing = thing;
  object->origin = origin;
  object->device = device_open_origin (engine, thing->identity,
                                       thing->identity, &origin->common, e);
  if (object->device)
    return object;
  free (object);
  return NULL;
}

static void
fetch_way_object_close (void *opaque)
{
  struct fetch_object *object = opaque;

  device_close (object->device);
  free (object);
}

static void
fetch_way_store (void *opaque, const struct crash_thing *thing,
                 uint64_t offset, uint64_t count, bool hurry)
{
  struct fetch_object *object = opaque;
  struct error e;

  (void) thing;
  (void) hurry;
  if (device_cache (object->device, count, offset, &e) == -1)
    abort ();
}

static uint32_t
fetch_way_read (void *opaque, const struct crash_thing *thing, void *buf,
                uint64_t offset, uint32_t count, uint64_t *brought)
{
  struct fetch_object *object = opaque;
  uint64_t before = atomic_load (&object->origin->brought);
  struct error e;

  (void) thing;
  if (device_read (object->device, buf, count, offset, &e) == -1)
    abort ();
  *brought += atomic_load (&object->origin->brought) - before;
  return count;
}

const struct crash_way crash_way_fetch = {
  .open = device_way_open,
  .close = device_way_close,
  .cache = device_way_cache,
  .object_open = fetch_way_object_open,
  .object_close = fetch_way_object_close,
  .validated = device_way_validated,
  .store = fetch_way_store,
  .read = fetch_way_read,
};
