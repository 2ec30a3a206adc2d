/* Progress in the log: sane also when threads come out of order. */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "device/progress.h"
#include "util/log.h"

#define EVERY 1000

/* Called in the place of the pool's and of the clock, which is __real_. */
extern void __wrap_fetch_stats (struct fetch *fetch,
                                struct fetch_stats *stats);
extern uint64_t __real_stop_now_ns (void);
extern uint64_t __wrap_stop_now_ns (void);

static _Atomic uint64_t fetched;        /* bytes */
static atomic_uint messages, absurd;
static struct progress progress;

/* What to do once when somebody looks at the clock. */
static void (*_Atomic meanwhile) (void);

void
__wrap_fetch_stats (struct fetch *fetch, struct fetch_stats *stats)
{
  (void) fetch;
  memset (stats, 0, sizeof *stats);
  stats->bytes = atomic_fetch_add (&fetched, 100) + 100;
}

uint64_t
__wrap_stop_now_ns (void)
{
  void (*fn) (void) = atomic_exchange (&meanwhile, NULL);

  if (fn)
    fn ();
  return __real_stop_now_ns ();
}

/* More than a gigabyte a nanosecond. */
static void
listen (enum log_level level, const char *text)
{
  const char *rate = strstr (text, "now ");
  double mb_s = -1;

  (void) level;
  messages++;
  if (!rate || sscanf (rate, "now %lf", &mb_s) != 1 || mb_s < 0 ||
      mb_s > 1e12)
    absurd++;
}

static void *
note_many (void *opaque)
{
  for (unsigned i = 0; i < 20; i++)
    progress_note (&progress, NULL, "url");
  return opaque;
}

static pthread_t other;

/* Another thread overtakes this one, if it can: nothing tells that it waits
 * for a lock.
 */
static void
overtake (void)
{
  static const struct timespec ms = { .tv_nsec = 1000000 };

  pthread_create (&other, NULL, note_many, NULL);
  for (unsigned i = 0; i < 100 && messages == 0; i++)
    nanosleep (&ms, NULL);
}

static void
test_out_of_order (void **state)
{
  (void) state;
  progress_init (&progress, EVERY);
  meanwhile = overtake;
  note_many (NULL);
  pthread_join (other, NULL);
  progress_destroy (&progress);
  assert_in_range (messages, 1, 4);
  assert_int_equal (absurd, 0);
}

static void
test_each_mark_once (void **state)
{
  (void) state;
  fetched = messages = 0;
  progress_init (&progress, EVERY);
  for (unsigned i = 0; i < 35; i++)
    progress_note (&progress, NULL, "url");
  assert_int_equal (messages, 3);
  progress_destroy (&progress);

  progress_init (&progress, 0);         /* never */
  progress_note (&progress, NULL, "url");
  assert_int_equal (messages, 3);
  progress_destroy (&progress);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_out_of_order),
    cmocka_unit_test (test_each_mark_once),
  };

  log_to (listen, 0);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
