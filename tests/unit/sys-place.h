/* A place to put files in, for tests of the table of file I/O itself.
 * Include after cmocka.h.
 */

#ifndef TIERCACHE_SYS_PLACE_H
#define TIERCACHE_SYS_PLACE_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys-test.h"

#define KiB 1024u
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

struct place
{
  struct sys_test *test;
  const struct sys *sys;
  char dir[100];                /* empty: the root of the model */
  char path[200];               /* the last that place_path made */
};

static inline const char *
place_path (struct place *p, const char *name)
{
  snprintf (p->path, sizeof p->path, "%s/%s", p->dir, name);
  return p->path;
}

static inline int
setup_model (void **state)
{
  struct place *p = calloc (1, sizeof *p);

  p->test = sys_test_new_model ();
  p->sys = sys_test_sys (p->test);
  *state = p;
  return 0;
}

static inline int
teardown_model (void **state)
{
  struct place *p = *state;

  sys_test_free (p->test);
  free (p);
  return 0;
}

#define assert_fails(expr, errnum)              \
  do {                                          \
    errno = 0;                                  \
    assert_int_equal ((expr), -1);              \
    assert_int_equal (errno, errnum);           \
  } while (0)

static inline int
open_new (struct place *p, const char *name)
{
  int fd = p->sys->open (p->sys, place_path (p, name), O_RDWR | O_CREAT, 0600);

  assert_true (fd >= 0);
  return fd;
}

static inline void
put (const struct sys *sys, int fd, char c, size_t count, uint64_t offset)
{
  char *buf = malloc (count);

  memset (buf, c, count);
  assert_int_equal (sys_pwrite_full (sys, fd, buf, count, offset), count);
  free (buf);
}

/* All count bytes are c. */
static inline bool
all (const char *buf, char c, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (buf[i] != c)
      return false;
  return true;
}

static inline void
expect (const struct sys *sys, int fd, char c, size_t count, uint64_t offset)
{
  char *buf = malloc (count);

  assert_int_equal (sys_pread_full (sys, fd, buf, count, offset), count);
  assert_true (all (buf, c, count));
  free (buf);
}

#endif /* TIERCACHE_SYS_PLACE_H */
