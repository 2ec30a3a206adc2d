/* What is served under which export name. */

#ifndef TIERCACHE_EXPORTS_H
#define TIERCACHE_EXPORTS_H

#include <stdbool.h>
#include <stddef.h>

#include "origin/origin.h"
#include "util/error.h"

struct export
{
  char *name, *url;
};

/* One URL, whatever the name; a directory of images; or a list. */
struct exports
{
  char *url;                    /* or NULL: the list */
  char *key;                    /* cache-key, or NULL */
  struct export *list;
  size_t n;
};

extern void exports_free (struct exports *exports);

/* NAME and URL are taken, in every case.  0, or -1 with *e. */
extern int exports_add (struct exports *exports, char *name, char *url,
                        struct error *e);

/* Whether the name matters at all. */
extern bool exports_many (const struct exports *exports);

/* Calls fn with each name, until it returns non-zero.  What it returned, or
 * -1 with *e; e->errnum is 0 if it was fn that failed.
 */
extern int exports_names (const struct exports *exports,
                          const struct origin_config *config,
                          int (*fn) (void *opaque, const char *name),
                          void *opaque, struct error *e);

/* What a client that asks for name gets: URL and key in the cache, or NULL
 * (the URL is the key).  The caller frees both.  0, or -1 with *e.
 */
extern int exports_find (const struct exports *exports, const char *name,
                         const struct origin_config *config, char **url,
                         char **key, struct error *e);

#endif /* TIERCACHE_EXPORTS_H */
