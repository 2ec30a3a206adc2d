/* Read-ahead: what will be read next, told from what is being read.
 *
 * Pure logic: no I/O, no clock.  Follows several streams at once (forward,
 * backward, strided), each with a window that doubles from 128 KiB while
 * what it brought is used, and shrinks when it is not.  Bounded memory
 * (4 KiB an image).  Its lock is its own, and is never held long.
 */

#ifndef TIERCACHE_READAHEAD_H
#define TIERCACHE_READAHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READAHEAD_WINDOW_MIN 131072u
#define READAHEAD_WINDOW_MAX (32u << 20)    /* the default largest window */
#define READAHEAD_RANGES 4

struct readahead_range
{
  uint64_t offset, count;       /* bytes, whole blocks, within the object */
};

struct readahead;

/* Whether a block is cached: hits are not noted, so that a reader who finds
 * some blocks cached seems to leave them out.  Called with the lock held, for
 * each block that a window comes to: must be quick.
 */
typedef bool (*readahead_has_fn) (void *opaque, uint64_t block);

/* size and block_size of the object in bytes, max_window the largest window
 * of one stream (0: never reads ahead), in bytes that are not cached.  has may
 * be NULL.  NULL: out of memory.
 */
extern struct readahead *readahead_new (uint64_t size, uint32_t block_size,
                                        uint64_t max_window,
                                        readahead_has_fn has, void *opaque);
extern void readahead_free (struct readahead *ra);

/* Someone reads [offset, offset + count).  Called when some block of it was
 * missing (missed), or was brought by read-ahead and is used for the first
 * time; not for other hits: those cost nothing.  Fills out with up to
 * READAHEAD_RANGES ranges to fetch now, in the order of need, and returns how
 * many.  Ranges may overlap what is cached or in flight.
 */
extern size_t readahead_note (struct readahead *ra, uint64_t offset,
                              uint64_t count, bool missed,
                              struct readahead_range
                              out[READAHEAD_RANGES]);

#endif /* TIERCACHE_READAHEAD_H */
