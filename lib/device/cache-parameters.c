/* The parameters of the cache, which the plugin, the filter and tiercache-ctl
 * have under different names.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "device/cache-parameters.h"
#include "fetch/readahead.h"
#include "util/cleanup.h"
#include "util/parse.h"

#define CACHE_SIZE_MAX (UINT64_C (1) << 60)

void
cache_parameters_init (struct engine_config *engine)
{
  engine->cache.size = UINT64_C (10) << 30;
  engine->cache.block_size = 64 << 10;
  engine->cache.compress = true;
  engine->cache.policy = POLICY_WEIGHTED;
  engine->readahead = READAHEAD_WINDOW_MAX;
}

static int
set_block_size (struct cache_config *cache, const char *key,
                const char *value, struct error *e)
{
  uint64_t size;

  if (parse_size (key, value, CACHE_BLOCK_SIZE_MIN, CACHE_BLOCK_SIZE_MAX,
                  &size, e) == -1)
    return -1;
  if (size & (size - 1))
    return error_set (e, EINVAL, "%s=%s: must be a power of two, from 4K to "
                      "4M", key, value);
  cache->block_size = size;
  return 0;
}

static int
set_compress (struct cache_config *cache, const char *key, const char *value,
              struct error *e)
{
  static const char *const words[] = { "lz4", "none", NULL };
  int word = parse_word (key, value, words, e);

  if (word == -1)
    return -1;
  cache->compress = word == 0;
  return 0;
}

static int
set_policy (struct cache_config *cache, const char *key, const char *value,
            struct error *e)
{
  static const char *const words[] = { "weighted", "lru", NULL };
  int word = parse_word (key, value, words, e);

  if (word == -1)
    return -1;
  cache->policy = word == 0 ? POLICY_WEIGHTED : POLICY_LRU;
  return 0;
}

int
cache_parameters_set (struct engine_config *engine, const char *what,
                      const char *key, const char *value, struct error *e)
{
  if (strcmp (what, "size") == 0)
    return parse_size (key, value, 0, CACHE_SIZE_MAX, &engine->cache.size, e);
  if (strcmp (what, "block-size") == 0)
    return set_block_size (&engine->cache, key, value, e);
  if (strcmp (what, "compress") == 0)
    return set_compress (&engine->cache, key, value, e);
  if (strcmp (what, "policy") == 0)
    return set_policy (&engine->cache, key, value, e);
  return 1;
}

int
cache_parameters_readahead (struct engine_config *engine, const char *key,
                            const char *value, struct error *e)
{
  return parse_size (key, value, 0, UINT64_C (1) << 30, &engine->readahead,
                     e);
}

char *
cache_parameters_dir (const char *identity, const char *key, struct error *e)
{
  const char *xdg = getenv ("XDG_CACHE_HOME"), *home = getenv ("HOME");
  XXH128_hash_t hash = XXH3_128bits (identity, strlen (identity));
  CLEANUP_FREE char *base = NULL;
  char *dir;
  int r;

  if (xdg && *xdg == '/')
    r = asprintf (&base, "%s", xdg);
  else if (geteuid () == 0)
    r = asprintf (&base, "/var/cache");
  else if (home && *home == '/')
    r = asprintf (&base, "%s/.cache", home);
  else {
    error_set (e, EINVAL, "%s: must be given, for neither XDG_CACHE_HOME nor "
               "HOME says where caches go", key);
    return NULL;
  }
  if (r == -1
      || asprintf (&dir, "%s/tiercache/%016" PRIx64 "%016" PRIx64, base,
                   hash.high64, hash.low64) == -1) {
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  return dir;
}
