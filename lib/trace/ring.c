/* A bounded queue from many threads to one, without a lock. */

#include <config.h>

#include <stdlib.h>

#include "trace/ring.h"

int
ring_init (struct ring *ring)
{
  ring->cells = malloc (RING_CELLS * sizeof *ring->cells);
  if (!ring->cells)
    return -1;
  for (uint64_t i = 0; i < RING_CELLS; i++)
    atomic_init (&ring->cells[i].turn, i);
  atomic_init (&ring->head, 0);
  ring->tail = 0;
  return 0;
}

void
ring_destroy (struct ring *ring)
{
  free (ring->cells);
}

bool
ring_put (struct ring *ring, const struct ring_entry *entry)
{
  uint64_t at = atomic_load_explicit (&ring->head, memory_order_relaxed);
  struct ring_cell *cell;

  for (;;) {
    uint64_t turn;

    cell = &ring->cells[at % RING_CELLS];
    turn = atomic_load_explicit (&cell->turn, memory_order_acquire);
    if (turn < at)
      return false;
    if (turn > at)
      at = atomic_load_explicit (&ring->head, memory_order_relaxed);
    else if (atomic_compare_exchange_weak_explicit (&ring->head, &at, at + 1,
                                                    memory_order_relaxed,
                                                    memory_order_relaxed))
      break;
  }
  cell->entry = *entry;
  atomic_store_explicit (&cell->turn, at + 1, memory_order_release);
  return true;
}

bool
ring_take (struct ring *ring, struct ring_entry *entry)
{
  struct ring_cell *cell = &ring->cells[ring->tail % RING_CELLS];

  if (atomic_load_explicit (&cell->turn, memory_order_acquire)
      != ring->tail + 1)
    return false;
  *entry = cell->entry;
  atomic_store_explicit (&cell->turn, ring->tail + RING_CELLS,
                         memory_order_release);
  ring->tail++;
  return true;
}
