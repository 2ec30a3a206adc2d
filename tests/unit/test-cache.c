/* The cache: what is stored is read, also after it was opened again. */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test-cache-help.h"
#include "util/minmax.h"

static char *dir;

static int
setup (void **state)
{
  (void) state;
  dir = help_make_dir ();
  return 0;
}

static int
teardown (void **state)
{
  (void) state;
  help_remove_dir (dir);
  return 0;
}

/* Every block size, kind of content, with and without compression; an object
 * whose last block is short.
 */
static void
round_trip (uint32_t bs, bool compress, enum content content)
{
  struct cache_config config = help_config (dir, 64 * (uint64_t) bs + MIB,
                                            bs, compress);
  uint64_t size = 20 * (uint64_t) bs + 777;
  struct cache *c = help_open (&config);
  struct cache_object *o = help_object (c, "https://host/image", 1, size);
  struct cache_stats stats;

  assert_int_equal (help_check (o, 1, size, bs, 0, 4096, content), 0);
  help_store (o, 1, size, bs, 0, 21, content, NULL);
  for (int turn = 0; turn < 3; turn++) {
    /* Odd places first, so that pieces are met for the first time so. */
    for (uint64_t at = 0; at < size; at += bs / 3 + 11) {
      uint32_t n = min_u64 (bs / 5 + 1, size - at);

      assert_int_equal (help_check (o, 1, size, bs, at, n, content), n);
    }
    assert_int_equal (help_check (o, 1, size, bs, 0, size, content), size);
    assert_int_equal (help_check (o, 1, size, bs, 5, size - 5, content),
                      size - 5);
    if (turn < 2) {
      cache_object_close (o);
      cache_close (c);
      c = help_open (&config);
      o = help_object (c, "https://host/image", 1, size);
    }
  }
  assert_true (cache_has (o, 20));
  cache_stats (c, &stats);
  assert_int_equal (stats.resident_blocks, 21);
  assert_int_equal (stats.failed_checks, 0);
  assert_int_equal (stats.io_errors, 0);
  assert_true (help_du (dir) <= stats.used_bytes);
  assert_true (stats.used_bytes <= config.size);
  cache_object_close (o);
  cache_close (c);
  assert_true (help_du (dir) <= config.size);
}

static void
test_round_trip (void **state)
{
  static const uint32_t sizes[] = { 4096, 16384, 65536, 262144, 4194304 };

  (void) state;
  for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    for (int compress = 0; compress < 2; compress++)
      for (int content = 0; content <= CONTENT_MIXED; content++) {
        round_trip (sizes[i], compress, content);
        help_remove_dir (dir);
        dir = help_make_dir ();
      }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_round_trip, setup, teardown),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
