/* The exports that connections have open: each goes with its last one.  What
 * is cached under a tiercache-id stays on disk; without one, nobody could say
 * that the next connection would see the same, and its blocks go, too.  Nor
 * does the next one get what others have left and nbdkit has not closed yet:
 * their clients know in between that they have left.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exports.h"
#include "util/cleanup.h"

/* Of all that is kept under an id: the id says which version it is. */
#define VALIDATOR "id"

/* Guards all exports; never held across I/O. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct export *exports;

/* Held, before lock, while an export is opened or closed, so that two
 * connections do not open it twice, and nobody opens it again while it is
 * only half closed: that would find the old device, without its origin.
 */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

/* Nobody says that another connection would see the same. */
static bool
one_connection (const struct exports_config *config, const struct view *view)
{
  return !config->id && !view->same_for_all;
}

/* Two different things never have the same identity: the length tells where
 * the id ends, and the name is last.  TLS is part of it because a layer below
 * may show less to those who come without.
 */
static char *
make_identity (const struct exports_config *config, const struct view *view)
{
  static atomic_uint connections;
  const char *id = config->id ? config->id : "";
  char *identity;
  int r;

  if (one_connection (config, view))
    r = asprintf (&identity, "filter-connection:%u",
                  atomic_fetch_add (&connections, 1));
  else
    r = asprintf (&identity, "filter%s:%zu:%s:%" PRIu64 ":%s",
                  view->tls ? "-tls" : "", strlen (id), id, view->size,
                  view->name);
  return r == -1 ? NULL : identity;
}

static struct export *
find (const char *identity)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&lock);

  for (struct export *x = exports; x; x = x->following)
    if (!x->deserted && strcmp (x->identity, identity) == 0) {
      x->users++;
      x->present++;
      return x;
    }
  return NULL;
}

static void
free_export (struct export *export)
{
  if (export->device)
    device_close (export->device);
  free (export->identity);
  free (export);
}

/* What the engine knows the export by.  Without an id there may be one that
 * was deserted beside it.  The caller frees it.
 */
static char *
device_identity (const struct export *export)
{
  static atomic_uint devices;
  char *identity;

  if (export->stays)
    return strdup (export->identity);
  return asprintf (&identity, "filter-device:%u:%s",
                   atomic_fetch_add (&devices, 1), export->identity) == -1
    ? NULL : identity;
}

static int
open_device (const struct exports_config *config, const struct view *view,
             struct export *export, struct error *e)
{
  const char *validator = config->id ? VALIDATOR : NULL;
  CLEANUP_FREE char *identity = device_identity (export);
  CLEANUP_FREE char *name = NULL;

  if (!identity || asprintf (&name, "export \"%s\"", view->name) == -1) {
    name = NULL;
    return error_set (e, ENOMEM, "out of memory");
  }
  if (!config->parallel)
    export->device = device_open_direct (config->engine, name, identity,
                                         validator, view->size, e);
  else if (!(export->origin = next_origin (view->size, validator)))
    return error_set (e, ENOMEM, "out of memory");
  else
    export->device = device_open_origin (config->engine, name, identity,
                                         export->origin, e);
  return export->device ? 0 : -1;
}

/* Takes the identity in every case. */
static struct export *
new_export (const struct exports_config *config, const struct view *view,
            char *identity, struct error *e)
{
  struct export *export = calloc (1, sizeof *export);

  if (!export) {
    free (identity);
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  export->identity = identity;
  export->stays = config->id != NULL;
  if (open_device (config, view, export, e) == -1) {
    free_export (export);
    return NULL;
  }
  export->users = export->present = 1;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&lock);
  export->following = exports;
  exports = export;
  return export;
}

struct export *
exports_get (const struct exports_config *config, const struct view *view,
             struct error *e)
{
  char *identity = make_identity (config, view);
  struct export *export;

  if (!identity) {
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  export = find (identity);
  if (!export) {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&opening);

    export = find (identity);
    if (!export)
      return new_export (config, view, identity, e);
  }
  free (identity);
  return export;
}

void
exports_leave (struct export *export)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&lock);

  if (--export->present == 0 && !export->stays)
    export->deserted = true;
}

/* Leaves it to its other connections.  False if there are none. */
static bool
leave (struct export *export)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&lock);

  if (export->users == 1)
    return false;
  export->users--;
  return true;
}

static void
take (struct export *export)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&lock);
  struct export **p = &exports;

  while (*p != export)
    p = &(*p)->following;
  *p = export->following;
}

void
exports_put (struct export *export)
{
  if (leave (export))
    return;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&opening);

  /* Somebody may have come meanwhile. */
  if (leave (export))
    return;
  take (export);
  free_export (export);
}

void
exports_close (void)
{
  while (exports) {
    struct export *export = exports;

    exports = export->following;
    free_export (export);
  }
}
