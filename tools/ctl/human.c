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

  for (char *p = copy; p && *p; p++)
    if ((unsigned char) *p < ' ' || *p == 0x7f)
      *p = '?';
  return copy;
}
