/* The parameters of the cache, which the plugin, the filter and tiercache-ctl
 * have under different names.
 */

#ifndef TIERCACHE_CACHE_PARAMETERS_H
#define TIERCACHE_CACHE_PARAMETERS_H

#include "device/device.h"

/* What every engine starts with. */
extern void cache_parameters_init (struct engine_config *engine);

/* what: size, block-size, compress or policy; key is what the user knows it
 * as.  0, or -1 with *e; 1 if it is none of them.
 */
extern int cache_parameters_set (struct engine_config *engine,
                                 const char *what, const char *key,
                                 const char *value, struct error *e);

extern int cache_parameters_readahead (struct engine_config *engine,
                                       const char *key, const char *value,
                                       struct error *e);

/* The directory of an identity where none was given:
 * /var/cache/tiercache/HASH for root, otherwise $XDG_CACHE_HOME/… or
 * ~/.cache/….  The caller frees it.  NULL with *e, which names the key.
 */
extern char *cache_parameters_dir (const char *identity, const char *key,
                                   struct error *e);

#endif /* TIERCACHE_CACHE_PARAMETERS_H */
