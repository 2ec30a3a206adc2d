/* An origin that is opened when its bytes are first needed.
 *
 * A device whose blocks are all cached serves them without its origin: when
 * it is too young to be asked about (stale-after), or out of reach.
 */

#ifndef TIERCACHE_LATE_H
#define TIERCACHE_LATE_H

#include "origin/origin.h"

/* size, validator and lasting say which version it must turn out to be; any
 * other is ESTALE.  opened is the origin if it is open already, or NULL; it
 * is taken.  config is borrowed and must outlive the origin.  NULL when out
 * of memory (opened is then closed).
 */
extern struct origin *late_open (const char *url,
                                 const struct origin_config *config,
                                 uint64_t size, const char *validator,
                                 bool lasting, struct origin *opened);

#endif /* TIERCACHE_LATE_H */
