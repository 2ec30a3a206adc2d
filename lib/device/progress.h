/* Progress of long fetches in the log, at a settable cadence. */

#ifndef TIERCACHE_PROGRESS_H
#define TIERCACHE_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

#include "fetch/fetch.h"

struct progress
{
  uint64_t every;               /* bytes; 0: never */
  _Atomic uint64_t next;        /* a message when this many have come */
  _Atomic uint64_t last_bytes, last_ns;         /* at the last message */
};

extern void progress_init (struct progress *progress, uint64_t every);

/* Bytes have come: says so if it is time to.  Any thread. */
extern void progress_note (struct progress *progress, struct fetch *fetch,
                           const char *url);

#endif /* TIERCACHE_PROGRESS_H */
