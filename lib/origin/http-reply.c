/* The header of one reply, line by line, as libcurl hands it over. */

#include <config.h>

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "origin/http-reply.h"

/* A piece of a line: not terminated. */
struct span
{
  const char *p;
  size_t len;
};

static void
begin_reply (struct http_reply *reply)
{
  size_t header_bytes = reply->header_bytes;

  reply->complete = false;
  reply->malformed = NULL;
  reply->status = 0;
  reply->has_range = reply->unsatisfied = reply->total_known = false;
  reply->first = reply->last = reply->total = 0;
  reply->has_length = reply->chunked = reply->encoded = false;
  reply->length = 0;
  reply->etag_kind = HTTP_ETAG_NONE;
  reply->etag[0] = '\0';
  reply->last_modified = reply->date = reply->retry_at = -1;
  reply->retry_after_ms = 0;
  reply->location[0] = '\0';
  reply->header_bytes = header_bytes;
}

void
http_reply_init (struct http_reply *reply)
{
  reply->header_bytes = 0;
  begin_reply (reply);
}

static int
malformed (struct http_reply *reply, const char *why)
{
  reply->malformed = why;
  return -1;
}

static bool
span_is (struct span s, const char *word)
{
  return s.len == strlen (word) && strncasecmp (s.p, word, s.len) == 0;
}

static struct span
span_trim (struct span s)
{
  while (s.len && (*s.p == ' ' || *s.p == '\t'))
    s.p++, s.len--;
  while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
    s.len--;
  return s;
}

/* Takes one character off the front if it is this one. */
static bool
span_skip (struct span *s, char c)
{
  if (!s->len || *s->p != c)
    return false;
  s->p++, s->len--;
  return true;
}

/* Takes digits off the front.  False if there are none, or the number is
 * beyond what a file offset can be.
 */
static bool
span_number (struct span *s, uint64_t *ret)
{
  uint64_t n = 0;
  size_t digits = 0;

  for (; s->len && isdigit ((unsigned char) *s->p); s->p++, s->len--) {
    if (__builtin_mul_overflow (n, 10, &n)
        || __builtin_add_overflow (n, (uint64_t) (*s->p - '0'), &n)
        || n > INT64_MAX)
      return false;
    digits++;
  }
  *ret = n;
  return digits > 0;
}

/* HTTP/1.1 206 Partial Content */
static int
status_line (struct http_reply *reply, struct span s)
{
  uint64_t status = 0;
  size_t before;

  begin_reply (reply);
  s.p += 5, s.len -= 5;
  if (s.len < 4 || !isdigit ((unsigned char) s.p[0]) || s.p[1] != '.'
      || !isdigit ((unsigned char) s.p[2]) || s.p[3] != ' ')
    return malformed (reply, "its status line is not HTTP");
  s.p += 4, s.len -= 4;
  before = s.len;
  if (!span_number (&s, &status) || before - s.len != 3 || status < 100
      || (s.len && *s.p != ' '))
    return malformed (reply, "its status is not a number of three digits");
  reply->status = status;
  return 0;
}

/* bytes 0-99/1000, bytes 0-99/star, bytes star/1000 */
static int
content_range (struct http_reply *reply, struct span s)
{
  static const char *const why = "its Content-Range is malformed";

  if (reply->has_range || reply->unsatisfied)
    return malformed (reply, "it has two Content-Range lines");
  if (s.len < 6 || strncasecmp (s.p, "bytes", 5) != 0
      || (s.p[5] != ' ' && s.p[5] != '\t'))
    return malformed (reply, why);
  s = span_trim ((struct span) { s.p + 5, s.len - 5 });
  if (span_skip (&s, '*'))
    reply->unsatisfied = true;
  else if (!span_number (&s, &reply->first) || !span_skip (&s, '-')
           || !span_number (&s, &reply->last) || reply->last < reply->first)
    return malformed (reply, why);
  else
    reply->has_range = true;
  if (!span_skip (&s, '/'))
    return malformed (reply, why);
  if (!span_skip (&s, '*')) {
    if (!span_number (&s, &reply->total)
        || (reply->has_range && reply->last >= reply->total))
      return malformed (reply, why);
    reply->total_known = true;
  }
  return s.len ? malformed (reply, why) : 0;
}

static int
content_length (struct http_reply *reply, struct span s)
{
  if (reply->has_length)
    return malformed (reply, "it has two Content-Length lines");
  if (!span_number (&s, &reply->length) || s.len)
    return malformed (reply, "its Content-Length is not a possible number");
  reply->has_length = true;
  return 0;
}

static int
content_encoding (struct http_reply *reply, struct span s)
{
  if (s.len && !span_is (s, "identity"))
    reply->encoded = true;
  return 0;
}

static int
transfer_encoding (struct http_reply *reply, struct span s)
{
  if (reply->chunked)
    return malformed (reply, "it has two Transfer-Encoding lines");
  if (span_is (s, "chunked"))
    reply->chunked = true;
  else if (!span_is (s, "identity"))
    return malformed (reply, "its Transfer-Encoding was not asked for");
  return 0;
}

static enum http_etag
etag_kind (struct span s)
{
  bool weak = s.len > 2 && strncmp (s.p, "W/", 2) == 0;
  size_t skip = weak ? 2 : 0;

  /* An empty tag tells nothing apart: as good as none. */
  if (s.len == skip || s.len > HTTP_REPLY_ETAG_MAX
      || (s.len == skip + 2 && s.p[skip] == '"' && s.p[skip + 1] == '"'))
    return HTTP_ETAG_NONE;
  if (s.len < skip + 2 || s.p[skip] != '"' || s.p[s.len - 1] != '"'
      || memchr (s.p + skip + 1, '"', s.len - skip - 2))
    return HTTP_ETAG_ODD;
  return weak ? HTTP_ETAG_WEAK : HTTP_ETAG_STRONG;
}

static int
etag (struct http_reply *reply, struct span s)
{
  enum http_etag kind = etag_kind (s);

  if (kind == HTTP_ETAG_NONE)
    return 0;
  if (reply->etag_kind != HTTP_ETAG_NONE
      && (strlen (reply->etag) != s.len
          || memcmp (reply->etag, s.p, s.len) != 0))
    return malformed (reply, "it has two ETags that differ");
  memcpy (reply->etag, s.p, s.len);
  reply->etag[s.len] = '\0';
  reply->etag_kind = kind;
  return 0;
}

/* A date, or -1. */
static int64_t
span_date (struct span s)
{
  char text[64];
  time_t t;

  if (!s.len || s.len >= sizeof text)
    return -1;
  memcpy (text, s.p, s.len);
  text[s.len] = '\0';
  t = curl_getdate (text, NULL);
  return t < 0 ? -1 : t;
}

static int
last_modified (struct http_reply *reply, struct span s)
{
  int64_t t = span_date (s);

  if (reply->last_modified >= 0 && t != reply->last_modified)
    return malformed (reply, "it has two Last-Modified lines that differ");
  reply->last_modified = t;
  return 0;
}

static int
date (struct http_reply *reply, struct span s)
{
  reply->date = span_date (s);
  return 0;
}

static uint32_t
seconds_to_ms (uint64_t seconds)
{
  return seconds > UINT32_MAX / 1000 ? UINT32_MAX : seconds * 1000;
}

/* Seconds, or a date.  Those who use it bound it. */
static int
retry_after (struct http_reply *reply, struct span s)
{
  uint64_t seconds = 0;
  struct span rest = s;

  if (span_number (&rest, &seconds) && !rest.len)
    reply->retry_after_ms = seconds_to_ms (seconds);
  else
    reply->retry_at = span_date (s);
  return 0;
}

static int
location (struct http_reply *reply, struct span s)
{
  if (reply->location[0])
    return malformed (reply, "it has two Location lines");
  if (s.len > HTTP_REPLY_LOCATION_MAX)
    return malformed (reply, "its Location is too long");
  memcpy (reply->location, s.p, s.len);
  reply->location[s.len] = '\0';
  return 0;
}

static const struct
{
  const char *name;
  int (*take) (struct http_reply *reply, struct span value);
} fields[] = {
  { "Content-Range", content_range },
  { "Content-Length", content_length },
  { "Content-Encoding", content_encoding },
  { "Transfer-Encoding", transfer_encoding },
  { "ETag", etag },
  { "Last-Modified", last_modified },
  { "Date", date },
  { "Retry-After", retry_after },
  { "Location", location },
};

static int
field_line (struct http_reply *reply, struct span s)
{
  const char *colon = memchr (s.p, ':', s.len);
  struct span name, value;

  /* A folded line could smuggle a second value past this parser. */
  if (*s.p == ' ' || *s.p == '\t')
    return malformed (reply, "a header line of it is folded");
  if (!colon)
    return malformed (reply, "a header line of it has no colon");
  name = (struct span) { s.p, colon - s.p };
  if (name.len == 0 || memchr (name.p, ' ', name.len)
      || memchr (name.p, '\t', name.len))
    return malformed (reply, "a header line of it has no proper name");
  value = span_trim ((struct span) { colon + 1, s.p + s.len - colon - 1 });
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if (span_is (name, fields[i].name))
      return fields[i].take (reply, value);
  return 0;
}

static int
end_of_header (struct http_reply *reply)
{
  /* A date counts from the server's own clock: ours may be wrong. */
  if (reply->date >= 0 && reply->retry_at > reply->date)
    reply->retry_after_ms = seconds_to_ms (reply->retry_at - reply->date);
  reply->complete = reply->status >= 200;
  return 0;
}

static bool
has_control (struct span s)
{
  for (size_t i = 0; i < s.len; i++)
    if (((unsigned char) s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 127)
      return true;
  return false;
}

int
http_reply_line (struct http_reply *reply, const char *line, size_t len)
{
  struct span s = { line, len };

  if (len > HTTP_REPLY_HEADERS_MAX - reply->header_bytes)
    return malformed (reply, "its header is larger than 64 KiB");
  reply->header_bytes += len;
  if (s.len && s.p[s.len - 1] == '\n')
    s.len--;
  if (s.len && s.p[s.len - 1] == '\r')
    s.len--;
  if (has_control (s))
    return malformed (reply, "its header has control characters");
  if (reply->complete)
    return 0;
  if (s.len >= 5 && memcmp (s.p, "HTTP/", 5) == 0)
    return status_line (reply, s);
  if (reply->status == 0)
    return malformed (reply, "it does not begin with a status line");
  return s.len ? field_line (reply, s) : end_of_header (reply);
}
