/* Directories of images: which URLs are, what names mean in them, what is in
 * them.
 */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "origin/directory.h"
#include "origin/file.h"
#include "util/cleanup.h"

static bool
is_http (const char *url)
{
  return strncasecmp (url, "http://", 7) == 0
    || strncasecmp (url, "https://", 8) == 0;
}

static bool
is_file_url (const char *url)
{
  return strncasecmp (url, "file:", 5) == 0;
}

/* The length of the URL up to and with its path. */
static size_t
path_end (const char *url)
{
  return is_http (url) ? strcspn (url, "?#") : strlen (url);
}

bool
directory_is (const char *url)
{
  size_t n = path_end (url);

  if (n == 0 || url[n - 1] != '/')
    return false;
  if (is_http (url))            /* not the slashes in front of the host */
    return url[n - 2] != '/' || strchr (strstr (url, "://") + 3, '/');
  return is_file_url (url) || !strstr (url, "://");
}

/* Undoes %XX once, in place.  Whether there was any. */
static bool
decode_once (char *name)
{
  bool found = false;
  char *to = name;

  for (const char *p = name; *p; p++) {
    unsigned byte;

    if (p[0] == '%' && strspn (p + 1, "0123456789abcdefABCDEF") >= 2
        && sscanf (p + 1, "%2x", &byte) == 1) {
      *to++ = byte ? (char) byte : '/';         /* refused like one */
      p += 2;
      found = true;
    }
    else
      *to++ = *p;
  }
  *to = '\0';
  return found;
}

const char *
directory_name_problem (const char *name)
{
  char decoded[DIRECTORY_NAME_MAX + 1];

  if (*name == '\0')
    return "it is empty";
  if (strlen (name) > DIRECTORY_NAME_MAX)
    return "it is longer than 255 bytes";
  strcpy (decoded, name);
  do {
    if (strcmp (decoded, ".") == 0 || strcmp (decoded, "..") == 0
        || strpbrk (decoded, "/\\"))
      return "it leads out of the directory";
    for (const char *p = decoded; *p; p++)
      if ((unsigned char) *p < ' ' || *p == 127)
        return "it has control characters";
  } while (decode_once (decoded));
  return NULL;
}

/* Everything but what RFC 3986 calls unreserved. */
static void
percent_encode (char *to, const char *name)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

  for (; *name; name++)
    if (strchr (plain, *name))
      *to++ = *name;
    else
      to += sprintf (to, "%%%02X", (unsigned char) *name);
  *to = '\0';
}

char *
directory_join (const char *url, const char *name)
{
  char encoded[3 * DIRECTORY_NAME_MAX + 1];
  size_t n = path_end (url);
  char *ret;

  if (strlen (name) > DIRECTORY_NAME_MAX)
    return NULL;
  if (is_http (url) || is_file_url (url)) {
    percent_encode (encoded, name);
    name = encoded;
  }
  return asprintf (&ret, "%.*s%s%s", (int) n, url, name, url + n) == -1
    ? NULL : ret;
}

int
directory_names_add (struct directory_names *names, const char *name,
                     size_t len)
{
  CLEANUP_FREE char *copy = strndup (name, len);

  if (!copy)
    return -1;
  if (directory_name_problem (copy) || names->n >= DIRECTORY_NAMES_MAX)
    return 0;
  if ((names->n & (names->n - 1)) == 0) {       /* full: 1, 2, 4, 8, … */
    size_t room = names->n ? names->n * 2 : 1;
    char **more = realloc (names->names, room * sizeof *more);

    if (!more)
      return -1;
    names->names = more;
  }
  names->names[names->n++] = copy;
  copy = NULL;
  return 0;
}

void
directory_names_free (struct directory_names *names)
{
  for (size_t i = 0; i < names->n; i++)
    free (names->names[i]);
  free (names->names);
  *names = (struct directory_names) { NULL, 0 };
}

static int
compare_names (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static void
sort_names (struct directory_names *names)
{
  size_t kept = 0;

  if (names->n == 0)
    return;
  qsort (names->names, names->n, sizeof *names->names, compare_names);
  for (size_t i = 1; i < names->n; i++)
    if (strcmp (names->names[i], names->names[kept]) == 0)
      free (names->names[i]);
    else
      names->names[++kept] = names->names[i];
  names->n = kept + 1;
}

static void
cleanup_dir (DIR **dir)
{
  if (*dir)
    closedir (*dir);
}

/* Files that can be served; those with a dot in front are not shown. */
static int
list_files (const char *path, struct directory_names *names, struct error *e)
{
  __attribute__ ((cleanup (cleanup_dir))) DIR *dir = opendir (path);
  const struct dirent *entry;

  if (!dir)
    return file_open_error (path, errno, e);
  while (errno = 0, (entry = readdir (dir))) {
    struct stat st;

    if (entry->d_name[0] == '.'
        || fstatat (dirfd (dir), entry->d_name, &st, 0) == -1
        || !(S_ISREG (st.st_mode) || S_ISBLK (st.st_mode)))
      continue;
    if (directory_names_add (names, entry->d_name,
                             strlen (entry->d_name)) == -1)
      return error_set (e, ENOMEM, "%s: out of memory", path);
  }
  if (errno)
    return error_set_kind (e, ERROR_AGAIN, errno, "%s: cannot read the "
                           "directory: %s", path, strerrordesc_np (errno));
  return 0;
}

int
directory_list (const char *url, const struct origin_config *config,
                struct directory_names *names, struct error *e)
{
  CLEANUP_FREE char *path = NULL, *text = NULL, *what = NULL;
  size_t len;

  if (is_http (url)) {
    what = origin_url_for_log (url);
    if (directory_fetch (url, config, &text, &len, e) == -1
        || directory_parse (text, len, what ? what : "the listing", names,
                            e) == -1)
      return -1;
  }
  else {
    path = file_path (url, e);
    if (!path || list_files (path, names, e) == -1)
      return -1;
  }
  sort_names (names);
  return 0;
}
