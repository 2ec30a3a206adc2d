/* Nobody in the cache waits for somebody who may be waiting for him, or for
 * the disk of others.
 */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache/cache-internal.h"
#include "test-cache-help.h"

#define BS 16384u
#define BLOCKS 32u
#define SIZE (BLOCKS * (uint64_t) BS)

static _Atomic uint64_t seconds;        /* that the clock is ahead */
static atomic_bool hold, held;          /* who writes the objects */

static int
slow_open (const struct sys *sys, const char *path, int flags, mode_t mode)
{
  static const struct timespec ms = { .tv_nsec = 1000000 };

  (void) sys;
  while (hold && strstr (path, "/objects.tmp")) {
    held = true;
    nanosleep (&ms, NULL);
  }
  return sys_real.open (&sys_real, path, flags, mode);
}

static uint64_t
fast_monotonic_ns (const struct sys *sys)
{
  (void) sys;
  return sys_real.monotonic_ns (&sys_real) + seconds * NS_PER_S;
}

static struct sys sys;

static int
setup (void **state)
{
  (void) state;
  sys = sys_real;
  sys.open = slow_open;
  sys.monotonic_ns = fast_monotonic_ns;
  help_set_up (state);
  return 0;
}

static struct cache *
open_cache (void)
{
  struct cache_config config = help_config (help_dir, 2 * MIB, BS, true);

  config.sys = &sys;
  return help_open (&config);
}

static void *
open_object (void *cache)
{
  return help_object (cache, "late", 99, SIZE);
}

static bool
is_held (void *opaque)
{
  (void) opaque;
  return held;
}

/* The one who writes the file of objects may be waiting for space. */
static void
test_evictor_and_objects (void **state)
{
  struct cache *c = open_cache ();
  struct cache_object *o[12];
  void *late;
  pthread_t thread;
  char name[8];

  (void) state;
  for (unsigned i = 0; i < 12; i++) {
    snprintf (name, sizeof name, "o%u", i);
    o[i] = help_object (c, name, i, SIZE);
  }
  hold = true;
  assert_int_equal (pthread_create (&thread, NULL, open_object, c), 0);
  assert_true (help_wait (is_held, NULL));
  for (unsigned i = 0; i < 12; i++) {
    seconds += 2;               /* the evictor would write it now */
    help_store (o[i], i, SIZE, BS, 0, BLOCKS, CONTENT_RANDOM, NULL);
    assert_int_equal (help_count (o[i], i, SIZE, BS, CONTENT_RANDOM),
                      BLOCKS);
  }
  hold = false;
  pthread_join (thread, &late);
  cache_object_close (late);
  for (unsigned i = 0; i < 12; i++)
    cache_object_close (o[i]);
  cache_close (c);
}

/* As many reads as there are buffers wait for their disk: one more does not
 * wait for them.
 */
static void
test_all_buffers_busy (void **state)
{
  struct cache *c = open_cache ();
  struct cache_object *o = help_object (c, "o", 1, SIZE);
  struct scratch *all[4];
  uint32_t count = c->scratch_count;

  (void) state;
  c->scratch_count = 4;         /* TSan knows no more than 64 locks held */
  help_store (o, 1, SIZE, BS, 0, BLOCKS, CONTENT_TEXT, NULL);
  for (uint32_t i = 0; i < c->scratch_count; i++) {
    all[i] = scratch_get (c);
    assert_non_null (all[i]);
  }
  assert_int_equal (help_count (o, 1, SIZE, BS, CONTENT_TEXT), BLOCKS);
  for (uint32_t i = 0; i < c->scratch_count; i++)
    scratch_put (all[i]);
  assert_int_equal (help_count (o, 1, SIZE, BS, CONTENT_TEXT), BLOCKS);
  c->scratch_count = count;
  cache_object_close (o);
  cache_close (c);
}

#define T(name) cmocka_unit_test_setup_teardown (name, setup, help_tear_down)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    T (test_evictor_and_objects), T (test_all_buffers_busy),
  };

  alarm (300);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
