/* What commands say, as JSON. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "control/reply.h"
#include "util/cleanup.h"

#define PROGRESS_NS UINT64_C (200000000)

static const char unknown[] = "\xef\xbf\xbd";   /* U+FFFD */

/* The bytes of one character of UTF-8 at p, 0 if it is none.  jansson is asked
 * whether it really is one.
 */
static size_t
character (const char *p)
{
  unsigned char c = *p;
  size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 :
    c < 0xf5 ? 4 : 0;
  json_t *string;

  if (n <= 1)
    return n;
  if (strnlen (p, n) < n || !(string = json_stringn (p, n)))
    return 0;
  json_decref (string);
  return n;
}

json_t *
reply_text (const char *bytes)
{
  json_t *text = json_string (bytes);
  CLEANUP_FREE char *out = NULL;
  size_t at = 0;

  if (text)
    return text;
  out = malloc (strlen (bytes) * (sizeof unknown - 1) + 1);
  if (!out)
    return NULL;
  while (*bytes) {
    size_t n = character (bytes);

    memcpy (out + at, n ? bytes : unknown, n ? n : sizeof unknown - 1);
    at += n ? n : sizeof unknown - 1;
    bytes += n ? n : 1;
  }
  return json_stringn (out, at);
}

bool
reply_say (const struct control_peer *peer, const char *kind, json_t *value)
{
  json_t *reply = value ? json_pack ("{s:o}", kind, value) :
    json_pack ("{s:s}", "error", "out of memory");
  bool there = reply && peer->say (peer->opaque, reply);

  json_decref (reply);
  return there;
}

void
reply_error (const struct control_peer *peer, const struct error *e)
{
  reply_say (peer, "error", reply_text (e->text));
}

bool
reply_progress (void *opaque, uint64_t done, uint64_t total)
{
  struct reply_progress *progress = opaque;
  uint64_t now = stop_now_ns ();

  if (now >= progress->next_ns) {
    progress->next_ns = now + PROGRESS_NS;
    if (!reply_say (progress->peer, "progress",
                    json_pack ("{s:I, s:I}", "done", (json_int_t) done,
                               "total", (json_int_t) total)))
      return false;
  }
  return progress->peer->here (progress->peer->opaque);
}
