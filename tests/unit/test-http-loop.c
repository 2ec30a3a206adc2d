/* The loop when the system lets it watch no more sockets: an error for who
 * asked, and for nobody else; no wait without an end.  And when a host has
 * several addresses.
 */

#include <config.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http-reader.h"
#include "origin/http.h"

/* Called in the place of epoll_ctl, which is __real_. */
extern int __real_epoll_ctl (int epoll, int op, int fd,
                             struct epoll_event *event);
extern int __wrap_epoll_ctl (int epoll, int op, int fd,
                             struct epoll_event *event);

/* So many calls go well, then one fails, and all after it are well again. */
static atomic_int until_failure;
static atomic_uint calls;

int
__wrap_epoll_ctl (int epoll, int op, int fd, struct epoll_event *event)
{
  atomic_fetch_add (&calls, op != EPOLL_CTL_DEL);
  if (op != EPOLL_CTL_DEL && atomic_fetch_sub (&until_failure, 1) == 0) {
    errno = ENOSPC;
    return -1;
  }
  return __real_epoll_ctl (epoll, op, fd, event);
}

/* An answer that is there at once is taken without watching its socket: this
 * one waits for that, up to a second.
 */
static void
answer_watched (void *opaque, struct httpd_conn *conn,
                const struct httpd_request *request)
{
  struct reader *f = opaque;

  for (int i = 0; i < 1000 && atomic_load (&calls) == 0; i++)
    usleep (1000);
  http_object_serve (&f->object, conn, request);
}

static void
test_one_fails (void **state)
{
  struct reader *f = *state;
  unsigned failed = 0;

  http_object_answer (&f->object, answer_watched, f);

  for (int i = 0; i < 6; i++) {
    atomic_store (&until_failure, i);
    /* The first on a connection there is, later ones on new ones, too. */
    for (int j = 0; j < 3; j++) {
      atomic_store (&calls, 0);
      if (reader_read (f, 100000, 5000) == -1) {
        assert_int_equal (f->e.kind, ERROR_AGAIN);
        failed++;
      }
    }
    atomic_store (&until_failure, -1);
    reader_right (f, 100000, 5000);
  }
  assert_in_range (failed, 1, 6);
  http_object_answer (&f->object, NULL, NULL);
}

/* Holds an answer back until it may go. */
struct gate
{
  struct http_object *object;
  atomic_bool held, open;
};

static void
answer_later (void *opaque, struct httpd_conn *conn,
              const struct httpd_request *request)
{
  struct gate *gate = opaque;

  if (request->first == 0) {
    atomic_store (&gate->held, true);
    while (!atomic_load (&gate->open))
      usleep (1000);
  }
  http_object_serve (gate->object, conn, request);
}

/* A read beside the reader's own. */
struct other
{
  struct origin *origin;
  unsigned char buf[100000];
  int r;
};

static void *
read_start (void *opaque)
{
  struct other *other = opaque;
  struct error e;
  size_t got;

  other->r = other->origin->ops->read (other->origin, other->buf,
                                       sizeof other->buf, 0, &got, &e);
  return NULL;
}

/* One in flight meanwhile comes to its own end. */
static void
test_others_go_on (void **state)
{
  struct reader *f = *state;
  struct other other = { .origin = f->origin };
  struct gate gate = { .object = &f->object };
  pthread_t thread;

  http_object_answer (&f->object, answer_later, &gate);
  assert_int_equal (pthread_create (&thread, NULL, read_start, &other), 0);
  while (!atomic_load (&gate.held))
    usleep (1000);
  atomic_store (&until_failure, 0);
  assert_int_equal (reader_read (f, 100000, 5000), -1);
  assert_int_equal (f->e.kind, ERROR_AGAIN);
  reader_right (f, 100000, 5000);
  atomic_store (&gate.open, true);
  pthread_join (thread, NULL);
  assert_int_equal (other.r, 0);
  assert_true (http_object_right (&f->object, other.buf, sizeof other.buf,
                                  0));
  http_object_answer (&f->object, NULL, NULL);
}

typedef int (*getaddrinfo_fn) (const char *, const char *,
                               const struct addrinfo *, struct addrinfo **);

#define SILENT "127.0.0.2"

/* In the place of the C library's: one more host, of two addresses. */
__attribute__ ((visibility ("default"))) int
getaddrinfo (const char *node, const char *service,
             const struct addrinfo *hints, struct addrinfo **res)
{
  getaddrinfo_fn real = (getaddrinfo_fn) dlsym (RTLD_NEXT, "getaddrinfo");
  struct addrinfo *last;
  int r;

  if (!node || strcmp (node, "two.test") != 0)
    return real (node, service, hints, res);
  r = real (SILENT, service, hints, res);
  for (last = *res; r == 0 && last->ai_next; last = last->ai_next)
    ;
  return r == 0 ? real ("127.0.0.1", service, hints, &last->ai_next) : r;
}

/* A port that nobody gets an answer from: its queue is full. */
struct silence
{
  int listener, clients[4];
};

static void
silence_begin (struct silence *silence, unsigned port)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons (port) };

  inet_pton (AF_INET, SILENT, &at.sin_addr);
  silence->listener = socket (AF_INET, SOCK_STREAM, 0);
  assert_int_equal (bind (silence->listener, (struct sockaddr *) &at,
                          sizeof at), 0);
  assert_int_equal (listen (silence->listener, 0), 0);
  for (size_t i = 0; i < 4; i++) {
    silence->clients[i] = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect (silence->clients[i], (struct sockaddr *) &at, sizeof at))
      assert_int_equal (errno, EINPROGRESS);
  }
}

static void
silence_end (struct silence *silence)
{
  for (size_t i = 0; i < 4; i++)
    close (silence->clients[i]);
  close (silence->listener);
}

/* One that says nothing leaves time for the other. */
static void
test_next_address (void **state)
{
  struct reader *f = *state;
  struct origin_config config;
  struct silence silence;
  struct origin *origin;
  struct error e;
  char url[100];

  http_object_config (&config);
  config.timeout_ms = 5000;
  silence_begin (&silence, httpd_port (f->object.httpd));
  snprintf (url, sizeof url, "http://two.test:%u/disk.img",
            httpd_port (f->object.httpd));
  origin = http_open (url, &config, &e);
  if (!origin)
    fail_msg ("%s", e.text);
  origin->ops->close (origin);
  silence_end (&silence);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    READER_TEST (test_one_fails),
    READER_TEST (test_others_go_on),
    READER_TEST (test_next_address),
  };

  atomic_store (&until_failure, -1);
  alarm (120);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
