/* The recorder: what is reported is in the file, whatever happens to it. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sys-test.h"
#include "trace/decode.h"
#include "trace/recorder.h"
#include "trace/ring.h"
#include "trace/trace-file.h"
#include "util/cleanup.h"
#include "util/log.h"

#define BLOCK 4096u
#define PATH "/trace"

static unsigned messages;
static char last_message[1024];
static pthread_mutex_t message_lock = PTHREAD_MUTEX_INITIALIZER;

static void
note_message (enum log_level level, const char *text)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&message_lock);

  messages += level != LOG_LEVEL_DEBUG;
  snprintf (last_message, sizeof last_message, "%s", text);
}

static struct recorder *
open_recorder (struct sys_test *test, bool at_end, uint64_t file_max,
               struct error *e)
{
  const struct recorder_config config = {
    .path = PATH, .block_size = BLOCK, .at_end = at_end,
    .file_max = file_max, .sys = sys_test_sys (test)
  };

  return recorder_open (&config, e);
}

/* What a trace has in it. */
struct found
{
  bool trace, damaged;
  uint64_t accesses, stored, dropped, objects, sum;
};

struct source
{
  const struct sys *sys;
  int fd;
  uint64_t offset;
};

static ssize_t
read_source (void *opaque, void *buf, size_t count, struct error *e)
{
  struct source *source = opaque;
  ssize_t n = sys_pread_full (source->sys, source->fd, buf, count,
                              source->offset);

  assert_true (n >= 0);
  (void) e;
  source->offset += n;
  return n;
}

static struct found
look (struct sys_test *test, const char *path)
{
  struct source source = { sys_test_sys (test), -1, 0 };
  struct found found = { .trace = false };
  struct trace_decoder *decoder;
  struct trace_record record;
  struct error e;
  int r;

  source.fd = source.sys->open (source.sys, path, O_RDONLY, 0);
  if (source.fd == -1)
    return found;
  decoder = trace_decoder_new (read_source, &source, &e);
  found.trace = decoder != NULL;
  while (decoder && (r = trace_decoder_next (decoder, &record, &e)) != 0) {
    if (r == -1) {
      found.damaged = true;
      break;
    }
    found.objects += record.kind == TRACE_OBJECT;
    found.dropped += record.dropped;
    found.stored += record.kind == TRACE_STORED ? record.count : 0;
    for (uint32_t i = 0; record.kind == TRACE_ACCESS && i < record.count;
         i++) {
      found.accesses++;
      found.sum += (record.block + i) * 2 + record.hit;
    }
  }
  trace_decoder_free (decoder);
  source.sys->close (source.sys, source.fd);
  return found;
}

static void
write_file (struct sys_test *test, const char *path, const char *text)
{
  const struct sys *sys = sys_test_sys (test);
  int fd = sys->open (sys, path, O_RDWR | O_CREAT | O_TRUNC, 0600);

  assert_true (fd >= 0);
  assert_int_equal (sys_pwrite_full (sys, fd, text, strlen (text), 0),
                    strlen (text));
  sys->close (sys, fd);
}

/* A trace of n accesses to one object. */
static void
record_some (struct sys_test *test, bool at_end, unsigned n)
{
  struct error e;
  struct recorder *recorder = open_recorder (test, at_end, 0, &e);
  struct recorder_object *object;

  if (!recorder)
    fail_msg ("recorder_open: %s", e.text);
  object = recorder_object (recorder, "one", "v", 1 << 30);
  assert_non_null (object);
  for (unsigned i = 0; i < n; i++)
    recorder_access (object, i * 3, 1, i % 2);
  recorder_close (recorder);
}

static void
test_record (void **state)
{
  struct sys_test *test = sys_test_new_model ();
  struct recorder_object *one, *two;
  struct recorder *recorder;
  struct found found;
  struct error e;

  (void) state;
  recorder = open_recorder (test, false, 0, &e);
  assert_non_null (recorder);
  one = recorder_object (recorder, "one", "v1", 1000);
  two = recorder_object (recorder, "one", "v2", 1000);
  assert_true (one && two && one != two);
  assert_ptr_equal (recorder_object (recorder, "one", "v1", 1000), one);
  assert_ptr_not_equal (recorder_object (recorder, "one", "v1", 1001), one);
  recorder_access (one, 7, 1, true);
  recorder_access (two, 8, 200000, false);      /* more than a run */
  recorder_stored (two, 8, 20000, 4096);
  recorder_close (recorder);
  found = look (test, PATH);
  assert_true (found.trace && !found.damaged);
  assert_int_equal (found.objects, 3);
  assert_int_equal (found.accesses, 200001);
  assert_int_equal (found.stored, 1);
  assert_int_equal (found.dropped, 0);
  assert_int_equal (found.sum, 15 + UINT64_C (200000) * (16 + 199999));
  assert_false (look (test, PATH ".new").trace);
  assert_int_equal (sys_test_descriptors (test), 0);
  sys_test_free (test);
}

/* ---------------------------------------------------------------- threads */

#define THREADS 4
#define EACH 100000u

static void *
report (void *opaque)
{
  for (unsigned i = 0; i < EACH; i++)
    recorder_access (opaque, i, 1, true);
  return NULL;
}

/* None is lost without being counted. */
static void
test_threads (void **state)
{
  struct sys_test *test = sys_test_new_model ();
  pthread_t threads[THREADS];
  struct recorder *recorder;
  struct found found;
  struct error e;

  (void) state;
  recorder = open_recorder (test, false, 0, &e);
  assert_non_null (recorder);
  for (unsigned i = 0; i < THREADS; i++) {
    char name[10];

    snprintf (name, sizeof name, "%u", i);
    assert_int_equal (pthread_create (&threads[i], NULL, report,
                                      recorder_object (recorder, name, "",
                                                       1 << 30)), 0);
  }
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join (threads[i], NULL);
  recorder_close (recorder);
  found = look (test, PATH);
  assert_true (found.trace && !found.damaged);
  assert_int_equal (found.objects, THREADS);
  assert_int_equal (found.accesses + found.dropped, THREADS * EACH);
  sys_test_free (test);
}

static void
test_ring (void **state)
{
  struct ring ring;
  struct ring_entry entry = { .count = 1 };

  (void) state;
  assert_int_equal (ring_init (&ring), 0);
  for (unsigned round = 0; round < 3; round++) {
    assert_false (ring_take (&ring, &entry));
    for (entry.block = 0; entry.block < RING_CELLS; entry.block++)
      assert_true (ring_put (&ring, &entry));
    assert_false (ring_put (&ring, &entry));
    for (uint64_t i = 0; i < RING_CELLS; i++) {
      assert_true (ring_take (&ring, &entry));
      assert_int_equal (entry.block, i);
    }
    assert_true (ring_put (&ring, &entry));
    assert_true (ring_take (&ring, &entry));
  }
  ring_destroy (&ring);
}

/* ---------------------------------------------------------------- files */

static void
refused (struct sys_test *test, const char *words)
{
  struct error e;

  assert_null (open_recorder (test, false, 0, &e));
  if (!strstr (e.text, words))
    fail_msg ("\"%s\" does not say \"%s\"", e.text, words);
  assert_int_equal (sys_test_descriptors (test), 0);
}

/* Only traces are replaced. */
static void
test_not_a_trace (void **state)
{
  struct sys_test *test = sys_test_new_model ();
  const struct sys *sys = sys_test_sys (test);
  char buf[20] = "";
  int fd;

  (void) state;
  write_file (test, PATH, "precious");
  refused (test, "no trace");
  fd = sys->open (sys, PATH, O_RDONLY, 0);
  assert_int_equal (sys_pread_full (sys, fd, buf, sizeof buf, 0), 8);
  assert_string_equal (buf, "precious");
  sys->close (sys, fd);
  write_file (test, PATH, "");
  record_some (test, false, 5);
  assert_int_equal (look (test, PATH).accesses, 5);
  write_file (test, PATH ".new", "precious");
  refused (test, ".new");
  sys_test_free (test);
}

static void
test_replaced (void **state)
{
  struct sys_test *test = sys_test_new_model ();
  struct recorder *recorder;
  struct error e;

  (void) state;
  record_some (test, false, 50);
  /* A server that nobody connects to leaves the old one. */
  recorder = open_recorder (test, false, 0, &e);
  assert_non_null (recorder);
  recorder_close (recorder);
  assert_int_equal (look (test, PATH).accesses, 50);
  record_some (test, false, 7);
  assert_int_equal (look (test, PATH).accesses, 7);
  /* At the end, and only if there was anything. */
  record_some (test, true, 0);
  assert_int_equal (look (test, PATH).accesses, 7);
  record_some (test, true, 9);
  assert_int_equal (look (test, PATH).accesses, 9);
  assert_false (look (test, PATH ".new").trace);
  sys_test_free (test);
}

/* The old trace is there until the new one is whole. */
static void
test_at_end (void **state)
{
  struct sys_test *test = sys_test_new_model (), *killed;
  struct recorder *recorder;
  struct error e;

  (void) state;
  record_some (test, true, 50);
  recorder = open_recorder (test, true, 0, &e);
  assert_non_null (recorder);
  recorder_access (recorder_object (recorder, "one", "v", 1000), 1, 1, true);
  assert_int_equal (look (test, PATH).accesses, 50);
  killed = sys_test_kill (test);
  recorder_close (recorder);
  assert_int_equal (look (test, PATH).accesses, 1);
  assert_int_equal (look (killed, PATH).accesses, 50);
  /* What a first recording that was killed has left is used. */
  trace_file_adopt (sys_test_sys (killed), PATH);
  assert_int_equal (look (killed, PATH).accesses, 50);
  sys_test_sys (killed)->unlink (sys_test_sys (killed), PATH);
  assert_true (look (killed, PATH ".new").trace);
  trace_file_adopt (sys_test_sys (killed), PATH);
  assert_true (look (killed, PATH).trace);
  assert_false (look (killed, PATH ".new").trace);
  sys_test_sys (killed)->unlink (sys_test_sys (killed), PATH);
  write_file (killed, PATH ".new", "tcTr");
  trace_file_adopt (sys_test_sys (killed), PATH);
  assert_false (look (killed, PATH).trace);
  record_some (killed, true, 3);
  assert_int_equal (look (killed, PATH).accesses, 3);
  sys_test_free (killed);
  sys_test_free (test);
}

static void
test_locked (void **state)
{
  struct sys_test *test = sys_test_new_model ();
  struct recorder *recorder;
  struct error e, other;

  (void) state;
  recorder = open_recorder (test, false, 0, &e);
  assert_non_null (recorder);
  assert_null (open_recorder (test, false, 0, &other));
  assert_non_null (strstr (other.text, "another process is recording"));
  recorder_close (recorder);
  sys_test_free (test);
}

/* Killed at any change of the disk: there is the old trace, or a new one. */
static void
test_killed (void **state)
{
  bool done = false;

  (void) state;
  for (unsigned n = 1; !done; n++)
    for (unsigned at_end = 0; at_end < 2; at_end++) {
      struct sys_test *test = sys_test_new_model (), *after;
      struct recorder *recorder;
      struct found found;
      struct error e;

      record_some (test, false, 50);
      sys_test_crash_at (test, n);
      recorder = open_recorder (test, at_end, 0, &e);
      if (recorder) {
        struct recorder_object *object
          = recorder_object (recorder, "one", "v", 1000);

        for (unsigned i = 0; object && i < 20000; i++)
          recorder_access (object, i * 7 % 1000, 1, true);
        recorder_close (recorder);
      }
      done = !sys_test_crashed (test);
      after = sys_test_kill (test);
      found = look (after, PATH);
      assert_true (found.trace && !found.damaged);
      assert_true (at_end ? found.accesses == 50 || found.accesses == 20000
                   : found.accesses <= 20000);
      record_some (after, at_end, 5);
      assert_int_equal (look (after, PATH).accesses, 5);
      sys_test_free (after);
      sys_test_free (test);
    }
}

/* A full disk, and the file's own bound: one message, a trace that can be
 * read, and nobody is told of any trouble.
 */
static void
test_full (void **state)
{
  (void) state;
  for (unsigned bound = 0; bound < 3; bound++) {
    struct sys_test *test = sys_test_new_model ();
    struct recorder_object *object;
    struct recorder *recorder;
    struct found found;
    struct error e;

    recorder = open_recorder (test, bound == 2, bound == 0 ? 200000 : 0, &e);
    assert_non_null (recorder);
    messages = 0;
    object = recorder_object (recorder, "one", "v", UINT64_C (1) << 50);
    assert_non_null (object);
    if (bound > 0)
      sys_test_fail (test, SYS_TEST_PWRITE, 3, ENOSPC, true);
    /* Runs of two, never neighbours: records enough for several frames. */
    for (unsigned i = 0; i < 300000; i++)
      recorder_access (object, UINT64_C (1000000) * (i * 7 % 1000), 2, true);
    recorder_close (recorder);
    found = look (test, PATH);
    assert_int_equal (messages, 1);
    assert_non_null (strstr (last_message, "recording ends here"));
    if (bound == 2)
      assert_false (found.trace);
    else
      assert_true (found.trace && !found.damaged && found.accesses > 0
                   && found.accesses < 600000);
    assert_true (sys_test_allocated (test) <= 204800 || bound > 0);
    sys_test_free (test);
  }
}

static void
test_many_objects (void **state)
{
  struct sys_test *test = sys_test_new_model ();
  struct recorder *recorder;
  struct error e;
  char name[TRACE_IDENTITY_MAX + 2];

  (void) state;
  recorder = open_recorder (test, false, 0, &e);
  assert_non_null (recorder);
  memset (name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  assert_null (recorder_object (recorder, name, "", 1));
  assert_null (recorder_object (recorder, "", "", 1));
  for (unsigned i = 0; i < TRACE_OBJECTS_MAX; i++) {
    snprintf (name, sizeof name, "%u", i);
    assert_non_null (recorder_object (recorder, name, "", 1));
  }
  assert_null (recorder_object (recorder, "more", "", 1));
  recorder_close (recorder);
  assert_int_equal (look (test, PATH).objects, TRACE_OBJECTS_MAX);
  sys_test_free (test);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_record),
    cmocka_unit_test (test_threads),
    cmocka_unit_test (test_ring),
    cmocka_unit_test (test_not_a_trace),
    cmocka_unit_test (test_replaced),
    cmocka_unit_test (test_at_end),
    cmocka_unit_test (test_locked),
    cmocka_unit_test (test_killed),
    cmocka_unit_test (test_full),
    cmocka_unit_test (test_many_objects),
  };

  log_to (note_message, 1);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
