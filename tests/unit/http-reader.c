/* A reader of one object on a small server. */

#include <config.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http-reader.h"

void
reader_open (struct reader *f)
{
  f->origin = http_object_open (&f->object, &f->e);
  if (!f->origin)
    fail_msg ("%s", f->e.text);
}

int
reader_setup (void **state)
{
  struct reader *f = calloc (1, sizeof *f);

  http_object_start (&f->object, SIZE);
  f->buf = malloc (ORIGIN_READ_MAX);
  reader_open (f);
  *state = f;
  return 0;
}

int
reader_teardown (void **state)
{
  struct reader *f = *state;

  f->origin->ops->close (f->origin);
  http_object_stop (&f->object);
  free (f->buf);
  free (f);
  return 0;
}

int
reader_read (struct reader *f, size_t count, uint64_t offset)
{
  memset (f->buf, 0xEE, ORIGIN_READ_MAX);
  f->got = SIZE_MAX;
  f->e.text[0] = '\0';
  return f->origin->ops->read (f->origin, f->buf, count, offset, &f->got,
                               &f->e);
}

void
reader_right (struct reader *f, size_t count, uint64_t offset)
{
  if (reader_read (f, count, offset) == -1)
    fail_msg ("%s", f->e.text);
  assert_int_equal (f->got, count);
  assert_true (http_object_right (&f->object, f->buf, count, offset));
  /* Not a byte beyond. */
  if (count < ORIGIN_READ_MAX)
    assert_int_equal (f->buf[count], 0xEE);
}

void
reader_fails (struct reader *f, enum error_kind kind, int errnum,
             const char *says)
{
  assert_int_equal (reader_read (f, 100000, 5000), -1);
  if (f->e.kind != kind || f->e.errnum != errnum
      || !strstr (f->e.text, says) || !strstr (f->e.text, "disk.img"))
    fail_msg ("kind %d, errno %d: %s", f->e.kind, f->e.errnum, f->e.text);
  assert_true (f->got < 100000);
  assert_true (http_object_right (&f->object, f->buf, f->got, 5000));
  assert_int_equal (f->buf[100000], 0xEE);
}

void
reader_say (void *opaque, struct httpd_conn *conn, const struct httpd_request *r)
{
  (void) r;
  httpd_printf (conn, "%s", (const char *) opaque);
}
