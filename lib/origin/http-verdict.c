/* What to make of a reply. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "origin/http-verdict.h"

/* Statuses with a meaning of their own.  All others of 500 and above are
 * worth another try, all others below are final.
 */
static const struct
{
  int status;
  enum error_kind kind;
  int errnum;
  const char *text;
} statuses[] = {
  { 400, ERROR_FINAL, EINVAL, "the server calls the request bad" },
  { 401, ERROR_FINAL, EACCES, "a user and password are needed, or wrong" },
  { 403, ERROR_FINAL, EACCES, "access is forbidden" },
  { 404, ERROR_FINAL, ENOENT, "there is no such object" },
  { 407, ERROR_FINAL, EACCES, "the proxy wants a user and password" },
  { 408, ERROR_AGAIN, ETIMEDOUT, "the server gave up waiting" },
  { 410, ERROR_FINAL, ENOENT, "the object is gone for good" },
  { 412, ERROR_FINAL, EPROTO, "a condition failed that was not made" },
  { 416, ERROR_FINAL, EPROTO, "the server can't serve this range" },
  { 425, ERROR_AGAIN, EAGAIN, "the server says it is too early" },
  { 429, ERROR_BUSY, EBUSY, "the server says there are too many requests" },
  { 503, ERROR_BUSY, EBUSY, "the server is overloaded" },
  { 0, ERROR_FINAL, 0, NULL },
};

static enum http_verdict
refuse (struct error *e, const struct http_ask *ask, int errnum,
        const char *what)
{
  error_set (e, errnum, "%s: %s", ask->name, what);
  return HTTP_REFUSED;
}

static enum http_verdict
changed (struct error *e, const struct http_ask *ask, const char *what)
{
  error_set (e, ESTALE, "%s: the object changed on the server while it was "
             "open: %s; open it again to see the new version",
             ask->name, what);
  return HTTP_REFUSED;
}

static enum http_verdict
refuse_status (struct error *e, const struct http_ask *ask,
               const struct http_reply *reply)
{
  enum error_kind kind = reply->status >= 500 ? ERROR_AGAIN : ERROR_FINAL;
  int errnum = EIO;
  const char *text = reply->status >= 500
    ? "the server failed" : "this status is not expected here";

  for (size_t i = 0; statuses[i].status; i++)
    if (statuses[i].status == reply->status) {
      kind = statuses[i].kind;
      errnum = statuses[i].errnum;
      text = statuses[i].text;
    }
  error_set_kind (e, kind, errnum, "%s: %s (HTTP status %d)", ask->name, text,
                  reply->status);
  if (e)
    e->retry_after_ms = reply->retry_after_ms;
  return HTTP_REFUSED;
}

/* The body, were it taken, would be span bytes from the right place. */
static enum http_verdict
take_body (const struct http_ask *ask, const struct http_reply *reply,
           uint64_t span, uint64_t total, struct error *e)
{
  const char *why;

  if (reply->encoded)
    return refuse (e, ask, EPROTO, "the server sends the object in a "
                   "Content-Encoding that was not asked for");
  if (reply->has_length && !reply->chunked && reply->length != span)
    return refuse (e, ask, EPROTO, "the reply's Content-Length does not "
                   "match its range");
  why = ask->version ? http_version_differs (ask->version, reply, total)
    : NULL;
  return why ? changed (e, ask, why) : HTTP_TAKE;
}

static enum http_verdict
partial (const struct http_ask *ask, const struct http_reply *reply,
         uint64_t *take, uint64_t *size, struct error *e)
{
  uint64_t span = reply->last - reply->first + 1;

  if (!reply->has_range)
    return refuse (e, ask, EPROTO, "the reply has no Content-Range");
  if (!reply->total_known)
    return refuse (e, ask, EPROTO, "the server does not say how large the "
                   "object is");
  /* Of an object that shrank, less comes than was asked for. */
  if (ask->version && reply->total != ask->version->size)
    return changed (e, ask, "its size is another");
  if (reply->first != ask->offset || span > ask->count)
    return refuse (e, ask, EPROTO, "the server sends another range than was "
                   "asked for");
  *take = span;
  *size = reply->total;
  return take_body (ask, reply, span, reply->total, e);
}

/* A 200: the object as a whole, which is right only if that was asked. */
static enum http_verdict
whole (const struct http_ask *ask, const struct http_reply *reply,
       uint64_t *take, uint64_t *size, struct error *e)
{
  uint64_t total = ask->version ? ask->version->size : 1;

  if (!ask->version && reply->has_length && reply->length == 0)
    return refuse (e, ask, ENODATA, "the object is empty (0 bytes)");
  if (ask->version && reply->has_length && !reply->encoded) {
    const char *why = http_version_differs (ask->version, reply,
                                            reply->length);

    if (why)
      return changed (e, ask, why);
  }
  if (ask->offset != 0 || ask->count != total
      || (!ask->version && !reply->has_length)
      || (reply->has_length && reply->length != total))
    return refuse (e, ask, ENOTSUP, "the server does not support ranged "
                   "requests: it sends the whole object for a part of it");
  *take = *size = total;
  return take_body (ask, reply, total, total, e);
}

static enum http_verdict
beyond_end (const struct http_ask *ask, const struct http_reply *reply,
            struct error *e)
{
  if (reply->unsatisfied && reply->total_known) {
    if (!ask->version && reply->total == 0)
      return refuse (e, ask, ENODATA, "the object is empty (0 bytes)");
    if (ask->version && reply->total != ask->version->size)
      return changed (e, ask, "its size is another");
  }
  return refuse_status (e, ask, reply);
}

enum http_verdict
http_verdict (const struct http_ask *ask, const struct http_reply *reply,
              uint64_t *take, uint64_t *size, struct error *e)
{
  if (reply->malformed) {
    error_set (e, EPROTO, "%s: the server's reply is unusable: %s",
               ask->name, reply->malformed);
    return HTTP_REFUSED;
  }
  switch (reply->status) {
  case 200:
    return whole (ask, reply, take, size, e);
  case 206:
    return partial (ask, reply, take, size, e);
  case 301: case 302: case 303: case 307: case 308:
    return reply->location[0] ? HTTP_REDIRECT
      : refuse (e, ask, EPROTO, "the server redirects, but not to anywhere");
  case 412:
    if (ask->version && ask->version->etag_kind == HTTP_ETAG_STRONG)
      return changed (e, ask, "its ETag is another");
    break;
  case 416:
    return beyond_end (ask, reply, e);
  }
  return refuse_status (e, ask, reply);
}
