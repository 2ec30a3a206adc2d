/* Runs: reads next to each other, from which it is told that someone reads
 * onwards, and in which direction or stride.
 *
 * A run is a range of the object all of which was noted lately.  A read next
 * to a run makes it longer, one between two makes them one: so the order in
 * which a reader's requests arrive matters little.
 */

#ifndef TIERCACHE_READAHEAD_RUN_H
#define TIERCACHE_READAHEAD_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/readahead-stream.h"

#define RUN_COUNT 32

struct run
{
  uint64_t start, end;          /* end 0: a free place */
  uint64_t mark_start, mark_end;        /* what it was steps ago */
  uint32_t steps;               /* times it became longer since */
  uint64_t last_note;
};

struct runs
{
  struct run run[RUN_COUNT];
};

enum run_kind
{
  RUN_NOTHING,                  /* no pattern, or not yet */
  RUN_FORWARD,
  RUN_BACKWARD,
};

/* A pattern: a run that grows, or pieces of equal distance. */
struct run_pattern
{
  enum run_kind kind;
  uint64_t start, end;          /* the run, or the piece that came first */
  uint64_t stride;              /* 0: the run */
  unsigned count;               /* of the pieces; 1: the run */
  struct run *run;              /* that which was read now */
};

/* Someone reads [start, end) of the object, as the now-th read that was
 * noted.  What is told from it goes to *found.
 */
extern void runs_note (struct runs *runs, const struct stream_limits *limits,
                       uint64_t start, uint64_t end, uint64_t now,
                       struct run_pattern *found);

/* A stream follows the run's reader: the run has to grow anew before it is
 * taken for a pattern again.
 */
extern void run_rearm (struct run *run);

#endif /* TIERCACHE_READAHEAD_RUN_H */
