/* The plugin's parameters. */

#include <config.h>

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <nbdkit-plugin.h>

#include "device/cache-parameters.h"
#include "parameters.h"
#include "util/cleanup.h"
#include "util/parse.h"

#define DAY_MS UINT64_C (86400000)
#define SIZE_MAX_BYTES (UINT64_C (1) << 60)

void
parameters_init (struct parameters *parameters)
{
  *parameters = (struct parameters) {
    .engine = {
      .origin = {
        .connections = 16,
        .timeout_ms = 30000,
      },
      .fetch_retries = 5,
    },
  };
  cache_parameters_init (&parameters->engine);
}

void
parameters_free (struct parameters *parameters)
{
  for (char **p = parameters->headers; p && *p; p++)
    free (*p);
  free (parameters->headers);
  exports_free (&parameters->exports);
  free (parameters->cache_dir);
  free (parameters->cainfo);
  free (parameters->user);
  free (parameters->password);
  free (parameters->trace_record);
  free (parameters->trace_replay);
}

/* Replaces a string.  0, or -1 with *e. */
static int
set_string (char **string, const char *value, struct error *e)
{
  char *copy = strdup (value);

  if (!copy)
    return error_set (e, ENOMEM, "out of memory");
  free (*string);
  *string = copy;
  return 0;
}

/* nbdkit leaves the directory it was started in: paths become absolute. */
static int
set_path (char **string, const char *key, const char *value, struct error *e)
{
  char *path = *value ? nbdkit_absolute_path (value) : NULL;

  if (!path)
    return error_set (e, EINVAL, "%s=%s: expected a path", key, value);
  free (*string);
  *string = path;
  return 0;
}

/* Looked for now: later it would only be missed once an origin needs it. */
static int
set_cainfo (struct parameters *p, const char *key, const char *value,
            struct error *e)
{
  if (set_path (&p->cainfo, key, value, e) == -1)
    return -1;
  if (access (p->cainfo, R_OK) == -1)
    return error_set (e, errno, "%s=%s: cannot be read: %s: expected a file "
                      "of certificates (PEM)", key, p->cainfo,
                      strerror (errno));
  return 0;
}

/* As lib/origin tells them apart: a colon alone does not make a URL. */
static bool
is_path (const char *url)
{
  return strncasecmp (url, "file:", 5) != 0 && !strstr (url, "://");
}

static int
set_url (char **url, const char *key, const char *value, struct error *e)
{
  return is_path (value) ? set_path (url, key, value, e)
    : set_string (url, value, e);
}

static int
set_only_url (struct parameters *p, const char *key, const char *value,
              struct error *e)
{
  if (p->exports.url) {
    CLEANUP_FREE char *second = origin_url_for_log (value);
    CLEANUP_FREE char *first = origin_url_for_log (p->exports.url);

    return error_set (e, EINVAL, "%s=%s: the URL was given already (%s): "
                      "for several images write export=NAME=URL for each, "
                      "or name the directory they are in", key,
                      second ? second : "", first ? first : "");
  }
  return set_url (&p->exports.url, key, value, e);
}

static int
add_export (struct parameters *p, const char *key, const char *value,
            struct error *e)
{
  const char *equals = strchr (value, '=');
  char *name = equals ? strndup (value, equals - value) : NULL, *url = NULL;

  if (!equals)
    return error_set (e, EINVAL, "%s=%s: expected NAME=URL", key, value);
  if (!name)
    return error_set (e, ENOMEM, "out of memory");
  if (set_url (&url, key, equals + 1, e) == -1) {
    free (name);
    return -1;
  }
  return exports_add (&p->exports, name, url, e);
}

static int
add_header (struct parameters *p, const char *key, const char *value,
            struct error *e)
{
  const char *colon = strchr (value, ':');
  size_t n = 0;
  char **headers;

  if (!colon || colon == value || strpbrk (value, "\r\n"))
    return error_set (e, EINVAL, "%s=…: expected NAME:VALUE on one line",
                      key);
  while (p->headers && p->headers[n])
    n++;
  headers = realloc (p->headers, (n + 2) * sizeof *headers);
  if (!headers)
    return error_set (e, ENOMEM, "out of memory");
  p->headers = headers;
  headers[n] = headers[n + 1] = NULL;
  return set_string (&headers[n], value, e);
}

static int
set_password (struct parameters *p, const char *value, struct error *e)
{
  free (p->password);
  p->password = NULL;
  if (nbdkit_read_password (value, &p->password) == -1)
    return error_set (e, EINVAL, "password: can't be read: expected the "
                      "password, - to be asked, +FILE or -FD");
  return 0;
}

static int
set_unsigned (unsigned *ret, const char *key, const char *value, unsigned min,
              unsigned max, struct error *e)
{
  uint64_t n;

  if (parse_number (key, value, min, max, &n, e) == -1)
    return -1;
  *ret = n;
  return 0;
}

static int
set_offline (struct parameters *p, const char *key, const char *value,
             struct error *e)
{
  static const char *const words[] = { "serve", "fail", NULL };
  int word = parse_word (key, value, words, e);

  if (word == -1)
    return -1;
  p->engine.offline_fail = word == 1;
  return 0;
}

static int
set_admission (struct cache_config *cache, const char *key,
               const char *value, struct error *e)
{
  static const char *const words[] = { "always", "auto", NULL };
  int word = parse_word (key, value, words, e);

  if (word == -1)
    return -1;
  cache->admission = word == 0 ? POLICY_ALWAYS : POLICY_AUTO;
  return 0;
}

static int
set_goal (struct cache_config *cache, const char *key, const char *value,
          struct error *e)
{
  static const char *const words[] = { "time", "bytes", NULL };
  int word = parse_word (key, value, words, e);

  if (word == -1)
    return -1;
  cache->goal = word == 0 ? POLICY_TIME : POLICY_BYTES;
  return 0;
}

/* Those that are a number, a size or a time.  1 if key is none of them. */
static int
set_quantity (struct parameters *p, const char *key, const char *value,
              struct error *e)
{
  struct engine_config *engine = &p->engine;

  if (strcmp (key, "stale-after") == 0)
    return parse_duration (key, value, 3650 * DAY_MS,
                           &engine->stale_after_ms, e);
  if (strcmp (key, "expire-after") == 0)
    return parse_duration (key, value, 3650 * DAY_MS,
                           &engine->expire_after_ms, e);
  if (strcmp (key, "connections") == 0)
    return set_unsigned (&engine->origin.connections, key, value, 1, 64, e);
  if (strcmp (key, "fetch-timeout") == 0) {
    if (parse_duration (key, value, DAY_MS, &engine->origin.timeout_ms,
                        e) == -1)
      return -1;
    return engine->origin.timeout_ms ? 0
      : error_set (e, EINVAL, "%s=%s: must be at least 1ms", key, value);
  }
  if (strcmp (key, "fetch-retries") == 0)
    return set_unsigned (&engine->fetch_retries, key, value, 0, 100, e);
  if (strcmp (key, "progress") == 0)
    return parse_size (key, value, 0, SIZE_MAX_BYTES, &engine->progress, e);
  return 1;
}

int
parameters_set (struct parameters *p, const char *key, const char *value,
                struct error *e)
{
  int r;

  /* The filter has neither: where it must not fetch in threads of its own,
   * nothing would hold what is refused.
   */
  if (strcmp (key, "cache-admit") == 0)
    return set_admission (&p->engine.cache, key, value, e);
  if (strcmp (key, "cache-goal") == 0)
    return set_goal (&p->engine.cache, key, value, e);
  r = set_quantity (p, key, value, e);
  if (r == 1 && strncmp (key, "cache-", 6) == 0)
    r = cache_parameters_set (&p->engine, key + 6, key, value, e);
  if (r != 1)
    return r;
  if (strcmp (key, "readahead") == 0)
    return cache_parameters_readahead (&p->engine, key, value, e);
  if (strcmp (key, "url") == 0)
    return set_only_url (p, key, value, e);
  if (strcmp (key, "export") == 0)
    return add_export (p, key, value, e);
  if (strcmp (key, "cache-dir") == 0)
    return set_path (&p->cache_dir, key, value, e);
  if (strcmp (key, "cache-key") == 0)
    return *value ? set_string (&p->exports.key, value, e)
      : error_set (e, EINVAL, "%s: must not be empty", key);
  if (strcmp (key, "offline") == 0)
    return set_offline (p, key, value, e);
  if (strcmp (key, "trace-record") == 0)
    return set_path (&p->trace_record, key, value, e);
  if (strcmp (key, "trace-replay") == 0)
    return set_path (&p->trace_replay, key, value, e);
  if (strcmp (key, "cainfo") == 0)
    return set_cainfo (p, key, value, e);
  if (strcmp (key, "header") == 0)
    return add_header (p, key, value, e);
  if (strcmp (key, "user") == 0)
    return set_string (&p->user, value, e);
  if (strcmp (key, "password") == 0)
    return set_password (p, value, e);
  return error_set (e, EINVAL, "unknown parameter '%s': see nbdkit tiercache "
                    "--help for those there are", key);
}

/* Which images, and where to keep them if that was not said. */
static int
complete_exports (struct parameters *p, struct error *e)
{
  struct exports *exports = &p->exports;
  CLEANUP_FREE char *identity = NULL;

  if (exports->url && exports->n > 0)
    return error_set (e, EINVAL, "url and export: give one of them");
  if (!exports->url && exports->n == 0)
    return error_set (e, EINVAL, "url: which image to serve must be given, "
                      "as in: nbdkit tiercache https://example.com/disk.img");
  if (!exports->url)
    return p->cache_dir ? 0
      : error_set (e, EINVAL, "cache-dir: must be given with export=, for "
                   "there is no one URL to name it after");
  identity = origin_identity (exports->url, e);
  if (!identity)
    return -1;
  if (!p->cache_dir)
    p->cache_dir = cache_parameters_dir (exports->key ? exports->key
                                         : identity, "cache-dir", e);
  return p->cache_dir ? 0 : -1;
}

static bool
is_in (const char *folder, const char *path)
{
  size_t n = strlen (folder);

  return strncmp (path, folder, n) == 0
    && (path[n] == '\0' || path[n] == '/');
}

/* The directory of the cache is the cache's own: its budget counts what is in
 * there.
 */
static int
check_record (struct parameters *p, struct error *e)
{
  /* A link stays, and what it leads to is replaced. */
  char *file = p->trace_record ? realpath (p->trace_record, NULL) : NULL;
  CLEANUP_FREE char *copy = p->trace_record
    ? strdup (file ? file : p->trace_record) : NULL;
  char *folder = copy ? dirname (copy) : NULL;
  CLEANUP_FREE char *real = folder ? realpath (folder, NULL) : NULL;
  CLEANUP_FREE char *cache = realpath (p->cache_dir, NULL);

  if (file) {
    free (p->trace_record);
    p->trace_record = file;
  }
  /* Either need not be there yet. */
  if (!folder || !(is_in (p->cache_dir, folder)
                   || (real && cache && is_in (cache, real))))
    return 0;
  return error_set (e, EINVAL, "trace-record=%s: is in the directory of the "
                    "cache (%s): name a file elsewhere", p->trace_record,
                    p->cache_dir);
}

int
parameters_complete (struct parameters *p, struct error *e)
{
  if (complete_exports (p, e) == -1)
    return -1;
  if (p->password && !p->user)
    return error_set (e, EINVAL, "password: needs user= as well");
  if (check_record (p, e) == -1)
    return -1;
  p->engine.trace_record = p->trace_record;
  p->engine.trace_replay = p->trace_replay;
  p->engine.cache.dir = p->cache_dir;
  p->engine.origin.cainfo = p->cainfo;
  p->engine.origin.user = p->user;
  p->engine.origin.password = p->password;
  p->engine.origin.headers = (const char *const *) p->headers;
  return 0;
}
