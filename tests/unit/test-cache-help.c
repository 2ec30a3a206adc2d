/* What the test programs of the cache share. */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test-cache-help.h"
#include "util/minmax.h"
#include "util/mix.h"

char *
help_path (const char *dir, const char *name)
{
  char *path;

  assert_int_not_equal (asprintf (&path, "%s/%s", dir, name), -1);
  return path;
}

char *
help_make_dir (void)
{
  const char *tmp = getenv ("TMPDIR");
  char *dir = help_path (tmp ? tmp : "/tmp", "tiercache-test-XXXXXX");

  assert_non_null (mkdtemp (dir));
  return dir;
}

char *help_dir;

int
help_set_up (void **state)
{
  (void) state;
  help_dir = help_make_dir ();
  return 0;
}

int
help_tear_down (void **state)
{
  (void) state;
  help_remove_dir (help_dir);
  return 0;
}

static void
each_file (const char *dir, void (*fn) (const char *path, void *opaque),
           void *opaque)
{
  DIR *d = opendir (dir);
  struct dirent *entry;

  assert_non_null (d);
  while ((entry = readdir (d))) {
    char *path;

    if (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0)
      continue;
    path = help_path (dir, entry->d_name);
    fn (path, opaque);
    free (path);
  }
  closedir (d);
}

static int
remove_one (const char *path, const struct stat *st, int type,
            struct FTW *ftw)
{
  (void) st;
  (void) type;
  (void) ftw;
  return remove (path);
}

void
help_remove_dir (char *dir)
{
  assert_int_equal (nftw (dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
  free (dir);
}

static void
add_blocks (const char *path, void *opaque)
{
  struct stat st;

  if (lstat (path, &st) == 0)   /* objects.tmp may have gone */
    *(uint64_t *) opaque += (uint64_t) st.st_blocks * 512;
}

uint64_t
help_du (const char *dir)
{
  uint64_t sum = 0;

  add_blocks (dir, &sum);
  each_file (dir, add_blocks, &sum);
  return sum;
}

static void
fill_random (uint8_t *out, uint32_t bytes, uint64_t seed)
{
  for (uint32_t i = 0; i < bytes; i += 8) {
    uint64_t x = mix_u64 (seed + i);

    memcpy (out + i, &x, min_u64 (8, bytes - i));
  }
}

static void
fill_text (uint8_t *out, uint32_t bytes, uint64_t seed)
{
  for (uint32_t i = 0; i < bytes; i += 32) {
    char text[64];

    snprintf (text, sizeof text, "block %016llx line %04x\n   ",
              (unsigned long long) seed, (i / 512) & 0xffff);
    memcpy (out + i, text, min_u64 (32, bytes - i));
  }
}

void
help_fill (uint8_t *out, uint32_t bytes, enum content content,
           uint64_t object, uint64_t block)
{
  uint64_t seed = mix_u64 (object * 1000003 + mix_u64 (block));

  switch (content) {
  case CONTENT_RANDOM:
    fill_random (out, bytes, seed);
    break;
  case CONTENT_TEXT:
    fill_text (out, bytes, seed);
    break;
  case CONTENT_MIXED:
    switch (seed % 4) {
    case 0: fill_random (out, bytes, seed); break;
    case 1: fill_text (out, bytes, seed); break;
    case 2: memset (out, 0, bytes); break;
    default:
      fill_random (out, bytes / 3, seed);
      memset (out + bytes / 3, 0, bytes / 3);
      fill_text (out + bytes / 3 * 2, bytes - bytes / 3 * 2, seed);
    }
  }
}

struct cache_config
help_config (const char *dir, uint64_t size, uint32_t block_size,
             bool compress)
{
  return (struct cache_config) {
    .dir = dir, .size = size, .block_size = block_size,
    .compress = compress, .policy = POLICY_LRU
  };
}

struct cache *
help_open (const struct cache_config *config)
{
  struct error e = { 0 };
  struct cache *cache = cache_open (config, &e);

  if (!cache)
    fail_msg ("%s", e.text);
  return cache;
}

struct cache_object *
help_object (struct cache *cache, const char *identity, uint64_t number,
             uint64_t size)
{
  struct error e = { 0 };
  struct cache_object *object;
  char validator[32];

  snprintf (validator, sizeof validator, "v%llu",
            (unsigned long long) number);
  object = cache_object_open (cache, identity, validator, true, size, &e);
  if (!object)
    fail_msg ("%s", e.text);
  return object;
}

static uint32_t
block_bytes (uint64_t size, uint32_t block_size, uint64_t block)
{
  return min_u64 (block_size, size - block * block_size);
}

void
help_store (struct cache_object *object, uint64_t number, uint64_t size,
            uint32_t block_size, uint64_t first, uint64_t count,
            enum content content, const struct cache_store_options *options)
{
  static const struct cache_store_options plain = { .cost_us = 1000 };
  uint8_t *data = malloc (count * block_size);
  uint64_t bytes = 0;

  assert_non_null (data);
  for (uint64_t i = 0; i < count; i++) {
    uint32_t n = block_bytes (size, block_size, first + i);

    help_fill (data + bytes, n, content, number, first + i);
    bytes += n;
  }
  cache_store (object, first, data, bytes, options ? options : &plain);
  free (data);
}

uint32_t
help_check (struct cache_object *object, uint64_t number, uint64_t size,
            uint32_t block_size, uint64_t offset, uint32_t count,
            enum content content)
{
  uint8_t *got = malloc (count), *want = malloc (block_size);
  unsigned flags = 0;
  uint32_t n, done = 0;

  assert_non_null (got);
  assert_non_null (want);
  n = cache_read (object, got, offset, count, &flags);
  assert_true (n <= count);
  assert_true (n == count || (offset + n) % block_size == 0 || n == 0);
  while (done < n) {
    uint64_t block = (offset + done) / block_size;
    uint32_t from = (offset + done) % block_size;
    uint32_t bytes = min_u64 (block_size - from, n - done);

    help_fill (want, block_bytes (size, block_size, block), content, number,
               block);
    if (memcmp (got + done, want + from, bytes) != 0)
      fail_msg ("block %llu of object %llu: wrong bytes",
                (unsigned long long) block, (unsigned long long) number);
    done += bytes;
  }
  free (got);
  free (want);
  return n;
}

uint64_t
help_count (struct cache_object *object, uint64_t number, uint64_t size,
            uint32_t block_size, enum content content)
{
  uint64_t count = 0;

  for (uint64_t b = 0; b * block_size < size; b++)
    count += help_check (object, number, size, block_size, b * block_size,
                         block_bytes (size, block_size, b), content) > 0;
  return count;
}

bool
help_wait (bool (*condition) (void *opaque), void *opaque)
{
  const struct timespec ms = { .tv_nsec = 1000000 };

  for (int i = 0; i < 60000; i++) {
    if (condition (opaque))
      return true;
    nanosleep (&ms, NULL);
  }
  return false;
}
