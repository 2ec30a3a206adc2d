/* Leaving the core to others in the midst of work. */

#include <config.h>

#include <sched.h>

#include "util/stop.h"
#include "util/yield.h"

#define LONG_NS 2000000         /* no row of hits takes so long */
#define PAUSE 16                /* times what was too long */

void
yield_core (void)
{
  static _Thread_local uint64_t not_before;
  uint64_t now = stop_now_ns (), took;

  if (now < not_before)
    return;
  sched_yield ();
  took = stop_now_ns () - now;
  if (took > LONG_NS)
    not_before = now + took * (1 + PAUSE);
}
