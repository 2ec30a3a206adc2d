/* libFuzzer: the parser of replies, and the verdict on what it made of them.
 *
 * The input is the header of a reply.  Whatever it is, bytes may be taken
 * only if they are the ones that were asked for.
 */

#include <config.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "origin/http-reply.h"
#include "origin/http-verdict.h"
#include "origin/http-version.h"

extern int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
require (int ok)
{
  if (!ok)
    abort ();
}

static void
judge (const struct http_ask *ask, const struct http_reply *reply)
{
  uint64_t take = 0, size = 0;
  struct error e;

  switch (http_verdict (ask, reply, &take, &size, &e)) {
  case HTTP_TAKE:
    require (!reply->malformed && !reply->encoded);
    require (take > 0 && take <= ask->count);
    require (size > ask->offset && take <= size - ask->offset);
    if (ask->version)
      require (size == ask->version->size);
    if (reply->status == 206)
      require (reply->first == ask->offset
               && reply->last == ask->offset + take - 1);
    else
      require (reply->status == 200 && ask->offset == 0 && take == size);
    break;
  case HTTP_REDIRECT:
    require (reply->location[0] != '\0');
    break;
  case HTTP_REFUSED:
    require (e.errnum > 0 && strlen (e.text) > 5);
    break;
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const struct http_version version = {
    .size = 100, .etag_kind = HTTP_ETAG_STRONG, .etag = "\"a\"",
    .last_modified = -1
  };
  const struct http_ask asks[] = {
    { .name = "URL", .offset = 0, .count = 1 },
    { .name = "URL", .offset = 20, .count = 10, .version = &version },
    { .name = "URL", .offset = 0, .count = 100, .version = &version },
  };
  struct http_reply reply;
  struct http_version found;
  struct origin origin;
  const char *p = (const char *) data, *end = p + size;

  http_reply_init (&reply);
  while (p < end) {
    const char *newline = memchr (p, '\n', end - p);
    size_t len = (newline ? newline + 1 : end) - p;

    if (http_reply_line (&reply, p, len) == -1 || reply.complete)
      break;
    p += len;
  }
  require (reply.header_bytes <= HTTP_REPLY_HEADERS_MAX);
  if (!reply.complete && !reply.malformed)
    return 0;
  for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++)
    judge (&asks[i], &reply);
  http_version_of (&reply, reply.total, 784111777, &found);
  http_version_name (&found, &origin);
  require (!origin.lasting || origin.validator[0] != '\0');
  return 0;
}
