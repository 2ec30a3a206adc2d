/* The resident objects by score, lowest first; a score may change. */

#ifndef TIERCACHE_SIM_HEAP_H
#define TIERCACHE_SIM_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct heap
{
  uint32_t *objects;            /* as a binary heap */
  uint32_t *places;             /* by object, plus 1; 0: not in it */
  double *scores;               /* by object */
  uint64_t *set_at;             /* by object, in calls of heap_set */
  uint64_t sets;
  uint32_t count;
};

/* For objects 0 to objects - 1.  0, or -1 when out of memory. */
extern int heap_init (struct heap *heap, uint32_t objects);
extern void heap_free (struct heap *heap);

static inline bool
heap_has (const struct heap *heap, uint32_t object)
{
  return heap->places[object] != 0;
}

/* Adds object, or changes its score. */
extern void heap_set (struct heap *heap, uint32_t object, double score);

/* Takes the lowest out; of equal scores the one set first. */
extern uint32_t heap_pop (struct heap *heap);

#endif /* TIERCACHE_SIM_HEAP_H */
