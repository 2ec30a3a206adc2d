/* The table of file I/O that other tests stand on: its faults, and its model
 * of a file system.
 *
 * The kernel and the model go through the same checks: what the model does is
 * what the kernel does.
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

#include "sys-place.h"
#include "sys-test.h"

#define GiB (UINT64_C (1) << 30)

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
    MODEL (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
