/* Whether a request that failed is made again, and when.
 *
 * Pure logic: no clock, no randomness but the seed's.
 */

#ifndef TIERCACHE_RETRY_H
#define TIERCACHE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

#define RETRY_BACKOFF_MS 200u           /* the first, unless set */
#define RETRY_BACKOFF_MAX_MS 10000u
#define RETRY_AFTER_MAX_MS 60000u       /* what an origin may ask for */

/* A try gets what the user allows for one, less this part of it, which is for
 * what comes between tries: so that all end within what is allowed for all.
 */
#define RETRY_SLACK 16

struct retry_rules
{
  unsigned retries;             /* after the first try */
  uint64_t timeout_ms;          /* bounds one try: what is allowed, less the
                                   slack */
  uint64_t backoff_ms;          /* the first; 0: RETRY_BACKOFF_MS */
};

/* One fetch; all zero but for the seed before its first try. */
struct retry
{
  uint64_t seed;                /* of the jitter */
  unsigned tries;               /* that have begun */
  uint64_t started_ns;          /* the first of them */
  uint64_t backoff_ms;          /* sum of all waits so far */
};

/* A try begins. */
extern void retry_begin (struct retry *retry, uint64_t now_ns);

/* A try has just failed with e.  True: to be tried again after *delay_ms
 * (between half of and the whole backoff, or what the origin asked for if
 * that is longer).  False: given up, because the error is final, the tries
 * are used up, or another try could end beyond
 * what is allowed for one * (retries + 1) + the sum of the waits.
 */
extern bool retry_again (const struct retry_rules *rules,
                         struct retry *retry, const struct error *e,
                         uint64_t now_ns, uint64_t *delay_ms);

/* False if a try begun now could end beyond that bound: the wait for its turn
 * took too long.  Always true for the first try.
 */
extern bool retry_in_time (const struct retry_rules *rules,
                           const struct retry *retry, uint64_t now_ns);

#endif /* TIERCACHE_RETRY_H */
