/* Opening http: origins, of servers that behave and of those that do not. */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http-object.h"
#include "origin/http.h"
#include "util/cleanup.h"

#define SIZE 300000
#define MODIFIED "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static void
check_open (struct http_object *object, const char *validator, bool lasting)
{
  struct error e = { .text = "" };
  struct origin *origin = http_object_open (object, &e);

  assert_string_equal (e.text, "");
  assert_non_null (origin);
  assert_int_equal (origin->size, object->size);
  assert_string_equal (origin->validator, validator);
  assert_int_equal (origin->lasting, lasting);
  origin->ops->close (origin);
}

static void
test_open (void **state)
{
  struct http_object object;

  (void) state;
  http_object_start (&object, SIZE);
  check_open (&object, "\"one\"", true);
  http_object_change (&object, 1, "", MODIFIED);
  check_open (&object, "modified=784111777 size=1", true);
  http_object_change (&object, SIZE, "ETag: W/\"one\"\r\n", "");
  check_open (&object, "W/\"one\" size=300000", false);
  http_object_change (&object, SIZE, "ETag: \"\"\r\n", "");
  check_open (&object, "", false);
  http_object_change (&object, SIZE, "", "");
  check_open (&object, "", false);
  http_object_change (&object, INT64_MAX, "", "");
  check_open (&object, "", false);
  http_object_stop (&object);
}

/* Sends the text that opaque points to, and closes. */
static void
say (void *opaque, struct httpd_conn *conn,
     const struct httpd_request *request)
{
  (void) request;
  httpd_printf (conn, "%s", (const char *) opaque);
  httpd_close (conn);
}

struct refusal
{
  const char *reply;
  enum error_kind kind;
  int errnum;
  const char *says;
};

#define PARTIAL "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-0/9\r\n"

static const struct refusal refusals[] = {
  { "HTTP/1.1 404 No\r\n\r\n", ERROR_FINAL, ENOENT, "no such object" },
  { "HTTP/1.1 403 No\r\n\r\n", ERROR_FINAL, EACCES, "forbidden" },
  { "HTTP/1.1 401 No\r\n\r\n", ERROR_FINAL, EACCES, "user and password" },
  { "HTTP/1.1 410 No\r\n\r\n", ERROR_FINAL, ENOENT, "gone" },
  { "HTTP/1.1 500 No\r\n\r\n", ERROR_AGAIN, EIO, "500" },
  { "HTTP/1.1 503 No\r\nRetry-After: 9\r\n\r\n", ERROR_BUSY, EBUSY, "503" },
  { "HTTP/1.1 429 No\r\n\r\n", ERROR_BUSY, EBUSY, "too many" },
  { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345", ERROR_FINAL, ENOTSUP,
    "ranged requests" },
  { "HTTP/1.0 200 OK\r\n\r\n12345", ERROR_FINAL, ENOTSUP, "ranged requests" },
  { "HTTP/1.1 416 No\r\nContent-Range: bytes */0\r\n\r\n", ERROR_FINAL,
    ENODATA, "empty" },
  { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ERROR_FINAL, ENODATA,
    "empty" },
  { "HTTP/1.1 206 Partial\r\nContent-Length: 1\r\n\r\nx", ERROR_FINAL, EPROTO,
    "Content-Range" },
  { "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-0/*\r\n\r\nx",
    ERROR_FINAL, EPROTO, "how large" },
  { "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-8/9\r\n\r\n123456789",
    ERROR_FINAL, EPROTO, "another range" },
  { PARTIAL "Content-Encoding: gzip\r\n\r\nx", ERROR_FINAL, EPROTO,
    "Content-Encoding" },
  { PARTIAL "Transfer-Encoding: gzip\r\n\r\nx", ERROR_FINAL, EPROTO, "" },
  { PARTIAL "Content-Length: -1\r\n\r\nx", ERROR_FINAL, EPROTO,
    "Content-Length" },
  { PARTIAL "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", ERROR_FINAL,
    EPROTO, "two Content-Length" },
  { PARTIAL "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy", ERROR_FINAL,
    EPROTO, "Content-Length" },
  { PARTIAL "Content-Length: 2\r\n\r\nxy", ERROR_FINAL, EPROTO,
    "does not match" },
  { PARTIAL "Content-Length: 99999999999999999999\r\n\r\nx", ERROR_FINAL,
    EPROTO, "Content-Length" },
  { PARTIAL "\r\nxy", ERROR_FINAL, EPROTO, "more bytes" },
  { PARTIAL "Transfer-Encoding: chunked\r\n\r\nzz\r\n", ERROR_AGAIN,
    ECONNRESET, "" },
  { "SSH-2.0-OpenSSH\r\n\r\n", ERROR_FINAL, EPROTO, "not HTTP" },
  { "HTTP/1.1 abc\r\n\r\n", ERROR_FINAL, EPROTO, "" },
  { "HTTP/9.9 206 Partial\r\n\r\n", ERROR_FINAL, EPROTO, "" },
  { "\r\n\r\n", ERROR_FINAL, EPROTO, "" },
  { "HTTP/1.1 206 Partial\r\nno colon\r\n\r\n", ERROR_FINAL, EPROTO, "" },
  { "HTTP/1.1 206 Partial\r\nContent-Ra", ERROR_AGAIN, EIO,
    "within its header" },
  { "", ERROR_AGAIN, ECONNRESET, "without an answer" },
  { "HTTP/1.1 302 There\r\n\r\n", ERROR_FINAL, EPROTO, "redirects" },
  { "HTTP/1.1 302 There\r\nLocation: ftp://h/x\r\n\r\n", ERROR_FINAL, EPROTO,
    "redirects" },
  { "HTTP/1.1 302 There\r\nLocation: file:///etc/passwd\r\n\r\n", ERROR_FINAL,
    EPROTO, "redirects" },
  { "HTTP/1.1 302 There\r\nLocation: /a\r\nLocation: /b\r\n\r\n", ERROR_FINAL,
    EPROTO, "two Location" },
};

static void
test_refusals (void **state)
{
  struct http_object object;

  (void) state;
  http_object_start (&object, SIZE);
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    const struct refusal *r = &refusals[i];
    struct error e = { .text = "" };

    http_object_answer (&object, say, (void *) r->reply);
    if (http_object_open (&object, &e))
      fail_msg ("opened by: %s", r->reply);
    if (e.kind != r->kind || e.errnum != r->errnum || !strstr (e.text, r->says)
        || !strstr (e.text, "disk.img"))
      fail_msg ("%s: kind %d, errno %d: %s", r->reply, e.kind, e.errnum,
                e.text);
    if (strstr (r->reply, "Retry-After"))
      assert_int_equal (e.retry_after_ms, 9000);
  }
  http_object_stop (&object);
}

/* 200 KB of header, in many lines or, with opaque set, in one. */
static void
large_header (void *opaque, struct httpd_conn *conn,
              const struct httpd_request *request)
{
  (void) request;
  httpd_printf (conn, "%s", PARTIAL "X: ");
  for (int i = 0; i < 2000; i++)
    if (!httpd_printf (conn, "%0100d%s", i, opaque ? "" : "\r\nX: "))
      return;
  httpd_printf (conn, "\r\nContent-Length: 1\r\n\r\nx");
}

static void
test_large_header (void **state)
{
  struct http_object object;
  struct error e;

  (void) state;
  http_object_start (&object, SIZE);
  http_object_answer (&object, large_header, NULL);
  assert_null (http_object_open (&object, &e));
  assert_int_equal (e.kind, ERROR_FINAL);
  assert_non_null (strstr (e.text, "header is larger than 64 KiB"));
  http_object_answer (&object, large_header, &object);
  assert_null (http_object_open (&object, &e));
  assert_int_equal (e.kind, ERROR_FINAL);
  assert_non_null (strstr (e.text, "header is too large"));
  http_object_stop (&object);
}

static void
no_head (void *opaque, struct httpd_conn *conn,
         const struct httpd_request *request)
{
  if (strcmp (request->method, "GET") == 0)
    http_object_serve (opaque, conn, request);
  else
    httpd_printf (conn, "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n");
}

static void
test_head_refused (void **state)
{
  struct http_object object;

  (void) state;
  http_object_start (&object, SIZE);
  http_object_answer (&object, no_head, &object);
  check_open (&object, "\"one\"", true);
  http_object_stop (&object);
}

static void
stall (void *opaque, struct httpd_conn *conn,
       const struct httpd_request *request)
{
  (void) opaque;
  (void) request;
  httpd_stall (conn);
}

static void
test_absent (void **state)
{
  struct origin_config config;
  struct http_object object;
  struct error e;
  CLEANUP_FREE char *url = NULL;

  (void) state;
  http_object_start (&object, SIZE);
  http_object_config (&config);
  config.timeout_ms = 200;
  http_object_answer (&object, stall, NULL);
  assert_null (http_object_open_with (&object, &config, "x", &e));
  assert_int_equal (e.kind, ERROR_ABSENT);
  assert_int_equal (e.errnum, ETIMEDOUT);
  url = http_object_url (&object, "x?sig=secret");
  http_object_stop (&object);
  config.timeout_ms = 300000;
  assert_null (http_open (url, &config, &e));
  assert_int_equal (e.kind, ERROR_ABSENT);
  assert_null (strstr (e.text, "secret"));
  assert_null (http_open ("http://no-such-host.invalid/x", &config, &e));
  assert_int_equal (e.kind, ERROR_ABSENT);
  assert_non_null (strstr (e.text, "can't be resolved"));
}

/* Wants to be asked by me with password p:w and header X-Key, in full. */
static void
locked (void *opaque, struct httpd_conn *conn,
        const struct httpd_request *request)
{
  CLEANUP_FREE char *login = httpd_header (request, "Authorization");
  CLEANUP_FREE char *key = httpd_header (request, "X-Key");
  CLEANUP_FREE char *encoding = httpd_header (request, "Accept-Encoding");

  if (login && strcmp (login, "Basic bWU6cDp3") == 0
      && key && strcmp (key, "a: b") == 0
      && encoding && strcmp (encoding, "identity") == 0)
    http_object_serve (opaque, conn, request);
  else
    httpd_printf (conn, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n"
                  "WWW-Authenticate: Basic realm=\"x\"\r\n\r\n");
}

static void
test_login (void **state)
{
  static const char *const headers[] = { "X-Key: a: b", NULL };
  struct origin_config config;
  struct http_object object;
  struct origin *origin;
  struct error e;
  CLEANUP_FREE char *url = NULL;

  (void) state;
  http_object_start (&object, SIZE);
  http_object_answer (&object, locked, &object);
  http_object_config (&config);
  config.headers = headers;
  assert_null (http_object_open_with (&object, &config, "x", &e));
  assert_int_equal (e.errnum, EACCES);
  config.user = "me";
  config.password = "p:w";
  origin = http_object_open_with (&object, &config, "x", &e);
  assert_non_null (origin);
  origin->ops->close (origin);
  config.user = config.password = NULL;
  assert_true (asprintf (&url, "http://me:p%%3Aw@127.0.0.1:%u/x",
                         httpd_port (object.httpd)) > 0);
  origin = http_open (url, &config, &e);
  assert_non_null (origin);
  origin->ops->close (origin);
  http_object_stop (&object);
}

static void
test_bad_headers (void **state)
{
  static const char *const bad[] = {
    "no colon", ": x", "Range: bytes=0-1", "accept-encoding: gzip",
    "If-Match: \"x\"", "X: secret\r\nY: b", "X y: secret", NULL
  };
  struct origin_config config;
  struct error e;

  (void) state;
  http_object_config (&config);
  for (int i = 0; bad[i]; i++) {
    const char *const headers[] = { bad[i], NULL };

    config.headers = headers;
    assert_null (http_open ("http://127.0.0.1:9/x", &config, &e));
    assert_int_equal (e.kind, ERROR_FINAL);
    assert_int_equal (e.errnum, EINVAL);
    assert_null (strstr (e.text, "secret"));
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_open),
    cmocka_unit_test (test_refusals),
    cmocka_unit_test (test_large_header),
    cmocka_unit_test (test_head_refused),
    cmocka_unit_test (test_absent),
    cmocka_unit_test (test_login),
    cmocka_unit_test (test_bad_headers),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
