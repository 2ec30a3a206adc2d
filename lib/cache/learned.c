/* What the policy has learned, from one clean end to the next start.  Nothing
 * of it is essential: what is missing, damaged or of another version is as if
 * it had never been.  Bytes as in docs/tiercache-cache-format.pod.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/bytes.h"
#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/log.h"

#define FORMAT 2       /* 1: another body */
#define HEADER 48
#define FILE_BYTES_MAX (UINT32_C (1) << 20)
#define SHARE 64                /* of the budget, at most */

static const char magic[8] = "tcLearnt";

static struct policy_config
config_of (const struct cache *c, uint32_t slots)
{
  return (struct policy_config) {
    .kind = c->policy_kind, .goal = c->goal, .admission = c->admission,
    .max_entries = slots
  };
}

uint64_t
learned_reserve (const struct cache *c, uint32_t slots)
{
  struct policy_config config = config_of (c, slots);
  uint64_t most = policy_learned_most (&config), unit = c->unit;

  if (most == 0)
    return 0;
  most = (HEADER + most + unit - 1) / unit * unit + unit;
  return most <= c->size / SHARE ? most : 0;
}

static bool
is_whole (const uint8_t *in, size_t bytes)
{
  uint32_t version;

  return bytes > HEADER
    && index_check_prelude (in, magic, FORMAT, &version) == FOUND
    && version == FORMAT
    && bytes_get32 (in + 44) == index_crc (UINT32_MAX, in, 44)
    && bytes_get32 (in + 32) == bytes - HEADER
    && bytes_get32 (in + 36) == index_crc (UINT32_MAX, in + HEADER,
                                           bytes - HEADER);
}

/* The file's bytes, or NULL. */
static uint8_t *
read_file (struct cache *c, size_t *bytes)
{
  CLEANUP_FREE char *path = cache_path (c->dir, "learned");
  uint8_t *in = NULL;
  struct stat st;
  int fd = !path ? -1 :
    c->sys->open (c->sys, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

  if (fd == -1)
    return NULL;
  if (c->sys->fstat (c->sys, fd, &st) == 0 && S_ISREG (st.st_mode)
      && st.st_size <= FILE_BYTES_MAX) {
    *bytes = st.st_size;
    in = malloc (*bytes + 1);
    if (in && sys_pread_full (c->sys, fd, in, *bytes, 0) != st.st_size) {
      free (in);
      in = NULL;
    }
  }
  c->sys->close (c->sys, fd);
  return in;
}

void
learned_open (struct cache *c)
{
  c->learned = read_file (c, &c->learned_bytes);
  if (c->learned && is_whole (c->learned, c->learned_bytes))
    c->hash_seed = bytes_get64 (c->learned + 24);
  else {
    free (c->learned);
    c->learned = NULL;
  }
}

void
learned_load (struct cache *c)
{
  if (c->learned && bytes_get64 (c->learned + 16) == c->nonce
      && !policy_learned_load (c->policy, c->learned + HEADER,
                               c->learned_bytes - HEADER))
    log_debug (cache, "%s: what the policy had learned is of no use any more",
               c->dir);
}

/* Whatever ends this process, it is not found again when it is too old. */
void
learned_drop (struct cache *c)
{
  free (c->learned);
  c->learned = NULL;
  cache_unlink (c, "learned");
}

static int
write_file (struct cache *c, const uint8_t *image, size_t bytes)
{
  CLEANUP_FREE char *path = cache_path (c->dir, "learned");
  int fd = !path ? -1 :
    c->sys->open (c->sys, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW |
                  O_NONBLOCK, 0600);
  int r, saved;

  if (fd == -1)
    return -1;
  r = sys_pwrite_full (c->sys, fd, image, bytes, 0) == -1 ? -1 : 0;
  saved = errno;
  c->sys->close (c->sys, fd);
  errno = saved;
  return r;
}

void
learned_save (struct cache *c)
{
  struct policy_config config = config_of (c, c->slots);
  CLEANUP_FREE uint8_t *image = NULL;
  size_t bytes;

  if (learned_reserve (c, c->slots) == 0 || !owned_in_place (c))
    return;
  image = calloc (1, HEADER + policy_learned_most (&config));
  if (!image)
    return;
  bytes = policy_learned_save (c->policy, image + HEADER);
  index_prelude (image, magic, FORMAT);
  bytes_put64 (image + 16, c->nonce);
  bytes_put64 (image + 24, c->hash_seed);
  bytes_put32 (image + 32, bytes);
  bytes_put32 (image + 36, index_crc (UINT32_MAX, image + HEADER, bytes));
  bytes_put32 (image + 44, index_crc (UINT32_MAX, image, 44));
  if (write_file (c, image, HEADER + bytes) == -1) {
    log_debug (cache, "%s/learned: cannot write: %s: the policy learns anew",
               c->dir, strerror (errno));
    cache_unlink (c, "learned");
  }
}
