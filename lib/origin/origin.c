/* Which scheme a URL has, and what is common to all of them. */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "origin/file.h"
#include "origin/http.h"
#include "origin/nbd-uri.h"
#include "origin/nbd.h"
#include "origin/origin.h"
#include "util/cleanup.h"

enum scheme { SCHEME_FILE, SCHEME_HTTP, SCHEME_NBD, SCHEME_UNKNOWN };

/* The length of the scheme that stands before a colon, 0 if there is none
 * (RFC 3986, section 3.1).
 */
static size_t
scheme_length (const char *url)
{
  size_t n = 0;

  if (!isalpha ((unsigned char) url[0]))
    return 0;
  while (isalnum ((unsigned char) url[n]) || (url[n] && strchr ("+-.", url[n])))
    n++;
  return url[n] == ':' ? n : 0;
}

static bool
scheme_is (const char *url, size_t n, const char *name)
{
  return n == strlen (name) && strncasecmp (url, name, n) == 0;
}

/* A colon alone does not make a scheme: "disk:1.img" is a file. */
static enum scheme
scheme_of (const char *url, struct error *e)
{
  CLEANUP_FREE char *shown = NULL;
  size_t n = scheme_length (url);

  if (scheme_is (url, n, "file"))
    return SCHEME_FILE;
  if (scheme_is (url, n, "http") || scheme_is (url, n, "https"))
    return SCHEME_HTTP;
  if (nbd_uri_is (url))
    return SCHEME_NBD;
  if (n == 0 || strncmp (url + n, "://", 3) != 0)
    return SCHEME_FILE;
  shown = origin_url_for_log (url);
  error_set (e, EINVAL, "%s: unknown kind of URL \"%.*s\": file:, http:, "
             "https:, nbd:, nbds:, nbd+unix: and nbds+unix: can be served, "
             "and paths of files",
             shown ? shown : "", (int) (n > 20 ? 20 : n), url);
  return SCHEME_UNKNOWN;
}

struct origin *
origin_open (const char *url, const struct origin_config *config,
             struct error *e)
{
  switch (scheme_of (url, e)) {
  case SCHEME_FILE:
    return file_open (url, &sys_real, config->stop, e);
  case SCHEME_HTTP:
    return http_open (url, config, e);
  case SCHEME_NBD:
    return nbd_open (url, config, e);
  default:
    return NULL;
  }
}

char *
origin_identity (const char *url, struct error *e)
{
  switch (scheme_of (url, e)) {
  case SCHEME_FILE:
    return file_identity (url, e);
  case SCHEME_HTTP:
    return http_identity (url, e);
  case SCHEME_NBD:
    return nbd_identity (url, e);
  default:
    return NULL;
  }
}

void
origin_close (struct origin *origin)
{
  if (origin)
    origin->ops->close (origin);
}

/* The user info ends at the last @ before the path, as curl reads it. */
char *
origin_url_for_log (const char *url)
{
  size_t n = scheme_length (url), authority, rest;
  const char *p = url + n + 3, *from = p;
  char *ret;

  if (nbd_uri_is (url))         /* its query says where it is */
    return nbd_uri_name (url);
  if (n == 0 || strncmp (url + n, "://", 3) != 0)
    return strdup (url);
  authority = strcspn (p, "/?#");
  for (size_t i = 0; i < authority; i++)
    if (p[i] == '@')
      from = p + i;
  rest = strcspn (from, "?#");
  if (asprintf (&ret, "%.*s%s%.*s%s", (int) (p - url), url,
                from[0] == '@' ? "…" : "", (int) rest, from,
                from[rest] == '?' ? "?…" : from[rest] == '#' ? "#…" : "")
      == -1)
    return NULL;
  return ret;
}
