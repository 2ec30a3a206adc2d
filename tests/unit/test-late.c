/* An origin that is opened when it is first needed: by one reader for all,
 * and its failure is shared by those who waited.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "device/late.h"
#include "http-object.h"
#include "util/cleanup.h"
#include "util/stop.h"

#define SIZE 100000
#define READERS 12

struct fixture
{
  struct http_object object;
  struct stop stop;
  struct origin_config config;
  struct origin *origin;
  const char *answer;           /* NULL: it is served */
  atomic_uint waiting;          /* readers that wait for an opening */
  atomic_uint opens;
};

/* Every reader who waits asks this, again and again. */
static bool
note_waiting (void *opaque)
{
  static _Thread_local bool noted;
  struct fixture *f = opaque;

  if (!noted)
    f->waiting++;
  noted = true;
  return false;
}

/* Nobody gets an answer before all of them wait for one. */
static void
answer_all (void *opaque, struct httpd_conn *conn,
            const struct httpd_request *r)
{
  struct fixture *f = opaque;

  if (r->first == 0 && r->last == 0) {
    f->opens++;
    while (f->waiting < READERS)
      stop_sleep (NULL, 5);
  }
  if (f->answer)
    httpd_printf (conn, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n",
                  f->answer);
  else
    http_object_serve (&f->object, conn, r);
}

struct reader
{
  pthread_t thread;
  struct fixture *f;
  int result;
  bool right;
  struct error e;
};

static void *
read_some (void *opaque)
{
  struct reader *r = opaque;
  unsigned char buf[1000];
  size_t got;

  r->result = r->f->origin->ops->read (r->f->origin, buf, sizeof buf, 5000,
                                       &got, &r->e);
  r->right = r->result == 0
    && http_object_right (&r->f->object, buf, sizeof buf, 5000);
  return NULL;
}

static void
read_at_once (struct fixture *f, struct reader readers[READERS])
{
  f->waiting = f->opens = 0;
  for (size_t i = 0; i < READERS; i++) {
    readers[i] = (struct reader) { .f = f };
    assert_int_equal (pthread_create (&readers[i].thread, NULL, read_some,
                                      &readers[i]), 0);
  }
  for (size_t i = 0; i < READERS; i++)
    pthread_join (readers[i].thread, NULL);
  /* One, and where it takes long to answer, its second request. */
  assert_in_range (f->opens, 1, 2);
}

static void
start (struct fixture *f, uint64_t size)
{
  CLEANUP_FREE char *url = NULL;

  *f = (struct fixture) { .stop = { note_waiting, f } };
  http_object_start (&f->object, SIZE);
  http_object_answer (&f->object, answer_all, f);
  http_object_config (&f->config);
  f->config.stop = &f->stop;
  url = http_object_url (&f->object, "x");
  f->origin = late_open (url, &f->config, size, "\"one\"", true, NULL);
  assert_non_null (f->origin);
}

static void
end (struct fixture *f)
{
  origin_close (f->origin);
  http_object_stop (&f->object);
}

static void
test_failure_is_shared (void **state)
{
  struct fixture f;
  struct reader readers[READERS];

  (void) state;
  start (&f, SIZE);
  f.answer = "503 Later";
  read_at_once (&f, readers);
  for (size_t i = 0; i < READERS; i++) {
    assert_int_equal (readers[i].result, -1);
    assert_int_equal (readers[i].e.kind, ERROR_BUSY);
    assert_non_null (strstr (readers[i].e.text, "503"));
  }

  /* But not for ever: whoever comes next tries again. */
  f.answer = NULL;
  read_at_once (&f, readers);
  for (size_t i = 0; i < READERS; i++)
    assert_true (readers[i].right);
  end (&f);
}

static void
test_other_version (void **state)
{
  struct fixture f;
  struct reader readers[READERS];

  (void) state;
  start (&f, SIZE + 1);
  read_at_once (&f, readers);
  for (size_t i = 0; i < READERS; i++) {
    assert_int_equal (readers[i].result, -1);
    assert_int_equal (readers[i].e.errnum, ESTALE);
  }
  end (&f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_failure_is_shared),
    cmocka_unit_test (test_other_version),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
