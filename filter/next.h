/* The next layer, as the engine reads it. */

#ifndef TIERCACHE_NEXT_H
#define TIERCACHE_NEXT_H

#include <stdint.h>

#include <nbdkit-filter.h>

#include "origin/origin.h"
#include "util/error.h"

/* A connection's way to the next layer, and what that takes. */
struct next
{
  nbdkit_next *next;
  uint64_t size;
  uint32_t minimum, preferred, maximum;         /* bytes of a request */

  /* While it has joined an origin; guarded by that. */
  struct next *following;
  unsigned reading;             /* threads that use it now */
};

/* Asks the next layer for what does not change while it is open.  Blocks of
 * block_size must be such that it can be read in them.  0, or -1 with *e.
 */
extern int next_describe (struct next *ret, nbdkit_next *next,
                          uint32_t block_size, struct error *e);

/* Reads all of the bytes, in requests that it takes: a device_read_fn.  The
 * error is the next layer's own.
 */
extern int next_read (void *next, void *buf, uint32_t count, uint64_t offset,
                      struct error *e);

/* An origin that any thread may read: through whichever connections have
 * joined it.  validator NULL: none.  NULL when out of memory.
 *
 * The connections' own contexts are used because a context of the filter's
 * has no export name, no client and no TLS: plugins show other bytes to it,
 * or abort.
 */
extern struct origin *next_origin (uint64_t size, const char *validator);
extern void next_join (struct origin *origin, struct next *next);

/* Waits until no thread uses the connection's context any more. */
extern void next_leave (struct origin *origin, struct next *next);

#endif /* TIERCACHE_NEXT_H */
