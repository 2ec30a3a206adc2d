/* A command carried out by the server. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "interrupt.h"
#include "remote.h"
#include "util/cleanup.h"

#define SILENCE_MS 300000       /* no server is busy for so long */

/* Waits for bytes.  1, 0 at the end of them, -1 with *e. */
static int
more (int fd, char *buf, size_t room, size_t *got, struct error *e)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

  for (unsigned ms = 0; ms < SILENCE_MS; ms += STOP_SLICE_MS) {
    int r = poll (&poll_fd, 1, STOP_SLICE_MS);
    ssize_t n;

    if (stop_requested (&interrupt_stop))
      return error_set (e, EINTR, "interrupted");
    if (r <= 0)
      continue;
    n = recv (fd, buf, room, 0);
    if (n == -1 && errno == EINTR)
      continue;
    if (n == -1 && errno != ECONNRESET)
      return error_set (e, errno, "cannot read what the server says: %s",
                        strerror (errno));
    *got = n > 0 ? n : 0;
    return n > 0;
  }
  return error_set (e, ETIMEDOUT, "the server does not answer");
}

static int
take_line (const char *line, size_t bytes, struct show *show,
           struct error *e)
{
  json_t *reply = json_loadb (line, bytes, 0, NULL);
  bool read = reply && show_reply (show, reply);

  json_decref (reply);
  if (!reply)
    return error_set (e, EPROTO, "the server has said what is no JSON");
  return read ? 0 : error_set (e, EPIPE, "nobody reads the output");
}

static int
read_replies (int fd, char *buf, struct show *show, struct error *e)
{
  size_t n = 0, got = 0;
  int r;

  while (n < CONTROL_REPLY_MAX &&
         (r = more (fd, buf + n, CONTROL_REPLY_MAX - n, &got, e)) != 0) {
    char *line = buf, *newline;

    if (r == -1)
      return -1;
    n += got;
    while ((newline = memchr (line, '\n', n - (line - buf)))) {
      if (take_line (line, newline - line, show, e) == -1)
        return -1;
      line = newline + 1;
    }
    n -= line - buf;
    memmove (buf, line, n);
  }
  if (show->over)
    return 0;
  return error_set (e, EPROTO, n == CONTROL_REPLY_MAX ?
                    "the server says too much at once" :
                    "the server has ended the connection: it may have been "
                    "stopped");
}

static int
ask (int fd, const struct call *call, struct show *show, struct error *e)
{
  CLEANUP_FREE char *line = control_request_print (call->request, e);
  CLEANUP_FREE char *buf = malloc (CONTROL_REPLY_MAX);

  if (!line)
    return -1;
  if (!buf)
    return error_set (e, ENOMEM, "out of memory");
  /* If it can't be sent, what the server says tells why. */
  if (send (fd, line, strlen (line), MSG_NOSIGNAL) == -1 && errno != EPIPE)
    return error_set (e, errno, "cannot send to the server: %s",
                      strerror (errno));
  return read_replies (fd, buf, show, e);
}

void
remote (int fd, const struct call *call, struct show *show)
{
  struct error e;

  if (ask (fd, call, show, &e) == -1 && !stop_requested (&interrupt_stop))
    show_error (show, e.text);
  close (fd);
}
