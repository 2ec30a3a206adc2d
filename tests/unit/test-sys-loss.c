/* What a crash and a power loss leave of the model's files. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sys-place.h"
#include "sys-test.h"

/* The file as a reboot has it; closes it all. */
static void
expect_after (struct sys_test *after, const char *path, char c, size_t count)
{
  const struct sys *s = sys_test_sys (after);
  int fd = s->open (s, path, O_RDONLY, 0);

  assert_true (fd >= 0);
  expect (s, fd, c, count, 0);
  s->close (s, fd);
}

static void
expect_absent (struct sys_test *after, const char *path)
{
  const struct sys *s = sys_test_sys (after);

  assert_fails (s->open (s, path, O_RDONLY, 0), ENOENT);
}

static void
test_synced_stays (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  int fd;

  assert_int_equal (s->mkdir (s, "/d", 0700), 0);
  assert_int_equal (s->fsync_dir (s, "/"), 0);
  fd = open_new (p, "d/c");
  put (s, fd, 'x', 9000, 0);
  assert_int_equal (s->fallocate (s, fd, PUNCH, 4096, 4096), 0);
  put (s, fd, 'x', 4096, 4096);
  assert_true (sys_test_unsynced (p->test) > 0);
  assert_int_equal (s->fdatasync (s, fd), 0);
  assert_int_equal (s->fsync_dir (s, "/d"), 0);
  assert_int_equal (sys_test_unsynced (p->test), 0);
  put (s, fd, 'x', 9000, 0);
  for (uint64_t seed = 0; seed < 50; seed++) {
    struct sys_test *after = sys_test_power_loss (p->test, seed);

    expect_after (after, "/d/c", 'x', 9000);
    assert_int_equal (sys_test_descriptors (after), 0);
    assert_int_equal (sys_test_unsynced (after), 0);
    assert_int_equal (sys_test_allocated (after), 12 * KiB);
    sys_test_free (after);
  }
  s->close (s, fd);
}

static void
test_unsynced_goes (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  struct sys_test *after;
  struct stat st;
  int fd = open_new (p, "a"), fd2;

  put (s, fd, 'o', 8192, 0);
  assert_int_equal (s->fdatasync (s, fd), 0);

  /* The content is safe, the name is not. */
  after = sys_test_power_loss (p->test, 0);
  expect_absent (after, "/a");
  assert_int_equal (sys_test_allocated (after), 0);
  sys_test_free (after);

  /* The name is safe, the new content is not. */
  assert_int_equal (s->fsync_dir (s, "/"), 0);
  put (s, fd, 'n', 8192, 0);
  assert_int_equal (s->ftruncate (s, fd, 20000), 0);
  after = sys_test_power_loss (p->test, 0);
  expect_after (after, "/a", 'o', 8192);
  fd2 = sys_test_sys (after)->open (sys_test_sys (after), "/a", O_RDONLY, 0);
  sys_test_sys (after)->fstat (sys_test_sys (after), fd2, &st);
  assert_int_equal (st.st_size, 8192);
  sys_test_free (after);

  /* An unlink that was not synced is undone, with the space it freed. */
  s->close (s, fd);
  assert_int_equal (s->unlink (s, "/a"), 0);
  assert_int_equal (sys_test_allocated (p->test), 0);
  after = sys_test_power_loss (p->test, 0);
  expect_after (after, "/a", 'o', 8192);
  assert_int_equal (sys_test_allocated (after), 8192);
  sys_test_free (after);
  assert_int_equal (s->fsync_dir (s, "/"), 0);
  for (uint64_t seed = 0; seed < 20; seed++) {
    after = sys_test_power_loss (p->test, seed);
    expect_absent (after, "/a");
    sys_test_free (after);
  }
}

static void
test_kill_keeps (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  struct sys_test *after;
  int fd;

  assert_int_equal (s->mkdir (s, "/d", 0700), 0);
  fd = open_new (p, "d/c");
  put (s, fd, 'x', 9000, 0);
  assert_int_equal (s->lock (s, fd), 0);
  after = sys_test_kill (p->test);
  expect_after (after, "/d/c", 'x', 9000);

  /* Locks and descriptors went with the process; its disk is another. */
  s = sys_test_sys (after);
  fd = s->open (s, "/d/c", O_RDWR, 0);
  assert_int_equal (s->lock (s, fd), 0);
  put (s, fd, 'y', 9000, 0);
  sys_test_free (after);
  expect_after (p->test, "/d/c", 'x', 9000);
}

enum { SECTORS = 64, SEEDS = 400 };

/* Each sector is whole, and one of those it has been; over many seeds there
 * are all of them, and files that mix them.
 */
static void
test_torn_writes (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  int fd = open_new (p, "a"), seen[256] = { 0 }, mixed = 0;

  put (s, fd, 'a', SECTORS * 512, 0);
  assert_int_equal (s->fdatasync (s, fd), 0);
  assert_int_equal (s->fsync_dir (s, "/"), 0);
  put (s, fd, 'b', SECTORS * 512, 0);
  put (s, fd, 'c', SECTORS * 512, 0);
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    struct sys_test *after = sys_test_power_loss (p->test, seed);
    const struct sys *s2 = sys_test_sys (after);
    int fd2 = s2->open (s2, "/a", O_RDONLY, 0);
    char buf[SECTORS * 512];

    assert_int_equal (s2->pread (s2, fd2, buf, sizeof buf, 0), sizeof buf);
    for (int i = 0; i < SECTORS; i++) {
      assert_non_null (strchr ("abc", buf[i * 512]));
      assert_true (all (buf + i * 512, buf[i * 512], 512));
      seen[(unsigned char) buf[i * 512]]++;
    }
    mixed += !all (buf, buf[0], sizeof buf);
    sys_test_free (after);
  }
  assert_true (seen['a'] > SEEDS && seen['b'] > SEEDS && seen['c'] > SEEDS);
  assert_true (mixed > SEEDS / 20);
  s->close (s, fd);
}

/* Small writes to one sector reach the disk in their order or not at all. */
static void
test_one_sector (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  int fd = open_new (p, "a"), seen[5] = { 0 };

  put (s, fd, '0', 512, 0);
  assert_int_equal (s->fdatasync (s, fd), 0);
  assert_int_equal (s->fsync_dir (s, "/"), 0);
  for (int i = 0; i < 4; i++)
    put (s, fd, '1', 128, i * 128);
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    struct sys_test *after = sys_test_power_loss (p->test, seed);
    const struct sys *s2 = sys_test_sys (after);
    int fd2 = s2->open (s2, "/a", O_RDONLY, 0), n = 0;
    char buf[512];

    assert_int_equal (s2->pread (s2, fd2, buf, sizeof buf, 0), sizeof buf);
    while (n < 4 && buf[n * 128] == '1')
      n++;
    seen[n]++;
    assert_true (all (buf, '1', n * 128));
    assert_true (all (buf + n * 128, '0', 512 - n * 128));
    sys_test_free (after);
  }
  for (int n = 0; n <= 4; n++)
    assert_true (seen[n] > 0);
  s->close (s, fd);
}

/* A punch and the write that reuses its place: any of the three. */
static void
test_punch_and_reuse (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  int fd = open_new (p, "a"), seen[256] = { 0 };

  put (s, fd, 'a', 4096, 0);
  put (s, fd, 'z', 4096, 4096);
  assert_int_equal (s->fdatasync (s, fd), 0);
  assert_int_equal (s->fsync_dir (s, "/"), 0);
  assert_int_equal (s->fallocate (s, fd, PUNCH, 0, 4096), 0);
  put (s, fd, 'b', 512, 0);
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    struct sys_test *after = sys_test_power_loss (p->test, seed);
    const struct sys *s2 = sys_test_sys (after);
    int fd2 = s2->open (s2, "/a", O_RDONLY, 0);
    char buf[512];

    assert_int_equal (s2->pread (s2, fd2, buf, sizeof buf, 0), sizeof buf);
    assert_true (all (buf, buf[0], sizeof buf));
    seen[(unsigned char) buf[0]]++;
    expect (s2, fd2, 'z', 4096, 4096);
    if (buf[0] == '\0')
      assert_int_equal (sys_test_allocated (after), 4096);
    sys_test_free (after);
  }
  assert_int_equal (seen['a'] + seen['b'] + seen['\0'], SEEDS);
  assert_true (seen['a'] > 0 && seen['b'] > 0 && seen['\0'] > 0);
  s->close (s, fd);
}

/* Writes a file aside, renames it over the other; with or without making it
 * durable first.
 */
static void
replace_file (const struct sys *s, bool sync)
{
  int fd = s->open (s, "/new", O_RDWR | O_CREAT | O_TRUNC, 0600);

  put (s, fd, 'n', 3000, 0);
  if (sync)
    assert_int_equal (s->fdatasync (s, fd), 0);
  s->close (s, fd);
  assert_int_equal (s->rename (s, "/new", "/a"), 0);
}

/* The outcomes: 'o' the old file, 'n' the new one, 't' a torn one. */
static void
count_outcomes (struct sys_test *test, int seen[256])
{
  memset (seen, 0, 256 * sizeof *seen);
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    struct sys_test *after = sys_test_power_loss (test, seed);
    const struct sys *s = sys_test_sys (after);
    int fd = s->open (s, "/a", O_RDONLY, 0);
    char buf[3000];
    ssize_t n;

    assert_true (fd >= 0);
    n = s->pread (s, fd, buf, sizeof buf, 0);
    if (n == sizeof buf && all (buf, buf[0], sizeof buf))
      seen[(unsigned char) buf[0]]++;
    else
      seen['t']++;
    sys_test_free (after);
  }
}

static void
test_rename (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  int fd = open_new (p, "a"), seen[256];

  put (s, fd, 'o', 3000, 0);
  s->fdatasync (s, fd);
  s->close (s, fd);
  s->fsync_dir (s, "/");

  replace_file (s, true);
  count_outcomes (p->test, seen);
  assert_true (seen['o'] > 0 && seen['n'] > 0);
  assert_int_equal (seen['o'] + seen['n'], SEEDS);
  s->fsync_dir (s, "/");
  count_outcomes (p->test, seen);
  assert_int_equal (seen['n'], SEEDS);

  /* Without the sync a power loss may leave a torn file. */
  replace_file (s, false);
  count_outcomes (p->test, seen);
  assert_true (seen['t'] > 0);
}

/* A file is gone with the directory it was in. */
static void
test_lost_directory (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  struct sys_test *after;
  int fd;

  assert_int_equal (s->mkdir (s, "/d", 0700), 0);
  fd = open_new (p, "d/c");
  put (s, fd, 'x', 100, 0);
  s->fdatasync (s, fd);
  s->close (s, fd);
  s->fsync_dir (s, "/d");
  after = sys_test_power_loss (p->test, 0);
  expect_absent (after, "/d");
  assert_int_equal (sys_test_allocated (after), 0);
  assert_int_equal (sys_test_sys (after)->mkdir (sys_test_sys (after), "/d",
                                                 0700), 0);
  expect_absent (after, "/d/c");
  sys_test_free (after);
  s->fsync_dir (s, "/");
  after = sys_test_power_loss (p->test, 0);
  expect_after (after, "/d/c", 'x', 100);
  sys_test_free (after);
}

/* The same seed gives the same disk. */
static void
test_seeds (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  int fd = open_new (p, "a"), fds[2], differ = 0;
  char first[8192], again[8192], other[8192];

  s->fsync_dir (s, "/");
  put (s, fd, 'x', 8192, 0);
  s->fdatasync (s, fd);
  for (int i = 0; i < 16; i++)
    put (s, fd, 'a' + i, 512, i * 512);
  for (uint64_t seed = 1; seed < 50; seed++) {
    struct sys_test *a = sys_test_power_loss (p->test, seed);
    struct sys_test *b = sys_test_power_loss (p->test, seed);
    const struct sys *sa = sys_test_sys (a), *sb = sys_test_sys (b);

    fds[0] = sa->open (sa, "/a", O_RDONLY, 0);
    fds[1] = sb->open (sb, "/a", O_RDONLY, 0);
    assert_int_equal (sa->pread (sa, fds[0], first, 8192, 0), 8192);
    assert_int_equal (sb->pread (sb, fds[1], again, 8192, 0), 8192);
    assert_memory_equal (first, again, 8192);
    differ += seed > 1 && memcmp (first, other, 8192) != 0;
    memcpy (other, first, 8192);
    sys_test_free (a);
    sys_test_free (b);
  }
  assert_true (differ > 10);
  s->close (s, fd);
}

static void
test_crash (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  struct sys_test *after;
  char buf[8192] = "";
  int fd = open_new (p, "a");

  put (s, fd, 'o', 8192, 0);
  sys_test_crash_at (p->test, 2);
  put (s, fd, '1', 512, 0);
  expect (s, fd, '1', 512, 0);
  assert_false (sys_test_crashed (p->test));
  assert_fails (s->pwrite (s, fd, buf, sizeof buf, 0), EIO);
  assert_true (sys_test_crashed (p->test));
  assert_string_equal (sys_test_crash_call (p->test), "pwrite");
  assert_fails (s->pwrite (s, fd, buf, sizeof buf, 0), EIO);
  assert_fails (s->pread (s, fd, buf, sizeof buf, 0), EIO);
  assert_fails (s->open (s, "/b", O_RDWR | O_CREAT, 0600), EIO);
  assert_fails (s->unlink (s, "/a"), EIO);
  assert_int_equal (sys_test_descriptors (p->test), 1);
  assert_fails (s->close (s, fd), EIO);
  assert_int_equal (sys_test_descriptors (p->test), 0);

  /* The last write is half done. */
  after = sys_test_kill (p->test);
  s = sys_test_sys (after);
  fd = s->open (s, "/a", O_RDONLY, 0);
  expect (s, fd, '\0', 4096, 0);
  expect (s, fd, 'o', 4096, 4096);
  expect_absent (after, "/b");
  sys_test_free (after);
}

#define MODEL(f) \
  { #f, f, setup_model, teardown_model, NULL }

int
main (void)
{
  const struct CMUnitTest tests[] = {
    MODEL (test_synced_stays),
    MODEL (test_unsynced_goes),
    MODEL (test_kill_keeps),
    MODEL (test_torn_writes),
    MODEL (test_one_sector),
    MODEL (test_punch_and_reuse),
    MODEL (test_rename),
    MODEL (test_lost_directory),
    MODEL (test_seeds),
    MODEL (test_crash),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
