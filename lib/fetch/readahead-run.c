/* Runs: from reads next to each other to a direction, from runs of equal
 * distance to a stride.
 */

#include <config.h>

#include "fetch/readahead-run.h"
#include "util/minmax.h"

/* On a small image reads are neighbours by chance, so it takes some: with
 * 1024 blocks and these numbers one random read in thousands is taken for a
 * step of a reader.
 */
#define STEPS 6                 /* a run grows by so much, in one direction: */
#define STEP_NEXT 2             /* for each read next to it, */
#define STEP_BRIDGED 1          /* and for one behind what is cached */
#define PIECES 5                /* runs of equal distance */
#define LOPSIDED 4              /* a reader's run grows so much more there */
#define BRIDGE 16               /* cached blocks between neighbours, at most */

static uint64_t
round_down (uint64_t x, uint64_t block_size)
{
  return x - x % block_size;
}

static uint64_t
round_up (uint64_t x, uint64_t block_size)
{
  return round_down (x + block_size - 1, block_size);
}

/* Is the read next to the run, or are only a few cached blocks between them?
 * Returns the size of this step, 0 if it is neither.  Whole blocks count: of
 * reads within a block, only the first is seen.
 */
static unsigned
step (const struct run *run, const struct stream_limits *limits,
         uint64_t start, uint64_t end)
{
  uint64_t block_size = limits->block_size, from, to;

  if (run->end == 0)
    return 0;
  from = round_up (min_u64 (run->end, end), block_size);
  to = round_down (max_u64 (run->start, start), block_size);
  if (from >= to)
    return STEP_NEXT;
  return to - from <= BRIDGE * block_size
    && stream_is_cached (limits, from, to) ? STEP_BRIDGED : 0;
}

/* A free place for a run, or that of the one not read for longest. */
static struct run *
run_place (struct runs *runs)
{
  struct run *oldest = &runs->run[0];
  size_t i;

  for (i = 0; i < RUN_COUNT; i++) {
    if (runs->run[i].end == 0)
      return &runs->run[i];
    if (runs->run[i].last_note < oldest->last_note)
      oldest = &runs->run[i];
  }
  return oldest;
}

/* The longer one is where the reader was; the other, where it went. */
static void
merge (struct run *run, struct run *other)
{
  if (other->end - other->start > run->end - run->start) {
    run->mark_start = other->mark_start;
    run->mark_end = other->mark_end;
  }
  run->steps += other->steps;
  run->start = min_u64 (run->start, other->start);
  run->end = max_u64 (run->end, other->end);
  other->end = 0;
}

/* The run of which this read is part now.  *grown: it has more blocks. */
static struct run *
add (struct runs *runs, const struct stream_limits *limits, uint64_t start,
     uint64_t end, uint64_t now, bool *grown)
{
  uint64_t block_size = limits->block_size;
  struct run *into = NULL;
  size_t i;

  *grown = true;
  for (i = 0; i < RUN_COUNT; i++) {
    struct run *run = &runs->run[i];
    unsigned by = step (run, limits, start, end);

    if (by == 0)
      continue;
    if (into) {
      merge (into, run);
      continue;
    }
    into = run;
    if (round_down (start, block_size) >= round_down (run->start, block_size)
        && round_up (end, block_size) <= round_up (run->end, block_size))
      *grown = false;
    else
      into->steps += by;
    into->start = min_u64 (into->start, start);
    into->end = max_u64 (into->end, end);
  }
  if (!into) {
    into = run_place (runs);
    *into = (struct run) { .start = start, .end = end,
                           .mark_start = start, .mark_end = end };
  }
  into->last_note = now;
  return into;
}

void
run_rearm (struct run *run)
{
  run->steps = 0;
  run->mark_start = run->start;
  run->mark_end = run->end;
}

/* Which way did it grow?  If both, it is asked again some steps later. */
static enum run_kind
direction (struct run *run)
{
  uint64_t up = run->end - run->mark_end;
  uint64_t down = run->mark_start - run->start;

  if (run->steps < STEPS)
    return RUN_NOTHING;
  if (up > LOPSIDED * down)
    return RUN_FORWARD;
  if (down > LOPSIDED * up)
    return RUN_BACKWARD;
  run_rearm (run);
  return RUN_NOTHING;
}

static struct run *
run_at (struct runs *runs, uint64_t start)
{
  size_t i;

  for (i = 0; i < RUN_COUNT; i++)
    if (runs->run[i].end > 0 && runs->run[i].start == start)
      return &runs->run[i];
  return NULL;
}

/* The first of the runs in steps of stride of which this is one, how many
 * there are, and the length of the longest.
 */
static struct run *
walk (struct runs *runs, struct run *run, uint64_t stride, unsigned *count,
      uint64_t *piece)
{
  struct run *first = run, *next;

  while (first->start >= stride
         && (next = run_at (runs, first->start - stride)) != NULL)
    first = next;
  *count = 0;
  *piece = 0;
  for (next = first; next; next = run_at (runs, next->start + stride)) {
    *piece = max_u64 (*piece, next->end - next->start);
    ++*count;
  }
  return first;
}

/* Pieces are of one length, but for those being read. */
static bool
is_even (struct runs *runs, const struct run *first, uint64_t stride,
         uint64_t piece)
{
  const struct run *run;
  unsigned shorter = 0;

  for (run = first; run; run = run_at (runs, run->start + stride))
    shorter += run->end - run->start < piece;
  return shorter <= PIECES - 3;
}

/* Is the run one of several of equal distance? */
static bool
find_stride (struct runs *runs, uint64_t block_size, struct run *run,
             struct run_pattern *found)
{
  size_t i;

  for (i = 0; i < RUN_COUNT; i++) {
    struct run *other = &runs->run[i], *first;
    uint64_t stride, piece, before;
    unsigned count;

    if (other->end == 0 || other == run)
      continue;
    stride = other->start > run->start ? other->start - run->start
                                       : run->start - other->start;
    first = walk (runs, run, stride, &count, &piece);
    if (count < PIECES || piece + 2 * block_size > stride
        || !is_even (runs, first, stride, piece))
      continue;
    /* What was read now is most often at the end where the reader is. */
    before = (run->start - first->start) / stride;
    found->kind = 2 * before + 1 >= count ? RUN_FORWARD : RUN_BACKWARD;
    found->start = first->start;
    if (found->kind == RUN_BACKWARD)
      found->start += (count - 1) * stride;
    found->end = found->start + piece;
    found->stride = stride;
    found->count = count;
    return true;
  }
  return false;
}

void
runs_note (struct runs *runs, const struct stream_limits *limits,
           uint64_t start, uint64_t end, uint64_t now,
           struct run_pattern *found)
{
  bool grown;
  struct run *run = add (runs, limits, start, end, now, &grown);

  *found = (struct run_pattern) { .kind = RUN_NOTHING, .count = 1,
                                  .run = run };
  if (!grown || find_stride (runs, limits->block_size, run, found))
    return;
  found->kind = direction (run);
  found->start = run->start;
  found->end = run->end;
}
