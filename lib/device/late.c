/* An origin that is opened when its bytes are first needed. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device-internal.h"
#include "device/late.h"
#include "util/cleanup.h"

struct late
{
  struct origin base;
  const struct origin_config *config;
  char *url;

  /* Set once, by the one who opens; never changes again. */
  struct origin *_Atomic real;

  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool opening;                 /* by one thread, the others wait */
  uint64_t failures;            /* so far */
  struct error failure;         /* the last one */
};

/* What the origin really is must be what was promised. */
static struct origin *
open_checked (struct late *late, struct error *e)
{
  struct origin *real = origin_open (late->url, late->config, e);
  CLEANUP_FREE char *name = NULL;

  if (!real || same_version (real, late->base.validator, late->base.lasting,
                             late->base.size))
    return real;
  origin_close (real);
  name = origin_url_for_log (late->url);
  error_set (e, ESTALE, "%s: has changed since it was cached: close the "
             "export and open it again to see the new version",
             name ? name : "origin");
  return NULL;
}

/* Waits while another thread opens.  0 when it is this one's turn, or it is
 * open; -1 with *e when the program ends, or the other one has failed: each
 * in turn would wait for a timeout of its own.
 */
static int
wait_turn (struct late *late, struct error *e)
{
  uint64_t failures = late->failures;

  while (late->opening && !atomic_load (&late->real))
    if (stop_wait (late->config->stop, &late->changed, &late->lock, 0) != 0)
      return error_set (e, ESHUTDOWN, "the server is shutting down");
  if (late->failures == failures)
    return 0;
  if (e)
    *e = late->failure;
  return -1;
}

/* The origin, opened if need be.  NULL with *e: the next call tries again. */
static struct origin *
late_real (struct late *late, struct error *e)
{
  struct origin *real = atomic_load (&late->real);

  if (real)
    return real;
  pthread_mutex_lock (&late->lock);
  if (wait_turn (late, e) == -1) {
    pthread_mutex_unlock (&late->lock);
    return NULL;
  }
  real = atomic_load (&late->real);
  if (!real) {
    struct error failure;

    late->opening = true;
    pthread_mutex_unlock (&late->lock);
    real = open_checked (late, &failure);
    pthread_mutex_lock (&late->lock);
    late->opening = false;
    atomic_store (&late->real, real);
    if (!real && e)
      *e = failure;
    /* One client that goes says nothing of the origin: the next in turn
     * opens it.
     */
    if (!real && failure.errnum != ESHUTDOWN) {
      late->failures++;
      late->failure = failure;
    }
    pthread_cond_broadcast (&late->changed);
  }
  pthread_mutex_unlock (&late->lock);
  return real;
}

static void
late_close (struct origin *origin)
{
  struct late *late = (struct late *) origin;
  struct origin *real = atomic_load (&late->real);

  if (real)
    origin_close (real);
  pthread_cond_destroy (&late->changed);
  pthread_mutex_destroy (&late->lock);
  free (late->url);
  free (late);
}

static int
late_read (struct origin *origin, void *buf, size_t count, uint64_t offset,
           size_t *got, struct error *e)
{
  struct origin *real = late_real ((struct late *) origin, e);

  *got = 0;
  return real ? real->ops->read (real, buf, count, offset, got, e) : -1;
}

static int
late_extents (struct origin *origin, uint64_t offset, uint64_t count,
              origin_extent_fn fn, void *opaque, struct error *e)
{
  struct origin *real = late_real ((struct late *) origin, e);

  /* What is cached can be read without the origin; where its holes are is not
   * known then.
   */
  if (!real && (e->kind == ERROR_FINAL || e->errnum == ESHUTDOWN))
    return -1;
  if (!real || !real->ops->extents)
    return fn (opaque, offset, count, false);
  return real->ops->extents (real, offset, count, fn, opaque, e);
}

static const struct origin_ops late_ops = {
  .close = late_close,
  .read = late_read,
  .extents = late_extents,
};

struct origin *
late_open (const char *url, const struct origin_config *config, uint64_t size,
           const char *validator, bool lasting, struct origin *opened)
{
  struct late *late = calloc (1, sizeof *late);

  if (!late || !(late->url = strdup (url))) {
    free (late);
    if (opened)
      origin_close (opened);
    return NULL;
  }
  late->base.ops = &late_ops;
  late->base.size = size;
  late->base.lasting = lasting;
  snprintf (late->base.validator, sizeof late->base.validator, "%s",
            validator);
  late->config = config;
  pthread_mutex_init (&late->lock, NULL);
  stop_cond_init (&late->changed);
  atomic_init (&late->real, opened);
  return &late->base;
}
