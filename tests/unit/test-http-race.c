/* Many requests at once, slow ones among them, and the end of the program. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http-object.h"
#include "origin/http-client.h"
#include "origin/http-pace.h"
#include "util/cleanup.h"
#include "util/stop.h"

#define MIB (1u << 20)
#define SIZE (16 * MIB)

#define MS UINT64_C (1000000)

static void
test_pace (void **state)
{
  struct http_pace pace = { 0 };

  (void) state;
  /* Nothing known: half a second without a byte is too long. */
  assert_false (http_pace_overdue (&pace, 400 * MS, 400 * MS, 0));
  assert_true (http_pace_overdue (&pace, 500 * MS, 500 * MS, 0));
  assert_false (http_pace_overdue (&pace, 9000 * MS, 400 * MS, 1));
  /* A far origin is given its time. */
  http_pace_note (&pace, 300 * MS, 100 * MS, MIB);
  assert_false (http_pace_overdue (&pace, 1100 * MS, 1100 * MS, 0));
  assert_true (http_pace_overdue (&pace, 1200 * MS, 1200 * MS, 0));
  /* Bytes drip in: far too few for the time. */
  assert_true (http_pace_overdue (&pace, 2500 * MS, 10 * MS, 100));
  assert_false (http_pace_overdue (&pace, 1300 * MS, 10 * MS, 100));
  assert_false (http_pace_overdue (&pace, 2500 * MS, 10 * MS, MIB));
  /* So much came twice that asking twice must be the wrong thing. */
  pace.wasted = 5 * MIB;
  assert_false (http_pace_overdue (&pace, 4000 * MS, 4000 * MS, 0));
  pace.bytes = UINT64_C (64) * MIB;
  assert_true (http_pace_overdue (&pace, 4000 * MS, 4000 * MS, 0));
}

/* A mean moves towards what is new, and small bodies say nothing of rates. */
static void
test_pace_mean (void **state)
{
  struct http_pace pace = { 0 };

  (void) state;
  http_pace_note (&pace, 100 * MS, 50 * MS, 100);
  assert_int_equal (pace.wait_ns, 100 * MS);
  assert_int_equal (pace.mib_ns, 0);
  for (int i = 0; i < 100; i++)
    http_pace_note (&pace, 10 * MS, 50 * MS, MIB / 2);
  assert_in_range (pace.wait_ns, 9 * MS, 11 * MS);
  assert_in_range (pace.mib_ns, 99 * MS, 101 * MS);
}

static void
test_slots (void **state)
{
  struct origin_config config;
  struct http_client *client;
  struct error e;

  (void) state;
  http_object_config (&config);
  config.connections = 2;
  client = http_client_new ("http://127.0.0.1:9/x", &config, &e);
  assert_non_null (client);
  assert_int_equal (http_client_enter (client, 0, &e), 0);
  assert_int_equal (http_client_enter (client, 0, &e), 0);
  assert_int_equal (http_client_enter (client, stop_now_ns (), &e), -1);
  assert_int_equal (e.kind, ERROR_AGAIN);
  http_client_leave (client);
  assert_int_equal (http_client_enter (client, stop_now_ns (), &e), 0);
  /* One second request at a time, of two connections. */
  assert_true (http_client_spare (client, 900 * MS, 900 * MS, 0));
  assert_false (http_client_spare (client, 900 * MS, 900 * MS, 0));
  http_client_spared (client, 0);
  assert_true (http_client_spare (client, 900 * MS, 900 * MS, 0));
  http_client_free (client);
}

/* Serves, and notes how many requests are served at once. */
struct busy
{
  struct http_object *object;
  pthread_mutex_t lock;
  pthread_cond_t cond;
  unsigned now, most, wanted;
};

/* Waits until as many are in as wanted: so that they must be at once. */
static void
together (void *opaque, struct httpd_conn *conn,
          const struct httpd_request *r)
{
  struct busy *busy = opaque;

  pthread_mutex_lock (&busy->lock);
  if (++busy->now > busy->most)
    busy->most = busy->now;
  pthread_cond_broadcast (&busy->cond);
  while (busy->most < busy->wanted)
    pthread_cond_wait (&busy->cond, &busy->lock);
  pthread_mutex_unlock (&busy->lock);
  http_object_serve (busy->object, conn, r);
  pthread_mutex_lock (&busy->lock);
  busy->now--;
  pthread_mutex_unlock (&busy->lock);
}

struct reader
{
  pthread_t thread;
  struct http_object *object;
  struct origin *origin;
  uint64_t offset;
  size_t count;
  unsigned times;
  unsigned wrong;               /* reads that failed or brought wrong bytes */
  struct error e;
};

static void *
reader_thread (void *opaque)
{
  struct reader *r = opaque;
  unsigned char *buf = malloc (r->count);
  size_t got;

  for (unsigned i = 0; i < r->times; i++) {
    uint64_t offset = (r->offset + i * r->count) % (SIZE - r->count);

    if (r->origin->ops->read (r->origin, buf, r->count, offset, &got, &r->e)
        == -1 || !http_object_right (r->object, buf, r->count, offset))
      r->wrong++;
  }
  free (buf);
  return NULL;
}

static void
run_readers (struct reader *readers, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    assert_int_equal (pthread_create (&readers[i].thread, NULL, reader_thread,
                                      &readers[i]), 0);
  for (unsigned i = 0; i < n; i++)
    pthread_join (readers[i].thread, NULL);
}

#define READERS 16

static void
test_parallel (void **state)
{
  struct origin_config config;
  struct http_object object;
  struct busy busy = { .object = &object, .wanted = 4 };
  struct reader readers[READERS];
  struct origin *origin;
  struct error e;

  (void) state;
  pthread_mutex_init (&busy.lock, NULL);
  pthread_cond_init (&busy.cond, NULL);
  http_object_start (&object, SIZE);
  http_object_config (&config);
  config.connections = 4;
  origin = http_object_open_with (&object, &config, "x", &e);
  assert_non_null (origin);
  http_object_answer (&object, together, &busy);
  for (int i = 0; i < READERS; i++)
    readers[i] = (struct reader) { .object = &object, .origin = origin,
                                   .offset = i * 500000, .count = 123457,
                                   .times = 8 };
  run_readers (readers, READERS);
  for (int i = 0; i < READERS; i++)
    assert_int_equal (readers[i].wrong, 0);
  assert_true (busy.most >= 4);
  origin->ops->close (origin);
  http_object_stop (&object);
  pthread_cond_destroy (&busy.cond);
  pthread_mutex_destroy (&busy.lock);
}

/* Origins come and go while others are in use. */
static void *
opener_thread (void *opaque)
{
  struct reader *r = opaque;
  unsigned char buf[1000];
  size_t got;

  for (unsigned i = 0; i < r->times; i++) {
    struct origin *origin = http_object_open (r->object, &r->e);

    if (!origin
        || origin->ops->read (origin, buf, sizeof buf, i, &got, &r->e) == -1
        || !http_object_right (r->object, buf, sizeof buf, i))
      r->wrong++;
    if (origin)
      origin->ops->close (origin);
  }
  return NULL;
}

static void
test_open_in_parallel (void **state)
{
  struct http_object object;
  struct reader openers[4];

  (void) state;
  http_object_start (&object, SIZE);
  for (int i = 0; i < 4; i++) {
    openers[i] = (struct reader) { .object = &object, .times = 10 };
    assert_int_equal (pthread_create (&openers[i].thread, NULL, opener_thread,
                                      &openers[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    pthread_join (openers[i].thread, NULL);
    assert_int_equal (openers[i].wrong, 0);
  }
  http_object_stop (&object);
}

/* The first request for a large range stalls or drips after so many bytes;
 * all others are served.
 */
struct slow
{
  struct http_object *object;
  uint64_t after;
  bool drip;
  atomic_uint large;            /* large requests so far */
  atomic_uint conns[2];         /* which connections the first two came on */
};

static void
slow_first (void *opaque, struct httpd_conn *conn,
            const struct httpd_request *r)
{
  struct slow *slow = opaque;
  unsigned n = r->last - r->first < 1000 ? 99 : slow->large++;
  uint64_t at = r->first + slow->after;

  if (n < 2)
    slow->conns[n] = r->conn_number;
  if (n != 0) {
    http_object_serve (slow->object, conn, r);
    return;
  }
  httpd_printf (conn, "HTTP/1.1 206 Partial\r\nContent-Range: bytes %" PRIu64
                "-%" PRIu64 "/%u\r\n", r->first, r->last, SIZE);
  http_object_header (slow->object, conn);
  httpd_printf (conn, "\r\n");
  http_object_send (slow->object, conn, r->first, slow->after);
  while (slow->drip && at < r->last
         && http_object_send (slow->object, conn, at++, 1))
    stop_sleep (NULL, 20);
  httpd_stall (conn);
}

static void
check_slow (uint64_t after, bool drip)
{
  struct http_object object;
  struct slow slow = { .object = &object, .after = after, .drip = drip };
  struct reader fast = { .object = &object, .count = MIB / 4, .times = 4 };
  struct reader r = { .object = &object, .count = MIB, .offset = MIB,
                      .times = 1 };

  http_object_start (&object, SIZE);
  fast.origin = r.origin = http_object_open (&object, &r.e);
  assert_non_null (r.origin);
  reader_thread (&fast);
  assert_int_equal (fast.wrong, 0);
  http_object_answer (&object, slow_first, &slow);
  reader_thread (&r);
  if (r.wrong)
    fail_msg ("%s", r.e.text);
  assert_int_equal (slow.large, 2);
  assert_int_not_equal (slow.conns[0], slow.conns[1]);
  r.origin->ops->close (r.origin);
  http_object_stop (&object);
}

static void
test_stalled (void **state)
{
  (void) state;
  check_slow (0, false);
  check_slow (300000, false);
}

static void
test_dripping (void **state)
{
  (void) state;
  check_slow (1000, true);
}

/* Sends some of it, then nothing, whoever asks. */
static void
stall_all (void *opaque, struct httpd_conn *conn,
           const struct httpd_request *r)
{
  struct slow always = { .object = opaque, .after = 4000 };

  slow_first (&always, conn, r);
}

/* The timeout ends what neither request brings; what came is kept. */
static void
test_timeout (void **state)
{
  struct origin_config config;
  struct http_object object;
  struct origin *origin = NULL;
  struct error e;
  unsigned char buf[10000];
  size_t got;

  (void) state;
  http_object_start (&object, SIZE);
  http_object_config (&config);
  config.timeout_ms = 1500;
  /* A machine that is busy with other things may take longer to open. */
  for (int i = 0; !origin && i < 100; i++)
    origin = http_object_open_with (&object, &config, "x", &e);
  assert_non_null (origin);
  http_object_answer (&object, stall_all, &object);
  assert_int_equal (origin->ops->read (origin, buf, sizeof buf, 0, &got, &e),
                    -1);
  assert_int_equal (e.kind, ERROR_ABSENT);
  assert_int_equal (e.errnum, ETIMEDOUT);
  assert_true (got <= 8000);
  assert_true (http_object_right (&object, buf, got, 0));
  origin->ops->close (origin);
  http_object_stop (&object);
}

static bool
is_set (void *opaque)
{
  return atomic_load ((atomic_bool *) opaque);
}

struct stopper
{
  struct http_object *object;
  atomic_bool stopping;
};

/* The program is told to end once a request hangs. */
static void
stop_and_stall (void *opaque, struct httpd_conn *conn,
                const struct httpd_request *r)
{
  struct stopper *stopper = opaque;

  (void) r;
  atomic_store (&stopper->stopping, true);
  httpd_stall (conn);
}

static void
test_stop (void **state)
{
  struct origin_config config;
  struct http_object object;
  struct stopper stopper = { .object = &object };
  struct stop stop = { .stopping = is_set, .opaque = &stopper.stopping };
  struct reader r = { .object = &object, .count = MIB, .times = 1 };

  (void) state;
  http_object_start (&object, SIZE);
  http_object_config (&config);
  config.stop = &stop;
  r.origin = http_object_open_with (&object, &config, "x", &r.e);
  assert_non_null (r.origin);
  http_object_answer (&object, stop_and_stall, &stopper);
  reader_thread (&r);
  assert_int_equal (r.wrong, 1);
  assert_int_equal (r.e.errnum, ESHUTDOWN);
  r.origin->ops->close (r.origin);
  http_object_stop (&object);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_pace),
    cmocka_unit_test (test_pace_mean),
    cmocka_unit_test (test_slots),
    cmocka_unit_test (test_parallel),
    cmocka_unit_test (test_open_in_parallel),
    cmocka_unit_test (test_stalled),
    cmocka_unit_test (test_dripping),
    cmocka_unit_test (test_timeout),
    cmocka_unit_test (test_stop),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
