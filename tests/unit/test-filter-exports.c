/* The filter's exports: they go with their last connection or are kept for
 * the next, are not opened again while they go, and those that are open do
 * not wait for others.
 */

#include <config.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "exports.h"
#include "test-cache-help.h"

#define SIZE (UINT64_C (1) << 20)

/* Called in the place of the engine's own, which are __real_. */
extern void __real_device_close (struct device *device);
extern void __wrap_device_close (struct device *device);
extern struct device *__real_device_open_origin (struct engine *engine,
                                                 const char *name,
                                                 const char *identity,
                                                 struct origin *origin,
                                                 struct error *e);
extern struct device *__wrap_device_open_origin (struct engine *engine,
                                                 const char *name,
                                                 const char *identity,
                                                 struct origin *origin,
                                                 struct error *e);

struct rig
{
  char *dir;
  struct exports_config config;
};

struct getter
{
  const struct exports_config *config;
  const struct view *view;
  struct export *export;
  pthread_t thread;
  atomic_bool done;
};

static atomic_uint opened, closed;

/* Who is to open while a device is being closed, or opened. */
static struct getter *during_close, *during_open;

static void *
get (void *opaque)
{
  struct getter *getter = opaque;
  struct error e;

  getter->export = exports_get (getter->config, getter->view, &e);
  atomic_store (&getter->done, true);
  return NULL;
}

static void
start (struct getter *getter)
{
  assert_int_equal (pthread_create (&getter->thread, NULL, get, getter), 0);
}

static bool
is_done (void *getter)
{
  return atomic_load (&((struct getter *) getter)->done);
}

/* Nothing tells that a thread waits for a lock: it gets a moment to open
 * what it must not.
 */
void
__wrap_device_close (struct device *device)
{
  static const struct timespec moment = { .tv_nsec = 100000000 };
  struct getter *getter = during_close;
  unsigned before = opened;

  during_close = NULL;
  if (getter) {
    start (getter);
    nanosleep (&moment, NULL);
    assert_int_equal (opened, before);
  }
  __real_device_close (device);
  atomic_fetch_add (&closed, 1);
}

struct device *
__wrap_device_open_origin (struct engine *engine, const char *name,
                           const char *identity, struct origin *origin,
                           struct error *e)
{
  struct getter *getter = during_open;

  atomic_fetch_add (&opened, 1);
  during_open = NULL;
  if (getter) {
    start (getter);
    assert_true (help_wait (is_done, getter));
  }
  return __real_device_open_origin (engine, name, identity, origin, e);
}

static int
setup (void **state)
{
  struct rig *rig = calloc (1, sizeof *rig);
  struct engine_config config = {
    .origin = { .connections = 4, .timeout_ms = 10000 },
  };
  struct error e;

  rig->dir = help_make_dir ();
  config.cache = help_config (rig->dir, 16 * MIB, 65536, true);
  rig->config.parallel = true;
  rig->config.engine = engine_open (&config, &e);
  assert_non_null (rig->config.engine);
  opened = closed = 0;
  *state = rig;
  return 0;
}

static int
teardown (void **state)
{
  struct rig *rig = *state;

  exports_close ();
  engine_close (rig->config.engine);
  help_remove_dir (rig->dir);
  free (rig);
  return 0;
}

static struct export *
get_now (const struct rig *rig, const struct view *view)
{
  struct error e;
  struct export *export = exports_get (&rig->config, view, &e);

  assert_non_null (export);
  return export;
}

static void
test_goes_with_the_last (void **state)
{
  struct rig *rig = *state;
  const struct view a = { .name = "a", .same_for_all = true, .size = SIZE };
  const struct view b = { .name = "b", .same_for_all = true, .size = SIZE };
  struct export *export, *other;

  rig->config.id = "id";
  export = get_now (rig, &a);
  other = get_now (rig, &b);
  assert_ptr_not_equal (export, other);
  assert_ptr_equal (get_now (rig, &a), export);
  exports_put (export);
  assert_int_equal (closed, 0);
  exports_put (export);
  assert_int_equal (closed, 1);
  export = get_now (rig, &a);
  assert_int_equal (opened, 3);
  exports_put (export);
  exports_put (other);
  assert_int_equal (closed, 3);
}

/* There is no other way to what is cached; but there is an end to it. */
static void
test_kept_without_an_id (void **state)
{
  struct rig *rig = *state;
  struct view view = { .name = "a", .same_for_all = true, .size = SIZE };
  struct export *export = get_now (rig, &view);

  exports_put (export);
  assert_ptr_equal (get_now (rig, &view), export);
  exports_put (export);
  assert_int_equal (opened, 1);
  for (view.size = SIZE + 512; view.size < SIZE + 64 * 512; view.size += 512)
    exports_put (get_now (rig, &view));
  assert_int_equal (opened, 64);
  assert_int_equal (closed, 0);
  view.size = SIZE;
  exports_put (get_now (rig, &view));
  assert_int_equal (opened, 64);

  /* The one left longest ago goes. */
  view.size = 2 * SIZE;
  exports_put (get_now (rig, &view));
  assert_int_equal (opened, 65);
  assert_int_equal (closed, 1);
  view.size = SIZE + 512;
  exports_put (get_now (rig, &view));
  assert_int_equal (opened, 66);
  view.size = SIZE;
  exports_put (get_now (rig, &view));
  assert_int_equal (opened, 66);
}

static void
test_different_for_each (void **state)
{
  struct rig *rig = *state;
  const struct view view = { .name = "", .size = SIZE };
  struct export *one = get_now (rig, &view), *two = get_now (rig, &view);

  assert_ptr_not_equal (one, two);
  exports_put (one);
  exports_put (two);
  assert_int_equal (closed, 2);
}

/* The device would be the old one, and its origin a freed one. */
static void
test_not_opened_while_it_goes (void **state)
{
  struct rig *rig = *state;
  const struct view view = { .name = "", .size = SIZE };
  struct getter getter = { .config = &rig->config, .view = &view };
  struct next next = { 0 };
  struct export *export;

  rig->config.id = "id";
  export = get_now (rig, &view);
  during_close = &getter;
  exports_put (export);
  pthread_join (getter.thread, NULL);
  assert_non_null (getter.export);
  next_join (getter.export->origin, &next);
  next_leave (getter.export->origin, &next);
  exports_put (getter.export);
  assert_int_equal (closed, 2);
}

static void
test_open_ones_do_not_wait (void **state)
{
  struct rig *rig = *state;
  const struct view a = { .name = "a", .same_for_all = true, .size = SIZE };
  const struct view b = { .name = "b", .same_for_all = true, .size = SIZE };
  struct export *export = get_now (rig, &a), *other;
  struct getter getter = { .config = &rig->config, .view = &a };

  during_open = &getter;
  other = get_now (rig, &b);
  pthread_join (getter.thread, NULL);
  assert_ptr_equal (getter.export, export);
  exports_put (export);
  exports_put (export);
  exports_put (other);
}

#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    T (test_goes_with_the_last), T (test_kept_without_an_id),
    T (test_different_for_each),
    T (test_not_opened_while_it_goes), T (test_open_ones_do_not_wait),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
