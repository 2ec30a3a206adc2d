/* Simulated caches: one table of functions, a file for each kind. */

#ifndef TIERCACHE_SIM_CACHE_H
#define TIERCACHE_SIM_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"
#include "trace.h"

struct cache_counts
{
  uint64_t evictions;
  uint64_t inserted_bytes;
};

struct cache_config
{
  uint64_t capacity;            /* bytes */
  uint64_t seed;
  enum policy_goal goal;                /* of the device's own policy */
  enum policy_admission admission;
};

struct cache
{
  const struct cache_ops *ops;
  uint64_t capacity;            /* bytes */
  struct cache_counts counts;
};

struct cache_ops
{
  const char *name;

  /* NULL when out of memory. */
  struct cache *(*new) (const struct trace *trace,
                        const struct cache_config *config);
  void (*free) (struct cache *cache);

  /* The access at index: true for a hit. */
  bool (*access) (struct cache *cache, const struct access *access,
                 uint64_t index);
};

extern const struct cache_ops cache_weighted;   /* as in the device */
extern const struct cache_ops cache_lru;        /* as in the device */
extern const struct cache_ops cache_gdsf;
extern const struct cache_ops cache_gdsf_cost;
extern const struct cache_ops cache_belady;

/* NULL when there is none of this name. */
extern const struct cache_ops *cache_find_ops (const char *name);

/* For the error that there is none: all of them. */
#define CACHE_NAMES "weighted, lru, gdsf, gdsf-cost, belady"

#endif /* TIERCACHE_SIM_CACHE_H */
