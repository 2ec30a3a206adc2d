/* The descriptors of a process over the disk in memory. */

#ifndef TIERCACHE_SYS_FDS_H
#define TIERCACHE_SYS_FDS_H

#include <stdbool.h>

struct sys_fd
{
  bool used, locked;
  int inode, flags;
};

struct sys_fds
{
  struct sys_fd *fds;
  int n;
};

/* The descriptor, or NULL with EBADF. */
extern struct sys_fd *sys_fds_get (struct sys_fds *fds, int fd);

/* The same of a file that may be written to. */
extern struct sys_fd *sys_fds_get_writable (struct sys_fds *fds, int fd);

/* The number of a new one. */
extern int sys_fds_new (struct sys_fds *fds, int inode, int flags);

/* Locks its file; false if it is locked by another. */
extern bool sys_fds_lock (struct sys_fds *fds, struct sys_fd *fd);

/* How many are open. */
extern unsigned sys_fds_open (const struct sys_fds *fds);

extern void sys_fds_free (struct sys_fds *fds);

#endif /* TIERCACHE_SYS_FDS_H */
