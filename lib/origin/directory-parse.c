/* The names in a listing as web servers send it: HTML with links, JSON, or
 * one name a line.  Pure; whatever is sent, no name comes out of it that is
 * not one of something in the directory.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "origin/directory.h"
#include "util/cleanup.h"

#define SPACE " \t\r\n"

/* Undoes what HTML does to a link, in place. */
static void
decode_entities (char *text)
{
  static const struct { const char *entity; char c; } entities[] = {
    { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' },
    { "&#34;", '"' }, { "&#39;", '\'' }, { "&#x27;", '\'' }, { NULL, 0 }
  };
  char *to = text;

  while (*text) {
    size_t len = 1;

    *to = *text;
    for (size_t i = 0; *text == '&' && entities[i].entity; i++)
      if (strncmp (text, entities[i].entity,
                   strlen (entities[i].entity)) == 0) {
        *to = entities[i].c;
        len = strlen (entities[i].entity);
        break;
      }
    to++;
    text += len;
  }
  *to = '\0';
}

static int
hex_value (char c)
{
  const char *digits = "0123456789abcdef0123456789ABCDEF", *p;

  p = c ? strchr (digits, c) : NULL;
  return p ? (int) ((p - digits) % 16) : -1;
}

/* Undoes %XX, in place.  -1 if the result has a NUL. */
static int
decode_percent (char *text)
{
  char *to = text;

  for (const char *p = text; *p; p++) {
    int high = *p == '%' ? hex_value (p[1]) : -1;
    int low = high >= 0 ? hex_value (p[2]) : -1;

    if (low < 0) {
      *to++ = *p;
      continue;
    }
    if (high == 0 && low == 0)
      return -1;
    *to++ = (char) (high << 4 | low);
    p += 2;
  }
  *to = '\0';
  return 0;
}

/* The target of a link, if it is a name in the directory itself. */
static int
add_link (struct directory_names *names, const char *target, size_t len)
{
  CLEANUP_FREE char *copy = strndup (target, len);
  char *name = copy;

  if (!copy)
    return -1;
  decode_entities (name);
  name[strcspn (name, "?#")] = '\0';
  if (strncmp (name, "./", 2) == 0)
    name += 2;
  else if (strchr (name, ':'))          /* of another scheme */
    return 0;
  if (strchr (name, '/') || decode_percent (name) == -1)
    return 0;
  return directory_names_add (names, name, strlen (name));
}

static int
parse_html (const char *text, struct directory_names *names)
{
  for (const char *p = text; (p = strcasestr (p, "href")) != NULL;) {
    const char *end;

    p += strlen ("href");
    p += strspn (p, SPACE);
    if (*p != '=')
      continue;
    p++;
    p += strspn (p, SPACE);
    if (*p == '"' || *p == '\'') {
      char quote = *p++;

      end = strchr (p, quote);
    }
    else
      end = p + strcspn (p, SPACE ">");
    if (!end)                           /* broken off */
      return 0;
    if (add_link (names, p, end - p) == -1)
      return -1;
    p = end;
  }
  return 0;
}

static int
parse_lines (const char *text, struct directory_names *names)
{
  while (*text) {
    size_t len = strcspn (text, "\r\n");

    if (directory_names_add (names, text, len) == -1)
      return -1;
    text += len;
    text += strspn (text, "\r\n");
  }
  return 0;
}

static void
cleanup_json (json_t **json)
{
  json_decref (*json);
}

/* As nginx ("type": "file") and Caddy ("is_dir": false) send it, or an array
 * of names.
 */
static int
add_json (struct directory_names *names, const json_t *entry)
{
  const json_t *name = json_is_object (entry) ? json_object_get (entry, "name")
    : entry;
  const char *type = json_string_value (json_object_get (entry, "type"));

  if (!json_is_string (name)
      || (type && strcmp (type, "file") != 0)
      || json_is_true (json_object_get (entry, "is_dir")))
    return 0;
  return directory_names_add (names, json_string_value (name),
                              json_string_length (name));
}

static int
parse_json (const char *text, size_t len, const char *what,
            struct directory_names *names, struct error *e)
{
  json_error_t why;
  __attribute__ ((cleanup (cleanup_json)))
    json_t *list = json_loadb (text, len, 0, &why);

  if (!list)
    return error_set (e, EPROTO, "%s: the listing is not JSON as it seems: "
                      "%s (line %d)", what, why.text, why.line);
  for (size_t i = 0; i < json_array_size (list); i++)
    if (add_json (names, json_array_get (list, i)) == -1)
      return error_set (e, ENOMEM, "%s: out of memory", what);
  return 0;
}

int
directory_parse (const char *text, size_t len, const char *what,
                 struct directory_names *names, struct error *e)
{
  CLEANUP_FREE char *copy = strndup (text, len);
  const char *p = copy;
  int r;

  if (!copy)
    return error_set (e, ENOMEM, "%s: out of memory", what);
  if (strlen (copy) < len)
    return error_set (e, EPROTO, "%s: is not a listing: it has NUL bytes",
                      what);
  if (strncmp (p, "\xef\xbb\xbf", 3) == 0)      /* byte order mark */
    p += 3;
  p += strspn (p, SPACE);
  if (*p == '[')
    return parse_json (p, strlen (p), what, names, e);
  r = *p == '<' ? parse_html (p, names) : parse_lines (p, names);
  return r == -1 ? error_set (e, ENOMEM, "%s: out of memory", what) : 0;
}
