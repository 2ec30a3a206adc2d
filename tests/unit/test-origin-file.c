/* Files as origins: the version that was opened, or an error that says so. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault-origin.h"
#include "origin/file.h"

#define SIZE (300u << 10)
#define OLD_S 1600000000        /* a time of modification long ago */

static const struct origin_config config = { .connections = 1,
                                             .timeout_ms = 1000 };

struct place
{
  char dir[64], path[128], other[128];
};

static void
set_time (const char *path, time_t s, long ns)
{
  struct timespec times[2] = { { s, ns }, { s, ns } };

  assert_int_equal (utimensat (AT_FDCWD, path, times, 0), 0);
}

static void
write_at (const char *path, uint64_t version, size_t count, uint64_t offset)
{
  int fd = open (path, O_WRONLY | O_CREAT, 0644);
  char *buf = malloc (count);

  assert_true (fd >= 0);
  assert_non_null (buf);
  fault_origin_fill (buf, count, version, offset);
  assert_int_equal (pwrite (fd, buf, count, offset), count);
  close (fd);
  free (buf);
}

static int
setup (void **state)
{
  struct place *p = calloc (1, sizeof *p);

  strcpy (p->dir, "/tmp/test-origin.XXXXXX");
  if (!mkdtemp (p->dir))
    return -1;
  snprintf (p->path, sizeof p->path, "%s/image", p->dir);
  snprintf (p->other, sizeof p->other, "%s/other", p->dir);
  write_at (p->path, 1, SIZE, 0);
  set_time (p->path, OLD_S, 5);
  *state = p;
  return 0;
}

static int
teardown (void **state)
{
  struct place *p = *state;

  unlink (p->path);
  rmdir (p->path);
  unlink (p->other);
  rmdir (p->dir);
  free (p);
  return 0;
}

static struct origin *
must_open (const char *path)
{
  struct error e;
  struct origin *o = origin_open (path, &config, &e);

  if (!o)
    fail_msg ("%s", e.text);
  return o;
}

static void
assert_refused (const char *path, int errnum, enum error_kind kind,
                const char *why)
{
  struct error e;

  assert_null (origin_open (path, &config, &e));
  assert_int_equal (e.errnum, errnum);
  assert_int_equal (e.kind, kind);
  assert_non_null (strstr (e.text, path));
  assert_non_null (strstr (e.text, why));
}

static void
assert_reads (struct origin *o)
{
  struct error e;
  char buf[10000];
  size_t got;

  assert_int_equal (o->ops->read (o, buf, sizeof buf, 123, &got, &e), 0);
  assert_int_equal (got, sizeof buf);
  assert_true (fault_origin_check (buf, sizeof buf, 1, 123));
}

static int
no_extent (void *opaque, uint64_t offset, uint64_t count, bool hole)
{
  (void) opaque;
  (void) offset;
  (void) count;
  (void) hole;
  return 1;
}

/* Neither reads nor extents tell of another version. */
static void
assert_changed (struct origin *o, const char *path, const char *why)
{
  struct error e;
  char buf[512];
  size_t got = 1;

  assert_int_equal (o->ops->read (o, buf, sizeof buf, 0, &got, &e), -1);
  assert_int_equal (got, 0);
  assert_int_equal (e.errnum, ESTALE);
  assert_int_equal (e.kind, ERROR_FINAL);
  assert_non_null (strstr (e.text, path));
  assert_non_null (strstr (e.text, why));
  assert_int_equal (o->ops->extents (o, 0, 512, no_extent, NULL, &e), -1);
  assert_int_equal (e.errnum, ESTALE);
  origin_close (o);
}

static void
test_read (void **state)
{
  struct place *p = *state;
  struct origin *o = must_open (p->path);
  struct stat st;
  struct error e;
  char expected[200], buf[1];
  size_t got;

  assert_int_equal (stat (p->path, &st), 0);
  snprintf (expected, sizeof expected, "%ju:%ju:%u:%d000000005",
            (uintmax_t) st.st_dev, (uintmax_t) st.st_ino, SIZE, OLD_S);
  assert_string_equal (o->validator, expected);
  assert_true (o->lasting);
  assert_int_equal (o->size, SIZE);
  assert_reads (o);
  assert_int_equal (o->ops->read (o, buf, 1, SIZE - 1, &got, &e), 0);
  assert_true (fault_origin_check (buf, 1, 1, SIZE - 1));
  origin_close (o);
  origin_close (NULL);
}

static void
test_refused (void **state)
{
  struct place *p = *state;
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd;

  assert_refused (p->other, ENOENT, ERROR_ABSENT, "check the path");
  assert_refused (p->dir, EISDIR, ERROR_FINAL, "directory");
  assert_refused ("/dev/null", EINVAL, ERROR_FINAL, "character device");

  assert_int_equal (mkfifo (p->other, 0644), 0);
  assert_refused (p->other, EINVAL, ERROR_FINAL, "pipe");
  unlink (p->other);

  fd = socket (AF_UNIX, SOCK_STREAM, 0);
  strcpy (addr.sun_path, p->other);
  assert_int_equal (bind (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_refused (p->other, EINVAL, ERROR_FINAL, "socket");
  close (fd);
  unlink (p->other);

  close (open (p->other, O_WRONLY | O_CREAT, 0644));
  assert_refused (p->other, EINVAL, ERROR_FINAL, "0 bytes");
}

static void
test_changed (void **state)
{
  struct place *p = *state;
  struct origin *o = must_open (p->path);

  write_at (p->path, 2, 1, SIZE / 2);
  assert_changed (o, p->path, "written to");
}

static void
test_shrunk (void **state)
{
  struct place *p = *state;
  struct origin *o = must_open (p->path);

  assert_int_equal (truncate (p->path, SIZE - 1), 0);
  assert_changed (o, p->path, "shrunk");
}

static void
test_grown (void **state)
{
  struct place *p = *state;
  struct origin *o = must_open (p->path);

  assert_int_equal (truncate (p->path, SIZE + 1), 0);
  assert_changed (o, p->path, "grown");
}

/* By a file of the same size and time, as rsync --times leaves it. */
static void
test_replaced (void **state)
{
  struct place *p = *state;
  struct origin *o = must_open (p->path);

  write_at (p->other, 2, SIZE, 0);
  set_time (p->other, OLD_S, 5);
  assert_int_equal (rename (p->other, p->path), 0);
  assert_changed (o, p->path, "replaced");
}

static void
test_deleted (void **state)
{
  struct place *p = *state;
  struct origin *o = must_open (p->path);

  unlink (p->path);
  assert_changed (o, p->path, "deleted");
}

static void
test_becomes_directory (void **state)
{
  struct place *p = *state;
  struct origin *o = must_open (p->path);

  unlink (p->path);
  assert_int_equal (mkdir (p->path, 0755), 0);
  assert_changed (o, p->path, "replaced");
}

struct seen
{
  int calls;
  uint64_t offset, data, holes;
};

static int
see_extent (void *opaque, uint64_t offset, uint64_t count, bool hole)
{
  struct seen *seen = opaque;

  assert_int_equal (offset, seen->offset);
  assert_true (count > 0);
  seen->calls++;
  seen->offset += count;
  *(hole ? &seen->holes : &seen->data) += count;
  return 0;
}

/* Beyond 4 GiB, with holes at both ends. */
static void
test_extents_large (void **state)
{
  struct place *p = *state;
  uint64_t at = UINT64_C (5) << 30, size = UINT64_C (6) << 30;
  struct origin *o;
  struct seen seen = { .offset = 0 };
  struct error e;
  char buf[4096];
  size_t got;

  write_at (p->other, 1, 1 << 20, at);
  assert_int_equal (truncate (p->other, size), 0);
  set_time (p->other, OLD_S, 5);
  o = must_open (p->other);
  assert_int_equal (o->size, size);
  assert_int_equal (o->ops->read (o, buf, 4096, at + 77, &got, &e), 0);
  assert_true (fault_origin_check (buf, 4096, 1, at + 77));
  assert_int_equal (o->ops->extents (o, 0, size, see_extent, &seen, &e), 0);
  assert_int_equal (seen.offset, size);
  assert_true (seen.data >= 1 << 20);

  /* A part of it, cut at both ends. */
  seen = (struct seen) { .offset = at + 4096 };
  assert_int_equal (o->ops->extents (o, at + 4096, 512, see_extent, &seen,
                                     &e), 0);
  assert_int_equal (seen.calls, 1);
  assert_int_equal (seen.data, 512);
  assert_int_equal (o->ops->extents (o, 0, size, no_extent, NULL, &e), 1);
  origin_close (o);
}

int
main (void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown (fn, setup, teardown)
  const struct CMUnitTest tests[] = {
    TEST (test_read),
    TEST (test_refused),
    TEST (test_changed),
    TEST (test_shrunk),
    TEST (test_grown),
    TEST (test_replaced),
    TEST (test_deleted),
    TEST (test_becomes_directory),
    TEST (test_extents_large),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
