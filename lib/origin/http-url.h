/* URLs of http: and https: origins: checking, naming, following.
 *
 * All of them go through libcurl's parser, the one that will open the
 * connection, so that no two parsers can read a URL in two ways.
 */

#ifndef TIERCACHE_HTTP_URL_H
#define TIERCACHE_HTTP_URL_H

#include <stdbool.h>

#include "util/error.h"

/* Takes a URL apart: the URL to ask, without user info and fragment, and the
 * user and password in it, decoded (NULL where there is none).  The caller
 * frees all three.  0, or -1 with *e.
 */
extern int http_url_split (const char *url, char **bare, char **user,
                           char **password, struct error *e);

/* Where a reply's Location leads, seen from the bare URL that was asked: a
 * bare URL.  NULL with *e if it is malformed, or leads from https: to
 * anything less.  log_name begins the error.
 */
extern char *http_url_follow (const char *base, const char *location,
                              const char *log_name, struct error *e);

/* The same scheme, host and port: may be told the same secrets. */
extern bool http_url_same_site (const char *a, const char *b);

#endif /* TIERCACHE_HTTP_URL_H */
