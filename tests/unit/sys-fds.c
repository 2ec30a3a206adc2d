/* The descriptors of a process over the disk in memory. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "sys-fds.h"
#include "sys-pages.h"

/* So that a descriptor that strays into a real call hits nothing. */
#define FIRST_FD 100000

struct sys_fd *
sys_fds_get (struct sys_fds *fds, int fd)
{
  int i = fd - FIRST_FD;

  if (i >= 0 && i < fds->n && fds->fds[i].used)
    return &fds->fds[i];
  errno = EBADF;
  return NULL;
}

struct sys_fd *
sys_fds_get_writable (struct sys_fds *fds, int fd)
{
  struct sys_fd *d = sys_fds_get (fds, fd);

  if (d && (d->flags & O_ACCMODE) == O_RDONLY) {
    errno = EBADF;
    return NULL;
  }
  return d;
}

int
sys_fds_new (struct sys_fds *fds, int inode, int flags)
{
  int i = 0;

  while (i < fds->n && fds->fds[i].used)
    i++;
  if (i == fds->n) {
    fds->n++;
    fds->fds = sys_pages_memory (fds->fds, fds->n * sizeof *fds->fds);
  }
  fds->fds[i] = (struct sys_fd) {
    .used = true, .inode = inode, .flags = flags
  };
  return FIRST_FD + i;
}

bool
sys_fds_lock (struct sys_fds *fds, struct sys_fd *fd)
{
  for (int i = 0; i < fds->n; i++) {
    const struct sys_fd *other = &fds->fds[i];

    if (other != fd && other->used && other->locked
        && other->inode == fd->inode)
      return false;
  }
  fd->locked = true;
  return true;
}

unsigned
sys_fds_open (const struct sys_fds *fds)
{
  unsigned n = 0;

  for (int i = 0; i < fds->n; i++)
    n += fds->fds[i].used;
  return n;
}

void
sys_fds_free (struct sys_fds *fds)
{
  free (fds->fds);
}
