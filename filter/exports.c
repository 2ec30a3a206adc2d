/* The exports that connections have open, or had.
 *
 * What is cached without a tiercache-id goes with its device, so devices stay
 * open when their last connection goes: the EXPORTS_KEPT that were left last.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exports.h"
#include "util/cleanup.h"
#include "util/log.h"

#define EXPORTS_KEPT 64

/* Of all that is kept under an id: the id says which version it is. */
#define VALIDATOR "id"

/* Guards all exports. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct export *exports;
static unsigned unused;                 /* that nobody uses */
static uint64_t lefts;                  /* times a last user has gone */

/* Held while an export is being opened, so that two connections do not open
 * it twice, in different ways.
 */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

/* Two different things never have the same identity: the length tells where
 * the id ends, and the name is last.  TLS is part of it because a layer below
 * may show less to those who come without.
 */
static char *
make_identity (const struct exports_config *config, const struct view *view)
{
  static unsigned connections;
  const char *id = config->id ? config->id : "";
  char *identity;
  int r;

  if (!config->id && !view->same_for_all)
    r = asprintf (&identity, "filter-connection:%u", connections++);
  else
    r = asprintf (&identity, "filter%s:%zu:%s:%" PRIu64 ":%s",
                  view->tls ? "-tls" : "", strlen (id), id, view->next->size,
                  view->name);
  return r == -1 ? NULL : identity;
}

static struct export *
find (const char *identity)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&lock);

  for (struct export *x = exports; x; x = x->next)
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

/* A context of the filter's own has no export name and no client, and shows
 * what the next layer shows to that.
 */
static bool
may_have_context (const struct exports_config *config,
                  const struct view *view)
{
  return config->backend && view->same_for_all && !*view->name && !view->tls;
}

static int
open_device (const struct exports_config *config, const struct view *view,
             struct export *export, struct error *e)
{
  const char *validator = config->id ? VALIDATOR : NULL;
  struct origin *origin = may_have_context (config, view)
    ? next_origin (config->backend, view->next, validator,
                   config->block_size) : NULL;
  CLEANUP_FREE char *name = NULL;

  if (asprintf (&name, "export \"%s\"", view->name) == -1) {
    if (origin)
      origin_close (origin);
    name = NULL;
    return error_set (e, ENOMEM, "out of memory");
  }
  export->direct = !origin;
  export->device = origin
    ? device_open_origin (config->engine, name, export->identity, origin, e)
    : device_open_direct (config->engine, name, export->identity, validator,
                          view->next->size, e);
  log_debug (origin, "%s: %" PRIu64 " bytes, read %s", name,
             view->next->size, origin ? "in the background" :
             "in the threads of its connections");
  return export->device ? 0 : -1;
}

struct export *
exports_get (const struct exports_config *config, const struct view *view,
             struct error *e)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&opening);
  CLEANUP_FREE char *identity = make_identity (config, view);
  struct export *export = identity ? find (identity) : NULL;

  if (export)
    return export;
  export = calloc (1, sizeof *export);
  if (!identity || !export) {
    free (export);
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  export->identity = identity;
  identity = NULL;
  if (open_device (config, view, export, e) == -1) {
    free_export (export);
    return NULL;
  }
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&lock);
  export->users = 1;
  export->next = exports;
  exports = export;
  return export;
}

/* Takes the one left longest ago off the list if there are too many.  With
 * the lock held.
 */
static struct export *
take_surplus (void)
{
  struct export **oldest = NULL, *export;

  if (unused <= EXPORTS_KEPT)
    return NULL;
  for (struct export **p = &exports; *p; p = &(*p)->next)
    if ((*p)->users == 0 && (!oldest || (*p)->left < (*oldest)->left))
      oldest = p;
  export = *oldest;
  *oldest = export->next;
  unused--;
  return export;
}

void
exports_put (struct export *export)
{
  struct export *surplus = NULL;

  pthread_mutex_lock (&lock);
  if (--export->users == 0) {
    export->left = ++lefts;
    unused++;
    surplus = take_surplus ();
  }
  pthread_mutex_unlock (&lock);
  if (surplus)
    free_export (surplus);
}

void
exports_close (void)
{
  while (exports) {
    struct export *export = exports;

    exports = export->next;
    free_export (export);
  }
}
