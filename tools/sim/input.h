/* A trace file as bytes and lines: plain, gzip or Zstandard. */

#ifndef TIERCACHE_SIM_INPUT_H
#define TIERCACHE_SIM_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

struct input;

/* NULL with *e when path can't be opened. */
extern struct input *input_open (const char *path, struct error *e);
extern void input_close (struct input *input);

/* Whether it begins with these bytes (at most INPUT_BEGINNING).  Before
 * anything was read only; nothing is taken from it.  -1 with *e.
 */
#define INPUT_BEGINNING 8
extern int input_begins (struct input *input, const void *bytes,
                         size_t count, struct error *e);

/* Reads count bytes, fewer only at the end of the file.  -1 with *e. */
extern ssize_t input_read (struct input *input, void *buf, size_t count,
                           struct error *e);

/* Reads a line without its end.  1, 0 at the end of the file, or -1 with *e
 * (a read error, a NUL in the line, or a line that is longer than size - 1).
 */
extern int input_line (struct input *input, char *line, size_t size,
                       struct error *e);

/* How much of the file has been read, in thousandths. */
extern unsigned input_progress (const struct input *input);

#endif /* TIERCACHE_SIM_INPUT_H */
