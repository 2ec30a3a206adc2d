/* The stored form of a block: four pieces, each raw, LZ4 or nothing at all,
 * one after the other.  See docs/tiercache-cache-format.pod.
 */

#include <config.h>

#include <string.h>

#include <lz4.h>

#include "cache/cache-internal.h"
#include "util/mix.h"
#include "util/yield.h"

static bool
all_zero (const uint8_t *data, uint32_t bytes)
{
  return data[0] == 0 && memcmp (data, data + 1, bytes - 1) == 0;
}

static uint64_t
length_at (unsigned piece, uint64_t length)
{
  return length << (16 * piece);
}

/* The lengths of a block of which everything is raw. */
uint64_t
pieces_raw (const struct cache *c)
{
  uint64_t lengths = 0;

  for (unsigned p = 0; p < PIECES; p++)
    lengths |= length_at (p, c->piece / c->granule);
  return lengths;
}

/* What pieces [first, end) take in the slot. */
uint32_t
pieces_bytes (const struct cache *c, uint64_t lengths, unsigned first,
              unsigned end)
{
  uint32_t sum = 0;

  for (unsigned p = first; p < end; p++)
    sum += pieces_length (lengths, p) * c->granule;
  return sum;
}

/* May such lengths be in the index? */
bool
pieces_valid (const struct cache *c, uint64_t lengths)
{
  for (unsigned p = 0; p < PIECES; p++)
    if (pieces_length (lengths, p) > c->piece / c->granule)
      return false;
  return true;
}

/* One LZ4 block, filled up to whole granules.  Returns its stored bytes, less
 * than a piece; 0 if it doesn't become that small.
 */
static uint32_t
compress (const struct cache *c, const uint8_t *piece, uint8_t *room)
{
  uint32_t most = c->piece - (c->granule > 1 ? 2 * c->granule : 1), pad;
  int n = LZ4_compress_default ((const char *) piece, (char *) room,
                                c->piece, most);

  if (n <= 0)
    return 0;
  if (c->granule == 1)
    return n;
  pad = c->granule - n % c->granule;
  memset (room + n, 0, pad);
  room[n + pad - 1] = pad;
  return n + pad;
}

/* Compressing a block takes several times as long as a hit, which would wait
 * for it where cores are few: between pieces the core is free for others.
 */
static void
pack_into_room (const struct cache *c, const uint8_t *data, uint8_t *room,
                struct packed *packed)
{
  packed->data = room;
  for (unsigned p = 0; p < PIECES; p++) {
    const uint8_t *piece = data + p * c->piece;
    uint8_t *out = room + packed->bytes;
    uint32_t bytes = 0;

    if (!all_zero (piece, c->piece)) {
      yield_core ();
      bytes = compress (c, piece, out);
      if (bytes == 0)
        memcpy (out, piece, bytes = c->piece);
    }
    packed->lengths |= length_at (p, bytes / c->granule);
    packed->bytes += bytes;
  }
}

/* The smallest form of a block.  room has the size of a block, or is NULL:
 * then nothing is compressed, but zeros at the end are still left out.
 */
void
pieces_pack (const struct cache *c, const uint8_t *data, uint8_t *room,
             struct packed *packed)
{
  packed->data = data;
  packed->bytes = 0;
  packed->lengths = 0;
  if (room && c->block_size > c->unit)
    pack_into_room (c, data, room, packed);
  else {
    unsigned end = PIECES;

    while (end > 0 && all_zero (data + (end - 1) * c->piece, c->piece))
      end--;
    for (unsigned p = 0; p < end; p++)
      packed->lengths |= length_at (p, c->piece / c->granule);
    packed->bytes = end * c->piece;
  }
  if (budget_block (c, packed->lengths) >=
      budget_block (c, pieces_raw (c))) {
    packed->data = data;
    packed->bytes = c->block_size;
    packed->lengths = pieces_raw (c);
  }
}

/* The check of stored bytes. */
uint32_t
pieces_crc (uint64_t seed, uint64_t block, unsigned piece,
            const void *stored, uint32_t bytes)
{
  return index_crc (mix_u64 (seed ^ mix_u64 (block * PIECES + piece)) >> 32,
                    stored, bytes);
}

void
pieces_sum (const struct cache *c, uint64_t seed, struct packed *packed)
{
  const uint8_t *stored = packed->data;

  for (unsigned p = 0; p < PIECES; p++) {
    uint32_t bytes = pieces_length (packed->lengths, p) * c->granule;

    packed->crc[p] = bytes == 0 ? 0 :
      pieces_crc (seed, packed->block, p, stored, bytes);
    stored += bytes;
  }
}

/* Decodes one piece whole.  The stored bytes may be anything: a reader may
 * have been overtaken.  False if they can't be decoded.
 */
bool
pieces_decode (const struct cache *c, uint32_t length,
               const uint8_t *stored, uint8_t *out)
{
  uint32_t bytes = length * c->granule;

  if (bytes == 0)
    memset (out, 0, c->piece);
  else if (bytes == c->piece)
    memcpy (out, stored, c->piece);
  else {
    if (c->granule > 1) {
      uint8_t pad = stored[bytes - 1];

      if (pad == 0 || pad > c->granule)
        return false;
      bytes -= pad;
    }
    return LZ4_decompress_safe ((const char *) stored, (char *) out, bytes,
                                c->piece) == (int) c->piece;
  }
  return true;
}
