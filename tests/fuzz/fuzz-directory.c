/* libFuzzer: listings of directories, as anybody's web server sends them.
 *
 * Whatever comes, each name in it is one of something in the directory, and
 * the URL made of it leads there.
 */

#include <config.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "origin/directory.h"
#include "origin/http.h"
#include "util/cleanup.h"

#define SITE "http://h/d/"

extern int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
require (int ok)
{
  if (!ok)
    abort ();
}

/* Below the directory, and no deeper. */
static void
check_name (const char *name)
{
  CLEANUP_FREE char *url = directory_join (SITE, name);
  CLEANUP_FREE char *identity = NULL;
  struct error e;

  require (directory_name_problem (name) == NULL);
  require (url != NULL);
  identity = http_identity (url, &e);
  require (identity != NULL);
  require (strncmp (identity, SITE, strlen (SITE)) == 0);
  require (identity[strlen (SITE)] != '\0');
  require (strpbrk (identity + strlen (SITE), "/?#") == NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct directory_names names = { NULL, 0 };
  struct error e = { .text = "" };

  if (directory_parse ((const char *) data, size, SITE, &names, &e) == -1)
    require (e.errnum > 0 && strlen (e.text) > 5);
  require (names.n <= DIRECTORY_NAMES_MAX);
  for (size_t i = 0; i < names.n; i++)
    check_name (names.names[i]);
  directory_names_free (&names);
  return 0;
}
