/* The filter's parameters: from nbdkit's key=value to the engine's terms. */

#ifndef TIERCACHE_FILTER_PARAMETERS_H
#define TIERCACHE_FILTER_PARAMETERS_H

#include "device/device.h"

struct filter_parameters
{
  char *id;                     /* or NULL: nothing outlives the process */
  char *dir;                    /* set by …_complete if not given */
  struct engine_config engine;  /* points into the strings above */
};

#define FILTER_PARAMETERS_HELP                                              \
  "tiercache-dir=DIR             where blocks are kept (with "               \
                                "tiercache-id: one\n"                       \
  "                              directory an id under /var/cache/tiercache\n" \
  "                              or ~/.cache/tiercache)\n"                  \
  "tiercache-id=NAME             what the content is called in the "         \
                                "cache: it\n"                               \
  "                              is kept for the next time (not kept)\n"    \
  "tiercache-size=SIZE           most that DIR may hold on disk (10G)\n"    \
  "tiercache-block-size=SIZE     power of two, 4K to 4M (64K)\n"            \
  "tiercache-compress=lz4|none                            (lz4)\n"          \
  "tiercache-policy=weighted|lru                          (weighted)\n"     \
  "tiercache-readahead=SIZE      largest read-ahead window, 0 is off (32M)\n"

extern void filter_parameters_init (struct filter_parameters *parameters);
extern void filter_parameters_free (struct filter_parameters *parameters);

/* One key=value.  0, or -1 with *e; 1 if it is not the filter's. */
extern int filter_parameters_set (struct filter_parameters *parameters,
                                  const char *key, const char *value,
                                  struct error *e);

/* Checks what depends on each other and fills in what was not given. */
extern int filter_parameters_complete (struct filter_parameters *parameters,
                                       struct error *e);

#endif /* TIERCACHE_FILTER_PARAMETERS_H */
