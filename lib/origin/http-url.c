/* URLs of http: and https: origins: checking, naming, following. */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "origin/http-url.h"
#include "origin/http.h"
#include "origin/origin.h"
#include "util/cleanup.h"

static void
cleanup_curlu (CURLU **url)
{
  curl_url_cleanup (*url);
}
#define CLEANUP_CURLU __attribute__ ((cleanup (cleanup_curlu)))

static void
cleanup_curl_string (char **s)
{
  curl_free (*s);
}
#define CLEANUP_CURL_STRING __attribute__ ((cleanup (cleanup_curl_string)))

static void
lower (char *s)
{
  for (; *s; s++)
    *s = tolower ((unsigned char) *s);
}

/* The part in memory of our own, NULL if there is none. */
static char *
url_part (CURLU *url, CURLUPart part, unsigned flags)
{
  CLEANUP_CURL_STRING char *text = NULL;

  return curl_url_get (url, part, &text, flags) == CURLUE_OK
    ? strdup (text) : NULL;
}

/* NULL, or what is wrong with it.  The host becomes lower case, the default
 * port and the fragment go.
 */
static const char *
normalize (CURLU *url)
{
  CLEANUP_FREE char *scheme = url_part (url, CURLUPART_SCHEME, 0);
  CLEANUP_FREE char *host = url_part (url, CURLUPART_HOST, 0);
  CLEANUP_FREE char *port = url_part (url, CURLUPART_PORT,
                                      CURLU_NO_DEFAULT_PORT);

  if (!scheme || !host || host[0] == '\0')
    return "it names no host";
  if (strcasecmp (scheme, "http") != 0 && strcasecmp (scheme, "https") != 0)
    return "only http: and https: are possible here";
  lower (host);
  if (curl_url_set (url, CURLUPART_HOST, host, 0) != CURLUE_OK
      || curl_url_set (url, CURLUPART_PORT, port, 0) != CURLUE_OK
      || curl_url_set (url, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
    return "its host or port can't be used";
  return NULL;
}

/* The URL without user info; the handle loses it. */
static char *
url_bare (CURLU *url)
{
  if (curl_url_set (url, CURLUPART_USER, NULL, 0) != CURLUE_OK
      || curl_url_set (url, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK)
    return NULL;
  return url_part (url, CURLUPART_URL, CURLU_NO_DEFAULT_PORT);
}

static CURLU *
url_parse (const char *text, struct error *e)
{
  CURLU *url = curl_url ();
  const char *why;
  CURLUcode code;

  if (!url) {
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  code = curl_url_set (url, CURLUPART_URL, text, 0);
  why = code == CURLUE_OK ? normalize (url) : curl_url_strerror (code);
  if (why) {
    CLEANUP_FREE char *name = origin_url_for_log (text);

    error_set (e, EINVAL, "%s: not a usable URL: %s", name ? name : "URL",
               why);
    curl_url_cleanup (url);
    return NULL;
  }
  return url;
}

int
http_url_split (const char *url, char **bare, char **user, char **password,
                struct error *e)
{
  CLEANUP_CURLU CURLU *u = url_parse (url, e);

  if (!u)
    return -1;
  *user = url_part (u, CURLUPART_USER, CURLU_URLDECODE);
  *password = url_part (u, CURLUPART_PASSWORD, CURLU_URLDECODE);
  *bare = url_bare (u);
  if (*bare)
    return 0;
  free (*user);
  free (*password);
  return error_set (e, ENOMEM, "out of memory");
}

/* A family of signed URLs.  Names that are also ordinary words count only
 * beside the parameter that holds the signature itself.
 */
struct signature
{
  const char *proof;            /* NULL: the names stand for themselves */
  const char *const *names;     /* one that ends in '*' is a prefix */
};

static const char *const header_like[] = { "X-Amz-*", "X-Goog-*", NULL };
static const char *const query_auth[] = {
  "Signature", "Expires", "AWSAccessKeyId", "GoogleAccessId", "Key-Pair-Id",
  "Policy", NULL
};
static const char *const shared_access[] = {
  "sig", "sv", "sr", "sp", "st", "se", "spr", "sip", "ss", "srt", "skoid",
  "sktid", "skt", "ske", "sks", "skv", NULL
};
static const struct signature signatures[] = {
  { NULL, header_like }, { "Signature", query_auth },
  { "sig", shared_access }, { NULL, NULL }
};

/* The parameter at p, up to its '=', '&' or the end, has this name. */
static bool
param_is (const char *p, const char *name)
{
  size_t len = strcspn (p, "=&");
  size_t want = strlen (name);

  if (name[want - 1] == '*')
    return len >= want - 1 && strncasecmp (p, name, want - 1) == 0;
  return len == want && strncasecmp (p, name, want) == 0;
}

static const char *
next_param (const char *p)
{
  p += strcspn (p, "&");
  return *p ? p + 1 : p;
}

static bool
has_param (const char *query, const char *name)
{
  for (; *query; query = next_param (query))
    if (param_is (query, name))
      return true;
  return false;
}

static bool
is_signature (const char *param, const char *query)
{
  for (const struct signature *s = signatures; s->names; s++) {
    if (s->proof && !has_param (query, s->proof))
      continue;
    for (size_t i = 0; s->names[i]; i++)
      if (param_is (param, s->names[i]))
        return true;
  }
  return false;
}

/* Copies what is not part of a signature; out is as large as query. */
static void
strip_signature (const char *query, char *out)
{
  char *start = out;

  for (const char *p = query; *p; p = next_param (p)) {
    size_t len = strcspn (p, "&");

    if (len == 0 || is_signature (p, query))
      continue;
    if (out != start)
      *out++ = '&';
    memcpy (out, p, len);
    out += len;
  }
  *out = '\0';
}

char *
http_identity (const char *url, struct error *e)
{
  CLEANUP_CURLU CURLU *u = url_parse (url, e);
  CLEANUP_FREE char *query = NULL, *kept = NULL;
  char *identity = NULL;

  if (!u)
    return NULL;
  query = url_part (u, CURLUPART_QUERY, 0);
  if (query) {
    kept = malloc (strlen (query) + 1);
    if (kept)
      strip_signature (query, kept);
  }
  if ((!query || kept)
      && curl_url_set (u, CURLUPART_QUERY, kept && *kept ? kept : NULL, 0)
      == CURLUE_OK)
    identity = url_bare (u);
  if (!identity)
    error_set (e, ENOMEM, "out of memory");
  return identity;
}

/* "https:" of a URL that was normalised; curl writes the scheme so. */
static bool
is_https (const char *bare)
{
  return strncasecmp (bare, "https:", 6) == 0;
}

char *
http_url_follow (const char *base, const char *location,
                 const char *log_name, struct error *e)
{
  CLEANUP_CURLU CURLU *u = curl_url ();
  const char *why = NULL;
  CURLUcode code = CURLUE_OUT_OF_MEMORY;
  char *target;

  if (u)
    code = curl_url_set (u, CURLUPART_URL, base, 0);
  if (code == CURLUE_OK)
    code = curl_url_set (u, CURLUPART_URL, location, 0);
  why = code == CURLUE_OK ? normalize (u) : curl_url_strerror (code);
  if (why) {
    error_set (e, EPROTO, "%s: the server redirects to an unusable URL: %s",
               log_name, why);
    return NULL;
  }
  target = url_bare (u);
  if (!target)
    error_set (e, ENOMEM, "out of memory");
  else if (is_https (base) && !is_https (target)) {
    error_set (e, EPROTO, "%s: the server redirects from https: to http:, "
               "which is refused because it is no longer encrypted", log_name);
    free (target);
    target = NULL;
  }
  return target;
}

bool
http_url_same_site (const char *a, const char *b)
{
  const char *host_a = strstr (a, "://");
  const char *host_b = strstr (b, "://");
  size_t len_a, len_b;

  if (!host_a || !host_b)
    return false;
  len_a = host_a + 3 + strcspn (host_a + 3, "/?#") - a;
  len_b = host_b + 3 + strcspn (host_b + 3, "/?#") - b;
  return len_a == len_b && strncasecmp (a, b, len_a) == 0;
}
