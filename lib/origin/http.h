/* http: and https: origins: ranged GETs, each reply checked. */

#ifndef TIERCACHE_HTTP_H
#define TIERCACHE_HTTP_H

#include "origin/origin.h"
#include "util/error.h"

/* As origin_open, for such a URL.  Asks for the first byte: the reply names
 * the size and the version.
 */
extern struct origin *http_open (const char *url,
                                 const struct origin_config *config,
                                 struct error *e);

/* As origin_identity, for such a URL: without user info, fragment and the
 * parameters of a signature, the host in lower case, no default port.
 */
extern char *http_identity (const char *url, struct error *e);

#endif /* TIERCACHE_HTTP_H */
