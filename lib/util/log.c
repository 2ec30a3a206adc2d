/* Messages to the user. */

#include <config.h>

#include <stdarg.h>
#include <stdio.h>

#include "util/log.h"

#define PUBLIC __attribute__ ((visibility ("default")))

/* Exported: nbdkit looks -D flags up by these names. */
PUBLIC int tiercache_debug_hit;
PUBLIC int tiercache_debug_cache;
PUBLIC int tiercache_debug_fetch;
PUBLIC int tiercache_debug_origin;
PUBLIC int tiercache_debug_readahead;
PUBLIC int tiercache_debug_replay;

static void
log_stderr (enum log_level level, const char *text)
{
  (void) level;
  fprintf (stderr, "tiercache: %s\n", text);
}

static log_sink log_sink_now = log_stderr;
static int log_debug_wanted;

void
log_to (log_sink sink, int debug)
{
  log_sink_now = sink;
  log_debug_wanted = debug;
}

static void
log_text (enum log_level level, const char *fmt, va_list args)
{
  char text[1024];

  vsnprintf (text, sizeof text, fmt, args);
  log_sink_now (level, text);
}

#define LOG_FUNCTION(name, level, wanted)       \
  void                                          \
  name (const char *fmt, ...)                   \
  {                                             \
    va_list args;                               \
                                                \
    if (!(wanted))                              \
      return;                                   \
    va_start (args, fmt);                       \
    log_text (level, fmt, args);                \
    va_end (args);                              \
  }

LOG_FUNCTION (log_error, LOG_LEVEL_ERROR, 1)
LOG_FUNCTION (log_info, LOG_LEVEL_INFO, 1)
LOG_FUNCTION (log_debug_text, LOG_LEVEL_DEBUG, log_debug_wanted)
