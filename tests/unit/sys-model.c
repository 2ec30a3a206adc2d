/* System calls over a disk in memory. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/minmax.h"

#include "sys-fds.h"
#include "sys-model.h"

#define FILE_SIZE_MAX (UINT64_C (1) << 42)
#define CAPACITY (UINT64_C (1) << 40)

struct sys_model
{
  struct sys sys;
  pthread_mutex_t lock;
  struct sys_disk *disk;
  uint64_t capacity;
  struct sys_fds fds;
};

static struct sys_model *
model_of (const struct sys *sys)
{
  return sys->opaque;
}

static int
fail (int errnum)
{
  errno = errnum;
  return -1;
}

static struct sys_fd *
model_fd (struct sys_model *m, int fd)
{
  return sys_fds_get (&m->fds, fd);
}

static struct sys_fd *
model_fd_writable (struct sys_model *m, int fd)
{
  return sys_fds_get_writable (&m->fds, fd);
}

static uint64_t
free_bytes (struct sys_model *m)
{
  uint64_t allocated = sys_disk_allocated (m->disk);

  return allocated < m->capacity ? m->capacity - allocated : 0;
}

static int
model_open (const struct sys *sys, const char *path, int flags, mode_t mode)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  char name[NAME_MAX + 1];
  int dir = sys_disk_parent (m->disk, path, name), inode;
  struct sys_disk_stat st;

  if (dir == SYS_DISK_NONE)
    return -1;
  inode = name[0] ? sys_disk_lookup (m->disk, dir, name) : dir;
  if (inode == SYS_DISK_NONE && !(flags & O_CREAT))
    return fail (ENOENT);
  if (inode != SYS_DISK_NONE && (flags & O_CREAT) && (flags & O_EXCL))
    return fail (EEXIST);
  if (inode == SYS_DISK_NONE)
    inode = sys_disk_create (m->disk, dir, name, false, mode & 0777);
  sys_disk_stat (m->disk, inode, &st);
  if (st.is_dir && (flags & O_ACCMODE) != O_RDONLY)
    return fail (EISDIR);
  if (!st.is_dir && (flags & O_DIRECTORY))
    return fail (ENOTDIR);
  if ((flags & O_TRUNC) && st.size > 0) {
    sys_content_resize (sys_disk_content (m->disk, inode), 0);
    sys_disk_account (m->disk);
  }
  sys_disk_hold (m->disk, inode);
  return sys_fds_new (&m->fds, inode, flags);
}

static int
model_close (const struct sys *sys, int fd)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  struct sys_fd *d = model_fd (m, fd);

  if (!d)
    return -1;
  d->used = false;
  sys_disk_release (m->disk, d->inode);
  return 0;
}

static ssize_t
model_pread (const struct sys *sys, int fd, void *buf, size_t count,
             uint64_t offset)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  struct sys_fd *d = model_fd (m, fd);
  struct sys_disk_stat st;

  if (!d)
    return -1;
  if ((d->flags & O_ACCMODE) == O_WRONLY)
    return fail (EBADF);
  if (offset > INT64_MAX)
    return fail (EINVAL);
  sys_disk_stat (m->disk, d->inode, &st);
  if (st.is_dir)
    return fail (EISDIR);
  if (offset >= st.size)
    return 0;
  count = min_u64 (count, st.size - offset);
  sys_pages_read (st.pages, buf, count, offset);
  return count;
}

/* How many of the bytes there is space for, pages that are there included. */
static uint64_t
space_for (struct sys_model *m, const struct sys_pages *pages,
           uint64_t offset, uint64_t count)
{
  uint64_t space = free_bytes (m) / SYS_PAGE, end = offset + count;

  for (uint64_t page = offset / SYS_PAGE; page * SYS_PAGE < end; page++) {
    if (sys_pages_has (pages, page))
      continue;
    if (space == 0)
      return page * SYS_PAGE > offset ? page * SYS_PAGE - offset : 0;
    space--;
  }
  return count;
}

/* Is it a range that a file can have? */
static bool
range_valid (uint64_t offset, uint64_t count)
{
  return offset <= FILE_SIZE_MAX && count <= FILE_SIZE_MAX - offset;
}

static ssize_t
model_pwrite (const struct sys *sys, int fd, const void *buf, size_t count,
              uint64_t offset)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  struct sys_fd *d = model_fd_writable (m, fd);
  struct sys_disk_stat st;
  uint64_t n;

  if (!d)
    return -1;
  if (!range_valid (offset, count))
    return fail (EFBIG);
  if (count == 0)
    return 0;
  sys_disk_stat (m->disk, d->inode, &st);
  n = space_for (m, st.pages, offset, count);
  if (n == 0)
    return fail (ENOSPC);
  sys_content_write (sys_disk_content (m->disk, d->inode), buf, n, offset);
  sys_disk_account (m->disk);
  return n;
}

static int
model_fallocate (const struct sys *sys, int fd, int mode, uint64_t offset,
                 uint64_t count)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  struct sys_fd *d = model_fd_writable (m, fd);
  struct sys_disk_stat st;
  struct sys_content *content;

  if (!d)
    return -1;
  if (count == 0)
    return fail (EINVAL);
  if (!range_valid (offset, count))
    return fail (EFBIG);
  content = sys_disk_content (m->disk, d->inode);
  sys_disk_stat (m->disk, d->inode, &st);
  if (mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
    sys_content_punch (content, offset, count);
  else if (mode != 0 && mode != FALLOC_FL_KEEP_SIZE)
    return fail (EOPNOTSUPP);
  else if (space_for (m, st.pages, offset, count) < count)
    return fail (ENOSPC);
  else
    sys_content_allocate (content, offset, count, mode != 0);
  sys_disk_account (m->disk);
  return 0;
}

static int
model_ftruncate (const struct sys *sys, int fd, uint64_t size)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  struct sys_fd *d = model_fd_writable (m, fd);

  if (!d)
    return fail (EINVAL);
  if (!range_valid (size, 0))
    return fail (EFBIG);
  sys_content_resize (sys_disk_content (m->disk, d->inode), size);
  sys_disk_account (m->disk);
  return 0;
}

static int
model_fstat (const struct sys *sys, int fd, struct stat *st)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  struct sys_fd *d = model_fd (m, fd);
  struct sys_disk_stat info;

  if (!d)
    return -1;
  sys_disk_stat (m->disk, d->inode, &info);
  *st = (struct stat) {
    .st_dev = 1, .st_ino = d->inode + 1, .st_nlink = info.links,
    .st_mode = info.mode | (info.is_dir ? S_IFDIR : S_IFREG),
    .st_size = info.size, .st_blksize = SYS_PAGE,
    .st_blocks = info.pages->allocated * (SYS_PAGE / 512),
  };
  return 0;
}

static int
model_fstatvfs (const struct sys *sys, int fd, struct statvfs *st)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  uint64_t pages = free_bytes (m) / SYS_PAGE;

  if (!model_fd (m, fd))
    return -1;
  *st = (struct statvfs) {
    .f_bsize = SYS_PAGE, .f_frsize = SYS_PAGE,
    .f_blocks = pages + sys_disk_allocated (m->disk) / SYS_PAGE,
    .f_bfree = pages, .f_bavail = pages, .f_namemax = NAME_MAX,
  };
  return 0;
}

static int64_t
model_lseek (const struct sys *sys, int fd, int64_t offset, int whence)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  struct sys_fd *d = model_fd (m, fd);
  struct sys_disk_stat st;
  uint64_t end, page, found;

  if (!d)
    return -1;
  if (whence != SEEK_DATA && whence != SEEK_HOLE)
    return fail (EINVAL);
  sys_disk_stat (m->disk, d->inode, &st);
  if (offset < 0 || (uint64_t) offset >= st.size)
    return fail (ENXIO);
  end = (st.size + SYS_PAGE - 1) / SYS_PAGE;
  page = offset / SYS_PAGE;
  found = sys_pages_next (st.pages, page, end, whence == SEEK_DATA);
  if (found == end && whence == SEEK_DATA)
    return fail (ENXIO);
  if (found == end)
    return st.size;
  return found == page ? offset : (int64_t) (found * SYS_PAGE);
}

static int
model_fdatasync (const struct sys *sys, int fd)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  struct sys_fd *d = model_fd (m, fd);
  struct sys_disk_stat st;

  if (!d)
    return -1;
  sys_disk_stat (m->disk, d->inode, &st);
  if (st.is_dir)
    sys_disk_sync_dir (m->disk, d->inode);
  else
    sys_content_sync (sys_disk_content (m->disk, d->inode));
  return 0;
}

static int
model_rename (const struct sys *sys, const char *from, const char *to)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  char from_name[NAME_MAX + 1], to_name[NAME_MAX + 1];
  int from_dir = sys_disk_parent (m->disk, from, from_name);
  int to_dir = sys_disk_parent (m->disk, to, to_name);

  if (from_dir == SYS_DISK_NONE || to_dir == SYS_DISK_NONE)
    return -1;
  if (!from_name[0] || !to_name[0])
    return fail (EBUSY);
  if (sys_disk_lookup (m->disk, from_dir, from_name) == SYS_DISK_NONE)
    return fail (ENOENT);
  sys_disk_rename (m->disk, from_dir, from_name, to_dir, to_name);
  sys_disk_account (m->disk);
  return 0;
}

static int
model_unlink (const struct sys *sys, const char *path)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  int inode = sys_disk_inode (m->disk, path);
  char name[NAME_MAX + 1];
  struct sys_disk_stat st;

  if (inode == SYS_DISK_NONE)
    return -1;
  sys_disk_stat (m->disk, inode, &st);
  if (st.is_dir)
    return fail (EISDIR);
  sys_disk_unlink (m->disk, sys_disk_parent (m->disk, path, name), name);
  sys_disk_account (m->disk);
  return 0;
}

static int
model_mkdir (const struct sys *sys, const char *path, mode_t mode)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  char name[NAME_MAX + 1];
  int dir = sys_disk_parent (m->disk, path, name);

  if (dir == SYS_DISK_NONE)
    return -1;
  if (!name[0] || sys_disk_lookup (m->disk, dir, name) != SYS_DISK_NONE)
    return fail (EEXIST);
  sys_disk_create (m->disk, dir, name, true, mode & 0777);
  return 0;
}

static int
model_fsync_dir (const struct sys *sys, const char *path)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  int inode = sys_disk_inode (m->disk, path);
  struct sys_disk_stat st;

  if (inode == SYS_DISK_NONE)
    return -1;
  sys_disk_stat (m->disk, inode, &st);
  if (!st.is_dir)
    return fail (ENOTDIR);
  sys_disk_sync_dir (m->disk, inode);
  return 0;
}

static int
model_lock (const struct sys *sys, int fd)
{
  struct sys_model *m = model_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);
  struct sys_fd *d = model_fd_writable (m, fd);

  if (!d)
    return -1;
  return sys_fds_lock (&m->fds, d) ? 0 : fail (EAGAIN);
}

static const struct sys model_table = {
  .open = model_open,
  .close = model_close,
  .pread = model_pread,
  .pwrite = model_pwrite,
  .fallocate = model_fallocate,
  .ftruncate = model_ftruncate,
  .fstat = model_fstat,
  .fstatvfs = model_fstatvfs,
  .lseek = model_lseek,
  .fdatasync = model_fdatasync,
  .rename = model_rename,
  .unlink = model_unlink,
  .mkdir = model_mkdir,
  .fsync_dir = model_fsync_dir,
  .lock = model_lock,
};

struct sys_model *
sys_model_new (struct sys_disk *disk)
{
  struct sys_model *m = sys_pages_memory (NULL, sizeof *m);

  *m = (struct sys_model) {
    .sys = model_table, .disk = disk, .capacity = CAPACITY
  };
  m->sys.monotonic_ns = sys_real.monotonic_ns;
  m->sys.realtime_s = sys_real.realtime_s;
  m->sys.opaque = m;
  pthread_mutex_init (&m->lock, NULL);
  return m;
}

void
sys_model_free (struct sys_model *m)
{
  sys_disk_free (m->disk);
  pthread_mutex_destroy (&m->lock);
  sys_fds_free (&m->fds);
  free (m);
}

const struct sys *
sys_model_sys (struct sys_model *m)
{
  return &m->sys;
}

struct sys_disk *
sys_model_disk (struct sys_model *m)
{
  return m->disk;
}

void
sys_model_set_free (struct sys_model *m, uint64_t bytes)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);

  m->capacity = sys_disk_allocated (m->disk) + bytes;
}

void
sys_model_numbers (struct sys_model *m, struct sys_model_numbers *numbers)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&m->lock);

  *numbers = (struct sys_model_numbers) {
    .allocated = sys_disk_allocated (m->disk),
    .peak = sys_disk_peak (m->disk),
    .unsynced = sys_disk_unsynced (m->disk),
    .descriptors = sys_fds_open (&m->fds),
  };
}
