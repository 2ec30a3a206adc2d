/* In which order the blocks of a trace are fetched, and in what requests. */

#include <config.h>

#include <stdlib.h>

#include "device/replay-plan.h"
#include "util/minmax.h"

void
replay_plan_init (struct replay_plan *plan)
{
  *plan = (struct replay_plan) { .blocks = NULL };
}

void
replay_plan_destroy (struct replay_plan *plan)
{
  free (plan->blocks);
  free (plan->order);
}

void
replay_plan_clear (struct replay_plan *plan)
{
  plan->count = plan->next = 0;
  plan->ready = false;
}

static int
compare_blocks (const void *a, const void *b)
{
  const struct replay_block *x = a, *y = b;

  if (x->block != y->block)
    return x->block < y->block ? -1 : 1;
  return x->at < y->at ? -1 : x->at > y->at;
}

static int
compare_at (const void *a, const void *b)
{
  const struct replay_block *x = a, *y = b;

  return x->at < y->at ? -1 : x->at > y->at;
}

/* By block, each of them once. */
static void
sort (struct replay_plan *plan)
{
  uint32_t n = 0;

  if (plan->count > 1)
    qsort (plan->blocks, plan->count, sizeof *plan->blocks, compare_blocks);
  for (uint32_t i = 0; i < plan->count; i++)
    if (n == 0 || plan->blocks[n - 1].block != plan->blocks[i].block)
      plan->blocks[n++] = plan->blocks[i];
  plan->count = n;
}

/* Room for more, in memory or by leaving out what is there twice. */
static bool
grow (struct replay_plan *plan)
{
  uint32_t more = min_u64 (max_u64 (plan->allocated * 2, 1024),
                           REPLAY_PLAN_BLOCKS);
  struct replay_block *blocks;

  if (plan->allocated == REPLAY_PLAN_BLOCKS) {
    sort (plan);
    if (plan->count > REPLAY_PLAN_BLOCKS / 4 * 3)
      return false;
    /* What is added next came after all of these. */
    qsort (plan->blocks, plan->count, sizeof *plan->blocks, compare_at);
    for (uint32_t i = 0; i < plan->count; i++)
      plan->blocks[i].at = i;
    return true;
  }
  blocks = realloc (plan->blocks, more * sizeof *blocks);
  if (!blocks)
    return false;
  plan->blocks = blocks;
  plan->allocated = more;
  return true;
}

bool
replay_plan_add (struct replay_plan *plan, uint64_t block)
{
  if (plan->count > 0 && plan->blocks[plan->count - 1].block == block)
    return true;
  if (plan->count == plan->allocated && !grow (plan))
    return false;
  plan->blocks[plan->count] = (struct replay_block) {
    .block = block, .at = plan->count
  };
  plan->count++;
  return true;
}

static int
compare_order (const void *a, const void *b, void *opaque)
{
  const struct replay_block *blocks = opaque;
  const struct replay_block *x = &blocks[*(const uint32_t *) a];
  const struct replay_block *y = &blocks[*(const uint32_t *) b];

  return compare_at (x, y);
}

bool
replay_plan_make (struct replay_plan *plan)
{
  sort (plan);
  free (plan->order);
  plan->order = malloc (max_u64 (plan->count, 1) * sizeof *plan->order);
  if (!plan->order)
    return false;
  for (uint32_t i = 0; i < plan->count; i++)
    plan->order[i] = i;
  qsort_r (plan->order, plan->count, sizeof *plan->order, compare_order,
           plan->blocks);
  plan->ready = true;
  return true;
}

/* Whether block i + 1 goes with block i. */
static bool
goes_on (const struct replay_plan *plan, uint32_t i, uint64_t chunk)
{
  const struct replay_block *b = &plan->blocks[i];

  return i + 1 < plan->count && !b[0].taken && !b[1].taken
    && b[1].block == b[0].block + 1 && b[1].block % chunk != 0;
}

bool
replay_plan_next (struct replay_plan *plan, uint64_t chunk, uint64_t *first,
                  uint64_t *count)
{
  uint32_t from, to;

  if (!plan->ready)
    return false;
  while (plan->next < plan->count
         && plan->blocks[plan->order[plan->next]].taken)
    plan->next++;
  if (plan->next == plan->count)
    return false;
  from = to = plan->order[plan->next];
  while (from > 0 && goes_on (plan, from - 1, chunk))
    from--;
  while (goes_on (plan, to, chunk))
    to++;
  for (uint32_t i = from; i <= to; i++)
    plan->blocks[i].taken = true;
  *first = plan->blocks[from].block;
  *count = to - from + 1;
  return true;
}
