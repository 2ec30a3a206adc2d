/* Numbers as people read them, and text fit for their terminals. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "human.h"

const char *
human_bytes (uint64_t bytes, char buf[32])
{
  static const char *const units[] = {
    "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"
  };
  double n = bytes;
  unsigned unit = 0;

  for (; n >= 1024 && unit < 6; unit++)
    n /= 1024;
  snprintf (buf, 32, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
  return buf;
}

const char *
human_seconds (uint64_t seconds, char buf[32])
{
  if (seconds < 3600)
    snprintf (buf, 32, "%" PRIu64 ":%02" PRIu64, seconds / 60, seconds % 60);
  else
    snprintf (buf, 32, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64,
              seconds / 3600, seconds / 60 % 60, seconds % 60);
  return buf;
}

char *
human_text (const char *text)
{
  char *copy = strdup (text);

  for (unsigned char *p = (unsigned char *) copy; p && *p; p++)
    if (*p < ' ' || *p == 0x7f)
      *p = '?';
    else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
      p[0] = p[1] = '?';        /* controls of 8 bits, in UTF-8 */
  return copy;
}
