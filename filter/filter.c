/* nbdkit --filter=tiercache: nbdkit's callbacks, and nothing else.  What they
 * stand for is in lib/device.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nbdkit-filter.h>

#include "device/device.h"
#include "exports.h"
#include "next.h"
#include "parameters.h"
#include "server.h"
#include "util/cleanup.h"
#include "util/minmax.h"

static struct filter_parameters parameters;
static struct exports_config config;
static struct control *control;

/* A connection. */
struct handle
{
  struct handle *previous, *following;
  char *name;                   /* of the export */
  bool tls;
  bool same_for_all;            /* other connections see the same bytes */
  struct next next;
  struct export *export;
  bool joined;                  /* next is one that the export's origin reads */
  atomic_uint requests;         /* inside the engine now */
};

/* nbdkit that is told to quit does not close its connections, and a thread of
 * a filter above may go on calling: from then on it is sent away.  What
 * connections had is freed from this list.
 */
static atomic_bool ended;
static pthread_mutex_t handles_lock = PTHREAD_MUTEX_INITIALIZER;
static struct handle *handles;

static int
fail (const struct error *e)
{
  nbdkit_error ("%s", e->text);
  return -1;
}

static void
filter_load (void)
{
  server_log ();
  filter_parameters_init (&parameters);
}

static void
free_handle (struct handle *h)
{
  free (h->name);
  free (h);
}

static void
filter_unload (void)
{
  while (handles) {
    struct handle *h = handles;

    handles = h->following;
    free_handle (h);
  }
  if (config.engine)
    engine_close (config.engine);
  filter_parameters_free (&parameters);
}

static int
filter_config (nbdkit_next_config *next, nbdkit_backend *nxdata,
               const char *key, const char *value)
{
  struct error e;
  int r = filter_parameters_set (&parameters, key, value, &e);

  if (r == 1)
    return next (nxdata, key, value);
  return r == -1 ? fail (&e) : 0;
}

static int
filter_config_complete (nbdkit_next_config_complete *next,
                        nbdkit_backend *nxdata)
{
  struct error e;

  if (filter_parameters_complete (&parameters, &e) == -1)
    return fail (&e);
  return next (nxdata);
}

/* Before nbdkit goes into the background, so that its user sees what is
 * wrong with the cache directory.
 */
static int
filter_get_ready (int thread_model)
{
  struct error e;

  parameters.engine.stop = &server_stop;
  config.parallel = thread_model == NBDKIT_THREAD_MODEL_PARALLEL;
  config.id = parameters.id;
  config.engine = engine_open (&parameters.engine, &e);
  return config.engine ? 0 : fail (&e);
}

static int
filter_after_fork (nbdkit_backend *backend)
{
  (void) backend;
  control = server_control (config.engine, &parameters.engine, false);
  return 0;
}

/* False, and *err, when it is too late for a request. */
static bool
begin_request (struct handle *h, int *err)
{
  atomic_fetch_add (&h->requests, 1);
  if (!atomic_load (&ended))
    return true;
  atomic_fetch_sub (&h->requests, 1);
  *err = ESHUTDOWN;
  return false;
}

static void
end_request (struct handle *h)
{
  atomic_fetch_sub (&h->requests, 1);
}

/* Waits for the requests there are: they are told to stop, too. */
static void
end_requests (void)
{
  static const struct timespec pause = { .tv_nsec = 2000000 };
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&handles_lock);

  atomic_store (&ended, true);
  for (struct handle *h = handles; h; h = h->following)
    while (atomic_load (&h->requests) > 0)
      nanosleep (&pause, NULL);
}

/* While the layers below can still be closed. */
static void
filter_cleanup (nbdkit_backend *backend)
{
  (void) backend;
  server_ends ();
  control_stop (control);
  end_requests ();
  exports_close ();
  engine_close (config.engine);
  config.engine = NULL;
}

static void *
filter_open (nbdkit_next_open *next, nbdkit_context *context, int readonly,
             const char *exportname, int is_tls)
{
  struct handle *h;

  (void) readonly;
  server_serves ();
  if (next (context, 1, exportname) == -1)
    return NULL;
  h = calloc (1, sizeof *h);
  if (!h || !(h->name = strdup (exportname))) {
    nbdkit_error ("out of memory");
    free (h);
    return NULL;
  }
  h->tls = is_tls;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&handles_lock);
  h->following = handles;
  if (handles)
    handles->previous = h;
  handles = h;
  return h;
}

/* Once the next layer is open, and can say what it is. */
static int
filter_prepare (nbdkit_next *next, void *handle, int readonly)
{
  struct handle *h = handle;
  struct view view = { .name = h->name, .tls = h->tls };
  struct error e;
  int r = next->can_multi_conn (next);

  (void) readonly;
  if (r == -1 || next->can_extents (next) == -1)
    return -1;
  h->same_for_all = view.same_for_all = r;
  if (next_describe (&h->next, next, parameters.engine.cache.block_size,
                     &e) == -1)
    return fail (&e);
  view.size = h->next.size;
  h->export = exports_get (&config, &view, &e);
  if (!h->export)
    return fail (&e);
  if (h->export->origin) {
    next_join (h->export->origin, &h->next);
    h->joined = true;
  }
  return 0;
}

/* While the next layer is still open.  Not called if prepare failed; but twice
 * below nbdkit's delay filter, which calls it on its own account, too.
 */
static int
filter_finalize (nbdkit_next *next, void *handle)
{
  struct handle *h = handle;

  (void) next;
  if (h->joined)
    next_leave (h->export->origin, &h->next);
  h->joined = false;
  return 0;
}

static void
filter_close (void *handle)
{
  struct handle *h = handle;

  server_close_begins ();
  if (h->export)
    exports_put (h->export);
  server_close_ends ();

  pthread_mutex_lock (&handles_lock);
  if (h->previous)
    h->previous->following = h->following;
  else
    handles = h->following;
  if (h->following)
    h->following->previous = h->previous;
  pthread_mutex_unlock (&handles_lock);
  free_handle (h);
}

static int64_t
filter_get_size (nbdkit_next *next, void *handle)
{
  struct handle *h = handle;

  (void) next;
  return h->next.size;
}

static int
filter_block_size (nbdkit_next *next, void *handle, uint32_t *minimum,
                   uint32_t *preferred, uint32_t *maximum)
{
  struct handle *h = handle;

  (void) next;
  *minimum = h->next.minimum;
  *preferred = max_u64 (h->next.preferred, parameters.engine.cache.block_size);
  *maximum = UINT32_MAX;
  return 0;
}

/* Of all that changes something: read-only. */
static int
filter_cannot (nbdkit_next *next, void *handle)
{
  (void) next;
  (void) handle;
  return 0;
}

/* Who gives an id says that it is one and the same thing. */
static int
filter_can_multi_conn (nbdkit_next *next, void *handle)
{
  struct handle *h = handle;

  (void) next;
  return config.id || h->same_for_all;
}

static int
filter_can_cache (nbdkit_next *next, void *handle)
{
  (void) next;
  (void) handle;
  return NBDKIT_CACHE_NATIVE;
}

/* What a request came to, as nbdkit wants it. */
static int
finish (struct handle *h, int r, const struct error *e, int *err)
{
  if (r != 0)                   /* it has waited, or failed */
    server_leave ();
  end_request (h);
  if (r != -1)
    return 0;
  *err = e->errnum;
  return fail (e);
}

static int
filter_pread (nbdkit_next *next, void *handle, void *buf, uint32_t count,
              uint64_t offset, uint32_t flags, int *err)
{
  struct handle *h = handle;
  struct device *device;
  struct error e;
  int r;

  (void) next;
  (void) flags;
  if (!begin_request (h, err))
    return -1;
  device = h->export->device;
  r = h->export->origin
    ? device_read (device, buf, count, offset, &e)
    : device_read_direct (device, buf, count, offset, next_read, &h->next,
                          &e);
  return finish (h, r, &e, err);
}

static int
filter_cache (nbdkit_next *next, void *handle, uint32_t count,
              uint64_t offset, uint32_t flags, int *err)
{
  struct handle *h = handle;
  struct device *device;
  struct error e;
  int r;

  (void) next;
  (void) flags;
  if (!begin_request (h, err))
    return -1;
  device = h->export->device;
  r = h->export->origin
    ? device_cache (device, count, offset, &e)
    : device_cache_direct (device, count, offset, next_read, &h->next, &e);
  return finish (h, r, &e, err);
}

static struct nbdkit_filter filter = {
  .name = "tiercache",
  .longname = "nbdkit tiercache filter",
  .description = "a read cache on local NVMe that is kept across restarts",
  .config_help = FILTER_PARAMETERS_HELP,
  .load = filter_load,
  .unload = filter_unload,
  .config = filter_config,
  .config_complete = filter_config_complete,
  .get_ready = filter_get_ready,
  .after_fork = filter_after_fork,
  .cleanup = filter_cleanup,
  .open = filter_open,
  .prepare = filter_prepare,
  .finalize = filter_finalize,
  .close = filter_close,
  .get_size = filter_get_size,
  .block_size = filter_block_size,
  .can_write = filter_cannot,
  .can_flush = filter_cannot,
  .can_trim = filter_cannot,
  .can_zero = filter_cannot,
  .can_fast_zero = filter_cannot,
  .can_fua = filter_cannot,
  .can_multi_conn = filter_can_multi_conn,
  .can_cache = filter_can_cache,
  .pread = filter_pread,
  .cache = filter_cache,
};

NBDKIT_REGISTER_FILTER (filter)
