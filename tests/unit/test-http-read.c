/* Reading http: origins: right bytes or a clear error, whatever the server
 * does.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http-object.h"
#include "util/cleanup.h"

#define SIZE (3u << 20)
#define MODIFIED "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

/* One object, opened while it was served well. */
struct fixture
{
  struct http_object object;
  struct origin *origin;
  atomic_uint last_conn;
  unsigned char *buf;
  size_t got;
  struct error e;
};

static void
open_fixture (struct fixture *f)
{
  f->origin = http_object_open (&f->object, &f->e);
  if (!f->origin)
    fail_msg ("%s", f->e.text);
}

static int
setup (void **state)
{
  struct fixture *f = calloc (1, sizeof *f);

  http_object_start (&f->object, SIZE);
  f->buf = malloc (ORIGIN_READ_MAX);
  open_fixture (f);
  *state = f;
  return 0;
}

static int
teardown (void **state)
{
  struct fixture *f = *state;

  f->origin->ops->close (f->origin);
  http_object_stop (&f->object);
  free (f->buf);
  free (f);
  return 0;
}

static int
read_some (struct fixture *f, size_t count, uint64_t offset)
{
  memset (f->buf, 0xEE, ORIGIN_READ_MAX);
  f->got = SIZE_MAX;
  f->e.text[0] = '\0';
  return f->origin->ops->read (f->origin, f->buf, count, offset, &f->got,
                               &f->e);
}

static void
check_right (struct fixture *f, size_t count, uint64_t offset)
{
  if (read_some (f, count, offset) == -1)
    fail_msg ("%s", f->e.text);
  assert_int_equal (f->got, count);
  assert_true (http_object_right (&f->object, f->buf, count, offset));
  /* Not a byte beyond. */
  if (count < ORIGIN_READ_MAX)
    assert_int_equal (f->buf[count], 0xEE);
}

/* An error, and what came before it is right. */
static void
check_error (struct fixture *f, enum error_kind kind, int errnum,
             const char *says)
{
  assert_int_equal (read_some (f, 100000, 5000), -1);
  if (f->e.kind != kind || f->e.errnum != errnum
      || !strstr (f->e.text, says) || !strstr (f->e.text, "disk.img"))
    fail_msg ("kind %d, errno %d: %s", f->e.kind, f->e.errnum, f->e.text);
  assert_true (f->got < 100000);
  assert_true (http_object_right (&f->object, f->buf, f->got, 5000));
  assert_int_equal (f->buf[100000], 0xEE);
}

static void
test_read (void **state)
{
  struct fixture *f = *state;

  check_right (f, 1, 0);
  check_right (f, 1, SIZE - 1);
  check_right (f, ORIGIN_READ_MAX, 1 << 20);
  check_right (f, 12345, 6789);
}

/* Notes which connections requests come on. */
static void
count_conns (void *opaque, struct httpd_conn *conn,
             const struct httpd_request *r)
{
  struct fixture *f = opaque;

  if (r->conn_number > f->last_conn)
    f->last_conn = r->conn_number;
  http_object_serve (&f->object, conn, r);
}

static void
test_connection_is_kept (void **state)
{
  struct fixture *f = *state;

  http_object_answer (&f->object, count_conns, f);
  for (int i = 0; i < 100; i++)
    check_right (f, 1000, i * 1000);
  assert_true (f->last_conn < 50);
}

static void
test_outside (void **state)
{
  struct fixture *f = *state;

  assert_int_equal (read_some (f, 2, SIZE - 1), -1);
  assert_int_equal (f->e.errnum, EINVAL);
  assert_int_equal (read_some (f, 1, UINT64_MAX), -1);
  assert_int_equal (read_some (f, 0, 0), -1);
}

/* How a reply's body goes wrong. */
struct body
{
  struct http_object *object;
  const char *header;           /* more lines, or "" */
  bool length;                  /* send the right Content-Length */
  bool chunked;
  int64_t send;                 /* so many of its bytes */
  uint64_t from;                /* begin so many bytes too late */
  bool reset;
};

static void
send_chunks (struct http_object *object, struct httpd_conn *conn,
             uint64_t offset, uint64_t count)
{
  for (uint64_t done = 0; done < count;) {
    uint64_t n = count - done < 777 ? count - done : 777;

    httpd_printf (conn, "%" PRIx64 ";ext=1\r\n", n);
    http_object_send (object, conn, offset + done, n);
    httpd_printf (conn, "\r\n");
    done += n;
  }
}

static void
serve_body (void *opaque, struct httpd_conn *conn,
            const struct httpd_request *r)
{
  struct body *body = opaque;
  uint64_t count = r->last - r->first + 1;

  httpd_printf (conn, "HTTP/1.1 206 Partial\r\nContent-Range: bytes %" PRIu64
                "-%" PRIu64 "/%u\r\n%s", r->first + body->from,
                r->last + body->from, SIZE, body->header);
  http_object_header (body->object, conn);
  if (body->length)
    httpd_printf (conn, "Content-Length: %" PRIu64 "\r\n", count);
  httpd_printf (conn, "\r\n");
  if (body->chunked)
    send_chunks (body->object, conn, r->first, body->send);
  else
    http_object_send (body->object, conn, r->first + body->from, body->send);
  if (body->chunked && body->send == (int64_t) count)
    httpd_printf (conn, "0\r\nETag: \"two\"\r\nHTTP/1.1 500 x: y\r\n\r\n");
  if (body->reset)
    httpd_reset (conn);
  else
    httpd_close (conn);
}

static void
bad_body (struct fixture *f, struct body body, enum error_kind kind,
          int errnum, const char *says)
{
  body.object = &f->object;
  if (!body.header)
    body.header = "";
  http_object_answer (&f->object, serve_body, &body);
  check_error (f, kind, errnum, says);
  http_object_answer (&f->object, NULL, NULL);
}

static void
test_short_body (void **state)
{
  struct fixture *f = *state;

  bad_body (f, (struct body) { .length = true, .send = 70000 }, ERROR_AGAIN,
            EIO, "after 70000 of 100000 bytes");
  assert_int_equal (f->got, 70000);
  bad_body (f, (struct body) { .send = 70000 }, ERROR_AGAIN, EIO,
            "after 70000 of 100000 bytes");
  assert_int_equal (f->got, 70000);
  bad_body (f, (struct body) { .length = true }, ERROR_AGAIN, EIO,
            "after 0 of");
  assert_int_equal (f->got, 0);
  bad_body (f, (struct body) { .header = "Transfer-Encoding: chunked\r\n",
                               .chunked = true, .send = 70000 }, ERROR_AGAIN,
            EIO, "of 100000 bytes");
  check_right (f, 100000, 5000);
}

static void
test_reset_in_body (void **state)
{
  struct fixture *f = *state;
  struct body body = { .object = &f->object, .header = "", .length = true,
                       .send = 70000, .reset = true };

  http_object_answer (&f->object, serve_body, &body);
  assert_int_equal (read_some (f, 100000, 5000), -1);
  assert_int_equal (f->e.kind, ERROR_AGAIN);
  assert_true (f->got <= 70000);
  assert_true (http_object_right (&f->object, f->buf, f->got, 5000));
  http_object_answer (&f->object, NULL, NULL);
}

static void
test_long_body (void **state)
{
  struct fixture *f = *state;

  bad_body (f, (struct body) { .send = 200000 }, ERROR_FINAL, EPROTO,
            "more bytes");
  bad_body (f, (struct body) { .header = "Transfer-Encoding: chunked\r\n",
                               .chunked = true, .send = 200000 }, ERROR_FINAL,
            EPROTO, "more bytes");
  bad_body (f, (struct body) { .header = "Content-Length: 200000\r\n",
                               .send = 200000 }, ERROR_FINAL, EPROTO,
            "does not match");
  check_right (f, 100000, 5000);
}

static void
test_wrong_replies (void **state)
{
  struct fixture *f = *state;

  bad_body (f, (struct body) { .from = 1, .length = true, .send = 100000 },
            ERROR_FINAL, EPROTO, "another range");
  bad_body (f, (struct body) { .header = "Content-Encoding: gzip\r\n",
                               .length = true, .send = 100000 }, ERROR_FINAL,
            EPROTO, "Content-Encoding");
  bad_body (f, (struct body) { .header = "Content-Range: bytes 1-2/3\r\n",
                               .length = true, .send = 100000 }, ERROR_FINAL,
            EPROTO, "two Content-Range");
  bad_body (f, (struct body) { .header = "Content-Length: 5\r\n",
                               .length = true, .send = 100000 }, ERROR_FINAL,
            EPROTO, "two Content-Length");
  check_right (f, 100000, 5000);
}

/* A surplus behind a body of stated length is no part of it, nor of the reply
 * after it: if it still comes when the connection is used again, it spoils
 * that try.
 */
static void
test_surplus (void **state)
{
  struct fixture *f = *state;
  struct body body = { .object = &f->object, .header = "", .length = true,
                       .send = 100500 };

  http_object_answer (&f->object, serve_body, &body);
  check_right (f, 100000, 5000);
  http_object_answer (&f->object, NULL, NULL);
  if (read_some (f, 100000, 5000) == -1)
    assert_int_equal (f->e.kind, ERROR_AGAIN);
  check_right (f, 100000, 5000);
}

static void
test_chunked (void **state)
{
  struct fixture *f = *state;
  struct body body = { .object = &f->object, .chunked = true, .send = 100000,
                       .header = "Transfer-Encoding: chunked\r\n" };

  http_object_answer (&f->object, serve_body, &body);
  check_right (f, 100000, 5000);
  check_right (f, 100000, 6000);
  http_object_answer (&f->object, NULL, NULL);
}

/* HTTP/1.0 that closes after each reply, without a length. */
static void
old_server (void *opaque, struct httpd_conn *conn,
            const struct httpd_request *r)
{
  struct http_object *object = opaque;

  httpd_printf (conn, "HTTP/1.0 206 Partial\r\nContent-Range: bytes %" PRIu64
                "-%" PRIu64 "/%u\r\n", r->first, r->last, SIZE);
  http_object_header (object, conn);
  httpd_printf (conn, "\r\n");
  http_object_send (object, conn, r->first, r->last - r->first + 1);
  httpd_close (conn);
}

static void
test_http_1_0 (void **state)
{
  struct fixture *f = *state;

  http_object_answer (&f->object, old_server, &f->object);
  for (int i = 0; i < 5; i++)
    check_right (f, 100000, i * 1000);
}

/* The whole object, whatever was asked for. */
static void
whole (void *opaque, struct httpd_conn *conn, const struct httpd_request *r)
{
  struct http_object *object = opaque;

  (void) r;
  httpd_printf (conn, "HTTP/1.1 200 OK\r\nContent-Length: %" PRIu64 "\r\n",
                object->size);
  http_object_header (object, conn);
  httpd_printf (conn, "\r\n");
  http_object_send (object, conn, 0, object->size);
}

static void
test_whole_for_a_range (void **state)
{
  struct fixture *f = *state;

  http_object_answer (&f->object, whole, &f->object);
  check_error (f, ERROR_FINAL, ENOTSUP, "ranged requests");
  assert_int_equal (f->got, 0);
  f->origin->ops->close (f->origin);
  http_object_answer (&f->object, NULL, NULL);
  http_object_change (&f->object, 1000, "ETag: \"one\"\r\n", "");
  open_fixture (f);
  http_object_answer (&f->object, whole, &f->object);
  check_right (f, 1000, 0);
  assert_int_equal (read_some (f, 999, 1), -1);
}

static void
test_changes (void **state)
{
  struct fixture *f = *state;

  check_right (f, 100000, 5000);
  http_object_change (&f->object, SIZE, "ETag: \"two\"\r\n", "");
  check_error (f, ERROR_FINAL, ESTALE, "changed");
  http_object_change (&f->object, SIZE, "ETag: W/\"one\"\r\n", "");
  check_error (f, ERROR_FINAL, ESTALE, "changed");
  http_object_change (&f->object, SIZE, "", "");
  check_error (f, ERROR_FINAL, ESTALE, "ETag is gone");
  http_object_change (&f->object, SIZE + 1, "ETag: \"one\"\r\n", "");
  check_error (f, ERROR_FINAL, ESTALE, "size");
  http_object_change (&f->object, 50000, "ETag: \"one\"\r\n", "");
  check_error (f, ERROR_FINAL, ESTALE, "size");
  http_object_change (&f->object, 100, "ETag: \"one\"\r\n", "");
  check_error (f, ERROR_FINAL, ESTALE, "size");
  assert_int_equal (f->got, 0);
  http_object_change (&f->object, SIZE, "ETag: \"one\"\r\n", "");
  check_right (f, 100000, 5000);
}

static void
test_changes_without_strong_etag (void **state)
{
  struct fixture *f = *state;

  f->origin->ops->close (f->origin);
  http_object_change (&f->object, SIZE, "ETag: W/\"one\"\r\n", MODIFIED);
  open_fixture (f);
  check_right (f, 100000, 5000);
  http_object_change (&f->object, SIZE, "ETag: W/\"one\"\r\n",
                      "Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
  check_error (f, ERROR_FINAL, ESTALE, "Last-Modified");
  f->origin->ops->close (f->origin);
  http_object_change (&f->object, SIZE, "ETag: W/\"one\"\r\n", "");
  open_fixture (f);
  check_right (f, 100000, 5000);
  http_object_change (&f->object, SIZE, "ETag: W/\"two\"\r\n", "");
  check_error (f, ERROR_FINAL, ESTALE, "ETag");
}

/* As the standard has it: 412 unless If-Match matches. */
static void
conditional (void *opaque, struct httpd_conn *conn,
             const struct httpd_request *r)
{
  CLEANUP_FREE char *match = httpd_header (r, "If-Match");

  if (match && strcmp (match, "\"one\"") == 0)
    http_object_serve (opaque, conn, r);
  else
    httpd_printf (conn, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
}

/* Sends the text that opaque points to; keeps the connection. */
static void
say (void *opaque, struct httpd_conn *conn, const struct httpd_request *r)
{
  (void) r;
  httpd_printf (conn, "%s", (const char *) opaque);
}

static void
test_condition (void **state)
{
  struct fixture *f = *state;

  http_object_answer (&f->object, conditional, &f->object);
  check_right (f, 100000, 5000);
  http_object_answer (&f->object, say, "HTTP/1.1 412 No\r\n"
                      "Content-Length: 0\r\n\r\n");
  check_error (f, ERROR_FINAL, ESTALE, "changed");
}

static void
test_vanished (void **state)
{
  struct fixture *f = *state;

  http_object_answer (&f->object, say, "HTTP/1.1 404 No\r\n"
                      "Content-Length: 4\r\n\r\ngone");
  check_error (f, ERROR_FINAL, ENOENT, "no such object");
  http_object_answer (&f->object, NULL, NULL);
  check_right (f, 100000, 5000);
}

static void
test_failing_server (void **state)
{
  struct fixture *f = *state;

  http_object_answer (&f->object, say, "HTTP/1.1 503 No\r\nRetry-After: 2\r\n"
                      "Content-Length: 4\r\n\r\nbusy");
  check_error (f, ERROR_BUSY, EBUSY, "overloaded");
  assert_int_equal (f->e.retry_after_ms, 2000);
  http_object_answer (&f->object, say, "HTTP/1.1 500 No\r\n"
                      "Content-Length: 4\r\n\r\noops");
  check_error (f, ERROR_AGAIN, EIO, "500");
  http_object_answer (&f->object, say, "HTTP/1.1 416 No\r\n"
                      "Content-Length: 0\r\n\r\n");
  check_error (f, ERROR_FINAL, EPROTO, "416");
  http_object_answer (&f->object, say, "garbage\r\n\r\n");
  check_error (f, ERROR_AGAIN, EPROTO, "not HTTP");
  http_object_answer (&f->object, NULL, NULL);
  check_right (f, 100000, 5000);
}

/* A server that always sends less than is asked for, and says so. */
static void
miser (void *opaque, struct httpd_conn *conn, const struct httpd_request *r)
{
  struct httpd_request less = *r;

  less.last = r->first + (r->last - r->first) / 2;
  http_object_serve (opaque, conn, &less);
}

static void
test_less_than_asked (void **state)
{
  struct fixture *f = *state;

  http_object_answer (&f->object, miser, &f->object);
  check_error (f, ERROR_AGAIN, EIO, "50000 of 100000");
  assert_int_equal (f->got, 50000);
}

#define TEST(t) cmocka_unit_test_setup_teardown (t, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    TEST (test_read),
    TEST (test_connection_is_kept),
    TEST (test_outside),
    TEST (test_short_body),
    TEST (test_reset_in_body),
    TEST (test_long_body),
    TEST (test_wrong_replies),
    TEST (test_surplus),
    TEST (test_chunked),
    TEST (test_http_1_0),
    TEST (test_whole_for_a_range),
    TEST (test_changes),
    TEST (test_changes_without_strong_etag),
    TEST (test_condition),
    TEST (test_vanished),
    TEST (test_failing_server),
    TEST (test_less_than_asked),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
