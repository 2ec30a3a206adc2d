/* What a command has answered, for people or for programs.
 *
 * It may come from a server: nothing is taken for granted about it.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "human.h"
#include "show.h"
#include "util/cleanup.h"

void
show_begin (struct show *show, enum control_command command, bool json)
{
  *show = (struct show) {
    .command = command, .json = json, .status = EXIT_FAILURE
  };
  progress_begin (&show->progress, command == CONTROL_WARM, json);
}

static uint64_t
number (const json_t *object, const char *key)
{
  json_int_t n = json_integer_value (json_object_get (object, key));

  return n < 0 ? 0 : n;
}

/* The caller frees it. */
static char *
text (const json_t *object, const char *key)
{
  const char *value = json_string_value (json_object_get (object, key));

  return human_text (value ? value : "");
}

static void
show_json (const json_t *value)
{
  json_dumpf (value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
  putchar ('\n');
}

static void
show_object (struct show *show, const json_t *object)
{
  CLEANUP_FREE char *identity = text (object, "identity");
  CLEANUP_FREE char *validator = text (object, "validator");
  char size[32], disk[32];

  if (!show->heading)
    printf ("%10s %11s %11s %12s %-6s  %s\n", "BLOCKS", "ON DISK", "SIZE",
            "HITS", "PINNED", "IDENTITY (VERSION)");
  show->heading = true;
  printf ("%10" PRIu64 " %11s %11s %12" PRIu64 " %-6s  %s (%s)\n",
          number (object, "blocks"),
          human_bytes (number (object, "stored_bytes"), disk),
          human_bytes (number (object, "size"), size),
          number (object, "hits"),
          json_is_true (json_object_get (object, "pinned")) ? "yes" : "no",
          identity ? identity : "", validator && *validator ? validator : "-");
}

static void
show_warmed (struct show *show, const json_t *result)
{
  uint64_t wanted = number (result, "end") - number (result, "offset");
  uint64_t cached = number (result, "cached_bytes");
  CLEANUP_FREE char *identity = text (result, "identity");
  char a[32], b[32];

  if (!show->json)
    printf ("%s: %s of %s cached\n", identity ? identity : "",
            human_bytes (cached, a), human_bytes (wanted, b));
  if (cached >= wanted)
    return;
  show->status = EXIT_FAILURE;
  fprintf (stderr, "tiercache-ctl: not all of it is cached: there is no room "
           "for it beside what else is cached or pinned (cache-size)\n");
}

static void
show_verified (struct show *show, const json_t *result)
{
  uint64_t failed = number (result, "failed");
  char bytes[32];

  if (failed > 0)
    show->status = SHOW_DAMAGE;
  if (!show->json)
    printf ("%" PRIu64 " blocks, %s on disk: %" PRIu64 " failed%s\n",
            number (result, "blocks"),
            human_bytes (number (result, "bytes"), bytes), failed,
            failed > 0 ? " and were dropped: they will be fetched again" : "");
}

static void
show_result (struct show *show, const json_t *result)
{
  CLEANUP_FREE char *identity = text (result, "identity");
  char bytes[32];

  show->status = EXIT_SUCCESS;
  if (show->json && show->command != CONTROL_LIST)
    show_json (result);
  switch (show->command) {
  case CONTROL_LIST:
    if (!show->json && !show->heading)
      puts ("nothing is cached");
    break;
  case CONTROL_EVICT:
    if (!show->json)
      printf ("%" PRIu64 " blocks dropped, %s on disk\n",
              number (result, "blocks"),
              human_bytes (number (result, "bytes"), bytes));
    break;
  case CONTROL_VERIFY:
    show_verified (show, result);
    break;
  case CONTROL_PIN:
  case CONTROL_UNPIN:
    if (!show->json)
      printf ("%s: %s\n", identity ? identity : "",
              show->command == CONTROL_PIN ? "pinned" : "not pinned any more");
    break;
  case CONTROL_WARM:
    show_warmed (show, result);
    break;
  }
}

void
show_error (struct show *show, const char *why)
{
  CLEANUP_FREE char *clean = human_text (why);

  progress_end (&show->progress);
  fprintf (stderr, "tiercache-ctl: %s\n", clean ? clean : "out of memory");
  show->status = EXIT_FAILURE;
  show->over = true;
}

bool
show_reply (void *opaque, const json_t *reply)
{
  struct show *show = opaque;
  const json_t *progress = json_object_get (reply, "progress");
  const json_t *object = json_object_get (reply, "object");
  const json_t *result = json_object_get (reply, "result");
  const char *error = json_string_value (json_object_get (reply, "error"));

  if (progress) {
    progress_show (&show->progress, number (progress, "done"),
                   number (progress, "total"));
    return true;
  }
  progress_end (&show->progress);
  if (object && show->json)
    show_json (object);
  else if (object)
    show_object (show, object);
  else if (result)
    show_result (show, result);
  else
    show_error (show, error ? error : "the server has said what makes no "
                "sense: is it of the same version?");
  show->over |= result || error;
  return fflush (stdout) == 0;
}
