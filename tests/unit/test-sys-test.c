/* The table of file I/O that other tests stand on: its faults, its model of a
 * file system, and what its power losses leave.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys-test.h"

#define KiB 1024u
#define GiB (UINT64_C (1) << 30)
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

/* Both file systems go through the same checks: what the model does is what
 * the kernel does.
 */
struct place
{
  struct sys_test *test;
  const struct sys *sys;
  char dir[100];                /* empty: the root of the model */
  char path[200];               /* the last that place_path made */
};

static const char *
place_path (struct place *p, const char *name)
{
  snprintf (p->path, sizeof p->path, "%s/%s", p->dir, name);
  return p->path;
}

static int
setup_model (void **state)
{
  struct place *p = calloc (1, sizeof *p);

  p->test = sys_test_new_model ();
  p->sys = sys_test_sys (p->test);
  *state = p;
  return 0;
}

static int
teardown_model (void **state)
{
  struct place *p = *state;

  sys_test_free (p->test);
  free (p);
  return 0;
}

static int
setup_real (void **state)
{
  const char *tmp = getenv ("TMPDIR");
  struct place *p = calloc (1, sizeof *p);

  p->test = sys_test_new_real ();
  p->sys = sys_test_sys (p->test);
  snprintf (p->dir, sizeof p->dir, "%s/sys-test.XXXXXX", tmp ? tmp : "/tmp");
  *state = p;
  return mkdtemp (p->dir) ? 0 : -1;
}

static int
teardown_real (void **state)
{
  static const char *names[] = { "a", "b", "d/c", NULL };
  struct place *p = *state;

  for (int i = 0; names[i]; i++)
    unlink (place_path (p, names[i]));
  rmdir (place_path (p, "d"));
  assert_int_equal (rmdir (p->dir), 0);
  sys_test_free (p->test);
  free (p);
  return 0;
}

#define assert_fails(expr, errnum)              \
  do {                                          \
    errno = 0;                                  \
    assert_int_equal ((expr), -1);              \
    assert_int_equal (errno, errnum);           \
  } while (0)

static int
open_new (struct place *p, const char *name)
{
  int fd = p->sys->open (p->sys, place_path (p, name), O_RDWR | O_CREAT, 0600);

  assert_true (fd >= 0);
  return fd;
}

static void
put (const struct sys *sys, int fd, char c, size_t count, uint64_t offset)
{
  char *buf = malloc (count);

  memset (buf, c, count);
  assert_int_equal (sys_pwrite_full (sys, fd, buf, count, offset), count);
  free (buf);
}

/* All count bytes are c. */
static bool
all (const char *buf, char c, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (buf[i] != c)
      return false;
  return true;
}

static void
expect (const struct sys *sys, int fd, char c, size_t count, uint64_t offset)
{
  char *buf = malloc (count);

  assert_int_equal (sys_pread_full (sys, fd, buf, count, offset), count);
  assert_true (all (buf, c, count));
  free (buf);
}

/* The file system. */

static void
test_files (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  struct stat st;
  char buf[10];
  int fd, fd2;

  assert_fails (s->open (s, place_path (p, "a"), O_RDWR, 0), ENOENT);
  fd = open_new (p, "a");
  assert_fails (s->open (s, p->path, O_RDWR | O_CREAT | O_EXCL, 0600),
                EEXIST);
  put (s, fd, 'x', 10000, 5000);
  expect (s, fd, '\0', 5000, 0);
  expect (s, fd, 'x', 10000, 5000);
  assert_int_equal (s->pread (s, fd, buf, sizeof buf, 14995), 5);
  assert_int_equal (s->pread (s, fd, buf, sizeof buf, 15000), 0);
  assert_int_equal (s->fstat (s, fd, &st), 0);
  assert_int_equal (st.st_size, 15000);
  assert_true (S_ISREG (st.st_mode));
  assert_int_equal (st.st_mode & 0777, 0600);
  assert_int_equal (s->ftruncate (s, fd, 6000), 0);
  assert_int_equal (s->ftruncate (s, fd, 12000), 0);
  expect (s, fd, 'x', 1000, 5000);
  expect (s, fd, '\0', 6000, 6000);

  fd2 = s->open (s, p->path, O_RDONLY, 0);
  expect (s, fd2, 'x', 1000, 5000);
  assert_fails (s->pwrite (s, fd2, "y", 1, 0), EBADF);
  assert_fails (s->fallocate (s, fd2, 0, 0, 4096), EBADF);
  assert_fails (s->ftruncate (s, fd2, 0), EINVAL);
  assert_int_equal (s->close (s, fd2), 0);
  fd2 = s->open (s, p->path, O_RDWR | O_TRUNC, 0);
  assert_int_equal (s->fstat (s, fd, &st), 0);
  assert_int_equal (st.st_size, 0);
  assert_int_equal (s->close (s, fd2), 0);
  assert_int_equal (s->close (s, fd), 0);
  assert_fails (s->close (s, fd), EBADF);
  assert_fails (s->pread (s, fd, buf, 1, 0), EBADF);
}

static void
test_directories (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  char from[200];
  struct stat st;
  int fd, fd2;

  assert_fails (s->mkdir (s, place_path (p, "none/d"), 0700), ENOENT);
  assert_int_equal (s->mkdir (s, place_path (p, "d"), 0700), 0);
  assert_fails (s->mkdir (s, p->path, 0700), EEXIST);
  assert_fails (s->open (s, p->path, O_RDWR, 0), EISDIR);
  assert_int_equal (s->fsync_dir (s, p->path), 0);
  assert_fails (s->fsync_dir (s, place_path (p, "none")), ENOENT);
  assert_fails (s->unlink (s, place_path (p, "none")), ENOENT);

  fd = open_new (p, "d/c");
  put (s, fd, 'n', 100, 0);
  assert_fails (s->fsync_dir (s, p->path), ENOTDIR);
  assert_fails (s->open (s, place_path (p, "d/c/e"), O_RDONLY, 0), ENOTDIR);
  fd2 = open_new (p, "a");
  put (s, fd2, 'o', 100, 0);
  strcpy (from, place_path (p, "d/c"));
  assert_int_equal (s->rename (s, from, place_path (p, "a")), 0);
  assert_fails (s->rename (s, from, place_path (p, "a")), ENOENT);
  expect (s, fd, 'n', 100, 0);
  expect (s, fd2, 'o', 100, 0);
  assert_int_equal (s->fstat (s, fd2, &st), 0);
  assert_int_equal (st.st_nlink, 0);
  s->close (s, fd2);
  fd2 = s->open (s, p->path, O_RDONLY, 0);
  expect (s, fd2, 'n', 100, 0);
  assert_int_equal (s->unlink (s, p->path), 0);
  expect (s, fd2, 'n', 100, 0);
  assert_fails (s->open (s, p->path, O_RDONLY, 0), ENOENT);
  s->close (s, fd);
  s->close (s, fd2);
}

static void
test_locks (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  int fd = open_new (p, "a"), fd2 = open_new (p, "a");

  assert_int_equal (s->lock (s, fd), 0);
  assert_int_equal (s->lock (s, fd), 0);
  assert_fails (s->lock (s, fd2), EAGAIN);
  s->close (s, fd);
  assert_int_equal (s->lock (s, fd2), 0);
  s->close (s, fd2);
}

/* Only the model: on the kernel it hangs on the file system used. */
static void
test_sparse (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  struct stat st;
  int fd = open_new (p, "a");

  assert_int_equal (s->ftruncate (s, fd, GiB), 0);
  put (s, fd, 'x', 64 * KiB, 512 * KiB * KiB);
  put (s, fd, 'y', 1, GiB - 1);
  assert_int_equal (s->fstat (s, fd, &st), 0);
  assert_int_equal (st.st_size, GiB);
  assert_int_equal (st.st_blocks * 512, 68 * KiB);
  assert_int_equal (sys_test_allocated (p->test), 68 * KiB);

  assert_int_equal (s->lseek (s, fd, 0, SEEK_DATA), GiB / 2);
  assert_int_equal (s->lseek (s, fd, 5, SEEK_HOLE), 5);
  assert_int_equal (s->lseek (s, fd, GiB / 2, SEEK_HOLE),
                    GiB / 2 + 64 * KiB);
  assert_int_equal (s->lseek (s, fd, GiB / 2 + 9, SEEK_DATA), GiB / 2 + 9);
  assert_int_equal (s->lseek (s, fd, GiB - 1, SEEK_HOLE), GiB);
  assert_fails (s->lseek (s, fd, GiB, SEEK_DATA), ENXIO);

  /* A punch frees the pages within, and zeroes the edges. */
  assert_int_equal (s->fallocate (s, fd, PUNCH, GiB / 2 + 100, 12 * KiB), 0);
  expect (s, fd, 'x', 100, GiB / 2);
  expect (s, fd, '\0', 12 * KiB, GiB / 2 + 100);
  expect (s, fd, 'x', 100, GiB / 2 + 12 * KiB + 100);
  assert_int_equal (sys_test_allocated (p->test), 60 * KiB);
  assert_int_equal (sys_test_peak (p->test), 68 * KiB);

  /* Preallocation takes space and leaves what is there. */
  assert_int_equal (s->fallocate (s, fd, 0, 0, GiB + 4096), 0);
  expect (s, fd, 'x', 100, GiB / 2);
  expect (s, fd, '\0', 4096, 0);
  assert_int_equal (sys_test_allocated (p->test), GiB + 4096);
  assert_int_equal (s->fstat (s, fd, &st), 0);
  assert_int_equal (st.st_size, GiB + 4096);
  assert_fails (s->fallocate (s, fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096),
                EOPNOTSUPP);
  assert_fails (s->fallocate (s, fd, 0, 0, 0), EINVAL);
  assert_fails (s->pwrite (s, fd, "x", 1, UINT64_MAX), EFBIG);

  /* An unlinked file keeps its space until it is closed. */
  assert_int_equal (s->unlink (s, p->path), 0);
  assert_int_equal (sys_test_allocated (p->test), GiB + 4096);
  s->close (s, fd);
  assert_int_equal (sys_test_allocated (p->test), 0);
}

static void
test_space (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  int fd = open_new (p, "a");
  struct statvfs st;
  char buf[16 * KiB] = "";

  sys_test_set_free (p->test, 12 * KiB);
  assert_int_equal (s->fstatvfs (s, fd, &st), 0);
  assert_int_equal (st.f_bavail * st.f_frsize, 12 * KiB);
  assert_int_equal (s->pwrite (s, fd, buf, 1, 4095), 1);
  assert_fails (s->fallocate (s, fd, 0, 0, 16 * KiB), ENOSPC);
  assert_int_equal (s->pwrite (s, fd, buf, sizeof buf, 10), 12 * KiB - 10);
  assert_fails (s->pwrite (s, fd, buf, 1, 12 * KiB), ENOSPC);
  assert_int_equal (s->pwrite (s, fd, buf, 1, 12 * KiB - 1), 1);
  assert_int_equal (s->fallocate (s, fd, PUNCH, 0, 4096), 0);
  assert_int_equal (s->pwrite (s, fd, buf, 1, 12 * KiB), 1);
  s->close (s, fd);
}

/* Faults. */

static void
test_faults (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  int fd = open_new (p, "a");
  char buf[100];

  put (s, fd, 'x', sizeof buf, 0);
  sys_test_fail (p->test, SYS_TEST_PREAD, 2, EIO, false);
  assert_int_equal (s->pread (s, fd, buf, 10, 0), 10);
  put (s, fd, 'x', sizeof buf, 0);
  assert_fails (s->pread (s, fd, buf, 10, 0), EIO);
  assert_int_equal (s->pread (s, fd, buf, 10, 0), 10);

  sys_test_fail (p->test, SYS_TEST_PWRITE, 1, ENOSPC, true);
  for (int i = 0; i < 3; i++)
    assert_fails (s->pwrite (s, fd, "y", 1, 0), ENOSPC);
  expect (s, fd, 'x', sizeof buf, 0);
  sys_test_fail_none (p->test);
  put (s, fd, 'y', 1, 0);

  sys_test_fail (p->test, SYS_TEST_CHANGING, 1, EROFS, false);
  expect (s, fd, 'y', 1, 0);
  assert_fails (s->fdatasync (s, fd), EROFS);
  sys_test_fail (p->test, SYS_TEST_ANY, 1, EINTR, false);
  sys_test_fail (p->test, SYS_TEST_ANY, 2, EIO, false);
  assert_fails (s->fdatasync (s, fd), EINTR);
  assert_fails (s->close (s, fd), EIO);
  assert_fails (s->close (s, fd), EBADF);
}

static void
test_counts (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  int fd = open_new (p, "a");
  struct statvfs vfs;
  struct stat st;

  assert_int_equal (sys_test_count (p->test, SYS_TEST_OPEN), 1);
  put (s, fd, 'x', 1, 0);
  expect (s, fd, 'x', 1, 0);
  s->fstat (s, fd, &st);
  s->fstatvfs (s, fd, &vfs);
  assert_int_equal (sys_test_count (p->test, SYS_TEST_PWRITE), 1);
  assert_int_equal (sys_test_count (p->test, SYS_TEST_ANY), 5);
  assert_int_equal (sys_test_count (p->test, SYS_TEST_CHANGING), 2);
  s->close (s, fd);
  fd = s->open (s, p->path, O_RDONLY, 0);
  s->close (s, fd);
  assert_int_equal (sys_test_count (p->test, SYS_TEST_CLOSE), 2);
  assert_int_equal (sys_test_count (p->test, SYS_TEST_CHANGING), 2);
}

static void
test_short (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  int fd = open_new (p, "a");
  char buf[100];

  sys_test_short (p->test, 7);
  assert_int_equal (s->pwrite (s, fd, "0123456789", 10, 0), 7);
  put (s, fd, 'x', 100, 0);
  assert_int_equal (s->pread (s, fd, buf, 100, 0), 7);
  expect (s, fd, 'x', 100, 0);
  sys_test_short (p->test, 0);
  assert_int_equal (s->pread (s, fd, buf, 100, 0), 100);
  s->close (s, fd);
}

static void
test_clock (void **state)
{
  struct place *p = *state;
  const struct sys *s = p->sys;
  uint64_t now = s->monotonic_ns (s);

  assert_true (now <= s->monotonic_ns (s));
  sys_test_set_clock (p->test, 12, 34);
  assert_int_equal (s->monotonic_ns (s), 12);
  assert_int_equal (s->realtime_s (s), 34);
}

/* Power loss. */

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

/* Threads. */

struct worker
{
  const struct sys *sys;
  int number, errors;
};

static void *
work (void *opaque)
{
  struct worker *w = opaque;
  const struct sys *s = w->sys;
  char path[20], buf[1000];
  int fd;

  snprintf (path, sizeof path, "/%d", w->number);
  fd = s->open (s, path, O_RDWR | O_CREAT, 0600);
  for (int i = 0; i < 200; i++) {
    memset (buf, w->number, sizeof buf);
    w->errors += s->pwrite (s, fd, buf, sizeof buf, i * 1000) != 1000;
    memset (buf, 0, sizeof buf);
    w->errors += s->pread (s, fd, buf, sizeof buf, i * 1000) != 1000;
    w->errors += !all (buf, w->number, sizeof buf);
    if (i % 50 == 0)
      w->errors += s->fdatasync (s, fd) != 0;
  }
  w->errors += s->close (s, fd) != 0;
  return NULL;
}

static void
test_threads (void **state)
{
  struct place *p = *state;
  struct worker workers[4];
  pthread_t threads[4];

  for (int i = 0; i < 4; i++) {
    workers[i] = (struct worker) { .sys = p->sys, .number = i + 1 };
    assert_int_equal (pthread_create (&threads[i], NULL, work, &workers[i]),
                      0);
  }
  assert_true (sys_test_allocated (p->test) <= 4 * 200 * KiB);
  for (int i = 0; i < 4; i++) {
    pthread_join (threads[i], NULL);
    assert_int_equal (workers[i].errors, 0);
  }
  assert_int_equal (sys_test_count (p->test, SYS_TEST_PWRITE), 800);
  assert_int_equal (sys_test_allocated (p->test), 4 * 49 * 4096);
}

#define MODEL(f) \
  { #f " (model)", f, setup_model, teardown_model, NULL }
#define BOTH(f) \
  MODEL (f), { #f " (real)", f, setup_real, teardown_real, NULL }

int
main (void)
{
  const struct CMUnitTest tests[] = {
    BOTH (test_files),
    BOTH (test_directories),
    BOTH (test_locks),
    BOTH (test_faults),
    BOTH (test_counts),
    BOTH (test_short),
    BOTH (test_clock),
    MODEL (test_sparse),
    MODEL (test_space),
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
    MODEL (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
