/* The file that a recording goes to.
 *
 * It is made as PATH.new and renamed to PATH: when the first client comes, so
 * that a server that can't start does no harm, or at the end.  PATH is a trace
 * at any moment.  Whoever records holds a lock on it, by which others see that
 * PATH is in use.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/decode.h"
#include "trace/encode.h"
#include "trace/trace-file.h"
#include "util/cleanup.h"
#include "util/minmax.h"

struct old
{
  const struct sys *sys;
  int fd;
  uint64_t offset;
};

static ssize_t
read_old (void *opaque, void *buf, size_t count, struct error *e)
{
  struct old *old = opaque;
  ssize_t n = sys_pread_full (old->sys, old->fd, buf, count, old->offset);

  if (n == -1)
    return error_set (e, errno, "cannot read: %s", strerror (errno));
  old->offset += n;
  return n;
}

static bool
is_trace (const struct sys *sys, int fd, struct error *why)
{
  struct old old = { sys, fd, 0 };
  struct trace_decoder *decoder = trace_decoder_new (read_old, &old, why);

  trace_decoder_free (decoder);
  return decoder != NULL;
}

/* What a recording that was killed in its first write can leave: nothing, the
 * beginning of a header, or zeros.
 */
static bool
is_unborn (const struct sys *sys, int fd, uint64_t size)
{
  static const uint8_t zeros[TRACE_HEADER_BYTES];
  uint8_t buf[TRACE_HEADER_BYTES] = { 0 };

  if (size > sizeof buf
      || sys_pread_full (sys, fd, buf, size, 0) != (ssize_t) size)
    return false;
  return memcmp (buf, zeros, size) == 0
    || (size < sizeof buf
        && memcmp (buf, TRACE_MAGIC, min_u64 (size, TRACE_MAGIC_BYTES)) == 0);
}

/* What is open as fd may be replaced: it is a trace that nobody records. */
static int
check_old (const struct sys *sys, int fd, const char *path, struct error *e)
{
  struct stat st;
  struct error why;

  if (sys->fstat (sys, fd, &st) == -1)
    return error_set (e, errno, "%s: cannot stat: %s", path,
                      strerror (errno));
  if (!S_ISREG (st.st_mode))
    return error_set (e, EINVAL, "%s: is not a regular file, so no trace can "
                      "be recorded to it", path);
  if (sys->lock (sys, fd) == -1)
    return error_set (e, EBUSY, "%s: another process is recording to it",
                      path);
  if (is_unborn (sys, fd, st.st_size) || is_trace (sys, fd, &why))
    return 0;
  return error_set (e, EEXIST, "%s: exists and is not overwritten, for it is "
                    "no trace that this version can read (%s): name another "
                    "file, or delete it", path, why.text);
}

/* The same for a path, where there may be nothing. */
static int
check_path (const struct sys *sys, const char *path, struct error *e)
{
  int fd = sys->open (sys, path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                      0);
  int r;

  if (fd == -1 && errno == ENOENT)
    return 0;
  if (fd == -1)
    return error_set (e, errno, "%s: cannot open to record to it: %s", path,
                      strerror (errno));
  r = check_old (sys, fd, path, e);
  sys->close (sys, fd);
  return r;
}

static int
write_header (struct trace_file *file, uint32_t block_size)
{
  const struct sys *sys = file->sys;
  uint8_t header[TRACE_HEADER_BYTES];

  trace_encode_header (header, block_size, sys->realtime_s (sys));
  if (sys_pwrite_full (sys, file->fd, header, sizeof header, 0) == -1)
    return -1;
  file->size = sizeof header;
  return 0;
}

static void
forget (struct trace_file *file)
{
  if (file->fd != -1)
    file->sys->close (file->sys, file->fd);
  free (file->path);
  free (file->new_path);
}

/* PATH.new, locked, with its header. */
static int
make_new (struct trace_file *file, uint32_t block_size, struct error *e)
{
  const struct sys *sys = file->sys;

  file->fd = sys->open (sys, file->new_path, O_RDWR | O_CREAT | O_CLOEXEC |
                        O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
  if (file->fd == -1)
    return error_set (e, errno, "%s: cannot be made: %s", file->new_path,
                      strerror (errno));
  if (check_old (sys, file->fd, file->new_path, e) == -1)
    return -1;
  if (sys->ftruncate (sys, file->fd, 0) == -1
      || write_header (file, block_size) == -1)
    return error_set (e, errno, "%s: cannot write: %s", file->new_path,
                      strerror (errno));
  return 0;
}

static int
rename_new (struct trace_file *file, struct error *e)
{
  const struct sys *sys = file->sys;

  if (sys->rename (sys, file->new_path, file->path) == 0) {
    file->renamed = true;
    return 0;
  }
  return error_set (e, errno, "%s: cannot be renamed to %s: %s",
                    file->new_path, file->path, strerror (errno));
}

int
trace_file_open (struct trace_file *file, const struct sys *sys,
                 const char *path, bool at_end, uint32_t block_size,
                 struct error *e)
{
  *file = (struct trace_file) { .sys = sys, .at_end = at_end, .fd = -1 };
  file->path = strdup (path);
  if (asprintf (&file->new_path, "%s.new", path) == -1)
    file->new_path = NULL;
  if (!file->path || !file->new_path) {
    forget (file);
    return error_set (e, ENOMEM, "out of memory");
  }
  if (check_path (sys, path, e) == -1
      || make_new (file, block_size, e) == -1) {
    forget (file);
    return -1;
  }
  return 0;
}

int
trace_file_begin (struct trace_file *file, struct error *e)
{
  const struct sys *sys = file->sys;

  if (file->at_end)
    return 0;
  if (sys->fdatasync (sys, file->fd) == -1)
    return error_set (e, errno, "%s: cannot sync: %s", file->new_path,
                      strerror (errno));
  return rename_new (file, e);
}

int
trace_file_append (struct trace_file *file, const void *data, size_t count)
{
  const struct sys *sys = file->sys;
  int errnum;

  if (sys_pwrite_full (sys, file->fd, data, count, file->size)
      == (ssize_t) count) {
    file->size += count;
    return 0;
  }
  errnum = errno;
  sys->ftruncate (sys, file->fd, file->size);
  errno = errnum;
  return -1;
}

/* The folder a path is in. */
static char *
folder_of (const char *path)
{
  const char *slash = strrchr (path, '/');

  return !slash ? strdup (".") : slash == path ? strdup ("/")
    : strndup (path, slash - path);
}

int
trace_file_close (struct trace_file *file, bool keep, struct error *e)
{
  const struct sys *sys = file->sys;
  CLEANUP_FREE char *folder = folder_of (file->path);
  int r = 0;

  if (sys->fdatasync (sys, file->fd) == -1)
    r = error_set (e, errno, "%s: cannot sync: %s", file->path,
                   strerror (errno));
  if (file->at_end && r == 0 && keep)
    r = rename_new (file, e);
  else if (!file->renamed)
    sys->unlink (sys, file->new_path);
  if (folder)
    sys->fsync_dir (sys, folder);
  forget (file);
  return r;
}

static int
stat_path (const struct sys *sys, const char *path, struct stat *st)
{
  int fd = sys->open (sys, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
  int r = fd == -1 ? -1 : sys->fstat (sys, fd, st);

  if (fd != -1)
    sys->close (sys, fd);
  return r;
}

void
trace_file_adopt (const struct sys *sys, const char *path)
{
  CLEANUP_FREE char *new_path = NULL;
  struct stat st;
  struct error e;
  int fd;

  if (stat_path (sys, path, &st) == 0 || errno != ENOENT
      || asprintf (&new_path, "%s.new", path) == -1)
    return;
  fd = sys->open (sys, new_path, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd == -1)
    return;
  if (check_old (sys, fd, new_path, &e) == 0 && is_trace (sys, fd, &e))
    sys->rename (sys, new_path, path);
  sys->close (sys, fd);
}

bool
trace_file_same (const struct sys *sys, const char *a, const char *b)
{
  struct stat one, other;

  return strcmp (a, b) == 0
    || (stat_path (sys, a, &one) == 0 && stat_path (sys, b, &other) == 0
        && one.st_dev == other.st_dev && one.st_ino == other.st_ino);
}
