/* A cache at work by itself: blocks are made and stored by the test. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "cache/cache.h"
#include "crash-work.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define BLOCK CRASH_BLOCK

static const char *
cache_url (const struct crash_thing *thing, char *url, size_t size)
{
  snprintf (url, size, "http://a/%s", thing->path);
  return url;
}

static void *
cache_start (struct crash_work *work, const struct cache_config *config,
             struct error *e)
{
  (void) work;
  return cache_open (config, e);
}

static void
cache_end (void *whole)
{
  cache_close (whole);
}

static struct cache *
cache_itself (void *whole)
{
  return whole;
}

static void *
cache_thing (void *whole, const struct crash_thing *thing, struct error *e)
{
  char url[100];
  struct cache_object *object =
    cache_object_open (whole, cache_url (thing, url, sizeof url),
                       thing->validator, thing->lasting, thing->size, e);

  if (object && thing->lasting)
    cache_object_validated (object, 1700000000);
  return object;
}

static void
cache_thing_close (void *object)
{
  cache_object_close (object);
}

static void
cache_thing_store (void *object, const struct crash_thing *thing,
                   uint64_t first, uint64_t nr, bool hurry)
{
  CLEANUP_FREE unsigned char *buf = malloc (nr * BLOCK);
  struct cache_store_options options = { .cost_us = 1000, .hurry = hurry };

  for (uint64_t b = first; b < first + nr; b++)
    crash_thing_content (thing, b, buf + (b - first) * BLOCK);
  cache_store (object, first, buf,
               min_u64 ((first + nr) * BLOCK, thing->size) - first * BLOCK,
               &options);
}

static uint32_t
cache_thing_read (void *object, const struct crash_thing *thing, void *buf,
                  uint64_t offset, uint32_t count)
{
  unsigned flags = 0;

  (void) thing;
  return cache_read (object, buf, offset, count, &flags);
}

const struct crash_over crash_over_cache = {
  .url = cache_url,
  .start = cache_start,
  .end = cache_end,
  .cache = cache_itself,
  .open = cache_thing,
  .close = cache_thing_close,
  .store = cache_thing_store,
  .read = cache_thing_read,
};
