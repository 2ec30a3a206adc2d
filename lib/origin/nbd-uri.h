/* NBD URIs: which are understood, and what they are called. */

#ifndef TIERCACHE_NBD_URI_H
#define TIERCACHE_NBD_URI_H

#include <stdbool.h>

#include "util/error.h"

/* nbd:, nbds:, nbd+unix: or nbds+unix: followed by two slashes. */
extern bool nbd_uri_is (const char *uri);

/* The URI without user, certificates, keys and fragment: its name in the
 * cache and in messages.  The caller frees it; NULL when out of memory.
 */
extern char *nbd_uri_name (const char *uri);

/* What can be said about it before anything is asked.  0, or -1 with *e. */
extern int nbd_uri_check (const char *uri, struct error *e);

/* Before each connection: whether a server that says who it is by a
 * certificate can be checked.  The URI has passed nbd_uri_check; name is what
 * messages call it.  0, or -1 with *e.
 */
extern int nbd_uri_check_authority (const char *uri, const char *name,
                                    struct error *e);

#endif /* TIERCACHE_NBD_URI_H */
