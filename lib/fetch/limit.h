/* How much may be in flight to one origin at once.
 *
 * Pure logic, driven by what was asked and what came; no clock of its own.
 * Two bounds, and a request needs the leave of both:
 *
 * - a window of bytes in flight, in units of the largest request: from 4 to
 *   max units, grown as long as more in flight still bring more.  It counts
 *   bytes because small requests, which wait for the round trip, don't fill
 *   a wire: they may all go at once.
 * - a number of requests: max, halved when the origin says it is busy, then
 *   grown again slowly.
 */

#ifndef TIERCACHE_LIMIT_H
#define TIERCACHE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct limit
{
  unsigned max;                 /* requests */
  uint64_t unit;                /* bytes of the largest request */

  unsigned cap;                 /* requests, at most max */
  unsigned good;                /* since cap last changed */
  uint64_t halved_ns;

  unsigned window;              /* units, at most max */
  unsigned previous;            /* the window before it was raised for a
                                   probe; 0: no probe is being judged */
  double base_rate;             /* bytes per ns at the previous window */
  unsigned no_gain;             /* verdicts in a row on this probe */
  bool careful;                 /* a doubling has failed: smaller steps */
  unsigned hold, next_hold;     /* rounds to wait before the next probe */

  /* What is measured in this round. */
  uint64_t round;               /* changes with the window */
  unsigned samples;
  uint64_t bytes, ns;
};

extern void limit_init (struct limit *limit, unsigned max, uint64_t unit);

/* May a request of so many bytes go when so many requests and bytes are in
 * flight?  The first always may.
 */
extern bool limit_allows (const struct limit *limit, unsigned in_flight,
                          uint64_t bytes_in_flight, uint64_t bytes);

/* A request that has brought what it was asked for. */
struct limit_sample
{
  uint64_t round;               /* limit->round when it was sent */
  uint64_t started_ns, now_ns;
  uint64_t bytes;
  uint64_t bytes_in_flight;     /* its own included: when it was sent or
                                   now, whichever was more */
};
extern void limit_done (struct limit *limit,
                        const struct limit_sample *sample);

/* The origin was too busy for a request sent at started_ns, when so many
 * (it included) were in flight.
 */
extern void limit_busy (struct limit *limit, uint64_t started_ns,
                        uint64_t now_ns, unsigned in_flight);

#endif /* TIERCACHE_LIMIT_H */
