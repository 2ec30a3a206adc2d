/* How far long work is: a bar on a terminal, a line now and then elsewhere. */

#ifndef TIERCACHE_CTL_PROGRESS_H
#define TIERCACHE_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress
{
  bool bytes;                   /* or blocks */
  bool quiet;
  bool terminal;
  bool shown;                   /* there is a bar to be wiped away */
  uint64_t start_ns, next_ns, first;
};

extern void progress_begin (struct progress *progress, bool bytes,
                            bool quiet);
extern void progress_show (struct progress *progress, uint64_t done,
                           uint64_t total);

/* Wipes the bar away, before anything else is written. */
extern void progress_end (struct progress *progress);

#endif /* TIERCACHE_CTL_PROGRESS_H */
