/* The index: its header, and one record for each slot.  Bytes and checks as
 * in docs/tiercache-cache-format.pod.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include <isa-l/crc.h>

#include "cache/bytes.h"
#include "cache/cache-internal.h"
#include "util/mix.h"

#define FORMAT 1                /* of the index */
#define CHECKED 48              /* bytes of header and record that a check
                                   covers, its own included */
#define HEADER_USED 544
#define HEADER_POLICY 512

static const char magic[8] = "tcIndex";

uint32_t
index_crc (uint32_t seed, const void *data, size_t bytes)
{
  return crc32_iscsi ((unsigned char *) data, bytes, seed);
}

void
index_prelude (uint8_t *out, const char m[8], uint32_t version)
{
  memcpy (out, m, 8);
  bytes_put32 (out + 8, version);
  bytes_put32 (out + 12, index_crc (UINT32_MAX, out, 12));
}

enum found
index_check_prelude (const uint8_t *in, const char m[8], uint32_t newest,
                     uint32_t *version)
{
  if (memcmp (in, m, 8) != 0 ||
      bytes_get32 (in + 12) != index_crc (UINT32_MAX, in, 12))
    return FOUND_DAMAGED;
  *version = bytes_get32 (in + 8);
  return *version >= 1 && *version <= newest ? FOUND : FOUND_UNKNOWN_VERSION;
}

enum found
index_read_header (const struct sys *sys, int fd, struct index_header *h)
{
  uint8_t in[HEADER_USED];
  uint32_t version;
  enum found found;
  ssize_t r = sys_pread_full (sys, fd, in, sizeof in, 0);

  if (r != sizeof in)
    return r == -1 ? FOUND_ERROR : FOUND_DAMAGED;
  found = index_check_prelude (in, magic, FORMAT, &version);
  if (found != FOUND)
    return found;
  if (bytes_get32 (in + 48) != index_crc (UINT32_MAX, in, CHECKED))
    return FOUND_DAMAGED;
  h->nonce = bytes_get64 (in + 16);
  h->block_size = bytes_get32 (in + 24);
  h->slots = bytes_get32 (in + 28);
  h->budget = bytes_get64 (in + 32);
  h->flags = bytes_get32 (in + 40);
  h->policy = bytes_get32 (in + 44);
  memcpy (h->policy_state, in + HEADER_POLICY, POLICY_SAVED);
  if (h->block_size < CACHE_BLOCK_SIZE_MIN ||
      h->block_size > CACHE_BLOCK_SIZE_MAX ||
      (h->block_size & (h->block_size - 1)) != 0)
    return FOUND_DAMAGED;
  return FOUND;
}

/* Leaves the policy's state alone: that is in its own sector. */
int
index_write_header (struct cache *c)
{
  uint8_t out[HEADER_POLICY] = { 0 };

  index_prelude (out, magic, FORMAT);
  bytes_put64 (out + 16, c->nonce);
  bytes_put32 (out + 24, c->block_size);
  bytes_put32 (out + 28, c->slots);
  bytes_put64 (out + 32, c->size);
  bytes_put32 (out + 40, c->compress ? INDEX_COMPRESS : 0);
  bytes_put32 (out + 44, c->policy_kind);
  bytes_put32 (out + 48, index_crc (UINT32_MAX, out, CHECKED));
  if (sys_pwrite_full (c->sys, c->index_fd, out, sizeof out, 0) == -1)
    return -1;
  return c->sys->fdatasync (c->sys, c->index_fd);
}

int
index_write_policy (struct cache *c, const uint8_t state[POLICY_SAVED])
{
  return sys_pwrite_full (c->sys, c->index_fd, state, POLICY_SAVED,
                          HEADER_POLICY) == -1 ? -1 : 0;
}

static uint32_t
record_check (uint64_t nonce, uint64_t seed, uint32_t slot,
              const uint8_t *record)
{
  return index_crc ((uint32_t) mix_u64 (seed ^ mix_u64 (nonce + slot)),
                    record + 4, CHECKED - 4);
}

void
index_encode (const struct cache *c, uint64_t seed, uint32_t slot,
              const struct record *r,
              const uint8_t policy[POLICY_ENTRY_SAVED],
              uint8_t out[INDEX_RECORD])
{
  memset (out, 0, INDEX_RECORD);
  bytes_put32 (out + 4, r->object);
  bytes_put64 (out + 8, r->block);
  bytes_put64 (out + 16, r->lengths);
  for (unsigned p = 0; p < PIECES; p++)
    bytes_put32 (out + 24 + 4 * p, r->crc[p]);
  bytes_put32 (out + 40, r->flags);
  memcpy (out + INDEX_POLICY, policy, POLICY_ENTRY_SAVED);
  bytes_put32 (out, record_check (c->nonce, seed, slot, out));
}

uint32_t
index_object (const uint8_t in[INDEX_RECORD])
{
  return bytes_get32 (in + 4);
}

bool
index_decode (uint64_t nonce, uint64_t seed, uint32_t slot,
              const uint8_t in[INDEX_RECORD], struct record *r)
{
  if (bytes_get32 (in) != record_check (nonce, seed, slot, in))
    return false;
  r->object = bytes_get32 (in + 4);
  r->block = bytes_get64 (in + 8);
  r->lengths = bytes_get64 (in + 16);
  for (unsigned p = 0; p < PIECES; p++)
    r->crc[p] = bytes_get32 (in + 24 + 4 * p);
  r->flags = bytes_get32 (in + 40);
  return true;
}

int
index_write (struct cache *c, uint32_t slot, uint32_t count,
             const uint8_t *records)
{
  return sys_pwrite_full (c->sys, c->index_fd, records,
                          (size_t) count * INDEX_RECORD,
                          index_offset (slot)) == -1 ? -1 : 0;
}

/* What is beyond the end of the file reads as empty. */
int
index_read (struct cache *c, uint32_t slot, uint32_t count, uint8_t *records)
{
  size_t bytes = (size_t) count * INDEX_RECORD;
  ssize_t r = sys_pread_full (c->sys, c->index_fd, records, bytes,
                              index_offset (slot));

  if (r == -1)
    return -1;
  memset (records + r, 0, bytes - r);
  return 0;
}
