/* The resident objects by score: a binary heap with places. */

#include <config.h>

#include <stdlib.h>

#include "heap.h"

int
heap_init (struct heap *heap, uint32_t objects)
{
  heap->objects = malloc (objects * sizeof *heap->objects);
  heap->places = calloc (objects, sizeof *heap->places);
  heap->scores = malloc (objects * sizeof *heap->scores);
  heap->set_at = malloc (objects * sizeof *heap->set_at);
  heap->count = 0;
  heap->sets = 0;
  return heap->objects && heap->places && heap->scores && heap->set_at
    ? 0 : -1;
}

void
heap_free (struct heap *heap)
{
  free (heap->objects);
  free (heap->places);
  free (heap->scores);
  free (heap->set_at);
}

static bool
heap_before (const struct heap *heap, uint32_t a, uint32_t b)
{
  return heap->scores[a] < heap->scores[b]
    || (heap->scores[a] == heap->scores[b]
        && heap->set_at[a] < heap->set_at[b]);
}

static void
heap_place (struct heap *heap, uint32_t object, uint32_t place)
{
  heap->objects[place] = object;
  heap->places[object] = place + 1;
}

static void
heap_up (struct heap *heap, uint32_t object, uint32_t place)
{
  while (place > 0) {
    uint32_t parent = (place - 1) / 2;

    if (!heap_before (heap, object, heap->objects[parent]))
      break;
    heap_place (heap, heap->objects[parent], place);
    place = parent;
  }
  heap_place (heap, object, place);
}

static void
heap_down (struct heap *heap, uint32_t object, uint32_t place)
{
  for (;;) {
    uint32_t child = place * 2 + 1;

    if (child >= heap->count)
      break;
    if (child + 1 < heap->count
        && heap_before (heap, heap->objects[child + 1], heap->objects[child]))
      child++;
    if (!heap_before (heap, heap->objects[child], object))
      break;
    heap_place (heap, heap->objects[child], place);
    place = child;
  }
  heap_place (heap, object, place);
}

void
heap_set (struct heap *heap, uint32_t object, double score)
{
  heap->set_at[object] = heap->sets++;
  if (!heap_has (heap, object)) {
    heap->scores[object] = score;
    heap_up (heap, object, heap->count++);
    return;
  }
  if (score < heap->scores[object]) {
    heap->scores[object] = score;
    heap_up (heap, object, heap->places[object] - 1);
  }
  else {
    heap->scores[object] = score;
    heap_down (heap, object, heap->places[object] - 1);
  }
}

uint32_t
heap_pop (struct heap *heap)
{
  uint32_t lowest = heap->objects[0];

  heap->places[lowest] = 0;
  if (--heap->count > 0)
    heap_down (heap, heap->objects[heap->count], 0);
  return lowest;
}
