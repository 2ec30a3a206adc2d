/* Local files and block devices as origins.
 *
 * What is served is the version that was opened, or an error.  The version
 * of a regular file is its device, inode, size and time of modification; it
 * is looked at before and after every read, through the descriptor and
 * through the path, so that a file that was written to and one that was
 * replaced are both noticed.  (Not noticed: writes through a shared mapping
 * before the kernel stamps them, and a writer who puts the old time back.)
 *
 * A block device has nothing of the kind: its inode is that of the node in
 * /dev.  Its validator is "", so that nothing of it is kept for later.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "origin/file.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"

/* The kernel stamps files with the time of its last tick, 10 ms apart at
 * most: a file that was modified just now could be modified once more and
 * show the same time.  Opening such a file waits two ticks, after which that
 * can't be.  Whole seconds may mean a file system with ticks of 1 or 2 s:
 * there waiting takes too long, and the validator is not lasting.
 */
#define TICK_MS 20
#define COARSE_TICK_S 2
#define SETTLE_TRIES 5

#define NS_PER_S UINT64_C (1000000000)

struct file
{
  struct origin common;
  const struct sys *sys;
  char *path;
  int fd;
  struct stat st;               /* when it was opened */
};

/* Unsigned: a time far off wraps, and is still one number for one time. */
static uint64_t
mtime_ns (const struct stat *st)
{
  return st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec;
}

/* What a caller may do about an errno of the file system. */
static enum error_kind
kind_of (int errnum)
{
  switch (errnum) {
  case EIO: case EAGAIN: case EINTR: case ENOMEM: case EMFILE: case ENFILE:
    return ERROR_AGAIN;
  case ETIMEDOUT: case ENOTCONN: case EHOSTDOWN: case EHOSTUNREACH:
  case ENETDOWN: case ENETUNREACH: case ECONNREFUSED: case EREMOTEIO:
    return ERROR_ABSENT;        /* network file systems */
  default:
    return ERROR_FINAL;
  }
}

static const char *
advice (int errnum)
{
  switch (errnum) {
  case ENOENT: case ENOTDIR:
    return ": check the path; a relative one starts where nbdkit does";
  case EACCES: case EPERM:
    return ": the user this program runs as must be able to read the file "
      "and search the directories above it";
  case ESTALE:
    return ": the file server no longer knows this file (it was deleted or "
      "replaced there, or exported anew): open it again";
  case EMFILE: case ENFILE:
    return ": raise the limit of open files (ulimit -n)";
  case EIO:
    return ": look at the kernel's log for what the disk says";
  default:
    return kind_of (errnum) == ERROR_ABSENT
      ? ": the file server can't be reached" : "";
  }
}

int
file_open_error (const char *path, int errnum, struct error *e)
{
  /* Opening asks by name: a handle that went stale may be had again, and a
   * file that is missing may be on a mount that is.
   */
  enum error_kind kind = errnum == ESTALE ? ERROR_AGAIN
    : errnum == ENOENT ? ERROR_ABSENT : kind_of (errnum);

  return error_set_kind (e, kind, errnum, "%s: cannot open: %s%s", path,
                         strerrordesc_np (errnum), advice (errnum));
}

static int
changed (const struct file *f, struct error *e, const char *what)
{
  return error_set (e, ESTALE, "%s: %s while it was open: what is not cached "
                    "can't be read; open the export again to see the file "
                    "as it is now", f->path, what);
}

/* Is this still what was opened? */
static int
check_stat (const struct file *f, const struct stat *st, struct error *e)
{
  const struct stat *old = &f->st;

  if (st->st_dev != old->st_dev || st->st_ino != old->st_ino
      || st->st_rdev != old->st_rdev
      || (st->st_mode & S_IFMT) != (old->st_mode & S_IFMT))
    return changed (f, e, "the file was replaced by another");
  if (S_ISBLK (st->st_mode))
    return 0;
  if (st->st_size < old->st_size)
    return changed (f, e, "the file has shrunk");
  if (st->st_size > old->st_size)
    return changed (f, e, "the file has grown");
  if (mtime_ns (st) != mtime_ns (old))
    return changed (f, e, "the file was written to");
  return 0;
}

static int
check_descriptor (const struct file *f, struct error *e)
{
  struct stat st;

  if (f->sys->fstat (f->sys, f->fd, &st) == -1)
    return error_set_kind (e, kind_of (errno), errno, "%s: cannot look at "
                           "the file: %s%s", f->path,
                           strerrordesc_np (errno), advice (errno));
  return check_stat (f, &st, e);
}

/* Where the path can't be followed any more for other reasons than that
 * nothing is there (permissions, say), the descriptor is still good.
 */
static int
check_path (const struct file *f, struct error *e)
{
  struct stat st;
  int fd = f->sys->open (f->sys, f->path, O_PATH, 0), r;

  if (fd == -1)
    return errno == ENOENT || errno == ENOTDIR
      ? changed (f, e, "the file was deleted or renamed") : 0;
  r = f->sys->fstat (f->sys, fd, &st);
  f->sys->close (f->sys, fd);
  return r == -1 ? 0 : check_stat (f, &st, e);
}

static int
file_read (struct origin *origin, void *buf, size_t count, uint64_t offset,
           size_t *got, struct error *e)
{
  struct file *f = (struct file *) origin;
  ssize_t r;
  int saved;

  *got = 0;
  if (check_descriptor (f, e) == -1)
    return -1;
  r = sys_pread_full (f->sys, f->fd, buf, count, offset);
  saved = errno;
  if (check_descriptor (f, e) == -1 || check_path (f, e) == -1)
    return -1;
  if (r == -1)
    return error_set_kind (e, kind_of (saved), saved, "%s: cannot read %zu "
                           "bytes at %" PRIu64 ": %s%s", f->path, count,
                           offset, strerrordesc_np (saved), advice (saved));
  if ((size_t) r < count)
    return changed (f, e, "the file has shrunk");
  *got = count;
  return 0;
}

/* The extent that begins at offset.  Its end, at most end. */
static int
next_extent (const struct file *f, uint64_t offset, uint64_t end,
             uint64_t *ret, bool *hole, struct error *e)
{
  int64_t data = f->sys->lseek (f->sys, f->fd, offset, SEEK_DATA), next;

  *hole = false;
  *ret = end;
  if (data == -1 && errno == ENXIO) {           /* no data up to the end */
    *hole = true;
    return 0;
  }
  if (data == -1 && (errno == EINVAL || errno == EOPNOTSUPP))
    return 0;                                   /* it can't tell */
  if (data == -1)
    return error_set_kind (e, kind_of (errno), errno, "%s: cannot look for "
                           "holes at %" PRIu64 ": %s%s", f->path, offset,
                           strerrordesc_np (errno), advice (errno));
  if ((uint64_t) data > offset) {
    *hole = true;
    *ret = min_u64 (end, data);
    return 0;
  }
  next = f->sys->lseek (f->sys, f->fd, offset, SEEK_HOLE);
  if (next > (int64_t) offset)
    *ret = min_u64 (end, next);
  return 0;
}

static int
file_extents (struct origin *origin, uint64_t offset, uint64_t count,
              origin_extent_fn fn, void *opaque, struct error *e)
{
  struct file *f = (struct file *) origin;
  uint64_t end = offset + count, next;
  bool hole;
  int r;

  while (offset < end) {
    /* The check comes last: a hole of another version would be zeros that
     * were never there.
     */
    if (next_extent (f, offset, end, &next, &hole, e) == -1
        || check_descriptor (f, e) == -1 || check_path (f, e) == -1)
      return -1;
    r = fn (opaque, offset, next - offset, hole);
    if (r != 0)
      return r;
    offset = next;
  }
  return 0;
}

static void
file_close (struct origin *origin)
{
  struct file *f = (struct file *) origin;

  f->sys->close (f->sys, f->fd);
  free (f->path);
  free (f);
}

static const struct origin_ops file_ops = {
  .close = file_close,
  .read = file_read,
  .extents = file_extents,
};

/* Only what has a size and can be read anywhere. */
static int
check_type (const struct file *f, struct error *e)
{
  mode_t mode = f->st.st_mode;

  if (S_ISREG (mode) || S_ISBLK (mode))
    return 0;
  if (S_ISDIR (mode))
    return error_set (e, EISDIR, "%s: is a directory: name the image in it",
                      f->path);
  return error_set (e, EINVAL, "%s: is a %s: only regular files and block "
                    "devices can be served", f->path,
                    S_ISFIFO (mode) ? "pipe" : S_ISSOCK (mode) ? "socket"
                    : S_ISCHR (mode) ? "character device" : "special file");
}

static int
find_size (struct file *f, struct error *e)
{
  int64_t size = f->st.st_size;

  if (S_ISBLK (f->st.st_mode))
    size = f->sys->lseek (f->sys, f->fd, 0, SEEK_END);
  if (size == -1)
    return error_set_kind (e, kind_of (errno), errno, "%s: cannot find the "
                           "size of the device: %s", f->path,
                           strerrordesc_np (errno));
  if (size == 0)
    return error_set (e, EINVAL, "%s: is empty (0 bytes): there is nothing "
                      "to serve", f->path);
  f->common.size = size;
  return 0;
}

/* Waits until another write to the file would show (see TICK_MS).  Says
 * whether it would.
 */
static int
settle (struct file *f, const struct stop *stop, struct error *e)
{
  struct stat st;

  for (int i = 0; i < SETTLE_TRIES; i++) {
    time_t now = f->sys->realtime_s (f->sys);

    if (f->st.st_mtim.tv_sec < now - COARSE_TICK_S)
      return true;
    if (f->st.st_mtim.tv_nsec == 0)
      return false;
    if (stop_sleep (stop, TICK_MS) != 0)
      return error_set (e, ESHUTDOWN, "%s: the program is ending", f->path);
    if (f->sys->fstat (f->sys, f->fd, &st) == -1)
      return file_open_error (f->path, errno, e);
    if (mtime_ns (&st) == mtime_ns (&f->st) && st.st_size == f->st.st_size)
      return true;
    f->st = st;
  }
  log_info ("%s: is being written to: what is cached of it is not kept for "
            "later", f->path);
  return false;
}

static int
find_version (struct file *f, const struct stop *stop, struct error *e)
{
  int r = 0;

  if (S_ISREG (f->st.st_mode) && (r = settle (f, stop, e)) == -1)
    return -1;
  f->common.lasting = r;
  if (S_ISREG (f->st.st_mode))
    snprintf (f->common.validator, sizeof f->common.validator,
              "%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%" PRIu64,
              (uint64_t) f->st.st_dev, (uint64_t) f->st.st_ino,
              (uint64_t) f->st.st_size, mtime_ns (&f->st));
  return find_size (f, e);
}

static int
open_path (struct file *f, const struct stop *stop, struct error *e)
{
  /* Not blocking: opening a pipe would wait for a writer. */
  f->fd = f->sys->open (f->sys, f->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (f->fd == -1 && errno == ENXIO)
    return error_set (e, EINVAL, "%s: is a socket or a device without a "
                      "driver: only regular files and block devices can be "
                      "served", f->path);
  if (f->fd == -1)
    return file_open_error (f->path, errno, e);
  if (f->sys->fstat (f->sys, f->fd, &f->st) == -1)
    return file_open_error (f->path, errno, e);
  if (check_type (f, e) == -1 || find_version (f, stop, e) == -1)
    return -1;
  log_debug (origin, "%s: %" PRIu64 " bytes, version %s%s", f->path,
             f->common.size, f->common.validator,
             f->common.lasting ? "" : " (not lasting)");
  return 0;
}

struct origin *
file_open (const char *url, const struct sys *sys, const struct stop *stop,
           struct error *e)
{
  CLEANUP_FREE char *path = file_path (url, e);
  struct file *f;

  if (!path)
    return NULL;
  f = calloc (1, sizeof *f);
  if (!f) {
    error_set (e, ENOMEM, "%s: out of memory", path);
    return NULL;
  }
  f->common.ops = &file_ops;
  f->sys = sys;
  f->path = path;
  if (open_path (f, stop, e) == -1) {
    if (f->fd >= 0)
      sys->close (sys, f->fd);
    free (f);
    return NULL;
  }
  path = NULL;
  return &f->common;
}
