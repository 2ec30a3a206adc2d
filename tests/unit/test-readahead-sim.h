/* Simulated readers of a simulated cache, for the tests of read-ahead.
 *
 * The cache knows of each block whether it was fetched, for whom, and
 * whether it has been used; what is fetched arrives some reads later.  It
 * calls readahead_note as the device does: on misses and on the first use of
 * blocks that came ahead.
 */

#ifndef TEST_READAHEAD_SIM_H
#define TEST_READAHEAD_SIM_H

#include <stdarg.h>
#include <stdbool.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fetch/readahead.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

/* A simulation has one thread: where each takes long, few are enough. */
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define SEEDS(n) 1
#else
#define SEEDS(n) (n)
#endif

struct sim
{
  struct readahead *ra;
  uint64_t size, block_size;
  uint64_t latency;             /* reads until what was fetched is there */
  uint64_t random;              /* the generator's state */
  uint64_t now;

  struct sim_block *block;      /* a hash of those known */
  size_t places, known;

  uint64_t read;                /* bytes */
  uint64_t touched;             /* bytes of the blocks read, each once */
  uint64_t fetched;             /* bytes, on demand and ahead */
  uint64_t requests;
  uint64_t ahead;               /* bytes that came ahead */
  uint64_t unused;              /* of them, not read so far */
  uint64_t most_unused;
  uint64_t demand_blocks;       /* blocks a reader had to ask for */
};

/* places: of the hash, a power of two well above the blocks touched. */
extern void sim_start (struct sim *sim, uint64_t size, uint64_t block_size,
                       uint64_t max_window, size_t places, uint64_t seed);
extern void sim_end (struct sim *sim);

/* A random number below n. */
extern uint64_t sim_random (struct sim *sim, uint64_t n);

/* Puts the blocks into the cache, as if read long ago. */
extern void sim_cache (struct sim *sim, uint64_t offset, uint64_t count);

extern void sim_read (struct sim *sim, uint64_t offset, uint64_t count);

/* Reads of one client that come in any order, at most span apart: the n-th
 * is at offset (opaque, n).
 */
struct sim_queue
{
  uint64_t next;                /* the lowest that was not read */
  uint64_t done;                /* bit i: next + i was */
};

/* The number of the read to do now. */
extern uint64_t sim_queue_pick (struct sim *sim, struct sim_queue *queue,
                                unsigned span);

/* Reads [start, end) from below to above, or the other way. */
extern void sim_sequential (struct sim *sim, uint64_t start, uint64_t end,
                            uint64_t request, unsigned span, bool backward);

#endif /* TEST_READAHEAD_SIM_H */
