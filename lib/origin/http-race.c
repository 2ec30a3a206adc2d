/* One read, raced: when its request falls behind, the rest is asked for again
 * on a new connection, and the first of the two to finish wins.
 *
 * The second request writes to memory of its own, and whoever loses is out of
 * the loop before any memory is given back: no byte is written twice, and
 * none after the read has returned.
 */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "origin/http-race.h"
#include "origin/http-transfer.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/stop.h"
#include "util/sys.h"

enum { FIRST, SPARE, RUNNERS };

struct runner
{
  struct http_transfer *t;      /* NULL: does not run, or not yet */
  bool over;                    /* and what came of it: */
  int result;
  size_t got;
  struct error error;
};

struct race
{
  struct http_client *client;
  const struct http_version *version;
  unsigned char *buf;
  size_t count;
  uint64_t offset, deadline_ns;

  struct http_wait wait;
  struct runner runners[RUNNERS];
  size_t spare_from;            /* where in buf the spare's bytes belong */
  unsigned char *spare_buf;
};

static int
start_first (struct race *race, struct error *e)
{
  struct runner *first = &race->runners[FIRST];

  first->t = http_transfer_get (race->client, e);
  if (!first->t)
    return -1;
  if (http_transfer_start (first->t, &race->wait, race->version, race->buf,
                           race->count, race->offset, race->deadline_ns,
                           false, e) == 0)
    return 0;
  http_transfer_put (first->t);
  first->t = NULL;
  return -1;
}

/* Has the client's permission.  No memory: no second request. */
static bool
start_spare (struct race *race, size_t from)
{
  struct runner *spare = &race->runners[SPARE];

  race->spare_from = from;
  race->spare_buf = malloc (race->count - from);
  if (!race->spare_buf)
    return false;
  spare->t = http_transfer_get (race->client, NULL);
  if (!spare->t)
    return false;
  if (http_transfer_start (spare->t, &race->wait, race->version,
                           race->spare_buf, race->count - from,
                           race->offset + from, race->deadline_ns, true,
                           NULL) == 0)
    return true;
  http_transfer_put (spare->t);
  spare->t = NULL;
  return false;
}

static void
consider_spare (struct race *race)
{
  struct http_transfer *t = race->runners[FIRST].t;
  uint64_t now = stop_now_ns ();
  uint64_t last = atomic_load_explicit (&t->last_ns, memory_order_relaxed);
  size_t got = atomic_load_explicit (&t->got, memory_order_relaxed);

  /* The clock is read before and after by different threads. */
  if (race->runners[FIRST].over || race->spare_buf || got >= race->count
      || now <= last
      || !http_client_spare (race->client, now - t->began_ns, now - last,
                             got))
    return;
  log_debug (origin, "%s: late after %zu of %zu bytes: asking on another "
             "connection", race->client->name, got, race->count);
  if (!start_spare (race, got))
    http_client_spared (race->client, 0);
}

/* Looks at a runner that is done.  True: it has won. */
static bool
settle (struct runner *runner)
{
  if (!runner->t || runner->over || !runner->t->done
      || http_transfer_goes_on (runner->t))
    return false;
  runner->over = true;
  runner->result = http_transfer_result (runner->t, &runner->got,
                                         &runner->error);
  return runner->result == 0;
}

static bool
all_over (const struct race *race)
{
  for (int i = 0; i < RUNNERS; i++)
    if (race->runners[i].t && !race->runners[i].over)
      return false;
  return true;
}

/* A server that has refused, and does not stop talking, is not listened to. */
static void
cut_short (struct race *race)
{
  for (int i = 0; i < RUNNERS; i++) {
    struct http_transfer *t = race->runners[i].t;

    if (t && !race->runners[i].over && !t->done && http_transfer_drags_on (t))
      http_loop_abort (race->client->loop, &t->job);
  }
}

/* Until one has won or all are over, or the program is ending.  The lock is
 * held but while waiting.
 */
static void
run (struct race *race)
{
  for (;;) {
    for (int i = 0; i < RUNNERS; i++)
      if (settle (&race->runners[i]))
        return;
    if (all_over (race))
      return;
    if (stop_wait (race->client->stop, &race->wait.cond, &race->wait.lock, 0)
        == ESHUTDOWN)
      return;
    cut_short (race);
    if (!race->runners[FIRST].t->done)
      consider_spare (race);
  }
}

/* Stops those still running: when this returns, nothing writes any more. */
static void
call_off (struct race *race)
{
  for (int i = 0; i < RUNNERS; i++) {
    struct runner *runner = &race->runners[i];

    if (!runner->t || runner->over)
      continue;
    if (!runner->t->done)
      http_loop_abort (race->client->loop, &runner->t->job);
    while (!runner->t->done)
      pthread_cond_wait (&race->wait.cond, &race->wait.lock);
    runner->over = true;
    runner->result = http_transfer_result (runner->t, &runner->got,
                                           &runner->error);
  }
}

/* Puts together what both brought: first's bytes begin at 0, the spare's at
 * spare_from, which first had passed when the spare began.
 */
static size_t
gather (struct race *race)
{
  struct runner *first = &race->runners[FIRST];
  struct runner *spare = &race->runners[SPARE];
  size_t both = race->spare_from + spare->got;

  if (!spare->t || both <= first->got || first->got < race->spare_from)
    return first->got;
  memcpy (race->buf + first->got,
          race->spare_buf + (first->got - race->spare_from),
          both - first->got);
  return both;
}

static void
find_version (const struct race *race, struct http_version *found)
{
  for (int i = 0; i < RUNNERS; i++) {
    const struct runner *runner = &race->runners[i];

    if (runner->t && runner->result == 0)
      http_version_of (&runner->t->reply, runner->t->size,
                       sys_real.realtime_s (&sys_real), found);
  }
}

static void
clean_up (struct race *race)
{
  struct runner *first = &race->runners[FIRST];
  struct runner *spare = &race->runners[SPARE];

  if (spare->t) {
    size_t overlap = first->got > race->spare_from
      ? first->got - race->spare_from : 0;

    http_client_spared (race->client,
                        overlap < spare->got ? overlap : spare->got);
  }
  for (int i = 0; i < RUNNERS; i++)
    if (race->runners[i].t)
      http_transfer_put (race->runners[i].t);
  free (race->spare_buf);
  pthread_cond_destroy (&race->wait.cond);
  pthread_mutex_destroy (&race->wait.lock);
}

int
http_race_read (struct http_client *client,
                const struct http_version *version, void *buf, size_t count,
                uint64_t offset, uint64_t deadline_ns, size_t *got,
                struct http_version *found, struct error *e)
{
  struct race race = {
    .client = client, .version = version, .buf = buf, .count = count,
    .offset = offset, .deadline_ns = deadline_ns
  };
  int r = -1;

  *got = 0;
  pthread_mutex_init (&race.wait.lock, NULL);
  stop_cond_init (&race.wait.cond);
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&race.wait.lock);

    if (start_first (&race, e) == 0) {
      run (&race);
      call_off (&race);
      *got = gather (&race);
      r = *got == count ? 0 : -1;
      if (r == -1 && e)
        *e = race.runners[FIRST].error;
      if (r == 0 && found)
        find_version (&race, found);
    }
  }
  clean_up (&race);
  return r;
}
