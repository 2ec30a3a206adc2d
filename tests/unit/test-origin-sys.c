/* Files whose system calls fail, come up short, or meet a change in the
 * middle of a read.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault-origin.h"
#include "origin/file.h"

#define SIZE 65536u
#define NOW_S 1700000000

/* A kernel with one file, whose every answer the test sets. */
static struct
{
  struct stat st, path_st;
  int open_errno, path_errno, fstat_errno, lseek_errno;
  int pread_errno;              /* of the first calls, */
  int pread_fails;              /* so many */
  size_t pread_most;            /* bytes of one call */
  void (*during_read) (void);
  void (*during_sleep) (void);  /* at the second fstat */
  int fstats, opened;
} k;

static int
k_open (const struct sys *sys, const char *path, int flags, mode_t mode)
{
  int errnum = flags & O_PATH ? k.path_errno : k.open_errno;

  (void) sys;
  (void) path;
  (void) mode;
  if (!(flags & O_PATH))
    assert_true (flags & O_NONBLOCK);
  if (errnum) {
    errno = errnum;
    return -1;
  }
  k.opened++;
  return flags & O_PATH ? 11 : 10;
}

static int
k_close (const struct sys *sys, int fd)
{
  (void) sys;
  assert_true (fd == 10 || fd == 11);
  k.opened--;
  return 0;
}

static int
k_fstat (const struct sys *sys, int fd, struct stat *st)
{
  (void) sys;
  if (++k.fstats > 1 && k.during_sleep)
    k.during_sleep ();
  if (k.fstat_errno) {
    errno = k.fstat_errno;
    return -1;
  }
  *st = fd == 10 ? k.st : k.path_st;
  return 0;
}

static ssize_t
k_pread (const struct sys *sys, int fd, void *buf, size_t count,
         uint64_t offset)
{
  uint64_t size = k.st.st_size;

  (void) sys;
  (void) fd;
  if (k.pread_fails > 0) {
    k.pread_fails--;
    errno = k.pread_errno;
    return -1;
  }
  if (k.during_read)
    k.during_read ();
  if (offset >= size)
    return 0;
  if (count > size - offset)
    count = size - offset;
  if (k.pread_most && count > k.pread_most)
    count = k.pread_most;
  fault_origin_fill (buf, count, 1, offset);
  return count;
}

static int64_t
k_lseek (const struct sys *sys, int fd, int64_t offset, int whence)
{
  (void) sys;
  (void) fd;
  if (k.lseek_errno) {
    errno = k.lseek_errno;
    return -1;
  }
  /* A file system that lies: the hole after data is before it. */
  return whence == SEEK_END ? SIZE : whence == SEEK_HOLE ? 0 : offset;
}

static uint64_t
k_realtime_s (const struct sys *sys)
{
  (void) sys;
  return NOW_S;
}

static const struct sys sys = {
  .open = k_open,
  .close = k_close,
  .fstat = k_fstat,
  .pread = k_pread,
  .lseek = k_lseek,
  .realtime_s = k_realtime_s,
};

static int
setup (void **state)
{
  (void) state;
  memset (&k, 0, sizeof k);
  k.st.st_mode = S_IFREG | 0644;
  k.st.st_size = SIZE;
  k.st.st_ino = 7;
  k.st.st_mtim.tv_sec = NOW_S - 1000;
  k.path_st = k.st;
  return 0;
}

static int
teardown (void **state)
{
  (void) state;
  assert_int_equal (k.opened, 0);               /* nothing leaks */
  return 0;
}

static struct origin *
must_open (void)
{
  struct error e;
  struct origin *o = file_open ("/disk", &sys, NULL, &e);

  if (!o)
    fail_msg ("%s", e.text);
  return o;
}

static void
read_fails (struct origin *o, int errnum, enum error_kind kind)
{
  struct error e;
  char buf[8192];
  size_t got = 1;

  assert_int_equal (o->ops->read (o, buf, sizeof buf, 5, &got, &e), -1);
  assert_int_equal (got, 0);
  assert_int_equal (e.errnum, errnum);
  assert_int_equal (e.kind, kind);
  assert_non_null (strstr (e.text, "/disk: "));
}

static void
read_works (struct origin *o)
{
  struct error e;
  char buf[8192];
  size_t got;

  assert_int_equal (o->ops->read (o, buf, sizeof buf, 5, &got, &e), 0);
  assert_int_equal (got, sizeof buf);
  assert_true (fault_origin_check (buf, sizeof buf, 1, 5));
}

static void
test_open_errors (void **state)
{
  static const struct { int errnum; enum error_kind kind; const char *why; }
  cases[] = {
    { ENOENT, ERROR_ABSENT, "check the path" },
    { EACCES, ERROR_FINAL, "must be able to read" },
    { ELOOP, ERROR_FINAL, "symbolic links" },
    { ENXIO, ERROR_FINAL, "socket" },
    { EMFILE, ERROR_AGAIN, "ulimit" },
    { EIO, ERROR_AGAIN, "kernel's log" },
    { ESTALE, ERROR_AGAIN, "file server no longer knows" },
    { ETIMEDOUT, ERROR_ABSENT, "can't be reached" },
    { ENOTCONN, ERROR_ABSENT, "can't be reached" },
  };
  struct error e;

  (void) state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    k.open_errno = cases[i].errnum;
    assert_null (file_open ("/disk", &sys, NULL, &e));
    assert_int_equal (e.kind, cases[i].kind);
    assert_non_null (strstr (e.text, cases[i].why));
    assert_non_null (strstr (e.text, "/disk: "));
  }
  k.open_errno = 0;
  k.fstat_errno = EIO;
  assert_null (file_open ("/disk", &sys, NULL, &e));
  assert_int_equal (e.errnum, EIO);
}

static void
test_read_errors (void **state)
{
  struct origin *o = must_open ();

  (void) state;
  k.pread_fails = 3;
  k.pread_errno = EINTR;
  k.pread_most = 100;
  read_works (o);
  k.pread_fails = 1;
  k.pread_errno = EIO;
  read_fails (o, EIO, ERROR_AGAIN);
  read_works (o);
  k.pread_fails = 1;
  k.pread_errno = ESTALE;
  read_fails (o, ESTALE, ERROR_FINAL);
  k.fstat_errno = ETIMEDOUT;
  read_fails (o, ETIMEDOUT, ERROR_ABSENT);
  k.fstat_errno = 0;
  read_works (o);
  origin_close (o);
}

static void
shrink (void)
{
  k.st.st_size = 4096;
}

static void
rewrite (void)
{
  k.st.st_mtim.tv_nsec++;
}

static void
replace (void)
{
  k.path_st.st_ino++;
}

/* Between the look before the read and the bytes. */
static void
test_change_during_read (void **state)
{
  static void (*const changes[]) (void) = { shrink, rewrite, replace };

  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    struct origin *o;

    setup (state);
    o = must_open ();
    read_works (o);
    k.during_read = changes[i];
    read_fails (o, ESTALE, ERROR_FINAL);
    origin_close (o);
  }
}

/* A path that can't be followed says nothing about the file. */
static void
test_path_out_of_reach (void **state)
{
  struct origin *o = must_open ();

  (void) state;
  k.path_errno = EACCES;
  read_works (o);
  k.path_errno = ENOTDIR;
  read_fails (o, ESTALE, ERROR_FINAL);
  origin_close (o);
}

static void
test_block_device (void **state)
{
  struct origin *o;

  (void) state;
  k.st.st_mode = S_IFBLK | 0600;
  k.st.st_rdev = 99;
  k.path_st = k.st;
  k.st.st_size = SIZE;          /* only so that k_pread gives something */
  o = must_open ();
  assert_int_equal (o->size, SIZE);
  assert_string_equal (o->validator, "");
  assert_false (o->lasting);
  rewrite ();
  read_works (o);
  k.path_st.st_rdev++;
  read_fails (o, ESTALE, ERROR_FINAL);
  origin_close (o);
}

static int
see_data (void *opaque, uint64_t offset, uint64_t count, bool hole)
{
  uint64_t *sum = opaque;

  (void) offset;
  assert_false (hole);
  *sum += count;
  return 0;
}

static void
test_extents_odd (void **state)
{
  struct origin *o = must_open ();
  struct error e;
  uint64_t sum = 0;

  (void) state;
  assert_int_equal (o->ops->extents (o, 5, 1000, see_data, &sum, &e), 0);
  assert_int_equal (sum, 1000);
  k.lseek_errno = EINVAL;
  assert_int_equal (o->ops->extents (o, 5, 1000, see_data, &sum, &e), 0);
  assert_int_equal (sum, 2000);
  k.lseek_errno = EIO;
  assert_int_equal (o->ops->extents (o, 5, 1000, see_data, &sum, &e), -1);
  assert_int_equal (e.errnum, EIO);
  assert_int_equal (e.kind, ERROR_AGAIN);
  origin_close (o);
}

/* Modified within the tick of the clock in which it is opened. */
static void
test_fresh (void **state)
{
  struct origin *o;

  (void) state;
  k.st.st_mtim.tv_sec = NOW_S;
  k.st.st_mtim.tv_nsec = 3;
  k.path_st = k.st;
  o = must_open ();
  assert_true (o->lasting);                     /* it waited, once */
  assert_int_equal (k.fstats, 2);
  origin_close (o);

  k.st.st_mtim.tv_nsec = 0;                     /* whole seconds */
  o = must_open ();
  assert_false (o->lasting);
  origin_close (o);

  k.st.st_mtim.tv_nsec = 3;
  k.during_sleep = rewrite;                     /* again and again */
  o = must_open ();
  assert_false (o->lasting);
  origin_close (o);

  k.during_sleep = NULL;                        /* far off, both ways */
  k.st.st_mtim.tv_sec = INT64_MAX;
  origin_close (must_open ());
  k.st.st_mtim.tv_sec = INT64_MIN;
  origin_close (must_open ());
}

static bool
yes (void *opaque)
{
  (void) opaque;
  return true;
}

static void
test_fresh_while_stopping (void **state)
{
  struct stop stop = { .stopping = yes };
  struct error e;

  (void) state;
  k.st.st_mtim.tv_sec = NOW_S;
  k.st.st_mtim.tv_nsec = 3;
  assert_null (file_open ("/disk", &sys, &stop, &e));
  assert_int_equal (e.errnum, ESHUTDOWN);
}

int
main (void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown (fn, setup, teardown)
  const struct CMUnitTest tests[] = {
    TEST (test_open_errors),
    TEST (test_read_errors),
    TEST (test_change_during_read),
    TEST (test_path_out_of_reach),
    TEST (test_block_device),
    TEST (test_extents_odd),
    TEST (test_fresh),
    TEST (test_fresh_while_stopping),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
