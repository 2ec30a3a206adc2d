/* Is what lies in the directory a cache's?  An empty cache begins by deleting
 * what has the names of its files: these must not be somebody else's.
 */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"

#define DATA_LOOKED_AT 64

/* The first bytes of a file.  How many, or -1 with errno. */
static ssize_t
first_bytes (struct cache *c, const char *name, char *buf, size_t count)
{
  CLEANUP_FREE char *path = cache_path (c->dir, name);
  ssize_t r;
  int fd, saved;

  if (!path)
    return -1;
  fd = c->sys->open (c->sys, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd == -1)
    return -1;
  r = sys_pread_full (c->sys, fd, buf, count, 0);
  saved = errno;
  c->sys->close (c->sys, fd);
  errno = saved;
  return r;
}

static bool
begins_with (struct cache *c, const char *name, const char magic[8])
{
  char buf[8];

  return first_bytes (c, name, buf, sizeof buf) == sizeof buf
    && memcmp (buf, magic, sizeof buf) == 0;
}

static bool
is_there (struct cache *c, const char *name)
{
  char byte;

  return first_bytes (c, name, &byte, 1) != -1 || errno != ENOENT;
}

static int
foreign (struct cache *c, const char *name, struct error *e)
{
  return error_set (e, ENOTEMPTY, "%s: is not a tiercache cache, but holds a "
                    "file \"%s\", which a cache there would delete: name "
                    "another directory, or delete that file", c->dir, name);
}

/* A pid, or what a loss of power may leave of one.  A lock that can't be read
 * counts: what is wrong with it, taking it tells.
 */
static bool
is_our_lock (struct cache *c)
{
  char text[24];
  ssize_t n = first_bytes (c, "lock", text, sizeof text);

  if (n == -1)
    return errno != ENOENT;
  for (ssize_t i = 0; i < n; i++)
    if (!isdigit ((unsigned char) text[i]) && text[i] != '\n'
        && text[i] != '\0')
      return false;
  return true;
}

/* 0, or -1 with *e.  A cache is known by its lock, or by either header. */
int
owned_check (struct cache *c, struct error *e)
{
  char name[16];

  if (is_our_lock (c) || begins_with (c, "index", "tcIndex")
      || begins_with (c, "objects", "tcObject"))
    return 0;
  if (is_there (c, "lock"))
    return foreign (c, "lock", e);
  if (is_there (c, "index"))
    return foreign (c, "index", e);
  if (is_there (c, "objects"))
    return foreign (c, "objects", e);
  if (is_there (c, "learned"))
    return foreign (c, "learned", e);
  for (unsigned i = 0; i < DATA_LOOKED_AT; i++) {
    snprintf (name, sizeof name, "data.%u", i);
    if (is_there (c, name))
      return foreign (c, name, e);
  }
  return 0;
}

/* A directory that was moved may have made place for somebody else's cache. */
bool
owned_in_place (struct cache *c)
{
  CLEANUP_FREE char *path = cache_path (c->dir, "lock");
  struct stat now, held;
  int fd, r;

  fd = !path ? -1 :
    c->sys->open (c->sys, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd == -1)
    return errno != ENOENT && errno != ENOTDIR && errno != ELOOP;
  r = c->sys->fstat (c->sys, fd, &now);
  c->sys->close (c->sys, fd);
  return r == -1 || c->sys->fstat (c->sys, c->lock_fd, &held) == -1
    || (now.st_dev == held.st_dev && now.st_ino == held.st_ino);
}
