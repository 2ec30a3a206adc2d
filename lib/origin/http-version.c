/* Which version of an object a reply is about. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "origin/http-version.h"

/* An object modified within the last second or two may be modified again
 * without its Last-Modified, whole seconds, telling.
 */
#define SETTLED_AFTER_S 2

/* By the clock of another machine, which may be wrong. */
#define SETTLED_AFTER_ELSEWHERE_S 86400

static bool
is_settled (const struct http_reply *reply, int64_t now_s)
{
  if (reply->last_modified < 0)
    return false;
  if (reply->date >= 0)
    return reply->date - reply->last_modified >= SETTLED_AFTER_S;
  return now_s - reply->last_modified >= SETTLED_AFTER_ELSEWHERE_S;
}

void
http_version_of (const struct http_reply *reply, uint64_t size,
                 int64_t now_s, struct http_version *version)
{
  version->size = size;
  version->etag_kind = reply->etag_kind;
  memcpy (version->etag, reply->etag, sizeof version->etag);
  version->last_modified = reply->last_modified;
  version->settled = is_settled (reply, now_s);
}

/* A tag without what makes it weak: that may come and go. */
static const char *
opaque_tag (const char *etag)
{
  return strncmp (etag, "W/", 2) == 0 ? etag + 2 : etag;
}

const char *
http_version_differs (const struct http_version *version,
                      const struct http_reply *reply, uint64_t total)
{
  if (total != version->size)
    return "its size is another";
  if (version->etag_kind == HTTP_ETAG_STRONG
      || (version->etag_kind != HTTP_ETAG_NONE
          && version->last_modified < 0)) {
    if (reply->etag_kind == HTTP_ETAG_NONE)
      return "its ETag is gone";
    if (strcmp (reply->etag, version->etag) != 0)
      return "its ETag is another";
  }
  else if (version->last_modified >= 0) {
    if (reply->last_modified < 0)
      return "its Last-Modified is gone";
    if (reply->last_modified != version->last_modified)
      return "its Last-Modified is another";
    if (!version->settled && version->etag_kind != HTTP_ETAG_NONE
        && strcmp (opaque_tag (reply->etag), opaque_tag (version->etag)) != 0)
      return "its ETag is another";
  }
  return NULL;
}

void
http_version_name (const struct http_version *version, struct origin *origin)
{
  bool strong = version->etag_kind == HTTP_ETAG_STRONG;
  bool dated = !strong && version->last_modified >= 0;

  origin->size = version->size;
  origin->lasting = strong || (dated && version->settled);
  if (dated && !version->settled && version->etag_kind != HTTP_ETAG_NONE)
    snprintf (origin->validator, sizeof origin->validator,
              "modified=%" PRId64 " size=%" PRIu64 " %s",
              version->last_modified, version->size,
              opaque_tag (version->etag));
  else if (dated)
    snprintf (origin->validator, sizeof origin->validator,
              "modified=%" PRId64 " size=%" PRIu64,
              version->last_modified, version->size);
  else if (strong || version->etag_kind == HTTP_ETAG_NONE)
    snprintf (origin->validator, sizeof origin->validator, "%s",
              version->etag);
  else
    snprintf (origin->validator, sizeof origin->validator,
              "%s size=%" PRIu64, version->etag, version->size);
}
