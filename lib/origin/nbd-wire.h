/* A connection as libnbd has it: a handle that is taken as far as it goes
 * without waiting, and knows nothing of threads.
 */

#ifndef TIERCACHE_NBD_WIRE_H
#define TIERCACHE_NBD_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <libnbd.h>

#include "origin/nbd-link.h"
#include "util/error.h"

struct nbd_wire
{
  const char *uri, *name;
  struct nbd_handle *h;         /* NULL: no connection, nor on its way */
  bool ready;                   /* the handshake is over */
  struct nbd_link_facts facts;  /* since then */
};

/* Begins to connect.  0, or -1 with *e; then it must be closed, if there is one. */
extern int nbd_wire_connect (struct nbd_wire *wire, struct error *e);

extern bool nbd_wire_is_connecting (const struct nbd_wire *wire);
extern bool nbd_wire_is_dead (const struct nbd_wire *wire);

/* The handshake is over: fills in facts.  size: any other is ESTALE; 0:
 * whatever it is.  0, or -1 with *e; then it must be closed.
 */
extern int nbd_wire_learn (struct nbd_wire *wire, uint64_t size,
                           struct error *e);

/* Gives libnbd a job, which has its buffer until the job is answered or the
 * connection closed.  What it refuses to take is answered at once.
 */
extern void nbd_wire_issue (struct nbd_wire *wire, struct nbd_job *job);

/* Waits for the server, or until wake_fd (an eventfd) is readable, which it
 * then isn't any more; and takes what has come.
 */
extern void nbd_wire_wait (struct nbd_wire *wire, int wake_fd);

/* Tells the server, if it can be done without waiting. */
extern void nbd_wire_leave (struct nbd_wire *wire);

/* After this nothing is written to a buffer any more. */
extern void nbd_wire_close (struct nbd_wire *wire);

#endif /* TIERCACHE_NBD_WIRE_H */
