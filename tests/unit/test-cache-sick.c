/* A cache disk that fails: the cache is bypassed, or only stores nothing, says
 * so once, is tried again, and never gives a wrong byte.
 */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test-cache-help.h"
#include "util/log.h"

#define BS 16384u
#define BLOCKS 32u
#define SIZE (BLOCKS * (uint64_t) BS)

/* What fails, with which errno; 0: it works. */
static _Atomic int sick_write, sick_read, sick_punch, sick_replace;
static _Atomic uint64_t bad_place;      /* of all files; 0: none */
static _Atomic uint64_t seconds;        /* that the clock is ahead */
static _Atomic int calls_left;          /* until one fails; -1: never */
static _Atomic unsigned warned, recovered;

static void
listen (enum log_level level, const char *text)
{
  (void) level;
  warned += strstr (text, "tried again") != NULL;
  recovered += strstr (text, "works again") != NULL;
}

/* Is it this call's turn? */
static bool
turn (void)
{
  int left = calls_left;

  /* Threads may race for the last one. */
  while (left > 0)
    if (atomic_compare_exchange_weak (&calls_left, &left, left - 1))
      return false;
  if (left == 0) {
    calls_left = -1;
    errno = EIO;
    return true;
  }
  return false;
}

static bool
fails (int errnum)
{
  errno = errnum;
  return errnum != 0 || turn ();
}

static int
sick_open (const struct sys *sys, const char *path, int flags, mode_t mode)
{
  (void) sys;
  return turn () ? -1 : sys_real.open (&sys_real, path, flags, mode);
}

static ssize_t
sick_pread (const struct sys *sys, int fd, void *buf, size_t count,
            uint64_t offset)
{
  bool bad = bad_place && offset <= bad_place && bad_place - offset < count;

  (void) sys;
  return fails (bad ? EIO : sick_read) ? -1 :
    sys_real.pread (&sys_real, fd, buf, count, offset);
}

static ssize_t
sick_pwrite (const struct sys *sys, int fd, const void *buf, size_t count,
             uint64_t offset)
{
  (void) sys;
  return fails (sick_write) ? -1 :
    sys_real.pwrite (&sys_real, fd, buf, count, offset);
}

static int
sick_fallocate (const struct sys *sys, int fd, int mode, uint64_t offset,
                uint64_t count)
{
  (void) sys;
  return fails (mode & FALLOC_FL_PUNCH_HOLE ? sick_punch : sick_write) ?
    -1 : sys_real.fallocate (&sys_real, fd, mode, offset, count);
}

static int
sick_ftruncate (const struct sys *sys, int fd, uint64_t size)
{
  (void) sys;
  return fails (sick_write) ? -1 : sys_real.ftruncate (&sys_real, fd, size);
}

static int
sick_fstat (const struct sys *sys, int fd, struct stat *st)
{
  (void) sys;
  return turn () ? -1 : sys_real.fstat (&sys_real, fd, st);
}

static int64_t
sick_lseek (const struct sys *sys, int fd, int64_t offset, int whence)
{
  (void) sys;
  return turn () ? -1 : sys_real.lseek (&sys_real, fd, offset, whence);
}

static int
sick_fdatasync (const struct sys *sys, int fd)
{
  (void) sys;
  return fails (sick_write) ? -1 : sys_real.fdatasync (&sys_real, fd);
}

static int
sick_rename (const struct sys *sys, const char *from, const char *to)
{
  (void) sys;
  return fails (sick_replace ? sick_replace : sick_write) ?
    -1 : sys_real.rename (&sys_real, from, to);
}

static int
sick_unlink (const struct sys *sys, const char *path)
{
  (void) sys;
  return fails (sick_write) ? -1 : sys_real.unlink (&sys_real, path);
}

static int
sick_fsync_dir (const struct sys *sys, const char *path)
{
  (void) sys;
  return fails (sick_write) ? -1 : sys_real.fsync_dir (&sys_real, path);
}

static uint64_t
sick_monotonic_ns (const struct sys *sys)
{
  (void) sys;
  return sys_real.monotonic_ns (&sys_real) + seconds * UINT64_C (1000000000);
}

static struct sys sick;

static struct cache_config
config (uint64_t size)
{
  struct cache_config c = help_config (help_dir, size, BS, true);

  c.sys = &sick;
  return c;
}

static int
setup (void **state)
{
  (void) state;
  sick = sys_real;
  sick.open = sick_open;
  sick.pread = sick_pread;
  sick.pwrite = sick_pwrite;
  sick.fallocate = sick_fallocate;
  sick.ftruncate = sick_ftruncate;
  sick.fstat = sick_fstat;
  sick.lseek = sick_lseek;
  sick.fdatasync = sick_fdatasync;
  sick.rename = sick_rename;
  sick.unlink = sick_unlink;
  sick.fsync_dir = sick_fsync_dir;
  sick.monotonic_ns = sick_monotonic_ns;
  sick_write = sick_read = sick_punch = sick_replace = 0;
  bad_place = 0;
  calls_left = -1;
  warned = recovered = 0;
  help_set_up (state);
  return 0;
}

static bool
is_degraded (struct cache *c)
{
  struct cache_stats stats;

  cache_stats (c, &stats);
  return stats.degraded;
}

static bool
is_well (void *cache)
{
  struct cache_stats stats;

  cache_stats (cache, &stats);
  return !stats.degraded && !stats.unwritable;
}

static struct cache_object *
fill (struct cache *c, const char *name, uint64_t number)
{
  struct cache_object *o = help_object (c, name, number, SIZE);

  help_store (o, number, SIZE, BS, 0, BLOCKS, CONTENT_MIXED, NULL);
  return o;
}

/* Writes fail: nothing is stored, and nothing read if it is an error of the
 * disk; well again after ten seconds.
 */
static void
writes_fail (int errnum)
{
  bool bypassed = errnum == EIO;
  uint64_t hits = bypassed ? 0 : BLOCKS;
  struct cache_config conf = config (4 * MIB);
  struct cache *c = help_open (&conf);
  struct cache_object *o = fill (c, "o", 1), *p;

  assert_int_equal (help_count (o, 1, SIZE, BS, CONTENT_MIXED), BLOCKS);
  sick_write = errnum;
  p = fill (c, "p", 2);
  assert_false (is_well (c));
  assert_int_equal (is_degraded (c), bypassed);
  assert_int_equal (warned, 1);
  assert_int_equal (help_count (o, 1, SIZE, BS, CONTENT_MIXED), hits);
  assert_int_equal (help_count (p, 2, SIZE, BS, CONTENT_MIXED), 0);
  assert_int_equal (cache_has (o, 0), !bypassed);

  sick_write = 0;               /* well, but not tried yet */
  help_store (p, 2, SIZE, BS, 0, BLOCKS, CONTENT_MIXED, NULL);
  assert_int_equal (help_count (p, 2, SIZE, BS, CONTENT_MIXED), 0);
  assert_false (is_well (c));
  seconds += 11;
  assert_true (help_wait (is_well, c));
  assert_int_equal (recovered, 0);
  help_store (p, 2, SIZE, BS, 0, BLOCKS, CONTENT_MIXED, NULL);
  assert_int_equal (help_count (o, 1, SIZE, BS, CONTENT_MIXED), BLOCKS);
  assert_int_equal (help_count (p, 2, SIZE, BS, CONTENT_MIXED), BLOCKS);
  assert_int_equal (warned, 1);
  assert_int_equal (recovered, 1);
  cache_object_close (o);
  cache_object_close (p);
  cache_close (c);

  c = help_open (&conf);
  o = help_object (c, "o", 1, SIZE);
  p = help_object (c, "p", 2, SIZE);
  assert_int_equal (help_count (o, 1, SIZE, BS, CONTENT_MIXED), BLOCKS);
  assert_int_equal (help_count (p, 2, SIZE, BS, CONTENT_MIXED), BLOCKS);
  cache_object_close (o);
  cache_object_close (p);
  cache_close (c);
}

static void
test_writes (void **state)
{
  static const int errors[] = { EIO, ENOSPC, EDQUOT, EROFS };

  (void) state;
  for (unsigned i = 0; i < 4; i++) {
    writes_fail (errors[i]);
    help_tear_down (NULL);
    setup (NULL);
  }
}

/* Full first, and then it fails altogether: that is news. */
static void
test_worse (void **state)
{
  struct cache_config conf = config (4 * MIB);
  struct cache *c = help_open (&conf);
  struct cache_object *o = fill (c, "o", 1), *p;

  (void) state;
  sick_write = ENOSPC;
  p = fill (c, "p", 2);
  assert_false (is_degraded (c));
  assert_int_equal (warned, 1);
  sick_read = EIO;
  assert_int_equal (help_count (o, 1, SIZE, BS, CONTENT_MIXED), 0);
  assert_true (is_degraded (c));
  assert_int_equal (warned, 2);
  sick_write = sick_read = 0;
  seconds += 11;
  assert_true (help_wait (is_well, c));
  cache_object_close (o);
  cache_object_close (p);
  cache_close (c);
}

/* What is to make room can't be removed: no more of it is given up. */
static void
test_read_only (void **state)
{
  struct cache_config conf = config (MIB);
  struct cache *c = help_open (&conf);
  struct cache_object *o = help_object (c, "o", 1, 4 * SIZE);
  struct cache_stats stats;

  (void) state;
  sick_punch = EROFS;
  help_store (o, 1, 4 * SIZE, BS, 0, 4 * BLOCKS, CONTENT_RANDOM, NULL);
  assert_false (is_well (c));
  assert_true (help_count (o, 1, 4 * SIZE, BS, CONTENT_RANDOM) > 16);
  cache_stats (c, &stats);
  assert_true (stats.resident_blocks > 16);
  cache_object_close (o);
  cache_close (c);
}

/* Reads fail: a miss each, one warning; the rest is there afterwards. */
static void
test_reads (void **state)
{
  struct cache_config conf = config (4 * MIB);
  struct cache *c = help_open (&conf);
  struct cache_object *o = fill (c, "o", 1);
  struct cache_stats stats;

  (void) state;
  sick_read = EIO;
  assert_int_equal (help_count (o, 1, SIZE, BS, CONTENT_MIXED), 0);
  assert_true (is_degraded (c));
  assert_int_equal (warned, 1);
  sick_read = 0;
  seconds += 11;
  assert_true (help_wait (is_well, c));
  assert_true (help_count (o, 1, SIZE, BS, CONTENT_MIXED) >= BLOCKS - 2);
  help_store (o, 1, SIZE, BS, 0, BLOCKS, CONTENT_MIXED, NULL);
  assert_int_equal (help_count (o, 1, SIZE, BS, CONTENT_MIXED), BLOCKS);
  assert_int_equal (recovered, 1);
  cache_stats (c, &stats);
  assert_true (stats.io_errors > 0);
  assert_int_equal (stats.failed_checks, 0);
  cache_object_close (o);
  cache_close (c);
}

/* One place that can't be read costs what is there, and the cache is without
 * use for ten seconds once: not for as long as somebody reads across it.
 */
static void
test_bad_place (void **state)
{
  struct cache_config conf = config (4 * MIB);
  struct cache *c = help_open (&conf);
  struct cache_object *o = help_object (c, "o", 1, SIZE);
  uint64_t bad = 20;            /* a block: they are in slots side by side */

  (void) state;
  help_store (o, 1, SIZE, BS, 0, BLOCKS, CONTENT_RANDOM, NULL);
  bad_place = bad * BS + 5;     /* beyond the end of the index */
  help_check (o, 1, SIZE, BS, 0, SIZE, CONTENT_RANDOM);
  assert_true (is_degraded (c));
  seconds += 11;
  assert_true (help_wait (is_well, c));
  assert_int_equal (help_check (o, 1, SIZE, BS, 0, SIZE, CONTENT_RANDOM),
                    bad * BS);
  assert_int_equal (help_count (o, 1, SIZE, BS, CONTENT_RANDOM), BLOCKS - 1);
  assert_false (is_degraded (c));
  cache_object_close (o);
  cache_close (c);
}

/* Space can't be given back: no store goes over the budget for it, and what
 * was not punched is punched later.
 */
static void
test_punches (void **state)
{
  uint64_t size = 2 * MIB;
  struct cache_config conf = config (size);
  struct cache *c = help_open (&conf);
  struct cache_object *o[12];

  (void) state;
  for (unsigned i = 0; i < 12; i++) {
    char name[8];

    snprintf (name, sizeof name, "o%u", i);
    if (i == 6)
      sick_punch = EIO;
    if (i == 9) {
      assert_true (is_degraded (c));
      sick_punch = 0;
      seconds += 11;
      assert_true (help_wait (is_well, c));
    }
    o[i] = help_object (c, name, i, SIZE);
    help_store (o[i], i, SIZE, BS, 0, BLOCKS, CONTENT_RANDOM, NULL);
    assert_true (help_du (help_dir) <= size);
  }
  assert_int_equal (help_count (o[11], 11, SIZE, BS, CONTENT_RANDOM),
                    BLOCKS);
  for (unsigned i = 0; i < 12; i++) {
    help_count (o[i], i, SIZE, BS, CONTENT_RANDOM);
    cache_object_close (o[i]);
  }
  cache_close (c);
  assert_true (help_du (help_dir) <= size);
}

static void
test_no_punching (void **state)
{
  struct cache_config conf = config (4 * MIB);
  struct error e = { 0 };

  (void) state;
  sick_punch = EOPNOTSUPP;
  assert_null (cache_open (&conf, &e));
  assert_non_null (strstr (e.text, "punch holes"));
  assert_non_null (strstr (e.text, help_dir));
}

/* The reason is in the error: nothing is said of a cache there is not. */
static void
test_no_first_objects (void **state)
{
  struct cache_config conf = config (4 * MIB);
  struct error e = { 0 };

  (void) state;
  sick_replace = ENOSPC;
  assert_null (cache_open (&conf, &e));
  assert_int_equal (e.errnum, ENOSPC);
  assert_non_null (strstr (e.text, "/objects: cannot write: "));
  assert_non_null (strstr (e.text, strerror (ENOSPC)));
  assert_int_equal (warned, 0);
}

/* Open, store, read, evict, close, with one failing call. */
static void
session (void)
{
  struct cache_config conf = config (MIB);
  struct error e = { 0 };
  struct cache *c = cache_open (&conf, &e);

  if (!c) {
    assert_non_null (strstr (e.text, help_dir));
    return;
  }
  for (uint64_t n = 0; n < 3; n++) {
    struct cache_object *o = fill (c, n == 0 ? "a" : "b", n);

    help_count (o, n, SIZE, BS, CONTENT_MIXED);
    cache_object_close (o);
  }
  cache_close (c);
}

/* Every call of a session fails once; what is left is a cache that works. */
static void
test_each_call (void **state)
{
  struct cache_config conf = config (MIB);
  bool failed = true;

  (void) state;
  for (int n = 0; failed; n += n < 60 ? 1 : 17) {
    struct cache *c;
    struct cache_object *o;

    calls_left = n;
    session ();
    failed = calls_left == -1;
    calls_left = -1;
    c = help_open (&conf);
    o = fill (c, "a", 0);
    assert_int_equal (help_count (o, 0, SIZE, BS, CONTENT_MIXED), BLOCKS);
    assert_true (help_du (help_dir) <= MIB);
    cache_object_close (o);
    cache_close (c);
    if (n % 2 == 0) {           /* both: a new cache, and one in use */
      help_remove_dir (help_dir);
      help_set_up (state);
      conf.dir = help_dir;
    }
  }
}

#define T(name) cmocka_unit_test_setup_teardown (name, setup, help_tear_down)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    T (test_writes), T (test_worse), T (test_read_only), T (test_reads),
    T (test_bad_place), T (test_punches), T (test_no_punching),
    T (test_no_first_objects), T (test_each_call),
  };

  log_to (listen, 0);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
