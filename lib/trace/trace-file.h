/* The file that a recording goes to: made, or put in the place of an older
 * trace, and never over anything else.
 */

#ifndef TIERCACHE_TRACE_FILE_H
#define TIERCACHE_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/sys.h"

struct trace_file
{
  const struct sys *sys;
  char *path, *new_path;        /* PATH and PATH.new */
  bool at_end;                  /* it is PATH.new until it is finished */
  bool renamed;                 /* it is PATH */
  int fd;
  uint64_t size;
};

/* Makes PATH.new, holds a lock on it, and writes the header.  at_end: as in
 * struct recorder_config.  0, or -1 with *e.
 */
extern int trace_file_open (struct trace_file *file, const struct sys *sys,
                            const char *path, bool at_end,
                            uint32_t block_size, struct error *e);

/* There is something to record: unless at_end, it is PATH from now on.  0, or
 * -1 with *e.
 */
extern int trace_file_begin (struct trace_file *file, struct error *e);

/* 0, or -1 with errno: then the file ends where it did before. */
extern int trace_file_append (struct trace_file *file, const void *data,
                              size_t count);

/* keep: at_end, what was recorded is worth more than what is at PATH.  0, or
 * -1 with *e; closed in every case.
 */
extern int trace_file_close (struct trace_file *file, bool keep,
                             struct error *e);

/* Whether both are the same file, by name or by what is there. */
extern bool trace_file_same (const struct sys *sys, const char *a,
                             const char *b);

/* PATH.new left behind by a process that was killed while it recorded for
 * the first time becomes PATH, if that is missing.
 */
extern void trace_file_adopt (const struct sys *sys, const char *path);

#endif /* TIERCACHE_TRACE_FILE_H */
