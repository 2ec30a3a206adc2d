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

/* A context of its own into the default export of the backend, closed with
 * the origin: any thread may read it.  like is what a connection sees: an
 * origin that is another is not.  validator NULL: none.  NULL if there is no
 * such context.
 */
extern struct origin *next_origin (nbdkit_backend *backend,
                                   const struct next *like,
                                   const char *validator,
                                   uint32_t block_size);

#endif /* TIERCACHE_NEXT_H */
