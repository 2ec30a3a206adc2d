/* The things that a cache at work holds. */

#include <config.h>

#include <string.h>

#include "crash-thing.h"
#include "util/mix.h"

#define BLOCK CRASH_BLOCK

const struct crash_thing crash_things[THINGS] = {
  [DISK_1] = { "disk", "\"v1\"", true, 24 * BLOCK + 1000 },
  [DISK_2] = { "disk", "\"v2\"", true, 26 * BLOCK },
  [SMALL] = { "small", "\"w\"", true, 100 },
  [FLEETING] = { "fleeting", NULL, false, 8 * BLOCK },
  [BIG] = { "big", "\"x\"", true, 90 * BLOCK },
};

uint64_t
crash_thing_blocks (const struct crash_thing *thing)
{
  return (thing->size + BLOCK - 1) / BLOCK;
}

/* One block in four is zeros, one compressible, one compressible in some of
 * its pieces.
 */
void
crash_thing_content (const struct crash_thing *thing, uint64_t block,
                     unsigned char buf[BLOCK])
{
  uint64_t seed = mix_u64 ((thing - crash_things) * UINT64_C (1000003)
                           + block);
  unsigned kind = block % 4;

  memset (buf, 0, BLOCK);
  for (uint64_t i = 0; i < BLOCK / 8 && kind != 0; i++) {
    bool random = kind == 3 || (kind == 2 && i * 8 / 4096 % 2);
    uint64_t word = mix_u64 (seed + (random ? i : i / 64));

    memcpy (buf + i * 8, &word, 8);
  }
}
