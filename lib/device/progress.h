/* Progress of long fetches in the log, at a settable cadence. */

#ifndef TIERCACHE_PROGRESS_H
#define TIERCACHE_PROGRESS_H

#include <pthread.h>
#include <stdint.h>

#include "fetch/fetch.h"

struct progress
{
  uint64_t every;               /* bytes; 0: never */
  pthread_mutex_t lock;         /* of what follows */
  uint64_t next;                /* a message when this many have come */
  uint64_t last_bytes, last_ns; /* at the last message */
};

extern void progress_init (struct progress *progress, uint64_t every);
extern void progress_destroy (struct progress *progress);

/* Bytes have come: says so if it is time to.  Any thread. */
extern void progress_note (struct progress *progress, struct fetch *fetch,
                           const char *url);

#endif /* TIERCACHE_PROGRESS_H */
