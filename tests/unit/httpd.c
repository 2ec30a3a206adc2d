/* A small HTTP server in the test's own process. */

#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "httpd.h"
#include "util/cleanup.h"

#define HEADER_MAX 65536

struct httpd_conn
{
  struct httpd *httpd;
  struct httpd_conn *next;
  pthread_t thread;
  int fd;
  unsigned number;
  bool end;
  size_t used;                  /* bytes in header */
  char header[HEADER_MAX + 1];
};

struct httpd
{
  httpd_fn fn;
  void *opaque;
  int fd;
  unsigned port;
  pthread_t thread;

  pthread_mutex_t lock;
  struct httpd_conn *conns;
  unsigned n_conns, n_requests;
};

static void
check (bool ok, const char *what)
{
  if (ok)
    return;
  fprintf (stderr, "httpd: %s: %s\n", what, strerror (errno));
  abort ();
}

bool
httpd_send (struct httpd_conn *conn, const void *data, size_t count)
{
  const char *p = data;

  while (count) {
    ssize_t n = send (conn->fd, p, count, MSG_NOSIGNAL);

    if (n <= 0) {
      conn->end = true;
      return false;
    }
    p += n;
    count -= n;
  }
  return true;
}

bool
httpd_printf (struct httpd_conn *conn, const char *fmt, ...)
{
  CLEANUP_FREE char *text = NULL;
  va_list args;
  int len;

  va_start (args, fmt);
  len = vasprintf (&text, fmt, args);
  va_end (args);
  check (len >= 0, "vasprintf");
  return httpd_send (conn, text, len);
}

void
httpd_close (struct httpd_conn *conn)
{
  conn->end = true;
}

void
httpd_reset (struct httpd_conn *conn)
{
  struct linger linger = { .l_onoff = 1, .l_linger = 0 };

  setsockopt (conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  conn->end = true;
}

void
httpd_stall (struct httpd_conn *conn)
{
  char byte;

  while (recv (conn->fd, &byte, 1, 0) > 0)
    ;
  conn->end = true;
}

char *
httpd_header (const struct httpd_request *request, const char *name)
{
  size_t len = strlen (name);

  for (const char *p = request->header; p; p = strstr (p, "\r\n")) {
    p += strncmp (p, "\r\n", 2) == 0 ? 2 : 0;
    if (strncasecmp (p, name, len) == 0 && p[len] == ':') {
      p += len + 1;
      p += strspn (p, " ");
      return strndup (p, strcspn (p, "\r\n"));
    }
  }
  return NULL;
}

/* Where the header ends, or NULL as long as it has not all come. */
static char *
read_header (struct httpd_conn *conn)
{
  char *end;

  for (;;) {
    ssize_t n;

    conn->header[conn->used] = '\0';
    end = strstr (conn->header, "\r\n\r\n");
    if (end)
      return end + 4;
    if (conn->used == HEADER_MAX)
      return NULL;
    n = recv (conn->fd, conn->header + conn->used, HEADER_MAX - conn->used,
              0);
    if (n <= 0)
      return NULL;
    conn->used += n;
  }
}

static void
answer (struct httpd_conn *conn)
{
  struct httpd_request request = { .conn_number = conn->number,
                                   .header = conn->header };
  CLEANUP_FREE char *range = NULL;

  sscanf (conn->header, "%15s %2047s", request.method, request.path);
  range = httpd_header (&request, "Range");
  request.has_range = range
    && sscanf (range, "bytes=%lu-%lu", &request.first, &request.last) == 2;
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&conn->httpd->lock);

    request.number = conn->httpd->n_requests++;
  }
  conn->httpd->fn (conn->httpd->opaque, conn, &request);
}

static void *
conn_thread (void *opaque)
{
  struct httpd_conn *conn = opaque;
  char *end;

  while (!conn->end && (end = read_header (conn))) {
    char keep = *end;

    *end = '\0';
    answer (conn);
    *end = keep;
    conn->used -= end - conn->header;
    memmove (conn->header, end, conn->used);
  }
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&conn->httpd->lock);

    close (conn->fd);
    conn->fd = -1;
  }
  return NULL;
}

static void
add_conn (struct httpd *httpd, int fd)
{
  struct httpd_conn *conn = calloc (1, sizeof *conn);
  int on = 1;

  check (conn != NULL, "calloc");
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&httpd->lock);
  conn->httpd = httpd;
  conn->fd = fd;
  conn->number = httpd->n_conns++;
  conn->next = httpd->conns;
  httpd->conns = conn;
  check (pthread_create (&conn->thread, NULL, conn_thread, conn) == 0,
         "pthread_create");
}

static void *
accept_thread (void *opaque)
{
  struct httpd *httpd = opaque;
  int fd;

  while ((fd = accept (httpd->fd, NULL, NULL)) >= 0)
    add_conn (httpd, fd);
  return NULL;
}

struct httpd *
httpd_start (httpd_fn fn, void *opaque)
{
  struct httpd *httpd = calloc (1, sizeof *httpd);
  struct sockaddr_in addr = { .sin_family = AF_INET };
  socklen_t len = sizeof addr;

  check (httpd != NULL, "calloc");
  httpd->fn = fn;
  httpd->opaque = opaque;
  pthread_mutex_init (&httpd->lock, NULL);
  addr.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  httpd->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check (httpd->fd >= 0, "socket");
  check (bind (httpd->fd, (void *) &addr, sizeof addr) == 0, "bind");
  check (listen (httpd->fd, 64) == 0, "listen");
  check (getsockname (httpd->fd, (void *) &addr, &len) == 0, "getsockname");
  httpd->port = ntohs (addr.sin_port);
  check (pthread_create (&httpd->thread, NULL, accept_thread, httpd) == 0,
         "pthread_create");
  return httpd;
}

unsigned
httpd_port (const struct httpd *httpd)
{
  return httpd->port;
}

void
httpd_stop (struct httpd *httpd)
{
  struct httpd_conn *conn;

  shutdown (httpd->fd, SHUT_RDWR);
  pthread_join (httpd->thread, NULL);
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&httpd->lock);

    for (conn = httpd->conns; conn; conn = conn->next)
      if (conn->fd >= 0)
        shutdown (conn->fd, SHUT_RDWR);
  }
  while ((conn = httpd->conns)) {
    pthread_join (conn->thread, NULL);
    httpd->conns = conn->next;
    free (conn);
  }
  close (httpd->fd);
  pthread_mutex_destroy (&httpd->lock);
  free (httpd);
}
