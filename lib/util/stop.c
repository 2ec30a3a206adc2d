/* Waiting that ends when the program is told to end. */

#include <config.h>

#include <errno.h>
#include <time.h>

#include "util/minmax.h"
#include "util/stop.h"

#define NS_PER_MS UINT64_C (1000000)
#define NS_PER_S UINT64_C (1000000000)

uint64_t
stop_now_ns (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static struct timespec
to_timespec (uint64_t ns)
{
  return (struct timespec) {
    .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S
  };
}

bool
stop_requested (const struct stop *stop)
{
  return stop && stop->stopping && stop->stopping (stop->opaque);
}

void
stop_cond_init (pthread_cond_t *cond)
{
  pthread_condattr_t attr;

  pthread_condattr_init (&attr);
  pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
  pthread_cond_init (cond, &attr);
  pthread_condattr_destroy (&attr);
}

int
stop_wait (const struct stop *stop, pthread_cond_t *cond,
           pthread_mutex_t *mutex, uint64_t deadline_ns)
{
  uint64_t now = stop_now_ns ();
  uint64_t until = now + STOP_SLICE_MS * NS_PER_MS;
  struct timespec ts;

  if (deadline_ns && deadline_ns <= now)
    return ETIMEDOUT;
  if (stop_requested (stop))
    return ESHUTDOWN;
  if (deadline_ns)
    until = min_u64 (until, deadline_ns);
  ts = to_timespec (until);
  pthread_cond_timedwait (cond, mutex, &ts);
  return 0;
}

int
stop_sleep (const struct stop *stop, uint64_t ms)
{
  uint64_t start = stop_now_ns ();
  uint64_t end = ms < (UINT64_MAX - start) / NS_PER_MS
    ? start + ms * NS_PER_MS : UINT64_MAX;

  for (;;) {
    uint64_t now = stop_now_ns ();
    struct timespec ts;

    if (stop_requested (stop))
      return ESHUTDOWN;
    if (now >= end)
      return 0;
    ts = to_timespec (min_u64 (end, now + STOP_SLICE_MS * NS_PER_MS));
    clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
  }
}
