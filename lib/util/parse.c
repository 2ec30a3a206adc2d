/* Parameter values as a user types them. */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/parse.h"

/* Reads digits.  What follows them, or NULL if there are none or the number
 * is beyond 64 bits.
 */
static const char *
parse_digits (const char *p, uint64_t *ret)
{
  uint64_t n = 0;

  if (!isdigit ((unsigned char) *p))
    return NULL;
  for (; isdigit ((unsigned char) *p); p++)
    if (__builtin_mul_overflow (n, 10, &n)
        || __builtin_add_overflow (n, (uint64_t) (*p - '0'), &n))
      return NULL;
  *ret = n;
  return p;
}

/* The power of two that a size suffix stands for, or -1. */
static int
size_shift (const char *suffix)
{
  static const char letters[] = "bkmgtpe";
  const char *at;

  if (*suffix == '\0')
    return 0;
  at = strchr (letters, tolower ((unsigned char) *suffix));
  return at && suffix[1] == '\0' ? (int) (at - letters) * 10 : -1;
}

int
parse_size (const char *name, const char *value, uint64_t min, uint64_t max,
            uint64_t *ret, struct error *e)
{
  uint64_t n = 0;
  const char *suffix = parse_digits (value, &n);
  int shift = suffix ? size_shift (suffix) : -1;

  if (shift < 0 || (shift && n >> (64 - shift)))
    return error_set (e, EINVAL, "%s=%s: not a size: expected a number of "
                      "bytes, or one with a suffix like 64K, 10G or 2T",
                      name, value);
  n <<= shift;
  if (n < min || n > max)
    return error_set (e, EINVAL, "%s=%s: out of range: must be between "
                      "%" PRIu64 " and %" PRIu64 " bytes",
                      name, value, min, max);
  *ret = n;
  return 0;
}

int
parse_number (const char *name, const char *value, uint64_t min, uint64_t max,
              uint64_t *ret, struct error *e)
{
  uint64_t n = 0;
  const char *end = parse_digits (value, &n);

  if (!end || *end || n < min || n > max)
    return error_set (e, EINVAL, "%s=%s: expected a number between "
                      "%" PRIu64 " and %" PRIu64, name, value, min, max);
  *ret = n;
  return 0;
}

int
parse_duration (const char *name, const char *value, uint64_t max_ms,
                uint64_t *ret_ms, struct error *e)
{
  static const struct { const char *suffix; uint64_t ms; } units[] = {
    { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
    { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 }
  };
  uint64_t n = 0;
  const char *suffix = parse_digits (value, &n);

  for (size_t i = 0; suffix && units[i].suffix; i++)
    if (strcmp (suffix, units[i].suffix) == 0
        && !__builtin_mul_overflow (n, units[i].ms, &n) && n <= max_ms) {
      *ret_ms = n;
      return 0;
    }
  return error_set (e, EINVAL, "%s=%s: expected a time such as 500ms, 30s, "
                    "5m, 2h or 1d (a bare number is seconds), at most "
                    "%" PRIu64 "s", name, value, max_ms / 1000);
}

int
parse_word (const char *name, const char *value, const char *const words[],
            struct error *e)
{
  char list[200] = "";
  size_t used = 0;

  for (int i = 0; words[i]; i++) {
    if (strcmp (value, words[i]) == 0)
      return i;
    if (used < sizeof list)
      used += snprintf (list + used, sizeof list - used, "%s%s",
                        i ? " or " : "", words[i]);
  }
  return error_set (e, EINVAL, "%s=%s: expected %s", name, value, list);
}
