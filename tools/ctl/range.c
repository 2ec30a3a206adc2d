/* Ranges of bytes as they are typed. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "range.h"
#include "util/cleanup.h"
#include "util/parse.h"

int
range_parse (const char *text, uint64_t *offset, uint64_t *end,
             struct error *e)
{
  size_t n = strcspn (text, "-+");
  CLEANUP_FREE char *first = strndup (text, n);
  const char *second = text + n;
  uint64_t number = 0;

  if (!first)
    return error_set (e, ENOMEM, "out of memory");
  if (*second == '\0')
    return error_set (e, EINVAL, "%s: is not a range: OFFSET-END, OFFSET- or "
                      "OFFSET+LENGTH", text);
  if (parse_size ("range", first, 0, INT64_MAX, offset, e) == -1)
    return -1;
  *end = UINT64_MAX;
  if (strcmp (second, "-") == 0)
    return 0;
  if (parse_size ("range", second + 1, 0, INT64_MAX, &number, e) == -1)
    return -1;
  *end = *second == '+' ? *offset + number : number;
  return *end > *offset && *end <= INT64_MAX ? 0 :
    error_set (e, EINVAL, "%s: is not a range: it is empty, or too large",
               text);
}
