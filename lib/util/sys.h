/* The one table through which the engine's file I/O and its time go.
 *
 * sys_real is the kernel.  Tests have another (tests/unit/sys-test.h), in
 * which every call can be made to fail or to be the last one, and which knows
 * what a power loss would leave on disk.  Calls return what the system call
 * of that name does, with errno.
 */

#ifndef TIERCACHE_SYS_H
#define TIERCACHE_SYS_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

struct sys
{
  int (*open) (const struct sys *sys, const char *path, int flags,
               mode_t mode);
  int (*close) (const struct sys *sys, int fd);
  ssize_t (*pread) (const struct sys *sys, int fd, void *buf, size_t count,
                    uint64_t offset);
  ssize_t (*pwrite) (const struct sys *sys, int fd, const void *buf,
                     size_t count, uint64_t offset);
  int (*fallocate) (const struct sys *sys, int fd, int mode, uint64_t offset,
                    uint64_t count);
  int (*ftruncate) (const struct sys *sys, int fd, uint64_t size);
  int (*fstat) (const struct sys *sys, int fd, struct stat *st);
  int (*fstatvfs) (const struct sys *sys, int fd, struct statvfs *st);
  int64_t (*lseek) (const struct sys *sys, int fd, int64_t offset,
                    int whence);                 /* SEEK_DATA, SEEK_HOLE */
  int (*fdatasync) (const struct sys *sys, int fd);
  int (*rename) (const struct sys *sys, const char *from, const char *to);
  int (*unlink) (const struct sys *sys, const char *path);
  int (*mkdir) (const struct sys *sys, const char *path, mode_t mode);
  int (*fsync_dir) (const struct sys *sys, const char *path);

  /* Takes an exclusive lock on the open file that ends with the last
   * descriptor (F_OFD_SETLK).  -1, EAGAIN or EACCES: someone has it.
   */
  int (*lock) (const struct sys *sys, int fd);

  uint64_t (*monotonic_ns) (const struct sys *sys);
  uint64_t (*realtime_s) (const struct sys *sys);

  void *opaque;                                  /* the test table's own */
};

extern const struct sys sys_real;

/* Reads or writes all of it, retrying what is short or interrupted.  Returns
 * the bytes done: less than count only at the end of the file (reads); -1 with
 * errno on an error, ENOSPC if a write makes no progress.
 */
extern ssize_t sys_pread_full (const struct sys *sys, int fd, void *buf,
                               size_t count, uint64_t offset);
extern ssize_t sys_pwrite_full (const struct sys *sys, int fd,
                                const void *buf, size_t count,
                                uint64_t offset);

/* Makes the directory and those above it that are missing, mode 0700.  0, or
 * -1 with errno.
 */
extern int sys_mkdir_all (const struct sys *sys, const char *path);

#endif /* TIERCACHE_SYS_H */
