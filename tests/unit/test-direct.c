/* Devices that their callers read: each block once, whoever misses it; blocks
 * that differ side by side; and errors to those who waited for them.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "device/device.h"
#include "test-cache-help.h"
#include "util/cleanup.h"
#include "util/mix.h"

#define BLOCK 65536u
#define BLOCKS 33u                      /* more than a read takes at once */
#define SIZE ((BLOCKS - 1) * BLOCK + 1234)
#define THREADS 8
#define ROOM (24 * (uint64_t) BLOCK)    /* of a small cache */

struct rig
{
  char *dir, cache[128];
  struct engine *engine;
  struct device *device;

  atomic_uint reads[BLOCKS];            /* of each block */
  atomic_uint calls, largest;
  atomic_bool fail;

  /* Reads wait for each other until so many are in them at once. */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  unsigned inside, meet;
};

static void
right_bytes (unsigned char *buf, uint64_t offset, size_t count)
{
  for (size_t i = 0; i < count; i++)
    buf[i] = mix_u64 ((offset + i) / 8) >> ((offset + i) % 8 * 8);
}

/* False if nobody comes. */
static bool
wait_for_others (struct rig *rig)
{
  struct timespec until;
  int r = 0;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&rig->lock);

  clock_gettime (CLOCK_REALTIME, &until);
  until.tv_sec += 60;
  rig->inside++;
  pthread_cond_broadcast (&rig->changed);
  while (rig->inside < rig->meet && r == 0)
    r = pthread_cond_timedwait (&rig->changed, &rig->lock, &until);
  return r == 0;
}

static int
read_origin (void *opaque, void *buf, uint32_t count, uint64_t offset,
             struct error *e)
{
  struct rig *rig = opaque;

  atomic_fetch_add (&rig->calls, 1);
  if (count > atomic_load (&rig->largest))
    atomic_store (&rig->largest, count);
  if (!wait_for_others (rig))
    return error_set (e, ETIMEDOUT, "nobody else reads");
  if (atomic_load (&rig->fail))
    return error_set (e, ENOSPC, "as told");
  if (offset % BLOCK != 0 || offset + count > SIZE
      || (count % BLOCK != 0 && offset + count != SIZE))
    return error_set (e, EINVAL, "not whole blocks");
  for (uint64_t b = offset / BLOCK; b * BLOCK < offset + count; b++)
    atomic_fetch_add (&rig->reads[b], 1);
  right_bytes (buf, offset, count);
  return 0;
}

static int
setup_size (void **state, uint64_t size)
{
  struct rig *rig = calloc (1, sizeof *rig);
  struct engine_config config = {
    .cache = { .size = size, .block_size = BLOCK, .compress = true },
    .origin = { .connections = 4, .timeout_ms = 10000 },
  };
  struct error e;

  rig->dir = help_make_dir ();
  snprintf (rig->cache, sizeof rig->cache, "%s/cache", rig->dir);
  config.cache.dir = rig->cache;
  pthread_mutex_init (&rig->lock, NULL);
  pthread_cond_init (&rig->changed, NULL);
  rig->engine = engine_open (&config, &e);
  assert_non_null (rig->engine);
  rig->device = device_open_direct (rig->engine, "the device", "direct:1",
                                    "id", SIZE, &e);
  assert_non_null (rig->device);
  assert_int_equal (device_size (rig->device), SIZE);
  *state = rig;
  return 0;
}

static int
setup (void **state)
{
  return setup_size (state, 64 << 20);
}

static int
setup_small (void **state)
{
  return setup_size (state, ROOM);
}

static int
teardown (void **state)
{
  struct rig *rig = *state;

  device_close (rig->device);
  engine_close (rig->engine);
  help_remove_dir (rig->dir);
  pthread_cond_destroy (&rig->changed);
  pthread_mutex_destroy (&rig->lock);
  free (rig);
  return 0;
}

/* What device_read_direct returned; the bytes are checked. */
static int
read_some (struct rig *rig, uint32_t count, uint64_t offset, struct error *e)
{
  unsigned char *got = malloc (count), *want = malloc (count);
  int r = device_read_direct (rig->device, got, count, offset, read_origin,
                              rig, e);

  right_bytes (want, offset, count);
  if (r != -1 && memcmp (got, want, count) != 0)
    r = -2;
  free (got);
  free (want);
  return r;
}

static void
test_whole_blocks_once (void **state)
{
  struct rig *rig = *state;
  struct error e;

  assert_int_equal (read_some (rig, 10, 3 * BLOCK + 5, &e), 1);
  assert_int_equal (rig->reads[3], 1);
  assert_int_equal (rig->calls, 1);
  assert_int_equal (read_some (rig, BLOCK, 3 * BLOCK, &e), 0);
  assert_int_equal (rig->calls, 1);

  /* Around the block that is there: two reads. */
  assert_int_equal (read_some (rig, 3 * BLOCK, 2 * BLOCK + 1, &e), 1);
  assert_int_equal (rig->calls, 3);     /* 2; 4 and 5 */
  assert_int_equal (rig->reads[2], 1);
  assert_int_equal (rig->reads[3], 1);
}

static void
test_all (void **state)
{
  struct rig *rig = *state;
  struct error e;

  assert_int_equal (read_some (rig, SIZE, 0, &e), 1);
  for (unsigned b = 0; b < BLOCKS; b++)
    assert_int_equal (rig->reads[b], 1);
  assert_int_equal (rig->largest, 1 << 20);
  assert_int_equal (rig->calls, 3);
  assert_int_equal (read_some (rig, SIZE, 0, &e), 0);
  assert_int_equal (rig->calls, 3);
}

static void
test_cache (void **state)
{
  struct rig *rig = *state;
  struct error e;

  assert_int_equal (device_cache_direct (rig->device, 2 * BLOCK, BLOCK - 1,
                                         read_origin, rig, &e), 1);
  assert_int_equal (rig->reads[0] + rig->reads[1] + rig->reads[2], 3);
  assert_int_equal (device_cache_direct (rig->device, 2 * BLOCK, BLOCK - 1,
                                         read_origin, rig, &e), 0);
  assert_int_equal (read_some (rig, 3 * BLOCK, 0, &e), 0);
  assert_int_equal (rig->calls, 1);
}

static void
test_error (void **state)
{
  struct rig *rig = *state;
  struct error e;

  rig->fail = true;
  assert_int_equal (read_some (rig, 10, 0, &e), -1);
  assert_int_equal (e.errnum, ENOSPC);
  assert_int_equal (device_cache_direct (rig->device, BLOCK, 0, read_origin,
                                         rig, &e), -1);
  assert_int_equal (e.errnum, ENOSPC);
  rig->fail = false;
  assert_int_equal (read_some (rig, 10, 0, &e), 1);
}

struct reader
{
  struct rig *rig;
  unsigned number;
  int r;
  struct error e;
};

static void
run_readers (struct rig *rig, void *(*fn) (void *),
             struct reader readers[THREADS])
{
  pthread_t threads[THREADS];

  for (unsigned i = 0; i < THREADS; i++) {
    readers[i] = (struct reader) { .rig = rig, .number = i };
    assert_int_equal (pthread_create (&threads[i], NULL, fn, &readers[i]),
                      0);
  }
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join (threads[i], NULL);
}

static void *
read_own_block (void *opaque)
{
  struct reader *reader = opaque;

  reader->r = read_some (reader->rig, 100, reader->number * BLOCK,
                         &reader->e);
  return NULL;
}

static void
test_side_by_side (void **state)
{
  struct rig *rig = *state;
  struct reader readers[THREADS];

  rig->meet = THREADS;          /* or a read would fail */
  run_readers (rig, read_own_block, readers);
  for (unsigned i = 0; i < THREADS; i++) {
    assert_int_equal (readers[i].r, 1);
    assert_int_equal (rig->reads[i], 1);
  }
}

static void *
read_all (void *opaque)
{
  struct reader *reader = opaque;
  uint64_t at = reader->number * 5 * BLOCK % SIZE;

  reader->r = read_some (reader->rig, SIZE - at, at, &reader->e);
  if (reader->r >= 0 && at > 0)
    reader->r = read_some (reader->rig, at, 0, &reader->e);
  return NULL;
}

static void
test_many_read_all (void **state)
{
  struct rig *rig = *state;
  struct reader readers[THREADS];

  run_readers (rig, read_all, readers);
  for (unsigned i = 0; i < THREADS; i++)
    assert_true (readers[i].r >= 0);
  for (unsigned b = 0; b < BLOCKS; b++)
    assert_int_equal (rig->reads[b], 1);
}

static void *
read_same_block (void *opaque)
{
  struct reader *reader = opaque;

  reader->r = read_some (reader->rig, 100, 7 * BLOCK + reader->number * 100,
                         &reader->e);
  return NULL;
}

/* Nobody hangs, and everybody has the error. */
static void
test_many_errors (void **state)
{
  struct rig *rig = *state;
  struct reader readers[THREADS];

  rig->fail = true;
  run_readers (rig, read_same_block, readers);
  for (unsigned i = 0; i < THREADS; i++) {
    assert_int_equal (readers[i].r, -1);
    assert_int_equal (readers[i].e.errnum, ENOSPC);
  }
  rig->fail = false;
  run_readers (rig, read_same_block, readers);
  for (unsigned i = 0; i < THREADS; i++)
    assert_true (readers[i].r >= 0);
  assert_int_equal (rig->reads[7], 1);
}

static atomic_uint ended;

/* Reads and asks for ranges of all sizes, anywhere. */
static void *
read_at_random (void *opaque)
{
  struct reader *reader = opaque;

  for (unsigned i = 0; i < 100 && reader->r >= 0; i++) {
    uint64_t chance = mix_u64 (reader->number * 1000 + i);
    uint64_t offset = chance % SIZE;
    uint32_t count = 1 + (chance >> 32) % (6 * BLOCK);

    if (count > SIZE - offset)
      count = SIZE - offset;
    reader->r = i % 4 == 0
      ? device_cache_direct (reader->rig->device, count, offset, read_origin,
                             reader->rig, &reader->e)
      : read_some (reader->rig, count, offset, &reader->e);
  }
  atomic_fetch_add (&ended, 1);
  return NULL;
}

/* There is less room than they read: what is evicted in between is read
 * again, all bytes are right, and the disk never has more than the budget.
 */
static void
test_many_in_little_room (void **state)
{
  struct rig *rig = *state;
  struct reader readers[THREADS];
  pthread_t threads[THREADS];
  struct cache_stats stats;

  atomic_store (&ended, 0);
  for (unsigned i = 0; i < THREADS; i++) {
    readers[i] = (struct reader) { .rig = rig, .number = i };
    assert_int_equal (pthread_create (&threads[i], NULL, read_at_random,
                                      &readers[i]), 0);
  }
  while (atomic_load (&ended) < THREADS)
    assert_in_range (help_du (rig->cache), 0, ROOM);
  for (unsigned i = 0; i < THREADS; i++) {
    pthread_join (threads[i], NULL);
    assert_true (readers[i].r >= 0);
  }
  cache_stats (engine_cache (rig->engine), &stats);
  assert_true (stats.evicted_blocks > 0);
  assert_false (stats.degraded);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_whole_blocks_once, setup, teardown),
    cmocka_unit_test_setup_teardown (test_all, setup, teardown),
    cmocka_unit_test_setup_teardown (test_cache, setup, teardown),
    cmocka_unit_test_setup_teardown (test_error, setup, teardown),
    cmocka_unit_test_setup_teardown (test_side_by_side, setup, teardown),
    cmocka_unit_test_setup_teardown (test_many_read_all, setup, teardown),
    cmocka_unit_test_setup_teardown (test_many_errors, setup, teardown),
    cmocka_unit_test_setup_teardown (test_many_in_little_room, setup_small,
                                     teardown),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
