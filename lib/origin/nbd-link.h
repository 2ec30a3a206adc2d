/* One connection to an NBD server, driven by a thread of its own, with many
 * requests in flight.
 *
 * It connects when there is something to ask, and again after it was lost.
 */

#ifndef TIERCACHE_NBD_LINK_H
#define TIERCACHE_NBD_LINK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/stop.h"

#define NBD_LINK_EXTENTS 256
#define NBD_LINK_PARTS 64       /* with gaps between them */

/* What the server says about the export when it is connected. */
struct nbd_link_facts
{
  uint64_t size;                /* bytes */
  bool multi_conn;              /* what one connection reads, all do */
  bool allocation;              /* it can tell where holes are */
  uint32_t minimum, maximum;    /* bytes of a request; 0: not said */
};

enum nbd_job_kind
{
  NBD_JOB_CONNECT,              /* fills in facts */
  NBD_JOB_READ,                 /* fills buf with count bytes */
  NBD_JOB_STATUS,               /* fills in extents, of count bytes at most */
};

struct nbd_extent
{
  uint64_t count;
  bool hole;                    /* reads as zeros */
};

/* Bytes [from, to) of a buffer. */
struct nbd_part
{
  size_t from, to;
};

/* One request.  The caller sets what is above the line. */
struct nbd_job
{
  enum nbd_job_kind kind;
  void *buf;
  size_t count;
  uint64_t offset;
  struct nbd_link_facts facts;
  struct nbd_extent extents[NBD_LINK_EXTENTS];
  size_t n_extents;
  /* ---- the link's own */
  struct nbd_job *next;
  pthread_cond_t changed;
  bool issued;                  /* libnbd has it, and the buffer */
  bool answered;                /* the link's thread only */
  struct nbd_part parts[NBD_LINK_PARTS];        /* of buf that are there */
  size_t n_parts;
  int errnum;                   /* of the answer */
  bool done;
  struct error *error;          /* NULL once it is done without one */
};

struct nbd_link;

/* size: any other is ESTALE; 0: whatever it is.  The strings and stop must
 * outlive the link.  Does not connect.  NULL with *e.
 */
extern struct nbd_link *nbd_link_new (const char *uri, const char *name,
                                      uint64_t size, const struct stop *stop,
                                      struct error *e);

/* Nobody may be inside nbd_link_do. */
extern void nbd_link_free (struct nbd_link *link);

/* From now on the export must have this size. */
extern void nbd_link_expect (struct nbd_link *link, uint64_t size);

/* Any thread.  What fails because the connection does is ERROR_ABSENT or
 * ERROR_AGAIN.  After a timeout the connection is dropped.  0, or -1 with
 * *e; then nothing writes to the job's buffer any more.
 */
extern int nbd_link_do (struct nbd_link *link, struct nbd_job *job,
                        uint64_t deadline_ns, struct error *e);

extern bool nbd_link_connected (struct nbd_link *link);

/* Connects in the background, unless that has failed just now. */
extern void nbd_link_want (struct nbd_link *link);

#endif /* TIERCACHE_NBD_LINK_H */
