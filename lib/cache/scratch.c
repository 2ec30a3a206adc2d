/* Buffers for decoding.  They belong to CPUs and not to threads, so that
 * hundreds of threads don't need hundreds of them; a thread that finds its
 * CPU's buffer busy, because that one's owner waits for the disk, takes the
 * next.  They are made at first use.  Where all are busy nobody waits for the
 * disk of others: a buffer is made for the one read.
 */

#include <config.h>

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/cache-internal.h"
#include "util/minmax.h"

#define SCRATCH_MIN 4
#define SCRATCH_MOST 64         /* reads of compressed blocks at a time */
#define SCRATCH_BYTES (UINT64_C (64) << 20)

int
scratch_new (struct cache *c)
{
  uint64_t count = SCRATCH_BYTES / (c->block_size + c->piece);

  count = max_u64 (SCRATCH_MIN, min_u64 (count, SCRATCH_MOST));
  c->scratch = calloc (count, sizeof *c->scratch);
  if (!c->scratch)
    return -1;
  c->scratch_count = count;
  for (uint32_t i = 0; i < c->scratch_count; i++)
    pthread_mutex_init (&c->scratch[i].busy, NULL);
  return 0;
}

void
scratch_delete (struct cache *c)
{
  for (uint32_t i = 0; i < c->scratch_count; i++) {
    pthread_mutex_destroy (&c->scratch[i].busy);
    free (c->scratch[i].stored);
  }
  free (c->scratch);
}

static struct scratch *
get_free (struct cache *c)
{
  uint32_t at = (uint32_t) sched_getcpu () % c->scratch_count;

  for (uint32_t i = 0; i < c->scratch_count; i++) {
    struct scratch *scratch = &c->scratch[(at + i) % c->scratch_count];

    if (pthread_mutex_trylock (&scratch->busy) == 0)
      return scratch;
  }
  return NULL;
}

static struct scratch *
make_one (void)
{
  struct scratch *scratch = calloc (1, sizeof *scratch);

  if (scratch)
    scratch->for_one_read = true;
  return scratch;
}

/* A buffer of one's own until scratch_put; NULL when out of memory. */
struct scratch *
scratch_get (struct cache *c)
{
  struct scratch *scratch = get_free (c);

  if (!scratch)
    scratch = make_one ();
  if (scratch && !scratch->stored) {
    scratch->stored = malloc (c->block_size + c->piece);
    if (!scratch->stored) {
      scratch_put (scratch);
      return NULL;
    }
    scratch->piece = scratch->stored + c->block_size;
  }
  return scratch;
}

void
scratch_put (struct scratch *scratch)
{
  if (!scratch->for_one_read) {
    pthread_mutex_unlock (&scratch->busy);
    return;
  }
  free (scratch->stored);
  free (scratch);
}
