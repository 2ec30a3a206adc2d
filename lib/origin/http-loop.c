/* One thread, one libcurl multi handle, for all open http: origins. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "origin/http-loop.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/stop.h"
#include "util/yield.h"

#define TROUBLE_MS 10           /* before a wait that failed is tried again */
#define ROUND_MS 250            /* between two looks at all transfers */
#define EVENTS_MAX 64           /* taken at once */
#define NS_PER_MS UINT64_C (1000000)

struct http_loop
{
  CURLM *multi;
  pthread_t thread;
  int epoll;
  int wakeup;                   /* an eventfd */

  /* The thread's own. */
  uint64_t timer_ns;            /* libcurl wants to be called; 0: it doesn't */
  uint64_t round_ns;            /* of the last look at all transfers */
  int running;                  /* transfers, as far as libcurl has said */

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
check (CURLMcode code)
{
  if (code != CURLM_OK)
    log_debug (origin, "libcurl: %s", curl_multi_strerror (code));
}

static void
act (struct http_loop *loop, curl_socket_t fd, int what)
{
  check (curl_multi_socket_action (loop->multi, fd, what, &loop->running));
}

static void
serve_timer (struct http_loop *loop)
{
  while (loop->timer_ns && loop->timer_ns <= stop_now_ns ()) {
    loop->timer_ns = 0;
    act (loop, CURL_SOCKET_TIMEOUT, 0);
  }
}

/* libcurl begins a transfer when its timer is served: of many at once each
 * takes as long as a hit.
 */
static void
serve_queue (struct http_loop *loop)
{
  struct http_job *job;
  bool abort = false;

  while ((job = take_queued (loop, &abort))) {
    if (abort)
      finish (loop, job, job->unwatched ? CURLE_FAILED_INIT
              : CURLE_ABORTED_BY_CALLBACK);
    else {
      curl_easy_setopt (job->easy, CURLOPT_PRIVATE, job);
      if (curl_multi_add_handle (loop->multi, job->easy) == CURLM_OK)
        job->running = true;
      else
        finish (loop, job, CURLE_FAILED_INIT);
      serve_timer (loop);
      yield_core ();
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

/* libcurl 7.88 closes a socket that does not connect before it says so, and
 * the next one may have its number: what it says is known may be new.
 */
static int
watch (struct http_loop *loop, curl_socket_t fd, int what, bool known)
{
  struct epoll_event event = { .data.fd = fd };

  if (what & CURL_POLL_IN)
    event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT)
    event.events |= EPOLLOUT;
  if (known) {
    int r = epoll_ctl (loop->epoll, EPOLL_CTL_MOD, fd, &event);

    if (r == 0 || errno != ENOENT)
      return r;
  }
  return epoll_ctl (loop->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Nothing would be heard of this transfer any more.  libcurl must not know:
 * it would give up all others, too, and take no new ones.
 */
static void
end_unwatched (struct http_loop *loop, CURL *easy)
{
  char *private = NULL;
  struct http_job *job;

  log_debug (origin, "epoll_ctl: %s", strerror (errno));
  curl_easy_getinfo (easy, CURLINFO_PRIVATE, &private);
  job = (struct http_job *) (void *) private;
  if (job) {
    job->unwatched = true;
    http_loop_abort (loop, job);
  }
}

/* libcurl's wish for a socket.  The connections it keeps for later are not
 * among them.  socketp tells a socket that is known from a new one.
 */
static int
socket_callback (CURL *easy, curl_socket_t fd, int what, void *opaque,
                 void *socketp)
{
  struct http_loop *loop = opaque;

  if (what == CURL_POLL_REMOVE) {
    epoll_ctl (loop->epoll, EPOLL_CTL_DEL, fd, NULL);
    return 0;
  }
  if (!socketp)
    curl_multi_assign (loop->multi, fd, loop);
  if (watch (loop, fd, what, socketp != NULL) == -1)
    end_unwatched (loop, easy);
  return 0;
}

static int
timer_callback (CURLM *multi, long ms, void *opaque)
{
  struct http_loop *loop = opaque;

  (void) multi;
  loop->timer_ns = ms < 0 ? 0 : stop_now_ns () + ms * NS_PER_MS;
  return 0;
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

/* When the thread has something to do at the latest; 0: never. */
static uint64_t
next_ns (const struct http_loop *loop)
{
  uint64_t round_ns = loop->round_ns + ROUND_MS * NS_PER_MS;

  if (loop->running == 0)
    return loop->timer_ns;
  return loop->timer_ns ? min_u64 (loop->timer_ns, round_ns) : round_ns;
}

/* Of an epoll_wait, rounded up. */
static int
wait_ms (const struct http_loop *loop)
{
  uint64_t now = stop_now_ns (), next = next_ns (loop);

  if (next == 0)
    return -1;
  if (next <= now)
    return 0;
  return min_u64 ((next - now + NS_PER_MS - 1) / NS_PER_MS, INT32_MAX);
}

/* libcurl 7.88 sets no timer for a transfer that has given up one of a
 * host's addresses, to go on with the next: it must be called.  That for
 * all of them is deprecated because it is slow where it is all one calls.
 */
static void
serve_all (struct http_loop *loop)
{
  uint64_t now = stop_now_ns ();

  if (loop->running == 0 || now < loop->round_ns + ROUND_MS * NS_PER_MS)
    return;
  loop->round_ns = now;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  check (curl_multi_socket_all (loop->multi, &loop->running));
#pragma GCC diagnostic pop
}

static void
serve_event (struct http_loop *loop, const struct epoll_event *event)
{
  uint64_t count;
  int what = 0;

  if (event->data.fd == loop->wakeup) {
    if (read (loop->wakeup, &count, sizeof count) == -1)
      log_debug (origin, "eventfd: %s", strerror (errno));
    return;
  }
  if (event->events & (EPOLLIN | EPOLLHUP))
    what |= CURL_CSELECT_IN;
  if (event->events & EPOLLOUT)
    what |= CURL_CSELECT_OUT;
  if (event->events & EPOLLERR)
    what |= CURL_CSELECT_ERR;
  act (loop, event->data.fd, what);
}

/* A body takes as long to receive as several hits, which would wait for it
 * where cores are few: between sockets the core is free for others.
 */
static void *
loop_thread (void *opaque)
{
  struct http_loop *loop = opaque;
  struct epoll_event events[EVENTS_MAX];
  int n;

  pthread_setname_np (pthread_self (), "tc-http");
  while (look_around (loop)) {
    serve_queue (loop);
    serve_timer (loop);
    serve_all (loop);
    serve_finished (loop);
    n = epoll_wait (loop->epoll, events, EVENTS_MAX, wait_ms (loop));
    if (n == -1 && errno != EINTR) {
      log_debug (origin, "epoll_wait: %s", strerror (errno));
      stop_sleep (NULL, TROUBLE_MS);
    }
    for (int i = 0; i < n; i++) {
      serve_event (loop, &events[i]);
      serve_finished (loop);
      yield_core ();
    }
  }
  return NULL;
}

/* Never blocks: the count would have to come near 2^64. */
static void
wake (struct http_loop *loop)
{
  eventfd_write (loop->wakeup, 1);
}

static void
loop_free (struct http_loop *loop)
{
  curl_multi_cleanup (loop->multi);
  if (loop->wakeup != -1)
    close (loop->wakeup);
  if (loop->epoll != -1)
    close (loop->epoll);
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

static int
set_up (struct http_loop *loop)
{
  struct epoll_event event = { .events = EPOLLIN };

  loop->wakeup = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (loop->wakeup == -1)
    return errno;
  loop->epoll = epoll_create1 (EPOLL_CLOEXEC);
  if (loop->epoll == -1)
    return errno;
  event.data.fd = loop->wakeup;
  if (epoll_ctl (loop->epoll, EPOLL_CTL_ADD, loop->wakeup, &event) == -1)
    return errno;
  loop->multi = curl_multi_init ();
  if (!loop->multi)
    return ENOMEM;
  curl_multi_setopt (loop->multi, CURLMOPT_SOCKETFUNCTION, socket_callback);
  curl_multi_setopt (loop->multi, CURLMOPT_SOCKETDATA, loop);
  curl_multi_setopt (loop->multi, CURLMOPT_TIMERFUNCTION, timer_callback);
  curl_multi_setopt (loop->multi, CURLMOPT_TIMERDATA, loop);
  return 0;
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
  loop->epoll = loop->wakeup = -1;
  err = set_up (loop);
  if (!err)
    err = start_thread (loop);
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
  wake (loop);
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
  wake (loop);
  pthread_join (loop->thread, NULL);
  loop_free (loop);
}

void
http_loop_start (struct http_loop *loop, struct http_job *job)
{
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&loop->lock);

    job->running = job->abort = job->finished = job->queued = false;
    job->unwatched = false;
    enqueue (loop, job);
  }
  wake (loop);
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
  wake (loop);
}
