/* One connection to an NBD server, driven by a thread of its own.
 *
 * A job is queued, then issued (libnbd has its buffer), then done.  Only the
 * link's thread touches the libnbd handle; a waiter that gives up takes a
 * queued job back itself, and for an issued one has the thread drop the
 * connection, which is how libnbd lets go of a buffer.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <libnbd.h>

#include "origin/nbd-failure.h"
#include "origin/nbd-link.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"

#define NS_PER_S UINT64_C (1000000000)
#define WANT_AGAIN_S 10         /* after a failure */

struct nbd_link
{
  const char *uri, *name;
  const struct stop *stop;
  int wake_fd;
  atomic_bool connected;

  pthread_mutex_t lock;         /* over all of these */
  pthread_t thread;
  bool runs;
  bool ending, drop, wanted;
  uint64_t size, failed_ns;
  struct nbd_job *queued;       /* oldest first */
  struct nbd_job *issued;

  /* The thread's own. */
  struct nbd_handle *h;         /* NULL: no connection, nor on its way */
  bool ready;
  struct nbd_link_facts facts;
};

static void
wake (struct nbd_link *link)
{
  const uint64_t one = 1;
  ssize_t r = write (link->wake_fd, &one, sizeof one);

  (void) r;                     /* full: it is awake */
}

static void
append (struct nbd_job **list, struct nbd_job *job)
{
  while (*list)
    list = &(*list)->next;
  job->next = NULL;
  *list = job;
}

static bool
remove_job (struct nbd_job **list, struct nbd_job *job)
{
  for (; *list; list = &(*list)->next)
    if (*list == job) {
      *list = job->next;
      return true;
    }
  return false;
}

/* Under the lock.  From here on the job is its waiter's. */
static void
finish (struct nbd_job *job, const struct error *e)
{
  if (e)
    *job->error = *e;
  else
    job->error = NULL;
  job->done = true;
  pthread_cond_signal (&job->changed);
}

/* Under the lock: all of a list, with the same error. */
static void
finish_all (struct nbd_job **list, const struct error *e)
{
  while (*list) {
    struct nbd_job *job = *list;

    *list = job->next;
    finish (job, e);
  }
}

/* Hands out what the server has answered. */
static void
collect (struct nbd_link *link)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&link->lock);

  for (struct nbd_job **p = &link->issued; *p;) {
    struct nbd_job *job = *p;
    struct error e;

    if (!job->answered) {
      p = &job->next;
      continue;
    }
    *p = job->next;
    if (job->errnum)
      nbd_failure_answer (link->name, job, &link->facts, &e);
    if (job->errnum == ESHUTDOWN)
      link->drop = true;
    finish (job, job->errnum ? &e : NULL);
  }
}

/* Gives the connection up.  After nbd_close nothing is written to a buffer
 * any more.
 */
static void
let_go (struct nbd_link *link, const struct error *e)
{
  nbd_close (link->h);
  link->h = NULL;
  link->ready = false;
  atomic_store (&link->connected, false);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&link->lock);
  finish_all (&link->issued, e);
}

/* The connection is dead: what came before it died is good, the rest is not
 * (libnbd has answered it with errors of its own).
 */
static void
lost (struct nbd_link *link, const struct error *e)
{
  pthread_mutex_lock (&link->lock);
  for (struct nbd_job **p = &link->issued; *p;) {
    struct nbd_job *job = *p;

    if (job->answered && job->errnum == 0) {
      *p = job->next;
      finish (job, NULL);
    }
    else
      p = &job->next;
  }
  pthread_mutex_unlock (&link->lock);
  log_debug (origin, "%s", e->text);
  let_go (link, e);
}

/* It could not be had: all that wait for it learn why. */
static void
not_connected (struct nbd_link *link, const struct error *e)
{
  log_debug (origin, "%s", e->text);
  if (link->h)
    let_go (link, e);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&link->lock);
  link->failed_ns = stop_now_ns ();
  link->wanted = false;
  finish_all (&link->queued, e);
}

static int
start_connecting (struct nbd_link *link)
{
  struct nbd_handle *h = link->h = nbd_create ();

  if (!h
      || nbd_set_uri_allow_local_file (h, true) == -1
      || nbd_set_uri_allow_transports (h, LIBNBD_ALLOW_TRANSPORT_TCP
                                       | LIBNBD_ALLOW_TRANSPORT_UNIX) == -1
      || nbd_add_meta_context (h, LIBNBD_CONTEXT_BASE_ALLOCATION) == -1
      || nbd_aio_connect_uri (h, link->uri) == -1) {
    struct error e;

    nbd_failure_connect (link->uri, link->name, &e);
    not_connected (link, &e);
    return -1;
  }
  return 0;
}

static uint32_t
block_size (struct nbd_handle *h, int which)
{
  int64_t size = nbd_get_block_size (h, which);

  return size > 0 && size <= UINT32_MAX ? size : 0;
}

/* The handshake is over: what did the server say?  0, or -1 with *e. */
static int
learn (struct nbd_link *link, struct error *e)
{
  int64_t size = nbd_get_size (link->h);
  uint64_t expected;

  pthread_mutex_lock (&link->lock);
  expected = link->size;
  pthread_mutex_unlock (&link->lock);
  if (size < 0)
    return nbd_failure_connect (link->uri, link->name, e);
  if (expected && (uint64_t) size != expected)
    return error_set (e, ESTALE, "%s: the export has changed: it has %" PRIi64
                      " bytes and had %" PRIu64 ": close it and open it again "
                      "to see it as it is now", link->name, size, expected);
  if (size == 0)
    return error_set (e, EINVAL, "%s: is empty (0 bytes): there is nothing "
                      "to serve", link->name);
  link->facts = (struct nbd_link_facts) {
    .size = size,
    .multi_conn = nbd_can_multi_conn (link->h) == 1,
    .allocation = nbd_can_meta_context (link->h,
                                        LIBNBD_CONTEXT_BASE_ALLOCATION) == 1,
    .minimum = block_size (link->h, LIBNBD_SIZE_MINIMUM),
    .maximum = block_size (link->h, LIBNBD_SIZE_MAXIMUM),
  };
  log_debug (origin, "%s: connected: %" PRIi64 " bytes, %s", link->name, size,
             link->facts.multi_conn ? "several connections are possible"
             : "one connection");
  return 0;
}

static int
answered (void *opaque, int *error)
{
  struct nbd_job *job = opaque;

  job->answered = true;
  job->errnum = *error;
  if (!*error && job->kind == NBD_JOB_READ && job->arrived != job->count)
    job->errnum = EBADMSG;
  return 1;                     /* libnbd may forget it */
}

/* A part of a reply to a read, in its place.  libnbd takes the end of a reply
 * for success even when parts are missing: they are counted.
 */
static int
add_part (void *opaque, const void *part, size_t count, uint64_t offset,
          unsigned status, int *error)
{
  struct nbd_job *job = opaque;

  (void) part;
  (void) offset;
  (void) error;
  if (status != LIBNBD_READ_ERROR)
    job->arrived += count;
  return 0;
}

/* Some of the extents of a reply, pairs of length (32 bits) and flags. */
static int
add_extents (void *opaque, const char *context, uint64_t offset,
             uint32_t *entries, size_t n, int *error)
{
  struct nbd_job *job = opaque;

  (void) error;
  if (strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0
      || offset != job->offset)
    return 0;
  for (size_t i = 0; i + 1 < n && job->n_extents < NBD_LINK_EXTENTS; i += 2)
    job->extents[job->n_extents++] = (struct nbd_extent) {
      entries[i], entries[i + 1] & LIBNBD_STATE_ZERO
    };
  return 0;
}

/* Without holes, if the server doesn't tell. */
static int64_t
issue_status (struct nbd_link *link, struct nbd_job *job)
{
  job->n_extents = 0;
  if (link->facts.allocation)
    return nbd_aio_block_status (link->h, job->count, job->offset,
                                 (nbd_extent_callback) {
                                   .callback = add_extents, .user_data = job
                                 },
                                 (nbd_completion_callback) {
                                   .callback = answered, .user_data = job
                                 }, 0);
  job->extents[job->n_extents++] = (struct nbd_extent) { job->count, false };
  job->answered = true;
  return 0;
}

/* Gives libnbd a job.  What it refuses to take is answered at once. */
static void
issue (struct nbd_link *link, struct nbd_job *job)
{
  int64_t r = 0;

  switch (job->kind) {
  case NBD_JOB_CONNECT:
    job->facts = link->facts;
    job->answered = true;
    break;
  case NBD_JOB_READ:
    job->arrived = 0;
    r = nbd_aio_pread_structured (link->h, job->buf, job->count, job->offset,
                                  (nbd_chunk_callback) {
                                    .callback = add_part, .user_data = job
                                  },
                                  (nbd_completion_callback) {
                                    .callback = answered, .user_data = job
                                  }, 0);
    break;
  case NBD_JOB_STATUS:
    r = issue_status (link, job);
    break;
  }
  if (r == -1) {
    job->answered = true;
    job->errnum = nbd_get_errno () ? nbd_get_errno () : EIO;
  }
}

static void
issue_queued (struct nbd_link *link)
{
  for (;;) {
    struct nbd_job *job;

    pthread_mutex_lock (&link->lock);
    job = link->queued;
    if (job) {
      link->queued = job->next;
      job->issued = true;
      append (&link->issued, job);
    }
    pthread_mutex_unlock (&link->lock);
    if (!job)
      return;
    issue (link, job);
  }
}

static bool
is_dead (struct nbd_link *link)
{
  return nbd_aio_is_dead (link->h) == 1 || nbd_aio_is_closed (link->h) == 1;
}

/* Takes the handle as far as it goes without waiting.  False if there is no
 * connection any more.
 */
static bool
advance (struct nbd_link *link)
{
  struct error e;

  if (!link->ready && !is_dead (link)) {
    if (nbd_aio_is_connecting (link->h) == 1)
      return true;
    if (learn (link, &e) == -1) {
      not_connected (link, &e);
      return false;
    }
    link->ready = true;
    atomic_store (&link->connected, true);
    pthread_mutex_lock (&link->lock);
    link->wanted = false;
    pthread_mutex_unlock (&link->lock);
  }
  if (link->ready && !is_dead (link))
    issue_queued (link);
  if (!is_dead (link)) {
    collect (link);
    return true;
  }
  if (link->ready) {
    nbd_failure_lost (link->name, &e);
    lost (link, &e);
  }
  else {
    nbd_failure_connect (link->uri, link->name, &e);
    not_connected (link, &e);
  }
  return false;
}

/* Waits for the socket, if there is one, or to be woken. */
static void
wait_for_events (struct nbd_link *link)
{
  struct pollfd fds[2] = {
    { .fd = link->wake_fd, .events = POLLIN }, { .fd = -1 }
  };
  unsigned dir = 0;
  uint64_t count;

  if (link->h) {
    dir = nbd_aio_get_direction (link->h);
    fds[1].fd = nbd_aio_get_fd (link->h);
    if (dir & LIBNBD_AIO_DIRECTION_READ)
      fds[1].events |= POLLIN;
    if (dir & LIBNBD_AIO_DIRECTION_WRITE)
      fds[1].events |= POLLOUT;
  }
  if (poll (fds, 2, -1) == -1)
    return;
  if (fds[0].revents && read (link->wake_fd, &count, sizeof count) == -1)
    return;                     /* EAGAIN: nothing to clear */
  if (dir & LIBNBD_AIO_DIRECTION_READ
      && fds[1].revents & (POLLIN | POLLHUP | POLLERR))
    nbd_aio_notify_read (link->h);
  else if (dir & LIBNBD_AIO_DIRECTION_WRITE
           && fds[1].revents & (POLLOUT | POLLHUP | POLLERR))
    nbd_aio_notify_write (link->h);
}

/* Does what others have asked for.  False: it is time to end. */
static bool
obey (struct nbd_link *link)
{
  bool ending, drop, needed;
  struct error e;

  pthread_mutex_lock (&link->lock);
  ending = link->ending;
  drop = link->drop;
  link->drop = false;
  needed = link->queued || link->wanted;
  pthread_mutex_unlock (&link->lock);

  if (link->ready && ending)
    nbd_aio_disconnect (link->h, 0);            /* takes leave, if it can */
  if (link->h && (drop || ending)) {
    error_set_kind (&e, ERROR_AGAIN, ECONNRESET, "%s: the connection was "
                    "given up%s", link->name,
                    drop ? ", for the server did not answer a request" : "");
    lost (link, &e);
  }
  if (!ending && !link->h && needed)
    start_connecting (link);
  return !ending;
}

static void *
link_thread (void *opaque)
{
  struct nbd_link *link = opaque;

  while (obey (link))
    if (!link->h || advance (link))
      wait_for_events (link);
  return NULL;
}

/* Under the lock. */
static int
start_thread (struct nbd_link *link)
{
  if (!link->runs)
    link->runs = pthread_create (&link->thread, NULL, link_thread, link) == 0;
  return link->runs ? 0 : -1;
}

/* Waits until the job is done.  If the waiter gives up before, errno values
 * of stop_wait; the job is then nobody's any more.
 */
static int
wait_done (struct nbd_link *link, struct nbd_job *job, uint64_t deadline_ns)
{
  int r = 0;

  while (!job->done && r == 0)
    r = stop_wait (link->stop, &job->changed, &link->lock, deadline_ns);
  if (job->done)
    return 0;
  link->drop = true;
  wake (link);
  if (!job->issued && remove_job (&link->queued, job))
    return r;
  while (!job->done)            /* the thread is never long in coming */
    pthread_cond_wait (&job->changed, &link->lock);
  return job->error ? r : 0;
}

int
nbd_link_do (struct nbd_link *link, struct nbd_job *job, uint64_t deadline_ns,
             struct error *e)
{
  int r;

  job->issued = job->answered = job->done = false;
  job->errnum = 0;
  job->error = e;
  stop_cond_init (&job->changed);
  pthread_mutex_lock (&link->lock);
  r = start_thread (link);
  if (r == 0) {
    append (&link->queued, job);
    wake (link);
    r = wait_done (link, job, deadline_ns);
  }
  pthread_mutex_unlock (&link->lock);
  pthread_cond_destroy (&job->changed);
  switch (r) {
  case 0:
    return job->error ? -1 : 0;
  case -1:
    return error_set_kind (e, ERROR_AGAIN, EAGAIN, "%s: cannot start a "
                           "thread for the connection", link->name);
  case ETIMEDOUT:
    return error_set_kind (e, ERROR_ABSENT, ETIMEDOUT, "%s: the server does "
                           "not answer (fetch-timeout)", link->name);
  default:
    return error_set (e, ESHUTDOWN, "%s: the program is ending", link->name);
  }
}

bool
nbd_link_connected (struct nbd_link *link)
{
  return atomic_load (&link->connected);
}

void
nbd_link_want (struct nbd_link *link)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&link->lock);

  if (link->wanted || (link->failed_ns && stop_now_ns () - link->failed_ns
                       < WANT_AGAIN_S * NS_PER_S))
    return;
  if (start_thread (link) == 0) {
    link->wanted = true;
    wake (link);
  }
}

void
nbd_link_expect (struct nbd_link *link, uint64_t size)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&link->lock);

  link->size = size;
}

struct nbd_link *
nbd_link_new (const char *uri, const char *name, uint64_t size,
              const struct stop *stop, struct error *e)
{
  struct nbd_link *link = calloc (1, sizeof *link);

  if (!link) {
    error_set (e, ENOMEM, "%s: out of memory", name);
    return NULL;
  }
  link->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (link->wake_fd == -1) {
    error_set_kind (e, ERROR_AGAIN, errno, "%s: cannot make an eventfd: %s",
                    name, strerrordesc_np (errno));
    free (link);
    return NULL;
  }
  link->uri = uri;
  link->name = name;
  link->size = size;
  link->stop = stop;
  pthread_mutex_init (&link->lock, NULL);
  return link;
}

void
nbd_link_free (struct nbd_link *link)
{
  bool runs;

  pthread_mutex_lock (&link->lock);
  link->ending = true;
  runs = link->runs;
  wake (link);
  pthread_mutex_unlock (&link->lock);
  if (runs)
    pthread_join (link->thread, NULL);
  close (link->wake_fd);
  pthread_mutex_destroy (&link->lock);
  free (link);
}
