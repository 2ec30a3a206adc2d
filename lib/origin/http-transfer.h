/* One ranged request: asked where the object is, followed through redirects,
 * its body put in its place as it arrives.
 *
 * The loop's thread runs it; the thread that waits decides what comes next.
 */

#ifndef TIERCACHE_HTTP_TRANSFER_H
#define TIERCACHE_HTTP_TRANSFER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "origin/http-client.h"
#include "origin/http-loop.h"
#include "origin/http-reply.h"
#include "origin/http-verdict.h"
#include "util/error.h"

/* Where a thread waits for its transfers. */
struct http_wait
{
  pthread_mutex_t lock;
  pthread_cond_t cond;          /* CLOCK_MONOTONIC */
};

struct http_transfer
{
  struct http_job job;          /* first */
  struct http_client *client;
  struct http_transfer *next;   /* in the client's list of idle ones */
  struct http_wait *wait;

  /* What is asked for, and where. */
  struct http_ask ask;
  unsigned char *buf;           /* room for ask.count bytes */
  uint64_t deadline_ns;
  bool fresh;                   /* on a connection of its own */
  char *url;
  unsigned hops;                /* redirects followed */
  bool remembered;              /* began at the client's target */
  char name[560];               /* what ask.name points to */

  /* What comes: the loop thread's until done, but for the atomics. */
  struct http_reply reply;
  bool decided;
  enum http_verdict verdict;
  uint64_t take, size;
  size_t drained;               /* of a body nobody wants */
  bool overrun;                 /* more came than fits */
  struct error error;           /* with HTTP_REFUSED */
  char curl_error[CURL_ERROR_SIZE];
  atomic_size_t got;            /* bytes in buf */
  atomic_uint_fast64_t last_ns;         /* when the last of them came */
  atomic_uint_fast64_t refused_ns;      /* when a header came whose body
                                           nobody wants; 0: not so far */
  uint64_t began_ns, first_ns;

  bool done;                    /* under wait->lock; then: */
  CURLcode result;
};

/* A transfer of this client, to be set up by http_transfer_ask.  NULL with
 * *e.  http_transfer_put gives it back, when it is done or never started.
 */
extern struct http_transfer *http_transfer_get (struct http_client *client,
                                                struct error *e);
extern void http_transfer_put (struct http_transfer *t);
extern void http_transfer_destroy (struct http_transfer *t);

/* Starts it.  buf has room for count bytes; it and wait must stay until the
 * transfer is done.  version NULL: opening.  0, or -1 with *e and nothing
 * started.
 */
extern int http_transfer_start (struct http_transfer *t,
                                struct http_wait *wait,
                                const struct http_version *version,
                                void *buf, uint64_t count, uint64_t offset,
                                uint64_t deadline_ns, bool fresh,
                                struct error *e);

/* Its header was answer enough, and its body does not end: to be aborted.
 * May be called at any time after it was started.
 */
extern bool http_transfer_drags_on (const struct http_transfer *t);

/* Of a transfer that is done: true if it was started once more, because the
 * reply was a redirect or because what a redirect had led to no longer
 * answers.  False: the result is final.
 */
extern bool http_transfer_goes_on (struct http_transfer *t);

/* Of a transfer that is done: 0 if all bytes are in buf; -1 with *e, and
 * *got bytes of buf are right all the same.
 */
extern int http_transfer_result (struct http_transfer *t, size_t *got,
                                 struct error *e);

#endif /* TIERCACHE_HTTP_TRANSFER_H */
