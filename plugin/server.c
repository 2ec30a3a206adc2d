/* What the plugin and the filter have to know about the server they are in. */

#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "server.h"
#include "util/cleanup.h"
#include "util/log.h"

/* nbdkit 1.32 answers whether it is quitting only through nbdkit_nanosleep,
 * which may be called while it serves, and aborts before and after.
 */
static atomic_bool serving, ending;

/* It aborts in .close, too.  A byte of the space that every thread has from
 * its start: nothing to be allocated, or freed under TSan's eyes.
 */
static __thread bool in_close __attribute__ ((tls_model ("initial-exec")));

static bool
stopping (void *opaque)
{
  (void) opaque;
  if (atomic_load (&ending))
    return true;
  /* In a thread of a connection it says the same, with the same errno, when
   * only that client has gone: so nothing follows for others.
   */
  return atomic_load (&serving) && !in_close
    && nbdkit_nanosleep (0, 0) == -1;
}

const struct stop server_stop = { .stopping = stopping };

/* nbdkit has no message between error and debug: what a person must know
 * goes where its errors go.
 */
static void
log_to_nbdkit (enum log_level level, const char *text)
{
  switch (level) {
  case LOG_LEVEL_ERROR:
    nbdkit_error ("%s", text);
    break;
  case LOG_LEVEL_INFO:
    fprintf (stderr, "nbdkit: tiercache: %s\n", text);
    break;
  case LOG_LEVEL_DEBUG:
    nbdkit_debug ("%s", text);
    break;
  }
}

void
server_log (void)
{
  log_to (log_to_nbdkit, 1);
}

void
server_serves (void)
{
  atomic_store (&serving, true);
}

void
server_ends (void)
{
  atomic_store (&ending, true);
}

void
server_close_begins (void)
{
  in_close = true;
}

void
server_close_ends (void)
{
  in_close = false;
}

/* Half of the connections stay free for those who wait. */
struct control *
server_control (struct engine *engine, const struct engine_config *config,
                bool warms)
{
  struct control_target target = {
    .engine = engine, .dir = config->cache.dir, .warms = warms,
    .warmers = config->origin.connections / 2
  };
  struct error e;
  struct control *control = control_start (&target, &e);

  if (!control)
    log_info ("%s: tiercache-ctl can't reach this server", e.text);
  return control;
}

/* nbdkit 1.32 aborts (raw_send_socket: Assertion `sock >= 0') when several
 * threads reply at once to a client that has gone: the first to fail closes
 * the socket under the others.  Requests that waited for the same bytes would
 * do just that, so those of clients that have gone return one by one, and
 * all but the first find the connection marked as dead.
 */
void
server_leave (void)
{
  static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
  static const struct timespec pause = { .tv_nsec = 2000000 };

  if (!stopping (NULL))
    return;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&turn);
  nanosleep (&pause, NULL);
}
