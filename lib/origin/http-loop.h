/* One thread, one libcurl multi handle, for all open http: origins.
 *
 * The thread starts with the first user and ends with the last.  Everything
 * libcurl does, it does there; others only hand over and take back.
 */

#ifndef TIERCACHE_HTTP_LOOP_H
#define TIERCACHE_HTTP_LOOP_H

#include <stdbool.h>

#include <curl/curl.h>

#include "util/error.h"

struct http_loop;

/* One run of an easy handle.  From http_loop_start until done is called it
 * is the loop's; done is called exactly once, from the loop's thread, with
 * the handle already taken out, and is the last thing the loop does with the
 * job.
 */
struct http_job
{
  CURL *easy;
  void (*done) (struct http_job *job, CURLcode result);

  /* The loop's own, under its lock. */
  struct http_job *next;
  bool queued;                  /* in the list of what the thread must do */
  bool running;                 /* in the multi handle */
  bool abort;
  bool finished;
  bool unwatched;               /* to be aborted: a socket can't be waited
                                   for; its thread's own */
};

/* The loop, for a user who keeps up to connections connections.  NULL with
 * *e.
 */
extern struct http_loop *http_loop_get (unsigned connections,
                                        struct error *e);

/* The user has no job with the loop any more. */
extern void http_loop_put (struct http_loop *loop, unsigned connections);

/* easy and done are set.  Does not block. */
extern void http_loop_start (struct http_loop *loop, struct http_job *job);

/* Asks for an early end, with CURLE_ABORTED_BY_CALLBACK unless the job comes
 * to its own before.  May be called as long as done has not returned.  Does
 * not block.
 */
extern void http_loop_abort (struct http_loop *loop, struct http_job *job);

#endif /* TIERCACHE_HTTP_LOOP_H */
