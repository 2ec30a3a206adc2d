/* Nothing in the directory, however damaged, gives a wrong byte, and the
 * cache works after it.  Nor does a process that was killed.
 */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/cache-internal.h"
#include "test-cache-help.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/mix.h"

#define BS 16384u
#define BLOCKS 24u
#define SIZE (BLOCKS * (uint64_t) BS - 3000)
#define BUDGET (2 * MIB)

static const char *const files[] = { "index", "objects", "data.0", "lock" };
static unsigned said;           /* messages to the user */

static void
count_messages (enum log_level level, const char *text)
{
  (void) level;
  (void) text;
  said++;
}

static struct cache_config
config (const char *where)
{
  return help_config (where, BUDGET, BS, true);
}

/* A cache of two objects in which every block is there. */
static void
build (const char *where, uint64_t seed)
{
  struct cache_config conf = config (where);
  struct cache *c = help_open (&conf);

  for (uint64_t n = seed; n < seed + 2; n++) {
    struct cache_object *o = help_object (c, n % 2 ? "odd" : "even", n, SIZE);

    help_store (o, n, SIZE, BS, 0, BLOCKS, CONTENT_MIXED, NULL);
    cache_object_close (o);
  }
  cache_close (c);
}

/* Opens, reads everything, stores what is missing, reads it again; then the
 * same once more.  Returns how many blocks survived.
 */
static uint64_t
check (void)
{
  struct cache_config conf = config (help_dir);
  uint64_t survived = 0;

  for (int turn = 0; turn < 2; turn++) {
    struct cache *c = help_open (&conf);

    assert_true (help_du (help_dir) <= BUDGET);
    for (uint64_t n = 0; n < 2; n++) {
      struct cache_object *o = help_object (c, n % 2 ? "odd" : "even", n,
                                            SIZE);
      uint64_t found = help_count (o, n, SIZE, BS, CONTENT_MIXED);

      if (turn == 0)
        survived += found;
      else
        assert_int_equal (found, BLOCKS);
      help_store (o, n, SIZE, BS, 0, BLOCKS, CONTENT_MIXED, NULL);
      assert_int_equal (help_count (o, n, SIZE, BS, CONTENT_MIXED), BLOCKS);
      cache_object_close (o);
    }
    cache_close (c);
    assert_true (help_du (help_dir) <= BUDGET);
  }
  return survived;
}

static int
setup (void **state)
{
  (void) state;
  help_set_up (state);
  build (help_dir, 0);
  return 0;
}

static void
again (void)
{
  help_remove_dir (help_dir);
  setup (NULL);
}

static int
open_file (const char *name)
{
  char *path = help_path (help_dir, name);
  int fd = open (path, O_RDWR | O_CREAT, 0600);

  assert_int_not_equal (fd, -1);
  free (path);
  return fd;
}

/* The part of a file in which there is something. */
static uint64_t
interesting (const char *name)
{
  int fd = open_file (name);
  struct stat st;

  fstat (fd, &st);
  close (fd);
  if (strcmp (name, "data.0") == 0)
    return 2 * BLOCKS * BS;
  if (strcmp (name, "index") == 0)
    return 4096 + 2 * BLOCKS * 64;
  return st.st_size;
}

static void
test_undamaged (void **state)
{
  (void) state;
  assert_int_equal (check (), 2 * BLOCKS);
}

static void
test_truncated (void **state)
{
  static const uint64_t sizes[] = {
    0, 1, 15, 16, 47, 48, 49, 100, 520, 4095, 4096, 4097, 4096 + 32,
    4096 + 640, 3 * BS, 3 * BS + 100
  };

  (void) state;
  for (unsigned f = 0; f < 4; f++)
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      int fd = open_file (files[f]);

      assert_int_equal (ftruncate (fd, sizes[i]), 0);
      close (fd);
      check ();
      if (i % 4 == 3)
        again ();
    }
}

static void
test_missing (void **state)
{
  (void) state;
  for (unsigned f = 0; f < 4; f++) {
    char *path = help_path (help_dir, files[f]);

    assert_int_equal (unlink (path), 0);
    free (path);
    assert_true (check () <= 2 * BLOCKS);
    again ();
  }
}

/* One bit at a time, and what fails is only what it was in. */
static void
test_flipped (void **state)
{
  uint64_t random = 1;

  (void) state;
  for (unsigned i = 0; i < 144; i++) {
    const char *name = files[i % 3];
    uint64_t at = (random = mix_u64 (random)) % interesting (name);
    int fd = open_file (name);
    uint8_t byte;

    if (i % 24 == 2)
      at %= 64;                 /* the headers, too */
    assert_int_equal (pread (fd, &byte, 1, at), 1);
    byte ^= 1 << i / 3 % 8;
    assert_int_equal (pwrite (fd, &byte, 1, at), 1);
    close (fd);
    if (strcmp (name, "data.0") == 0)
      assert_true (check () >= 2 * BLOCKS - 1);
    else
      check ();
  }
}

/* Random bytes over random ranges of everything. */
static void
test_random (void **state)
{
  uint64_t random = 2;
  uint8_t garbage[8192];

  (void) state;
  for (unsigned i = 0; i < 40; i++) {
    const char *name = files[i % 4];
    uint64_t at = (random = mix_u64 (random)) % interesting (name);
    uint64_t bytes = 1 + (random = mix_u64 (random)) % sizeof garbage;
    int fd = open_file (name);

    help_fill (garbage, sizeof garbage, CONTENT_RANDOM, 99, i);
    if (i % 5 == 0)
      memset (garbage, i % 2 ? 0xff : 0, sizeof garbage);
    assert_int_equal (pwrite (fd, garbage, bytes, at), bytes);
    close (fd);
    check ();
  }
}

static void
swap (const char *name, uint64_t a, uint64_t b, uint64_t bytes)
{
  uint8_t x[BS], y[BS];
  int fd = open_file (name);

  assert_int_equal (pread (fd, x, bytes, a), bytes);
  assert_int_equal (pread (fd, y, bytes, b), bytes);
  assert_int_equal (pwrite (fd, x, bytes, b), bytes);
  assert_int_equal (pwrite (fd, y, bytes, a), bytes);
  close (fd);
}

/* Slots and records in each other's places. */
static void
test_swapped (void **state)
{
  (void) state;
  for (unsigned a = 0; a < 6; a++)
    for (unsigned b = a + 1; b < 30; b += 7) {
      swap ("data.0", a * BS, b * BS, BS);
      check ();
      swap ("index", 4096 + a * 64, 4096 + b * 64, 64);
      check ();
      swap ("index", 4096 + a * 64, 4096 + b * 64, 64);
      swap ("data.0", a * BS, b * BS, BS);
      check ();
    }
  swap ("index", 0, 4096, 4096);
  check ();
}

static void
copy (const char *from_dir, const char *name)
{
  char *from = help_path (from_dir, name);
  uint64_t bytes = interesting (name);
  uint8_t *data = malloc (bytes);
  int in = open (from, O_RDONLY), out = open_file (name);

  assert_non_null (data);
  bytes = pread (in, data, bytes, 0);
  assert_int_equal (pwrite (out, data, bytes, 0), bytes);
  close (in);
  close (out);
  free (data);
  free (from);
}

/* Files of another cache: one with other versions of the same objects, one
 * with the very same.
 */
static void
test_foreign (void **state)
{
  (void) state;
  for (unsigned seed = 0; seed < 4; seed += 2) {
    char *other = help_make_dir ();

    build (other, seed);
    for (unsigned which = 1; which < 8; which++) {
      for (unsigned f = 0; f < 3; f++)
        if (which & (1 << f))
          copy (other, files[f]);
      check ();
      again ();
    }
    help_remove_dir (other);
  }
}

/* Right by their checks, but lying. */
static void
test_crafted (void **state)
{
  static const uint64_t lengths[] = {
    0, 1, 0x1000100010001000, 0xffffffffffffffff, 0x0000000000001001,
    0x0001000100010001, 0x0fff0fff0fff0fff, 0x1000000010000000
  };
  struct index_header ih;
  struct cache c = { .nonce = 0 };
  uint8_t record[INDEX_RECORD], policy[POLICY_ENTRY_SAVED];
  int fd = open_file ("index");

  (void) state;
  memset (policy, 0xff, sizeof policy);
  assert_int_equal (index_read_header (&sys_real, fd, &ih), FOUND);
  close (fd);
  for (unsigned i = 0; i < 64; i++) {
    struct record r = {
      .object = 1 + i % 3, .lengths = lengths[i % 8],
      .block = i % 5 == 4 ? UINT64_MAX - i : i % 30, .flags = UINT32_MAX
    };
    uint32_t slot = i;

    c.nonce = ih.nonce;
    index_encode (&c, objects_seed (r.object, r.object == 1 ? "even" : "odd",
                                    r.object == 1 ? "v0" : "v1", SIZE),
                  slot, &r, policy, record);
    /* Zero blocks can't be told from lies: there is nothing to check. */
    if (r.lengths == 0)
      continue;
    fd = open_file ("index");
    assert_int_equal (pwrite (fd, record, 64, index_offset (slot)), 64);
    close (fd);
    if (i % 4 == 3)
      check ();
  }
  check ();
}

/* A header that says something else, with the right check. */
static void
craft_header (unsigned offset, const void *value, unsigned bytes)
{
  uint8_t header[512];
  int fd = open_file ("index");
  uint32_t crc;

  assert_int_equal (pread (fd, header, sizeof header, 0), sizeof header);
  memcpy (header + offset, value, bytes);
  crc = htole32 (index_crc (UINT32_MAX, header, 12));
  memcpy (header + 12, &crc, 4);
  crc = htole32 (index_crc (UINT32_MAX, header, 48));
  memcpy (header + 48, &crc, 4);
  assert_int_equal (pwrite (fd, header, sizeof header, 0), sizeof header);
  close (fd);
}

static void
test_headers (void **state)
{
  static const uint32_t slots[] = { 0, 1, 5, 100000, UINT32_MAX };
  static const uint32_t zero = 0, two = 2, odd = 12345;
  struct cache_config conf = config (help_dir);
  struct error e = { 0 };

  (void) state;
  for (unsigned i = 0; i < 5; i++) {
    uint32_t value = htole32 (slots[i]);

    craft_header (28, &value, 4);
    check ();
  }
  craft_header (44, &odd, 4);           /* policy */
  check ();
  craft_header (24, &zero, 4);          /* block size */
  check ();
  craft_header (24, &odd, 4);
  check ();
  craft_header (32, &slots[4], 4);      /* budget */
  check ();

  craft_header (8, &two, 4);            /* version: kept, and named */
  assert_null (cache_open (&conf, &e));
  assert_non_null (strstr (e.text, "version"));
  assert_non_null (strstr (e.text, "index"));
  craft_header (8, &(uint32_t) { htole32 (1) }, 4);
  assert_int_equal (check (), 2 * BLOCKS);
}

/* What is no file at all: an error that says so, or as if it were missing. */
static void
test_not_files (void **state)
{
  (void) state;
  for (unsigned f = 0; f < 4; f++)
    for (unsigned kind = 0; kind < 3; kind++) {
      char *path = help_path (help_dir, files[f]);
      struct cache_config conf = config (help_dir);
      struct error e = { 0 };
      struct cache *c;

      unlink (path);
      if (kind == 0)
        assert_int_equal (mkdir (path, 0700), 0);
      else if (kind == 1)
        assert_int_equal (symlink ("/dev/null", path), 0);
      else
        assert_int_equal (mkfifo (path, 0600), 0);
      c = cache_open (&conf, &e);
      if (c)
        cache_close (c);
      else if (!strstr (e.text, help_dir))
        fail_msg ("%s: %s", files[f], e.text);
      remove (path);
      free (path);
      again ();
    }
}

/* The messages that damage causes are few. */
static void
test_said (void **state)
{
  int fd = open_file ("index");

  (void) state;
  said = 0;
  assert_int_equal (ftruncate (fd, 10), 0);
  close (fd);
  assert_int_equal (check (), 0);
  assert_int_equal (said, 1);
}

/* Stores for as long as it lives. */
static void
victim (int fd, uint64_t seed)
{
  struct cache_config conf = config (help_dir);
  struct cache *c = help_open (&conf);
  uint64_t big = 4 * BUDGET;
  struct cache_object *o = help_object (c, "big", 7, big);

  for (;;) {
    uint64_t first = (seed = mix_u64 (seed)) % (big / BS - 8);
    struct cache_store_options options = { .hurry = seed & 1 };

    help_store (o, 7, big, BS, first, 1 + seed / 2 % 8, CONTENT_MIXED,
                &options);
    if (write (fd, "x", 1) != 1)
      _exit (1);
  }
}

static void
test_killed (void **state)
{
  struct cache_config conf = config (help_dir);
  uint64_t big = 4 * BUDGET, found = 0;
  char buf[256];

  (void) state;
  for (unsigned i = 0; i < 12; i++) {
    struct cache_object *o;
    struct cache *c;
    int fds[2], got = 0;
    pid_t pid;

    assert_int_equal (pipe (fds), 0);
    pid = fork ();
    if (pid == 0)
      victim (fds[1], i);
    close (fds[1]);
    while (got < (int) (i * 40 + 1))
      got += read (fds[0], buf, sizeof buf);
    assert_int_equal (kill (pid, SIGKILL), 0);
    assert_int_equal (waitpid (pid, NULL, 0), pid);
    close (fds[0]);

    assert_true (help_du (help_dir) <= BUDGET);
    c = help_open (&conf);
    assert_true (help_du (help_dir) <= BUDGET);
    o = help_object (c, "big", 7, big);
    found = help_count (o, 7, big, BS, CONTENT_MIXED);
    assert_true (found > 0);
    cache_object_close (o);
    cache_close (c);
  }
  /* The page cache outlives the process: nearly all of it is there. */
  assert_true (found > BUDGET / BS / 2);
}

#define T(name) cmocka_unit_test_setup_teardown (name, setup, help_tear_down)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    T (test_undamaged), T (test_truncated), T (test_missing),
    T (test_flipped), T (test_random), T (test_swapped), T (test_foreign),
    T (test_crafted), T (test_headers), T (test_not_files), T (test_said),
    T (test_killed),
  };

  log_to (count_messages, 0);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
