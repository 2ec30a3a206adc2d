/* Little-endian numbers on disk. */

#ifndef TIERCACHE_BYTES_H
#define TIERCACHE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void
bytes_put16 (uint8_t *out, uint16_t x)
{
  x = htole16 (x);
  memcpy (out, &x, sizeof x);
}

static inline void
bytes_put32 (uint8_t *out, uint32_t x)
{
  x = htole32 (x);
  memcpy (out, &x, sizeof x);
}

static inline void
bytes_put64 (uint8_t *out, uint64_t x)
{
  x = htole64 (x);
  memcpy (out, &x, sizeof x);
}

static inline uint16_t
bytes_get16 (const uint8_t *in)
{
  uint16_t x;

  memcpy (&x, in, sizeof x);
  return le16toh (x);
}

static inline uint32_t
bytes_get32 (const uint8_t *in)
{
  uint32_t x;

  memcpy (&x, in, sizeof x);
  return le32toh (x);
}

static inline uint64_t
bytes_get64 (const uint8_t *in)
{
  uint64_t x;

  memcpy (&x, in, sizeof x);
  return le64toh (x);
}

#endif /* TIERCACHE_BYTES_H */
