/* A command carried out by the server. */

#ifndef TIERCACHE_CTL_REMOTE_H
#define TIERCACHE_CTL_REMOTE_H

#include "call.h"

/* Takes the connection. */
extern void remote (int fd, const struct call *call, struct show *show);

#endif /* TIERCACHE_CTL_REMOTE_H */
