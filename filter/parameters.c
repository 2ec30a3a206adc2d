/* The filter's parameters. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nbdkit-filter.h>

#include "device/cache-parameters.h"
#include "parameters.h"
#include "util/cleanup.h"

#define PREFIX "tiercache-"

void
filter_parameters_init (struct filter_parameters *parameters)
{
  *parameters = (struct filter_parameters) {
    .engine.origin = {
      /* What lies below takes as many requests as clients send; which are
       * worth while is found out.
       */
      .connections = 64,
      .timeout_ms = 30000,
    },
  };
  cache_parameters_init (&parameters->engine);
}

void
filter_parameters_free (struct filter_parameters *parameters)
{
  free (parameters->id);
  free (parameters->dir);
}

static int
set_id (struct filter_parameters *p, const char *key, const char *value,
        struct error *e)
{
  if (!*value)
    return error_set (e, EINVAL, "%s: must not be empty", key);
  free (p->id);
  p->id = strdup (value);
  return p->id ? 0 : error_set (e, ENOMEM, "out of memory");
}

/* nbdkit leaves the directory it was started in: paths become absolute. */
static int
set_dir (struct filter_parameters *p, const char *key, const char *value,
         struct error *e)
{
  char *path = *value ? nbdkit_absolute_path (value) : NULL;

  if (!path)
    return error_set (e, EINVAL, "%s=%s: expected a path", key, value);
  free (p->dir);
  p->dir = path;
  return 0;
}

int
filter_parameters_set (struct filter_parameters *p, const char *key,
                       const char *value, struct error *e)
{
  const char *what = key + strlen (PREFIX);
  int r;

  if (strncmp (key, PREFIX, strlen (PREFIX)) != 0)
    return 1;
  if (strcmp (what, "id") == 0)
    return set_id (p, key, value, e);
  if (strcmp (what, "dir") == 0)
    return set_dir (p, key, value, e);
  if (strcmp (what, "readahead") == 0)
    return cache_parameters_readahead (&p->engine, key, value, e);
  r = cache_parameters_set (&p->engine, what, key, value, e);
  if (r == 1)
    return error_set (e, EINVAL, "unknown parameter '%s': see nbdkit "
                      "--filter=tiercache PLUGIN --help for those there are",
                      key);
  return r;
}

int
filter_parameters_complete (struct filter_parameters *p, struct error *e)
{
  CLEANUP_FREE char *identity = NULL;

  if (!p->dir && !p->id)
    return error_set (e, EINVAL, "tiercache-dir: where to keep blocks must be "
                      "given, unless tiercache-id says what they are of");
  if (!p->dir) {
    if (asprintf (&identity, "filter:%s", p->id) == -1)
      return error_set (e, ENOMEM, "out of memory");
    p->dir = cache_parameters_dir (identity, "tiercache-dir", e);
    if (!p->dir)
      return -1;
  }
  p->engine.cache.dir = p->dir;
  return 0;
}
