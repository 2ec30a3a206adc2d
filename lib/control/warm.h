/* Bringing a range of a URL into the cache. */

#ifndef TIERCACHE_CONTROL_WARM_H
#define TIERCACHE_CONTROL_WARM_H

#include "control/control.h"

/* 0 once it has said its result, or -1 with *e. */
extern int warm (const struct control_target *target,
                 const struct control_request *request,
                 const struct control_peer *peer, struct error *e);

#endif /* TIERCACHE_CONTROL_WARM_H */
