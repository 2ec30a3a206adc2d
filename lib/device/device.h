/* Open exports: turn (offset, length) into cache hits and fetches.
 *
 * An engine is one cache directory, one budget, one pool of fetching
 * threads, and the devices open on them.  Connections that open the same
 * URL share a device as long as the origin has the same version.
 */

#ifndef TIERCACHE_DEVICE_H
#define TIERCACHE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "fetch/fetch.h"
#include "origin/origin.h"
#include "util/error.h"
#include "util/stop.h"

struct engine_config
{
  struct cache_config cache;
  struct origin_config origin;  /* a try gets all but 1/16 of its timeout,
                                   all tries together the whole of it each */
  unsigned fetch_retries;
  uint64_t readahead;           /* largest window, bytes; 0: off */
  uint64_t stale_after_ms;      /* open without asking while younger */
  uint64_t expire_after_ms;     /* ask behind the user's back until then */
  bool offline_fail;            /* origin out of reach: do not serve what is
                                   cached */
  uint64_t progress;            /* log each time this many bytes were fetched;
                                   0: never */
  const char *trace_record;     /* file to record accesses to, or NULL */
  const char *trace_replay;     /* trace to warm the cache by, or NULL */
  const struct stop *stop;
};

struct engine;
struct device;

/* Opens the cache.  NULL with *e.  The configuration is copied, what it
 * points to must outlive the engine.  Starts no thread: the program may fork
 * before it opens the first device.
 */
extern struct engine *engine_open (const struct engine_config *config,
                                   struct error *e);

/* Closes the devices that are still open, too: nobody may be inside one.
 * Waits for what is in flight, which ends by its timeout or by stop.
 */
extern void engine_close (struct engine *engine);
extern struct cache *engine_cache (struct engine *engine);

/* Opens a URL; key is what its identity is instead of the URL, or NULL.
 * Asks the origin whether its version is current unless stale_after_ms says
 * otherwise.  NULL with *e.
 */
extern struct device *device_open (struct engine *engine, const char *url,
                                   const char *key, struct error *e);

/* The same for an origin that is open already, and that no URL leads to: name
 * is what messages call it.  The origin is taken in every case.
 */
extern struct device *device_open_origin (struct engine *engine,
                                          const char *name,
                                          const char *identity,
                                          struct origin *origin,
                                          struct error *e);

/* The same without an origin: it is read by device_read_direct and
 * device_cache_direct only.  validator NULL: not kept when it is closed.  Must
 * not have the identity of a device that was opened in another way.
 */
extern struct device *device_open_direct (struct engine *engine,
                                          const char *name,
                                          const char *identity,
                                          const char *validator,
                                          uint64_t size, struct error *e);

/* Does not wait for what is in flight. */
extern void device_close (struct device *device);

extern uint64_t device_size (const struct device *device);

/* What it is called in the cache; lives as long as the device. */
extern const char *device_identity (const struct device *device);

/* Reads bytes [offset, offset + count) within the device.  0 if all was
 * cached, 1 if it had to wait for some of it, or -1 with *e: then buf holds
 * nothing of worth.
 */
extern int device_read (struct device *device, void *buf, uint32_t count,
                        uint64_t offset, struct error *e);

/* NBD_CMD_CACHE: brings them into the cache and copies nothing.  Returns
 * what device_read does.
 */
extern int device_cache (struct device *device, uint32_t count,
                         uint64_t offset, struct error *e);

/* How many of bytes [offset, end) within the device are cached.  Waits for what
 * has arrived to be stored, for a bounded time.
 */
extern uint64_t device_cached (struct device *device, uint64_t offset,
                               uint64_t end);

/* How a caller of the two below reads the origin itself: all of the bytes, in
 * the calling thread.  0, or -1 with *e.
 */
typedef int (*device_read_fn) (void *opaque, void *buf, uint32_t count,
                               uint64_t offset, struct error *e);

/* As device_read and device_cache, but what is missing is read by read_fn,
 * in whole blocks: no thread but the caller's is involved, and nothing is read
 * ahead.  Callers that miss the same block at once wait for the first of them,
 * and share what comes; if that one fails, each reads it itself.
 */
extern int device_read_direct (struct device *device, void *buf,
                               uint32_t count, uint64_t offset,
                               device_read_fn read_fn, void *opaque,
                               struct error *e);
extern int device_cache_direct (struct device *device, uint32_t count,
                                uint64_t offset, device_read_fn read_fn,
                                void *opaque, struct error *e);

/* The origin's extents: calls fn for consecutive ones that cover the range,
 * until it returns non-zero, which is then returned.  What the origin can't
 * tell (it may be out of reach) is data.
 */
extern int device_extents (struct device *device, uint64_t offset,
                           uint64_t count, origin_extent_fn fn,
                           void *opaque);

#endif /* TIERCACHE_DEVICE_H */
