/* A cache that is opened without memory for it. */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "test-cache-help.h"

/* Called in the place of malloc and policy_new, which are __real_. */
extern void *__real_malloc (size_t bytes);
extern void *__wrap_malloc (size_t bytes);
extern struct policy *__wrap_policy_new (void);

/* What memory holds before it is set. */
static int filling = -1;

void *
__wrap_malloc (size_t bytes)
{
  int *p = __real_malloc (bytes);

  for (size_t i = 0; p && filling != -1 && i < bytes / sizeof *p; i++)
    p[i] = filling;
  return p;
}

struct policy *
__wrap_policy_new (void)
{
  return NULL;
}

static void
test_closes_only_its_own (void **state)
{
  char *dir = help_make_dir ();
  struct cache_config config = help_config (dir, 4 * MIB, 65536, true);
  struct error e = { 0 };
  int fd = open ("/dev/null", O_RDONLY);

  (void) state;
  assert_int_not_equal (fd, -1);
  filling = fd;
  assert_null (cache_open (&config, &e));
  filling = -1;
  assert_int_equal (e.errnum, ENOMEM);
  assert_non_null (strstr (e.text, dir));
  assert_int_not_equal (fcntl (fd, F_GETFD), -1);
  close (fd);
  help_remove_dir (dir);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_closes_only_its_own),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
