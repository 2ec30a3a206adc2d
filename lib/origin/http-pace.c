/* How fast an origin usually is, to tell when one request is not. */

#include <config.h>

#include "origin/http-pace.h"
#include "util/minmax.h"

#define PATIENCE_NS UINT64_C (500000000)        /* the least, for anything */
#define PATIENCE_WAITS 4        /* usual waits without a byte */
#define CRAWL 16                /* times slower than usual is as bad as idle */
#define MIB 1048576.0
#define SAMPLE_MIN 65536        /* bytes: less says nothing of the rate */

/* Asking twice must not double the bytes that are paid for, as it would on
 * a slow link shared by many requests, where all of them are late: no more
 * than this may have come for nothing.
 */
#define WASTE_FREE (4u << 20)
#define WASTE_SHARE 32

static uint64_t
mean (uint64_t so_far, uint64_t sample)
{
  return so_far ? so_far - so_far / 8 + sample / 8 : sample;
}

void
http_pace_note (struct http_pace *pace, uint64_t wait_ns, uint64_t body_ns,
                uint64_t bytes)
{
  pace->wait_ns = mean (pace->wait_ns, wait_ns);
  if (bytes >= SAMPLE_MIN)
    pace->mib_ns = mean (pace->mib_ns, body_ns * (MIB / bytes));
  pace->bytes += bytes;
}

bool
http_pace_overdue (const struct http_pace *pace, uint64_t elapsed_ns,
                   uint64_t idle_ns, uint64_t bytes)
{
  uint64_t patience = max_u64 (PATIENCE_NS, PATIENCE_WAITS * pace->wait_ns);
  double usual_ns = pace->mib_ns * (bytes / MIB);

  if (pace->wasted > WASTE_FREE + pace->bytes / WASTE_SHARE)
    return false;
  return idle_ns >= patience
    || (pace->mib_ns && elapsed_ns >= 2 * patience
        && elapsed_ns - patience > CRAWL * usual_ns);
}
