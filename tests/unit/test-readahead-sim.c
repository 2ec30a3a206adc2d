/* Simulated readers of a simulated cache, for the tests of read-ahead. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "test-readahead-sim.h"
#include "util/minmax.h"
#include "util/mix.h"

#define REQUEST_MAX (1 * MIB)   /* what one request of the origin fetches */

struct sim_block
{
  uint64_t number;              /* plus 1; 0: a free place */
  uint64_t arrives;
  bool unused;                  /* came ahead */
};

static struct sim_block *block_of (struct sim *sim, uint64_t number,
                                   bool *is_new);

/* As cache_has: what has arrived. */
static bool
sim_has (void *opaque, uint64_t number)
{
  struct sim *sim = opaque;
  size_t i = mix_u64 (number) & (sim->places - 1);

  while (sim->block[i].number != 0 && sim->block[i].number != number + 1)
    i = (i + 1) & (sim->places - 1);
  return sim->block[i].number != 0 && sim->block[i].arrives <= sim->now;
}

void
sim_start (struct sim *sim, uint64_t size, uint64_t block_size,
           uint64_t max_window, size_t places, uint64_t seed)
{
  *sim = (struct sim) { .size = size, .block_size = block_size,
                        .random = seed, .places = places };
  sim->ra = readahead_new (size, block_size, max_window, sim_has, sim);
  assert_non_null (sim->ra);
  sim->block = calloc (places, sizeof *sim->block);
  assert_non_null (sim->block);
}

void
sim_end (struct sim *sim)
{
  readahead_free (sim->ra);
  free (sim->block);
}

uint64_t
sim_random (struct sim *sim, uint64_t n)
{
  return mix_u64 (sim->random++) % n;
}

/* The block's place; new ones are put there. */
static struct sim_block *
block_of (struct sim *sim, uint64_t number, bool *is_new)
{
  size_t i = mix_u64 (number) & (sim->places - 1);

  while (sim->block[i].number != 0 && sim->block[i].number != number + 1)
    i = (i + 1) & (sim->places - 1);
  *is_new = sim->block[i].number == 0;
  if (*is_new) {
    assert_true (++sim->known < sim->places);
    sim->block[i].number = number + 1;
  }
  return &sim->block[i];
}

void
sim_cache (struct sim *sim, uint64_t offset, uint64_t count)
{
  uint64_t number;
  bool is_new;

  for (number = offset / sim->block_size;
       number * sim->block_size < offset + count; number++)
    block_of (sim, number, &is_new);
}

/* Fetches what is new of the blocks, neighbours in one request. */
static uint64_t
fetch (struct sim *sim, uint64_t first, uint64_t end, bool ahead)
{
  uint64_t number, bytes = 0, length = 0;

  for (number = first; number < end; number++) {
    uint64_t count = min_u64 (sim->block_size,
                              sim->size - number * sim->block_size);
    struct sim_block *block;
    bool is_new;

    block = block_of (sim, number, &is_new);
    if (!is_new) {
      length = 0;
      continue;
    }
    block->arrives = sim->now + sim->latency;
    block->unused = ahead;
    if (length == 0 || length + count > REQUEST_MAX) {
      sim->requests++;
      length = 0;
    }
    length += count;
    bytes += count;
  }
  sim->fetched += bytes;
  return bytes;
}

static void
fetch_ranges (struct sim *sim, const struct readahead_range *range, size_t n)
{
  size_t i;

  assert_true (n <= READAHEAD_RANGES);
  for (i = 0; i < n; i++) {
    uint64_t end = range[i].offset + range[i].count;
    uint64_t bytes;

    assert_true (range[i].count > 0);
    assert_true (range[i].offset % sim->block_size == 0);
    assert_true (range[i].offset < sim->size && end <= sim->size);
    assert_true (end % sim->block_size == 0 || end == sim->size);
    bytes = fetch (sim, range[i].offset / sim->block_size,
                   (end + sim->block_size - 1) / sim->block_size, true);
    sim->ahead += bytes;
    sim->unused += bytes;
  }
  if (sim->unused > sim->most_unused)
    sim->most_unused = sim->unused;
}

void
sim_read (struct sim *sim, uint64_t offset, uint64_t count)
{
  struct readahead_range range[READAHEAD_RANGES];
  uint64_t first = offset / sim->block_size, number, bytes;
  uint64_t end = (offset + count + sim->block_size - 1) / sim->block_size;
  bool missed = false, used = false;
  size_t n;

  sim->now++;
  sim->read += count;
  for (number = first; number < end; number++) {
    bool is_new;
    struct sim_block *block;

    /* Only looks: what is new is fetched below. */
    block = block_of (sim, number, &is_new);
    if (is_new) {
      block->number = 0;
      sim->known--;
      missed = true;
      continue;
    }
    missed |= block->arrives > sim->now;
    if (block->unused) {
      block->unused = false;
      used = true;
      bytes = min_u64 (sim->block_size,
                       sim->size - number * sim->block_size);
      sim->unused -= bytes;
      sim->touched += bytes;
    }
  }
  if (!missed && !used)
    return;
  n = readahead_note (sim->ra, offset, count, missed, range);
  bytes = fetch (sim, first, end, false);
  sim->touched += bytes;
  sim->demand_blocks += bytes / sim->block_size;
  fetch_ranges (sim, range, n);
}

uint64_t
sim_queue_pick (struct sim *sim, struct sim_queue *queue, unsigned span)
{
  uint64_t i, picked;

  do
    i = sim_random (sim, span);
  while (queue->done & UINT64_C (1) << i);
  picked = queue->next + i;
  queue->done |= UINT64_C (1) << i;
  while (queue->done & 1) {
    queue->done >>= 1;
    queue->next++;
  }
  return picked;
}

void
sim_sequential (struct sim *sim, uint64_t start, uint64_t end,
                uint64_t request, unsigned span, bool backward)
{
  uint64_t n = (end - start + request - 1) / request, at, picked;
  struct sim_queue queue = { 0 };

  while (queue.next < n) {
    picked = sim_queue_pick (sim, &queue, span);
    if (picked >= n)
      continue;
    at = start + (backward ? n - 1 - picked : picked) * request;
    sim_read (sim, at, min_u64 (request, end - at));
  }
}
