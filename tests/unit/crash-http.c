/* A cache at work under devices whose origin is a web server: blocks come
 * by requests, as they do in use.
 */

#include <config.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash-work.h"
#include "device/device.h"
#include "httpd.h"
#include "origin/http-loop.h"
#include "util/minmax.h"

#define BLOCK CRASH_BLOCK
#define CONNECTIONS 4

static struct
{
  struct httpd *httpd;
  struct http_loop *loop;       /* held, so that connections are kept */
  atomic_int disk;              /* the version of it there is now */
  atomic_bool refuses;          /* says how large things are, and no more */
} server;

/* What is open of a run. */
struct http_work
{
  struct crash_work *work;
  struct engine *engine;
};

struct http_thing
{
  struct http_work *http;
  struct device *device;
};

static const struct crash_thing *
thing_at (const char *path)
{
  for (int i = 0; i < THINGS; i++)
    if (strcmp (path + 1, crash_things[i].path) == 0
        && (i > DISK_2 || i == server.disk))
      return &crash_things[i];
  return NULL;
}

static void
send_bytes (struct httpd_conn *conn, const struct crash_thing *thing,
            uint64_t offset, uint64_t count)
{
  unsigned char buf[BLOCK];

  while (count > 0) {
    uint32_t at = offset % BLOCK, n = min_u64 (count, BLOCK - at);

    crash_thing_content (thing, offset / BLOCK, buf);
    if (!httpd_send (conn, buf + at, n))
      return;
    offset += n;
    count -= n;
  }
}

static void
serve (void *opaque, struct httpd_conn *conn, const struct httpd_request *r)
{
  const struct crash_thing *thing = thing_at (r->path);
  uint64_t last;

  (void) opaque;
  if (!thing || !r->has_range || r->first >= thing->size
      || (server.refuses && r->last > 0)) {
    httpd_printf (conn, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  last = min_u64 (r->last, thing->size - 1);
  httpd_printf (conn, "HTTP/1.1 206 Part\r\n"
                "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n"
                "Content-Length: %" PRIu64 "\r\n%s%s%s\r\n",
                r->first, last, thing->size, last - r->first + 1,
                thing->validator ? "ETag: " : "",
                thing->validator ? thing->validator : "",
                thing->validator ? "\r\n" : "");
  send_bytes (conn, thing, r->first, last - r->first + 1);
}

void
crash_http_start (void)
{
  struct error e;

  server.httpd = httpd_start (serve, NULL);
  server.loop = http_loop_get (CONNECTIONS, &e);
  if (!server.loop)
    abort ();
}

void
crash_http_stop (void)
{
  http_loop_put (server.loop, CONNECTIONS);
  httpd_stop (server.httpd);
}

static const char *
http_url (const struct crash_thing *thing, char *url, size_t size)
{
  snprintf (url, size, "http://127.0.0.1:%u/%s", httpd_port (server.httpd),
            thing->path);
  return url;
}

static void *
http_start (struct crash_work *work, const struct cache_config *config,
            struct error *e)
{
  struct engine_config all = {
    .cache = *config,
    .origin = { .connections = CONNECTIONS, .timeout_ms = 300000 },
    .readahead = 16 * BLOCK,
  };
  struct http_work *http = calloc (1, sizeof *http);

  http->work = work;
  http->engine = engine_open (&all, e);
  if (http->engine)
    return http;
  free (http);
  return NULL;
}

static void
http_end (void *whole)
{
  struct http_work *http = whole;

  engine_close (http->engine);
  free (http);
}

static struct cache *
http_cache (void *whole)
{
  struct http_work *http = whole;

  return engine_cache (http->engine);
}

static void *
http_thing (void *whole, const struct crash_thing *thing, struct error *e)
{
  struct http_thing *object = calloc (1, sizeof *object);
  char url[100];

  if (thing <= &crash_things[DISK_2])
    server.disk = thing - crash_things;
  object->http = whole;
  object->device = device_open (object->http->engine,
                                http_url (thing, url, sizeof url), NULL, e);
  if (object->device)
    return object;
  free (object);
  return NULL;
}

static void
http_thing_close (void *opaque)
{
  struct http_thing *object = opaque;

  device_close (object->device);
  free (object);
}

/* Nothing but a change of the object, or a server that refuses, excuses an
 * error: not the death of the cache's disk.
 */
static void
judge (struct http_thing *object, const struct crash_thing *thing,
       const struct error *e)
{
  bool is_old = thing <= &crash_things[DISK_2]
    && server.disk != thing - crash_things;

  if (!is_old && !server.refuses)
    crash_work_wrong (object->http->work, "%s: %s", thing->path, e->text);
}

static void
http_thing_store (void *opaque, const struct crash_thing *thing,
                  uint64_t first, uint64_t nr, bool hurry)
{
  struct http_thing *object = opaque;
  uint64_t end = min_u64 ((first + nr) * BLOCK, thing->size);
  struct error e;

  (void) hurry;
  if (device_cache (object->device, end - first * BLOCK, first * BLOCK, &e)
      == -1)
    judge (object, thing, &e);
}

/* All of it or nothing: a device serves no parts. */
static uint32_t
http_thing_read (void *opaque, const struct crash_thing *thing, void *buf,
                 uint64_t offset, uint32_t count)
{
  struct http_thing *object = opaque;
  struct error e;

  if (device_read (object->device, buf, count, offset, &e) != -1)
    return count;
  judge (object, thing, &e);
  return 0;
}

static void
http_only_cached (bool only)
{
  server.refuses = only;
}

const struct crash_over crash_over_http = {
  .url = http_url,
  .start = http_start,
  .end = http_end,
  .cache = http_cache,
  .open = http_thing,
  .close = http_thing_close,
  .store = http_thing_store,
  .read = http_thing_read,
  .only_cached = http_only_cached,
};
