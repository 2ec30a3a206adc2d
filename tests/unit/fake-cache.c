/* A cache in memory for tests of what stands on it. */

#include <config.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fake-cache.h"
#include "util/cleanup.h"
#include "util/minmax.h"
#include "util/stop.h"

#define NONE UINT64_MAX
#define PATIENCE_NS UINT64_C (30000000000)

struct block
{
  bool there;
  char *data;
  struct cache_store_options options;
};

struct cache_object
{
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint64_t size, nblocks, lie;
  uint32_t block_size;
  bool hold, refuse;
  unsigned held, stored;
  struct block *blocks;
};

static void *
must (void *ptr)
{
  if (!ptr)
    abort ();
  return ptr;
}

struct cache_object *
fake_cache_new (uint64_t size, uint32_t block_size)
{
  struct cache_object *object = must (calloc (1, sizeof *object));

  pthread_mutex_init (&object->lock, NULL);
  stop_cond_init (&object->changed);
  object->size = size;
  object->block_size = block_size;
  object->nblocks = (size + block_size - 1) / block_size;
  object->lie = NONE;
  object->blocks = must (calloc (object->nblocks, sizeof (struct block)));
  return object;
}

void
fake_cache_free (struct cache_object *object)
{
  for (uint64_t i = 0; i < object->nblocks; i++)
    free (object->blocks[i].data);
  free (object->blocks);
  pthread_cond_destroy (&object->changed);
  pthread_mutex_destroy (&object->lock);
  free (object);
}

void
fake_cache_hold (struct cache_object *object)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);
  object->hold = true;
}

void
fake_cache_release (struct cache_object *object)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);
  object->hold = false;
  pthread_cond_broadcast (&object->changed);
}

static bool
wait_for (struct cache_object *object, const unsigned *value, unsigned n)
{
  uint64_t deadline = stop_now_ns () + PATIENCE_NS;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);

  while (*value < n)
    if (stop_wait (NULL, &object->changed, &object->lock, deadline) != 0)
      return false;
  return true;
}

bool
fake_cache_wait_held (struct cache_object *object, unsigned n)
{
  return wait_for (object, &object->held, n);
}

bool
fake_cache_wait_stored (struct cache_object *object, unsigned n)
{
  return wait_for (object, &object->stored, n);
}

unsigned
fake_cache_stored (struct cache_object *object)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);
  return object->stored;
}

void
fake_cache_lie (struct cache_object *object, uint64_t block)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);
  object->lie = block;
}

void
fake_cache_be_honest (struct cache_object *object)
{
  fake_cache_lie (object, NONE);
}

static uint64_t
length_of (const struct cache_object *object, uint64_t block)
{
  return min_u64 (object->block_size,
                  object->size - block * object->block_size);
}

static void
put (struct cache_object *object, uint64_t n, const void *data)
{
  struct block *block = &object->blocks[n];

  if (!block->data)
    block->data = must (malloc (object->block_size));
  memcpy (block->data, data, length_of (object, n));
  block->there = true;
}

void
fake_cache_put (struct cache_object *object, uint64_t block,
                const void *data)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);
  put (object, block, data);
}

void
fake_cache_drop (struct cache_object *object, uint64_t block)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);
  object->blocks[block].there = false;
}

void
fake_cache_refuse (struct cache_object *object)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);
  object->refuse = true;
}

struct cache_store_options
fake_cache_options (struct cache_object *object, uint64_t block, void *data)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);
  if (data)
    memcpy (data, object->blocks[block].data, length_of (object, block));
  return object->blocks[block].options;
}

bool
cache_has (struct cache_object *object, uint64_t block)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);
  if (block >= object->nblocks)
    abort ();
  return object->blocks[block].there || block == object->lie;
}

uint32_t
cache_read (struct cache_object *object, void *buf, uint64_t offset,
            uint32_t count, unsigned *flags)
{
  uint32_t done = 0;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);

  (void) flags;
  if (offset > object->size || count > object->size - offset)
    abort ();
  while (done < count) {
    uint64_t n = (offset + done) / object->block_size;
    uint64_t in = (offset + done) % object->block_size;
    uint64_t length = min_u64 (count - done, object->block_size - in);

    if (!object->blocks[n].there)
      break;
    memcpy ((char *) buf + done, object->blocks[n].data + in, length);
    done += length;
  }
  return done;
}

uint32_t
cache_store (struct cache_object *object, uint64_t first_block,
             const void *data, uint64_t count,
             const struct cache_store_options *options)
{
  uint64_t offset = first_block * object->block_size, done;
  uint32_t refused = 0;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&object->lock);

  if (offset > object->size || count > object->size - offset ||
      (count % object->block_size != 0 && offset + count != object->size))
    abort ();
  object->held++;
  pthread_cond_broadcast (&object->changed);
  while (object->hold)
    pthread_cond_wait (&object->changed, &object->lock);
  object->held--;
  for (done = 0; done < count; done += object->block_size) {
    uint64_t block = first_block + done / object->block_size;

    object->blocks[block].options = *options;
    refused += object->refuse;
    if (!object->blocks[block].there && !object->refuse)
      put (object, block, (const char *) data + done);
    object->stored++;
  }
  pthread_cond_broadcast (&object->changed);
  return refused;
}
