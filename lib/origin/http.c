/* http: and https: origins: ranged GETs, each reply checked. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "origin/http.h"
#include "origin/http-client.h"
#include "origin/http-race.h"
#include "origin/http-version.h"
#include "util/log.h"
#include "util/stop.h"

#define NS_PER_MS UINT64_C (1000000)

struct http_origin
{
  struct origin origin;         /* first */
  struct http_client *client;
  struct http_version version;
};

static uint64_t
deadline (const struct http_client *client)
{
  return stop_now_ns () + client->timeout_ms * NS_PER_MS;
}

static void
http_close (struct origin *origin)
{
  struct http_origin *http = (struct http_origin *) origin;

  if (http->client)
    http_client_free (http->client);
  free (http);
}

static int
http_read (struct origin *origin, void *buf, size_t count, uint64_t offset,
           size_t *got, struct error *e)
{
  struct http_origin *http = (struct http_origin *) origin;
  struct http_client *client = http->client;
  uint64_t deadline_ns = deadline (client);
  int r;

  *got = 0;
  if (count == 0 || offset >= origin->size || count > origin->size - offset)
    return error_set (e, EINVAL, "%s: %zu bytes at %" PRIu64 " are not "
                      "within the object", client->name, count, offset);
  if (http_client_enter (client, deadline_ns, e) == -1)
    return -1;
  r = http_race_read (client, &http->version, buf, count, offset, deadline_ns,
                      got, NULL, e);
  http_client_leave (client);
  return r;
}

static const struct origin_ops http_ops = {
  .close = http_close,
  .read = http_read,
};

/* HEAD is refused by some servers, and by URLs that are signed for GET: one
 * byte tells all the same, and that ranges work, too.
 */
static int
look (struct http_origin *http, struct error *e)
{
  char byte;
  size_t got;

  if (http_race_read (http->client, NULL, &byte, sizeof byte, 0,
                      deadline (http->client), &got, &http->version, e) == -1)
    return -1;
  http_version_name (&http->version, &http->origin);
  log_debug (origin, "%s: %" PRIu64 " bytes, version %s%s",
             http->client->name, http->origin.size,
             http->origin.validator[0] ? http->origin.validator : "unknown",
             http->origin.lasting ? "" : ", not lasting");
  return http->version.etag_kind == HTTP_ETAG_STRONG
    ? http_client_require (http->client, http->version.etag, e) : 0;
}

struct origin *
http_open (const char *url, const struct origin_config *config,
           struct error *e)
{
  struct http_origin *http = calloc (1, sizeof *http);

  if (!http) {
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  http->origin.ops = &http_ops;
  http->client = http_client_new (url, config, e);
  if (!http->client || look (http, e) == -1) {
    http_close (&http->origin);
    return NULL;
  }
  return &http->origin;
}
