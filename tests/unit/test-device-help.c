/* What the test programs of devices over files share. */

#include <config.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "test-device-help.h"
#include "util/mix.h"

void
help_version_bytes (unsigned char *buf, unsigned version, uint64_t offset,
                    size_t count)
{
  for (size_t i = 0; i < count; i++) {
    uint64_t at = offset + i;

    buf[i] = mix_u64 (at / 8 * 131 + version) >> (at % 8 * 8);
  }
}

void
help_write_version (const char *path, unsigned version, size_t size)
{
  const struct timespec old = { .tv_sec = 1000000000 + version };
  unsigned char *buf = malloc (size);
  char temp[160];
  FILE *f;

  assert_non_null (buf);
  help_version_bytes (buf, version, 0, size);
  snprintf (temp, sizeof temp, "%s.new", path);
  f = fopen (temp, "w");
  assert_non_null (f);
  assert_int_equal (fwrite (buf, 1, size, f), size);
  assert_int_equal (fclose (f), 0);
  assert_int_equal (utimensat (AT_FDCWD, temp,
                               (struct timespec[]) { old, old }, 0), 0);
  assert_int_equal (rename (temp, path), 0);
  free (buf);
}
