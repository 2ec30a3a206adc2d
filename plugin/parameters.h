/* The plugin's parameters: from nbdkit's key=value to the engine's terms. */

#ifndef TIERCACHE_PARAMETERS_H
#define TIERCACHE_PARAMETERS_H

#include "device/device.h"
#include "exports.h"

struct parameters
{
  struct exports exports;       /* paths in it are absolute */
  char *cache_dir;              /* set by parameters_complete if not given */
  char *cainfo, *user, *password;
  char *trace_record, *trace_replay;
  char **headers;               /* NULL-terminated, or NULL */
  struct engine_config engine;  /* points into the strings above */
};

#define PARAMETERS_HELP                                                     \
  "[url=]URL             (required) file:///PATH, /PATH, http://…, "        \
                         "https://…,\n"                                     \
  "                      nbd://…, nbds://…, nbd+unix:///… or\n"         \
  "                      nbds+unix:///…: the image to serve, read-only;\n" \
  "                      file: and http: ending with /: all images in there\n" \
  "export=NAME=URL       instead: several images, each by its name; may be\n" \
  "                      repeated\n"                                        \
  "cache-dir=DIR         where blocks are kept (one directory per URL\n"    \
  "                      under /var/cache/tiercache or ~/.cache/tiercache)\n" \
  "cache-size=SIZE       most that DIR may hold on disk (10G)\n"            \
  "cache-block-size=SIZE power of two, 4K to 4M (64K)\n"                    \
  "cache-compress=lz4|none                       (lz4)\n"                   \
  "cache-policy=weighted|lru                     (weighted)\n"              \
  "cache-admit=always|auto                       (always)\n"               \
  "cache-goal=time|bytes                         (time)\n"                 \
  "cache-key=NAME        what the image, and its version if the origin\n" \
  "                      has none, is called in the cache (the URL)\n"      \
  "stale-after=TIME      open without asking the origin while what is\n"    \
  "                      known is younger (0)\n"                            \
  "expire-after=TIME     until then ask it in the background (0)\n"         \
  "offline=serve|fail    origin out of reach: serve what is cached (serve)\n" \
  "connections=N         requests in flight at most, 1 to 64 (16)\n"        \
  "readahead=SIZE        largest read-ahead window, 0 is off (32M)\n"       \
  "fetch-timeout=TIME    bounds one request (30s)\n"                        \
  "fetch-retries=N       of one request, 0 to 100 (5)\n"                    \
  "cainfo=FILE           certificates to trust (the system's)\n"            \
  "header=NAME:VALUE     sent with each request; may be repeated\n"         \
  "user=NAME             for HTTP authentication\n"                         \
  "password=PASSWORD     or - (asks), +FILE, -FD (reads it from there)\n"   \
  "trace-record=FILE     write down what clients read, for tiercache-sim and\n" \
  "                      for trace-replay (off)\n"                         \
  "trace-replay=FILE     fetch what was recorded ahead of clients (off)\n"  \
  "progress=SIZE         log each time this much was fetched (0: off)\n"

extern void parameters_init (struct parameters *parameters);
extern void parameters_free (struct parameters *parameters);

/* One key=value.  0, or -1 with *e. */
extern int parameters_set (struct parameters *parameters, const char *key,
                           const char *value, struct error *e);

/* Checks what depends on each other and fills in what was not given. */
extern int parameters_complete (struct parameters *parameters,
                                struct error *e);

#endif /* TIERCACHE_PARAMETERS_H */
