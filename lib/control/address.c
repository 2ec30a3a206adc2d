/* The address of a socket in a directory. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "control/address.h"
#include "control/control.h"

int
address_open (const char *dir, struct sockaddr_un *address, struct error *e)
{
  int fd = open (dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (fd == -1)
    return error_set (e, errno, "%s: cannot open: %s", dir, strerror (errno));
  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  /* A path that is not too long works without /proc, too. */
  if ((size_t) snprintf (address->sun_path, sizeof address->sun_path,
                         "%s/" CONTROL_SOCKET, dir)
      >= sizeof address->sun_path)
    snprintf (address->sun_path, sizeof address->sun_path,
              "/proc/self/fd/%d/" CONTROL_SOCKET, fd);
  return fd;
}

int
control_connect (const char *dir, struct error *e)
{
  static const struct timeval patience = { .tv_sec = 10 };
  struct sockaddr_un address;
  int dir_fd = address_open (dir, &address, e), fd, r, saved;

  if (dir_fd == -1)
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd != -1)
    setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  r = fd == -1 ? -1 :
    connect (fd, (const struct sockaddr *) &address, sizeof address);
  saved = errno;
  close (dir_fd);
  if (r == 0)
    return fd;
  if (fd != -1)
    close (fd);
  return error_set (e, saved, "%s/" CONTROL_SOCKET ": cannot connect: %s", dir,
                    strerror (saved));
}
