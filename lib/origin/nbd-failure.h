/* What an NBD connection or server came to, in our words. */

#ifndef TIERCACHE_NBD_FAILURE_H
#define TIERCACHE_NBD_FAILURE_H

#include "origin/nbd-link.h"
#include "util/error.h"

/* From libnbd's last error in this thread: no connection came about.  -1. */
extern int nbd_failure_connect (const char *uri, const char *name,
                                struct error *e);

/* The same: a connection that stood was lost.  -1. */
extern int nbd_failure_lost (const char *name, struct error *e);

/* The server answered a request with an error.  -1. */
extern int nbd_failure_answer (const char *name, const struct nbd_job *job,
                               const struct nbd_link_facts *facts,
                               struct error *e);

#endif /* TIERCACHE_NBD_FAILURE_H */
