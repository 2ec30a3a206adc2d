/* One client of the control socket: its request, and the answers. */

#ifndef TIERCACHE_CONTROL_CONNECTION_H
#define TIERCACHE_CONTROL_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "control/control.h"

#define CONNECTION_REQUEST_MS 5000      /* for the request to come */
#define CONNECTION_WRITE_MS 30000       /* for the client to take a line */

/* Runs in a thread of its own.  begin says whether the command may run now:
 * false with *e.
 */
struct connection
{
  int fd;                       /* non-blocking */
  const struct control_target *target;
  bool (*stopping) (void *opaque);
  bool (*begin) (void *opaque, struct error *e);
  void *opaque;
};
extern void connection_serve (const struct connection *connection);

/* Is the other end of this user, or of root? */
extern bool connection_allowed (int fd);

/* One line, without waiting for the client to take it. */
extern void connection_refuse (int fd, const char *text);

#endif /* TIERCACHE_CONTROL_CONNECTION_H */
