/* The header of one reply, line by line, as libcurl hands it over.
 *
 * libcurl understands what it needs for itself; what decides whether bytes
 * may be taken is read here, strictly, and nowhere else.  Pure: no I/O, no
 * clock, no memory of its own.
 */

#ifndef TIERCACHE_HTTP_REPLY_H
#define TIERCACHE_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_REPLY_HEADERS_MAX 65536    /* bytes, of all replies of one ask */
#define HTTP_REPLY_ETAG_MAX 400
#define HTTP_REPLY_LOCATION_MAX 8192

enum http_etag
{
  HTTP_ETAG_NONE,               /* absent, empty, or too long to keep */
  HTTP_ETAG_STRONG,             /* "…" */
  HTTP_ETAG_WEAK,               /* W/"…" */
  HTTP_ETAG_ODD,                /* without quotes, against the standard */
};

struct http_reply
{
  size_t header_bytes;          /* since http_reply_init */
  bool complete;                /* the blank line of a final reply was seen */
  const char *malformed;        /* NULL, or what makes the reply unusable */

  int status;                   /* 0: no status line yet */

  bool has_range;               /* Content-Range: bytes first-last/… */
  bool unsatisfied;             /* Content-Range with '*' for the range */
  bool total_known;             /* Content-Range with a number for the size */
  uint64_t first, last, total;

  bool has_length;              /* Content-Length */
  uint64_t length;
  bool chunked;
  bool encoded;                 /* the body is not the object's bytes */

  enum http_etag etag_kind;
  char etag[HTTP_REPLY_ETAG_MAX + 1];           /* as sent */
  int64_t last_modified, date;                  /* epoch; -1: absent */
  int64_t retry_at;                             /* the same; -1: no date */
  uint32_t retry_after_ms;                      /* 0: not said */
  char location[HTTP_REPLY_LOCATION_MAX + 1];   /* "": absent */
};

extern void http_reply_init (struct http_reply *reply);

/* Takes one line, with or without its line end.  A status line begins a new
 * reply (after a 100); once the reply is complete, lines (trailers) mean
 * nothing.  0, or -1 when the reply is unusable: then malformed says why.
 */
extern int http_reply_line (struct http_reply *reply, const char *line,
                            size_t len);

#endif /* TIERCACHE_HTTP_REPLY_H */
