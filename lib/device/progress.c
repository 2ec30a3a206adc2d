/* Progress of long fetches in the log, at a settable cadence. */

#include <config.h>

#include <inttypes.h>
#include <stdbool.h>

#include "device/progress.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/stop.h"

void
progress_init (struct progress *progress, uint64_t every)
{
  *progress = (struct progress) {
    .every = every, .next = every, .last_ns = stop_now_ns ()
  };
  pthread_mutex_init (&progress->lock, NULL);
}

void
progress_destroy (struct progress *progress)
{
  pthread_mutex_destroy (&progress->lock);
}

/* Whoever passes the mark moves it and has something to say; threads that
 * counted before him and come after him have not.
 */
static bool
pass_mark (struct progress *progress, uint64_t bytes, double *mb_s)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&progress->lock);
  uint64_t now = stop_now_ns ();

  if (bytes < progress->next)
    return false;
  *mb_s = (bytes - progress->last_bytes) * 1e3 /
    max_u64 (now - progress->last_ns, 1);
  progress->next = (bytes / progress->every + 1) * progress->every;
  progress->last_bytes = bytes;
  progress->last_ns = now;
  return true;
}

void
progress_note (struct progress *progress, struct fetch *fetch,
               const char *url)
{
  struct fetch_stats stats;
  double mb_s;

  if (!progress->every)
    return;
  fetch_stats (fetch, &stats);
  if (pass_mark (progress, stats.bytes, &mb_s))
    log_info ("fetched %" PRIu64 " MiB in %" PRIu64 " requests, now %.1f "
              "MB/s, last from %s", stats.bytes >> 20, stats.requests, mb_s,
              url);
}
