/* One ranged request: asked where the object is, followed through redirects,
 * its body put in its place as it arrives.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "origin/http-failure.h"
#include "origin/http-transfer.h"
#include "origin/http-url.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/stop.h"
#include "util/yield.h"

#define HOPS_MAX 10

/* What is small comes in between hits of others, and in parts that take no
 * longer than they do; with what is large, throughput counts.
 */
#define SMALL_MAX 131072
#define SMALL_BUFFER 32768L
#define BUFFER 262144L

/* A body nobody wants is read to its end if it is at most this long, and
 * comes within this time, so that the connection can be used again.
 */
#define DRAIN_MAX 65536
#define DRAIN_NS 100000000

#define NS_PER_MS 1000000

static size_t
take_header (char *line, size_t size, size_t count, void *opaque)
{
  struct http_transfer *t = opaque;
  size_t len = size * count;
  int r;

  if (t->decided)               /* trailers */
    return len;
  r = http_reply_line (&t->reply, line, len);
  if (r == 0 && !t->reply.complete)
    return len;
  t->decided = true;
  t->verdict = http_verdict (&t->ask, &t->reply, &t->take, &t->size,
                             &t->error);
  if (t->verdict != HTTP_TAKE)
    atomic_store_explicit (&t->refused_ns, stop_now_ns (),
                           memory_order_relaxed);
  return r == 0 ? len : 0;
}

static bool
is_small (const struct http_transfer *t)
{
  return t->ask.count <= SMALL_MAX;
}

static size_t
take_body (char *data, size_t size, size_t count, void *opaque)
{
  struct http_transfer *t = opaque;
  size_t len = size * count;
  size_t got = atomic_load_explicit (&t->got, memory_order_relaxed);
  uint64_t now;

  if (!t->decided || t->verdict != HTTP_TAKE) {
    t->drained += len;
    return t->decided && t->drained <= DRAIN_MAX ? len : 0;
  }
  if (len > t->take - got) {
    t->overrun = true;
    return 0;
  }
  now = stop_now_ns ();
  if (got == 0)
    t->first_ns = now;
  memcpy (t->buf + got, data, len);
  atomic_store_explicit (&t->last_ns, now, memory_order_relaxed);
  atomic_store_explicit (&t->got, got + len, memory_order_relaxed);
  if (is_small (t))
    yield_core ();
  return len;
}

static void
transfer_done (struct http_job *job, CURLcode result)
{
  struct http_transfer *t = (struct http_transfer *) job;

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->wait->lock);
  t->result = result;
  t->done = true;
  pthread_cond_signal (&t->wait->cond);
}

/* What stays the same from one request to the next. */
static bool
set_constants (struct http_transfer *t)
{
  CURL *easy = t->job.easy;
  bool ok = true;

#define SET(option, value) \
  ok = ok && curl_easy_setopt (easy, (option), (value)) == CURLE_OK
  SET (CURLOPT_PROTOCOLS_STR, "http,https");
  SET (CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  SET (CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
  SET (CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  SET (CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SET (CURLOPT_NOSIGNAL, 1L);
  /* Else a name lookup that hangs would hold up the loop's thread. */
  SET (CURLOPT_QUICK_EXIT, 1L);
  SET (CURLOPT_TCP_NODELAY, 1L);
  SET (CURLOPT_TCP_KEEPALIVE, 1L);
  SET (CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
  SET (CURLOPT_HEADERFUNCTION, take_header);
  SET (CURLOPT_HEADERDATA, t);
  SET (CURLOPT_WRITEFUNCTION, take_body);
  SET (CURLOPT_WRITEDATA, t);
  SET (CURLOPT_ERRORBUFFER, t->curl_error);
  if (t->client->cainfo)
    SET (CURLOPT_CAINFO, t->client->cainfo);
  return ok;
}

/* What differs from hop to hop.  What the user gave to be let in, only the
 * site of the URL that was opened gets to see.
 */
static bool
set_hop (struct http_transfer *t)
{
  CURL *easy = t->job.easy;
  struct http_client *client = t->client;
  bool own = http_url_same_site (t->url, client->url);
  uint64_t now = stop_now_ns ();
  long left_ms = now < t->deadline_ns
    ? min_u64 ((t->deadline_ns - now) / NS_PER_MS + 1, INT32_MAX) : 1;
  char range[64];
  bool ok = true;

  snprintf (range, sizeof range, "%" PRIu64 "-%" PRIu64, t->ask.offset,
            t->ask.offset + t->ask.count - 1);
  SET (CURLOPT_URL, t->url);
  SET (CURLOPT_RANGE, range);
  SET (CURLOPT_HTTPHEADER, own ? client->own_headers : client->other_headers);
  SET (CURLOPT_USERNAME, own ? client->user : NULL);
  SET (CURLOPT_PASSWORD, own ? client->password : NULL);
  SET (CURLOPT_TIMEOUT_MS, left_ms);
  SET (CURLOPT_CONNECTTIMEOUT_MS, left_ms);
  SET (CURLOPT_FRESH_CONNECT, (long) t->fresh);
#undef SET
  /* libcurl 7.88 refuses it after a transfer that had no address to connect
   * to, whose buffer it keeps: then that one serves once more.
   */
  curl_easy_setopt (easy, CURLOPT_BUFFERSIZE,
                    is_small (t) ? SMALL_BUFFER : BUFFER);
  return ok;
}

/* What errors of this hop begin with. */
static void
set_name (struct http_transfer *t)
{
  size_t used = snprintf (t->name, sizeof t->name, "%s", t->client->name);

  if (t->ask.version)
    used += snprintf (t->name + used, sizeof t->name - used,
                      ", bytes %" PRIu64 "-%" PRIu64, t->ask.offset,
                      t->ask.offset + t->ask.count - 1);
  if (strcmp (t->url, t->client->url) != 0) {
    CLEANUP_FREE char *to = origin_url_for_log (t->url);

    snprintf (t->name + used, sizeof t->name - used, ", redirected to %.200s",
              to ? to : "?");
  }
  t->ask.name = t->name;
}

static int
start_hop (struct http_transfer *t, struct error *e)
{
  set_name (t);
  http_reply_init (&t->reply);
  t->decided = t->overrun = t->done = false;
  t->drained = 0;
  t->take = 0;
  t->curl_error[0] = '\0';
  atomic_store_explicit (&t->refused_ns, 0, memory_order_relaxed);
  atomic_store_explicit (&t->got, 0, memory_order_relaxed);
  if (!set_hop (t))
    return error_set (e, ENOMEM, "%s: out of memory", t->name);
  http_loop_start (t->client->loop, &t->job);
  return 0;
}

int
http_transfer_start (struct http_transfer *t, struct http_wait *wait,
                     const struct http_version *version, void *buf,
                     uint64_t count, uint64_t offset, uint64_t deadline_ns,
                     bool fresh, struct error *e)
{
  free (t->url);
  t->url = http_client_where (t->client);
  if (!t->url)
    return error_set (e, ENOMEM, "%s: out of memory", t->client->name);
  t->wait = wait;
  t->ask.offset = offset;
  t->ask.count = count;
  t->ask.version = version;
  t->buf = buf;
  t->deadline_ns = deadline_ns;
  t->fresh = fresh;
  t->hops = 0;
  t->remembered = strcmp (t->url, t->client->url) != 0;
  t->began_ns = stop_now_ns ();
  atomic_store_explicit (&t->last_ns, t->began_ns, memory_order_relaxed);
  return start_hop (t, e);
}

bool
http_transfer_drags_on (const struct http_transfer *t)
{
  uint64_t refused = atomic_load_explicit (&t->refused_ns,
                                           memory_order_relaxed);

  return refused != 0 && stop_now_ns () > refused + DRAIN_NS;
}

/* The target of a former redirect does not serve any more, or not us: it
 * may have been meant for a short time only, as presigned URLs are.
 */
static bool
target_is_stale (const struct http_transfer *t)
{
  if (!t->remembered)
    return false;
  if (!t->decided)
    return http_failure_is_connect (t->result);
  return t->verdict == HTTP_REFUSED && t->error.kind == ERROR_FINAL;
}

/* Whatever else went wrong there: the next try begins where the user said. */
static void
forget_target (const struct http_transfer *t)
{
  if (t->remembered)
    http_client_target (t->client, NULL);
}

/* Where the next hop leads, or NULL with *e. */
static char *
next_hop (struct http_transfer *t, struct error *e)
{
  if (++t->hops > HOPS_MAX) {
    error_set (e, ELOOP, "%s: redirected more than %d times in a row",
               t->client->name, HOPS_MAX);
    return NULL;
  }
  return http_url_follow (t->url, t->reply.location, t->client->name, e);
}

bool
http_transfer_goes_on (struct http_transfer *t)
{
  struct http_client *client = t->client;
  bool redirect = t->decided && t->verdict == HTTP_REDIRECT;
  char *url;

  if (t->decided && t->verdict == HTTP_TAKE && t->hops)
    http_client_target (client, t->url);
  if (target_is_stale (t)) {
    log_debug (origin, "%s: no answer there any more: asking anew", t->name);
    http_client_target (client, NULL);
    t->remembered = false;
    t->hops = 0;
    url = strdup (client->url);
    if (!url)
      return false;
  }
  else if (redirect) {
    t->verdict = HTTP_REFUSED;  /* unless the next hop says otherwise */
    url = next_hop (t, &t->error);
    if (!url)
      return false;
  }
  else
    return false;
  free (t->url);
  t->url = url;
  if (start_hop (t, &t->error) == 0)
    return true;
  t->decided = true;
  t->verdict = HTTP_REFUSED;
  return false;
}

int
http_transfer_result (struct http_transfer *t, size_t *got, struct error *e)
{
  *got = 0;
  if (t->decided && t->verdict != HTTP_TAKE) {
    forget_target (t);
    if (e)
      *e = t->error;
    return -1;
  }
  if (t->overrun)
    return error_set (e, EPROTO, "%s: the server sends more bytes than were "
                      "asked for", t->name);
  *got = atomic_load_explicit (&t->got, memory_order_relaxed);
  if (*got < t->ask.count) {
    if (t->result != CURLE_ABORTED_BY_CALLBACK)
      forget_target (t);
    return http_failure (t, e);
  }
  {
    uint64_t last = atomic_load_explicit (&t->last_ns, memory_order_relaxed);

    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->client->lock);
    http_pace_note (&t->client->pace, t->first_ns - t->began_ns,
                    last - t->first_ns, *got);
  }
  return 0;
}

void
http_transfer_destroy (struct http_transfer *t)
{
  curl_easy_cleanup (t->job.easy);
  free (t->url);
  free (t);
}

struct http_transfer *
http_transfer_get (struct http_client *client, struct error *e)
{
  struct http_transfer *t;

  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&client->lock);

    t = client->idle;
    if (t) {
      client->idle = t->next;
      return t;
    }
  }
  t = calloc (1, sizeof *t);
  if (t) {
    t->client = client;
    t->job.easy = curl_easy_init ();
    t->job.done = transfer_done;
    if (t->job.easy && set_constants (t))
      return t;
    http_transfer_destroy (t);
  }
  error_set (e, ENOMEM, "%s: out of memory", client->name);
  return NULL;
}

void
http_transfer_put (struct http_transfer *t)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->client->lock);
  t->next = t->client->idle;
  t->client->idle = t;
}
