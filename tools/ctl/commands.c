/* The commands but stat: from the words of a command line to a request. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "commands.h"
#include "device/cache-parameters.h"
#include "range.h"
#include "util/cleanup.h"

/* How many arguments it takes, and how they read. */
static const struct command
{
  const char *word;
  enum control_command command;
  int least, most;
  const char *arguments;
} commands[] = {
  { "list", CONTROL_LIST, 1, 1, "a directory" },
  { "evict", CONTROL_EVICT, 1, 3, "a directory, and an identity and perhaps "
    "a range of bytes, or --all" },
  { "verify", CONTROL_VERIFY, 1, 2, "a directory, and perhaps an identity" },
  { "pin", CONTROL_PIN, 2, 2, "a directory and an identity" },
  { "unpin", CONTROL_UNPIN, 2, 2, "a directory and an identity" },
  { "warm", CONTROL_WARM, 1, 2, "a URL, and perhaps a range of bytes" },
};

static const struct command *
find (const char *word)
{
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    if (strcmp (commands[i].word, word) == 0)
      return &commands[i];
  return NULL;
}

/* A copy, absolute if it is a path: a server has another current directory.
 * NULL with *e.
 */
static char *
absolute (const char *path, bool is_path, struct error *e)
{
  CLEANUP_FREE char *cwd = NULL;
  char *ret;
  int r;

  if (!is_path || *path == '/')
    r = asprintf (&ret, "%s", path);
  else {
    cwd = getcwd (NULL, 0);
    r = cwd ? asprintf (&ret, "%s/%s", cwd, path) : -1;
  }
  if (r != -1)
    return ret;
  error_set (e, errno, "%s: cannot tell where it is: %s", path,
             strerror (errno));
  return NULL;
}

/* A bare word may be a cache-key. */
static bool
looks_like_path (const char *name)
{
  return strncmp (name, "./", 2) == 0 || strncmp (name, "../", 3) == 0;
}

/* As lib/origin tells them apart: a colon alone does not make a URL. */
static bool
is_file (const char *url)
{
  return strncasecmp (url, "file:", 5) != 0 && !strstr (url, "://");
}

static int
run_named (struct options *o, struct control_request *request,
           char *const words[], int count, struct error *e)
{
  bool evict = request->command == CONTROL_EVICT;

  if (evict ? (count > 2) == o->all : o->all)
    return error_set (e, EINVAL, "evict takes an identity, or --all for all "
                      "that is not pinned; no other command takes --all");
  if (count > 2 &&
      !(request->name = absolute (words[2], looks_like_path (words[2]), e)))
    return -1;
  if (count > 3 && range_parse (words[3], &request->offset, &request->end,
                                e) == -1)
    return -1;
  o->call.dir = words[1];
  return call (&o->call);
}

/* The directory is the one in which the plugin would keep it. */
static int
run_warm (struct options *o, struct control_request *request,
          char *const words[], int count, struct error *e)
{
  CLEANUP_FREE char *identity = NULL, *dir = NULL;

  if (o->all)
    return error_set (e, EINVAL, "warm takes no --all");
  request->name = absolute (words[1], is_file (words[1]), e);
  if (!request->name)
    return -1;
  if (o->key && !(request->key = strdup (o->key)))
    return error_set (e, ENOMEM, "out of memory");
  if (count > 2 && range_parse (words[2], &request->offset, &request->end,
                                e) == -1)
    return -1;
  identity = origin_identity (request->name, e);
  if (!identity)
    return -1;
  dir = o->dir ? strdup (o->dir)
    : cache_parameters_dir (o->key ? o->key : identity, "--cache-dir", e);
  if (!dir)
    return -1;
  o->call.dir = dir;
  o->call.make = true;
  o->call.config.origin.headers = o->headers;
  return call (&o->call);
}

int
commands_run (struct options *o, char *const words[], int count,
              struct error *e)
{
  const struct command *command = find (words[0]);
  struct control_request request = { .end = UINT64_MAX };
  int r;

  if (!command)
    return error_set (e, EINVAL, "unknown command: %s", words[0]);
  if (count - 1 < command->least || count - 1 > command->most)
    return error_set (e, EINVAL, "%s takes %s", command->word,
                      command->arguments);
  if (o->warming && command->command != CONTROL_WARM)
    return error_set (e, EINVAL, "%s takes no options but --json%s",
                      command->word,
                      command->command == CONTROL_EVICT ? " and --all" : "");
  request.command = command->command;
  o->call.request = &request;
  r = command->command == CONTROL_WARM ? run_warm (o, &request, words, count,
                                                   e)
    : run_named (o, &request, words, count, e);
  control_request_free (&request);
  return r;
}
