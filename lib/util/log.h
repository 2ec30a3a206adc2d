/* Messages to the user.  The program that uses the engine says where they
 * go (log_to); until then they go to stderr.
 */

#ifndef TIERCACHE_LOG_H
#define TIERCACHE_LOG_H

enum log_level
{
  LOG_LEVEL_ERROR,      /* something could not be done */
  LOG_LEVEL_INFO,       /* what a person must know: degraded, stale, progress */
  LOG_LEVEL_DEBUG,      /* only with -v */
};

/* Debug areas, one nbdkit debug flag each: -D tiercache.AREA=1 together with
 * -v.  They are plain ints that nbdkit finds by name; 0 is off.  Test them
 * before composing a message: log_debug does.
 */
extern int tiercache_debug_hit;        /* each hit and miss */
extern int tiercache_debug_cache;      /* stores, evictions, recovery */
extern int tiercache_debug_fetch;      /* requests, joins, retries */
extern int tiercache_debug_origin;     /* opening, validation, replies */
extern int tiercache_debug_readahead;  /* streams and windows */
extern int tiercache_debug_replay;     /* of a trace */

typedef void (*log_sink) (enum log_level level, const char *text);

/* Sends all messages to sink from now on.  Call before any thread runs.
 * debug says whether LOG_LEVEL_DEBUG messages are wanted at all.
 */
extern void log_to (log_sink sink, int debug);

extern void log_error (const char *fmt, ...)
  __attribute__ ((format (printf, 1, 2)));
extern void log_info (const char *fmt, ...)
  __attribute__ ((format (printf, 1, 2)));
extern void log_debug_text (const char *fmt, ...)
  __attribute__ ((format (printf, 1, 2)));

/* log_debug (hit, "miss: block %" PRIu64, block): composed only if wanted. */
#define log_debug(area, ...)                            \
  do {                                                  \
    if (__builtin_expect (tiercache_debug_##area, 0))   \
      log_debug_text (#area ": " __VA_ARGS__);          \
  } while (0)

#endif /* TIERCACHE_LOG_H */
