/* The commands but stat: from the words of a command line to a request. */

#ifndef TIERCACHE_CTL_COMMANDS_H
#define TIERCACHE_CTL_COMMANDS_H

#include "call.h"

/* What was asked for by options. */
struct options
{
  struct call call;
  bool all;                     /* --all */
  bool warming;                 /* one of warm's was given */
  const char *dir, *key;        /* --cache-dir, --cache-key */
  const char **headers;         /* NULL-terminated, or NULL */
  size_t headers_count;
};

/* Runs words[0] with its arguments.  The program's exit status; -1 with *e: a
 * wrong command line.
 */
extern int commands_run (struct options *options, char *const words[],
                         int count, struct error *e);

#endif /* TIERCACHE_CTL_COMMANDS_H */
