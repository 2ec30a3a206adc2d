/* The data files: opened when a slot of theirs is first used. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"

static char *
data_path (const char *dir, uint32_t file)
{
  char name[32];

  snprintf (name, sizeof name, "data.%u", file);
  return cache_path (dir, name);
}

/* -1 if it isn't open. */
int
data_fd (struct cache *c, uint32_t file)
{
  return atomic_load_explicit (&c->data_fds[file], memory_order_acquire);
}

/* Opens a file and gives it its full length, which it has from the start, so
 * that a file system sees no reason to allocate ahead of writes.  Threads may
 * do this at the same time: one descriptor stays.  -1 with errno.
 */
int
data_open (struct cache *c, uint32_t file, bool create)
{
  CLEANUP_FREE char *path = data_path (c->dir, file);
  int fd, none = -1, saved;
  struct stat st;

  if (!path)
    return -1;
  fd = c->sys->open (c->sys, path,
                     O_RDWR | O_NOFOLLOW | O_NONBLOCK |
                     (create ? O_CREAT : 0), 0600);
  if (fd == -1)
    return -1;
  if (c->sys->fstat (c->sys, fd, &st) == -1)
    goto failed;
  if (!S_ISREG (st.st_mode)) {
    errno = EINVAL;
    goto failed;
  }
  if ((uint64_t) st.st_size != DATA_FILE_BYTES &&
      c->sys->ftruncate (c->sys, fd, DATA_FILE_BYTES) == -1)
    goto failed;
  if (!atomic_compare_exchange_strong (&c->data_fds[file], &none, fd)) {
    c->sys->close (c->sys, fd);
    return none;
  }
  return fd;

 failed:
  saved = errno;
  c->sys->close (c->sys, fd);
  errno = saved;
  return -1;
}

int
data_unlink (const struct sys *sys, const char *dir, uint32_t file)
{
  CLEANUP_FREE char *path = data_path (dir, file);

  if (!path)
    return -1;
  return sys->unlink (sys, path);
}
