/* Why a request broke off, in our words and with what can be done about it.
 */

#ifndef TIERCACHE_HTTP_FAILURE_H
#define TIERCACHE_HTTP_FAILURE_H

#include <stdbool.h>

#include <curl/curl.h>

#include "origin/http-transfer.h"
#include "util/error.h"

/* No connection came about. */
extern bool http_failure_is_connect (CURLcode code);

/* Sets *e for a transfer that is done without all of its bytes, and without
 * a reply that refuses them.  Returns -1.
 */
extern int http_failure (const struct http_transfer *t, struct error *e);

#endif /* TIERCACHE_HTTP_FAILURE_H */
