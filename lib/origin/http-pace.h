/* How fast an origin usually is, to tell when one request is not.  Pure; the
 * caller has the clock and the lock.
 */

#ifndef TIERCACHE_HTTP_PACE_H
#define TIERCACHE_HTTP_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroes: nothing known yet. */
struct http_pace
{
  uint64_t wait_ns;             /* until the first byte; running mean */
  uint64_t mib_ns;              /* for a MiB of body; running mean */
  uint64_t bytes;               /* taken in all */
  uint64_t wasted;              /* that arrived twice */
};

/* A request brought bytes: the first after wait_ns, the others within
 * body_ns.
 */
extern void http_pace_note (struct http_pace *pace, uint64_t wait_ns,
                            uint64_t body_ns, uint64_t bytes);

/* A request that began elapsed_ns ago and has bytes by now, the last of them
 * idle_ns ago (elapsed_ns if none), is so far behind that it is worth asking
 * again for the rest on another connection.
 */
extern bool http_pace_overdue (const struct http_pace *pace,
                               uint64_t elapsed_ns, uint64_t idle_ns,
                               uint64_t bytes);

#endif /* TIERCACHE_HTTP_PACE_H */
