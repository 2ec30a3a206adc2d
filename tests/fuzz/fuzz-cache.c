/* libFuzzer target: a cache directory in which anything was overwritten.
 * Whatever is done to its files, opening it fails in words or what it serves
 * is right.
 *
 * The input is a list of edits of a small, valid cache: which file, where,
 * how many bytes, the bytes (which are XORed onto what is there, so that an
 * edit can be as small as a bit), or the length to cut the file to.
 */

#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache.h"
#include "sys-test.h"
#include "util/log.h"
#include "util/mix.h"

#define BLOCK 4096u
#define BLOCKS 24u
#define EDIT_MAX 64u

static const char *const files[] = {
  "/c/index", "/c/objects", "/c/data.0", "/c/lock"
};
static const char *const names[] = { "one", "two" };
static struct sys_test *valid;

extern int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
quiet (enum log_level level, const char *text)
{
  (void) level;
  (void) text;
}

/* Every third block compresses, every seventh is zero. */
static void
content (unsigned object, uint64_t block, uint8_t *buf)
{
  for (unsigned i = 0; i < BLOCK; i++)
    buf[i] = block % 7 == 6 ? 0
      : block % 3 == 2 ? 'a' + object + block
      : mix_u64 (i / 8 + 1000 * (block + 100 * object)) >> (i % 8 * 8);
}

static struct cache *
open_cache (struct sys_test *test)
{
  struct cache_config config = {
    .dir = "/c", .size = 1 << 20, .block_size = BLOCK, .compress = true,
    .sys = sys_test_sys (test)
  };
  struct error e;

  return cache_open (&config, &e);
}

static struct cache_object *
open_object (struct cache *cache, unsigned i)
{
  struct error e;

  return cache_object_open (cache, names[i], "version", true,
                            BLOCKS * BLOCK - 100, &e);
}

static void
make_valid (void)
{
  static const struct cache_store_options options = { .cost_us = 1000 };
  uint8_t buf[BLOCK];
  struct cache *cache;

  log_to (quiet, 0);
  valid = sys_test_new_model ();
  cache = open_cache (valid);
  if (!cache)
    abort ();
  for (unsigned i = 0; i < 2; i++) {
    struct cache_object *object = open_object (cache, i);

    if (!object)
      abort ();
    for (uint64_t b = 0; b < BLOCKS; b++) {
      content (i, b, buf);
      cache_store (object, b, buf, b == BLOCKS - 1 ? BLOCK - 100 : BLOCK,
                   &options);
    }
    cache_object_close (object);
  }
  cache_close (cache);
}

/* One edit.  How many bytes of the input it took. */
static size_t
edit (const struct sys *sys, const uint8_t *data, size_t size)
{
  uint8_t buf[EDIT_MAX] = { 0 };
  uint64_t at = data[1] | data[2] << 8 | (data[3] & 3) << 16;
  size_t n = data[4] % EDIT_MAX;
  int fd = sys->open (sys, files[data[0] % 4], O_RDWR, 0);
  ssize_t got;

  if (n > size - 5)
    n = size - 5;
  if (fd == -1)
    return size;
  if (data[0] & 0x40)
    sys->ftruncate (sys, fd, at);
  else {
    got = sys->pread (sys, fd, buf, n, at);
    for (size_t i = 0; i < n; i++)
      buf[i] = (got > (ssize_t) i ? buf[i] : 0) ^ data[5 + i];
    sys->pwrite (sys, fd, buf, n, at);
  }
  sys->close (sys, fd);
  return 5 + n;
}

static void
check_all (struct cache *cache)
{
  uint8_t got[BLOCK], want[BLOCK];

  for (unsigned i = 0; i < 2; i++) {
    struct cache_object *object = open_object (cache, i);

    if (!object)
      continue;
    for (uint64_t b = 0; b < BLOCKS; b++) {
      unsigned flags = 0;
      uint32_t n = cache_read (object, got, b * BLOCK,
                               b == BLOCKS - 1 ? BLOCK - 100 : BLOCK, &flags);

      content (i, b, want);
      if (memcmp (got, want, n) != 0) {
        fprintf (stderr, "wrong bytes in block %u of object %u\n",
                 (unsigned) b, i);
        abort ();
      }
    }
    cache_object_close (object);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct sys_test *test;
  struct cache *cache;

  if (!valid)
    make_valid ();
  test = sys_test_kill (valid);
  while (size >= 5) {
    size_t n = edit (sys_test_sys (test), data, size);

    data += n;
    size -= n;
  }
  cache = open_cache (test);
  if (cache) {
    check_all (cache);
    cache_close (cache);
  }
  sys_test_free (test);
  return 0;
}
