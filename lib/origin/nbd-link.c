/* One connection to an NBD server, driven by a thread of its own.
 *
 * A job is queued, then issued (libnbd has its buffer), then done.  Only the
 * link's thread touches the libnbd handle; a waiter that gives up takes a
 * queued job back itself, and for an issued one has the thread drop the
 * connection, which is how libnbd lets go of a buffer.
 */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "origin/nbd-failure.h"
#include "origin/nbd-link.h"
#include "origin/nbd-wire.h"
#include "util/cleanup.h"
#include "util/log.h"

#define NS_PER_S UINT64_C (1000000000)
#define WANT_AGAIN_S 10         /* after a failure */

struct nbd_link
{
  const char *name;
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

  struct nbd_wire wire;         /* the thread's own */
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
      nbd_failure_answer (link->name, job, &link->wire.facts, &e);
    if (job->errnum == ESHUTDOWN)
      link->drop = true;
    finish (job, job->errnum ? &e : NULL);
  }
}

/* Gives the connection up, and with it all buffers. */
static void
let_go (struct nbd_link *link, const struct error *e)
{
  nbd_wire_close (&link->wire);
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
  if (link->wire.h)
    let_go (link, e);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&link->lock);
  link->failed_ns = stop_now_ns ();
  link->wanted = false;
  finish_all (&link->queued, e);
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
    nbd_wire_issue (&link->wire, job);
  }
}

/* The handshake is over.  0, or -1 with *e if the export is not what it was. */
static int
welcome (struct nbd_link *link, struct error *e)
{
  uint64_t expected;

  pthread_mutex_lock (&link->lock);
  expected = link->size;
  pthread_mutex_unlock (&link->lock);
  if (nbd_wire_learn (&link->wire, expected, e) == -1)
    return -1;
  atomic_store (&link->connected, true);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&link->lock);
  link->wanted = false;
  return 0;
}

/* Takes the connection as far as it goes without waiting.  False if there is no
 * connection any more.
 */
static bool
advance (struct nbd_link *link)
{
  struct nbd_wire *wire = &link->wire;
  struct error e;

  if (!wire->ready && !nbd_wire_is_dead (wire)) {
    if (nbd_wire_is_connecting (wire))
      return true;
    if (welcome (link, &e) == -1) {
      not_connected (link, &e);
      return false;
    }
  }
  if (wire->ready && !nbd_wire_is_dead (wire))
    issue_queued (link);
  if (!nbd_wire_is_dead (wire)) {
    collect (link);
    return true;
  }
  if (wire->ready) {
    nbd_failure_lost (link->name, &e);
    lost (link, &e);
  }
  else {
    nbd_failure_connect (wire->uri, link->name, &e);
    not_connected (link, &e);
  }
  return false;
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

  if (ending)
    nbd_wire_leave (&link->wire);
  if (link->wire.h && (drop || ending)) {
    error_set_kind (&e, ERROR_AGAIN, ECONNRESET, "%s: the connection was "
                    "given up%s", link->name,
                    drop ? ", for the server did not answer a request" : "");
    lost (link, &e);
  }
  if (!ending && !link->wire.h && needed
      && nbd_wire_connect (&link->wire, &e) == -1)
    not_connected (link, &e);
  return !ending;
}

static void *
link_thread (void *opaque)
{
  struct nbd_link *link = opaque;

  while (obey (link))
    if (!link->wire.h || advance (link))
      nbd_wire_wait (&link->wire, link->wake_fd);
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
  link->name = name;
  link->wire = (struct nbd_wire) { .uri = uri, .name = name };
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
