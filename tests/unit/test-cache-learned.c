/* The file "learned": written at a clean end, taken at the next start, within
 * the budget, never needed, and nobody else's.
 */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/cache-internal.h"
#include "policy/shadow-internal.h"
#include "policy/internal.h"
#include "test-cache-help.h"

#define BS 16384u
#define SIZE (64 * MIB)
#define BUDGET (32 * MIB)


static long
learned_size (void)
{
  char *path = help_path (help_dir, "learned");
  struct stat st;
  long size = stat (path, &st) == 0 ? st.st_size : -1;

  free (path);
  return size;
}

static void
change (long at, uint8_t by)
{
  char *path = help_path (help_dir, "learned");
  int fd = open (path, O_RDWR);
  uint8_t byte;

  assert_true (fd != -1);
  assert_int_equal (pread (fd, &byte, 1, at), 1);
  byte ^= by;
  assert_int_equal (pwrite (fd, &byte, 1, at), 1);
  close (fd);
  free (path);
}

static struct cache_config
config (uint64_t budget)
{
  struct cache_config config = help_config (help_dir, budget, BS, false);

  config.policy = POLICY_WEIGHTED;
  return config;
}

static struct cache *
open_cache (uint64_t budget)
{
  struct cache_config conf = config (budget);

  return help_open (&conf);
}

/* More than fits, some of it twice. */
static void
fill (struct cache *c)
{
  struct cache_object *o = help_object (c, "some", 1, SIZE);

  for (unsigned i = 0; i < 2; i++)
    for (uint64_t block = 0; block < SIZE / BS; block += 64)
      help_store (o, 1, SIZE, BS, block, 64, CONTENT_RANDOM, NULL);
  cache_object_close (o);
}

static uint32_t
shadow_rows (struct cache *c)
{
  return c->policy->shadows->rows;
}

static void
test_comes_back (void **state)
{
  struct cache *c = open_cache (BUDGET);
  uint32_t rows;
  uint64_t seed;

  (void) state;
  assert_int_equal (learned_size (), -1);
  fill (c);
  rows = shadow_rows (c);
  seed = c->hash_seed;
  assert_true (rows > 100);
  cache_close (c);
  assert_true (learned_size () > 1000);
  assert_true (help_du (help_dir) <= BUDGET);

  c = open_cache (BUDGET);
  assert_int_equal (learned_size (), -1);
  assert_int_equal (shadow_rows (c), rows);
  assert_true (c->hash_seed == seed && c->policy->shadows->whole);
  cache_close (c);
  assert_true (learned_size () > 1000);
}

/* A bit anywhere: as if it were not there. */
static void
test_damaged (void **state)
{
  static const long places[] = { 0, 8, 12, 16, 24, 32, 36, 40, 44, 48, 5000 };

  (void) state;
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    struct cache *c = open_cache (BUDGET);

    if (i == 0)
      fill (c);
    cache_close (c);
    change (places[i], 1 << i % 8);
    c = open_cache (BUDGET);
    assert_false (c->policy->shadows->whole);
    assert_true (atomic_load (&c->resident) > 1000);
    cache_close (c);
  }
}

static void
test_cut_off (void **state)
{
  static const long lengths[] = { 0, 1, 16, 47, 48, 49, 4000 };

  (void) state;
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    char *path = help_path (help_dir, "learned");
    struct cache *c = open_cache (BUDGET);

    fill (c);
    cache_close (c);
    assert_int_equal (truncate (path, lengths[i]), 0);
    c = open_cache (BUDGET);
    assert_false (c->policy->shadows->whole);
    cache_close (c);
    free (path);
  }
}

/* What belonged to a cache that was there before, with other hashes. */
static void
test_other_cache (void **state)
{
  char *path = help_path (help_dir, "learned");
  char *kept = help_path (help_dir, "kept");
  struct cache *c = open_cache (BUDGET);

  (void) state;
  fill (c);
  cache_close (c);
  assert_int_equal (rename (path, kept), 0);
  free (path);
  path = help_path (help_dir, "index");
  assert_int_equal (unlink (path), 0);
  free (path);
  c = open_cache (BUDGET);
  fill (c);
  cache_close (c);
  path = help_path (help_dir, "learned");
  assert_int_equal (rename (kept, path), 0);
  c = open_cache (BUDGET);
  assert_false (c->policy->shadows->whole);
  cache_close (c);
  free (kept);
  free (path);
}

/* It may take a 64th: in a very small cache it is not kept. */
static void
test_small_cache (void **state)
{
  struct cache *c = open_cache (MIB);

  (void) state;
  fill (c);
  cache_close (c);
  assert_int_equal (learned_size (), -1);
  assert_true (help_du (help_dir) <= MIB);
}

/* Links are not followed, and what somebody else has put there stays. */
static void
test_not_ours (void **state)
{
  char *path = help_path (help_dir, "learned");
  char *victim = help_path (help_dir, "victim");
  struct cache_config conf = config (BUDGET);
  struct cache *c;
  struct error e;
  struct stat st;
  int fd;

  (void) state;
  fd = open (path, O_WRONLY | O_CREAT, 0600);
  assert_int_equal (write (fd, "a thesis", 8), 8);
  close (fd);
  assert_null (cache_open (&conf, &e));
  assert_int_equal (e.errnum, ENOTEMPTY);
  assert_non_null (strstr (e.text, "\"learned\""));
  assert_int_equal (learned_size (), 8);
  assert_int_equal (rename (path, victim), 0);

  c = open_cache (BUDGET);
  assert_int_equal (symlink ("victim", path), 0);
  cache_close (c);
  assert_int_equal (stat (victim, &st), 0);
  assert_int_equal (st.st_size, 8);
  free (path);
  free (victim);
}

int
main (void)
{
#define T(test) HELP_TEST (test)
  const struct CMUnitTest tests[] = {
    T (test_comes_back), T (test_damaged), T (test_cut_off),
    T (test_other_cache), T (test_small_cache), T (test_not_ours),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
