/* One thread, one libcurl multi handle, for all open http: origins. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "origin/http-loop.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/stop.h"

#define IDLE_MS 1000            /* of a poll; libcurl's timers shorten it */
#define TROUBLE_MS 10           /* before a poll that failed is tried again */

struct http_loop
{
  CURLM *multi;
  pthread_t thread;

  pthread_mutex_t lock;
  struct http_job *first, **last;       /* queued, in order */
  long connections;                     /* to keep, of all users */
  bool connections_changed;
  bool ending;
};

/* The one loop, and how many use it. */
static pthread_mutex_t the_lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_loop *the_loop;
static unsigned the_users;

static void
enqueue (struct http_loop *loop, struct http_job *job)
{
  if (job->queued)
    return;
  job->queued = true;
  job->next = NULL;
  *loop->last = job;
  loop->last = &job->next;
}

static void
dequeue (struct http_loop *loop, struct http_job *job)
{
  struct http_job **at;

  for (at = &loop->first; *at != job; at = &(*at)->next)
    ;
  *at = job->next;
  if (!*at)
    loop->last = at;
  job->queued = false;
}

/* The job is over: nobody may queue it again once the lock is free. */
static void
finish (struct http_loop *loop, struct http_job *job, CURLcode result)
{
  if (job->running)
    curl_multi_remove_handle (loop->multi, job->easy);
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&loop->lock);

    if (job->queued)
      dequeue (loop, job);
    job->running = false;
    job->finished = true;
  }
  job->done (job, result);
}

/* The next job that something was asked of, and what. */
static struct http_job *
take_queued (struct http_loop *loop, bool *abort)
{
  struct http_job *job;

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&loop->lock);
  job = loop->first;
  if (!job)
    return NULL;
  dequeue (loop, job);
  *abort = job->abort;
  return job;
}

static void
serve_queue (struct http_loop *loop)
{
  struct http_job *job;
  bool abort = false;

  while ((job = take_queued (loop, &abort))) {
    if (abort)
      finish (loop, job, CURLE_ABORTED_BY_CALLBACK);
    else {
      curl_easy_setopt (job->easy, CURLOPT_PRIVATE, job);
      if (curl_multi_add_handle (loop->multi, job->easy) == CURLM_OK)
        job->running = true;
      else
        finish (loop, job, CURLE_FAILED_INIT);
    }
  }
}

static void
serve_finished (struct http_loop *loop)
{
  CURLMsg *msg;
  int left;

  while ((msg = curl_multi_info_read (loop->multi, &left))) {
    CURLcode result = msg->data.result;
    char *job = NULL;

    if (msg->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo (msg->easy_handle, CURLINFO_PRIVATE, &job);
    finish (loop, (struct http_job *) (void *) job, result);
  }
}

/* Takes over what others changed.  False when the loop is to end. */
static bool
look_around (struct http_loop *loop)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&loop->lock);
  if (loop->connections_changed)
    curl_multi_setopt (loop->multi, CURLMOPT_MAXCONNECTS, loop->connections);
  loop->connections_changed = false;
  return !loop->ending;
}

static void *
loop_thread (void *opaque)
{
  struct http_loop *loop = opaque;
  CURLMcode code;
  int running;

  while (look_around (loop)) {
    serve_queue (loop);
    code = curl_multi_perform (loop->multi, &running);
    serve_finished (loop);
    if (code == CURLM_OK)
      code = curl_multi_poll (loop->multi, NULL, 0, IDLE_MS, NULL);
    if (code != CURLM_OK) {
      log_debug (origin, "libcurl: %s", curl_multi_strerror (code));
      stop_sleep (NULL, TROUBLE_MS);
    }
  }
  return NULL;
}

static void
loop_free (struct http_loop *loop)
{
  curl_multi_cleanup (loop->multi);
  pthread_mutex_destroy (&loop->lock);
  free (loop);
}

/* Signals are for the program's own threads; a SIGPIPE out of a TLS library
 * is for nobody.
 */
static int
start_thread (struct http_loop *loop)
{
  sigset_t all, before;
  int err;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  err = pthread_create (&loop->thread, NULL, loop_thread, loop);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return err;
}

static struct http_loop *
loop_new (struct error *e)
{
  struct http_loop *loop = calloc (1, sizeof *loop);
  int err;

  /* Once a program: under the_lock, and libcurl counts. */
  if (!loop || curl_global_init (CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    free (loop);
    error_set (e, ENOMEM, "libcurl can't be initialised: out of memory");
    return NULL;
  }
  pthread_mutex_init (&loop->lock, NULL);
  loop->last = &loop->first;
  loop->multi = curl_multi_init ();
  err = loop->multi ? start_thread (loop) : ENOMEM;
  if (err) {
    loop_free (loop);
    error_set (e, err, "the thread for HTTP can't be started: %s",
               strerror (err));
    return NULL;
  }
  return loop;
}

/* Connections the loop keeps open for later change by this many. */
static void
keep_connections (struct http_loop *loop, long change)
{
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&loop->lock);

    loop->connections += change;
    loop->connections_changed = true;
  }
  curl_multi_wakeup (loop->multi);
}

struct http_loop *
http_loop_get (unsigned connections, struct error *e)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&the_lock);
  if (!the_loop)
    the_loop = loop_new (e);
  if (!the_loop)
    return NULL;
  the_users++;
  keep_connections (the_loop, connections);
  return the_loop;
}

void
http_loop_put (struct http_loop *loop, unsigned connections)
{
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&the_lock);

    if (--the_users) {
      keep_connections (loop, -(long) connections);
      return;
    }
    the_loop = NULL;
  }
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&loop->lock);

    loop->ending = true;
  }
  curl_multi_wakeup (loop->multi);
  pthread_join (loop->thread, NULL);
  loop_free (loop);
}

void
http_loop_start (struct http_loop *loop, struct http_job *job)
{
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&loop->lock);

    job->running = job->abort = job->finished = job->queued = false;
    enqueue (loop, job);
  }
  curl_multi_wakeup (loop->multi);
}

void
http_loop_abort (struct http_loop *loop, struct http_job *job)
{
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&loop->lock);

    if (job->finished)
      return;
    job->abort = true;
    enqueue (loop, job);
  }
  curl_multi_wakeup (loop->multi);
}
