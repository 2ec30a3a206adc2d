/* The next layer, as the engine reads it. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "next.h"
#include "util/cleanup.h"
#include "util/minmax.h"

struct next_origin
{
  struct origin base;
  pthread_mutex_t lock;
  pthread_cond_t idle;          /* a connection is not read any more */
  struct next *joined;
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

/* The connection with the least to do, or NULL if there is none. */
static struct next *
begin (struct next_origin *o)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&o->lock);
  struct next *least = o->joined;

  for (struct next *next = least; next; next = next->following)
    if (next->reading < least->reading)
      least = next;
  if (least)
    least->reading++;
  return least;
}

static void
end (struct next_origin *o, struct next *next)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&o->lock);

  if (--next->reading == 0)
    pthread_cond_broadcast (&o->idle);
}

static int
origin_read (struct origin *origin, void *buf, size_t count, uint64_t offset,
             size_t *got, struct error *e)
{
  struct next_origin *o = (struct next_origin *) origin;
  struct next *next = begin (o);
  int r;

  *got = 0;
  /* What was read ahead for a client that has gone; whoever has just come to
   * wait for it asks again.
   */
  if (!next)
    return error_set_kind (e, ERROR_AGAIN, EIO, "no client is connected");
  r = next_read (next, buf, count, offset, e);
  end (o, next);
  return r;
}

static void
origin_free (struct origin *origin)
{
  struct next_origin *o = (struct next_origin *) origin;

  pthread_cond_destroy (&o->idle);
  pthread_mutex_destroy (&o->lock);
  free (o);
}

static const struct origin_ops next_ops = {
  .close = origin_free,
  .read = origin_read,
};

struct origin *
next_origin (uint64_t size, const char *validator)
{
  struct next_origin *o = calloc (1, sizeof *o);

  if (!o)
    return NULL;
  o->base.ops = &next_ops;
  o->base.size = size;
  o->base.lasting = validator != NULL;
  snprintf (o->base.validator, sizeof o->base.validator, "%s",
            validator ? validator : "");
  pthread_mutex_init (&o->lock, NULL);
  pthread_cond_init (&o->idle, NULL);
  return &o->base;
}

void
next_join (struct origin *origin, struct next *next)
{
  struct next_origin *o = (struct next_origin *) origin;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&o->lock);

  next->following = o->joined;
  o->joined = next;
}

void
next_leave (struct origin *origin, struct next *next)
{
  struct next_origin *o = (struct next_origin *) origin;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&o->lock);
  struct next **p = &o->joined;

  while (*p != next)
    p = &(*p)->following;
  *p = next->following;
  while (next->reading > 0)
    pthread_cond_wait (&o->idle, &o->lock);
}
