/* What file a URL or a bare path names (RFC 8089). */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "origin/file.h"
#include "util/cleanup.h"

/* The path part of a file: URL; host empty or localhost. */
static const char *
path_of_url (const char *url, struct error *e)
{
  const char *rest = url + strlen ("file:");
  size_t host;

  if (strncmp (rest, "//", 2) == 0) {
    rest += 2;
    host = strcspn (rest, "/");
    if (host != 0
        && !(host == 9 && strncasecmp (rest, "localhost", host) == 0)) {
      error_set (e, EINVAL, "%s: a file: URL names a file of this machine: "
                 "write file:///path (three slashes), not file://host/path",
                 url);
      return NULL;
    }
    rest += host;
  }
  if (rest[0] != '/') {
    error_set (e, EINVAL, "%s: the path of a file: URL is absolute: write "
               "file:///path, or a relative path without file:", url);
    return NULL;
  }
  if (strpbrk (rest, "?#")) {
    error_set (e, EINVAL, "%s: a file: URL has no query and no fragment: "
               "write %%3F and %%23 if they are part of the name", url);
    return NULL;
  }
  return rest;
}

static int
hex_digit (char c)
{
  return isdigit ((unsigned char) c) ? c - '0' : tolower (c) - 'a' + 10;
}

/* Decodes %XX in place. */
static int
percent_decode (char *path, const char *url, struct error *e)
{
  char *to = path;

  for (const char *p = path; *p; p++) {
    if (*p != '%') {
      *to++ = *p;
      continue;
    }
    if (!isxdigit ((unsigned char) p[1]) || !isxdigit ((unsigned char) p[2]))
      return error_set (e, EINVAL, "%s: %% is not followed by two "
                        "hexadecimal digits: write %%25 for a percent sign",
                        url);
    *to = hex_digit (p[1]) << 4 | hex_digit (p[2]);
    if (*to == '\0')
      return error_set (e, EINVAL, "%s: %%00 cannot be part of a file name",
                        url);
    to++;
    p += 2;
  }
  *to = '\0';
  return 0;
}

char *
file_path (const char *url, struct error *e)
{
  const char *path = url;
  char *ret;

  if (strncasecmp (url, "file:", 5) == 0 && !(path = path_of_url (url, e)))
    return NULL;
  if (path[0] == '\0') {
    error_set (e, EINVAL, "the URL is empty: name a file or an http: URL");
    return NULL;
  }
  ret = strdup (path);
  if (!ret) {
    error_set (e, ENOMEM, "%s: out of memory", url);
    return NULL;
  }
  if (path != url && percent_decode (ret, url, e) == -1) {
    free (ret);
    return NULL;
  }
  return ret;
}

/* Leaves out "." and empty components, in place. */
static void
tidy (char *path)
{
  char *to = path;
  const char *from = path;

  while (*from) {
    if (from[0] == '/' && from[1] == '/')
      from++;
    else if (from[0] == '/' && from[1] == '.'
             && (from[2] == '/' || from[2] == '\0'))
      from += 2;
    else
      *to++ = *from++;
  }
  *to = '\0';
}

/* The name, not what it leads to: a file on a mount that is missing today is
 * still known, and a link that leads elsewhere tomorrow is a new version of
 * the same image.
 */
char *
file_identity (const char *url, struct error *e)
{
  CLEANUP_FREE char *path = file_path (url, e);
  char *ret;

  if (!path)
    return NULL;
  tidy (path);
  if (asprintf (&ret, "file:%s", path) == -1) {
    error_set (e, ENOMEM, "%s: out of memory", path);
    return NULL;
  }
  return ret;
}
