/* The exports that connections have open, or had: their devices stay open
 * between connections if there is no id to find them again by.
 */

#ifndef TIERCACHE_EXPORTS_H
#define TIERCACHE_EXPORTS_H

#include <stdbool.h>

#include "device/device.h"
#include "next.h"

/* One connection's view of the next layer. */
struct view
{
  const char *name;             /* of the export */
  bool tls;
  bool same_for_all;            /* other connections see the same bytes */
  uint64_t size;
};

/* What the filter is set up to do. */
struct exports_config
{
  struct engine *engine;
  const char *id;               /* tiercache-id, or NULL */
  bool parallel;                /* threads of the engine may read the next
                                   layer */
};

struct export
{
  struct export *following;
  char *identity;
  struct device *device;
  struct origin *origin;        /* the device's, for connections to join;
                                   NULL: it is read directly */
  bool keep;                    /* when its last connection goes */
  unsigned users;               /* connections */
  uint64_t left;                /* when the last of them went: a count */
};

/* The export that shows what the view does: until exports_put.  NULL with
 * *e.
 */
extern struct export *exports_get (const struct exports_config *config,
                                   const struct view *view,
                                   struct error *e);
extern void exports_put (struct export *export);

/* Closes all: no connection is left. */
extern void exports_close (void);

#endif /* TIERCACHE_EXPORTS_H */
