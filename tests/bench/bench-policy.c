/* How many hits the policy takes in a second, and how much memory.
 *
 * Prints lines for scripts/bench.d/table.py: ROW, SIDE, VALUE.  The blocks
 * are all resident and read at random: of reads of whole blocks half are
 * counted as uses (the others come too soon after the last one that was); of
 * the 16 reads of a block in a row, one.
 */

#include <config.h>

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/policy.h"
#include "util/mix.h"
#include "util/stop.h"

#define BLOCKS 100000u                  /* 6 GiB */
#define BLOCK 65536u
#define HITS 20000000u                  /* of each thread */
#define COST_US 40000u

struct world
{
  struct policy *policy;                /* NULL: the entries alone */
  struct policy_entry *entries;
  pthread_barrier_t begin;
};

struct thread
{
  struct world *world;
  uint32_t first, count;                /* its blocks */
  uint32_t row;                         /* hits of a block in a row */
  uint64_t seed;
};

static void
need (bool good)
{
  if (good)
    return;
  fprintf (stderr, "bench-policy: out of memory, or of threads\n");
  exit (1);
}

static struct policy *
new_policy (uint32_t blocks, enum policy_admission admission)
{
  struct policy *policy = policy_new (&(struct policy_config) {
      .capacity = (uint64_t) blocks * BLOCK, .max_entries = blocks,
      .admission = admission, .seed = 1 });

  need (policy != NULL);
  return policy;
}

/* What the machine takes for it at least: every second use is written down. */
static void
touch (struct policy_entry *entry, bool count)
{
  uint32_t n = atomic_load_explicit (&entry->used_at, memory_order_relaxed);

  if (count)
    atomic_store_explicit (&entry->used_at, n + 1, memory_order_relaxed);
}

static void *
run (void *opaque)
{
  struct thread *t = opaque;
  struct world *w = t->world;
  uint64_t random = t->seed;            /* not beside that of the other */

  pthread_barrier_wait (&w->begin);
  for (uint32_t i = 0; i < HITS; i += t->row) {
    uint32_t block;

    /* Knuth, The Art of Computer Programming, volume 2, section 3.3.4. */
    random = random * UINT64_C (6364136223846793005) + 1;
    block = t->first + ((random >> 32) * t->count >> 32);
    if (!w->policy)
      touch (&w->entries[block], i % 2 == 0);
    for (uint32_t k = 0; w->policy && k < t->row; ++k)
      policy_hit (w->policy, &w->entries[block], block);
  }
  return NULL;
}

/* Hits a second of so many threads, of all blocks or of their own parts. */
static double
measure (struct world *w, unsigned threads, bool parts, uint32_t row)
{
  struct thread t[2];
  pthread_t id[2];
  uint64_t begin;

  need (pthread_barrier_init (&w->begin, NULL, threads + 1) == 0);
  for (unsigned i = 0; i < threads; ++i) {
    uint32_t count = parts ? BLOCKS / threads : BLOCKS;

    t[i] = (struct thread) { w, parts ? i * count : 0, count, row, i + 1 };
    need (pthread_create (&id[i], NULL, run, &t[i]) == 0);
  }
  begin = stop_now_ns ();
  pthread_barrier_wait (&w->begin);
  for (unsigned i = 0; i < threads; ++i)
    pthread_join (id[i], NULL);
  pthread_barrier_destroy (&w->begin);
  return (double) HITS * threads * 1e9 / (stop_now_ns () - begin);
}

static void
hits (const char *name, uint32_t row)
{
  struct world w = {
    .policy = new_policy (BLOCKS, POLICY_ALWAYS),
    .entries = calloc (BLOCKS, sizeof *w.entries),
  };

  need (w.entries != NULL);
  for (uint32_t i = 0; i < BLOCKS; ++i)
    policy_insert (w.policy, &w.entries[i], i, BLOCK, COST_US);
  /* At first the shadows are smaller than the cache (SHADOW_AHEAD). */
  printf ("%s\tfirst\t%.0f\n", name, measure (&w, 1, false, row));
  printf ("%s\tone\t%.0f\n", name, measure (&w, 1, false, row));
  printf ("%s\tparts\t%.0f\n", name, measure (&w, 2, true, row));
  printf ("%s\tboth\t%.0f\n", name, measure (&w, 2, false, row));
  policy_free (w.policy);
  w.policy = NULL;
  if (row == 1) {
    printf ("policy-memory-alone\tone\t%.0f\n", measure (&w, 1, false, 1));
    printf ("policy-memory-alone\tboth\t%.0f\n", measure (&w, 2, false, 1));
  }
  free (w.entries);
}

static size_t
allocated (void)
{
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

/* Of a cache that has turned over, so that it knows as many ghosts as it
 * ever will; bytes a block.
 */
static void
memory (const char *side, uint32_t blocks)
{
  struct policy_entry *entries = calloc (blocks, sizeof *entries);
  size_t before = allocated ();
  struct policy *policy = new_policy (blocks, POLICY_AUTO);

  need (entries != NULL);
  for (uint64_t key = 0; key < 2 * (uint64_t) blocks; ++key) {
    uint32_t i = key % blocks;

    policy_evicted (policy, &entries[i], mix_u64 (key - blocks), true);
    policy_admit (policy, mix_u64 (key), BLOCK, COST_US);
    policy_insert (policy, &entries[i], mix_u64 (key), BLOCK, COST_US);
  }
  printf ("policy-memory\t%s\t%.1f\n", side,
          sizeof *entries + (double) (allocated () - before) / blocks);
  policy_free (policy);
  free (entries);
}

int
main (void)
{
  hits ("policy-random", 1);
  hits ("policy-rows", 16);
  memory ("10000", 10000);
  memory ("100000", 100000);
  memory ("1000000", 1000000);
  return 0;
}
