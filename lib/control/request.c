/* Requests: a line of JSON, and what it asks for. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/control.h"

static const char *const words[] = {
  [CONTROL_LIST] = "list", [CONTROL_EVICT] = "evict",
  [CONTROL_VERIFY] = "verify", [CONTROL_PIN] = "pin",
  [CONTROL_UNPIN] = "unpin", [CONTROL_WARM] = "warm",
};
#define WORDS (sizeof words / sizeof words[0])

/* The members of a request as they come. */
struct members
{
  const char *command, *name, *url, *key;
  int all;
  json_int_t offset, end;
};

static int
command_of (const char *word, enum control_command *command, struct error *e)
{
  for (size_t i = 0; i < WORDS; i++)
    if (strcmp (words[i], word) == 0) {
      *command = i;
      return 0;
    }
  return error_set (e, EINVAL, "request: unknown command \"%.40s\"", word);
}

/* Which members go with which command. */
static int
check (enum control_command command, const struct members *m,
       struct error *e)
{
  bool named = m->name != NULL, ranged = m->offset != 0 || m->end != -1;

  if (command == CONTROL_WARM ? !m->url : m->url || m->key)
    return error_set (e, EINVAL, "request: \"url\" is what warm needs, and "
                      "only warm has it or \"key\"");
  if (m->key && !*m->key)
    return error_set (e, EINVAL, "request: \"key\" must not be empty");
  if (m->all && command != CONTROL_EVICT)
    return error_set (e, EINVAL, "request: only evict has \"all\"");
  if (command == CONTROL_LIST || command == CONTROL_WARM
      ? named : command != CONTROL_VERIFY && named == !!m->all)
    return error_set (e, EINVAL, "request: \"name\" says which object evict, "
                      "pin and unpin are about (evict may have \"all\" "
                      "instead), and perhaps verify");
  if (ranged && command != CONTROL_WARM
      && !(command == CONTROL_EVICT && named))
    return error_set (e, EINVAL, "request: only warm, and evict with a name, "
                      "have \"offset\" and \"end\"");
  if (m->offset < 0 || (m->end != -1 && m->end <= m->offset))
    return error_set (e, EINVAL, "request: bytes from \"offset\" up to "
                      "\"end\" are none");
  return 0;
}

static int
copy (char **to, const char *from, struct error *e)
{
  if (!from)
    return 0;
  *to = strdup (from);
  return *to ? 0 : error_set (e, ENOMEM, "out of memory");
}

static int
take (json_t *json, struct control_request *request, struct error *e)
{
  struct members m = { .end = -1 };
  json_error_t why;

  if (json_unpack_ex (json, &why, 0, "{s:s, s?s, s?s, s?s, s?b, s?I, s?I !}",
                      "command", &m.command, "name", &m.name, "url", &m.url,
                      "key", &m.key, "all", &m.all, "offset", &m.offset,
                      "end", &m.end) == -1)
    return error_set (e, EINVAL, "request: %s", why.text);
  if (command_of (m.command, &request->command, e) == -1
      || check (request->command, &m, e) == -1)
    return -1;
  request->offset = m.offset;
  request->end = m.end == -1 ? UINT64_MAX : (uint64_t) m.end;
  if (copy (&request->name, m.url ? m.url : m.name, e) == 0
      && copy (&request->key, m.key, e) == 0)
    return 0;
  control_request_free (request);
  return -1;
}

int
control_request_parse (const char *line, size_t bytes,
                       struct control_request *request, struct error *e)
{
  json_error_t why;
  json_t *json;
  int r;

  *request = (struct control_request) { 0 };
  if (bytes > CONTROL_REQUEST_MAX)
    return error_set (e, EMSGSIZE, "request: longer than %d bytes",
                      CONTROL_REQUEST_MAX);
  json = json_loadb (line, bytes, JSON_REJECT_DUPLICATES, &why);
  if (!json)
    return error_set (e, EINVAL, "request: is not a line of JSON: %s",
                      why.text);
  r = take (json, request, e);
  json_decref (json);
  return r;
}

void
control_request_free (struct control_request *request)
{
  free (request->name);
  free (request->key);
  *request = (struct control_request) { 0 };
}

/* -1 if a member can't be had: no memory, or it is no UTF-8. */
static int
put (json_t *json, const struct control_request *request)
{
  const char *name = request->command == CONTROL_WARM ? "url" : "name";
  int r = 0;

  if (request->name)
    r |= json_object_set_new (json, name, json_string (request->name));
  else if (request->command == CONTROL_EVICT)
    r |= json_object_set_new (json, "all", json_true ());
  if (request->key)
    r |= json_object_set_new (json, "key", json_string (request->key));
  if (request->offset != 0)
    r |= json_object_set_new (json, "offset",
                              json_integer (request->offset));
  if (request->end != UINT64_MAX)
    r |= json_object_set_new (json, "end", json_integer (request->end));
  return r;
}

char *
control_request_print (const struct control_request *request,
                       struct error *e)
{
  json_t *json = json_pack ("{s:s}", "command", words[request->command]);
  char *text = json && put (json, request) == 0 ?
    json_dumps (json, JSON_COMPACT) : NULL, *line = NULL;
  size_t n = text ? strlen (text) : 0;

  json_decref (json);
  if (!text)
    error_set (e, EILSEQ, "%s: is not UTF-8, which it must be",
               request->name ? request->name : "request");
  else if (n + 1 > CONTROL_REQUEST_MAX)
    error_set (e, ENAMETOOLONG, "%.60s...: is too long", request->name);
  else if (!(line = realloc (text, n + 2)))
    error_set (e, ENOMEM, "out of memory");
  if (!line) {
    free (text);
    return NULL;
  }
  memcpy (line + n, "\n", 2);
  return line;
}
