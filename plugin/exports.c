/* What is served under which export name. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exports.h"
#include "origin/directory.h"
#include "util/cleanup.h"

void
exports_free (struct exports *exports)
{
  for (size_t i = 0; i < exports->n; i++) {
    free (exports->list[i].name);
    free (exports->list[i].url);
  }
  free (exports->list);
  free (exports->url);
  free (exports->key);
}

static const struct export *
find_listed (const struct exports *exports, const char *name)
{
  for (size_t i = 0; i < exports->n; i++)
    if (strcmp (exports->list[i].name, name) == 0)
      return &exports->list[i];
  return NULL;
}

/* What is wrong with an export that is to be added.  0, or -1 with *e. */
static int
check_new (const struct exports *exports, const char *name, const char *url,
           struct error *e)
{
  CLEANUP_FREE char *identity = NULL;
  const char *problem = directory_name_problem (name);

  if (problem)
    return error_set (e, EINVAL, "export=%s=…: not a usable name: %s", name,
                      problem);
  if (find_listed (exports, name))
    return error_set (e, EINVAL, "export=%s=…: the name was given already",
                      name);
  if (directory_is (url))
    return error_set (e, EINVAL, "export=%s=…: is a directory: an export is "
                      "one image (url= takes a directory)", name);
  identity = origin_identity (url, e);
  return identity ? 0 : -1;
}

int
exports_add (struct exports *exports, char *name, char *url, struct error *e)
{
  CLEANUP_FREE char *own_name = name, *own_url = url;
  struct export *list;

  if (check_new (exports, name, url, e) == -1)
    return -1;
  list = realloc (exports->list, (exports->n + 1) * sizeof *list);
  if (!list)
    return error_set (e, ENOMEM, "out of memory");
  exports->list = list;
  exports->list[exports->n++] = (struct export) { name, url };
  own_name = own_url = NULL;
  return 0;
}

bool
exports_many (const struct exports *exports)
{
  return !exports->url || directory_is (exports->url);
}

int
exports_names (const struct exports *exports,
               const struct origin_config *config,
               int (*fn) (void *opaque, const char *name), void *opaque,
               struct error *e)
{
  struct directory_names names = { NULL, 0 };
  int r = 0;

  e->errnum = 0;
  if (!exports->url)
    for (size_t i = 0; i < exports->n && r == 0; i++)
      r = fn (opaque, exports->list[i].name);
  else {
    r = directory_list (exports->url, config, &names, e);
    for (size_t i = 0; i < names.n && r == 0; i++)
      r = fn (opaque, names.names[i]);
    directory_names_free (&names);
  }
  return r;
}

/* The only name there is. */
struct only
{
  char *name;
  size_t n;
};

static int
count_name (void *opaque, const char *name)
{
  struct only *only = opaque;

  if (only->n++ == 0)
    only->name = strdup (name);
  return 0;
}

/* The name a client means that gives none; the caller frees it. */
static char *
default_name (const struct exports *exports,
              const struct origin_config *config, struct error *e)
{
  struct only only = { NULL, 0 };

  if (exports_names (exports, config, count_name, &only, e) == -1) {
    free (only.name);
    return NULL;
  }
  if (only.n == 1 && only.name)
    return only.name;
  error_set (e, ENOENT, "there are %zu exports and none is the default: name "
             "one, as in nbd://HOST/NAME; nbdinfo --list shows them", only.n);
  free (only.name);
  return NULL;
}

static int
find_url (const struct exports *exports, const char *name, char **url,
          struct error *e)
{
  const char *problem = directory_name_problem (name);
  const struct export *listed;

  if (problem)
    return error_set (e, EINVAL, "export \"%.100s\": no such name is "
                      "possible: %s", name, problem);
  if (exports->url)
    *url = directory_join (exports->url, name);
  else {
    listed = find_listed (exports, name);
    if (!listed)
      return error_set (e, ENOENT, "export \"%.100s\": there is none of this "
                        "name; nbdinfo --list shows them", name);
    *url = strdup (listed->url);
  }
  return *url ? 0 : error_set (e, ENOMEM, "out of memory");
}

/* Of many, each is an object of its own under the key. */
static int
find_key (const struct exports *exports, const char *name, char **key,
          struct error *e)
{
  int r;

  *key = NULL;
  if (!exports->key)
    return 0;
  r = name ? asprintf (key, "%s/%s", exports->key, name)
    : asprintf (key, "%s", exports->key);
  if (r != -1)
    return 0;
  *key = NULL;
  return error_set (e, ENOMEM, "out of memory");
}

int
exports_find (const struct exports *exports, const char *name,
              const struct origin_config *config, char **url, char **key,
              struct error *e)
{
  CLEANUP_FREE char *only = NULL, *found = NULL;

  if (!exports_many (exports)) {
    found = strdup (exports->url);
    if (!found)
      return error_set (e, ENOMEM, "out of memory");
    name = NULL;
  }
  else {
    if (*name == '\0')
      name = only = default_name (exports, config, e);
    if (!name || find_url (exports, name, &found, e) == -1)
      return -1;
  }
  if (find_key (exports, name, key, e) == -1)
    return -1;
  *url = found;
  found = NULL;
  return 0;
}
