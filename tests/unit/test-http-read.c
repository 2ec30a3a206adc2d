/* Reading http: origins: right bytes or a clear error, whatever the server
 * does.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>

#include "http-reader.h"

static void
test_read (void **state)
{
  struct reader *f = *state;

  reader_right (f, 1, 0);
  reader_right (f, 1, SIZE - 1);
  reader_right (f, ORIGIN_READ_MAX, 1 << 20);
  reader_right (f, 12345, 6789);
}

/* Notes which connections requests come on. */
static void
count_conns (void *opaque, struct httpd_conn *conn,
             const struct httpd_request *r)
{
  struct reader *f = opaque;

  if (r->conn_number > f->last_conn)
    f->last_conn = r->conn_number;
  http_object_serve (&f->object, conn, r);
}

static void
test_connection_is_kept (void **state)
{
  struct reader *f = *state;

  http_object_answer (&f->object, count_conns, f);
  for (int i = 0; i < 100; i++)
    reader_right (f, 1000, i * 1000);
  assert_true (f->last_conn < 50);
}

static void
test_outside (void **state)
{
  struct reader *f = *state;

  assert_int_equal (reader_read (f, 2, SIZE - 1), -1);
  assert_int_equal (f->e.errnum, EINVAL);
  assert_int_equal (reader_read (f, 1, UINT64_MAX), -1);
  assert_int_equal (reader_read (f, 0, 0), -1);
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
bad_body (struct reader *f, struct body body, enum error_kind kind,
          int errnum, const char *says)
{
  body.object = &f->object;
  if (!body.header)
    body.header = "";
  http_object_answer (&f->object, serve_body, &body);
  reader_fails (f, kind, errnum, says);
  http_object_answer (&f->object, NULL, NULL);
}

static void
test_short_body (void **state)
{
  struct reader *f = *state;

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
  reader_right (f, 100000, 5000);
}

static void
test_reset_in_body (void **state)
{
  struct reader *f = *state;
  struct body body = { .object = &f->object, .header = "", .length = true,
                       .send = 70000, .reset = true };

  http_object_answer (&f->object, serve_body, &body);
  assert_int_equal (reader_read (f, 100000, 5000), -1);
  assert_int_equal (f->e.kind, ERROR_AGAIN);
  assert_true (f->got <= 70000);
  assert_true (http_object_right (&f->object, f->buf, f->got, 5000));
  http_object_answer (&f->object, NULL, NULL);
}

static void
test_long_body (void **state)
{
  struct reader *f = *state;

  bad_body (f, (struct body) { .send = 200000 }, ERROR_FINAL, EPROTO,
            "more bytes");
  bad_body (f, (struct body) { .header = "Transfer-Encoding: chunked\r\n",
                               .chunked = true, .send = 200000 }, ERROR_FINAL,
            EPROTO, "more bytes");
  bad_body (f, (struct body) { .header = "Content-Length: 200000\r\n",
                               .send = 200000 }, ERROR_FINAL, EPROTO,
            "does not match");
  reader_right (f, 100000, 5000);
}

static void
test_wrong_replies (void **state)
{
  struct reader *f = *state;

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
  reader_right (f, 100000, 5000);
}

/* A surplus behind a body of stated length is no part of it, nor of the reply
 * after it: if it still comes when the connection is used again, it spoils
 * that try.
 */
static void
test_surplus (void **state)
{
  struct reader *f = *state;
  struct body body = { .object = &f->object, .header = "", .length = true,
                       .send = 100500 };

  http_object_answer (&f->object, serve_body, &body);
  reader_right (f, 100000, 5000);
  http_object_answer (&f->object, NULL, NULL);
  if (reader_read (f, 100000, 5000) == -1)
    assert_int_equal (f->e.kind, ERROR_AGAIN);
  reader_right (f, 100000, 5000);
}

static void
test_chunked (void **state)
{
  struct reader *f = *state;
  struct body body = { .object = &f->object, .chunked = true, .send = 100000,
                       .header = "Transfer-Encoding: chunked\r\n" };

  http_object_answer (&f->object, serve_body, &body);
  reader_right (f, 100000, 5000);
  reader_right (f, 100000, 6000);
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
  struct reader *f = *state;

  http_object_answer (&f->object, old_server, &f->object);
  for (int i = 0; i < 5; i++)
    reader_right (f, 100000, i * 1000);
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
  struct reader *f = *state;

  http_object_answer (&f->object, whole, &f->object);
  reader_fails (f, ERROR_FINAL, ENOTSUP, "ranged requests");
  assert_int_equal (f->got, 0);
  f->origin->ops->close (f->origin);
  http_object_answer (&f->object, NULL, NULL);
  http_object_change (&f->object, 1000, "ETag: \"one\"\r\n", "");
  reader_open (f);
  http_object_answer (&f->object, whole, &f->object);
  reader_right (f, 1000, 0);
  assert_int_equal (reader_read (f, 999, 1), -1);
}

static void
test_failing_server (void **state)
{
  struct reader *f = *state;

  http_object_answer (&f->object, reader_say, "HTTP/1.1 503 No\r\nRetry-After: 2\r\n"
                      "Content-Length: 4\r\n\r\nbusy");
  reader_fails (f, ERROR_BUSY, EBUSY, "overloaded");
  assert_int_equal (f->e.retry_after_ms, 2000);
  http_object_answer (&f->object, reader_say, "HTTP/1.1 500 No\r\n"
                      "Content-Length: 4\r\n\r\noops");
  reader_fails (f, ERROR_AGAIN, EIO, "500");
  http_object_answer (&f->object, reader_say, "HTTP/1.1 416 No\r\n"
                      "Content-Length: 0\r\n\r\n");
  reader_fails (f, ERROR_FINAL, EPROTO, "416");
  http_object_answer (&f->object, reader_say, "garbage\r\n\r\n");
  reader_fails (f, ERROR_AGAIN, EPROTO, "not HTTP");
  http_object_answer (&f->object, NULL, NULL);
  reader_right (f, 100000, 5000);
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
  struct reader *f = *state;

  http_object_answer (&f->object, miser, &f->object);
  reader_fails (f, ERROR_AGAIN, EIO, "50000 of 100000");
  assert_int_equal (f->got, 50000);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    READER_TEST (test_read),
    READER_TEST (test_connection_is_kept),
    READER_TEST (test_outside),
    READER_TEST (test_short_body),
    READER_TEST (test_reset_in_body),
    READER_TEST (test_long_body),
    READER_TEST (test_wrong_replies),
    READER_TEST (test_surplus),
    READER_TEST (test_chunked),
    READER_TEST (test_http_1_0),
    READER_TEST (test_whole_for_a_range),
    READER_TEST (test_failing_server),
    READER_TEST (test_less_than_asked),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
