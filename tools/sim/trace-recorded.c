/* Traces that nbdkit tiercache has recorded, with what its blocks took in the
 * cache and what they cost to fetch.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "trace-reader.h"
#include "trace/decode.h"
#include "util/minmax.h"

/* A block is one of an object of at most 2^12, and one of at most 2^52. */
#define KEY(record, i) ((uint64_t) (record)->object << 52 \
                        | ((record)->block + (i)))

/* What the device said of a block when it stored it; the last time counts. */
struct stored
{
  uint32_t cost_us, bytes;
};

struct all_stored
{
  struct objects objects;
  struct stored *stored;        /* by number */
  uint64_t allocated;
  double cost_us;               /* of all */
};

static ssize_t
read_input (void *opaque, void *buf, size_t count, struct error *e)
{
  return input_read (opaque, buf, count, e);
}

static int
add_stored (struct all_stored *all, const struct trace_record *record,
            struct error *e)
{
  for (uint32_t i = 0; i < record->count; i++) {
    uint32_t number;
    bool new;

    if (objects_number (&all->objects, KEY (record, i), &number, &new) == -1)
      return error_set (e, ENOMEM, "out of memory for distinct objects");
    if (number >= all->allocated) {
      uint64_t n = max_u64 (all->allocated * 2, 4096);
      struct stored *p = realloc (all->stored, n * sizeof *p);

      if (!p)
        return error_set (e, ENOMEM, "out of memory");
      all->stored = p;
      all->allocated = n;
    }
    all->cost_us += record->cost_us - (new ? 0.0
                                       : all->stored[number].cost_us);
    all->stored[number] = (struct stored) { record->cost_us, record->bytes };
  }
  return 0;
}

/* The last block of an object may be shorter. */
static int
add_access (struct reader *r, const struct trace_record *record,
            uint64_t size, struct error *e)
{
  uint64_t block_size = r->trace->block_size;

  for (uint32_t i = 0; i < record->count; i++) {
    uint64_t block = record->block + i;

    if (block > (size - 1) / block_size || size == 0)
      return error_set (e, EINVAL, "block %llu is beyond the end of its "
                        "object", (unsigned long long) block);
    if (reader_append (r, KEY (record, i),
                       min_u64 (block_size, size - block * block_size),
                       e) == -1)
      return -1;
  }
  return 0;
}

/* Gives the accesses the sizes and costs that were recorded.  What was cached
 * before the recording began has none: its whole size, and the mean cost.
 */
static int
use_stored (struct reader *r, const struct all_stored *all, struct error *e)
{
  struct trace *trace = r->trace;
  uint32_t count = all->objects.count;
  uint32_t mean_us = count > 0 ? min_u64 (all->cost_us / count, UINT32_MAX)
    : TRACE_COST_US;
  struct stored *of = calloc (max_u64 (r->objects.count, 1), sizeof *of);

  if (!of)
    return error_set (e, ENOMEM, "out of memory");
  for (uint64_t i = 0; i < r->objects.size; i++) {
    uint32_t number;

    if (r->objects.numbers[i] > 0
        && objects_find (&all->objects, r->objects.keys[i], &number))
      of[r->objects.numbers[i] - 1] = all->stored[number];
  }
  for (uint64_t i = 0; i < trace->count; i++) {
    struct access *access = &trace->accesses[i];
    const struct stored *stored = &of[access->object];

    access->cost_us = stored->cost_us > 0 ? stored->cost_us : mean_us;
    if (stored->cost_us > 0)
      access->bytes = max_u64 (stored->bytes, 1);
  }
  free (of);
  return 0;
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
              struct all_stored *all, struct error *e)
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
      ret = add_access (r, &record, sizes[record.object], e);
    else if (record.kind == TRACE_STORED && r->options->recorded)
      ret = add_stored (all, &record, e);
    if (ret == -1)
      return -1;
  }
  if (ret == 0 && r->options->recorded
      && (use_stored (r, all, e) == -1 || sum_footprint (r, e) == -1))
    ret = -1;
  return ret;
}

int
reader_recorded (struct reader *r, struct error *e)
{
  struct all_stored all = { .stored = NULL };
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
  free (all.stored);
  if (ret == -1)
    return error_set (e, why.errnum, "%s: byte %llu: %s", r->path,
                      (unsigned long long) offset, why.text);
  return 0;
}
