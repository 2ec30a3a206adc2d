/* The control socket of a server: one thread that waits for clients, and one
 * for each client.
 *
 * A client is WAITING until its request has come, then BUSY, then OVER; who is
 * over is joined by the first thread.  There are bounds for both, and a new
 * client goes before one that says nothing.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/address.h"
#include "control/connection.h"
#include "control/control.h"
#include "util/cleanup.h"
#include "util/log.h"

#define WAITING_MAX 16
#define BUSY_MAX 8
#define BACKLOG 64

enum client_state { CLIENT_WAITING, CLIENT_SENT_AWAY, CLIENT_BUSY,
                    CLIENT_OVER };

struct client
{
  struct client *next;          /* the newest first */
  struct control *control;
  struct connection connection;
  pthread_t thread;
  enum client_state state;      /* (lock) */
};

struct control
{
  struct control_target target;
  int dir_fd, listen_fd, wake_fd;
  bool bound;
  pthread_t thread;
  atomic_bool stopping;
  pthread_mutex_t lock;         /* never held across I/O */
  struct client *clients;
};

static bool
is_stopping (void *opaque)
{
  struct client *client = opaque;

  return atomic_load (&client->control->stopping);
}

static unsigned
count (const struct control *c, enum client_state state)
{
  unsigned n = 0;

  for (const struct client *client = c->clients; client; client = client->next)
    n += client->state == state;
  return n;
}

static bool
begin (void *opaque, struct error *e)
{
  struct client *client = opaque;
  struct control *c = client->control;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  if (count (c, CLIENT_BUSY) >= BUSY_MAX) {
    error_set (e, EBUSY, "%s: the server runs %d commands already: try again "
               "later", c->target.dir, BUSY_MAX);
    return false;
  }
  client->state = CLIENT_BUSY;
  return true;
}

static void
wake (struct control *c)
{
  static const uint64_t one = 1;

  /* It can only fail if it has been woken very often. */
  if (write (c->wake_fd, &one, sizeof one) == -1)
    log_debug (cache, "control: %s", strerror (errno));
}

static void *
client_thread (void *opaque)
{
  struct client *client = opaque;
  struct control *c = client->control;

  connection_serve (&client->connection);
  shutdown (client->connection.fd, SHUT_RDWR);
  pthread_mutex_lock (&c->lock);
  client->state = CLIENT_OVER;
  pthread_mutex_unlock (&c->lock);
  wake (c);
  return NULL;
}

/* Takes those that are over off the list, or all of them. */
static struct client *
take_over (struct control *c, bool all)
{
  struct client **p = &c->clients, *over = NULL;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  while (*p) {
    struct client *client = *p;

    if (!all && client->state != CLIENT_OVER) {
      p = &client->next;
      continue;
    }
    *p = client->next;
    client->next = over;
    over = client;
  }
  return over;
}

static void
join (struct control *c, bool all)
{
  struct client *client, *next;

  for (client = take_over (c, all); client; client = next) {
    next = client->next;
    pthread_join (client->thread, NULL);
    close (client->connection.fd);
    free (client);
  }
}

/* Those that have waited longest go, as long as there are too many. */
static void
send_away (struct control *c)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  while (count (c, CLIENT_WAITING) > WAITING_MAX) {
    struct client *oldest = NULL;

    for (struct client *client = c->clients; client; client = client->next)
      if (client->state == CLIENT_WAITING)
        oldest = client;
    oldest->state = CLIENT_SENT_AWAY;
    shutdown (oldest->connection.fd, SHUT_RDWR);
  }
}

static void
add_client (struct control *c, int fd)
{
  struct client *client = calloc (1, sizeof *client);

  if (!client) {
    close (fd);
    return;
  }
  *client = (struct client) {
    .control = c,
    .connection = {
      .fd = fd, .target = &c->target, .stopping = is_stopping,
      .begin = begin, .opaque = client
    }
  };
  pthread_mutex_lock (&c->lock);
  if (pthread_create (&client->thread, NULL, client_thread, client) == 0) {
    client->next = c->clients;
    c->clients = client;
    client = NULL;
  }
  pthread_mutex_unlock (&c->lock);
  if (client) {
    connection_refuse (fd, "the server cannot start a thread");
    close (fd);
    free (client);
    return;
  }
  send_away (c);
}

/* False: not now, for want of descriptors or memory. */
static bool
accept_one (struct control *c)
{
  int fd = accept4 (c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd == -1)
    return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
  if (connection_allowed (fd))
    add_client (c, fd);
  else {
    connection_refuse (fd, "only the user of the server, and root, may use "
                       "its control socket");
    close (fd);
  }
  return true;
}

static void *
server_thread (void *opaque)
{
  struct control *c = opaque;
  bool accepting = true;

  while (!atomic_load (&c->stopping)) {
    struct pollfd fds[] = {
      { .fd = c->wake_fd, .events = POLLIN },
      { .fd = c->listen_fd, .events = POLLIN },
    };
    uint64_t wakes;

    poll (fds, accepting ? 2 : 1, accepting ? -1 : STOP_SLICE_MS);
    if (fds[0].revents && read (c->wake_fd, &wakes, sizeof wakes) == -1)
      log_debug (cache, "control: %s", strerror (errno));
    join (c, false);
    accepting = !accepting || !fds[1].revents || accept_one (c);
  }
  return NULL;
}

/* What a server left that was killed is replaced: the directory is this
 * process's.  Anything but a socket is somebody else's.
 */
static int
listen_at (struct control *c, struct error *e)
{
  struct sockaddr_un address;
  struct stat st;

  c->dir_fd = address_open (c->target.dir, &address, e);
  if (c->dir_fd == -1)
    return -1;
  if (fstatat (c->dir_fd, CONTROL_SOCKET, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISSOCK (st.st_mode))
    unlinkat (c->dir_fd, CONTROL_SOCKET, 0);
  c->listen_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                         0);
  /* The mode of a socket's descriptor is what it gets when it is bound. */
  if (c->listen_fd == -1 || fchmod (c->listen_fd, 0600) == -1 ||
      bind (c->listen_fd, (const struct sockaddr *) &address,
            sizeof address) == -1)
    return error_set (e, errno, "%s/" CONTROL_SOCKET ": cannot listen: %s",
                      c->target.dir, strerror (errno));
  c->bound = true;
  if (listen (c->listen_fd, BACKLOG) == -1)
    return error_set (e, errno, "%s/" CONTROL_SOCKET ": cannot listen: %s",
                      c->target.dir, strerror (errno));
  return 0;
}

static void
free_control (struct control *c)
{
  if (c->bound)
    unlinkat (c->dir_fd, CONTROL_SOCKET, 0);
  if (c->listen_fd != -1)
    close (c->listen_fd);
  join (c, true);
  if (c->wake_fd != -1)
    close (c->wake_fd);
  if (c->dir_fd != -1)
    close (c->dir_fd);
  pthread_mutex_destroy (&c->lock);
  free (c);
}

struct control *
control_start (const struct control_target *target, struct error *e)
{
  struct control *c = calloc (1, sizeof *c);
  int r;

  if (!c) {
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  c->target = *target;
  c->listen_fd = -1;
  pthread_mutex_init (&c->lock, NULL);
  c->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  r = listen_at (c, e);
  if (r == 0 && (c->wake_fd == -1 ||
                 pthread_create (&c->thread, NULL, server_thread, c) != 0))
    r = error_set (e, EAGAIN, "%s: cannot start a thread", target->dir);
  if (r == -1) {
    free_control (c);
    return NULL;
  }
  return c;
}

void
control_stop (struct control *c)
{
  if (!c)
    return;
  atomic_store (&c->stopping, true);
  wake (c);
  pthread_join (c->thread, NULL);
  free_control (c);
}
