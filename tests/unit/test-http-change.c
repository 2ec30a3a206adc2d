/* An object that changes, or vanishes, while it is read over http: an error
 * that says so, never bytes of two versions.
 */

#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "http-reader.h"
#include "util/cleanup.h"

#define MODIFIED "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static void
test_changes (void **state)
{
  struct reader *f = *state;

  reader_right (f, 100000, 5000);
  http_object_change (&f->object, SIZE, "ETag: \"two\"\r\n", "");
  reader_fails (f, ERROR_FINAL, ESTALE, "changed");
  http_object_change (&f->object, SIZE, "ETag: W/\"one\"\r\n", "");
  reader_fails (f, ERROR_FINAL, ESTALE, "changed");
  http_object_change (&f->object, SIZE, "", "");
  reader_fails (f, ERROR_FINAL, ESTALE, "ETag is gone");
  http_object_change (&f->object, SIZE + 1, "ETag: \"one\"\r\n", "");
  reader_fails (f, ERROR_FINAL, ESTALE, "size");
  http_object_change (&f->object, 50000, "ETag: \"one\"\r\n", "");
  reader_fails (f, ERROR_FINAL, ESTALE, "size");
  http_object_change (&f->object, 100, "ETag: \"one\"\r\n", "");
  reader_fails (f, ERROR_FINAL, ESTALE, "size");
  assert_int_equal (f->got, 0);
  http_object_change (&f->object, SIZE, "ETag: \"one\"\r\n", "");
  reader_right (f, 100000, 5000);
}

static void
test_changes_without_strong_etag (void **state)
{
  struct reader *f = *state;

  f->origin->ops->close (f->origin);
  http_object_change (&f->object, SIZE, "ETag: W/\"one\"\r\n", MODIFIED);
  reader_open (f);
  reader_right (f, 100000, 5000);
  http_object_change (&f->object, SIZE, "ETag: W/\"one\"\r\n",
                      "Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
  reader_fails (f, ERROR_FINAL, ESTALE, "Last-Modified");
  f->origin->ops->close (f->origin);
  http_object_change (&f->object, SIZE, "ETag: W/\"one\"\r\n", "");
  reader_open (f);
  reader_right (f, 100000, 5000);
  http_object_change (&f->object, SIZE, "ETag: W/\"two\"\r\n", "");
  reader_fails (f, ERROR_FINAL, ESTALE, "ETag");
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

static void
test_condition (void **state)
{
  struct reader *f = *state;

  http_object_answer (&f->object, conditional, &f->object);
  reader_right (f, 100000, 5000);
  http_object_answer (&f->object, reader_say, "HTTP/1.1 412 No\r\n"
                      "Content-Length: 0\r\n\r\n");
  reader_fails (f, ERROR_FINAL, ESTALE, "changed");
}

static void
test_vanished (void **state)
{
  struct reader *f = *state;

  http_object_answer (&f->object, reader_say, "HTTP/1.1 404 No\r\n"
                      "Content-Length: 4\r\n\r\ngone");
  reader_fails (f, ERROR_FINAL, ENOENT, "no such object");
  http_object_answer (&f->object, NULL, NULL);
  reader_right (f, 100000, 5000);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    READER_TEST (test_changes),
    READER_TEST (test_changes_without_strong_etag),
    READER_TEST (test_condition),
    READER_TEST (test_vanished),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
