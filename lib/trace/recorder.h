/* Writes down what blocks clients ask for, while they do.
 *
 * Whoever reports an access never waits: accesses go into a ring in memory,
 * and one thread writes them to the file.  When the ring is full they are
 * counted as dropped.  The file is bounded, too: when it is full, or can't be
 * written, recording ends with one message, and everything else goes on.
 */

#ifndef TIERCACHE_RECORDER_H
#define TIERCACHE_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"
#include "util/sys.h"

#define RECORDER_FILE_MAX (UINT64_C (1) << 30)

struct recorder_config
{
  const char *path;
  uint32_t block_size;
  uint64_t file_max;            /* 0: RECORDER_FILE_MAX */

  /* Keep what is at path until the end, and replace it only if anything was
   * recorded: a server that replays what it recorded the last time.
   */
  bool at_end;
  const struct sys *sys;        /* NULL: sys_real */
};

struct recorder;
struct recorder_object;         /* lives as long as its recorder */

/* Makes the file, which takes the place of an older trace when the first
 * object comes; no thread is started before that.  NULL with *e: it can't be
 * written, is not a trace, or is being recorded by another process.  The path
 * is copied.
 */
extern struct recorder *recorder_open (const struct recorder_config *config,
                                       struct error *e);

/* Writes what is left.  Nobody may report any more. */
extern void recorder_close (struct recorder *recorder);

/* A version of an object: the same one for the same strings and size.
 * validator may be empty.  NULL: out of memory, or too many; what is reported
 * for it is left out.
 */
extern struct recorder_object *recorder_object (struct recorder *recorder,
                                                const char *identity,
                                                const char *validator,
                                                uint64_t size);

/* A client asks for blocks.  hit: they are cached.  Any thread. */
extern void recorder_access (struct recorder_object *object, uint64_t block,
                             uint32_t count, bool hit);

/* A block was fetched in so many microseconds, and takes so many bytes in the
 * cache.  Any thread.
 */
extern void recorder_stored (struct recorder_object *object, uint64_t block,
                             uint32_t cost_us, uint32_t bytes);

#endif /* TIERCACHE_RECORDER_H */
