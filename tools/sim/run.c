/* Runs a trace through several simulated caches at once, a few thousand
 * accesses at a time, so that the trace is read from memory only once and the
 * time of each cache can be told.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "run.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define RUN_BATCH 4096
#define RUN_PROGRESS 256        /* batches between two reports */

static double
run_clock_ns (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void
run_batch (struct run *run, struct cache *cache, const struct trace *trace,
           uint64_t first, uint64_t end)
{
  double start = run_clock_ns ();

  for (uint64_t i = first; i < end; ++i) {
    const struct access *access = &trace->accesses[i];

    run->bytes += access->bytes;
    run->cost_us += access->cost_us;
    if (cache->ops->access (cache, access, i))
      continue;
    run->misses++;
    run->miss_bytes += access->bytes;
    run->miss_cost_us += access->cost_us;
  }
  run->ns_per_access += run_clock_ns () - start;
}

static void
run_free_caches (struct cache **caches, unsigned count)
{
  for (unsigned i = 0; i < count; ++i)
    if (caches[i])
      caches[i]->ops->free (caches[i]);
}

int
run_all (const struct trace *trace, struct run *runs, unsigned count,
         uint32_t sample, const struct cache_config *config,
         void (*progress) (const char *name, unsigned thousandths),
         struct error *e)
{
  CLEANUP_FREE struct cache **caches = calloc (count, sizeof *caches);

  for (unsigned i = 0; caches && i < count; ++i) {
    struct cache_config one = *config;

    one.capacity = runs[i].cache_bytes / sample;
    caches[i] = runs[i].ops->new (trace, &one);
    if (caches[i] == NULL) {
      run_free_caches (caches, i);
      return error_set (e, ENOMEM, "%s: out of memory for a cache of %llu "
                        "bytes", trace->name,
                        (unsigned long long) runs[i].cache_bytes);
    }
  }
  if (caches == NULL)
    return error_set (e, ENOMEM, "%s: out of memory", trace->name);

  for (uint64_t i = 0; i < trace->count; i += RUN_BATCH) {
    for (unsigned k = 0; k < count; ++k)
      run_batch (&runs[k], caches[k], trace, i,
                 min_u64 (i + RUN_BATCH, trace->count));
    if (progress && i / RUN_BATCH % RUN_PROGRESS == RUN_PROGRESS - 1)
      progress (trace->name, (double) i / trace->count * 1000);
  }
  for (unsigned k = 0; k < count; ++k) {
    runs[k].accesses = trace->count;
    runs[k].ns_per_access /= trace->count;
    runs[k].counts = caches[k]->counts;
  }
  run_free_caches (caches, count);
  return 0;
}
