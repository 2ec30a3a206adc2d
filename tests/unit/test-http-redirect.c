/* Redirects: followed, remembered, asked again; and what is told to whom. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http-object.h"
#include "origin/http.h"
#include "util/cleanup.h"
#include "util/log.h"

#define SIZE 300000

/* A front that redirects, and a store behind it that serves for as long as
 * the ticket in the URL is the current one.
 */
struct fixture
{
  struct http_object front, store;

  pthread_mutex_t lock;
  unsigned ticket;              /* the one that is good now */
  int stale_status;             /* of a request with another */
  unsigned fronted, served;     /* requests that came to each */
  bool secret_seen;             /* by the store */
};

static void
front (void *opaque, struct httpd_conn *conn, const struct httpd_request *r)
{
  struct fixture *f = opaque;
  CLEANUP_FREE char *login = httpd_header (r, "Authorization");
  CLEANUP_FREE char *key = httpd_header (r, "X-Key");
  CLEANUP_FREE char *cookie = httpd_header (r, "Cookie");

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  f->fronted++;
  if (!login || !key || !cookie)
    httpd_printf (conn, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
  else
    httpd_printf (conn, "HTTP/1.1 302 There\r\nContent-Length: 5\r\n"
                  "Location: http://other:login@127.0.0.1:%u/o?ticket=%u"
                  "\r\n\r\nthere", httpd_port (f->store.httpd), f->ticket);
}

static bool
ticket_is_good (struct fixture *f, const struct httpd_request *r)
{
  CLEANUP_FREE char *login = httpd_header (r, "Authorization");
  CLEANUP_FREE char *key = httpd_header (r, "X-Key");
  CLEANUP_FREE char *cookie = httpd_header (r, "Cookie");
  unsigned ticket = 0;

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  f->served++;
  if (login || key || cookie)
    f->secret_seen = true;
  sscanf (r->path, "/o?ticket=%u", &ticket);
  return ticket == f->ticket;
}

static void
store (void *opaque, struct httpd_conn *conn, const struct httpd_request *r)
{
  struct fixture *f = opaque;

  if (ticket_is_good (f, r))
    http_object_serve (&f->store, conn, r);
  else
    httpd_printf (conn, "HTTP/1.1 %d Stale\r\nContent-Length: 0\r\n\r\n",
                  f->stale_status);
}

/* The old one no longer serves: that is the status of who comes with it. */
static void
new_ticket (struct fixture *f, int status)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  f->ticket++;
  f->stale_status = status;
}

/* On a machine that is very busy, requests are late and made twice: the log
 * tells.  Only if there was none of that are counts exact.
 */
static atomic_uint second_requests;

static void
sink (enum log_level level, const char *text)
{
  (void) level;
  if (strstr (text, "asking on another connection"))
    second_requests++;
}

static void
check_count (unsigned count, unsigned expected)
{
  if (second_requests)
    assert_true (count >= expected);
  else
    assert_int_equal (count, expected);
}

static int
setup (void **state)
{
  struct fixture *f = calloc (1, sizeof *f);

  pthread_mutex_init (&f->lock, NULL);
  f->ticket = 1;
  http_object_start (&f->front, SIZE);
  http_object_start (&f->store, SIZE);
  http_object_answer (&f->front, front, f);
  http_object_answer (&f->store, store, f);
  *state = f;
  return 0;
}

static int
teardown (void **state)
{
  struct fixture *f = *state;

  http_object_stop (&f->front);
  http_object_stop (&f->store);
  pthread_mutex_destroy (&f->lock);
  free (f);
  return 0;
}

static struct origin *
open_front (struct fixture *f, struct error *e)
{
  static const char *const headers[] = { "X-Key: k", "Cookie: c", NULL };
  struct origin_config config;

  http_object_config (&config);
  config.user = "me";
  config.password = "secret";
  config.headers = headers;
  return http_object_open_with (&f->front, &config, "image", e);
}

static void
check_read (struct fixture *f, struct origin *origin)
{
  unsigned char buf[5000];
  struct error e;
  size_t got;

  if (origin->ops->read (origin, buf, sizeof buf, 777, &got, &e) == -1)
    fail_msg ("%s", e.text);
  assert_true (http_object_right (&f->store, buf, sizeof buf, 777));
}

static void
check_counts (struct fixture *f, unsigned fronted, unsigned served)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  check_count (f->fronted, fronted);
  check_count (f->served, served);
}

/* Ranges go where the first redirect led; secrets stay with the front. */
static void
test_followed (void **state)
{
  struct fixture *f = *state;
  struct error e = { .text = "" };
  struct origin *origin = open_front (f, &e);

  assert_string_equal (e.text, "");
  assert_non_null (origin);
  assert_int_equal (origin->size, SIZE);
  check_read (f, origin);
  check_read (f, origin);
  check_counts (f, 1, 3);
  assert_false (f->secret_seen);
  origin->ops->close (origin);
}

static void
test_asked_again (void **state)
{
  static const int statuses[] = { 400, 401, 403, 404, 410 };
  struct fixture *f = *state;
  struct error e;
  struct origin *origin = open_front (f, &e);

  assert_non_null (origin);
  for (unsigned i = 0; i < 5; i++) {
    new_ticket (f, statuses[i]);
    check_read (f, origin);
    check_read (f, origin);
    check_counts (f, i + 2, 3 * (i + 1) + 1);
  }
  assert_false (f->secret_seen);
  origin->ops->close (origin);
}

/* The store is gone: the front knows where it has moved. */
static void
test_store_moves (void **state)
{
  struct fixture *f = *state;
  struct error e;
  struct origin *origin = open_front (f, &e);

  assert_non_null (origin);
  http_object_stop (&f->store);
  http_object_start (&f->store, SIZE);
  http_object_answer (&f->store, store, f);
  check_read (f, origin);
  check_counts (f, 2, 2);
  origin->ops->close (origin);
}

/* A store in trouble may never get well again, and the front may know a
 * better one: whatever went wrong there, the next try begins at the front.
 */
static void
resetting (void *opaque, struct httpd_conn *conn,
           const struct httpd_request *r)
{
  (void) opaque;
  (void) r;
  httpd_reset (conn);
}

static void
check_forgotten (struct origin *origin)
{
  unsigned char buf[100];
  struct error e;
  size_t got;

  assert_int_equal (origin->ops->read (origin, buf, sizeof buf, 0, &got, &e),
                    -1);
  assert_int_not_equal (e.kind, ERROR_FINAL);
}

static void
test_forgotten (void **state)
{
  static const int statuses[] = { 500, 503, 429, 408 };
  struct fixture *f = *state;
  struct error e;
  struct origin *origin = open_front (f, &e);

  assert_non_null (origin);
  for (unsigned i = 0; i < 4; i++) {
    new_ticket (f, statuses[i]);
    check_forgotten (origin);
    check_read (f, origin);
    check_counts (f, i + 2, 2 * (i + 1) + 1);
  }
  http_object_answer (&f->store, resetting, NULL);
  check_forgotten (origin);
  http_object_answer (&f->store, store, f);
  check_read (f, origin);
  check_counts (f, 6, 10);
  origin->ops->close (origin);
}

/* Once is enough: a front that sends to a store that refuses is not asked
 * for ever.
 */
static void
refusing (void *opaque, struct httpd_conn *conn,
          const struct httpd_request *r)
{
  struct fixture *f = opaque;

  (void) r;
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);

    f->served++;
  }
  httpd_printf (conn, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
}

static void
read_fails (struct origin *origin, enum error_kind kind, const char *why,
            struct error *e)
{
  unsigned char buf[100];
  size_t got;

  assert_int_equal (origin->ops->read (origin, buf, sizeof buf, 0, &got, e),
                    -1);
  assert_int_equal (e->kind, kind);
  assert_non_null (strstr (e->text, why));
}

static void
test_refused_for_good (void **state)
{
  struct fixture *f = *state;
  struct error e;
  struct origin *origin = open_front (f, &e);

  assert_non_null (origin);
  http_object_answer (&f->store, refusing, f);
  read_fails (origin, ERROR_FINAL, "redirected to", &e);
  assert_int_equal (e.errnum, EACCES);
  assert_null (strstr (e.text, "ticket"));
  check_counts (f, 2, 3);
  origin->ops->close (origin);
}

static void
nowhere (void *opaque, struct httpd_conn *conn, const struct httpd_request *r)
{
  (void) opaque;
  (void) r;
  httpd_printf (conn, "HTTP/1.1 302 There\r\nContent-Length: 0\r\n"
                "Location: http://nowhere.invalid/o\r\n\r\n");
}

/* A name that is not known for a while does no lasting harm. */
static void
test_name_comes_back (void **state)
{
  struct fixture *f = *state;
  struct error e;
  struct origin *origin = open_front (f, &e);

  assert_non_null (origin);
  new_ticket (f, 403);
  http_object_answer (&f->front, nowhere, f);
  for (unsigned i = 0; i < 3; i++)
    read_fails (origin, ERROR_ABSENT, "can't be resolved", &e);
  http_object_answer (&f->front, front, f);
  check_read (f, origin);
  origin->ops->close (origin);
}

/* To itself; the body is longer than one reads for courtesy. */
static void
around (void *opaque, struct httpd_conn *conn, const struct httpd_request *r)
{
  (void) opaque;
  (void) r;
  httpd_printf (conn, "HTTP/1.1 301 There\r\nLocation: image?%u\r\n\r\n",
                r->number);
  while (httpd_printf (conn, "%01000d", 0))
    ;
}

static void
test_loop (void **state)
{
  struct fixture *f = *state;
  struct error e;

  http_object_answer (&f->front, around, f);
  assert_null (open_front (f, &e));
  assert_int_equal (e.kind, ERROR_FINAL);
  assert_int_equal (e.errnum, ELOOP);
  check_count (f->front.requests, 11);
}

/* Within the site, secrets go along. */
static void
within (void *opaque, struct httpd_conn *conn, const struct httpd_request *r)
{
  struct fixture *f = opaque;
  CLEANUP_FREE char *login = httpd_header (r, "Authorization");
  CLEANUP_FREE char *key = httpd_header (r, "X-Key");

  if (!login || !key)
    httpd_printf (conn, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
  else if (strcmp (r->path, "/a/b") == 0)
    http_object_serve (&f->front, conn, r);
  else
    httpd_printf (conn, "HTTP/1.1 308 There\r\nLocation: /a/./b#x\r\n"
                  "Content-Length: 0\r\n\r\n");
}

static void
test_within_site (void **state)
{
  struct fixture *f = *state;
  struct error e;
  struct origin *origin;

  http_object_answer (&f->front, within, f);
  origin = open_front (f, &e);
  assert_non_null (origin);
  check_read (f, origin);
  check_count (f->front.requests, 3);
  origin->ops->close (origin);
}

/* A redirect in the middle of a session leads to another version. */
static void
test_other_version (void **state)
{
  struct fixture *f = *state;
  struct error e;
  struct origin *origin = open_front (f, &e);
  unsigned char buf[100];
  size_t got;

  assert_non_null (origin);
  http_object_change (&f->store, SIZE, "ETag: \"two\"\r\n", "");
  new_ticket (f, 403);
  assert_int_equal (origin->ops->read (origin, buf, sizeof buf, 0, &got, &e),
                    -1);
  assert_int_equal (e.errnum, ESTALE);
  origin->ops->close (origin);
}

#define TEST(t) cmocka_unit_test_setup_teardown (t, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    TEST (test_followed),
    TEST (test_asked_again),
    TEST (test_store_moves),
    TEST (test_forgotten),
    TEST (test_refused_for_good),
    TEST (test_name_comes_back),
    TEST (test_loop),
    TEST (test_within_site),
    TEST (test_other_version),
  };

  log_to (sink, 1);
  tiercache_debug_origin = 1;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
