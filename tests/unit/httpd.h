/* A small HTTP server in the test's own process: every request is answered by
 * a function of the test, as rightly or as wrongly as it likes.
 */

#ifndef TIERCACHE_TESTS_HTTPD_H
#define TIERCACHE_TESTS_HTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct httpd;
struct httpd_conn;

struct httpd_request
{
  unsigned number;              /* of the server's requests, from 0 */
  unsigned conn_number;         /* of the connection, from 0 */
  char method[16];
  char path[2048];              /* with the query */
  const char *header;           /* all lines of the header */
  bool has_range;
  uint64_t first, last;         /* of Range: bytes=first-last */
};

/* Called in a thread of the connection; several at once.  The connection is
 * kept for another request unless the function closes or resets it.
 */
typedef void (*httpd_fn) (void *opaque, struct httpd_conn *conn,
                          const struct httpd_request *request);

/* On 127.0.0.1, on a port of its own choice.  Fails the test if it can't. */
extern struct httpd *httpd_start (httpd_fn fn, void *opaque);
extern unsigned httpd_port (const struct httpd *httpd);

/* Closes all connections, waits for their threads. */
extern void httpd_stop (struct httpd *httpd);

/* The value of a header line, or NULL.  The caller frees it. */
extern char *httpd_header (const struct httpd_request *request,
                           const char *name);

/* False when the client has gone. */
extern bool httpd_send (struct httpd_conn *conn, const void *data,
                        size_t count);
extern bool httpd_printf (struct httpd_conn *conn, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

extern void httpd_close (struct httpd_conn *conn);
extern void httpd_reset (struct httpd_conn *conn);

/* Says nothing until the client has gone, or the server is stopped. */
extern void httpd_stall (struct httpd_conn *conn);

#endif /* TIERCACHE_TESTS_HTTPD_H */
