/* Whether a request that failed is made again, and when. */

#include <config.h>

#include "fetch/retry.h"
#include "util/minmax.h"
#include "util/mix.h"

#define NS_PER_MS UINT64_C (1000000)

void
retry_begin (struct retry *retry, uint64_t now_ns)
{
  if (retry->tries++ == 0)
    retry->started_ns = now_ns;
}

/* Doubles with each try.  The jitter spreads readers that failed together,
 * and never makes a wait longer than the backoff itself.
 */
static uint64_t
backoff (const struct retry_rules *rules, const struct retry *retry)
{
  uint64_t ms = rules->backoff_ms ? rules->backoff_ms : RETRY_BACKOFF_MS;

  for (unsigned i = 1; i < retry->tries && ms < RETRY_BACKOFF_MAX_MS; i++)
    ms *= 2;
  ms = min_u64 (ms, RETRY_BACKOFF_MAX_MS);
  return ms - mix_u64 (retry->seed + retry->tries) % (ms / 2 + 1);
}

static bool
within_bound (const struct retry_rules *rules, const struct retry *retry,
              uint64_t delay_ms, uint64_t now_ns)
{
  uint64_t tries = (uint64_t) rules->retries + 1;
  uint64_t bound_ms = rules->timeout_ms * tries * RETRY_SLACK
    / (RETRY_SLACK - 1);
  uint64_t passed_ms = (now_ns - retry->started_ns) / NS_PER_MS;

  /* The delay is on both sides: time passes, and the bound allows it. */
  return passed_ms + delay_ms + rules->timeout_ms
    <= bound_ms + retry->backoff_ms + delay_ms;
}

bool
retry_again (const struct retry_rules *rules, struct retry *retry,
             const struct error *e, uint64_t now_ns, uint64_t *delay_ms)
{
  if (e->kind == ERROR_FINAL || retry->tries > rules->retries)
    return false;

  *delay_ms = max_u64 (backoff (rules, retry),
                       min_u64 (e->retry_after_ms, RETRY_AFTER_MAX_MS));
  if (!within_bound (rules, retry, *delay_ms, now_ns))
    return false;
  retry->backoff_ms += *delay_ms;
  return true;
}

bool
retry_in_time (const struct retry_rules *rules, const struct retry *retry,
               uint64_t now_ns)
{
  return retry->tries == 0 || within_bound (rules, retry, 0, now_ns);
}
