/* One read, raced: when its request falls behind, the rest is asked for again
 * on a new connection, and the first of the two to finish wins.
 */

#ifndef TIERCACHE_HTTP_RACE_H
#define TIERCACHE_HTTP_RACE_H

#include <stddef.h>
#include <stdint.h>

#include "origin/http-client.h"
#include "origin/http-version.h"
#include "util/error.h"

/* As origin_ops.read.  found: filled in on success with the version that the
 * bytes are of; or NULL.
 */
extern int http_race_read (struct http_client *client,
                           const struct http_version *version, void *buf,
                           size_t count, uint64_t offset,
                           uint64_t deadline_ns, size_t *got,
                           struct http_version *found, struct error *e);

#endif /* TIERCACHE_HTTP_RACE_H */
