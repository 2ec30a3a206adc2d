/* The next layer, as the engine reads it. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "next.h"
#include "util/minmax.h"

struct next_origin
{
  struct origin base;
  struct next next;
};

/* A layer has said why, or the caller does not know. */
static int
failed (struct error *e, const char *what)
{
  return error_set (e, EIO, "the next layer does not tell %s", what);
}

int
next_describe (struct next *ret, nbdkit_next *next, uint32_t block_size,
               struct error *e)
{
  int64_t size = next->get_size (next);

  if (size == -1)
    return failed (e, "its size");
  ret->next = next;
  ret->size = size;
  if (next->block_size (next, &ret->minimum, &ret->preferred,
                        &ret->maximum) == -1)
    return failed (e, "its block size");
  if (ret->minimum == 0) {                      /* it has nothing to say */
    ret->minimum = 1;
    ret->maximum = UINT32_MAX;
  }
  if (block_size % ret->minimum != 0)
    return error_set (e, EINVAL, "tiercache-block-size=%" PRIu32 ": the next "
                      "layer can only be read in units of %" PRIu32 " bytes: "
                      "give a multiple of that", block_size, ret->minimum);
  return 0;
}

int
next_read (void *opaque, void *buf, uint32_t count, uint64_t offset,
           struct error *e)
{
  const struct next *next = opaque;
  uint32_t most = next->maximum - next->maximum % next->minimum;

  for (uint32_t done = 0; done < count; ) {
    uint32_t n = min_u64 (count - done, most);
    int err = 0;

    if (next->next->pread (next->next, (char *) buf + done, n, offset + done,
                           0, &err) == -1)
      return error_set (e, err ? err : EIO, "the next layer cannot read "
                        "%" PRIu32 " bytes at offset %" PRIu64 ": %s", n,
                        offset + done, strerror (err ? err : EIO));
    done += n;
  }
  return 0;
}

static int
origin_read (struct origin *origin, void *buf, size_t count, uint64_t offset,
             size_t *got, struct error *e)
{
  struct next_origin *o = (struct next_origin *) origin;

  *got = 0;
  return next_read (&o->next, buf, count, offset, e);
}

static void
close_context (nbdkit_next *next)
{
  next->finalize (next);
  nbdkit_next_context_close (next);
}

static void
next_origin_close (struct origin *origin)
{
  struct next_origin *o = (struct next_origin *) origin;

  close_context (o->next.next);
  free (o);
}

static const struct origin_ops next_ops = {
  .close = next_origin_close,
  .read = origin_read,
};

struct origin *
next_origin (nbdkit_backend *backend, const struct next *like,
             const char *validator, uint32_t block_size)
{
  struct next_origin *o;
  struct error e;
  nbdkit_next *next = nbdkit_next_context_open (backend, 1, "", 1);

  if (!next)
    return NULL;
  if (next->prepare (next) == -1) {
    nbdkit_next_context_close (next);
    return NULL;
  }
  o = calloc (1, sizeof *o);
  if (!o || next_describe (&o->next, next, block_size, &e) == -1
      || o->next.size != like->size) {
    free (o);
    close_context (next);
    return NULL;
  }
  o->base.ops = &next_ops;
  o->base.size = like->size;
  o->base.lasting = validator != NULL;
  snprintf (o->base.validator, sizeof o->base.validator, "%s",
            validator ? validator : "");
  return &o->base;
}
