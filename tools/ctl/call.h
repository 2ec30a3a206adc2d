/* Where a command is carried out: by the server that owns the directory, or
 * here if nobody does.
 */

#ifndef TIERCACHE_CTL_CALL_H
#define TIERCACHE_CTL_CALL_H

#include "device/device.h"
#include "show.h"

/* config: for a new directory, and what of the cache's part was asked for.
 * The program's exit status.
 */
struct call
{
  const char *dir;
  const struct control_request *request;
  struct engine_config config;
  bool make;                    /* the directory, if there is none */
  bool sized;                   /* config.cache.size was asked for */
  bool json;
};
extern int call (struct call *call);

#endif /* TIERCACHE_CTL_CALL_H */
