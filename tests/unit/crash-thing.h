/* The things that a cache at work holds: versions of objects, and the bytes
 * in them.
 */

#ifndef TIERCACHE_CRASH_THING_H
#define TIERCACHE_CRASH_THING_H

#include <stdbool.h>
#include <stdint.h>

#define CRASH_BLOCK 16384u

struct crash_thing
{
  const char *path;             /* of its URL, without the first slash */
  const char *validator;        /* NULL: versions can't be told apart */
  bool lasting;
  uint64_t size;
};

enum { DISK_1, DISK_2, SMALL, FLEETING, BIG, THINGS };

/* DISK_1 and DISK_2 are two versions of one object. */
extern const struct crash_thing crash_things[THINGS];

extern uint64_t crash_thing_blocks (const struct crash_thing *thing);

/* The bytes of one block, as if the thing had no end. */
extern void crash_thing_content (const struct crash_thing *thing,
                                 uint64_t block,
                                 unsigned char buf[CRASH_BLOCK]);

#endif /* TIERCACHE_CRASH_THING_H */
