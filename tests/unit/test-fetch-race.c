/* Many readers, read-ahead, failures, evictions and closes at once: the
 * bytes are right or there is an error that was made on purpose.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test-fetch-world.h"
#include "util/mix.h"

#define SIZE (24 * MIB + 4321)
#define THREADS 12
#define ROUNDS 60

struct racer
{
  struct place *place;
  uint64_t seed;
  unsigned good, bad, wrong;
  pthread_t thread;
};

static void
one_read (struct racer *racer, char *buf, uint64_t x)
{
  uint64_t offset = mix_u64 (x) % SIZE;
  uint32_t count = mix_u64 (x + 1) % (x % 9 ? 3 * BLOCK : 2 * MIB) + 1;
  struct error e;

  if (count > SIZE - offset)
    count = SIZE - offset;
  if (fetch_read (racer->place->source, buf, offset, count, &e) == -1) {
    racer->bad++;
    racer->wrong += e.errnum != EPIPE;
  }
  else {
    racer->good++;
    racer->wrong += !fault_origin_check (buf, count, OBJECT_VERSION, offset);
  }
}

static void *
race (void *opaque)
{
  struct racer *racer = opaque;
  char *buf = malloc (2 * MIB);

  for (unsigned i = 0; buf && i < ROUNDS; i++) {
    uint64_t x = mix_u64 (racer->seed * 1000 + i);

    one_read (racer, buf, x);
    if (x % 3 == 0)
      fetch_ahead (racer->place->source, x / 7 % SIZE, 4 * MIB);
    if (x % 4 == 0)
      fake_cache_drop (racer->place->object, x / 5 % (SIZE / BLOCK));
    if (x % 5 == 0)
      fault_origin_fail (racer->place->far, 1,
                         x % 2 ? ERROR_AGAIN : ERROR_ABSENT, EPIPE,
                         x / 11 % MIB);
    if (x % 17 == 0)
      check_runs (racer->place->world);
  }
  free (buf);
  return NULL;
}

static void
test_race (void **state)
{
  struct world w;
  struct place places[2];
  struct racer racers[THREADS];
  unsigned good = 0;

  (void) state;
  world_init (&w);
  w.config.retries = 2;
  world_start (&w);
  for (size_t round = 0; round < 2; round++) {
    for (size_t i = 0; i < 2; i++)
      place_open (&places[i], &w, SIZE);
    for (size_t i = 0; i < THREADS; i++) {
      racers[i] = (struct racer) {
        .place = &places[i % 2], .seed = round * THREADS + i
      };
      assert_int_equal (pthread_create (&racers[i].thread, NULL, race,
                                        &racers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
      pthread_join (racers[i].thread, NULL);
      assert_int_equal (racers[i].wrong, 0);
      assert_int_equal (racers[i].good + racers[i].bad, ROUNDS);
      good += racers[i].good;
    }
    /* Much of the read-ahead is still under way. */
    for (size_t i = 0; i < 2; i++)
      place_close (&places[i]);
  }
  assert_true (good > THREADS * ROUNDS);
  assert_true (stats_of (&w).buffer_peak_bytes <= FETCH_MEMORY);
  world_end (&w);
}

/* Exports that come and go while others are read. */
static void *
open_and_close (void *opaque)
{
  struct world *w = opaque;

  for (unsigned i = 0; i < 40; i++) {
    struct place p;

    place_open (&p, w, 4 * MIB);
    fetch_ahead (p.source, 0, 4 * MIB);
    if (i % 2)
      read_good (&p, i * BLOCK, 2 * BLOCK);
    place_close (&p);
    assert_int_equal (atomic_load (&p.gone), 1);
  }
  return NULL;
}

static void
test_open_and_close (void **state)
{
  struct world w;
  pthread_t threads[4];

  (void) state;
  world_init (&w);
  world_start (&w);
  for (size_t i = 0; i < 4; i++)
    assert_int_equal (pthread_create (&threads[i], NULL, open_and_close, &w),
                      0);
  for (size_t i = 0; i < 4; i++)
    pthread_join (threads[i], NULL);
  world_end (&w);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_race),
    cmocka_unit_test (test_open_and_close),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
