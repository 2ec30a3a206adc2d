/* How much may be in flight to one origin at once.
 *
 * The rate at a window is not taken from the wall clock, where requests
 * that end in clumps would need long averages, but from the requests: each
 * tells how fast one connection is, and times the window that is the rate
 * of all (Little's law).  Only requests sent since the window last changed
 * and while more than half of it was in use count.
 *
 * A probe raises the window.  It stands if it brings at least a tenth of
 * what it would if connections did not slow each other down; otherwise the
 * window goes back and waits before the next probe, longer each time.  One
 * bad round may be noise, so that takes two in a row: in doubt allow.
 */

#include <config.h>

#include "fetch/limit.h"
#include "util/minmax.h"

#define WINDOW_FIRST 4
#define HOLD_FIRST 2
#define HOLD_MAX 64

void
limit_init (struct limit *limit, unsigned max, uint64_t unit)
{
  *limit = (struct limit) {
    .max = max,
    .unit = unit,
    .cap = max,
    .window = min_u64 (WINDOW_FIRST, max),
    .next_hold = HOLD_FIRST,
  };
}

bool
limit_allows (const struct limit *limit, unsigned in_flight,
              uint64_t bytes_in_flight, uint64_t bytes)
{
  return in_flight == 0 ||
    (in_flight < limit->cap &&
     bytes_in_flight + bytes <= limit->window * limit->unit);
}

static void
start_round (struct limit *limit, unsigned window)
{
  if (window != limit->window)
    limit->round++;
  limit->window = window;
  limit->samples = 0;
  limit->bytes = limit->ns = 0;
}

static unsigned
next_window (const struct limit *limit)
{
  unsigned step = limit->careful ? limit->window / 4 : limit->window;

  return min_u64 (limit->window + max_u64 (step, 1), limit->max);
}

/* A round is over: window requests were measured. */
static void
judge (struct limit *limit)
{
  double rate = (double) limit->bytes / limit->ns * limit->window;

  if (limit->previous) {
    double gain = (double) limit->window / limit->previous - 1;

    if (rate < limit->base_rate * (1 + gain / 10)) {
      if (++limit->no_gain < 2) {
        start_round (limit, limit->window);
        return;
      }
      limit->careful = true;
      limit->hold = limit->next_hold;
      limit->next_hold = min_u64 (limit->next_hold * 2, HOLD_MAX);
      start_round (limit, limit->previous);
      limit->previous = 0;
      limit->no_gain = 0;
      return;
    }
  }

  limit->previous = 0;
  limit->no_gain = 0;
  if (limit->hold > 0 || limit->window == limit->max) {
    limit->hold -= limit->hold > 0;
    start_round (limit, limit->window);
    return;
  }
  limit->previous = limit->window;
  limit->base_rate = rate;
  start_round (limit, next_window (limit));
}

void
limit_done (struct limit *limit, const struct limit_sample *sample)
{
  if (limit->cap < limit->max && ++limit->good >= 2 * limit->cap) {
    limit->cap++;
    limit->good = 0;
  }

  if (sample->round != limit->round || sample->now_ns <= sample->started_ns ||
      sample->bytes < limit->unit / 4 ||
      sample->bytes_in_flight * 2 <= limit->window * limit->unit)
    return;
  limit->bytes += sample->bytes;
  limit->ns += sample->now_ns - sample->started_ns;
  if (++limit->samples >= limit->window)
    judge (limit);
}

void
limit_busy (struct limit *limit, uint64_t started_ns, uint64_t now_ns,
            unsigned in_flight)
{
  limit->good = 0;
  /* Those sent before it was halved say nothing about what it is now. */
  if (limit->halved_ns && started_ns < limit->halved_ns)
    return;
  limit->cap = max_u64 (min_u64 (limit->cap, in_flight) / 2, 1);
  limit->halved_ns = now_ns;
}
