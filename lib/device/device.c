/* Reads: cache hits, and for the rest fetches. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "device/device-internal.h"
#include "util/log.h"
#include "util/minmax.h"

uint64_t
device_size (const struct device *device)
{
  return device->size;
}

bool
device_has_block (void *opaque, uint64_t block)
{
  struct device *device = opaque;

  return cache_has (device->object, block);
}

const char *
device_identity (const struct device *device)
{
  return device->identity;
}

/* Some of the range was missing, or read-ahead has brought it: what comes
 * next is asked for now, so that it is on its way while this read waits.
 */
static void
read_ahead (struct device *device, uint64_t offset, uint32_t count,
            bool missed)
{
  struct readahead_range ranges[READAHEAD_RANGES];
  size_t n = readahead_note (device->readahead, offset, count, missed,
                             ranges);

  for (size_t i = 0; i < n; i++) {
    log_debug (readahead, "%s: %" PRIu64 "+%" PRIu64, device->url_for_log,
               ranges[i].offset, ranges[i].count);
    fetch_ahead (device->source, ranges[i].offset, ranges[i].count);
  }
}

/* 1 once the bytes are there, or -1 with *e. */
static int
fetch_rest (struct device *device, void *buf, uint32_t count, uint64_t offset,
            struct error *e)
{
  int r;

  log_debug (hit, "%s: miss: %" PRIu64 "+%" PRIu32, device->url_for_log,
             offset, count);
  r = fetch_read (device->source, buf, offset, count, e);
  progress_note (&device->engine->progress, device->engine->fetch,
                 device->url_for_log);
  /* The next open asks, however young what is known is. */
  if (r == -1 && e->errnum == ESTALE)
    cache_object_validated (device->object, 0);
  return r == -1 ? -1 : 1;
}

/* A client has asked for this, of which so much from the start was cached. */
static void
record (struct device *device, uint64_t offset, uint32_t count,
        uint32_t cached)
{
  uint64_t block_size = device->engine->config.cache.block_size;
  uint64_t block = offset / block_size;
  uint64_t end = count > 0 ? (offset + count - 1) / block_size + 1 : block;
  /* What is cached ends at the end of a block. */
  uint64_t missing = cached == count ? end : (offset + cached) / block_size;

  if (missing > block)
    recorder_access (device->recorded, block, missing - block, true);
  for (block = missing; block < end; block++)
    recorder_access (device->recorded, block, 1,
                     block > missing && cache_has (device->object, block));
}

int
device_read (struct device *device, void *buf, uint32_t count,
             uint64_t offset, struct error *e)
{
  unsigned flags = 0;
  uint32_t done = cache_read (device->object, buf, offset, count, &flags);

  if (device->recorded)
    record (device, offset, count, done);
  if (done > 0)
    log_debug (hit, "%s: hit: %" PRIu64 "+%" PRIu32, device->url_for_log,
               offset, done);
  if (done < count || flags & CACHE_READ_AHEAD)
    read_ahead (device, offset, count, done < count);
  if (done == count)
    return 0;
  return fetch_rest (device, (char *) buf + done, count - done,
                     offset + done, e);
}

uint64_t
device_skip_cached (struct device *device, uint64_t offset, uint64_t end)
{
  uint64_t block_size = device->engine->config.cache.block_size;

  while (offset < end && cache_has (device->object, offset / block_size))
    offset = (offset / block_size + 1) * block_size;
  return min_u64 (offset, end);
}

int
device_cache (struct device *device, uint32_t count, uint64_t offset,
              struct error *e)
{
  uint64_t end = offset + count, missing;

  missing = device_skip_cached (device, offset, end);
  if (device->recorded)
    record (device, offset, count, missing - offset);
  offset = missing;
  if (offset == end)
    return 0;
  return fetch_rest (device, NULL, end - offset, offset, e);
}

/* Where the origin has got with its extents. */
struct extents
{
  origin_extent_fn fn;
  void *opaque;
  uint64_t offset;              /* said so far, up to here */
  int r;                        /* of fn */
};

static int
note_extent (void *opaque, uint64_t offset, uint64_t count, bool hole)
{
  struct extents *extents = opaque;

  extents->offset = offset + count;
  extents->r = extents->fn (extents->opaque, offset, count, hole);
  return extents->r;
}

int
device_extents (struct device *device, uint64_t offset, uint64_t count,
                origin_extent_fn fn, void *opaque)
{
  struct extents extents = { fn, opaque, offset, 0 };
  struct error e;
  int r = device->origin->ops->extents (device->origin, offset, count,
                                        note_extent, &extents, &e);

  if (r != -1 || extents.r != 0)
    return extents.r;
  log_debug (origin, "%s: no extents: %s", device->url_for_log, e.text);
  return fn (opaque, extents.offset, offset + count - extents.offset, false);
}
