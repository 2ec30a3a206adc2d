/* NBD URIs: which are understood, and what they are called.  libnbd parses
 * them for itself; what it takes is a matter between the user and libnbd.
 */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <curl/curl.h>

#include "origin/nbd-uri.h"
#include "util/cleanup.h"

static const char *const schemes[] = {
  "nbd", "nbds", "nbd+unix", "nbds+unix", NULL
};

/* The length of the scheme, 0 if it is none of these. */
static size_t
scheme_length (const char *uri)
{
  for (const char *const *s = schemes; *s; s++) {
    size_t n = strlen (*s);

    if (strncasecmp (uri, *s, n) == 0 && strncmp (uri + n, "://", 3) == 0)
      return n;
  }
  return 0;
}

bool
nbd_uri_is (const char *uri)
{
  return scheme_length (uri) > 0;
}

static bool
is_unix (const char *uri)
{
  return memchr (uri, '+', scheme_length (uri)) != NULL;
}

/* The parts of a URI, within it. */
struct parts
{
  const char *host, *path, *socket;     /* socket: the value, or NULL */
  size_t host_len, path_len, socket_len;
};

static void
find_parts (const char *uri, struct parts *parts)
{
  const char *p = uri + scheme_length (uri) + 3;
  const char *end = p + strcspn (p, "/?#");

  parts->host = p;
  for (; p < end; p++)
    if (*p == '@')
      parts->host = p + 1;
  parts->host_len = end - parts->host;
  parts->path = end;
  parts->path_len = strcspn (end, "?#");
  parts->socket = NULL;
  parts->socket_len = 0;
  p = end + parts->path_len;
  while (*p == '?' || *p == '&' || *p == ';') {
    size_t len = strcspn (++p, "&;#");

    if (len >= 7 && strncmp (p, "socket=", 7) == 0) {
      parts->socket = p + 7;
      parts->socket_len = len - 7;
    }
    p += len;
  }
}

/* The host in lower case, without the port that would be taken anyway. */
static char *
tidy_host (const struct parts *parts)
{
  static const char port[] = ":10809";
  size_t n = parts->host_len, port_len = sizeof port - 1;
  char *host = strndup (parts->host, n);

  if (!host)
    return NULL;
  for (char *p = host; *p; p++)
    *p = tolower ((unsigned char) *p);
  if (n >= port_len && strcmp (host + n - port_len, port) == 0)
    host[n - port_len] = '\0';
  return host;
}

char *
nbd_uri_name (const char *uri)
{
  size_t n = scheme_length (uri);
  CLEANUP_FREE char *scheme = strndup (uri, n), *host = NULL;
  struct parts parts;
  char *name = NULL;

  find_parts (uri, &parts);
  host = tidy_host (&parts);
  if (!scheme || !host)
    return NULL;
  for (char *p = scheme; *p; p++)
    *p = tolower ((unsigned char) *p);
  if (asprintf (&name, "%s://%s%s%.*s%s%.*s", scheme, host,
                parts.path_len ? "" : "/", (int) parts.path_len, parts.path,
                parts.socket ? "?socket=" : "", (int) parts.socket_len,
                parts.socket ? parts.socket : "") == -1)
    return NULL;
  return name;
}

/* The value of the next such parameter from p on, which is within a query or
 * NULL; NULL if there is none.
 */
static const char *
next_value (const char *p, const char *param, size_t *len)
{
  size_t n = strlen (param);

  while (p && (p = strpbrk (p, "?&;#")) && *p != '#') {
    p++;
    if (strncmp (p, param, n) == 0 && p[n] == '=') {
      *len = strcspn (p + n + 1, "&;#");
      return p + n + 1;
    }
  }
  return NULL;
}

static bool
has_value (const char *uri, const char *param)
{
  const char *p = strpbrk (uri, "?#");
  size_t len;

  while ((p = next_value (p, param, &len)))
    if (len > 0)
      return true;
  return false;
}

/* nbdkit leaves the directory it was started in. */
static int
check_absolute (const char *name, const char *uri, const char *param,
                struct error *e)
{
  const char *p = strpbrk (uri, "?#");
  size_t len;

  while ((p = next_value (p, param, &len)))
    if (*p != '/' && strncasecmp (p, "%2f", 3) != 0)
      return error_set (e, EINVAL, "%s: %s= needs an absolute path", name,
                        param);
  return 0;
}

/* A server that must show a certificate: over a Unix socket libnbd asks for
 * none, and with a pre-shared key both sides show that they know it.
 */
static bool
has_certificate (const char *uri)
{
  return scheme_length (uri) == strlen ("nbds")
    && !has_value (uri, "tls-psk-file");
}

static int
check_directory (const char *name, const char *value, size_t len,
                 struct error *e)
{
  char *dir = curl_easy_unescape (NULL, value, len, NULL);
  CLEANUP_FREE char *path = NULL;
  int r = dir ? asprintf (&path, "%s/ca-cert.pem", dir) : -1;

  curl_free (dir);
  if (r == -1) {
    path = NULL;
    return error_set (e, ENOMEM, "out of memory");
  }
  if (access (path, R_OK) == 0)
    return 0;
  return error_set (e, errno, "%s: cannot connect: ca-cert.pem can't be read "
                    "in the directory that tls-certificates= names: %s", name,
                    strerrordesc_np (errno));
}

/* libnbd (as of 1.14) takes any server for the right one where it finds no
 * authority to ask.
 */
int
nbd_uri_check_authority (const char *uri, const char *name, struct error *e)
{
  const char *p = strpbrk (uri, "?#");
  size_t len;

  if (!has_certificate (uri))
    return 0;
  while ((p = next_value (p, "tls-certificates", &len)))
    if (check_directory (name, p, len, e) == -1)
      return -1;
  return 0;
}

/* HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT. */
static bool
is_host (const struct parts *parts)
{
  const char *host = parts->host, *end = host + parts->host_len;
  const char *name = host, *colon;

  if (host == end)
    return false;
  if (host[0] == '[' && !(name = memchr (host, ']', end - host)))
    return false;
  colon = memchr (name, ':', end - name);
  return colon != host && (!colon || !memchr (colon + 1, ':',
                                              end - colon - 1));
}

int
nbd_uri_check (const char *uri, struct error *e)
{
  CLEANUP_FREE char *name = nbd_uri_name (uri);
  struct parts parts;

  if (!name)
    return error_set (e, ENOMEM, "out of memory");
  find_parts (uri, &parts);
  if (is_unix (uri) && parts.socket_len == 0)
    return error_set (e, EINVAL, "%s: names no socket: write %s", name,
                      "nbd+unix:///EXPORT?socket=/PATH");
  if (!is_unix (uri) && parts.socket)
    return error_set (e, EINVAL, "%s: only nbd+unix: has a socket: write %s",
                      name, "nbd+unix:///EXPORT?socket=/PATH");
  if (!is_unix (uri) && !is_host (&parts))
    return error_set (e, EINVAL, "%s: names no host: write %s", name,
                      "nbd://HOST or nbd://HOST:PORT");
  if (check_absolute (name, uri, "socket", e) == -1
      || check_absolute (name, uri, "tls-certificates", e) == -1
      || check_absolute (name, uri, "tls-psk-file", e) == -1)
    return -1;
  if (has_certificate (uri) && !has_value (uri, "tls-certificates"))
    return error_set (e, EINVAL, "%s: nobody would tell this server from "
                      "another: add ?tls-certificates=/DIRECTORY with the "
                      "certificate of its authority, ca-cert.pem, in it, or "
                      "?tls-psk-file=/FILE", name);
  return 0;
}
