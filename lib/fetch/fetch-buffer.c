/* The buffers of runs: bounded in all, recycled, freed when idle. */

#include <config.h>

#include <stdlib.h>

#include "fetch/fetch-internal.h"

#define CLASS_BYTES(class) (UINT64_C (4096) << (class))

static unsigned
class_of (uint64_t count)
{
  unsigned class = 0;

  while (CLASS_BYTES (class) < count)
    class++;
  return class;
}

bool
buffers_room (const struct buffers *buffers, uint64_t count, uint64_t bound)
{
  return buffers->used_bytes + CLASS_BYTES (class_of (count)) <= bound;
}

static void *
pop (struct buffers *buffers, unsigned class)
{
  void **buf = buffers->free[class];

  if (buf) {
    buffers->free[class] = *buf;
    buffers->free_bytes -= CLASS_BYTES (class);
  }
  return buf;
}

/* Frees recycled ones until all together are within the bound. */
static void
shrink (struct buffers *buffers, uint64_t bound)
{
  for (unsigned class = 0; class < BUFFER_CLASSES; class++)
    while (buffers->used_bytes + buffers->free_bytes > bound &&
           buffers->free[class])
      free (pop (buffers, class));
}

void *
buffers_take (struct buffers *buffers, uint64_t count)
{
  unsigned class = class_of (count);
  void *buf = pop (buffers, class);
  uint64_t all;

  buffers->used_bytes += CLASS_BYTES (class);
  shrink (buffers, FETCH_MEMORY);
  all = buffers->used_bytes + buffers->free_bytes;
  if (all > buffers->peak_bytes)
    buffers->peak_bytes = all;
  return buf;
}

void *
buffer_new (uint64_t count)
{
  return malloc (CLASS_BYTES (class_of (count)));
}

void
buffers_cancel (struct buffers *buffers, uint64_t count)
{
  buffers->used_bytes -= CLASS_BYTES (class_of (count));
}

void
buffers_give (struct buffers *buffers, void *buf, uint64_t count)
{
  unsigned class = class_of (count);

  buffers_cancel (buffers, count);
  *(void **) buf = buffers->free[class];
  buffers->free[class] = buf;
  buffers->free_bytes += CLASS_BYTES (class);
}

void
buffers_trim (struct buffers *buffers)
{
  shrink (buffers, buffers->used_bytes);
}
