/* The simulated store does what other tests rely on. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fault-origin.h"

#define SIZE (8u << 20)

static void
test_content (void **state)
{
  struct fault_origin *f = fault_origin_new (SIZE, 1, NULL);
  struct origin *o = fault_origin_open (f, NULL);
  char buf[5000], other[5000];
  struct error e;
  size_t got;

  (void) state;
  assert_string_equal (o->validator, "v1");
  assert_int_equal (o->ops->read (o, buf, sizeof buf, 3, &got, &e), 0);
  assert_int_equal (got, sizeof buf);
  assert_true (fault_origin_check (buf, sizeof buf, 1, 3));
  assert_false (fault_origin_check (buf, sizeof buf, 1, 4));
  assert_false (fault_origin_check (buf, sizeof buf, 2, 3));
  fault_origin_fill (other, sizeof other, 1, 3);
  assert_memory_equal (buf, other, sizeof buf);

  fault_origin_change (f, SIZE, 2);
  assert_int_equal (o->ops->read (o, buf, 1, 0, &got, &e), -1);
  assert_int_equal (e.errnum, ESTALE);
  assert_int_equal (got, 0);
  o->ops->close (o);
  fault_origin_free (f);
}

static void
test_failures (void **state)
{
  struct fault_origin *f = fault_origin_new (SIZE, 1, NULL);
  struct origin *o;
  struct error e;
  char buf[64];
  size_t got;

  (void) state;
  fault_origin_fail_open (f, 1, ERROR_ABSENT, ECONNREFUSED);
  assert_null (fault_origin_open (f, &e));
  assert_int_equal (e.kind, ERROR_ABSENT);
  o = fault_origin_open (f, &e);
  assert_non_null (o);

  fault_origin_fail_at (f, 4096, 4096, 2, ERROR_BUSY, EBUSY, 5, 700);
  assert_int_equal (o->ops->read (o, buf, 64, 4032, &got, &e), 0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal (o->ops->read (o, buf, 64, 4033, &got, &e), -1);
    assert_int_equal (e.kind, ERROR_BUSY);
    assert_int_equal (e.retry_after_ms, 700);
    assert_int_equal (got, 5);
    assert_true (fault_origin_check (buf, got, 1, 4033));
  }
  assert_int_equal (o->ops->read (o, buf, 64, 4033, &got, &e), 0);
  fault_origin_fail (f, 0, ERROR_AGAIN, EIO, 0);
  assert_int_equal (o->ops->read (o, buf, 64, 0, &got, &e), -1);
  assert_int_equal (o->ops->read (o, buf, 64, 0, &got, &e), -1);
  fault_origin_heal (f);
  assert_int_equal (o->ops->read (o, buf, 64, 0, &got, &e), 0);
  o->ops->close (o);
  fault_origin_free (f);
}

struct reader
{
  struct origin *origin;
  uint64_t offset;
  int r;
  pthread_t thread;
};

static void *
reader_run (void *opaque)
{
  struct reader *reader = opaque;
  char buf[16];
  size_t got;

  reader->r = reader->origin->ops->read (reader->origin, buf, sizeof buf,
                                         reader->offset, &got, NULL);
  return NULL;
}

static void
test_gate (void **state)
{
  struct fault_origin *f = fault_origin_new (SIZE, 1, NULL);
  struct origin *o = fault_origin_open (f, NULL);
  struct reader readers[3], other = { .origin = o, .offset = 4096 };
  struct fault_origin_stats stats;
  uint64_t offset;
  size_t count;

  (void) state;
  fault_origin_hold (f, 0, 4096);
  for (int i = 0; i < 3; i++) {
    readers[i] = (struct reader) { .origin = o, .offset = i, .r = 1 };
    pthread_create (&readers[i].thread, NULL, reader_run, &readers[i]);
  }
  assert_true (fault_origin_wait_held (f, 3));
  fault_origin_pass (f, 1);
  reader_run (&other);                  /* not of the range held */
  assert_int_equal (other.r, 0);
  fault_origin_release (f);
  for (int i = 0; i < 3; i++) {
    pthread_join (readers[i].thread, NULL);
    assert_int_equal (readers[i].r, 0);
  }
  fault_origin_stats (f, &stats);
  assert_int_equal (stats.reads, 4);
  assert_true (stats.max_in_flight >= 3);
  assert_int_equal (stats.in_flight, 0);
  assert_true (fault_origin_request (f, 3, &offset, &count));
  assert_int_equal (offset, 4096);
  assert_int_equal (count, 16);
  assert_false (fault_origin_request (f, 4, &offset, &count));
  o->ops->close (o);
  fault_origin_free (f);
}

static bool
yes (void *opaque)
{
  (void) opaque;
  return true;
}

static void
test_stop (void **state)
{
  struct stop stop = { .stopping = yes };
  struct fault_origin *f = fault_origin_new (SIZE, 1, &stop);
  struct origin *o = fault_origin_open (f, NULL);
  struct error e;
  char buf[16];
  size_t got;

  (void) state;
  fault_origin_hold (f, 0, UINT64_MAX);
  assert_int_equal (o->ops->read (o, buf, 16, 0, &got, &e), -1);
  assert_int_equal (e.errnum, ESHUTDOWN);
  o->ops->close (o);
  fault_origin_free (f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_content),
    cmocka_unit_test (test_failures),
    cmocka_unit_test (test_gate),
    cmocka_unit_test (test_stop),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
