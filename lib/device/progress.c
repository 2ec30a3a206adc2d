/* Progress of long fetches in the log, at a settable cadence. */

#include <config.h>

#include <inttypes.h>

#include "device/progress.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/stop.h"

void
progress_init (struct progress *progress, uint64_t every)
{
  progress->every = every;
  atomic_init (&progress->next, every);
  atomic_init (&progress->last_bytes, 0);
  atomic_init (&progress->last_ns, stop_now_ns ());
}

void
progress_note (struct progress *progress, struct fetch *fetch,
               const char *url)
{
  struct fetch_stats stats;
  uint64_t next, now, bytes, ns;

  if (!progress->every)
    return;
  fetch_stats (fetch, &stats);
  next = atomic_load (&progress->next);
  if (stats.bytes < next)
    return;
  /* Whoever moves the mark says so; the others have nothing to say. */
  if (!atomic_compare_exchange_strong (&progress->next, &next,
                                       (stats.bytes / progress->every + 1)
                                       * progress->every))
    return;
  now = stop_now_ns ();
  bytes = stats.bytes - atomic_exchange (&progress->last_bytes, stats.bytes);
  ns = max_u64 (now - atomic_exchange (&progress->last_ns, now), 1);
  log_info ("fetched %" PRIu64 " MiB in %" PRIu64 " requests, now %.1f MB/s, "
            "last from %s", stats.bytes >> 20, stats.requests,
            bytes * 1e3 / ns, url);
}
