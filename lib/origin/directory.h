/* Directories of images: file: and http: URLs that end with a slash. */

#ifndef TIERCACHE_DIRECTORY_H
#define TIERCACHE_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "origin/origin.h"
#include "util/error.h"

#define DIRECTORY_NAME_MAX 255          /* bytes */
#define DIRECTORY_NAMES_MAX 10000       /* of one listing */
#define DIRECTORY_LISTING_MAX 1048576   /* bytes of it */

/* A file: URL, path or http: URL whose path ends with a slash. */
extern bool directory_is (const char *url);

/* NULL if a name is one of something in the directory; or why it is not: it
 * may lead out of it, however often it is decoded.
 */
extern const char *directory_name_problem (const char *name);

/* The URL of a name that has no problem.  The caller frees it; NULL when out
 * of memory.
 */
extern char *directory_join (const char *url, const char *name);

/* Names, collected from something that may not be trusted. */
struct directory_names
{
  char **names;
  size_t n;
};

/* Takes a copy; names with a problem, and more than DIRECTORY_NAMES_MAX, are
 * left out.  0, or -1 when out of memory.
 */
extern int directory_names_add (struct directory_names *names,
                                const char *name, size_t len);
extern void directory_names_free (struct directory_names *names);

/* directory-parse.c: the names in a listing as web servers send it: HTML
 * with links, JSON, or one name a line.  what begins the error.  0, or -1
 * with *e.
 */
extern int directory_parse (const char *text, size_t len, const char *what,
                            struct directory_names *names, struct error *e);

/* directory-http.c: the listing itself; the caller frees *text. */
extern int directory_fetch (const char *url,
                            const struct origin_config *config, char **text,
                            size_t *len, struct error *e);

/* Adds the images in the directory to names, sorted, each once.  0, or -1
 * with *e.
 */
extern int directory_list (const char *url,
                           const struct origin_config *config,
                           struct directory_names *names, struct error *e);

#endif /* TIERCACHE_DIRECTORY_H */
