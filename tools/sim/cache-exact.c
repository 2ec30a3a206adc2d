/* Policies to compare with, each in its exact order: GreedyDual-Size-
 * Frequency with and without the cost to fetch (Cherkasova, HP Labs 1998),
 * and Belady's, which knows the future.
 */

#include <config.h>

#include <stdlib.h>

#include "cache.h"
#include "heap.h"

struct exact
{
  struct cache cache;
  struct heap heap;
  const struct trace *trace;
  uint64_t used;
  uint64_t *bytes;              /* by object, while resident */
  double inflation;             /* GDSF */
  uint32_t *frequency;          /* by object, while resident */
  uint64_t *next;               /* Belady: by access, its object's next */
};

static void
exact_free (struct cache *cache)
{
  struct exact *x = (struct exact *) cache;

  if (x == NULL)
    return;
  heap_free (&x->heap);
  free (x->bytes);
  free (x->frequency);
  free (x->next);
  free (x);
}

static struct exact *
exact_new (const struct cache_ops *ops, const struct trace *trace,
           uint64_t capacity)
{
  struct exact *x = calloc (1, sizeof *x);

  if (x == NULL)
    return NULL;
  x->cache.ops = ops;
  x->cache.capacity = capacity;
  x->trace = trace;
  x->bytes = calloc (trace->objects, sizeof *x->bytes);
  x->frequency = calloc (trace->objects, sizeof *x->frequency);
  if (heap_init (&x->heap, trace->objects) == -1
      || x->bytes == NULL || x->frequency == NULL) {
    exact_free (&x->cache);
    return NULL;
  }
  return x;
}

static double
exact_score (const struct exact *x, const struct access *access,
             uint64_t index)
{
  double cost = x->cache.ops == &cache_gdsf_cost ? access->cost_us : 1000000;

  if (x->next)
    return -(double) x->next[index];
  return x->inflation
    + cost * x->frequency[access->object] / x->bytes[access->object];
}

static bool
exact_access (struct cache *cache, const struct access *access,
              uint64_t index)
{
  struct exact *x = (struct exact *) cache;
  uint32_t object = access->object, victim;
  bool hit = heap_has (&x->heap, object);

  if (!hit) {
    if (access->bytes > cache->capacity)
      return false;
    while (x->used + access->bytes > cache->capacity) {
      victim = heap_pop (&x->heap);
      if (x->heap.scores[victim] > x->inflation)
        x->inflation = x->heap.scores[victim];
      x->used -= x->bytes[victim];
      x->frequency[victim] = 0;
      cache->counts.evictions++;
    }
    x->used += access->bytes;
    x->bytes[object] = access->bytes;
    cache->counts.inserted_bytes += access->bytes;
  }
  x->frequency[object]++;
  heap_set (&x->heap, object, exact_score (x, access, index));
  return hit;
}

static struct cache *
gdsf_new (const struct trace *trace, const struct cache_config *config)
{
  return (struct cache *) exact_new (&cache_gdsf, trace, config->capacity);
}

static struct cache *
gdsf_cost_new (const struct trace *trace, const struct cache_config *config)
{
  return (struct cache *) exact_new (&cache_gdsf_cost, trace,
                                     config->capacity);
}

/* What is never used again goes first: next is then the length of the trace
 * and more, so that of these the last used goes first.
 */
static struct cache *
belady_new (const struct trace *trace, const struct cache_config *config)
{
  struct exact *x = exact_new (&cache_belady, trace, config->capacity);
  uint64_t *seen;

  if (x == NULL)
    return NULL;
  seen = calloc (trace->objects, sizeof *seen);
  x->next = malloc (trace->count * sizeof *x->next);
  if (seen == NULL || x->next == NULL) {
    free (seen);
    exact_free (&x->cache);
    return NULL;
  }
  for (uint64_t i = trace->count; i-- > 0;) {
    uint64_t *next = &seen[trace->accesses[i].object];

    x->next[i] = *next ? *next : trace->count + i;
    *next = i;
  }
  free (seen);
  return &x->cache;
}

const struct cache_ops cache_gdsf = {
  .name = "gdsf",
  .new = gdsf_new,
  .free = exact_free,
  .access = exact_access,
};

const struct cache_ops cache_gdsf_cost = {
  .name = "gdsf-cost",
  .new = gdsf_cost_new,
  .free = exact_free,
  .access = exact_access,
};

const struct cache_ops cache_belady = {
  .name = "belady",
  .new = belady_new,
  .free = exact_free,
  .access = exact_access,
};
