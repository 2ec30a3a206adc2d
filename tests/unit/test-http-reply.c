/* The reply parser, the version a reply is about, and the verdict on it. */

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

#include "origin/http-reply.h"
#include "origin/http-verdict.h"
#include "origin/http-version.h"

#define SUN "Sun, 06 Nov 1994 08:49:37 GMT"
#define SUN_EPOCH 784111777

/* Feeds lines separated by \n; the blank line at the end is added. */
static int
parse (struct http_reply *reply, const char *text)
{
  int r = 0;

  http_reply_init (reply);
  while (r == 0 && *text) {
    size_t len = strcspn (text, "\n");

    len += text[len] == '\n';
    r = http_reply_line (reply, text, len);
    text += len;
  }
  return r == 0 ? http_reply_line (reply, "\r\n", 2) : r;
}

static void
check_malformed (const char *text)
{
  struct http_reply reply;

  if (parse (&reply, text) != -1)
    fail_msg ("passed: %s", text);
  assert_non_null (reply.malformed);
}

static void
test_good (void **state)
{
  struct http_reply reply;

  (void) state;
  assert_int_equal (parse (&reply, "HTTP/1.1 206 Partial Content\n"
                           "content-range:bytes 5-9/100\n"
                           "CONTENT-LENGTH:   5  \n"
                           "ETag: \"abc\"\n"
                           "Last-Modified: " SUN "\n"
                           "Date: Sun, 06 Nov 1994 08:49:47 GMT\n"
                           "Content-Encoding: identity\n"
                           "Transfer-Encoding: Chunked\n"), 0);
  assert_true (reply.complete);
  assert_int_equal (reply.status, 206);
  assert_true (reply.has_range && reply.total_known && reply.has_length);
  assert_int_equal (reply.first, 5);
  assert_int_equal (reply.last, 9);
  assert_int_equal (reply.total, 100);
  assert_int_equal (reply.length, 5);
  assert_true (reply.chunked);
  assert_false (reply.encoded);
  assert_int_equal (reply.etag_kind, HTTP_ETAG_STRONG);
  assert_string_equal (reply.etag, "\"abc\"");
  assert_int_equal (reply.last_modified, SUN_EPOCH);
  assert_int_equal (reply.date, SUN_EPOCH + 10);
}

/* What a 100 said is forgotten; what follows the blank line is not heard. */
static void
test_reset_and_trailers (void **state)
{
  struct http_reply reply;

  (void) state;
  assert_int_equal (parse (&reply, "HTTP/1.1 100 Continue\n"
                           "ETag: \"old\"\nContent-Length: 7\n\n"
                           "HTTP/1.1 200 OK\nContent-Length: 9\n"), 0);
  assert_int_equal (reply.status, 200);
  assert_int_equal (reply.length, 9);
  assert_int_equal (reply.etag_kind, HTTP_ETAG_NONE);
  assert_int_equal (http_reply_line (&reply, "Content-Length: 8\r\n", 19), 0);
  assert_int_equal (http_reply_line (&reply, "HTTP/1.1 500 No\r\n", 17), 0);
  assert_int_equal (reply.length, 9);
  assert_int_equal (reply.status, 200);
}

static void
test_malformed (void **state)
{
  static const char *const lines[] = {
    "Content-Length: -5", "Content-Length: 5\nContent-Length: 6",
    "Content-Length: 5\nContent-Length: 5", "Content-Length: 5, 5",
    "Content-Length: 99999999999999999999", "Content-Length: 0x5",
    "Content-Length: 9223372036854775808", "Content-Length:",
    "Content-Length: +5", "Content-Length: 5 5",
    "Content-Range: bytes 5-4/100", "Content-Range: bytes 5-100/100",
    "Content-Range: bytes -5/100", "Content-Range: bytes 5-/100",
    "Content-Range: bytes 5-9", "Content-Range: bytes 5-9/",
    "Content-Range: bytes 5-9/x", "Content-Range: bytes 5-9/100x",
    "Content-Range: lines 5-9/100", "Content-Range: 5-9/100",
    "Content-Range: bytes", "Content-Range:", "Content-Range: bytes *",
    "Content-Range: bytes 5 - 9/100", "Content-Range: bytes=5-9/100",
    "Content-Range: bytes 0-18446744073709551615/18446744073709551616",
    "Content-Range: bytes 5-9/100\nContent-Range: bytes 5-9/100",
    "Content-Range: bytes */100\nContent-Range: bytes 5-9/100",
    "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: gzip",
    "Transfer-Encoding: chunked\nTransfer-Encoding: chunked",
    "ETag: \"a\"\nETag: \"b\"",
    "Last-Modified: " SUN "\nLast-Modified: Sun, 06 Nov 1994 08:49:38 GMT",
    "Location: /a\nLocation: /b",
    "no colon here", ": no name", "Bad Name: 1", "Content-Length : 5",
    "X: 1\n folded: 2", "X: a\001b", "X: a\rb", NULL
  };
  static const char *const statuses[] = {
    "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1 abc", "HTTP/1.1", "HTTP/",
    "HTTP/1.1 099 low", "HTTP/11 200 OK", "HTTP/1.1 200x", "ICY 200 OK",
    "http/1.1 200 OK", "garbage", "Content-Length: 5", NULL
  };
  char text[1000];

  (void) state;
  for (int i = 0; lines[i]; i++) {
    snprintf (text, sizeof text, "HTTP/1.1 206 Partial Content\n%s\n",
              lines[i]);
    check_malformed (text);
  }
  for (int i = 0; statuses[i]; i++)
    check_malformed (statuses[i]);
}

/* Neither a NUL in a line nor the bytes after its end count. */
static void
test_lengths_are_kept (void **state)
{
  struct http_reply reply;

  (void) state;
  http_reply_init (&reply);
  assert_int_equal (http_reply_line (&reply, "HTTP/1.1 2006 OK", 12), 0);
  assert_int_equal (reply.status, 200);
  assert_int_equal (http_reply_line (&reply, "Content-Length: 55", 17), 0);
  assert_int_equal (reply.length, 5);
  assert_int_equal (http_reply_line (&reply, "X: a\0b", 6), -1);
}

static void
test_header_is_bounded (void **state)
{
  struct http_reply reply;
  char line[1000];
  int n = 0;

  (void) state;
  memset (line, 'x', sizeof line);
  memcpy (line, "X: ", 3);
  http_reply_init (&reply);
  assert_int_equal (http_reply_line (&reply, "HTTP/1.1 200 OK", 15), 0);
  while (http_reply_line (&reply, line, sizeof line) == 0)
    assert_true (++n < 66);
  assert_int_equal (n, 65);
  assert_non_null (reply.malformed);
}

static void
check_etag (const char *line, enum http_etag kind, const char *etag)
{
  struct http_reply reply;
  char text[2000];

  snprintf (text, sizeof text, "HTTP/1.1 200 OK\n%s\n", line);
  assert_int_equal (parse (&reply, text), 0);
  assert_int_equal (reply.etag_kind, kind);
  assert_string_equal (reply.etag, etag);
}

static void
test_etags (void **state)
{
  char longest[6 + HTTP_REPLY_ETAG_MAX + 2];

  (void) state;
  check_etag ("ETag: \"a b\"", HTTP_ETAG_STRONG, "\"a b\"");
  check_etag ("ETag: \"a\"\nETag: \"a\"", HTTP_ETAG_STRONG, "\"a\"");
  check_etag ("ETag: W/\"a\"", HTTP_ETAG_WEAK, "W/\"a\"");
  check_etag ("ETag: abc", HTTP_ETAG_ODD, "abc");
  check_etag ("ETag: \"a\"b\"", HTTP_ETAG_ODD, "\"a\"b\"");
  check_etag ("ETag: \"a", HTTP_ETAG_ODD, "\"a");
  check_etag ("ETag: \"", HTTP_ETAG_ODD, "\"");
  check_etag ("ETag: W/\"", HTTP_ETAG_ODD, "W/\"");
  check_etag ("ETag: W/", HTTP_ETAG_ODD, "W/");
  check_etag ("ETag: W/\"\"", HTTP_ETAG_NONE, "");
  check_etag ("ETag: \"\"", HTTP_ETAG_NONE, "");
  check_etag ("ETag:", HTTP_ETAG_NONE, "");
  check_etag ("X: 1", HTTP_ETAG_NONE, "");
  memset (longest, 'x', sizeof longest);
  memcpy (longest, "ETag: ", 6);
  longest[sizeof longest - 1] = '\0';
  check_etag (longest, HTTP_ETAG_NONE, "");
  longest[sizeof longest - 2] = '\0';
  check_etag (longest, HTTP_ETAG_ODD, longest + 6);
}

static uint32_t
retry_after (const char *lines)
{
  struct http_reply reply;
  char text[500];

  snprintf (text, sizeof text, "HTTP/1.1 503 No\n%s\n", lines);
  assert_int_equal (parse (&reply, text), 0);
  return reply.retry_after_ms;
}

static void
test_retry_after (void **state)
{
  (void) state;
  assert_int_equal (retry_after ("Retry-After: 7"), 7000);
  assert_int_equal (retry_after ("Retry-After: 0"), 0);
  assert_int_equal (retry_after ("Retry-After: -7"), 0);
  assert_int_equal (retry_after ("Retry-After: soon"), 0);
  assert_int_equal (retry_after ("Retry-After: 99999999999"), UINT32_MAX);
  assert_int_equal (retry_after ("Retry-After: Sun, 06 Nov 1994 08:49:57 GMT"
                                 "\nDate: " SUN), 20000);
  assert_int_equal (retry_after ("Retry-After: Sun, 06 Nov 1994 08:49:07 GMT"
                                 "\nDate: " SUN), 0);
  assert_int_equal (retry_after ("Retry-After: " SUN), 0);
}

#define NOW 790000000           /* two months after SUN */

static void
check_version (const char *lines, const char *validator, bool lasting)
{
  struct http_reply reply;
  struct http_version version;
  struct origin origin;
  char text[500];

  snprintf (text, sizeof text, "HTTP/1.1 206 Partial\n%s\n", lines);
  assert_int_equal (parse (&reply, text), 0);
  http_version_of (&reply, 100, NOW, &version);
  http_version_name (&version, &origin);
  assert_int_equal (origin.size, 100);
  assert_string_equal (origin.validator, validator);
  assert_int_equal (origin.lasting, lasting);
  assert_null (http_version_differs (&version, &reply, 100));
  assert_non_null (http_version_differs (&version, &reply, 101));
}

static void
test_versions (void **state)
{
  (void) state;
  check_version ("ETag: \"a\"\nLast-Modified: " SUN, "\"a\"", true);
  check_version ("ETag: W/\"a\"\nLast-Modified: " SUN,
                 "modified=784111777 size=100", true);
  check_version ("Last-Modified: " SUN "\n"
                 "Date: Sun, 06 Nov 1994 08:49:39 GMT",
                 "modified=784111777 size=100", true);
  check_version ("Last-Modified: " SUN "\n"
                 "Date: Sun, 06 Nov 1994 08:49:38 GMT",
                 "modified=784111777 size=100", false);
  /* The server's clock is in the past. */
  check_version ("Last-Modified: " SUN "\n"
                 "Date: Sun, 06 Nov 1983 08:49:38 GMT",
                 "modified=784111777 size=100", false);
  /* No clock at all: ours, if that is enough. */
  check_version ("Last-Modified: Thu, 12 Jan 1995 12:26:40 GMT",
                 "modified=789913600 size=100", true);
  check_version ("Last-Modified: Thu, 12 Jan 1995 12:26:41 GMT",
                 "modified=789913601 size=100", false);
  /* Which of the versions of that second. */
  check_version ("ETag: W/\"a\"\nLast-Modified: " SUN "\nDate: " SUN,
                 "modified=784111777 size=100 \"a\"", false);
  check_version ("Last-Modified: yesterday, I think", "", false);
  check_version ("ETag: W/\"a\"", "W/\"a\" size=100", false);
  check_version ("ETag: a", "a size=100", false);
  check_version ("ETag: \"\"", "", false);
  check_version ("X: 1", "", false);
}

static bool
differs (const char *one, const char *two)
{
  struct http_reply reply;
  struct http_version version;
  char text[500];

  snprintf (text, sizeof text, "HTTP/1.1 206 Partial\n%s\n", one);
  assert_int_equal (parse (&reply, text), 0);
  http_version_of (&reply, 100, NOW, &version);
  snprintf (text, sizeof text, "HTTP/1.1 206 Partial\n%s\n", two);
  assert_int_equal (parse (&reply, text), 0);
  return http_version_differs (&version, &reply, 100) != NULL;
}

static void
test_versions_differ (void **state)
{
  const char *later = "Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT";

  (void) state;
  assert_true (differs ("ETag: \"a\"", "ETag: \"b\""));
  assert_true (differs ("ETag: \"a\"", "ETag: W/\"a\""));
  assert_true (differs ("ETag: \"a\"", "X: 1"));
  assert_false (differs ("ETag: \"a\"\nLast-Modified: " SUN, "ETag: \"a\""));
  assert_true (differs ("Last-Modified: " SUN, later));
  assert_true (differs ("Last-Modified: " SUN, "X: 1"));
  assert_false (differs ("ETag: W/\"a\"\nLast-Modified: " SUN,
                         "ETag: W/\"b\"\nLast-Modified: " SUN));
  assert_true (differs ("ETag: W/\"a\"\nLast-Modified: " SUN "\nDate: " SUN,
                        "ETag: W/\"b\"\nLast-Modified: " SUN));
  assert_true (differs ("ETag: W/\"a\"\nLast-Modified: " SUN "\nDate: " SUN,
                        "Last-Modified: " SUN));
  assert_false (differs ("ETag: W/\"a\"\nLast-Modified: " SUN "\nDate: " SUN,
                         "ETag: \"a\"\nLast-Modified: " SUN));
  assert_false (differs ("Last-Modified: " SUN "\nDate: " SUN,
                         "ETag: W/\"a\"\nLast-Modified: " SUN));
  assert_true (differs ("ETag: W/\"a\"", "ETag: W/\"b\""));
  assert_true (differs ("ETag: a", "X: 1"));
  assert_false (differs ("X: 1", "ETag: \"new\""));
}

/* The version most verdicts are about: 100 bytes, ETag "a". */
static const struct http_version hundred = {
  .size = 100, .etag_kind = HTTP_ETAG_STRONG, .etag = "\"a\"",
  .last_modified = -1
};

static struct error verdict_error;
static uint64_t verdict_take, verdict_size;

/* Of a request for 10 bytes at 20, or for all 100, or for the first when
 * opening.
 */
enum what { PART, ALL, OPEN };

static enum http_verdict
verdict (enum what what, const char *text)
{
  struct http_ask ask = {
    .name = "URL", .offset = what == PART ? 20 : 0,
    .count = what == PART ? 10 : what == ALL ? 100 : 1,
    .version = what == OPEN ? NULL : &hundred
  };
  struct http_reply reply;

  memset (&verdict_error, 0, sizeof verdict_error);
  verdict_take = verdict_size = 0;
  parse (&reply, text);
  return http_verdict (&ask, &reply, &verdict_take, &verdict_size,
                       &verdict_error);
}

static void
check_refused (enum what what, const char *text, enum error_kind kind,
               int errnum)
{
  if (verdict (what, text) != HTTP_REFUSED)
    fail_msg ("not refused: %s", text);
  if (verdict_error.kind != kind || verdict_error.errnum != errnum)
    fail_msg ("%s: kind %d, errno %d: %s", text, verdict_error.kind,
              verdict_error.errnum, verdict_error.text);
  assert_memory_equal (verdict_error.text, "URL: ", 5);
}

#define PARTIAL "HTTP/1.1 206 Partial\nETag: \"a\"\n"
#define WHOLE "HTTP/1.1 200 OK\nETag: \"a\"\n"

static void
test_taken (void **state)
{
  (void) state;
  assert_int_equal (verdict (PART, PARTIAL "Content-Range: bytes 20-29/100\n"
                             "Content-Length: 10\n"), HTTP_TAKE);
  assert_int_equal (verdict_take, 10);
  assert_int_equal (verdict_size, 100);
  assert_int_equal (verdict (PART, PARTIAL "Content-Range: bytes 20-29/100\n"
                             "Transfer-Encoding: chunked\n"), HTTP_TAKE);
  /* Less than was asked for is right as far as it goes. */
  assert_int_equal (verdict (PART, PARTIAL
                             "Content-Range: bytes 20-25/100\n"), HTTP_TAKE);
  assert_int_equal (verdict_take, 6);
  assert_int_equal (verdict (ALL, WHOLE "Content-Length: 100\n"), HTTP_TAKE);
  assert_int_equal (verdict_take, 100);
  assert_int_equal (verdict (ALL, WHOLE), HTTP_TAKE);
  assert_int_equal (verdict (OPEN, "HTTP/1.0 206 Partial\n"
                             "Content-Range: bytes 0-0/77\n"), HTTP_TAKE);
  assert_int_equal (verdict_size, 77);
  assert_int_equal (verdict (OPEN, "HTTP/1.0 200 OK\nContent-Length: 1\n"),
                    HTTP_TAKE);
  assert_int_equal (verdict_size, 1);
}

static void
test_wrong_ranges (void **state)
{
  static const char *const lines[] = {
    "", "Content-Range: bytes 19-28/100", "Content-Range: bytes 21-30/100",
    "Content-Range: bytes 20-30/100", "Content-Range: bytes 0-9/100",
    "Content-Range: bytes 20-29/*", "Content-Range: bytes */100",
    "Content-Range: bytes 20-29/100\nContent-Length: 9",
    "Content-Range: bytes 20-29/100\nContent-Length: 11",
    "Content-Range: bytes 20-29/100\nContent-Encoding: gzip",
    "Content-Range: bytes 20-29/100\nContent-Range: bytes 20-29/100", NULL
  };
  char text[500];

  (void) state;
  for (int i = 0; lines[i]; i++) {
    snprintf (text, sizeof text, PARTIAL "%s\n", lines[i]);
    check_refused (PART, text, ERROR_FINAL, EPROTO);
  }
  check_refused (PART, WHOLE, ERROR_FINAL, ENOTSUP);
  check_refused (PART, WHOLE "Content-Length: 100\n", ERROR_FINAL, ENOTSUP);
  check_refused (ALL, WHOLE "Content-Length: 100\nContent-Encoding: br\n",
                 ERROR_FINAL, EPROTO);
  check_refused (OPEN, "HTTP/1.1 206 Partial\nContent-Range: bytes 0-0/*\n",
                 ERROR_FINAL, EPROTO);
}

static void
test_changed (void **state)
{
  (void) state;
  check_refused (PART, PARTIAL "Content-Range: bytes 20-29/101\n",
                 ERROR_FINAL, ESTALE);
  check_refused (PART, PARTIAL "Content-Range: bytes 20-24/25\n",
                 ERROR_FINAL, ESTALE);
  check_refused (PART, "HTTP/1.1 206 Partial\nETag: \"b\"\n"
                 "Content-Range: bytes 20-29/100\n", ERROR_FINAL, ESTALE);
  check_refused (PART, "HTTP/1.1 206 Partial\n"
                 "Content-Range: bytes 20-29/100\n", ERROR_FINAL, ESTALE);
  check_refused (PART, "HTTP/1.1 412 No\n", ERROR_FINAL, ESTALE);
  check_refused (PART, "HTTP/1.1 200 OK\nETag: \"b\"\nContent-Length: 100\n",
                 ERROR_FINAL, ESTALE);
  check_refused (PART, "HTTP/1.1 416 No\nContent-Range: bytes */15\n",
                 ERROR_FINAL, ESTALE);
  check_refused (ALL, WHOLE "Content-Length: 99\n", ERROR_FINAL, ESTALE);
}

static void
test_opening_refused (void **state)
{
  (void) state;
  check_refused (OPEN, "HTTP/1.1 200 OK\nContent-Length: 5000\n",
                 ERROR_FINAL, ENOTSUP);
  check_refused (OPEN, "HTTP/1.1 200 OK\n", ERROR_FINAL, ENOTSUP);
  check_refused (OPEN, "HTTP/1.1 200 OK\nContent-Length: 0\n",
                 ERROR_FINAL, ENODATA);
  check_refused (OPEN, "HTTP/1.1 416 No\nContent-Range: bytes */0\n",
                 ERROR_FINAL, ENODATA);
  check_refused (OPEN, "HTTP/1.1 416 No\n", ERROR_FINAL, EPROTO);
  check_refused (OPEN, "HTTP/1.1 412 No\n", ERROR_FINAL, EPROTO);
}

static void
test_statuses (void **state)
{
  static const struct { int status; enum error_kind kind; int errnum; } t[] = {
    { 400, ERROR_FINAL, EINVAL }, { 401, ERROR_FINAL, EACCES },
    { 403, ERROR_FINAL, EACCES }, { 404, ERROR_FINAL, ENOENT },
    { 410, ERROR_FINAL, ENOENT }, { 416, ERROR_FINAL, EPROTO },
    { 418, ERROR_FINAL, EIO }, { 204, ERROR_FINAL, EIO },
    { 304, ERROR_FINAL, EIO }, { 408, ERROR_AGAIN, ETIMEDOUT },
    { 425, ERROR_AGAIN, EAGAIN }, { 429, ERROR_BUSY, EBUSY },
    { 500, ERROR_AGAIN, EIO }, { 502, ERROR_AGAIN, EIO },
    { 503, ERROR_BUSY, EBUSY }, { 504, ERROR_AGAIN, EIO },
    { 302, ERROR_FINAL, EPROTO },       /* to nowhere */
  };
  char text[200];

  (void) state;
  for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
    snprintf (text, sizeof text, "HTTP/1.1 %d Status\nRetry-After: 3\n",
              t[i].status);
    check_refused (PART, text, t[i].kind, t[i].errnum);
    if (t[i].kind == ERROR_BUSY)
      assert_int_equal (verdict_error.retry_after_ms, 3000);
  }
  assert_int_equal (verdict (PART, "HTTP/1.1 307 There\nLocation: /x\n"),
                    HTTP_REDIRECT);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_good),
    cmocka_unit_test (test_reset_and_trailers),
    cmocka_unit_test (test_malformed),
    cmocka_unit_test (test_lengths_are_kept),
    cmocka_unit_test (test_header_is_bounded),
    cmocka_unit_test (test_etags),
    cmocka_unit_test (test_retry_after),
    cmocka_unit_test (test_versions),
    cmocka_unit_test (test_versions_differ),
    cmocka_unit_test (test_taken),
    cmocka_unit_test (test_wrong_ranges),
    cmocka_unit_test (test_changed),
    cmocka_unit_test (test_opening_refused),
    cmocka_unit_test (test_statuses),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
