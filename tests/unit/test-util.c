/* The utilities: errors, messages, waits, and the helpers over the table of
 * file I/O.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/mix.h"
#include "util/stop.h"

#include "sys-test.h"

#define S(n) UINT64_C (n)

/* Errors and messages. */

static void
test_error (void **state)
{
  struct error e;

  (void) state;
  memset (&e, 0xff, sizeof e);
  assert_int_equal (error_set (&e, ENOENT, "%s: %d", "what", 7), -1);
  assert_int_equal (e.errnum, ENOENT);
  assert_int_equal (e.kind, ERROR_FINAL);
  assert_int_equal (e.retry_after_ms, 0);
  assert_string_equal (e.text, "what: 7");

  e.retry_after_ms = 5;
  assert_int_equal (error_set_kind (&e, ERROR_BUSY, EBUSY, "later"), -1);
  assert_int_equal (e.kind, ERROR_BUSY);
  assert_int_equal (e.errnum, EBUSY);
  assert_int_equal (e.retry_after_ms, 0);
  assert_string_equal (e.text, "later");

  assert_int_equal (error_set (NULL, EIO, "%s", "nobody asks"), -1);
  assert_int_equal (error_set_kind (NULL, ERROR_AGAIN, EIO, "x"), -1);

  /* errnum is never 0, nor what no errno can be. */
  error_set (&e, 0, "x");
  assert_int_equal (e.errnum, EIO);
  error_set (&e, -ENOENT, "x");
  assert_int_equal (e.errnum, EIO);
}

static void
test_error_errno (void **state)
{
  struct error e;
  char expected[100];

  (void) state;
  errno = ENOSPC;
  error_set (&e, errno, "/cache/index: write: %m");
  snprintf (expected, sizeof expected, "/cache/index: write: %s",
            strerror (ENOSPC));
  assert_string_equal (e.text, expected);
}

/* What a server says can't forge a line of the log or drive a terminal. */
static void
test_error_text (void **state)
{
  struct error e;
  char all[256], big[2000];

  (void) state;
  for (int i = 1; i < 256; i++)
    all[i - 1] = i;
  all[255] = '\0';
  error_set (&e, EIO, "%s", all);
  assert_int_equal (strlen (e.text), 255);
  for (int i = 1; i < 256; i++)
    assert_int_equal ((unsigned char) e.text[i - 1],
                      i < ' ' || i == 127 ? '?' : i);

  memset (big, 'x', sizeof big - 1);
  big[sizeof big - 1] = '\0';
  big[sizeof e.text - 2] = '\n';
  error_set (&e, EIO, "%s", big);
  assert_int_equal (strlen (e.text), sizeof e.text - 1);
  assert_int_equal (e.text[sizeof e.text - 2], '?');

  error_set (&e, EIO, "%s", "");
  assert_string_equal (e.text, "");
}

static char log_last[2000];
static enum log_level log_last_level;
static int log_calls;

static void
sink (enum log_level level, const char *text)
{
  snprintf (log_last, sizeof log_last, "%s", text);
  log_last_level = level;
  log_calls++;
}

static int
evaluated (int *times)
{
  return ++*times;
}

static void
test_log (void **state)
{
  char big[3000];
  int times = 0;

  (void) state;
  log_to (sink, 0);
  log_error ("%s: %d", "bad", 3);
  assert_string_equal (log_last, "bad: 3");
  assert_int_equal (log_last_level, LOG_LEVEL_ERROR);
  log_info ("degraded");
  assert_string_equal (log_last, "degraded");
  assert_int_equal (log_last_level, LOG_LEVEL_INFO);
  assert_int_equal (log_calls, 2);

  /* Debug needs both: to be wanted at all, and its area. */
  tiercache_debug_cache = 1;
  log_debug (cache, "slot %d", evaluated (&times));
  assert_int_equal (log_calls, 2);
  log_to (sink, 1);
  log_debug (cache, "slot %d", 5);
  assert_string_equal (log_last, "cache: slot 5");
  assert_int_equal (log_last_level, LOG_LEVEL_DEBUG);
  tiercache_debug_cache = 0;
  times = 0;
  log_debug (cache, "slot %d", evaluated (&times));
  assert_int_equal (times, 0);
  assert_int_equal (log_calls, 3);

  memset (big, 'x', sizeof big - 1);
  big[sizeof big - 1] = '\0';
  log_info ("%s", big);
  assert_int_equal (strlen (log_last), 1023);
  log_to (sink, 0);
}

/* Waits. */

static bool
flag_set (void *opaque)
{
  return atomic_load ((atomic_bool *) opaque);
}

struct meeting
{
  pthread_mutex_t lock;
  pthread_cond_t cond;
  struct stop stop;
  atomic_bool stopping;
  bool done;                    /* what the waiter waits for */
  bool waiting;                 /* the waiter is in its loop */
  int result;
};

static void
meeting_init (struct meeting *m)
{
  *m = (struct meeting) { .stop = { .stopping = flag_set } };
  m->stop.opaque = &m->stopping;
  pthread_mutex_init (&m->lock, NULL);
  stop_cond_init (&m->cond);
}

static void
meeting_end (struct meeting *m)
{
  pthread_cond_destroy (&m->cond);
  pthread_mutex_destroy (&m->lock);
}

static void *
wait_for_done (void *opaque)
{
  struct meeting *m = opaque;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);

  m->waiting = true;
  pthread_cond_broadcast (&m->cond);
  while (!m->done && m->result == 0)
    m->result = stop_wait (&m->stop, &m->cond, &m->lock, 0);
  return NULL;
}

static void
start_waiter (struct meeting *m, pthread_t *thread)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);

  assert_int_equal (pthread_create (thread, NULL, wait_for_done, m), 0);
  while (!m->waiting)
    pthread_cond_wait (&m->cond, &m->lock);
}

static void
test_stop_requested (void **state)
{
  atomic_bool stopping = false;
  struct stop stop = { .stopping = flag_set, .opaque = &stopping };
  struct stop never = { 0 };

  (void) state;
  assert_false (stop_requested (NULL));
  assert_false (stop_requested (&never));
  assert_false (stop_requested (&stop));
  stopping = true;
  assert_true (stop_requested (&stop));
}

static void
test_wait_woken (void **state)
{
  struct meeting m;
  pthread_t thread;

  (void) state;
  meeting_init (&m);
  start_waiter (&m, &thread);
  pthread_mutex_lock (&m.lock);
  m.done = true;
  pthread_cond_broadcast (&m.cond);
  pthread_mutex_unlock (&m.lock);
  pthread_join (thread, NULL);
  assert_int_equal (m.result, 0);
  meeting_end (&m);
}

/* Nobody wakes it: the slice ends, and it asks. */
static void
test_wait_stopping (void **state)
{
  struct meeting m;
  pthread_t thread;

  (void) state;
  meeting_init (&m);
  start_waiter (&m, &thread);
  atomic_store (&m.stopping, true);
  pthread_join (thread, NULL);
  assert_int_equal (m.result, ESHUTDOWN);
  meeting_end (&m);
}

static void
test_wait_deadline (void **state)
{
  struct meeting m;
  uint64_t deadline;
  int r;

  (void) state;
  meeting_init (&m);
  pthread_mutex_lock (&m.lock);
  assert_int_equal (stop_wait (&m.stop, &m.cond, &m.lock, 1), ETIMEDOUT);
  deadline = stop_now_ns () + 5000000;
  do
    r = stop_wait (NULL, &m.cond, &m.lock, deadline);
  while (r == 0);
  assert_int_equal (r, ETIMEDOUT);
  assert_true (stop_now_ns () >= deadline);

  /* A deadline far away is no reason to sleep longer than a slice. */
  assert_int_equal (stop_wait (NULL, &m.cond, &m.lock, UINT64_MAX), 0);
  atomic_store (&m.stopping, true);
  assert_int_equal (stop_wait (&m.stop, &m.cond, &m.lock, UINT64_MAX),
                    ESHUTDOWN);

  /* The mutex is held, before and after. */
  assert_int_equal (pthread_mutex_trylock (&m.lock), EBUSY);
  pthread_mutex_unlock (&m.lock);
  meeting_end (&m);
}

/* Asks to stop when it has been asked for the third time. */
static bool
third_time (void *opaque)
{
  return atomic_fetch_add ((atomic_int *) opaque, 1) >= 2;
}

static void
test_sleep (void **state)
{
  atomic_int asked = 0;
  struct stop stop = { .stopping = third_time, .opaque = &asked };
  uint64_t start = stop_now_ns ();

  (void) state;
  assert_int_equal (stop_sleep (NULL, 0), 0);
  assert_int_equal (stop_sleep (NULL, 3), 0);
  assert_true (stop_now_ns () - start >= 3000000);
  assert_int_equal (stop_sleep (&stop, 3600000), ESHUTDOWN);
  assert_int_equal (asked, 3);
  assert_int_equal (stop_sleep (&stop, 0), ESHUTDOWN);
}

/* So long that its end is beyond the clock. */
static void
test_sleep_for_ever (void **state)
{
  atomic_int asked = 0;
  struct stop stop = { .stopping = third_time, .opaque = &asked };

  (void) state;
  assert_int_equal (stop_sleep (&stop, UINT64_MAX), ESHUTDOWN);
  asked = 0;
  assert_int_equal (stop_sleep (&stop, UINT64_MAX / 1000000 + 1), ESHUTDOWN);
}

/* Small numbers. */

static void
test_minmax_mix (void **state)
{
  (void) state;
  assert_int_equal (min_u64 (3, 4), 3);
  assert_int_equal (min_u64 (UINT64_MAX, 0), 0);
  assert_int_equal (max_u64 (3, 4), 4);
  assert_int_equal (max_u64 (UINT64_MAX, 0), UINT64_MAX);

  /* The first numbers of splitmix64 seeded with 0, as published. */
  assert_true (mix_u64 (0) == S (0xe220a8397b1dcdaf));
  assert_true (mix_u64 (S (0x9e3779b97f4a7c15)) == S (0x6e789e6aa1b965f4));
}

/* Helpers over the table. */

static int
sys_setup (void **state)
{
  *state = sys_test_new_model ();
  return 0;
}

static int
sys_teardown (void **state)
{
  sys_test_free (*state);
  return 0;
}

static void
test_full (void **state)
{
  struct sys_test *t = *state;
  const struct sys *s = sys_test_sys (t);
  int fd = s->open (s, "/a", O_RDWR | O_CREAT, 0600);
  char in[1000], out[1000];

  for (size_t i = 0; i < sizeof in; i++)
    in[i] = i % 251;
  sys_test_short (t, 7);
  sys_test_fail (t, SYS_TEST_PWRITE, 3, EINTR, false);
  sys_test_fail (t, SYS_TEST_PREAD, 5, EINTR, false);
  assert_int_equal (sys_pwrite_full (s, fd, in, sizeof in, 5), sizeof in);
  assert_int_equal (sys_test_count (t, SYS_TEST_PWRITE), 144);
  assert_int_equal (sys_pread_full (s, fd, out, sizeof out, 5), sizeof out);
  assert_int_equal (sys_test_count (t, SYS_TEST_PREAD), 144);
  assert_memory_equal (in, out, sizeof in);

  /* The end of the file is not an error. */
  memset (out, 'z', sizeof out);
  assert_int_equal (sys_pread_full (s, fd, out, sizeof out, 105), 900);
  assert_memory_equal (in + 100, out, 900);
  assert_int_equal (out[900], 'z');
  assert_int_equal (sys_pread_full (s, fd, out, sizeof out, 1005), 0);
  assert_int_equal (sys_pread_full (s, fd, out, 0, 0), 0);
  assert_int_equal (sys_pwrite_full (s, fd, in, 0, 0), 0);
  s->close (s, fd);
}

static void
test_full_fails (void **state)
{
  struct sys_test *t = *state;
  const struct sys *s = sys_test_sys (t);
  int fd = s->open (s, "/a", O_RDWR | O_CREAT, 0600);
  char buf[1000] = "";

  sys_test_short (t, 100);
  sys_test_fail (t, SYS_TEST_PWRITE, 3, EIO, false);
  assert_int_equal (sys_pwrite_full (s, fd, buf, sizeof buf, 0), -1);
  assert_int_equal (errno, EIO);
  assert_int_equal (sys_pwrite_full (s, fd, buf, sizeof buf, 0), sizeof buf);
  sys_test_fail (t, SYS_TEST_PREAD, 3, EIO, false);
  assert_int_equal (sys_pread_full (s, fd, buf, sizeof buf, 0), -1);
  assert_int_equal (errno, EIO);
  sys_test_set_free (t, 0);
  assert_int_equal (sys_pwrite_full (s, fd, buf, sizeof buf, 4000), -1);
  assert_int_equal (errno, ENOSPC);
  s->close (s, fd);
}

static ssize_t
pwrite_nothing (const struct sys *sys, int fd, const void *buf, size_t count,
                uint64_t offset)
{
  (void) sys;
  (void) fd;
  (void) buf;
  (void) count;
  (void) offset;
  return 0;
}

/* A write that never gets on must not go on for ever. */
static void
test_full_no_progress (void **state)
{
  struct sys sys = sys_real;

  (void) state;
  sys.pwrite = pwrite_nothing;
  assert_int_equal (sys_pwrite_full (&sys, 0, "x", 1, 0), -1);
  assert_int_equal (errno, ENOSPC);
}

static bool
is_dir (const struct sys *s, const char *path)
{
  int fd = s->open (s, path, O_RDONLY | O_DIRECTORY, 0);

  return fd >= 0 && s->close (s, fd) == 0;
}

static void
test_mkdir_all (void **state)
{
  struct sys_test *t = *state;
  const struct sys *s = sys_test_sys (t);
  struct stat st;
  int fd;

  assert_int_equal (sys_mkdir_all (s, "/a/b/c"), 0);
  assert_true (is_dir (s, "/a/b/c"));
  fd = s->open (s, "/a/b", O_RDONLY, 0);
  assert_int_equal (s->fstat (s, fd, &st), 0);
  assert_int_equal (st.st_mode & 0777, 0700);
  s->close (s, fd);
  assert_int_equal (sys_mkdir_all (s, "/a/b/c"), 0);
  assert_int_equal (sys_mkdir_all (s, "/a//d///e/"), 0);
  assert_true (is_dir (s, "/a/d/e"));
  assert_int_equal (sys_mkdir_all (s, "/"), 0);

  /* A file in the way. */
  fd = s->open (s, "/a/f", O_RDWR | O_CREAT, 0600);
  s->close (s, fd);
  assert_int_equal (sys_mkdir_all (s, "/a/f/g"), -1);
  assert_int_equal (errno, ENOTDIR);

  for (int n = 1; n <= 3; n++) {
    sys_test_fail (t, SYS_TEST_MKDIR, n, EACCES, false);
    assert_int_equal (sys_mkdir_all (s, "/h/i/j"), -1);
    assert_int_equal (errno, EACCES);
  }
  assert_int_equal (sys_mkdir_all (s, "/h/i/j"), 0);
  assert_true (is_dir (s, "/h/i/j"));
}

static void
test_mkdir_all_empty (void **state)
{
  struct sys_test *t = *state;

  assert_int_equal (sys_mkdir_all (sys_test_sys (t), ""), -1);
  assert_int_equal (errno, ENOENT);
}

#define SYS(f) cmocka_unit_test_setup_teardown (f, sys_setup, sys_teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_error),
    cmocka_unit_test (test_error_errno),
    cmocka_unit_test (test_error_text),
    cmocka_unit_test (test_log),
    cmocka_unit_test (test_stop_requested),
    cmocka_unit_test (test_wait_woken),
    cmocka_unit_test (test_wait_stopping),
    cmocka_unit_test (test_wait_deadline),
    cmocka_unit_test (test_sleep),
    cmocka_unit_test (test_sleep_for_ever),
    cmocka_unit_test (test_minmax_mix),
    SYS (test_full),
    SYS (test_full_fails),
    cmocka_unit_test (test_full_no_progress),
    SYS (test_mkdir_all),
    SYS (test_mkdir_all_empty),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
