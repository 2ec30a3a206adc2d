/* Which URLs are understood, what they are called, what of them is shown. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "origin/file.h"
#include "origin/origin.h"

static void
test_file_path (void **state)
{
  static const struct { const char *url, *path; } good[] = {
    { "file:///a/b.img", "/a/b.img" },
    { "file:/a/b.img", "/a/b.img" },
    { "FILE:///a", "/a" },
    { "file://localhost/a", "/a" },
    { "file://LOCALHOST/a", "/a" },
    { "file:///a%20b%2Fc%25", "/a b/c%" },
    { "file:///%e2%80%A6", "/\xe2\x80\xa6" },
    { "file:////a", "//a" },
    { "/plain/100%25", "/plain/100%25" },
    { "relative", "relative" },
    { "disk:1.img", "disk:1.img" },
    { "./file:x?y#z", "./file:x?y#z" },
  };
  static const struct { const char *url, *why; } bad[] = {
    { "", "empty" },
    { "file:", "absolute" },
    { "file:relative", "absolute" },
    { "file://", "absolute" },
    { "file://localhost", "absolute" },
    { "file://server/a", "this machine" },
    { "file://localhostx/a", "this machine" },
    { "file://user@localhost/a", "this machine" },
    { "file:///a%00b", "%00" },
    { "file:///a%", "hexadecimal" },
    { "file:///a%2", "hexadecimal" },
    { "file:///a%2g", "hexadecimal" },
    { "file:///a%-1", "hexadecimal" },
    { "file:///a?b", "%3F" },
    { "file:///a#b", "%23" },
  };
  struct error e;

  (void) state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    char *path = file_path (good[i].url, &e);

    assert_non_null (path);
    assert_string_equal (path, good[i].path);
    free (path);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_null (file_path (bad[i].url, &e));
    assert_int_equal (e.errnum, EINVAL);
    assert_int_equal (e.kind, ERROR_FINAL);
    assert_non_null (strstr (e.text, bad[i].why));
  }
}

static void
test_for_log (void **state)
{
  static const struct { const char *url, *shown; } cases[] = {
    { "https://h/p", "https://h/p" },
    { "https://h:8443/p/q.img", "https://h:8443/p/q.img" },
    { "https://u:p@h/p", "https://…@h/p" },
    { "https://u:p@x@h/p", "https://…@h/p" },
    { "https://@h/p", "https://…@h/p" },
    { "https://u@h", "https://…@h" },
    { "https://h/a@b", "https://h/a@b" },
    { "https://h/p?X-Amz-Signature=f00", "https://h/p?…" },
    { "https://h?sig=1#f", "https://h?…" },
    { "https://h/p#sig", "https://h/p#…" },
    { "https://u:p@h/p?k=a@b", "https://…@h/p?…" },
    { "https://h?u:p@x", "https://h?…" },
    { "s3://key:secret@bucket/p", "s3://…@bucket/p" },
    { "https://", "https://" },
    { "/a/b?c@d", "/a/b?c@d" },
    { "file:///a?b", "file:///a?…" },
    { "", "" },
  };

  (void) state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *shown = origin_url_for_log (cases[i].url);

    assert_non_null (shown);
    assert_string_equal (shown, cases[i].shown);
    free (shown);
  }
}

/* A scheme that nobody knows is refused, and no secret is repeated. */
static void
test_unknown_scheme (void **state)
{
  static const char *urls[] = {
    "ftp://u:hidden@h/p?hidden", "s3://b/k", "files:///a", "htt://h/", "x://",
  };
  struct origin_config config = { .connections = 1, .timeout_ms = 1000 };
  struct error e;

  (void) state;
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    assert_null (origin_open (urls[i], &config, &e));
    assert_int_equal (e.errnum, EINVAL);
    assert_non_null (strstr (e.text, "unknown kind of URL"));
    assert_null (strstr (e.text, "hidden"));
    assert_null (origin_identity (urls[i], &e));
    assert_int_equal (e.errnum, EINVAL);
  }
}

/* By scheme in either case, and never taken for a file. */
static void
test_http_dispatch (void **state)
{
  struct origin_config config = { .connections = 1, .timeout_ms = 1000 };
  struct error e;
  char *identity = origin_identity ("HTTPS://u:p@Host.Example/a", &e);

  (void) state;
  assert_non_null (identity);
  assert_string_equal (identity, "https://host.example/a");
  free (identity);
  assert_null (origin_open ("http://[::bad/", &config, &e));
  assert_int_equal (e.errnum, EINVAL);
  assert_null (strstr (e.text, "No such file"));
}

/* A path is one thing however it is written, whether or not it is there. */
static void
test_file_identity (void **state)
{
  static const char *const names[] = {
    "/no such dir/a b", "file:///no%20such%20dir/a%20b",
    "/no such dir//./a b", "file:/no such dir/./././/a b", "//no such dir/a b"
  };
  struct error e;

  (void) state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char *identity = origin_identity (names[i], &e);

    assert_non_null (identity);
    assert_string_equal (identity, "file:/no such dir/a b");
    free (identity);
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_file_path),
    cmocka_unit_test (test_for_log),
    cmocka_unit_test (test_unknown_scheme),
    cmocka_unit_test (test_http_dispatch),
    cmocka_unit_test (test_file_identity),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
