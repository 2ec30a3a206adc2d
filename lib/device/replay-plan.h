/* In which order the blocks of a trace are fetched, and in what requests.
 * Pure logic.
 *
 * A part of the trace at a time.  The block that was asked for first is
 * fetched first, and with it its neighbours, as far as the part has them at
 * all and one request goes: they are needed later, but cost little more now.
 */

#ifndef TIERCACHE_REPLAY_PLAN_H
#define TIERCACHE_REPLAY_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_PLAN_BLOCKS 262144u      /* of a part, at most */

struct replay_plan
{
  struct replay_block
  {
    uint64_t block;
    uint32_t at;                /* when it was asked for first */
    bool taken;
  } *blocks;
  uint32_t count, allocated;
  uint32_t *order;              /* of blocks, by at */
  uint32_t next;                /* in order */
  bool ready;
};

extern void replay_plan_init (struct replay_plan *plan);
extern void replay_plan_destroy (struct replay_plan *plan);

/* Throws away what is in it. */
extern void replay_plan_clear (struct replay_plan *plan);

/* A block that was asked for, in order.  False: no more fit, or out of
 * memory.
 */
extern bool replay_plan_add (struct replay_plan *plan, uint64_t block);

/* After the last one.  False: out of memory. */
extern bool replay_plan_make (struct replay_plan *plan);

/* The next request: blocks that follow each other and do not cross a
 * multiple of chunk.  False if there is none.
 */
extern bool replay_plan_next (struct replay_plan *plan, uint64_t chunk,
                              uint64_t *first, uint64_t *count);

#endif /* TIERCACHE_REPLAY_PLAN_H */
