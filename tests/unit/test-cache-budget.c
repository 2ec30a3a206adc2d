/* The directory never takes more than its budget, whatever is stored in it,
 * and however the budget changes.
 */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test-cache-help.h"
#include "util/minmax.h"


/* Stores three times what fits, with a look at the disk after each store. */
static void
fill (uint32_t bs, uint64_t budget, bool compress, enum content content)
{
  struct cache_config config = help_config (help_dir, budget, bs, compress);
  uint64_t blocks = 3 * budget / bs;
  struct cache *c = help_open (&config);
  struct cache_object *o = help_object (c, "o", 1, blocks * bs);
  struct cache_stats stats;
  uint64_t n;

  for (uint64_t b = 0; b < blocks; b += n) {
    n = min_u64 (1 + b % 7, blocks - b);
    help_store (o, 1, blocks * bs, bs, b, n, content, NULL);
    assert_true (help_du (help_dir) <= budget);
    assert_int_equal (help_check (o, 1, blocks * bs, bs, (b + n - 1) * bs,
                                  bs, content), bs);
  }
  cache_stats (c, &stats);
  assert_int_equal (stats.stored_blocks, blocks);
  assert_true (stats.used_bytes <= budget);
  /* Most of the budget is used: margin and bookkeeping are small. */
  if (content == CONTENT_RANDOM && budget >= 2 * MIB) {
    assert_true (stats.evicted_blocks > 0);
    assert_true (stats.resident_blocks * bs >= budget / 10 * 8);
  }
  n = help_count (o, 1, blocks * bs, bs, content);
  assert_true (n > 0 && n <= blocks);
  cache_object_close (o);
  cache_close (c);
  assert_true (help_du (help_dir) <= budget);

  c = help_open (&config);
  o = help_object (c, "o", 1, blocks * bs);
  assert_true (help_du (help_dir) <= budget);
  assert_true (help_count (o, 1, blocks * bs, bs, content) >= n / 10 * 9);
  cache_object_close (o);
  cache_close (c);
  help_remove_dir (help_dir);
  help_dir = help_make_dir ();
}

static void
test_fill (void **state)
{
  (void) state;
  fill (4096, 2 * MIB, false, CONTENT_RANDOM);
  fill (4096, 2 * MIB, true, CONTENT_MIXED);
  fill (16384, 4 * MIB, true, CONTENT_MIXED);
  fill (16384, 4 * MIB, false, CONTENT_MIXED);
  fill (65536, 8 * MIB, true, CONTENT_RANDOM);
  fill (65536, 8 * MIB, true, CONTENT_TEXT);
  fill (1048576, 20 * MIB, true, CONTENT_MIXED);
}

/* A block takes its place also in the smallest cache there can be. */
static void
test_smallest (void **state)
{
  uint64_t size = 64 * KIB;
  struct cache *c = NULL;

  (void) state;
  while (!c) {
    struct cache_config config = help_config (help_dir, size, 4096, true);
    struct error e;

    c = cache_open (&config, &e);
    size += 4096;
  }
  cache_close (c);
  fill (4096, size - 4096, true, CONTENT_RANDOM);
}

#define BS 16384u
#define BLOCKS 512u

/* Opens with another budget: nothing wrong, nothing too much. */
static uint64_t
reopen (uint64_t budget, bool compress, bool store)
{
  struct cache_config config = help_config (help_dir, budget, BS, compress);
  struct cache *c = help_open (&config);
  struct cache_object *o = help_object (c, "o", 1, BLOCKS * BS);
  uint64_t n;

  assert_true (help_du (help_dir) <= budget);
  n = help_count (o, 1, BLOCKS * BS, BS, CONTENT_MIXED);
  if (store) {
    help_store (o, 1, BLOCKS * BS, BS, 0, BLOCKS, CONTENT_MIXED, NULL);
    assert_true (help_du (help_dir) <= budget);
    help_count (o, 1, BLOCKS * BS, BS, CONTENT_MIXED);
  }
  cache_object_close (o);
  cache_close (c);
  assert_true (help_du (help_dir) <= budget);
  return n;
}

static void
test_other_budget (void **state)
{
  uint64_t n;

  (void) state;
  assert_int_equal (reopen (16 * MIB, false, true), 0);
  assert_int_equal (reopen (16 * MIB, false, false), BLOCKS);
  assert_int_equal (reopen (32 * MIB, true, false), BLOCKS);
  n = reopen (2 * MIB, true, false);
  assert_true (n > 0 && n < BLOCKS);
  n = reopen (2 * MIB, true, true);
  assert_true (n > 0 && n < BLOCKS);
  n = reopen (1 * MIB, false, true);
  assert_true (n > 0 && n < BLOCKS);
  n = reopen (4 * MIB, true, true);
  assert_true (n > 0 && n < BLOCKS);
  reopen (16 * MIB, true, true);
  assert_int_equal (reopen (16 * MIB, true, false), BLOCKS);
}

/* What was written to the files behind the index's back is found and given
 * back.
 */
static void
test_leaked (void **state)
{
  struct cache_config config = help_config (help_dir, 8 * MIB, BS, false);
  struct cache *c;
  char *path = help_path (help_dir, "data.0");
  uint8_t *garbage = malloc (3 * MIB);
  uint64_t before;
  struct stat st;
  int fd;

  (void) state;
  reopen (8 * MIB, false, true);
  before = help_du (help_dir);
  memset (garbage, 0x55, 3 * MIB);
  fd = open (path, O_RDWR);
  assert_int_not_equal (fd, -1);
  assert_int_equal (pwrite (fd, garbage, 3 * MIB, 500 * MIB + 100),
                    3 * MIB);
  close (fd);
  assert_true (help_du (help_dir) >= before + 3 * MIB);
  c = help_open (&config);
  assert_true (help_du (help_dir) <= before + 16384);
  cache_close (c);

  /* A file of another length, and one that is not ours. */
  assert_int_equal (truncate (path, 2000 * MIB), 0);
  fd = open (path, O_RDWR);
  assert_int_equal (pwrite (fd, garbage, 3 * MIB, 1500 * MIB), 3 * MIB);
  close (fd);
  free (path);
  path = help_path (help_dir, "data.3");
  fd = open (path, O_RDWR | O_CREAT, 0600);
  assert_int_equal (pwrite (fd, garbage, 3 * MIB, 0), 3 * MIB);
  close (fd);
  c = help_open (&config);
  assert_true (help_du (help_dir) <= before + 16384);
  assert_int_equal (stat (path, &st), -1);
  cache_close (c);
  free (path);
  free (garbage);
}

#define T(name) HELP_TEST (name)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    T (test_fill), T (test_smallest), T (test_other_budget),
    T (test_leaked),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
