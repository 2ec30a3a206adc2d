/* Directories of images: names that may be asked for, and listings that
 * servers send.
 */

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

#include "origin/directory.h"
#include "util/cleanup.h"

static void
test_is (void **state)
{
  static const struct { const char *url; bool is; } cases[] = {
    { "/a/", true }, { "/a", false }, { "/", true }, { "", false },
    { "a/", true }, { "file:///a/", true }, { "file:///a", false },
    { "https://h/", true }, { "https://h/a/", true }, { "https://h/a", false },
    { "https://h", false }, { "https://", false }, { "http://h?/", false },
    { "https://h/a/?sig=x", true }, { "https://h/a?x=/", false },
    { "HTTP://h/a/#f", true }, { "nbd://h/", false },
    { "nbd+unix:///?socket=/a/", false }, { "s3://b/", false },
  };

  (void) state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (directory_is (cases[i].url) != cases[i].is)
      fail_msg ("%s", cases[i].url);
}

static void
test_names (void **state)
{
  static const char *good[] = {
    "a", "disk.img", "...", "..a", "a..", "\xc3\xa4 b", "100%", "%zz", "%2",
    "a%20b", "-", "~", "a:b", "a?b#c",
  };
  static const char *bad[] = {
    "", ".", "..", "/", "a/b", "../a", "/a", "a/", "\\", "..\\a", "%2e",
    "%2E%2e", ".%2e", "%2f", "a%2Fb", "%5c", "%00", "a%00", "%252e%252e",
    "%25252e%25252e", "%252525252f", "a\nb", "\x7f", "%0a", "\t", "%%32e.",
  };
  char name[DIRECTORY_NAME_MAX + 2];

  (void) state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (directory_name_problem (good[i]))
      fail_msg ("%s is refused", good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (!directory_name_problem (bad[i]))
      fail_msg ("%s is not refused", bad[i]);
  memset (name, 'x', sizeof name);
  name[sizeof name - 1] = '\0';
  assert_non_null (directory_name_problem (name));
  name[sizeof name - 2] = '\0';
  assert_null (directory_name_problem (name));
}

static void
test_join (void **state)
{
  static const struct { const char *url, *name, *joined; } cases[] = {
    { "/d/", "a b%", "/d/a b%" },
    { "file:///d/", "a b%", "file:///d/a%20b%25" },
    { "https://h/d/", "\xc3\xa4?#&;", "https://h/d/%C3%A4%3F%23%26%3B" },
    { "https://h/d/?sig=a/b", "x-._~", "https://h/d/x-._~?sig=a/b" },
  };

  (void) state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *joined = directory_join (cases[i].url, cases[i].name);

    assert_string_equal (joined, cases[i].joined);
    free (joined);
  }
}

/* The names in text, with a bar behind each; "!" if it is refused. */
static void
check_listing (const char *text, size_t len, const char *expected)
{
  struct directory_names names = { NULL, 0 };
  char found[1000] = "";
  struct error e;

  if (directory_parse (text, len, "it", &names, &e) == -1) {
    assert_int_equal (e.errnum, EPROTO);
    strcpy (found, "!");
  }
  for (size_t i = 0; i < names.n; i++) {
    strcat (found, names.names[i]);
    strcat (found, "|");
  }
  directory_names_free (&names);
  assert_string_equal (found, expected);
}

static void
test_listings (void **state)
{
  static const struct { const char *text, *names; } cases[] = {
    { "", "" }, { "  \r\n", "" }, { "a", "a|" }, { "b\na\r\n\r\nb", "b|a|b|" },
    { "../x\n/etc\n%2e%2e\na b\n", "a b|" }, { "\xef\xbb\xbf" "a\n", "a|" },
    { "<a href=\"../\">up</a><a href=\"x.img\">", "x.img|" },
    { " <A HREF = 'x%20y'><a href=z><a href=w >", "x y|z|w|" },
    { "<a href=\"a&amp;b&#39;&quot;&bogus;\">", "a&b'\"&bogus;|" },
    { "<a href=\"?C=N\"><a href=\"#top\"><a href=\"x?y\">", "x|" },
    { "<a href=\"http://other/x\"><a href=\"//h/x\"><a href=\"/x\">"
      "<a href=\"sub/\"><a href=\"mailto:x\"><a href=\"./c:d\">", "c:d|" },
    { "<a href=\"%2e%2e\"><a href=\"%2fetc\"><a href=\"a%00b\">"
      "<a href=\"%252e%252e\"><a href=\"\">", "" },
    { "<a href=\"never ends", "" }, { "<a href", "" }, { "<a href=", "" },
    { "<", "" }, { "<a href=\"%", "" }, { "<a href=\"%\">", "%|" },
    { "<a href=\"%4\"><a href=\"%4x\">", "%4|%4x|" },
    { "[\"a\", \"b/c\", 3, null, [], \"..\"]", "a|" },
    { "[{\"name\":\"a\",\"type\":\"file\"},{\"name\":\"s\","
      "\"type\":\"directory\"},{\"name\":\"b\"},{\"type\":\"file\"},"
      "{\"name\":\"t\",\"is_dir\":true},{\"name\":7}]", "a|b|" },
    { "[]", "" }, { "[", "!" }, { "[\"a\"", "!" }, { "[\"a\"] x", "!" },
    { "[\"\\u0000\"]", "!" }, { "[\"\xff\"]", "!" },
  };

  (void) state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    check_listing (cases[i].text, strlen (cases[i].text), cases[i].names);
  check_listing ("a\0b", 3, "!");
  check_listing ("ab", 1, "a|");
}

/* Every beginning of a listing, and every byte of it changed: nothing comes
 * out that has a problem.  What reads beyond it, a sanitizer finds.
 */
static void
test_damaged (void **state)
{
  static const char html[] = "<html><a href=\"a&amp;b\">x</a> <A href='%41%4'>"
    "<a href=\"../x\"><a href=./y?z#u>";
  static const char json[] = "[{\"name\":\"a\",\"type\":\"file\"},\"b\"]";
  static const char *const texts[] = { html, json, "a\nb\r\nc%2e\n" };

  (void) state;
  for (size_t t = 0; t < 3; t++)
    for (size_t len = 0; len <= strlen (texts[t]); len++)
      for (int change = 0; change < 256; change += 5) {
        struct directory_names names = { NULL, 0 };
        CLEANUP_FREE char *copy = malloc (len + 1);
        struct error e;

        memcpy (copy, texts[t], len);
        if (len > 0)
          copy[len * 7 / 11 % len] = (char) change;
        directory_parse (copy, len, "it", &names, &e);
        for (size_t i = 0; i < names.n; i++)
          assert_null (directory_name_problem (names.names[i]));
        directory_names_free (&names);
      }
}

/* As large as a listing may be. */
static void
test_large (void **state)
{
  CLEANUP_FREE char *text = malloc (DIRECTORY_LISTING_MAX);
  struct directory_names names = { NULL, 0 };
  struct error e;

  (void) state;
  for (size_t i = 0; i < DIRECTORY_LISTING_MAX; i++)
    text[i] = i % 2 ? '\n' : 'a';
  assert_int_equal (directory_parse (text, DIRECTORY_LISTING_MAX, "it",
                                     &names, &e), 0);
  assert_int_equal (names.n, DIRECTORY_NAMES_MAX);
  directory_names_free (&names);

  memset (text, '[', DIRECTORY_LISTING_MAX);
  assert_int_equal (directory_parse (text, DIRECTORY_LISTING_MAX, "it",
                                     &names, &e), -1);
  directory_names_free (&names);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_is),
    cmocka_unit_test (test_names),
    cmocka_unit_test (test_join),
    cmocka_unit_test (test_listings),
    cmocka_unit_test (test_damaged),
    cmocka_unit_test (test_large),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
