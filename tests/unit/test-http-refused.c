/* Replies whose header is answer enough, and whose body has no end: nobody
 * waits for it.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http-object.h"
#include "origin/directory.h"
#include "util/cleanup.h"
#include "util/stop.h"

#define SIZE 300000
#define COUNT(array) (sizeof (array) / sizeof (array)[0])
#define NS_PER_MS UINT64_C (1000000)

/* Of http_object_config; who waits for a body, waits as long. */
#define TIMEOUT_MS 300000

struct refusal
{
  const char *header;           /* all but the empty line */
  const char *body;             /* what of it comes before the silence */
  bool drip;                    /* or no silence: byte after byte */
};

static void
refuse (void *opaque, struct httpd_conn *conn, const struct httpd_request *r)
{
  const struct refusal *refusal = opaque;

  (void) r;
  httpd_printf (conn, "HTTP/1.1 %s\r\n\r\n%s", refusal->header,
                refusal->body);
  while (refusal->drip && httpd_printf (conn, "x"))
    stop_sleep (NULL, 10);
  httpd_stall (conn);
}

static const struct
{
  const char *status;
  int errnum;                   /* when it is opened */
  enum error_kind kind;
} statuses[] = {
  { "404 No", ENOENT, ERROR_FINAL },
  { "503 Later", EBUSY, ERROR_BUSY },
  { "500 Oh", EIO, ERROR_AGAIN },
  { "200 All of it", ENOTSUP, ERROR_FINAL },
  { "206 Part\r\nContent-Range: bytes 5-5/300000", EPROTO, ERROR_FINAL },
  { "302 Nowhere", EPROTO, ERROR_FINAL },
};

static const struct
{
  const char *fields, *body;
  bool drip;
} bodies[] = {
  { "", "", false },
  { "", "some", true },
  { "\r\nContent-Length: 50", "some", false },
  { "\r\nContent-Length: 9223372036854775807", "some", true },
  { "\r\nTransfer-Encoding: chunked", "4\r\nsome\r\n", false },
};

static void
check_open (struct http_object *object, size_t i)
{
  uint64_t before = stop_now_ns ();
  struct error e;

  assert_null (http_object_open (object, &e));
  assert_int_equal (e.errnum, statuses[i].errnum);
  assert_int_equal (e.kind, statuses[i].kind);
  assert_true (stop_now_ns () - before < TIMEOUT_MS / 2 * NS_PER_MS);
}

static void
test_open (void **state)
{
  struct http_object object;
  char header[200];

  (void) state;
  http_object_start (&object, SIZE);
  for (size_t i = 0; i < COUNT (statuses); i++)
    for (size_t j = 0; j < COUNT (bodies); j++) {
      struct refusal refusal = { header, bodies[j].body, bodies[j].drip };

      snprintf (header, sizeof header, "%s%s", statuses[i].status,
                bodies[j].fields);
      http_object_answer (&object, refuse, &refusal);
      check_open (&object, i);
      /* Ends what is being answered, and with it the use of refusal. */
      http_object_answer (&object, NULL, NULL);
    }
  http_object_stop (&object);
}

/* Of an open object; then it is served again, on whatever connection. */
static void
test_read (void **state)
{
  struct refusal refusal = { "404 No\r\nContent-Length: 50", "some", false };
  uint64_t before = stop_now_ns ();
  struct http_object object;
  unsigned char buf[5000];
  struct origin *origin;
  struct error e;
  size_t got;

  (void) state;
  http_object_start (&object, SIZE);
  origin = http_object_open (&object, &e);
  assert_non_null (origin);
  http_object_answer (&object, refuse, &refusal);
  assert_int_equal (origin->ops->read (origin, buf, sizeof buf, 0, &got, &e),
                    -1);
  assert_int_equal (e.errnum, ENOENT);
  assert_int_equal (got, 0);
  http_object_answer (&object, NULL, NULL);
  assert_int_equal (origin->ops->read (origin, buf, sizeof buf, 0, &got, &e),
                    0);
  assert_true (http_object_right (&object, buf, sizeof buf, 0));
  assert_true (stop_now_ns () - before < TIMEOUT_MS / 2 * NS_PER_MS);
  origin->ops->close (origin);
  http_object_stop (&object);
}

/* A redirect is followed without its body. */
static void
redirect (void *opaque, struct httpd_conn *conn,
          const struct httpd_request *r)
{
  struct refusal there = { "302 There\r\nLocation: /there", "some", true };

  if (strcmp (r->path, "/there") == 0)
    http_object_serve (opaque, conn, r);
  else
    refuse (&there, conn, r);
}

static void
test_redirect (void **state)
{
  uint64_t before = stop_now_ns ();
  struct http_object object;
  struct origin *origin;
  struct error e;

  (void) state;
  http_object_start (&object, SIZE);
  http_object_answer (&object, redirect, &object);
  origin = http_object_open (&object, &e);
  assert_non_null (origin);
  assert_int_equal (origin->size, SIZE);
  assert_true (stop_now_ns () - before < TIMEOUT_MS / 2 * NS_PER_MS);
  origin->ops->close (origin);
  http_object_stop (&object);
}

static void
test_listing (void **state)
{
  struct refusal refusal = { "404 No", "some", true };
  uint64_t before = stop_now_ns ();
  struct origin_config config;
  struct http_object object;
  struct error e;
  CLEANUP_FREE char *url = NULL, *text = NULL;
  size_t len;

  (void) state;
  http_object_start (&object, SIZE);
  http_object_config (&config);
  http_object_answer (&object, refuse, &refusal);
  url = http_object_url (&object, "images/");
  assert_int_equal (directory_fetch (url, &config, &text, &len, &e), -1);
  assert_int_equal (e.errnum, ENOENT);
  assert_true (stop_now_ns () - before < TIMEOUT_MS / 2 * NS_PER_MS);
  http_object_stop (&object);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_open),
    cmocka_unit_test (test_read),
    cmocka_unit_test (test_redirect),
    cmocka_unit_test (test_listing),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
