/* libFuzzer: URLs of every scheme, as users type them and servers redirect
 * to them.
 *
 * The input is a URL, and behind a NUL byte what a server that is asked there
 * redirects to.
 */

#include <config.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "origin/directory.h"
#include "origin/file.h"
#include "origin/http-url.h"
#include "origin/http.h"
#include "origin/nbd-uri.h"
#include "origin/origin.h"
#include "util/cleanup.h"

extern int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
require (int ok)
{
  if (!ok)
    abort ();
}

static void
require_reason (const struct error *e)
{
  require (e->errnum > 0 && strlen (e->text) > 5);
}

/* What is known of a URL is found again under the name it is kept by. */
static void
check_identity (const char *url)
{
  struct error e = { .text = "" };
  CLEANUP_FREE char *identity = origin_identity (url, &e);
  CLEANUP_FREE char *shown = origin_url_for_log (url), *again = NULL;

  require (shown != NULL);
  if (!identity) {
    require_reason (&e);
    return;
  }
  require (identity[0] != '\0');
  if (strncmp (identity, "file:", 5) == 0)      /* a name, not a URL */
    return;
  again = origin_identity (identity, &e);
  require (again != NULL && strcmp (identity, again) == 0);
}

static void
check_http (const char *url, const char *location)
{
  CLEANUP_FREE char *bare = NULL, *user = NULL, *password = NULL;
  CLEANUP_FREE char *target = NULL;
  struct error e = { .text = "" };

  if (http_url_split (url, &bare, &user, &password, &e) == -1) {
    require_reason (&e);
    return;
  }
  require (http_url_same_site (bare, bare));
  target = http_url_follow (bare, location, "URL", &e);
  if (!target) {
    require_reason (&e);
    return;
  }
  require (strncasecmp (target, "https://", 8) == 0
           || (strncasecmp (target, "http://", 7) == 0
               && strncasecmp (bare, "http://", 7) == 0));
  require (http_url_same_site (target, bare)
           == http_url_same_site (bare, target));
}

static void
check_file (const char *url)
{
  struct error e = { .text = "" };
  CLEANUP_FREE char *path = file_path (url, &e);

  if (!path)
    require_reason (&e);
  else
    require (path[0] != '\0');
}

static void
check_nbd (const char *url)
{
  struct error e = { .text = "" };

  if (nbd_uri_is (url) && nbd_uri_check (url, &e) == -1)
    require_reason (&e);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  CLEANUP_FREE char *url = strndup ((const char *) data, size);
  size_t used = strlen (url) < size ? strlen (url) + 1 : size;
  CLEANUP_FREE char *location = strndup ((const char *) data + used,
                                         size - used);

  check_identity (url);
  check_http (url, location);
  check_file (url);
  check_nbd (url);
  directory_is (url);
  return 0;
}
