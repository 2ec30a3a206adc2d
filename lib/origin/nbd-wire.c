/* One handle of libnbd: connecting, what the server says of the export, and
 * requests as calls and callbacks.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "origin/nbd-failure.h"
#include "origin/nbd-uri.h"
#include "origin/nbd-wire.h"
#include "util/log.h"

int
nbd_wire_connect (struct nbd_wire *wire, struct error *e)
{
  struct nbd_handle *h;

  log_debug (origin, "%s: connecting", wire->name);
  if (nbd_uri_check_authority (wire->uri, wire->name, e) == -1)
    return -1;
  h = wire->h = nbd_create ();
  if (!h
      || nbd_set_uri_allow_local_file (h, true) == -1
      || nbd_set_uri_allow_transports (h, LIBNBD_ALLOW_TRANSPORT_TCP
                                       | LIBNBD_ALLOW_TRANSPORT_UNIX) == -1
      || nbd_set_pread_initialize (h, false) == -1      /* see note_part */
      || nbd_add_meta_context (h, LIBNBD_CONTEXT_BASE_ALLOCATION) == -1
      || nbd_aio_connect_uri (h, wire->uri) == -1)
    return nbd_failure_connect (wire->uri, wire->name, e);
  return 0;
}

static uint32_t
block_size (struct nbd_handle *h, int which)
{
  int64_t size = nbd_get_block_size (h, which);

  return size > 0 && size <= UINT32_MAX ? size : 0;
}

int
nbd_wire_learn (struct nbd_wire *wire, uint64_t expected, struct error *e)
{
  int64_t size = nbd_get_size (wire->h);

  if (size < 0)
    return nbd_failure_connect (wire->uri, wire->name, e);
  if (expected && (uint64_t) size != expected)
    return error_set (e, ESTALE, "%s: the export has changed: it has %" PRIi64
                      " bytes and had %" PRIu64 ": close it and open it again "
                      "to see it as it is now", wire->name, size, expected);
  if (size == 0)
    return error_set (e, EINVAL, "%s: is empty (0 bytes): there is nothing "
                      "to serve", wire->name);
  wire->facts = (struct nbd_link_facts) {
    .size = size,
    .multi_conn = nbd_can_multi_conn (wire->h) == 1,
    .allocation = nbd_can_meta_context (wire->h,
                                        LIBNBD_CONTEXT_BASE_ALLOCATION) == 1,
    .minimum = block_size (wire->h, LIBNBD_SIZE_MINIMUM),
    .maximum = block_size (wire->h, LIBNBD_SIZE_MAXIMUM),
  };
  log_debug (origin, "%s: connected: %" PRIi64 " bytes, %s", wire->name, size,
             wire->facts.multi_conn ? "several connections are possible"
             : "one connection");
  wire->ready = true;
  return 0;
}

static bool
is_whole (const struct nbd_job *job)
{
  return job->n_parts == 1 && job->parts[0].from == 0
    && job->parts[0].to == job->count;
}

static int
answered (void *opaque, int *error)
{
  struct nbd_job *job = opaque;

  job->answered = true;
  job->errnum = *error;
  if (!*error && job->kind == NBD_JOB_READ && !is_whole (job))
    job->errnum = EBADMSG;
  return 1;                     /* libnbd may forget it */
}

/* Adds a part to those that are there, kept in order and without gaps that
 * have closed.  EBADMSG if some of it was there already, which no server may
 * send, or there are too many gaps.
 */
static int
note_part (struct nbd_job *job, struct nbd_part part)
{
  struct nbd_part *parts = job->parts;
  size_t i = 0;

  while (i < job->n_parts && parts[i].to < part.from)
    i++;
  if (i < job->n_parts && parts[i].to == part.from)
    parts[i].to = part.to;
  else if (i < job->n_parts && parts[i].from < part.to)
    return EBADMSG;
  else if (job->n_parts == NBD_LINK_PARTS)
    return EBADMSG;
  else {
    memmove (&parts[i + 1], &parts[i], (job->n_parts - i) * sizeof *parts);
    parts[i] = part;
    job->n_parts++;
  }
  if (i + 1 < job->n_parts && parts[i + 1].from <= parts[i].to) {
    if (parts[i + 1].from < parts[i].to)
      return EBADMSG;
    parts[i].to = parts[i + 1].to;
    job->n_parts--;
    memmove (&parts[i + 1], &parts[i + 2],
             (job->n_parts - i - 1) * sizeof *parts);
  }
  return 0;
}

/* A part of a reply to a read, in its place.  libnbd takes the end of a reply
 * for success even when parts are missing or came twice: they are noted.
 */
static int
add_part (void *opaque, const void *part, size_t count, uint64_t offset,
          unsigned status, int *error)
{
  struct nbd_job *job = opaque;
  size_t from = offset - job->offset;   /* libnbd has checked the range */

  (void) part;
  if (status == LIBNBD_READ_ERROR || count == 0)
    return 0;
  *error = note_part (job, (struct nbd_part) { from, from + count });
  return *error ? -1 : 0;
}

/* Some of the extents of a reply, pairs of length (32 bits) and flags. */
static int
add_extents (void *opaque, const char *context, uint64_t offset,
             uint32_t *entries, size_t n, int *error)
{
  struct nbd_job *job = opaque;

  (void) error;
  if (strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0
      || offset != job->offset)
    return 0;
  for (size_t i = 0; i + 1 < n && job->n_extents < NBD_LINK_EXTENTS; i += 2)
    job->extents[job->n_extents++] = (struct nbd_extent) {
      entries[i], entries[i + 1] & LIBNBD_STATE_ZERO
    };
  return 0;
}

/* Without holes, if the server doesn't tell. */
static int64_t
issue_status (struct nbd_wire *wire, struct nbd_job *job)
{
  job->n_extents = 0;
  if (wire->facts.allocation)
    return nbd_aio_block_status (wire->h, job->count, job->offset,
                                 (nbd_extent_callback) {
                                   .callback = add_extents, .user_data = job
                                 },
                                 (nbd_completion_callback) {
                                   .callback = answered, .user_data = job
                                 }, 0);
  job->extents[job->n_extents++] = (struct nbd_extent) { job->count, false };
  job->answered = true;
  return 0;
}

void
nbd_wire_issue (struct nbd_wire *wire, struct nbd_job *job)
{
  int64_t r = 0;

  switch (job->kind) {
  case NBD_JOB_CONNECT:
    job->facts = wire->facts;
    job->answered = true;
    break;
  case NBD_JOB_READ:
    job->n_parts = 0;
    r = nbd_aio_pread_structured (wire->h, job->buf, job->count, job->offset,
                                  (nbd_chunk_callback) {
                                    .callback = add_part, .user_data = job
                                  },
                                  (nbd_completion_callback) {
                                    .callback = answered, .user_data = job
                                  }, 0);
    break;
  case NBD_JOB_STATUS:
    r = issue_status (wire, job);
    break;
  }
  if (r == -1) {
    job->answered = true;
    job->errnum = nbd_get_errno () ? nbd_get_errno () : EIO;
  }
}

bool
nbd_wire_is_connecting (const struct nbd_wire *wire)
{
  return nbd_aio_is_connecting (wire->h) == 1;
}

bool
nbd_wire_is_dead (const struct nbd_wire *wire)
{
  return nbd_aio_is_dead (wire->h) == 1 || nbd_aio_is_closed (wire->h) == 1;
}

void
nbd_wire_wait (struct nbd_wire *wire, int wake_fd)
{
  struct pollfd fds[2] = {
    { .fd = wake_fd, .events = POLLIN }, { .fd = -1 }
  };
  unsigned dir = 0;
  uint64_t count;

  if (wire->h) {
    dir = nbd_aio_get_direction (wire->h);
    fds[1].fd = nbd_aio_get_fd (wire->h);
    if (dir & LIBNBD_AIO_DIRECTION_READ)
      fds[1].events |= POLLIN;
    if (dir & LIBNBD_AIO_DIRECTION_WRITE)
      fds[1].events |= POLLOUT;
  }
  if (poll (fds, 2, -1) == -1)
    return;
  if (fds[0].revents && read (wake_fd, &count, sizeof count) == -1)
    return;                     /* EAGAIN: nothing to clear */
  if (dir & LIBNBD_AIO_DIRECTION_READ
      && fds[1].revents & (POLLIN | POLLHUP | POLLERR))
    nbd_aio_notify_read (wire->h);
  else if (dir & LIBNBD_AIO_DIRECTION_WRITE
           && fds[1].revents & (POLLOUT | POLLHUP | POLLERR))
    nbd_aio_notify_write (wire->h);
}

void
nbd_wire_leave (struct nbd_wire *wire)
{
  if (wire->ready)
    nbd_aio_disconnect (wire->h, 0);
}

void
nbd_wire_close (struct nbd_wire *wire)
{
  nbd_close (wire->h);
  wire->h = NULL;
  wire->ready = false;
}
