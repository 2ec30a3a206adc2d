/* Local files and block devices as origins: file: URLs and bare paths. */

#ifndef TIERCACHE_FILE_H
#define TIERCACHE_FILE_H

#include "origin/origin.h"
#include "util/sys.h"

/* The path that a file: URL or a bare path names.  NULL with *e; the caller
 * frees it.
 */
extern char *file_path (const char *url, struct error *e);

/* Says why a path could not be opened, and what to do about it.  -1. */
extern int file_open_error (const char *path, int errnum, struct error *e);

/* As origin_open and origin_identity. */
extern struct origin *file_open (const char *url, const struct sys *sys,
                                 const struct stop *stop, struct error *e);
extern char *file_identity (const char *url, struct error *e);

#endif /* TIERCACHE_FILE_H */
