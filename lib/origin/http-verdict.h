/* What to make of a reply: the decision, taken before the first byte of its
 * body, that keeps every wrong byte out.  Pure.
 */

#ifndef TIERCACHE_HTTP_VERDICT_H
#define TIERCACHE_HTTP_VERDICT_H

#include <stdint.h>

#include "origin/http-reply.h"
#include "origin/http-version.h"
#include "util/error.h"

enum http_verdict
{
  HTTP_TAKE,                    /* the body is what was asked for */
  HTTP_REDIRECT,                /* ask at reply->location */
  HTTP_REFUSED,                 /* *e says why */
};

/* What was asked for. */
struct http_ask
{
  const char *name;             /* of the URL, to begin errors with */
  uint64_t offset;
  uint64_t count;               /* not 0 */
  const struct http_version *version;   /* NULL: opening */
};

/* The reply must be complete, or malformed.  With HTTP_TAKE, *take is how
 * many bytes the body must have, 1 to ask->count, and *size that of the
 * object.
 */
extern enum http_verdict http_verdict (const struct http_ask *ask,
                                       const struct http_reply *reply,
                                       uint64_t *take, uint64_t *size,
                                       struct error *e);

#endif /* TIERCACHE_HTTP_VERDICT_H */
