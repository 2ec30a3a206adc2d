/* NBD URIs: which are understood, what they are called, what of them is
 * shown.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "origin/nbd-uri.h"
#include "origin/origin.h"

static void
test_names (void **state)
{
  static const struct { const char *uri, *name; } cases[] = {
    { "nbd://h", "nbd://h/" },
    { "NBD://Host.Example/Disk", "nbd://host.example/Disk" },
    { "nbd://h:10809/x", "nbd://h/x" },
    { "nbd://h:10810/x", "nbd://h:10810/x" },
    { "nbd://[::1]:10809/x", "nbd://[::1]/x" },
    { "nbds://alice@h/x?tls-psk-file=/k", "nbds://h/x" },
    { "nbds://a@b@h/x?tls-psk-file=/k", "nbds://h/x" },
    { "nbds://alice:pw@h?tls-certificates=/c", "nbds://h/" },
    { "nbd://h/x#frag", "nbd://h/x" },
    { "nbd://h/a@b", "nbd://h/a@b" },
    { "nbd+unix:///x?socket=/run/s", "nbd+unix:///x?socket=/run/s" },
    { "nbd+unix://?socket=/run/s", "nbd+unix:///?socket=/run/s" },
    { "nbds+unix://a@/x?tls-psk-file=/k&socket=/s",
      "nbds+unix:///x?socket=/s" },
    { "nbds+unix:///x?socket=/s&tls-psk-file=/k", "nbds+unix:///x?socket=/s" },
    { "nbds+unix:///x?tls-psk-file=/k;socket=/s#f",
      "nbds+unix:///x?socket=/s" },
  };

  (void) state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct error e;
    char *name = nbd_uri_name (cases[i].uri);
    char *shown = origin_url_for_log (cases[i].uri);
    char *identity = origin_identity (cases[i].uri, &e);

    assert_true (nbd_uri_is (cases[i].uri));
    assert_string_equal (name, cases[i].name);
    assert_string_equal (shown, cases[i].name);
    assert_non_null (identity);
    assert_string_equal (identity, cases[i].name);
    free (name);
    free (shown);
    free (identity);
  }
}

static void
test_refused (void **state)
{
  static const struct { const char *uri, *why; } cases[] = {
    { "nbd://", "names no host" },
    { "nbd:///x", "names no host" },
    { "nbd://alice@/x", "names no host" },
    { "nbd://:10809/x", "names no host" },
    { "nbd://alice@:10809", "names no host" },
    { "nbd://h:1:10809/x", "names no host" },
    { "nbd://[::1/x", "names no host" },
    { "nbd+unix:///x", "names no socket" },
    { "nbd+unix:///x?socket=", "names no socket" },
    { "nbd+unix:///x#?socket=/s", "names no socket" },
    { "nbd+unix:///x?socket=s", "absolute" },
    { "nbds+unix:///x?socket=/s&tls-psk-file=secret", "absolute" },
    { "nbds://h/x?tls-certificates=secret", "absolute" },
    { "nbd://h/x?socket=/s", "only nbd+unix:" },
    { "nbds://h/x", "tell this server from another" },
    { "NBDS://alice@h/x", "tell this server from another" },
    { "nbds://h/x?tls-psk-file=", "absolute" },
    { "nbds://h/x?tls-certificates=", "absolute" },
    { "nbds://h/x#?tls-certificates=/c", "tell this server from another" },
  };
  const struct origin_config config = { .connections = 1, .timeout_ms = 9 };

  (void) state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct error e;

    assert_null (origin_identity (cases[i].uri, &e));
    assert_int_equal (e.errnum, EINVAL);
    assert_non_null (strstr (e.text, cases[i].why));
    assert_null (strstr (e.text, "secret"));
    assert_null (strstr (e.text, "alice"));
    assert_null (origin_open (cases[i].uri, &config, &e));
    assert_int_equal (e.kind, ERROR_FINAL);
  }
}

/* Where the server's certificate counts, there must be an authority. */
static void
test_authority (void **state)
{
  static const char *const unchecked[] = {
    "nbd://h/x", "nbds://h/x?tls-psk-file=/none", "nbd+unix:///?socket=/s",
    "nbds+unix:///?socket=/s&tls-certificates=/none",
  };
  static const char *const checked[] = {
    "nbds://h/x?tls-certificates=/no%20ne",
    "nbds://h/x?tls-psk-file=&tls-certificates=/none",
    "nbds://h/x?tls-certificates=/no%20ne&tls-certificates=/none",
  };
  struct error e;

  (void) state;
  for (size_t i = 0; i < sizeof unchecked / sizeof *unchecked; i++)
    assert_int_equal (nbd_uri_check_authority (unchecked[i], "n", &e), 0);
  for (size_t i = 0; i < sizeof checked / sizeof *checked; i++) {
    assert_int_equal (nbd_uri_check_authority (checked[i], "n", &e), -1);
    assert_int_equal (e.errnum, ENOENT);
    assert_int_equal (e.kind, ERROR_FINAL);
    assert_non_null (strstr (e.text, "ca-cert.pem"));
    assert_null (strstr (e.text, "/no"));
  }
}

static void
test_others (void **state)
{
  static const char *uris[] = {
    "nbd", "nbd:", "nbd:/x", "nbd:unix:/s", "nbd+vsock:///", "nbd+ssh://h",
    "nbdx://h", "", "http://nbd://h",
  };

  (void) state;
  for (size_t i = 0; i < sizeof uris / sizeof *uris; i++)
    assert_false (nbd_uri_is (uris[i]));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_names),
    cmocka_unit_test (test_refused),
    cmocka_unit_test (test_authority),
    cmocka_unit_test (test_others),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
