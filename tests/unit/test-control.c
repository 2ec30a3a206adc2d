/* The control socket of a server: requests of all kinds, well-meant or not,
 * over a real engine and a real socket.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/control.h"
#include "test-cache-help.h"
#include "util/cleanup.h"
#include "util/mix.h"

#define BLOCK 16384u
#define SIZE (200 * BLOCK)
#define NAMES 220               /* bytes of a component of the long path */

struct rig
{
  char *dir, file[128], cache[1024];
  struct engine_config config;
  struct control_target target;
  struct control *control;
  struct stop stop;
  atomic_bool stopping;
};

static bool
is_stopping (void *opaque)
{
  return atomic_load (&((struct rig *) opaque)->stopping);
}

static void
write_image (const char *path)
{
  FILE *f = fopen (path, "w");

  assert_non_null (f);
  for (uint64_t i = 0; i < SIZE / 8; i++) {
    uint64_t x = mix_u64 (i);

    assert_int_equal (fwrite (&x, 8, 1, f), 1);
  }
  assert_int_equal (fclose (f), 0);
}

static void
start (struct rig *rig)
{
  struct error e;

  rig->target.engine = engine_open (&rig->config, &e);
  if (!rig->target.engine)
    fail_msg ("%s", e.text);
  rig->control = control_start (&rig->target, &e);
  if (!rig->control)
    fail_msg ("%s", e.text);
}

static void
stop (struct rig *rig)
{
  atomic_store (&rig->stopping, true);
  control_stop (rig->control);
  engine_close (rig->target.engine);
  rig->control = NULL;
  atomic_store (&rig->stopping, false);
}

static int
setup (void **state)
{
  struct rig *rig = calloc (1, sizeof *rig);

  rig->dir = help_make_dir ();
  snprintf (rig->file, sizeof rig->file, "%s/image", rig->dir);
  snprintf (rig->cache, sizeof rig->cache, "%s/cache", rig->dir);
  write_image (rig->file);
  rig->stop = (struct stop) { is_stopping, rig };
  rig->config = (struct engine_config) {
    .cache = { .dir = rig->cache, .size = 64 << 20, .block_size = BLOCK },
    .origin = { .connections = 4, .timeout_ms = 10000 },
    .stop = &rig->stop,
  };
  rig->target = (struct control_target) {
    .dir = rig->cache, .warms = true, .warmers = 4
  };
  start (rig);
  *state = rig;
  return 0;
}

static int
teardown (void **state)
{
  struct rig *rig = *state;

  if (rig->control)
    stop (rig);
  help_remove_dir (rig->dir);
  free (rig);
  return 0;
}

static int
dial (struct rig *rig)
{
  struct error e;
  int fd = control_connect (rig->cache, &e);

  if (fd == -1)
    fail_msg ("%s", e.text);
  return fd;
}

static void
send_text (int fd, const char *text)
{
  send (fd, text, strlen (text), MSG_NOSIGNAL);
}

/* All that comes until the end of the connection; the caller frees it. */
static char *
read_all (int fd)
{
  size_t n = 0, room = 1 << 20;
  char *text = malloc (room);
  struct pollfd p = { .fd = fd, .events = POLLIN };

  for (;;) {
    ssize_t r;

    assert_true (n < room - 1);
    if (poll (&p, 1, 120000) != 1)
      fail_msg ("the server neither answers nor ends the connection");
    r = recv (fd, text + n, room - 1 - n, 0);
    if (r <= 0)
      break;
    n += r;
  }
  text[n] = '\0';
  close (fd);
  return text;
}

static char *
ask (struct rig *rig, const char *request)
{
  int fd = dial (rig);

  send_text (fd, request);
  return read_all (fd);
}

/* The last line of the answer must contain this. */
static void
expect (struct rig *rig, const char *request, const char *part)
{
  CLEANUP_FREE char *text = ask (rig, request);
  size_t n = strlen (text);
  char *last;

  if (n > 0)
    text[n - 1] = '\0';
  last = strrchr (text, '\n');
  if (!strstr (last ? last : text, part))
    fail_msg ("%s: \"%s\" where \"%s\" was expected", request, text, part);
}

static void
expect_warm (struct rig *rig)
{
  char request[256], part[64];

  snprintf (request, sizeof request, "{\"command\": \"warm\", \"url\": "
            "\"%s\"}\n", rig->file);
  snprintf (part, sizeof part, "\"cached_bytes\":%u", SIZE);
  expect (rig, request, part);
}

static void
test_commands (void **state)
{
  struct rig *rig = *state;
  char request[512];

  expect (rig, "{\"command\": \"list\"}\n", "\"blocks\":0");
  expect_warm (rig);
  expect (rig, "{\"command\": \"list\"}\n", "\"blocks\":200");
  expect (rig, "{\"command\": \"verify\"}\n", "\"failed\":0");
  snprintf (request, sizeof request, "{\"command\": \"pin\", \"name\": "
            "\"file:%s\"}\n", rig->file);
  expect (rig, request, "\"pinned\":true");
  expect (rig, "{\"command\": \"evict\", \"all\": true}\n", "\"blocks\":0");
  /* A path is a URL that has the identity. */
  snprintf (request, sizeof request, "{\"command\": \"unpin\", \"name\": "
            "\"%s\"}\n", rig->file);
  expect (rig, request, "\"pinned\":false");
  snprintf (request, sizeof request, "{\"command\": \"evict\", \"name\": "
            "\"%s\", \"offset\": %u, \"end\": %u}\n", rig->file, BLOCK,
            3 * BLOCK);
  expect (rig, request, "\"blocks\":2");
  expect (rig, "{\"command\": \"evict\", \"all\": true}\n",
          "\"blocks\":198");
  expect (rig, "{\"command\": \"pin\", \"name\": \"x\"}\n",
          "nothing is known of x");
  expect (rig, "{\"command\": \"warm\", \"url\": \"/does/not/exist\"}\n",
          "\"error\":\"");
  rig->target.warms = false;
  stop (rig);
  start (rig);
  expect (rig, "{\"command\": \"warm\", \"url\": \"/x\"}\n", "filter");
}

/* Whoever sends this hears what is wrong with it. */
static void
test_bad_requests (void **state)
{
  static const struct { const char *request, *part; } bad[] = {
    { "\n", "not a line of JSON" },
    { "hello\n", "not a line of JSON" },
    { "[]\n", "request" },
    { "{}\n", "command" },
    { "{\"command\": 5}\n", "string" },
    { "{\"command\": \"reboot\"}\n", "unknown command" },
    { "{\"command\": \"list\", \"dry-run\": true}\n", "dry-run" },
    { "{\"command\": \"list\", \"command\": \"evict\"}\n", "not a line" },
    { "{\"command\": \"list\", \"name\": \"x\"}\n", "name" },
    { "{\"command\": \"evict\"}\n", "name" },
    { "{\"command\": \"evict\", \"all\": false}\n", "name" },
    { "{\"command\": \"evict\", \"all\": true, \"name\": \"x\"}\n", "name" },
    { "{\"command\": \"evict\", \"all\": true, \"offset\": 1}\n", "offset" },
    { "{\"command\": \"evict\", \"name\": \"x\", \"offset\": -1}\n",
      "offset" },
    { "{\"command\": \"evict\", \"name\": \"x\", \"offset\": 2, "
      "\"end\": 2}\n", "offset" },
    { "{\"command\": \"evict\", \"name\": \"x\", \"end\": "
      "99999999999999999999}\n", "not a line" },
    { "{\"command\": \"pin\"}\n", "name" },
    { "{\"command\": \"pin\", \"name\": \"a\\u0000b\"}\n", "not a line" },
    { "{\"command\": \"pin\", \"name\": \"\xff\"}\n", "not a line" },
    { "{\"command\": \"verify\", \"all\": true}\n", "all" },
    { "{\"command\": \"warm\"}\n", "url" },
    { "{\"command\": \"warm\", \"url\": \"x\", \"key\": \"\"}\n", "key" },
    { "{\"command\": \"warm\", \"name\": \"x\", \"url\": \"y\"}\n", "name" },
    { "{\"command\": \"list\", \"url\": \"y\"}\n", "url" },
  };
  CLEANUP_FREE char *deep = malloc (16000);

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    expect (*state, bad[i].request, "\"error\":\"");
    expect (*state, bad[i].request, bad[i].part);
  }
  memset (deep, '[', 15998);
  strcpy (deep + 15998, "\n");
  expect (*state, deep, "not a line of JSON");
}

/* More than a request may be, with and without a newline in sight. */
static void
test_long (void **state)
{
  char *line = malloc (1 << 20);

  memset (line, ' ', 1 << 20);
  line[(1 << 20) - 1] = '\0';
  expect (*state, line, "longer than");
  memset (line, 'x', 1 << 20);
  strcpy (line + CONTROL_REQUEST_MAX, "\n");
  expect (*state, line, "longer than");
  free (line);
  expect (*state, "{\"command\": \"list\"}\n", "\"result\"");
}

/* A request may come byte by byte, and its sender close that half. */
static void
test_slow (void **state)
{
  static const char request[] = "{\"command\": \"list\"}\n";
  int fd = dial (*state);
  char *text;

  for (const char *p = request; *p; p++)
    assert_int_equal (send (fd, p, 1, MSG_NOSIGNAL), 1);
  shutdown (fd, SHUT_WR);
  text = read_all (fd);
  assert_non_null (strstr (text, "result"));
  free (text);

  fd = dial (*state);           /* half a request, and gone */
  send_text (fd, "{\"comm");
  shutdown (fd, SHUT_WR);
  text = read_all (fd);
  assert_string_equal (text, "");
  free (text);
}

/* Who says nothing makes way, and is told that its time is over. */
static void
test_idle (void **state)
{
  int fds[100];
  unsigned told = 0;

  for (unsigned i = 0; i < 100; i++)
    fds[i] = dial (*state);
  expect (*state, "{\"command\": \"list\"}\n", "\"result\"");
  expect_warm (*state);
  for (unsigned i = 0; i < 100; i++) {
    char *text = read_all (fds[i]);

    told += strstr (text, "no request has come") != NULL;
    free (text);
  }
  assert_in_range (told, 1, 16);
}

/* Those who leave in the middle, or read nothing, harm nobody. */
static void
test_leave (void **state)
{
  struct rig *rig = *state;
  char request[256];
  int fds[8];

  snprintf (request, sizeof request, "{\"command\": \"warm\", \"url\": "
            "\"%s\"}\n", rig->file);
  for (unsigned turn = 0; turn < 5; turn++) {
    for (unsigned i = 0; i < 8; i++) {
      fds[i] = dial (rig);
      send_text (fds[i], i % 2 ? request : "{\"command\": \"verify\"}\n");
    }
    for (unsigned i = 0; i < 8; i++)
      close (fds[i]);
  }
  /* There may still be eight at work. */
  for (unsigned i = 0; i < 2000; i++) {
    char *text = ask (rig, request);
    bool there = strstr (text, "\"cached_bytes\"");

    free (text);
    if (there)
      return;
    poll (NULL, 0, 10);
  }
  fail_msg ("commands go on for clients that have left");
}

static bool
is_socket (const char *dir)
{
  char path[1100];
  struct stat st;

  snprintf (path, sizeof path, "%s/control", dir);
  return lstat (path, &st) == 0 && S_ISSOCK (st.st_mode) &&
    (st.st_mode & 0777) == 0600;
}

/* Ended in the middle of everything: it does not wait for anybody. */
static void
test_stop (void **state)
{
  struct rig *rig = *state;
  int fds[12];

  for (unsigned turn = 0; turn < 5; turn++) {
    assert_true (is_socket (rig->cache));
    for (unsigned i = 0; i < 12; i++) {
      fds[i] = dial (rig);
      if (i % 3 == 0)
        send_text (fds[i], "{\"command\": \"verify\"}\n");
      if (i % 3 == 1)
        send_text (fds[i], "{\"comm");
    }
    stop (rig);
    assert_false (is_socket (rig->cache));
    for (unsigned i = 0; i < 12; i++)
      free (read_all (fds[i]));
    start (rig);
  }
}

/* What a killed server left is replaced; what is no socket is not. */
static void
test_left_over (void **state)
{
  struct rig *rig = *state;
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  struct error e;
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  stop (rig);
  assert_int_equal (control_connect (rig->cache, &e), -1);
  assert_int_equal (e.errnum, ENOENT);
  snprintf (address.sun_path, sizeof address.sun_path, "%.90s/control",
            rig->cache);
  assert_int_equal (bind (fd, (struct sockaddr *) &address, sizeof address),
                    0);
  close (fd);
  assert_int_equal (control_connect (rig->cache, &e), -1);
  assert_int_equal (e.errnum, ECONNREFUSED);
  start (rig);
  expect (rig, "{\"command\": \"list\"}\n", "\"result\"");
  stop (rig);

  fd = open (address.sun_path, O_CREAT | O_WRONLY, 0600);
  close (fd);
  rig->target.engine = engine_open (&rig->config, &e);
  assert_non_null (rig->target.engine);
  assert_null (control_start (&rig->target, &e));
  assert_non_null (strstr (e.text, address.sun_path));
  assert_int_equal (access (address.sun_path, F_OK), 0);
  engine_close (rig->target.engine);
}

/* A directory whose path is longer than a socket's may be. */
static void
test_long_path (void **state)
{
  struct rig *rig = *state;
  size_t n;

  stop (rig);
  n = strlen (rig->cache);
  rig->cache[n++] = '/';
  memset (rig->cache + n, 'n', NAMES);
  rig->cache[n + NAMES] = '\0';
  start (rig);
  assert_true (is_socket (rig->cache));
  expect_warm (rig);
}

/* Requests that are printed are read as they were. */
static void
test_print (void **state)
{
  const struct control_request requests[] = {
    { .command = CONTROL_LIST, .end = UINT64_MAX },
    { .command = CONTROL_VERIFY, .end = UINT64_MAX },
    { .command = CONTROL_PIN, .name = "a \"b\" \\ \xc3\xa9\n",
      .end = UINT64_MAX },
    { .command = CONTROL_EVICT, .name = "x", .offset = 5, .end = 9 },
    { .command = CONTROL_EVICT, .end = UINT64_MAX },
    { .command = CONTROL_WARM, .name = "http://x/y", .key = "k",
      .offset = 1, .end = INT64_MAX },
  };
  struct control_request bad = { .command = CONTROL_PIN, .name = "\xff" };
  struct error e;

  (void) state;
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    char *line = control_request_print (&requests[i], &e);
    struct control_request r;

    assert_non_null (line);
    if (control_request_parse (line, strlen (line), &r, &e) == -1)
      fail_msg ("%s: %s", line, e.text);
    assert_int_equal (r.command, requests[i].command);
    assert_int_equal (r.offset, requests[i].offset);
    assert_true (r.end == requests[i].end);
    assert_true (!r.name == !requests[i].name);
    if (r.name)
      assert_string_equal (r.name, requests[i].name);
    assert_true (!r.key == !requests[i].key);
    control_request_free (&r);
    free (line);
  }
  assert_null (control_request_print (&bad, &e));
  bad.name = malloc (20000);
  memset (bad.name, 'x', 19999);
  bad.name[19999] = '\0';
  assert_null (control_request_print (&bad, &e));
  free (bad.name);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_commands, setup, teardown),
    cmocka_unit_test_setup_teardown (test_bad_requests, setup, teardown),
    cmocka_unit_test_setup_teardown (test_long, setup, teardown),
    cmocka_unit_test_setup_teardown (test_slow, setup, teardown),
    cmocka_unit_test_setup_teardown (test_idle, setup, teardown),
    cmocka_unit_test_setup_teardown (test_leave, setup, teardown),
    cmocka_unit_test_setup_teardown (test_stop, setup, teardown),
    cmocka_unit_test_setup_teardown (test_left_over, setup, teardown),
    cmocka_unit_test_setup_teardown (test_long_path, setup, teardown),
    cmocka_unit_test (test_print),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
