/* Bringing a range of a URL into the cache: threads that each ask for the next
 * piece of it, so that there are always requests under way.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "control/reply.h"
#include "control/warm.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define THREADS_MAX 64

struct warm
{
  struct device *device;
  uint64_t end, chunk;

  pthread_mutex_t lock;
  pthread_cond_t changed;       /* running */
  uint64_t next, done;          /* bytes asked for, and there */
  unsigned running;
  bool ended;                   /* nobody asks for any more */
  struct error error;           /* errnum 0: none */
};

/* The next piece, up to a border of its size.  False: there is none. */
static bool
next_piece (struct warm *w, uint64_t *offset, uint32_t *count)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&w->lock);

  if (w->ended || w->next >= w->end)
    return false;
  *offset = w->next;
  w->next = min_u64 ((w->next / w->chunk + 1) * w->chunk, w->end);
  *count = w->next - *offset;
  return true;
}

static void *
warm_thread (void *opaque)
{
  struct warm *w = opaque;
  uint64_t offset;
  uint32_t count;

  while (next_piece (w, &offset, &count)) {
    struct error e;
    int r = device_cache (w->device, count, offset, &e);
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&w->lock);

    if (r != -1)
      w->done += count;
    else if (!w->error.errnum) {
      w->error = e;
      w->ended = true;
    }
  }
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&w->lock);
  w->running--;
  pthread_cond_signal (&w->changed);
  return NULL;
}

/* Starts as many threads as it can. */
static unsigned
start (struct warm *w, pthread_t *threads, unsigned wanted)
{
  unsigned n = 0;

  pthread_mutex_lock (&w->lock);
  while (n < wanted
         && pthread_create (&threads[n], NULL, warm_thread, w) == 0) {
    w->running++;
    n++;
  }
  pthread_mutex_unlock (&w->lock);
  return n;
}

/* Says how far they are until they have ended. */
static void
watch (struct warm *w, uint64_t offset, const struct control_peer *peer)
{
  struct reply_progress progress = { .peer = peer };
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&w->lock);

  while (w->running > 0) {
    uint64_t done = w->done;
    bool here;

    pthread_mutex_unlock (&w->lock);
    here = reply_progress (&progress, done, w->end - offset);
    pthread_mutex_lock (&w->lock);
    if (!here)
      w->ended = true;
    if (w->running > 0)
      stop_wait (NULL, &w->changed, &w->lock, 0);
  }
}

static int
warm_device (const struct control_target *target, struct device *device,
             uint64_t offset, uint64_t end, const struct control_peer *peer,
             struct error *e)
{
  uint32_t block_size = cache_block_size (engine_cache (target->engine));
  struct warm w = {
    .device = device, .next = offset, .end = end,
    .chunk = max_u64 (FETCH_MAX, block_size)
  };
  pthread_t threads[THREADS_MAX];
  unsigned n;

  pthread_mutex_init (&w.lock, NULL);
  stop_cond_init (&w.changed);
  n = start (&w, threads, min_u64 (max_u64 (target->warmers, 1),
                                THREADS_MAX));
  watch (&w, offset, peer);
  for (unsigned i = 0; i < n; i++)
    pthread_join (threads[i], NULL);
  pthread_cond_destroy (&w.changed);
  pthread_mutex_destroy (&w.lock);
  if (n == 0)
    return error_set (e, EAGAIN, "cannot start a thread");
  if (w.error.errnum)
    *e = w.error;
  else if (w.done < end - offset)
    error_set (e, ECANCELED, "ended after %" PRIu64 " of %" PRIu64 " bytes",
               w.done, end - offset);
  return w.done == end - offset ? 0 : -1;
}

/* Was all of it read, and the disk could not take it? */
static int
check_disk (const struct control_target *target, struct device *device,
            uint64_t offset, uint64_t end, struct error *e)
{
  uint64_t cached = device_cached (device, offset, end);
  struct cache_stats stats;

  cache_stats (engine_cache (target->engine), &stats);
  if (cached >= end - offset || !(stats.degraded || stats.unwritable))
    return 0;
  return error_set (e, EIO, "%s: its disk is full, or fails: only %" PRIu64
                    " of %" PRIu64 " bytes are cached: what was "
                    "logged says why", target->dir, cached, end - offset);
}

/* The device is open. */
static int
warm_range (const struct control_target *target, struct device *device,
            const struct control_request *request,
            const struct control_peer *peer, struct error *e)
{
  const char *identity = device_identity (device);
  uint64_t size = device_size (device);
  uint64_t end = min_u64 (request->end, size);
  struct cache_version version;

  if (!cache_find (engine_cache (target->engine), identity, &version))
    return error_set (e, EINVAL, "%s: its origin does not tell versions "
                      "apart: what is cached of it goes with its last reader, unless "
                      "a cache-key names it", identity);
  if (request->offset >= size && size > 0)
    return error_set (e, EINVAL, "%s: has only %" PRIu64 " bytes", identity,
                      size);
  if (size > 0
      && (warm_device (target, device, request->offset, end, peer, e) == -1
          || check_disk (target, device, request->offset, end, e) == -1))
    return -1;
  reply_say (peer, "result",
             json_pack ("{s:o, s:I, s:I, s:I, s:I}",
                        "identity", reply_text (identity),
                        "size", (json_int_t) size,
                        "offset", (json_int_t) request->offset,
                        "end", (json_int_t) end,
                        "cached_bytes", (json_int_t)
                        device_cached (device, request->offset, end)));
  return 0;
}

int
warm (const struct control_target *target,
      const struct control_request *request, const struct control_peer *peer,
      struct error *e)
{
  struct device *device;
  int r;

  if (!target->warms)
    return error_set (e, EOPNOTSUPP, "%s: belongs to a filter, which has no "
                      "URLs of its own: read through it instead, as in "
                      "\"nbdcopy URI null:\"", target->dir);
  device = device_open (target->engine, request->name, request->key, e);
  if (!device)
    return -1;
  r = warm_range (target, device, request, peer, e);
  device_close (device);
  return r;
}
