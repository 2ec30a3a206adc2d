/* An object on a small server. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http-object.h"
#include "origin/http.h"
#include "util/cleanup.h"
#include "util/minmax.h"
#include "util/mix.h"

static unsigned char
byte_at (uint64_t seed, uint64_t offset)
{
  return mix_u64 (seed + offset / 8) >> (offset % 8 * 8);
}

static void
fill (uint64_t seed, unsigned char *buf, size_t count, uint64_t offset)
{
  for (size_t i = 0; i < count; i++)
    buf[i] = byte_at (seed, offset + i);
}

bool
http_object_right (const struct http_object *object, const void *buf,
                   size_t count, uint64_t offset)
{
  const unsigned char *p = buf;

  for (size_t i = 0; i < count; i++)
    if (p[i] != byte_at (object->seed, offset + i))
      return false;
  return true;
}

bool
http_object_send (struct http_object *object, struct httpd_conn *conn,
                  uint64_t offset, uint64_t count)
{
  unsigned char buf[16384];

  while (count) {
    size_t n = min_u64 (count, sizeof buf);

    fill (object->seed, buf, n, offset);
    if (!httpd_send (conn, buf, n))
      return false;
    offset += n;
    count -= n;
  }
  return true;
}

void
http_object_header (struct http_object *object, struct httpd_conn *conn)
{
  httpd_printf (conn, "%s%s", object->etag, object->other);
}

void
http_object_serve (struct http_object *object, struct httpd_conn *conn,
                   const struct httpd_request *request)
{
  uint64_t last = min_u64 (request->last, object->size - 1);

  if (!request->has_range || request->first > last) {
    httpd_printf (conn, "HTTP/1.1 416 Range Not Satisfiable\r\n"
                  "Content-Range: bytes */%" PRIu64 "\r\n"
                  "Content-Length: 0\r\n\r\n", object->size);
    return;
  }
  httpd_printf (conn, "HTTP/1.1 206 Partial Content\r\n"
                "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n"
                "Content-Length: %" PRIu64 "\r\n", request->first, last,
                object->size, last - request->first + 1);
  http_object_header (object, conn);
  httpd_printf (conn, "\r\n");
  http_object_send (object, conn, request->first, last - request->first + 1);
}

static void
dispatch (void *opaque, struct httpd_conn *conn,
          const struct httpd_request *request)
{
  struct http_object *object = opaque;
  httpd_fn answer;
  void *answer_opaque;

  pthread_mutex_lock (&object->lock);
  answer = object->answer;
  answer_opaque = object->opaque;
  object->requests++;
  object->running++;
  pthread_mutex_unlock (&object->lock);
  if (answer)
    answer (answer_opaque, conn, request);
  else
    http_object_serve (object, conn, request);
  pthread_mutex_lock (&object->lock);
  object->running--;
  pthread_cond_broadcast (&object->idle);
  pthread_mutex_unlock (&object->lock);
}

void
http_object_start (struct http_object *object, uint64_t size)
{
  memset (object, 0, sizeof *object);
  pthread_mutex_init (&object->lock, NULL);
  pthread_cond_init (&object->idle, NULL);
  object->size = size;
  object->seed = size;
  object->etag = "ETag: \"one\"\r\n";
  object->other = "";
  object->httpd = httpd_start (dispatch, object);
}

void
http_object_stop (struct http_object *object)
{
  httpd_stop (object->httpd);
  pthread_cond_destroy (&object->idle);
  pthread_mutex_destroy (&object->lock);
}

void
http_object_answer (struct http_object *object, httpd_fn answer, void *opaque)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);
  while (object->running)
    pthread_cond_wait (&object->idle, &object->lock);
  object->answer = answer;
  object->opaque = opaque;
}

void
http_object_change (struct http_object *object, uint64_t size,
                    const char *etag, const char *other)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);
  object->size = size;
  object->etag = etag;
  object->other = other;
}

char *
http_object_url (const struct http_object *object, const char *path)
{
  char *url = NULL;

  return asprintf (&url, "http://127.0.0.1:%u/%s",
                   httpd_port (object->httpd), path) < 0 ? NULL : url;
}

void
http_object_config (struct origin_config *config)
{
  *config = (struct origin_config) { .connections = 4, .timeout_ms = 300000 };
}

struct origin *
http_object_open_with (struct http_object *object,
                       const struct origin_config *config, const char *path,
                       struct error *e)
{
  CLEANUP_FREE char *url = http_object_url (object, path);

  return http_open (url, config, e);
}

struct origin *
http_object_open (struct http_object *object, struct error *e)
{
  struct origin_config config;

  http_object_config (&config);
  return http_object_open_with (object, &config, "disk.img", e);
}
