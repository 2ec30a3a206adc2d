/* A reader of one object on a small server, for the tests of reading over
 * http.
 */

#ifndef TIERCACHE_TESTS_HTTP_READER_H
#define TIERCACHE_TESTS_HTTP_READER_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>

#include "http-object.h"

#define SIZE (3u << 20)

/* One object, opened while it was served well. */
struct reader
{
  struct http_object object;
  struct origin *origin;
  atomic_uint last_conn;
  unsigned char *buf;
  size_t got;
  struct error e;
};

/* Of a test's state. */
extern int reader_setup (void **state);
extern int reader_teardown (void **state);

/* Opens the object, as it is served now. */
extern void reader_open (struct reader *f);

extern int reader_read (struct reader *f, size_t count, uint64_t offset);

/* Reads: the bytes are right. */
extern void reader_right (struct reader *f, size_t count, uint64_t offset);

/* Reads 100000 bytes at 5000: an error, and what came before it is right. */
extern void reader_fails (struct reader *f, enum error_kind kind, int errnum,
                          const char *says);

/* An answer: the text that opaque points to; keeps the connection. */
extern void reader_say (void *opaque, struct httpd_conn *conn,
                        const struct httpd_request *r);

#define READER_TEST(t) \
  cmocka_unit_test_setup_teardown (t, reader_setup, reader_teardown)

#endif /* TIERCACHE_TESTS_HTTP_READER_H */
