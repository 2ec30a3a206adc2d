/* What the plugin and the filter have to know about the server they are in:
 * when it ends, where messages go, and how to leave a request.
 */

#ifndef TIERCACHE_SERVER_H
#define TIERCACHE_SERVER_H

#include "control/control.h"

/* True once nbdkit is quitting, or the client of this thread has gone. */
extern const struct stop server_stop;

/* From .load: the engine's messages go where nbdkit's go. */
extern void server_log (void);

/* From .open: nbdkit serves, and may be asked whether it still does. */
extern void server_serves (void);

/* From .cleanup: nbdkit is about to end, and must not be asked any more. */
extern void server_ends (void);

/* Around what .close does: nbdkit must not be asked from within it. */
extern void server_close_begins (void);
extern void server_close_ends (void);

/* From .after_fork: tiercache-ctl can talk to this server.  NULL if it can't:
 * the user has been told.  warms: the engine opens URLs.
 */
extern struct control *server_control (struct engine *engine,
                                       const struct engine_config *config,
                                       bool warms);

/* Called by a request that has waited or failed, right before it returns. */
extern void server_leave (void);

#endif /* TIERCACHE_SERVER_H */
