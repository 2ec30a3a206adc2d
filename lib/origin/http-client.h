/* What all requests of one open origin share: where to ask, as whom, and how
 * many at once.
 */

#ifndef TIERCACHE_HTTP_CLIENT_H
#define TIERCACHE_HTTP_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "origin/http-loop.h"
#include "origin/http-pace.h"
#include "origin/origin.h"
#include "util/error.h"
#include "util/stop.h"

struct http_transfer;

struct http_client
{
  /* Do not change once the origin is open. */
  char *url;                    /* bare, as it was opened */
  char *name;                   /* the same for errors */
  char *user, *password, *cainfo;
  struct curl_slist *own_headers;       /* for url's site */
  struct curl_slist *other_headers;     /* for where it redirects to */
  unsigned connections;
  uint64_t timeout_ms;
  const struct stop *stop;
  struct http_loop *loop;

  pthread_mutex_t lock;         /* over all below */
  pthread_cond_t slot_free;
  char *target;                 /* where url last redirected to, or NULL */
  unsigned slots;               /* taken, of connections */
  unsigned spares;              /* second requests under way */
  struct http_pace pace;
  struct http_transfer *idle;   /* ready for use again */
};

extern struct http_client *http_client_new (const char *url,
                                            const struct origin_config *config,
                                            struct error *e);
extern void http_client_free (struct http_client *client);

/* From now on every request is on condition that the object has this strong
 * ETag.  Before the origin is used by anyone else.
 */
extern int http_client_require (struct http_client *client, const char *etag,
                                struct error *e);

/* The URL to begin a request with: the target of the last redirect, or the
 * one opened.  The caller frees it; NULL when out of memory.
 */
extern char *http_client_where (struct http_client *client);

/* A request was answered there (after a redirect), or refused there (NULL:
 * begin at the opened URL again).
 */
extern void http_client_target (struct http_client *client, const char *url);

/* Waits for one of the slots for requests.  0, or -1 with *e. */
extern int http_client_enter (struct http_client *client,
                              uint64_t deadline_ns, struct error *e);
extern void http_client_leave (struct http_client *client);

/* A request as far as this is overdue, and a second one may be made for the
 * rest of it.  http_client_spared gives that permission back, wasted bytes
 * having come twice.
 */
extern bool http_client_spare (struct http_client *client,
                               uint64_t elapsed_ns, uint64_t idle_ns,
                               uint64_t bytes);
extern void http_client_spared (struct http_client *client, uint64_t wasted);

#endif /* TIERCACHE_HTTP_CLIENT_H */
