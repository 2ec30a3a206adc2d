/* A bounded queue from many threads to one, without a lock.
 *
 * Every cell has a turn: when it is equal to a position, that position may be
 * filled; when it is one more, it may be taken; then it is given to the
 * position one round later.  Positions are handed out by compare and swap,
 * so that they are in the order in which threads came.
 *
 * Source: Dmitry Vyukov, "Bounded MPMC queue", 1024cores.net.
 */

#ifndef TIERCACHE_TRACE_RING_H
#define TIERCACHE_TRACE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_CELLS 65536u

/* What there is to say, as small as can be. */
struct ring_entry
{
  uint64_t time_us;
  uint64_t block;
  uint32_t count;               /* 0: stored, not an access */
  uint32_t cost_us, bytes;      /* of a stored block */
  uint16_t object;
  bool hit;
};

struct ring_cell
{
  _Atomic uint64_t turn;
  struct ring_entry entry;
};

struct ring
{
  _Alignas (64) _Atomic uint64_t head;  /* the next to be filled */
  _Alignas (64) uint64_t tail;          /* the next to be taken */
  struct ring_cell *cells;
};

/* 0, or -1 when out of memory. */
extern int ring_init (struct ring *ring);
extern void ring_destroy (struct ring *ring);

/* False if it is full.  Any thread. */
extern bool ring_put (struct ring *ring, const struct ring_entry *entry);

/* False if there is nothing.  One thread only. */
extern bool ring_take (struct ring *ring, struct ring_entry *entry);

#endif /* TIERCACHE_TRACE_RING_H */
