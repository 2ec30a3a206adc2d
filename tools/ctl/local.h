/* A command carried out here, in a directory that nobody owns. */

#ifndef TIERCACHE_CTL_LOCAL_H
#define TIERCACHE_CTL_LOCAL_H

#include "call.h"

/* 0: it has run, and shown what came of it.  -1 with *e: it could not begin;
 * errnum EBUSY: somebody owns the directory.
 */
extern int local (struct call *call, struct show *show, struct error *e);

#endif /* TIERCACHE_CTL_LOCAL_H */
