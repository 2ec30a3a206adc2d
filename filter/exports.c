/* The exports that connections have open, or had: what is cached under a
 * tiercache-id stays on disk, but without one it goes with its device.  So
 * devices without an id stay open when their last connection goes: the
 * EXPORTS_KEPT that were left last.
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

#define EXPORTS_KEPT 64

/* Of all that is kept under an id: the id says which version it is. */
#define VALIDATOR "id"

/* Guards all exports; never held across I/O. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct export *exports;
static unsigned unused;                 /* that nobody uses */
static uint64_t lefts;                  /* times a last user has gone */

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
    if (strcmp (x->identity, identity) == 0) {
      if (x->users++ == 0)
        unused--;
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

static int
open_device (const struct exports_config *config, const struct view *view,
             struct export *export, struct error *e)
{
  const char *validator = config->id ? VALIDATOR : NULL;
  CLEANUP_FREE char *name = NULL;

  if (asprintf (&name, "export \"%s\"", view->name) == -1) {
    name = NULL;
    return error_set (e, ENOMEM, "out of memory");
  }
  if (!config->parallel)
    export->device = device_open_direct (config->engine, name,
                                         export->identity, validator,
                                         view->size, e);
  else if (!(export->origin = next_origin (view->size, validator)))
    return error_set (e, ENOMEM, "out of memory");
  else
    export->device = device_open_origin (config->engine, name,
                                         export->identity, export->origin, e);
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
  export->keep = !config->id && !one_connection (config, view);
  if (open_device (config, view, export, e) == -1) {
    free_export (export);
    return NULL;
  }
  export->users = 1;
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

/* Takes an export off the list.  With the lock held. */
static struct export *
take (struct export *export)
{
  struct export **p = &exports;

  while (*p != export)
    p = &(*p)->following;
  *p = export->following;
  return export;
}

/* The one left longest ago.  With the lock held. */
static struct export *
oldest (void)
{
  struct export *ret = NULL;

  for (struct export *x = exports; x; x = x->following)
    if (x->users == 0 && (!ret || x->left < ret->left))
      ret = x;
  return ret;
}

/* Its last user goes.  Returns what is to be closed, if anything. */
static struct export *
leave_last (struct export *export)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&lock);

  if (--export->users > 0)      /* somebody has come meanwhile */
    return NULL;
  if (!export->keep)
    return take (export);
  export->left = ++lefts;
  if (unused < EXPORTS_KEPT) {
    unused++;
    return NULL;
  }
  return take (oldest ());
}

void
exports_put (struct export *export)
{
  if (leave (export))
    return;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&opening);
  export = leave_last (export);
  if (export)
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
