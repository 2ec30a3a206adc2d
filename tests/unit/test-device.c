/* Devices over real files and a real cache: which version is served, from
 * where, and what happens when the file changes or goes away.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "device/device.h"
#include "test-device-help.h"
#include "util/mix.h"

#define BLOCK 65536u
#define SIZE (20 * BLOCK + 1234)        /* a partial block at the end */

struct rig
{
  char *dir, file[128], cache[128];
  struct engine_config config;
  struct engine *engine;
};

static void
rig_engine (struct rig *rig)
{
  struct error e;

  rig->engine = engine_open (&rig->config, &e);
  if (!rig->engine)
    fail_msg ("engine_open: %s", e.text);
}

static int
setup (void **state)
{
  struct rig *rig = calloc (1, sizeof *rig);

  rig->dir = help_make_dir ();
  snprintf (rig->file, sizeof rig->file, "%s/file", rig->dir);
  snprintf (rig->cache, sizeof rig->cache, "%s/cache", rig->dir);
  help_write_version (rig->file, 1, SIZE);
  rig->config = (struct engine_config) {
    .cache = { .dir = rig->cache, .size = 64 << 20, .block_size = BLOCK,
               .compress = true },
    .origin = { .connections = 4, .timeout_ms = 10000 },
    .fetch_retries = 1,
    .readahead = 8 << 20,
  };
  rig_engine (rig);
  *state = rig;
  return 0;
}

static int
teardown (void **state)
{
  struct rig *rig = *state;

  if (rig->engine)
    engine_close (rig->engine);
  help_remove_dir (rig->dir);
  free (rig);
  return 0;
}

static void
rig_restart (struct rig *rig)
{
  engine_close (rig->engine);
  rig_engine (rig);
}

static struct device *
open_ok (struct rig *rig)
{
  struct error e;
  struct device *device = device_open (rig->engine, rig->file, NULL, &e);

  if (!device)
    fail_msg ("device_open: %s", e.text);
  return device;
}

static void
read_expect (struct device *device, unsigned version, uint64_t offset,
             uint32_t count)
{
  unsigned char *got = malloc (count), *want = malloc (count);
  struct error e = { .text = "" };

  if (device_read (device, got, count, offset, &e) == -1)
    fail_msg ("device_read %u+%u: %s", (unsigned) offset, count, e.text);
  help_version_bytes (want, version, offset, count);
  assert_memory_equal (got, want, count);
  free (got);
  free (want);
}

static void
test_read (void **state)
{
  static const struct { uint64_t offset; uint32_t count; } reads[] = {
    { 0, 1 }, { 0, BLOCK }, { BLOCK - 1, 2 }, { 5 * BLOCK + 7, 3 * BLOCK },
    { SIZE - 1, 1 }, { SIZE - 1234, 1234 }, { SIZE - 2 * BLOCK, 2 * BLOCK },
    { 0, SIZE }, { 12345, SIZE - 12345 }, { 16384, 16384 }, { 16383, 16386 },
  };
  struct device *device = open_ok (*state);

  assert_int_equal (device_size (device), SIZE);
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
      read_expect (device, 1, reads[i].offset, reads[i].count);
  device_close (device);
}

/* What is cached is there after a restart, without the file. */
static void
test_offline_serve (void **state)
{
  struct rig *rig = *state;
  struct device *device = open_ok (rig);
  unsigned char byte;
  struct error e;

  read_expect (device, 1, 0, 10 * BLOCK);
  device_close (device);
  rig->config.readahead = 0;
  rig_restart (rig);
  assert_int_equal (unlink (rig->file), 0);
  device = open_ok (rig);
  read_expect (device, 1, 0, 10 * BLOCK);
  device_close (device);

  /* What is not cached is an error. */
  help_write_version (rig->file, 1, SIZE);
  rig_restart (rig);
  device = device_open (rig->engine, rig->file, "other", &e);
  assert_non_null (device);
  read_expect (device, 1, 0, BLOCK);
  device_close (device);
  rig_restart (rig);
  assert_int_equal (unlink (rig->file), 0);
  device = device_open (rig->engine, rig->file, "other", &e);
  assert_non_null (device);
  read_expect (device, 1, 0, BLOCK);
  assert_int_equal (device_read (device, &byte, 1, 15 * BLOCK, &e), -1);
  assert_non_null (strstr (e.text, rig->file));
  device_close (device);
}

static void
test_offline_fail (void **state)
{
  struct rig *rig = *state;
  struct device *device = open_ok (rig);
  struct error e;

  read_expect (device, 1, 0, BLOCK);
  device_close (device);
  rig->config.offline_fail = true;
  rig_restart (rig);
  assert_int_equal (unlink (rig->file), 0);
  assert_null (device_open (rig->engine, rig->file, NULL, &e));
  assert_non_null (strstr (e.text, rig->file));
}

static void
test_never_seen (void **state)
{
  struct rig *rig = *state;
  struct error e;

  assert_int_equal (unlink (rig->file), 0);
  assert_null (device_open (rig->engine, rig->file, NULL, &e));
  assert_int_equal (e.errnum, ENOENT);
  assert_non_null (strstr (e.text, rig->file));
}

/* Younger than stale-after: not asked, the old bytes. */
static void
test_stale (void **state)
{
  struct rig *rig = *state;
  struct device *device = open_ok (rig);

  read_expect (device, 1, 0, SIZE);
  device_close (device);
  rig->config.stale_after_ms = 3600000;
  rig_restart (rig);
  help_write_version (rig->file, 2, SIZE);
  device = open_ok (rig);
  read_expect (device, 1, 0, SIZE);
  device_close (device);
  rig->config.stale_after_ms = 0;
  rig_restart (rig);
  device = open_ok (rig);
  read_expect (device, 2, 0, SIZE);
  device_close (device);
}

/* Between stale-after and expire-after: the old bytes first, the origin is
 * asked in the background, and later opens get the new ones.
 */
static void
test_expire (void **state)
{
  struct rig *rig = *state;
  struct device *device = open_ok (rig);
  unsigned char got = 0, old, new;
  int i;

  read_expect (device, 1, 0, SIZE);
  device_close (device);
  rig->config.expire_after_ms = 3600000;
  rig_restart (rig);
  help_write_version (rig->file, 2, SIZE);
  help_version_bytes (&old, 1, 0, 1);
  help_version_bytes (&new, 2, 0, 1);
  assert_int_not_equal (old, new);
  device = open_ok (rig);
  read_expect (device, 1, 0, SIZE);
  device_close (device);
  for (i = 0; i < 2000 && got != new; i++) {
    struct error e;

    device = open_ok (rig);
    assert_int_equal (device_read (device, &got, 1, 0, &e) == -1, 0);
    assert_true (got == old || got == new);
    device_close (device);
    usleep (5000);      /* the condition is the new byte */
  }
  assert_int_equal (got, new);
}

static void
test_changed_while_open (void **state)
{
  struct rig *rig = *state;
  struct device *device, *again;
  unsigned char byte;
  struct error e;

  rig->config.readahead = 0;
  rig_restart (rig);
  device = open_ok (rig);
  read_expect (device, 1, 0, BLOCK);
  help_write_version (rig->file, 2, SIZE);
  read_expect (device, 1, 0, BLOCK);
  assert_int_equal (device_read (device, &byte, 1, 9 * BLOCK, &e), -1);
  assert_int_equal (e.errnum, ESTALE);
  assert_non_null (strstr (e.text, rig->file));

  again = open_ok (rig);
  assert_ptr_not_equal (again, device);
  read_expect (again, 2, 0, SIZE);
  read_expect (device, 1, 0, BLOCK);
  device_close (again);
  device_close (device);
}

/* Who was told to open it again sees the new version, however young what was
 * known is.
 */
static void
test_changed_while_fresh (void **state)
{
  struct rig *rig = *state;
  struct device *device;
  unsigned char byte;
  struct error e;

  rig->config.readahead = 0;
  rig->config.stale_after_ms = 3600000;
  rig_restart (rig);
  device = open_ok (rig);
  read_expect (device, 1, 0, BLOCK);
  device_close (device);
  rig_restart (rig);
  help_write_version (rig->file, 2, SIZE);
  device = open_ok (rig);
  read_expect (device, 1, 0, BLOCK);
  assert_int_equal (device_read (device, &byte, 1, 9 * BLOCK, &e), -1);
  assert_int_equal (e.errnum, ESTALE);
  device_close (device);
  device = open_ok (rig);
  read_expect (device, 2, 0, SIZE);
  device_close (device);
}

static void
test_shared (void **state)
{
  struct device *a = open_ok (*state), *b = open_ok (*state);

  assert_ptr_equal (a, b);
  device_close (a);
  read_expect (b, 1, 0, SIZE);
  device_close (b);
}

static void
test_cache_command (void **state)
{
  struct rig *rig = *state;
  struct device *device;
  struct error e;

  rig->config.readahead = 0;
  rig_restart (rig);
  device = open_ok (rig);
  assert_int_equal (device_cache (device, SIZE - 5, 5, &e), 1);
  /* It may still be on its way into the cache: 1 again is right as well. */
  assert_int_not_equal (device_cache (device, SIZE - 5, 5, &e), -1);
  device_close (device);
  rig_restart (rig);
  assert_int_equal (unlink (rig->file), 0);
  device = open_ok (rig);
  read_expect (device, 1, 0, SIZE);
  device_close (device);
}

static int
count_extent (void *opaque, uint64_t offset, uint64_t count, bool hole)
{
  uint64_t *counts = opaque;

  assert_int_equal (offset, counts[0] + counts[1]);
  counts[hole] += count;
  return 0;
}

static void
test_extents (void **state)
{
  struct rig *rig = *state;
  uint64_t counts[2] = { 0, 0 };
  struct device *device;

  assert_int_equal (truncate (rig->file, 0), 0);
  assert_int_equal (truncate (rig->file, 16 << 20), 0);
  device = open_ok (rig);
  assert_int_equal (device_extents (device, 0, 16 << 20, count_extent,
                                    counts), 0);
  assert_int_equal (counts[0] + counts[1], 16 << 20);
  assert_true (counts[1] > 0);

  /* Without its file all of it is data. */
  assert_int_equal (unlink (rig->file), 0);
  counts[0] = counts[1] = 0;
  assert_int_equal (device_extents (device, 0, 16 << 20, count_extent,
                                    counts), 0);
  assert_int_equal (counts[0], 16 << 20);
  device_close (device);
}

/* nbdkit does not close its handles when it is told to quit. */
static void
test_left_open (void **state)
{
  struct rig *rig = *state;

  read_expect (open_ok (rig), 1, 0, SIZE);
  open_ok (rig);
  engine_close (rig->engine);
  rig->engine = NULL;
}

static void
test_many_opens (void **state)
{
  struct rig *rig = *state;

  for (int i = 0; i < 300; i++) {
    char key[16];
    struct error e;
    struct device *device;

    snprintf (key, sizeof key, "%d", i);
    device = device_open (rig->engine, rig->file, key, &e);
    assert_non_null (device);
    read_expect (device, 1, i * 100, 100);
    device_close (device);
  }
}

#define DEVICE_TEST(f) cmocka_unit_test_setup_teardown (f, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    DEVICE_TEST (test_read),
    DEVICE_TEST (test_offline_serve),
    DEVICE_TEST (test_offline_fail),
    DEVICE_TEST (test_never_seen),
    DEVICE_TEST (test_stale),
    DEVICE_TEST (test_expire),
    DEVICE_TEST (test_changed_while_open),
    DEVICE_TEST (test_changed_while_fresh),
    DEVICE_TEST (test_shared),
    DEVICE_TEST (test_cache_command),
    DEVICE_TEST (test_extents),
    DEVICE_TEST (test_left_open),
    DEVICE_TEST (test_many_opens),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
