/* The real table of file I/O and time. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/stop.h"
#include "util/sys.h"

static int
real_open (const struct sys *sys, const char *path, int flags, mode_t mode)
{
  (void) sys;
  return open (path, flags | O_CLOEXEC, mode);
}

static int
real_close (const struct sys *sys, int fd)
{
  (void) sys;
  return close (fd);
}

static ssize_t
real_pread (const struct sys *sys, int fd, void *buf, size_t count,
            uint64_t offset)
{
  (void) sys;
  return pread (fd, buf, count, offset);
}

static ssize_t
real_pwrite (const struct sys *sys, int fd, const void *buf, size_t count,
             uint64_t offset)
{
  (void) sys;
  return pwrite (fd, buf, count, offset);
}

static int
real_fallocate (const struct sys *sys, int fd, int mode, uint64_t offset,
                uint64_t count)
{
  (void) sys;
  return fallocate (fd, mode, offset, count);
}

static int
real_ftruncate (const struct sys *sys, int fd, uint64_t size)
{
  (void) sys;
  return ftruncate (fd, size);
}

static int
real_fstat (const struct sys *sys, int fd, struct stat *st)
{
  (void) sys;
  return fstat (fd, st);
}

static int
real_fstatvfs (const struct sys *sys, int fd, struct statvfs *st)
{
  (void) sys;
  return fstatvfs (fd, st);
}

static int64_t
real_lseek (const struct sys *sys, int fd, int64_t offset, int whence)
{
  (void) sys;
  return lseek (fd, offset, whence);
}

static int
real_fdatasync (const struct sys *sys, int fd)
{
  (void) sys;
  return fdatasync (fd);
}

static int
real_rename (const struct sys *sys, const char *from, const char *to)
{
  (void) sys;
  return rename (from, to);
}

static int
real_unlink (const struct sys *sys, const char *path)
{
  (void) sys;
  return unlink (path);
}

static int
real_mkdir (const struct sys *sys, const char *path, mode_t mode)
{
  (void) sys;
  return mkdir (path, mode);
}

static int
real_fsync_dir (const struct sys *sys, const char *path)
{
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r, saved;

  (void) sys;
  if (fd == -1)
    return -1;
  r = fsync (fd);
  saved = errno;
  close (fd);
  errno = saved;
  return r;
}

static int
real_lock (const struct sys *sys, int fd)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

  (void) sys;
  return fcntl (fd, F_OFD_SETLK, &lock);
}

static uint64_t
real_monotonic_ns (const struct sys *sys)
{
  (void) sys;
  return stop_now_ns ();
}

static uint64_t
real_realtime_s (const struct sys *sys)
{
  (void) sys;
  return time (NULL);
}

const struct sys sys_real = {
  .open = real_open,
  .close = real_close,
  .pread = real_pread,
  .pwrite = real_pwrite,
  .fallocate = real_fallocate,
  .ftruncate = real_ftruncate,
  .fstat = real_fstat,
  .fstatvfs = real_fstatvfs,
  .lseek = real_lseek,
  .fdatasync = real_fdatasync,
  .rename = real_rename,
  .unlink = real_unlink,
  .mkdir = real_mkdir,
  .fsync_dir = real_fsync_dir,
  .lock = real_lock,
  .monotonic_ns = real_monotonic_ns,
  .realtime_s = real_realtime_s,
};

ssize_t
sys_pread_full (const struct sys *sys, int fd, void *buf, size_t count,
                uint64_t offset)
{
  size_t done = 0;

  while (done < count) {
    ssize_t r = sys->pread (sys, fd, (char *) buf + done, count - done,
                            offset + done);

    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1)
      return -1;
    if (r == 0)
      break;
    done += r;
  }
  return done;
}

ssize_t
sys_pwrite_full (const struct sys *sys, int fd, const void *buf, size_t count,
                 uint64_t offset)
{
  size_t done = 0;

  while (done < count) {
    ssize_t r = sys->pwrite (sys, fd, (const char *) buf + done, count - done,
                             offset + done);

    if (r == -1 && errno == EINTR)
      continue;
    if (r == 0)
      errno = ENOSPC;
    if (r <= 0)
      return -1;
    done += r;
  }
  return done;
}

int
sys_mkdir_all (const struct sys *sys, const char *path)
{
  CLEANUP_FREE char *part = strdup (path);

  if (!part)
    return -1;
  for (char *p = part; *p; p++) {
    if (*p != '/' || p == part)
      continue;
    *p = '\0';
    if (sys->mkdir (sys, part, 0700) == -1 && errno != EEXIST)
      return -1;
    *p = '/';
  }
  return sys->mkdir (sys, part, 0700) == -1 && errno != EEXIST ? -1 : 0;
}
