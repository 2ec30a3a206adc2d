/* Exports of NBD servers as origins. */

#ifndef TIERCACHE_NBD_H
#define TIERCACHE_NBD_H

#include "origin/origin.h"

/* As origin_open and origin_identity, for a URI of nbd_uri_is. */
extern struct origin *nbd_open (const char *uri,
                                const struct origin_config *config,
                                struct error *e);
extern char *nbd_identity (const char *uri, struct error *e);

#endif /* TIERCACHE_NBD_H */
