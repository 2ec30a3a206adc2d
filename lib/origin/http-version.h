/* Which version of an object a reply is about.
 *
 * The first of these that the server offers decides: a strong ETag; the time
 * of modification and the size; a weak or odd ETag; the size alone.  A weak
 * or odd ETag also counts beside a time of modification that is so recent that
 * it may not tell two versions apart.  Pure.
 */

#ifndef TIERCACHE_HTTP_VERSION_H
#define TIERCACHE_HTTP_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "origin/http-reply.h"
#include "origin/origin.h"

struct http_version
{
  uint64_t size;
  enum http_etag etag_kind;
  char etag[HTTP_REPLY_ETAG_MAX + 1];
  int64_t last_modified;        /* epoch; -1: absent */
  bool settled;                 /* it was not modified just now */
};

/* The version of the object, size bytes long, that this reply is about.
 * now_s is the time of this machine, which counts where the server does not
 * tell its own.
 */
extern void http_version_of (const struct http_reply *reply, uint64_t size,
                             int64_t now_s, struct http_version *version);

/* NULL if the reply is about this version, else what differs.  total: the
 * object's size by that reply.
 */
extern const char *http_version_differs (const struct http_version *version,
                                         const struct http_reply *reply,
                                         uint64_t total);

/* Fills in what a struct origin says of its version. */
extern void http_version_name (const struct http_version *version,
                               struct origin *origin);

#endif /* TIERCACHE_HTTP_VERSION_H */
