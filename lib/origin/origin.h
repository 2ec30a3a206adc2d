/* Where bytes come from: one file a scheme behind one table of functions.
 *
 * An open origin is one version of one object.  Its calls block, may come
 * from many threads at once, and end by themselves within the configured
 * timeout or when the program is told to stop.
 */

#ifndef TIERCACHE_ORIGIN_H
#define TIERCACHE_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/stop.h"

#define ORIGIN_VALIDATOR_MAX 500      /* bytes without the final NUL */
#define ORIGIN_READ_MAX 1048576u      /* bytes of one read */

struct origin_config
{
  unsigned connections;         /* at most this many requests at once */
  uint64_t timeout_ms;          /* bounds one request as a whole */
  const char *cainfo;           /* PEM file, or NULL: the system's */
  const char *user, *password;  /* or NULL */
  const char *const *headers;   /* "Name: value", NULL-terminated, or NULL */
  const struct stop *stop;
};

struct origin;

/* One extent of the object. */
typedef int (*origin_extent_fn) (void *opaque, uint64_t offset,
                                 uint64_t count, bool hole);

struct origin_ops
{
  void (*close) (struct origin *origin);

  /* Reads bytes [offset, offset + count), which lie within the object, count
   * at most ORIGIN_READ_MAX.  0 with all of them; or -1 with *e, and *got
   * bytes at the start of buf that are right all the same.  A version other
   * than the one opened is ESTALE, ERROR_FINAL.
   */
  int (*read) (struct origin *origin, void *buf, size_t count,
               uint64_t offset, size_t *got, struct error *e);

  /* Calls fn for consecutive extents that cover [offset, offset + count),
   * until it returns non-zero (which is then returned).  NULL: all data.
   */
  int (*extents) (struct origin *origin, uint64_t offset, uint64_t count,
                  origin_extent_fn fn, void *opaque, struct error *e);
};

/* The common part; each scheme's own struct begins with it. */
struct origin
{
  const struct origin_ops *ops;
  uint64_t size;                                /* bytes */
  /* Names the version: "" if the origin offers nothing to tell versions
   * apart.  lasting: equal validators mean equal bytes for ever (strong
   * ETag; Last-Modified and size; a file's device, inode, size and mtime).
   */
  char validator[ORIGIN_VALIDATOR_MAX + 1];
  bool lasting;
};

/* Opens a URL: file:, http:, https:, nbd: (nbds:, nbd+unix:, nbds+unix:), or
 * a bare path.  One round trip, of NBD a few.
 * NULL with *e; kind ERROR_ABSENT when it can't be reached.  The
 * configuration is copied, but for stop, which must outlive the origin.
 */
extern struct origin *origin_open (const char *url,
                                   const struct origin_config *config,
                                   struct error *e);
extern void origin_close (struct origin *origin);

/* What a URL is called in the cache: without user info, fragment and the
 * parameters of a signature; a file's path.  The same object tomorrow.
 * Also checks the URL: NULL with *e if the scheme is unknown or the URL is
 * malformed.  The caller frees it.
 */
extern char *origin_identity (const char *url, struct error *e);

/* The same URL fit for logs and errors: user info and query replaced by
 * "…" (of NBD, only the socket stays of the query).  The caller frees it; NULL
 * when out of memory.
 */
extern char *origin_url_for_log (const char *url);

#endif /* TIERCACHE_ORIGIN_H */
