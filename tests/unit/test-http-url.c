/* URLs of http: origins: identity, user info, redirect targets. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "origin/http-url.h"
#include "origin/http.h"
#include "util/cleanup.h"

static void
check_identity (const char *url, const char *expected)
{
  struct error e = { .text = "" };
  CLEANUP_FREE char *identity = http_identity (url, &e);

  assert_string_equal (e.text, "");
  assert_non_null (identity);
  assert_string_equal (identity, expected);
}

static void
test_identity (void **state)
{
  (void) state;
  check_identity ("http://Host.Example/a/b.img", "http://host.example/a/b.img");
  check_identity ("HTTPS://host.example:443/x", "https://host.example/x");
  check_identity ("http://host.example:80/x", "http://host.example/x");
  check_identity ("https://host.example:80/x", "https://host.example:80/x");
  check_identity ("http://me:secret@host.example/x#part",
                  "http://host.example/x");
  check_identity ("http://host.example", "http://host.example/");
  check_identity ("http://[::1]:8080/x", "http://[::1]:8080/x");
  check_identity ("http://host.example/x?", "http://host.example/x");
}

static void
test_identity_of_signed_urls (void **state)
{
  (void) state;
  check_identity ("https://b.s3.example/k?X-Amz-Algorithm=A&X-Amz-Signature=f"
                  "&versionId=7&X-Amz-Date=20200101T000000Z",
                  "https://b.s3.example/k?versionId=7");
  check_identity ("https://b.s3.example/k?AWSAccessKeyId=A&Expires=1"
                  "&Signature=abc%3D", "https://b.s3.example/k");
  check_identity ("https://d.cdn.example/k?a=1&Policy=p&Signature=s"
                  "&Key-Pair-Id=K", "https://d.cdn.example/k?a=1");
  check_identity ("https://g.example/b/k?X-Goog-Signature=1"
                  "&x-goog-expires=5&generation=3",
                  "https://g.example/b/k?generation=3");
  check_identity ("https://a.blob.example/c/k?sv=2020&sr=b&sp=r&se=2030"
                  "&sig=abc&snapshot=4",
                  "https://a.blob.example/c/k?snapshot=4");
}

/* Ordinary words stay where no signature is beside them. */
static void
test_identity_keeps_what_it_must (void **state)
{
  (void) state;
  check_identity ("https://h.example/x?sp=1&sv=2&se=3",
                  "https://h.example/x?sp=1&sv=2&se=3");
  check_identity ("https://h.example/x?Expires=never&Policy=open",
                  "https://h.example/x?Expires=never&Policy=open");
  check_identity ("https://h.example/x?b=2&a=1&token=t",
                  "https://h.example/x?b=2&a=1&token=t");
  check_identity ("https://h.example/x?signal=1&sigma=2",
                  "https://h.example/x?signal=1&sigma=2");
}

static void
test_bad_urls (void **state)
{
  static const char *const bad[] = {
    "", "http:", "http://", "ftp://h.example/x", "file:///x",
    "http://h.example:99999/x", "http://h.example:port/x",
    "http://h example/x", "http://h.example/a b", "http://h.example/a\nb",
    "http://[::1/x", "h.example/x", NULL
  };

  (void) state;
  for (int i = 0; bad[i]; i++) {
    struct error e = { .text = "" };
    CLEANUP_FREE char *identity = http_identity (bad[i], &e);

    if (identity)
      fail_msg ("%s passed as %s", bad[i], identity);
    assert_int_equal (e.kind, ERROR_FINAL);
    assert_string_not_equal (e.text, "");
  }
}

static void
test_error_hides_secrets (void **state)
{
  struct error e = { .text = "" };

  (void) state;
  assert_null (http_identity ("http://me:secret@h.example:99999/x?sig=hidden",
                              &e));
  assert_null (strstr (e.text, "secret"));
  assert_null (strstr (e.text, "hidden"));
}

static void
test_split (void **state)
{
  struct error e;
  CLEANUP_FREE char *bare = NULL, *user = NULL, *password = NULL;

  (void) state;
  assert_int_equal (http_url_split ("http://m%40e:s%3Acret@h.example/x?q=1#f",
                                    &bare, &user, &password, &e), 0);
  assert_string_equal (bare, "http://h.example/x?q=1");
  assert_string_equal (user, "m@e");
  assert_string_equal (password, "s:cret");
}

static void
check_follow (const char *base, const char *location, const char *expected)
{
  struct error e = { .text = "" };
  CLEANUP_FREE char *to = http_url_follow (base, location, "URL", &e);

  if (!expected) {
    assert_null (to);
    assert_int_equal (e.kind, ERROR_FINAL);
    assert_string_not_equal (e.text, "");
    return;
  }
  assert_string_equal (e.text, "");
  assert_string_equal (to, expected);
}

static void
test_follow (void **state)
{
  (void) state;
  check_follow ("http://a.example/d/x", "y?z=1", "http://a.example/d/y?z=1");
  check_follow ("http://a.example/d/x", "/y", "http://a.example/y");
  check_follow ("http://a.example/d/x", "//b.example/y",
                "http://b.example/y");
  check_follow ("http://a.example/d/x", "https://b.example/y#f",
                "https://b.example/y");
  check_follow ("https://a.example/x", "https://b.example/y",
                "https://b.example/y");
  check_follow ("http://a.example/x", "http://me:pw@b.example/y",
                "http://b.example/y");
  check_follow ("https://a.example/x", "http://a.example/x", NULL);
  check_follow ("http://a.example/x", "file:///etc/passwd", NULL);
  check_follow ("http://a.example/x", "ftp://a.example/x", NULL);
  check_follow ("http://a.example/x", "http://b.example:0x1/", NULL);
}

static void
test_same_site (void **state)
{
  (void) state;
  assert_true (http_url_same_site ("http://a.example/x",
                                   "http://a.example/y?z"));
  assert_true (http_url_same_site ("http://a.example", "http://a.example/"));
  assert_false (http_url_same_site ("http://a.example/x",
                                    "https://a.example/x"));
  assert_false (http_url_same_site ("http://a.example/x",
                                    "http://a.example:8080/x"));
  assert_false (http_url_same_site ("http://a.example/x",
                                    "http://a.example.evil/x"));
  assert_false (http_url_same_site ("http://a.example.evil/x",
                                    "http://a.example/x"));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_identity),
    cmocka_unit_test (test_identity_of_signed_urls),
    cmocka_unit_test (test_identity_keeps_what_it_must),
    cmocka_unit_test (test_bad_urls),
    cmocka_unit_test (test_error_hides_secrets),
    cmocka_unit_test (test_split),
    cmocka_unit_test (test_follow),
    cmocka_unit_test (test_same_site),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
