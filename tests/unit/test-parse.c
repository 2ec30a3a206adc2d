/* Parameter values as users type them. */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "util/error.h"
#include "util/parse.h"

#define S(n) UINT64_C (n)

struct value
{
  const char *text;
  uint64_t min, max, is;
};

static void
test_size (void **state)
{
  static const struct value values[] = {
    { "0", 0, UINT64_MAX, 0 },
    { "1", 1, 1, 1 },
    { "007", 0, 10, 7 },
    { "512b", 0, UINT64_MAX, 512 },
    { "512B", 0, UINT64_MAX, 512 },
    { "1k", 0, UINT64_MAX, 1024 },
    { "64K", 0, UINT64_MAX, 65536 },
    { "3m", 0, UINT64_MAX, 3 * 1048576 },
    { "3M", 0, UINT64_MAX, 3 * 1048576 },
    { "10G", 0, UINT64_MAX, S (10) << 30 },
    { "2T", 0, UINT64_MAX, S (2) << 40 },
    { "2p", 0, UINT64_MAX, S (2) << 50 },
    { "15E", 0, UINT64_MAX, S (15) << 60 },
    { "0E", 0, UINT64_MAX, 0 },
    { "18446744073709551615", 0, UINT64_MAX, UINT64_MAX },
    { "17592186044415M", 0, UINT64_MAX, S (17592186044415) << 20 },
    { "4K", 4096, 4096, 4096 },
  };

  (void) state;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    const struct value *v = &values[i];
    struct error e = { 0 };
    uint64_t n = 99;

    assert_int_equal (parse_size ("size", v->text, v->min, v->max, &n, &e),
                      0);
    assert_int_equal (n, v->is);
  }
}

static void
test_size_bad (void **state)
{
  static const char *texts[] = {
    "", " ", "-1", "+1", " 1", "1 ", "k", "1kk", "1kb", "1 k", "1.5G", "0x10",
    "1i", "1x", "1\n", "\xff", "1\xff", "16E", "18446744073709551616",
    "18446744073709551615k", "17592186044416M", "99999999999999999999999",
    "1e3", "1,000", "G1",
  };

  (void) state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct error e = { 0 };
    uint64_t n = 99;

    assert_int_equal (parse_size ("cache-size", texts[i], 0, UINT64_MAX, &n,
                                  &e), -1);
    assert_int_equal (n, 99);
    assert_int_equal (e.errnum, EINVAL);
    assert_int_equal (e.kind, ERROR_FINAL);
    assert_non_null (strstr (e.text, "cache-size="));
    assert_null (strchr (e.text, '\n'));
  }
}

static void
test_size_range (void **state)
{
  struct error e = { 0 };
  uint64_t n = 99;

  (void) state;
  assert_int_equal (parse_size ("s", "4095", 4096, 65536, &n, &e), -1);
  assert_string_equal (e.text, "s=4095: out of range: must be between 4096 "
                       "and 65536 bytes");
  assert_int_equal (parse_size ("s", "65537", 4096, 65536, &n, &e), -1);
  assert_int_equal (n, 99);
  assert_int_equal (parse_size ("s", "4096", 4096, 65536, &n, &e), 0);
  assert_int_equal (parse_size ("s", "64k", 4096, 65536, &n, &e), 0);
  assert_int_equal (n, 65536);
  assert_int_equal (parse_size ("s", "1", 4096, 65536, &n, NULL), -1);
}

static void
test_number (void **state)
{
  static const char *bad[] = {
    "", "-1", "+1", " 1", "1 ", "1k", "0x1", "1.0", "x",
    "18446744073709551616", "1844674407370955161500",
  };
  struct error e = { 0 };
  uint64_t n = 99;

  (void) state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal (parse_number ("n", bad[i], 0, UINT64_MAX, &n, &e), -1);
    assert_non_null (strstr (e.text, "n="));
    assert_int_equal (n, 99);
  }
  assert_int_equal (parse_number ("n", "18446744073709551615", 0, UINT64_MAX,
                                  &n, &e), 0);
  assert_int_equal (n, UINT64_MAX);
  assert_int_equal (parse_number ("n", "1", 1, 64, &n, &e), 0);
  assert_int_equal (parse_number ("n", "64", 1, 64, &n, &e), 0);
  assert_int_equal (n, 64);
  assert_int_equal (parse_number ("n", "0", 1, 64, &n, &e), -1);
  assert_int_equal (parse_number ("n", "65", 1, 64, &n, &e), -1);
  assert_string_equal (e.text, "n=65: expected a number between 1 and 64");
}

static void
test_duration (void **state)
{
  static const struct value values[] = {
    { "0", 0, 0, 0 },
    { "30", 0, 30000, 30000 },
    { "30s", 0, 30000, 30000 },
    { "500ms", 0, 500, 500 },
    { "5m", 0, UINT64_MAX, 300000 },
    { "2h", 0, UINT64_MAX, 7200000 },
    { "1d", 0, UINT64_MAX, 86400000 },
    { "18446744073709551615ms", 0, UINT64_MAX, UINT64_MAX },
  };
  static const char *bad[] = {
    "", "s", "-1s", "1S", "1D", "1min", "1.5s", "1 s", "1s ", "1msx", "ms",
    "18446744073709551615s", "213503982335d", "99999999999999999999ms",
  };
  struct error e = { 0 };
  uint64_t n;

  (void) state;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    assert_int_equal (parse_duration ("t", values[i].text, values[i].max, &n,
                                      &e), 0);
    assert_int_equal (n, values[i].is);
  }
  n = 99;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal (parse_duration ("t", bad[i], UINT64_MAX, &n, &e), -1);
    assert_int_equal (e.errnum, EINVAL);
    assert_non_null (strstr (e.text, "t="));
    assert_int_equal (n, 99);
  }
  assert_int_equal (parse_duration ("t", "30001ms", 30000, &n, &e), -1);
  assert_non_null (strstr (e.text, "at most 30s"));
}

static void
test_word (void **state)
{
  static const char *const words[] = { "serve", "fail", NULL };
  struct error e = { 0 };

  (void) state;
  assert_int_equal (parse_word ("offline", "serve", words, &e), 0);
  assert_int_equal (parse_word ("offline", "fail", words, &e), 1);
  assert_int_equal (parse_word ("offline", "Fail", words, &e), -1);
  assert_string_equal (e.text, "offline=Fail: expected serve or fail");
  assert_int_equal (e.errnum, EINVAL);
  assert_int_equal (parse_word ("offline", "", words, &e), -1);
  assert_int_equal (parse_word ("offline", "fai", words, &e), -1);
  assert_int_equal (parse_word ("offline", "failx", words, NULL), -1);
}

/* More words than the message has room for are still words. */
static void
test_word_many (void **state)
{
  char texts[60][20];
  const char *words[61] = { NULL };
  struct error e = { 0 };

  (void) state;
  for (int i = 0; i < 60; i++) {
    snprintf (texts[i], sizeof texts[i], "word%d", i);
    words[i] = texts[i];
  }
  for (int i = 0; i < 60; i++)
    assert_int_equal (parse_word ("w", texts[i], words, &e), i);
  assert_int_equal (parse_word ("w", "word60", words, &e), -1);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_size),
    cmocka_unit_test (test_size_bad),
    cmocka_unit_test (test_size_range),
    cmocka_unit_test (test_number),
    cmocka_unit_test (test_duration),
    cmocka_unit_test (test_word),
    cmocka_unit_test (test_word_many),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
