/* One client of the control socket: its request, and the answers.
 *
 * Whatever it sends or does not do, every wait ends: when its time is over,
 * when it has gone, or within a slice of the server being told to stop.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/connection.h"
#include "control/reply.h"
#include "util/cleanup.h"
#include "util/minmax.h"

bool
connection_allowed (int fd)
{
  struct ucred peer;
  socklen_t size = sizeof peer;

  return getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
    (peer.uid == 0 || peer.uid == geteuid ());
}

void
connection_refuse (int fd, const char *text)
{
  json_t *reply = json_pack ("{s:s}", "error", text);
  CLEANUP_FREE char *line = reply ? json_dumps (reply, JSON_COMPACT) : NULL;

  json_decref (reply);
  if (line && send (fd, line, strlen (line), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
    send (fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Waits for the socket.  0, or -1 with errno: ESHUTDOWN, or ETIMEDOUT when the
 * deadline has passed.
 */
static int
wait_for (const struct connection *c, short events, uint64_t deadline_ns)
{
  struct pollfd poll_fd = { .fd = c->fd, .events = events };

  for (;;) {
    uint64_t now = stop_now_ns ();
    int r;

    if (c->stopping (c->opaque)) {
      errno = ESHUTDOWN;
      return -1;
    }
    if (now >= deadline_ns) {
      errno = ETIMEDOUT;
      return -1;
    }
    r = poll (&poll_fd, 1, min_u64 (STOP_SLICE_MS,
                                    (deadline_ns - now) / 1000000 + 1));
    if (r == -1 && errno != EINTR)
      return -1;
    if (r > 0)
      return 0;
  }
}

static uint64_t
deadline (uint64_t ms)
{
  return stop_now_ns () + ms * 1000000;
}

/* Reads up to a newline.  The bytes before it; -1 with *e, errnum 0 if the
 * client has gone and nobody is to hear of it.
 */
static ssize_t
read_line (const struct connection *c, char *line, struct error *e)
{
  uint64_t until = deadline (CONNECTION_REQUEST_MS);
  size_t n = 0;

  e->errnum = 0;
  while (n < CONTROL_REQUEST_MAX) {
    char *newline;
    ssize_t r;

    if (wait_for (c, POLLIN, until) == -1)
      return errno != ETIMEDOUT ? -1 :
        error_set (e, ETIMEDOUT, "no request has come within %d s",
                   CONNECTION_REQUEST_MS / 1000);
    r = recv (c->fd, line + n, CONTROL_REQUEST_MAX - n, MSG_DONTWAIT);
    if (r == -1 && (errno == EAGAIN || errno == EINTR))
      continue;
    if (r <= 0)
      return -1;
    newline = memchr (line + n, '\n', r);
    n += r;
    if (newline)
      return newline - line;
  }
  return error_set (e, EMSGSIZE, "request: longer than %d bytes",
                    CONTROL_REQUEST_MAX);
}

static bool
write_all (const struct connection *c, const char *bytes, size_t count)
{
  uint64_t until = deadline (CONNECTION_WRITE_MS);

  while (count > 0) {
    ssize_t r = send (c->fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (r == -1 && errno == EAGAIN && wait_for (c, POLLOUT, until) == 0)
      continue;
    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1)
      return false;
    bytes += r;
    count -= r;
  }
  return true;
}

static bool
say (void *opaque, const json_t *reply)
{
  const struct connection *c = opaque;
  CLEANUP_FREE char *line = json_dumps (reply, JSON_COMPACT);

  return line && write_all (c, line, strlen (line)) && write_all (c, "\n", 1);
}

/* A client that has only closed its writing half is still there. */
static bool
here (void *opaque)
{
  const struct connection *c = opaque;
  struct pollfd poll_fd = { .fd = c->fd };

  return !c->stopping (c->opaque) &&
    !(poll (&poll_fd, 1, 0) == 1 && poll_fd.revents & (POLLHUP | POLLERR));
}

void
connection_serve (const struct connection *c)
{
  CLEANUP_FREE char *line = malloc (CONTROL_REQUEST_MAX);
  struct control_peer peer = { say, here, (void *) c };
  struct control_request request;
  struct error e;
  ssize_t n;

  if (!line)
    return;
  n = read_line (c, line, &e);
  if (n == -1) {
    if (e.errnum)
      reply_error (&peer, &e);
    return;
  }
  if (control_request_parse (line, n, &request, &e) == -1) {
    reply_error (&peer, &e);
    return;
  }
  if (c->begin (c->opaque, &e))
    control_run (c->target, &request, &peer);
  else
    reply_error (&peer, &e);
  control_request_free (&request);
}
