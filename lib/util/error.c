/* What went wrong, in words. */

#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "util/error.h"

static void
set_text (struct error *e, enum error_kind kind, int errnum,
          const char *fmt, va_list args)
{
  e->errnum = errnum > 0 ? errnum : EIO;
  e->kind = kind;
  e->retry_after_ms = 0;
  vsnprintf (e->text, sizeof e->text, fmt, args);
  for (char *p = e->text; *p; p++)
    if ((unsigned char) *p < ' ' || *p == 127)
      *p = '?';
}

int
error_set (struct error *e, int errnum, const char *fmt, ...)
{
  va_list args;

  if (!e)
    return -1;
  va_start (args, fmt);
  set_text (e, ERROR_FINAL, errnum, fmt, args);
  va_end (args);
  return -1;
}

int
error_set_kind (struct error *e, enum error_kind kind, int errnum,
                const char *fmt, ...)
{
  va_list args;

  if (!e)
    return -1;
  va_start (args, fmt);
  set_text (e, kind, errnum, fmt, args);
  va_end (args);
  return -1;
}
