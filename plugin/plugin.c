/* nbdkit tiercache URL: nbdkit's callbacks, and nothing else.  What they
 * stand for is in lib/device.
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "device/device.h"
#include "parameters.h"
#include "server.h"
#include "util/cleanup.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

static struct parameters parameters;
static struct engine *engine;
static struct control *control;

static int
fail (const struct error *e)
{
  nbdkit_error ("%s", e->text);
  nbdkit_set_error (e->errnum);
  return -1;
}

static void
plugin_load (void)
{
  server_log ();
  parameters_init (&parameters);
}

static void
plugin_unload (void)
{
  if (engine)
    engine_close (engine);
  parameters_free (&parameters);
}

static int
plugin_config (const char *key, const char *value)
{
  struct error e;

  return parameters_set (&parameters, key, value, &e) == -1 ? fail (&e) : 0;
}

static int
plugin_config_complete (void)
{
  struct error e;

  return parameters_complete (&parameters, &e) == -1 ? fail (&e) : 0;
}

static void
plugin_dump (void)
{
  printf ("tiercache_schemes=file,http,https,nbd,nbds,nbd+unix,nbds+unix\n");
  printf ("tiercache_compress=lz4,none\n");
  printf ("tiercache_policies=weighted,lru\n");
}

/* Before nbdkit goes into the background, so that its user sees what is
 * wrong with the cache directory.
 */
static int
plugin_get_ready (void)
{
  struct error e;

  parameters.engine.stop = parameters.engine.origin.stop = &server_stop;
  engine = engine_open (&parameters.engine, &e);
  return engine ? 0 : fail (&e);
}

static int
plugin_after_fork (void)
{
  control = server_control (engine, &parameters.engine, true);
  return 0;
}

static void
plugin_cleanup (void)
{
  server_ends ();
  control_stop (control);
}

static int
add_name (void *opaque, const char *name)
{
  return nbdkit_add_export (opaque, name, NULL);
}

static int
plugin_list_exports (int readonly, int is_tls, struct nbdkit_exports *list)
{
  struct error e;

  (void) readonly;
  (void) is_tls;
  server_serves ();
  if (!exports_many (&parameters.exports))
    return nbdkit_use_default_export (list);
  if (exports_names (&parameters.exports, &parameters.engine.origin,
                     add_name, list, &e) == 0)
    return 0;
  return e.errnum ? fail (&e) : -1;     /* nbdkit has said why */
}

static void *
plugin_open (int readonly)
{
  CLEANUP_FREE char *url = NULL, *key = NULL;
  struct device *device = NULL;
  const char *name = nbdkit_export_name ();
  struct error e;

  (void) readonly;
  if (!name)
    return NULL;                /* nbdkit has said why */
  server_serves ();
  if (exports_find (&parameters.exports, name, &parameters.engine.origin,
                    &url, &key, &e) == 0)
    device = device_open (engine, url, key, &e);
  if (!device)
    fail (&e);
  return device;
}

static void
plugin_close (void *handle)
{
  server_close_begins ();
  device_close (handle);
  server_close_ends ();
}

static int64_t
plugin_get_size (void *handle)
{
  return device_size (handle);
}

static int
plugin_block_size (void *handle, uint32_t *minimum, uint32_t *preferred,
                   uint32_t *maximum)
{
  (void) handle;
  *minimum = 1;
  *preferred = parameters.engine.cache.block_size;
  *maximum = 0xffffffff;
  return 0;
}

static int
plugin_can_multi_conn (void *handle)
{
  (void) handle;
  return 1;
}

static int
plugin_can_cache (void *handle)
{
  (void) handle;
  return NBDKIT_CACHE_NATIVE;
}

static int
plugin_can_extents (void *handle)
{
  (void) handle;
  return 1;
}

/* What a request came to, as nbdkit wants it. */
static int
finish (int r, const struct error *e)
{
  if (r != 0)                   /* it has waited, or failed */
    server_leave ();
  return r == -1 ? fail (e) : 0;
}

static int
plugin_pread (void *handle, void *buf, uint32_t count, uint64_t offset,
              uint32_t flags)
{
  struct error e;

  (void) flags;
  return finish (device_read (handle, buf, count, offset, &e), &e);
}

static int
plugin_cache (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  struct error e;

  (void) flags;
  return finish (device_cache (handle, count, offset, &e), &e);
}

/* Asking a file for millions of extents would take long; clients ask again
 * for what a reply does not cover.
 */
#define EXTENTS_MAX 4096

struct extents
{
  struct nbdkit_extents *list;
  unsigned left;                /* so many are enough for one reply */
};

static int
add_extent (void *opaque, uint64_t offset, uint64_t count, bool hole)
{
  struct extents *extents = opaque;
  uint32_t type = hole ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0;

  if (nbdkit_add_extent (extents->list, offset, count, type) == -1)
    return -1;
  return --extents->left == 0 ? 1 : 0;
}

static int
plugin_extents (void *handle, uint32_t count, uint64_t offset, uint32_t flags,
                struct nbdkit_extents *list)
{
  struct extents extents = {
    list, flags & NBDKIT_FLAG_REQ_ONE ? 1 : EXTENTS_MAX
  };

  /* On -1 nbdkit_add_extent has said why. */
  return device_extents (handle, offset, count, add_extent, &extents) == -1
    ? -1 : 0;
}

static struct nbdkit_plugin plugin = {
  .name = "tiercache",
  .longname = "nbdkit tiercache plugin",
  .version = PACKAGE_VERSION,
  .description = "remote images, cached on local NVMe",
  .magic_config_key = "url",
  .config_help = PARAMETERS_HELP,
  .load = plugin_load,
  .unload = plugin_unload,
  .dump_plugin = plugin_dump,
  .config = plugin_config,
  .config_complete = plugin_config_complete,
  .get_ready = plugin_get_ready,
  .after_fork = plugin_after_fork,
  .cleanup = plugin_cleanup,
  .list_exports = plugin_list_exports,
  .open = plugin_open,
  .close = plugin_close,
  .get_size = plugin_get_size,
  .block_size = plugin_block_size,
  .can_multi_conn = plugin_can_multi_conn,
  .can_cache = plugin_can_cache,
  .can_extents = plugin_can_extents,
  .pread = plugin_pread,
  .cache = plugin_cache,
  .extents = plugin_extents,
  .errno_is_preserved = 0,
};

NBDKIT_REGISTER_PLUGIN (plugin)
