/* How far long work is: a bar on a terminal, a line now and then elsewhere. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "human.h"
#include "progress.h"
#include "util/minmax.h"
#include "util/stop.h"

#define LINE_EVERY_NS UINT64_C (10000000000)    /* not on a terminal */
#define BAR_MAX 40

void
progress_begin (struct progress *p, bool bytes, bool quiet)
{
  *p = (struct progress) {
    .bytes = bytes, .quiet = quiet, .terminal = isatty (STDERR_FILENO),
    .start_ns = stop_now_ns (), .first = UINT64_MAX
  };
  p->next_ns = p->start_ns + LINE_EVERY_NS;
}

static unsigned
columns (void)
{
  struct winsize size;

  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_col < 20)
    return 80;
  return size.ws_col;
}

/* "1.2 GiB of 3.4 GiB, 250.0 MiB/s, 0:09 left". */
static void
describe (const struct progress *p, uint64_t done, uint64_t total,
          char text[160])
{
  double seconds = (stop_now_ns () - p->start_ns) / 1e9;
  double rate = seconds > 0.5 ? (done - p->first) / seconds : 0;
  char a[32], b[32], c[32], d[32] = "?";

  if (rate > 0)
    human_seconds (min_u64 ((total - done) / rate, 360000000), d);
  if (p->bytes)
    snprintf (text, 160, "%s of %s, %s/s, %s left", human_bytes (done, a),
              human_bytes (total, b), human_bytes (rate, c), d);
  else
    snprintf (text, 160, "%" PRIu64 " of %" PRIu64 " blocks, %.0f/s, %s left",
              done, total, rate, d);
}

static void
show_bar (const char *text, uint64_t done, uint64_t total)
{
  static const char full[] = "########################################";
  unsigned width = columns (), room = strlen (text) + 11;
  unsigned bar = width > room ? min_u64 (width - room, BAR_MAX) : 0;
  double part = total > 0 ? (double) done / total : 1;
  int filled = part * bar;

  if (bar >= 5)
    fprintf (stderr, "\r[%.*s%*s] %3.0f %% %s\033[K", filled, full,
             (int) bar - filled, "", part * 100, text);
  else
    fprintf (stderr, "\r%.*s\033[K", (int) width - 1, text);
}

void
progress_show (struct progress *p, uint64_t done, uint64_t total)
{
  uint64_t now = stop_now_ns ();
  char text[160];

  if (p->quiet)
    return;
  if (p->first == UINT64_MAX)
    p->first = done;
  done = min_u64 (max_u64 (done, p->first), total);
  if (!p->terminal && now < p->next_ns)
    return;
  p->next_ns = now + LINE_EVERY_NS;
  describe (p, done, total, text);
  if (p->terminal)
    show_bar (text, done, total);
  else
    fprintf (stderr, "%s\n", text);
  p->shown = p->terminal;
}

void
progress_end (struct progress *p)
{
  if (p->shown)
    fputs ("\r\033[K", stderr);
  p->shown = false;
}
