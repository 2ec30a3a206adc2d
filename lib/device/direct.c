/* Reads in the caller's own thread, for origins that nobody else may use.
 *
 * What is missing is claimed as a run, which others who miss a block of it
 * find.  They wait until its bytes are there, and copy them; it stays in the
 * list until the cache has them, so that whoever finds neither a run nor the
 * block in the cache knows that nobody is about to bring it.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/device-internal.h"
#include "util/cleanup.h"
#include "util/minmax.h"

/* The cache is asked this often for a block it says it has. */
#define CACHE_ATTEMPTS 2

struct direct_run
{
  struct direct_run *next;
  unsigned refs;                /* its reader's and those who wait */
  uint64_t offset;              /* of a block */
  uint32_t count;
  char *buf;
  bool read;                    /* nothing below changes any more */
  bool failed;
  struct error error;
};

/* One call of device_read_direct or device_cache_direct. */
struct request
{
  struct device *device;
  device_read_fn read_fn;
  void *opaque;
  bool alone;                   /* joins nobody */
};

void
direct_init (struct direct *direct)
{
  pthread_mutex_init (&direct->lock, NULL);
  stop_cond_init (&direct->changed);
}

void
direct_destroy (struct direct *direct)
{
  pthread_cond_destroy (&direct->changed);
  pthread_mutex_destroy (&direct->lock);
}

static struct direct_run *
find_run (const struct direct *direct, uint64_t offset)
{
  for (struct direct_run *run = direct->runs; run; run = run->next)
    if (offset >= run->offset && offset - run->offset < run->count)
      return run;
  return NULL;
}

/* With the lock held. */
static void
unref_run (struct direct_run *run)
{
  if (--run->refs > 0)
    return;
  free (run->buf);
  free (run);
}

/* A run of blocks from offset on, as far as up to end they are missing and
 * nobody reads them.  With the lock held.  NULL: out of memory.
 */
static struct direct_run *
claim_run (struct device *device, uint64_t offset, uint64_t end)
{
  struct direct *direct = &device->direct;
  uint64_t block_size = device->engine->config.cache.block_size;
  uint64_t to = offset + block_size;
  struct direct_run *run = calloc (1, sizeof *run);

  while (to < end && to - offset + block_size <= DIRECT_READ_MAX
         && !find_run (direct, to)
         && !cache_has (device->object, to / block_size))
    to += block_size;
  to = min_u64 (to, device->size);
  if (run)
    run->buf = malloc (to - offset);
  if (!run || !run->buf) {
    free (run);
    return NULL;
  }
  run->refs = 1;
  run->offset = offset;
  run->count = to - offset;
  run->next = direct->runs;
  direct->runs = run;
  return run;
}

static void
store_run (struct device *device, const struct direct_run *run,
           uint64_t took_ns)
{
  uint64_t block_size = device->engine->config.cache.block_size;
  const struct cache_store_options options = {
    .cost_us = took_ns / 1000 / (1 + (run->count - 1) / block_size)
  };

  cache_store (device->object, run->offset / block_size, run->buf, run->count,
               &options);
}

/* Reads a run and stores it.  Without the lock. */
static void
fill_run (const struct request *request, struct direct_run *run)
{
  struct device *device = request->device;
  struct direct *direct = &device->direct;
  struct direct_run **p;
  uint64_t started_ns = stop_now_ns (), took_ns;
  bool failed = request->read_fn (request->opaque, run->buf, run->count,
                                  run->offset, &run->error) == -1;

  took_ns = stop_now_ns () - started_ns;
  pthread_mutex_lock (&direct->lock);
  run->read = true;
  run->failed = failed;
  pthread_cond_broadcast (&direct->changed);
  pthread_mutex_unlock (&direct->lock);
  if (!failed)
    store_run (device, run, took_ns);

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&direct->lock);
  for (p = &direct->runs; *p != run; p = &(*p)->next)
    ;
  *p = run->next;
}

/* Waits until somebody else's run is read.  0, or -1 with *e. */
static int
wait_for_run (struct device *device, struct direct_run *run, struct error *e)
{
  struct direct *direct = &device->direct;
  const struct stop *stop = device->engine->config.stop;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&direct->lock);

  while (!run->read)
    if (stop_wait (stop, &direct->changed, &direct->lock, 0) == ESHUTDOWN)
      return error_set (e, ESHUTDOWN, "%s: stopped while waiting for bytes",
                        device->url_for_log);
  return 0;
}

/* The run that brings the block at offset: somebody else's, or one that is
 * *mine now.  NULL with *e; or with *cached, if the cache has the block.
 */
static struct direct_run *
join_or_claim (const struct request *request, uint64_t offset, uint64_t end,
               unsigned attempt, bool *mine, bool *cached, struct error *e)
{
  struct device *device = request->device;
  struct direct *direct = &device->direct;
  uint64_t block_size = device->engine->config.cache.block_size;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&direct->lock);
  struct direct_run *run = request->alone ? NULL : find_run (direct, offset);

  *mine = *cached = false;
  if (run) {
    run->refs++;
    return run;
  }
  if (attempt < CACHE_ATTEMPTS
      && cache_has (device->object, offset / block_size)) {
    *cached = true;
    return NULL;
  }
  run = claim_run (device, offset / block_size * block_size, end);
  if (!run)
    error_set (e, ENOMEM, "%s: no memory to read into", device->url_for_log);
  else
    *mine = true;
  return run;
}

/* As get_missing.  *theirs: it is the error of somebody else's read. */
static int64_t
get_run (const struct request *request, char *buf, uint64_t offset,
         uint64_t end, unsigned attempt, bool *theirs, struct error *e)
{
  struct device *device = request->device;
  bool mine, cached;
  struct direct_run *run = join_or_claim (request, offset, end, attempt,
                                          &mine, &cached, e);
  int64_t got = -1;

  *theirs = false;
  if (!run)
    return cached ? 0 : -1;
  if (mine)
    fill_run (request, run);
  if (mine || wait_for_run (device, run, e) == 0) {
    if (run->failed) {
      *theirs = !mine;
      *e = run->error;
    }
    else {
      got = min_u64 (end, run->offset + run->count) - offset;
      if (buf)
        memcpy (buf, run->buf + (offset - run->offset), got);
    }
  }
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&device->direct.lock);
  unref_run (run);
  return got;
}

/* Gets bytes from offset on that are missing, as far as end, into buf unless
 * it is NULL.  How many: 0 if the cache has them meanwhile; or -1 with *e.
 */
static int64_t
get_missing (const struct request *request, char *buf, uint64_t offset,
             uint64_t end, unsigned attempt, struct error *e)
{
  bool theirs;
  int64_t got = get_run (request, buf, offset, end, attempt, &theirs, e);

  if (got == -1 && theirs) {
    struct request own = *request;

    /* Their way to the origin may have gone with their client.  All who
     * waited for it try their own at once, not one after the other.
     */
    own.alone = true;
    got = get_run (&own, buf, offset, end, attempt, &theirs, e);
  }
  return got;
}

int
device_read_direct (struct device *device, void *buf, uint32_t count,
                    uint64_t offset, device_read_fn read_fn, void *opaque,
                    struct error *e)
{
  const struct request request = { device, read_fn, opaque, false };
  uint64_t end = offset + count, at = offset;
  unsigned attempt = 0;
  int missed = 0;

  for (;;) {
    char *to = (char *) buf + (at - offset);
    unsigned flags = 0;
    int64_t got = cache_read (device->object, to, at, end - at, &flags);

    if (got > 0)
      attempt = 0;
    at += got;
    if (at == end)
      return missed;
    got = get_missing (&request, to + got, at, end, attempt++, e);
    if (got == -1)
      return -1;
    if (got > 0) {
      attempt = 0;
      missed = 1;
    }
    at += got;
    if (at == end)
      return missed;
  }
}

int
device_cache_direct (struct device *device, uint32_t count, uint64_t offset,
                     device_read_fn read_fn, void *opaque, struct error *e)
{
  const struct request request = { device, read_fn, opaque, false };
  uint64_t end = offset + count;
  int missed = 0;

  while ((offset = device_skip_cached (device, offset, end)) < end) {
    int64_t got = get_missing (&request, NULL, offset, end, 0, e);

    if (got == -1)
      return -1;
    missed |= got > 0;
    offset += got;
  }
  return missed;
}
