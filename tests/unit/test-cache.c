/* The cache: what is stored is read, also after it was opened again. */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test-cache-help.h"
#include "util/minmax.h"


/* Every block size, kind of content, with and without compression; an object
 * whose last block is short.
 */
static void
round_trip (uint32_t bs, bool compress, enum content content)
{
  struct cache_config config = help_config (help_dir, 24 * (uint64_t) bs + MIB,
                                            bs, compress);
  uint64_t blocks = max_u64 (3, min_u64 (20, MIB / bs));
  uint64_t size = blocks * bs + 777;
  struct cache *c = help_open (&config);
  struct cache_object *o = help_object (c, "https://host/image", 1, size);
  struct cache_stats stats;

  assert_int_equal (help_check (o, 1, size, bs, 0, 4096, content), 0);
  help_store (o, 1, size, bs, 0, blocks + 1, content, NULL);
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
  assert_true (cache_has (o, blocks));
  cache_stats (c, &stats);
  assert_int_equal (stats.resident_blocks, blocks + 1);
  assert_int_equal (stats.failed_checks, 0);
  assert_int_equal (stats.io_errors, 0);
  assert_true (help_du (help_dir) <= stats.used_bytes);
  assert_true (stats.used_bytes <= config.size);
  cache_object_close (o);
  cache_close (c);
  assert_true (help_du (help_dir) <= config.size);
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
        help_remove_dir (help_dir);
        help_dir = help_make_dir ();
      }
}

#define BS 16384u

/* Zeros take no space, and what compresses takes less, but only with
 * compression on.
 */
static void
test_space (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, true);
  struct cache *c = help_open (&config);
  struct cache_object *o = help_object (c, "text", 1, 32 * BS);
  struct cache_object *z = help_object (c, "zeros", 2, 32 * BS);
  uint8_t *zeros = calloc (32, BS), *out = malloc (BS);
  const struct cache_store_options options = { 0 };
  unsigned flags = 0;
  uint64_t before, empty;

  (void) state;
  empty = help_du (help_dir);
  cache_store (z, 0, zeros, 32 * BS, &options);
  assert_int_equal (help_du (help_dir), empty);
  assert_int_equal (cache_read (z, out, 31 * BS, BS, &flags), BS);
  assert_memory_equal (out, zeros, BS);
  before = help_du (help_dir);
  help_store (o, 1, 32 * BS, BS, 0, 32, CONTENT_TEXT, NULL);
  assert_true (help_du (help_dir) - before <= 32 * BS / 2);
  assert_int_equal (help_count (o, 1, 32 * BS, BS, CONTENT_TEXT), 32);
  free (zeros);
  free (out);
  cache_object_close (o);
  cache_object_close (z);
  cache_close (c);

  /* The same without: what was compressed is still read. */
  config.compress = false;
  c = help_open (&config);
  o = help_object (c, "text", 1, 32 * BS);
  z = help_object (c, "more", 3, 32 * BS);
  assert_int_equal (help_count (o, 1, 32 * BS, BS, CONTENT_TEXT), 32);
  before = help_du (help_dir);
  help_store (z, 3, 32 * BS, BS, 0, 32, CONTENT_TEXT, NULL);
  assert_true (help_du (help_dir) - before >= 32 * BS);
  assert_int_equal (help_count (z, 3, 32 * BS, BS, CONTENT_TEXT), 32);
  cache_object_close (o);
  cache_object_close (z);
  cache_close (c);
}

static void
test_ahead (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, false);
  const struct cache_store_options ahead = { .ahead = true };
  struct cache *c = help_open (&config);
  struct cache_object *o = help_object (c, "o", 1, 8 * BS);
  uint8_t out[BS];
  unsigned flags;

  (void) state;
  help_store (o, 1, 8 * BS, BS, 0, 4, CONTENT_RANDOM, &ahead);
  help_store (o, 1, 8 * BS, BS, 4, 4, CONTENT_RANDOM, NULL);
  for (int turn = 0; turn < 2; turn++)
    for (int block = 0; block < 8; block++) {
      flags = 0;
      assert_int_equal (cache_read (o, out, block * BS, 100, &flags), 100);
      assert_int_equal (flags,
                        turn == 0 && block < 4 ? CACHE_READ_AHEAD : 0);
    }
  cache_object_close (o);
  cache_close (c);
}

/* What is there already is left alone. */
static void
test_store_again (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, true);
  struct cache *c = help_open (&config);
  struct cache_object *o = help_object (c, "o", 1, 16 * BS);
  struct cache_stats stats;

  (void) state;
  help_store (o, 1, 16 * BS, BS, 4, 4, CONTENT_MIXED, NULL);
  help_store (o, 1, 16 * BS, BS, 0, 16, CONTENT_MIXED, NULL);
  help_store (o, 1, 16 * BS, BS, 0, 16, CONTENT_MIXED, NULL);
  assert_int_equal (help_count (o, 1, 16 * BS, BS, CONTENT_MIXED), 16);
  cache_stats (c, &stats);
  assert_int_equal (stats.stored_blocks, 16);
  assert_int_equal (stats.resident_blocks, 16);
  assert_int_equal (stats.hits, 16);
  assert_int_equal (stats.misses, 0);
  cache_object_close (o);
  cache_close (c);
}

static bool
is_empty (void *cache)
{
  struct cache_stats stats;

  cache_stats (cache, &stats);
  return stats.resident_blocks == 0;
}

/* A new version hides and frees the old one, once nobody holds it. */
static void
test_versions (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, true);
  struct cache *c = help_open (&config);
  struct cache_object *one = help_object (c, "o", 1, 8 * BS), *two;
  struct cache_version version;

  (void) state;
  assert_false (cache_find (c, "other", &version));
  assert_true (cache_find (c, "o", &version));
  assert_string_equal (version.validator, "v1");
  assert_int_equal (version.validated_s, 0);
  help_store (one, 1, 8 * BS, BS, 0, 8, CONTENT_MIXED, NULL);

  two = help_object (c, "o", 2, 4 * BS);
  assert_true (cache_find (c, "o", &version));
  assert_string_equal (version.validator, "v2");
  assert_int_equal (version.size, 4 * BS);
  assert_int_equal (help_count (one, 1, 8 * BS, BS, CONTENT_MIXED), 8);
  assert_int_equal (help_count (two, 2, 4 * BS, BS, CONTENT_MIXED), 0);
  help_store (two, 2, 4 * BS, BS, 0, 4, CONTENT_MIXED, NULL);
  assert_int_equal (help_count (one, 1, 8 * BS, BS, CONTENT_MIXED), 8);
  cache_object_close (one);
  cache_object_validated (two, 12345);
  cache_object_close (two);
  cache_close (c);

  c = help_open (&config);
  assert_true (cache_find (c, "o", &version));
  assert_string_equal (version.validator, "v2");
  assert_int_equal (version.validated_s, 12345);
  two = help_object (c, "o", 2, 4 * BS);
  assert_int_equal (help_count (two, 2, 4 * BS, BS, CONTENT_MIXED), 4);
  cache_object_close (two);
  one = help_object (c, "o", 1, 8 * BS);
  assert_int_equal (help_count (one, 1, 8 * BS, BS, CONTENT_MIXED), 0);
  assert_true (help_wait (is_empty, c));
  cache_object_close (one);
  cache_close (c);
}

static void
test_not_lasting (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, true);
  struct cache *c = help_open (&config);
  struct cache_object *one, *two;
  struct cache_version version;
  struct error e;

  (void) state;
  one = cache_object_open (c, "o", NULL, false, 8 * BS, &e);
  assert_non_null (one);
  help_store (one, 1, 8 * BS, BS, 0, 8, CONTENT_MIXED, NULL);
  assert_int_equal (help_count (one, 1, 8 * BS, BS, CONTENT_MIXED), 8);
  assert_false (cache_find (c, "o", &version));

  /* Nothing says that a second one is the same. */
  two = cache_object_open (c, "o", NULL, false, 8 * BS, &e);
  assert_non_null (two);
  assert_int_equal (help_count (two, 2, 8 * BS, BS, CONTENT_MIXED), 0);
  cache_object_close (one);
  cache_object_close (two);
  assert_true (help_wait (is_empty, c));

  /* Gone also if the process ended without a word. */
  cache_close (c);
  if (fork () == 0) {
    c = help_open (&config);
    one = cache_object_open (c, "o", NULL, false, 8 * BS, &e);
    help_store (one, 1, 8 * BS, BS, 0, 8, CONTENT_MIXED, NULL);
    _exit (0);
  }
  wait (NULL);
  c = help_open (&config);
  assert_true (is_empty (c));
  one = cache_object_open (c, "o", NULL, false, 8 * BS, &e);
  assert_int_equal (help_count (one, 1, 8 * BS, BS, CONTENT_MIXED), 0);
  cache_object_close (one);
  cache_close (c);
}

static void
test_names (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, true);
  struct cache *c = help_open (&config);
  struct cache_object *o;
  struct error e;
  char name[CACHE_IDENTITY_MAX + 2], validator[CACHE_VALIDATOR_MAX + 2];

  (void) state;
  memset (name, 'n', sizeof name);
  memset (validator, 'v', sizeof validator);
  name[CACHE_IDENTITY_MAX + 1] = validator[CACHE_VALIDATOR_MAX + 1] = 0;
  assert_null (cache_object_open (c, name, "v", true, 1, &e));
  assert_non_null (strstr (e.text, "4096"));
  assert_null (cache_object_open (c, "n", validator, true, 1, &e));
  assert_null (cache_object_open (c, "", "v", true, 1, &e));
  assert_null (cache_object_open (c, "n", NULL, true, 1, &e));
  name[CACHE_IDENTITY_MAX] = validator[CACHE_VALIDATOR_MAX] = 0;
  o = cache_object_open (c, name, validator, true, BS, &e);
  assert_non_null (o);
  help_store (o, 1, BS, BS, 0, 1, CONTENT_TEXT, NULL);
  cache_object_close (o);
  cache_close (c);
  c = help_open (&config);
  o = cache_object_open (c, name, validator, true, BS, &e);
  assert_int_equal (help_count (o, 1, BS, BS, CONTENT_TEXT), 1);
  cache_object_close (o);
  cache_close (c);
}

/* There is a bound to what is remembered, and the least lately validated
 * goes first.
 */
static void
test_many_objects (void **state)
{
  struct cache_config config = help_config (help_dir, 300 * KIB, 4096, false);
  struct cache *c = help_open (&config);
  struct cache_object *o;
  struct cache_version version;
  unsigned known = 0;

  (void) state;
  for (uint64_t i = 0; i < 250; i++) {
    char name[32];

    snprintf (name, sizeof name, "object %03llu", (unsigned long long) i);
    o = help_object (c, name, i, 4096);
    cache_object_validated (o, 1000 + i);
    help_store (o, i, 4096, 4096, 0, 1, CONTENT_TEXT, NULL);
    cache_object_close (o);
  }
  assert_true (help_du (help_dir) <= config.size);
  cache_close (c);
  c = help_open (&config);
  for (uint64_t i = 0; i < 250; i++) {
    char name[32];

    snprintf (name, sizeof name, "object %03llu", (unsigned long long) i);
    if (!cache_find (c, name, &version))
      assert_true (i < 200);
    else {
      known++;
      assert_int_equal (version.validated_s, 1000 + i);
    }
  }
  assert_true (known >= 50 && known < 250);
  cache_close (c);
}

static void
refused (struct cache_config config, const char *word)
{
  struct error e = { 0 };

  assert_null (cache_open (&config, &e));
  assert_non_null (strstr (e.text, word));
  assert_non_null (strstr (e.text, config.dir));
  assert_int_not_equal (e.errnum, 0);
}

static void
test_refused (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, true);
  char *file = help_path (help_dir, "file"), pid[24];
  struct cache *c;
  int status;

  (void) state;
  refused (help_config (help_dir, 4 * MIB, 5000, true), "power of two");
  refused (help_config (help_dir, 4 * MIB, 2048, true), "power of two");
  refused (help_config (help_dir, 4 * MIB, 8388608, true), "power of two");
  refused (help_config (help_dir, 16 * BS, BS, true), "too small");
  fclose (fopen (file, "w"));
  refused (help_config (file, 4 * MIB, BS, true), "directory");
  remove (file);
  free (file);

  c = help_open (&config);
  snprintf (pid, sizeof pid, "process %ld", (long) getpid ());
  refused (config, pid);
  if (fork () == 0) {
    struct error e;

    _exit (cache_open (&config, &e) == NULL && strstr (e.text, pid) ? 3 : 4);
  }
  wait (&status);
  assert_int_equal (WEXITSTATUS (status), 3);
  cache_close (c);
  refused (help_config (help_dir, 4 * MIB, 2 * BS, true), "16384");
  c = help_open (&config);
  cache_close (c);
}

static int
note (void *opaque, const struct cache_listing_object *object)
{
  struct cache_listing_object *objects = opaque;
  int at = object->identity[0] - 'a';

  assert_in_range (at, 0, 1);
  assert_string_equal (object->validator, at == 0 ? "v1" : "v2");
  objects[at] = *object;
  return 0;
}

static void
test_list (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, true);
  struct cache_listing_object objects[2] = { 0 };
  struct cache_listing listing;
  struct cache_object *a, *b;
  struct error e = { 0 };
  struct cache *c;

  (void) state;
  assert_int_equal (cache_list (help_dir, &listing, note, objects, &e), -1);
  assert_non_null (strstr (e.text, help_dir));
  c = help_open (&config);
  a = help_object (c, "a", 1, 16 * BS);
  b = help_object (c, "b", 2, 16 * BS);
  help_store (a, 1, 16 * BS, BS, 0, 16, CONTENT_TEXT, NULL);
  help_store (b, 2, 16 * BS, BS, 3, 2, CONTENT_RANDOM, NULL);
  for (int turn = 0; turn < 2; turn++) {
    memset (objects, 0, sizeof objects);
    assert_int_equal (cache_list (help_dir, &listing, note, objects, &e), 0);
    assert_int_equal (listing.block_size, BS);
    assert_int_equal (listing.budget, config.size);
    assert_int_equal (listing.blocks, 18);
    assert_true (listing.slots >= 4 * MIB / BS);
    assert_true (listing.compress);
    assert_int_equal (listing.owner_pid, turn == 0 ? getpid () : 0);
    assert_int_equal (listing.used_bytes, help_du (help_dir));
    assert_int_equal (objects[0].blocks, 16);
    assert_int_equal (objects[0].size, 16 * BS);
    assert_in_range (objects[0].stored_bytes, 1, 8 * BS);
    assert_int_equal (objects[1].blocks, 2);
    assert_int_equal (objects[1].stored_bytes, 2 * BS);
    if (turn == 0) {
      cache_object_close (a);
      cache_object_close (b);
      cache_close (c);
    }
  }
}

/* Somebody else's directory: refused, and nothing in it is touched. */
static void
test_foreign (void **state)
{
  static const char *const names[] = {
    "index", "objects", "data.0", "data.7", "lock", "learned"
  };
  struct cache_config config = help_config (help_dir, 8 * MIB, BS, true);

  (void) state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char *file = help_path (help_dir, names[i]), text[16] = "";
    FILE *fp = fopen (file, "w");

    assert_non_null (fp);
    fputs ("precious", fp);
    fclose (fp);
    refused (config, names[i]);
    fp = fopen (file, "r");
    assert_non_null (fp);
    assert_int_equal (fread (text, 1, sizeof text - 1, fp), 8);
    assert_string_equal (text, "precious");
    fclose (fp);
    assert_int_equal (unlink (file), 0);
    free (file);
  }
}

static bool
got_small (void *opaque)
{
  (void) opaque;
  return help_du (help_dir) <= 400 * KIB;
}

/* Stored raw first, compressed when there is time: and still the same. */
static void
test_hurry (void **state)
{
  struct cache_config config = help_config (help_dir, 8 * MIB, BS, true);
  const struct cache_store_options hurry = { .hurry = true, .ahead = true };
  struct cache *c = help_open (&config);
  struct cache_object *o = help_object (c, "o", 1, 64 * BS);
  struct cache_stats stats;
  uint64_t before = help_du (help_dir);

  (void) state;
  help_store (o, 1, 64 * BS, BS, 0, 64, CONTENT_TEXT, &hurry);
  cache_object_close (o);
  cache_close (c);

  /* Also by the next process. */
  c = help_open (&config);
  assert_true (before < 400 * KIB);
  o = help_object (c, "o", 1, 64 * BS);
  assert_true (help_wait (got_small, NULL));
  assert_int_equal (help_count (o, 1, 64 * BS, BS, CONTENT_TEXT), 64);
  cache_stats (c, &stats);
  assert_int_equal (stats.resident_blocks, 64);
  assert_int_equal (stats.failed_checks, 0);
  cache_object_close (o);
  cache_close (c);
}

#define T(name) HELP_TEST (name)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    T (test_round_trip), T (test_space), T (test_ahead),
    T (test_store_again), T (test_versions), T (test_not_lasting),
    T (test_names), T (test_many_objects), T (test_refused), T (test_list),
    T (test_foreign), T (test_hurry),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
