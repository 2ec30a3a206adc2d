/* An object on a small server, and the ways in which a test can have it
 * served wrongly.
 */

#ifndef TIERCACHE_TESTS_HTTP_OBJECT_H
#define TIERCACHE_TESTS_HTTP_OBJECT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "httpd.h"
#include "origin/origin.h"

struct http_object
{
  struct httpd *httpd;

  pthread_mutex_t lock;         /* over all below once it is served */
  uint64_t size;
  uint64_t seed;                /* of the bytes */
  const char *etag;             /* a whole line with its end, or "" */
  const char *other;            /* more such lines, or "" */
  httpd_fn answer;              /* instead; NULL: as it should be */
  void *opaque;
  unsigned running;             /* requests being answered */
  pthread_cond_t idle;
  unsigned requests;            /* answered so far, by whichever function */
};

/* Serves it well: size bytes, a strong ETag. */
extern void http_object_start (struct http_object *object, uint64_t size);
extern void http_object_stop (struct http_object *object);

/* From now on, requests are answered by this function.  Waits until the one
 * before is done with those it answers, and with its opaque.
 */
extern void http_object_answer (struct http_object *object, httpd_fn answer,
                                void *opaque);

/* From now on it is this: etag and other are lines as above. */
extern void http_object_change (struct http_object *object, uint64_t size,
                                const char *etag, const char *other);

/* The right answer. */
extern void http_object_serve (struct http_object *object,
                               struct httpd_conn *conn,
                               const struct httpd_request *request);

/* The right header for the request's range, but for status, Content-Range and
 * length.
 */
extern void http_object_header (struct http_object *object,
                                struct httpd_conn *conn);

/* Sends these bytes of it. */
extern bool http_object_send (struct http_object *object,
                              struct httpd_conn *conn, uint64_t offset,
                              uint64_t count);

/* Opens it with a timeout that no test waits for. */
extern struct origin *http_object_open (struct http_object *object,
                                        struct error *e);
extern struct origin *http_object_open_with (struct http_object *object,
                                             const struct origin_config *c,
                                             const char *path,
                                             struct error *e);
extern void http_object_config (struct origin_config *config);

/* The bytes are those of the object at offset. */
extern bool http_object_right (const struct http_object *object,
                               const void *buf, size_t count,
                               uint64_t offset);

/* http://127.0.0.1:port/path; the caller frees it. */
extern char *http_object_url (const struct http_object *object,
                              const char *path);

#endif /* TIERCACHE_TESTS_HTTP_OBJECT_H */
