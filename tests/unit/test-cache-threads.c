/* Readers, stores, evictions and changes of version at the same time: every
 * byte that is read is right, and the budget holds all along.
 */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test-cache-help.h"
#include "util/minmax.h"
#include "util/mix.h"

#define BS 16384u
#define BLOCKS 300u             /* of each object: twice what fits */
#define OBJECTS 2u
#define READERS 4u
#define WRITERS 3u
#define HITS 5000u              /* of each reader, at least */
#define SIZE (BLOCKS * (uint64_t) BS - 5000)

struct shared
{
  struct cache *cache;
  struct cache_object *objects[OBJECTS];
  uint8_t *content[OBJECTS];    /* what is in them */
  _Atomic unsigned readers;     /* still at work */
  _Atomic unsigned wrong;
};

struct thread
{
  struct shared *shared;
  uint64_t seed;
};

static uint64_t
next (struct thread *t)
{
  return t->seed = mix_u64 (t->seed);
}

static uint64_t
evicted (struct shared *s)
{
  struct cache_stats stats;

  cache_stats (s->cache, &stats);
  return stats.evicted_blocks;
}

/* cmocka's assertions are not for threads: what is wrong is counted. */
static void *
reader (void *arg)
{
  struct thread *t = arg;
  struct shared *s = t->shared;
  uint8_t *buf = malloc (20 * BS);

  for (unsigned i = 0, hits = 0; hits < HITS || evicted (s) < 50; i++) {
    unsigned n = next (t) % OBJECTS, flags = 0;
    uint64_t at = next (t) % SIZE;
    uint32_t count = min_u64 (1 + next (t) % (i % 8 == 0 ? 20 * BS : BS),
                              SIZE - at);
    uint32_t r = cache_read (s->objects[n], buf, at, count, &flags);

    if (r > count || memcmp (buf, s->content[n] + at, r) != 0)
      s->wrong++;
    hits += r > 0;
  }
  free (buf);
  s->readers--;
  return NULL;
}

static void *
writer (void *arg)
{
  struct thread *t = arg;
  struct shared *s = t->shared;

  while (s->readers > 0) {
    unsigned n = next (t) % OBJECTS;
    uint64_t first = next (t) % BLOCKS;
    uint64_t count = min_u64 (1 + next (t) % 12, BLOCKS - first);
    struct cache_store_options options = {
      .cost_us = 100, .ahead = next (t) % 4 == 0, .hurry = next (t) % 4 == 0
    };

    cache_store (s->objects[n], first, s->content[n] + first * BS,
                 min_u64 (count * BS, SIZE - first * BS), &options);
  }
  return NULL;
}

/* Versions of a third object come and go. */
static void *
versions (void *arg)
{
  struct thread *t = arg;
  struct shared *s = t->shared;
  uint8_t data[4 * 4096], out[sizeof data];

  for (unsigned v = 0; s->readers > 0; v++) {
    struct cache_store_options options = { 0 };
    struct cache_object *o;
    char validator[32];
    unsigned flags = 0;
    uint32_t r;

    snprintf (validator, sizeof validator, "%u", v);
    memset (data, v, sizeof data);
    o = cache_object_open (s->cache, "third", v % 3 == 0 ? NULL : validator,
                           v % 3 != 0, sizeof data, NULL);
    if (!o) {
      s->wrong++;
      continue;
    }
    if (cache_read (o, out, 0, sizeof out, &flags) != 0)
      s->wrong++;
    cache_store (o, 0, data, sizeof data, &options);
    r = cache_read (o, out, 0, sizeof out, &flags);
    if (memcmp (out, data, r) != 0)
      s->wrong++;
    cache_object_close (o);
  }
  return NULL;
}

static void
run (const struct cache_config *config, struct shared *s)
{
  struct thread threads[READERS + WRITERS + 1];
  pthread_t ids[READERS + WRITERS + 1];
  struct cache_stats stats;

  s->cache = help_open (config);
  for (unsigned n = 0; n < OBJECTS; n++)
    s->objects[n] = help_object (s->cache, n == 0 ? "first" : "second", n,
                                 SIZE);
  s->readers = READERS;
  for (unsigned i = 0; i < READERS + WRITERS + 1; i++) {
    threads[i] = (struct thread) { s, i + 1 };
    assert_int_equal (pthread_create (&ids[i], NULL,
                                      i < READERS ? reader :
                                      i < READERS + WRITERS ? writer :
                                      versions, &threads[i]), 0);
  }
  while (s->readers > 0) {
    assert_true (help_du (config->dir) <= config->size);
    cache_stats (s->cache, &stats);
    assert_true (stats.used_bytes <= config->size);
  }
  for (unsigned i = 0; i < READERS + WRITERS + 1; i++)
    pthread_join (ids[i], NULL);
  cache_stats (s->cache, &stats);
  assert_int_equal (s->wrong, 0);
  assert_int_equal (stats.failed_checks, 0);
  assert_int_equal (stats.io_errors, 0);
  for (unsigned n = 0; n < OBJECTS; n++)
    cache_object_close (s->objects[n]);
  cache_close (s->cache);
}

static void
threads (bool compress)
{
  char *dir = help_make_dir ();
  struct cache_config config = help_config (dir, 3 * MIB, BS, compress);
  struct shared s = { 0 };

  for (unsigned n = 0; n < OBJECTS; n++) {
    s.content[n] = malloc (BLOCKS * BS);
    assert_non_null (s.content[n]);
    for (unsigned b = 0; b < BLOCKS; b++)
      help_fill (s.content[n] + b * BS, min_u64 (BS, SIZE - b * BS),
                 CONTENT_MIXED, n, b);
  }
  run (&config, &s);            /* twice: the second finds what was left */
  run (&config, &s);
  for (unsigned n = 0; n < OBJECTS; n++)
    free (s.content[n]);
  help_remove_dir (dir);
}

static void
test_raw (void **state)
{
  (void) state;
  threads (false);
}

static void
test_compressed (void **state)
{
  (void) state;
  threads (true);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_raw),
    cmocka_unit_test (test_compressed),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
