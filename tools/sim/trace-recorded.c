/* Traces that nbdkit tiercache has recorded, with what its blocks took in the
 * cache and what they cost to fetch.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace-reader.h"
#include "trace/decode.h"
#include "util/minmax.h"

/* A block is one of an object of at most 2^12, and one of at most 2^52. */
#define KEY(record, i) ((uint64_t) (record)->object << 52 \
                        | ((record)->block + (i)))

/* What the device has said of a block so far. */
struct known
{
  uint32_t cost_us, bytes;      /* cost 0: nothing yet */
  uint64_t waiting;             /* plus 1: an access that missed, and has what
                                   is said next; 0: none */
};

struct all_known
{
  struct objects objects;       /* numbers all keys, accessed or stored */
  struct known *known;          /* by number */
  uint64_t allocated;
  double cost_us;               /* all that was said, and how often */
  uint64_t count;
};

static ssize_t
read_input (void *opaque, void *buf, size_t count, struct error *e)
{
  return input_read (opaque, buf, count, e);
}

/* NULL with *e. */
static struct known *
known_of (struct all_known *all, uint64_t key, struct error *e)
{
  uint32_t number;
  bool new;

  if (objects_number (&all->objects, key, &number, &new) == -1) {
    error_set (e, ENOMEM, "out of memory for distinct objects");
    return NULL;
  }
  if (number >= all->allocated) {
    uint64_t n = max_u64 (all->allocated * 2, 4096);
    struct known *p = realloc (all->known, n * sizeof *p);

    if (!p) {
      error_set (e, ENOMEM, "out of memory");
      return NULL;
    }
    all->known = p;
    all->allocated = n;
  }
  if (new)
    memset (&all->known[number], 0, sizeof *all->known);
  return &all->known[number];
}

static void
use_known (struct access *access, const struct known *known)
{
  if (known->cost_us == 0)
    return;
  access->cost_us = known->cost_us;
  access->bytes = max_u64 (known->bytes, 1);
}

static int
add_stored (struct reader *r, struct all_known *all,
            const struct trace_record *record, struct error *e)
{
  for (uint32_t i = 0; i < record->count; i++) {
    struct known *known = known_of (all, KEY (record, i), e);

    if (!known)
      return -1;
    known->cost_us = max_u64 (record->cost_us, 1);
    known->bytes = record->bytes;
    all->cost_us += record->cost_us;
    all->count++;
    if (known->waiting > 0)
      use_known (&r->trace->accesses[known->waiting - 1], known);
    known->waiting = 0;
  }
  return 0;
}

/* An access that has just been added. */
static int
note_access (struct reader *r, struct all_known *all, uint64_t key, bool hit,
             struct error *e)
{
  struct known *known = known_of (all, key, e);
  struct access *access = &r->trace->accesses[r->trace->count - 1];

  if (!known)
    return -1;
  access->cost_us = 0;
  use_known (access, known);
  known->waiting = hit ? 0 : r->trace->count;
  return 0;
}

/* The last block of an object may be shorter. */
static int
add_access (struct reader *r, struct all_known *all,
            const struct trace_record *record, uint64_t size,
            struct error *e)
{
  uint64_t block_size = r->trace->block_size;

  for (uint32_t i = 0; i < record->count; i++) {
    uint64_t block = record->block + i, before = r->trace->count;

    if (size == 0 || block > (size - 1) / block_size)
      return error_set (e, EINVAL, "block %llu is beyond the end of its "
                        "object", (unsigned long long) block);
    if (reader_append (r, KEY (record, i),
                       min_u64 (block_size, size - block * block_size),
                       e) == -1)
      return -1;
    if (r->options->recorded && r->trace->count > before
        && note_access (r, all, KEY (record, i), record->hit, e) == -1)
      return -1;
  }
  return 0;
}

/* What was cached before the recording began has no cost: the mean. */
static void
use_mean (struct reader *r, const struct all_known *all)
{
  uint32_t mean_us = all->count > 0
    ? max_u64 (all->cost_us / all->count, 1) : TRACE_COST_US;

  for (uint64_t i = 0; i < r->trace->count; i++)
    if (r->trace->accesses[i].cost_us == 0)
      r->trace->accesses[i].cost_us = mean_us;
}

/* Distinct objects only. */
static int
sum_footprint (struct reader *r, struct error *e)
{
  struct trace *trace = r->trace;
  bool *seen = calloc (max_u64 (r->objects.count, 1), sizeof *seen);

  if (!seen)
    return error_set (e, ENOMEM, "out of memory");
  trace->footprint = 0;
  for (uint64_t i = 0; i < trace->count; i++) {
    const struct access *access = &trace->accesses[i];

    if (!seen[access->object])
      trace->footprint += access->bytes;
    seen[access->object] = true;
  }
  free (seen);
  return 0;
}

static int
read_records (struct reader *r, struct trace_decoder *decoder,
              struct all_known *all, struct error *e)
{
  uint64_t sizes[TRACE_OBJECTS_MAX];
  struct trace_record record;
  int ret;

  while ((ret = trace_decoder_next (decoder, &record, e)) == 1) {
    reader_progress (r);
    ret = 0;
    if (record.kind == TRACE_OBJECT)
      sizes[record.object] = record.size;
    else if (record.kind == TRACE_ACCESS)
      ret = add_access (r, all, &record, sizes[record.object], e);
    else if (record.kind == TRACE_STORED && r->options->recorded)
      ret = add_stored (r, all, &record, e);
    if (ret == -1)
      return -1;
  }
  if (ret == -1 || !r->options->recorded)
    return ret;
  use_mean (r, all);
  return sum_footprint (r, e);
}

int
reader_recorded (struct reader *r, struct error *e)
{
  struct all_known all = { .known = NULL };
  struct error why;
  struct trace_decoder *decoder = trace_decoder_new (read_input, r->input,
                                                     &why);
  uint64_t offset = 0;
  int ret = -1;

  if (decoder) {
    r->trace->block_size = trace_decoder_block_size (decoder);
    ret = read_records (r, decoder, &all, &why);
    offset = trace_decoder_offset (decoder);
  }
  trace_decoder_free (decoder);
  objects_free (&all.objects);
  free (all.known);
  if (ret == -1)
    return error_set (e, why.errnum, "%s: byte %llu: %s", r->path,
                      (unsigned long long) offset, why.text);
  return 0;
}
