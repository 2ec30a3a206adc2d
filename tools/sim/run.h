/* Runs a trace through several simulated caches at once. */

#ifndef TIERCACHE_SIM_RUN_H
#define TIERCACHE_SIM_RUN_H

#include <stdint.h>

#include "cache.h"
#include "trace.h"
#include "util/error.h"

struct run
{
  const struct cache_ops *ops;
  uint64_t cache_bytes;         /* asked for; a sampled run uses a part */

  /* What came out. */
  uint64_t accesses, misses;
  double bytes, miss_bytes;
  double cost_us, miss_cost_us;
  struct cache_counts counts;
  double ns_per_access;
};

/* One pass over the trace for all runs; their capacity is not the config's.  0, or -1 with *e. */
extern int run_all (const struct trace *trace, struct run *runs,
                    unsigned count, uint32_t sample,
                    const struct cache_config *config,
                    void (*progress) (const char *name,
                                      unsigned thousandths),
                    struct error *e);

#endif /* TIERCACHE_SIM_RUN_H */
