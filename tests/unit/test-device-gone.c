/* A client that goes while others wait for what it was about to bring: its
 * error is not theirs.
 */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/late.h"
#include "test-cache-help.h"

#define BLOCK 65536u
#define SIZE (4 * BLOCK)

/* Called in the place of the one of lib/origin. */
extern struct origin *__wrap_origin_open (const char *url,
                                          const struct origin_config *config,
                                          struct error *e);

static atomic_bool inside, waits;       /* the first; the second for it */
static atomic_uint calls;               /* of what the first fails in */
static __thread bool is_second;

static bool
stopping (void *opaque)
{
  (void) opaque;
  if (is_second)                /* it asks whenever it waits */
    waits = true;
  return false;
}

static const struct stop stop = { .stopping = stopping };

static bool
is_true (void *flag)
{
  return atomic_load ((atomic_bool *) flag);
}

/* What both do in turn: the first one fails, once the other waits. */
static int
do_it (struct error *e)
{
  if (atomic_fetch_add (&calls, 1) > 0)
    return 0;
  inside = true;
  assert_true (help_wait (is_true, &waits));
  return error_set (e, ESHUTDOWN, "the client has gone");
}

static int
get_bytes (struct origin *origin, void *buf, size_t count, uint64_t offset,
           size_t *got, struct error *e)
{
  (void) origin;
  (void) offset;
  (void) e;
  memset (buf, 'x', count);
  *got = count;
  return 0;
}

static void
close_nothing (struct origin *origin)
{
  (void) origin;
}

struct origin *
__wrap_origin_open (const char *url, const struct origin_config *config,
                    struct error *e)
{
  static const struct origin_ops ops = {
    .close = close_nothing, .read = get_bytes
  };
  static struct origin origin = {
    .ops = &ops, .size = SIZE, .validator = "v", .lasting = true
  };

  (void) url;
  (void) config;
  return do_it (e) == 0 ? &origin : NULL;
}

static int
read_fn (void *opaque, void *buf, uint32_t count, uint64_t offset,
         struct error *e)
{
  (void) opaque;
  (void) offset;
  memset (buf, 'x', count);
  return do_it (e);
}

struct client
{
  struct origin *late;          /* or */
  struct device *device;
  bool second;
  pthread_t thread;
  int r;
  char buf[100];
  struct error e;
};

static void *
run_client (void *opaque)
{
  struct client *client = opaque;
  size_t got;

  is_second = client->second;
  client->r = client->late
    ? client->late->ops->read (client->late, client->buf, 100, 5, &got,
                               &client->e)
    : device_read_direct (client->device, client->buf, 100, 5, read_fn, NULL,
                          &client->e);
  return NULL;
}

static void
second_is_well (struct client first)
{
  struct client second = first;

  second.second = true;
  calls = 0;
  inside = waits = false;
  assert_int_equal (pthread_create (&first.thread, NULL, run_client, &first),
                    0);
  assert_true (help_wait (is_true, &inside));
  assert_int_equal (pthread_create (&second.thread, NULL, run_client,
                                    &second), 0);
  pthread_join (first.thread, NULL);
  pthread_join (second.thread, NULL);
  assert_int_equal (first.r, -1);
  assert_int_equal (first.e.errnum, ESHUTDOWN);
  if (second.r == -1)
    fail_msg ("%s", second.e.text);
  assert_int_equal (second.buf[99], 'x');
  assert_int_equal (calls, 2);
}

static void
test_late (void **state)
{
  struct origin_config config = { .stop = &stop };
  struct origin *late = late_open ("file:///x", &config, SIZE, "v", true,
                                   NULL);

  (void) state;
  assert_non_null (late);
  second_is_well ((struct client) { .late = late });
  late->ops->close (late);
}

static void
test_direct (void **state)
{
  char *dir = help_make_dir ();
  struct engine_config config = {
    .cache = help_config (dir, 16 * MIB, BLOCK, true),
    .origin = { .connections = 4, .timeout_ms = 10000 },
    .stop = &stop,
  };
  struct error e;
  struct engine *engine = engine_open (&config, &e);
  struct device *device;

  (void) state;
  assert_non_null (engine);
  device = device_open_direct (engine, "the device", "direct:1", "id", SIZE,
                               &e);
  assert_non_null (device);
  second_is_well ((struct client) { .device = device });
  device_close (device);
  engine_close (engine);
  help_remove_dir (dir);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_late), cmocka_unit_test (test_direct),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
