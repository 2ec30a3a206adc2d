/* The exports that connections have open. */

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
  unsigned users;               /* connections: it goes with the last */
  unsigned present;             /* those that have not left */
  bool stays;                   /* it has an id: the next one sees the same */
  bool deserted;                /* nobody finds it any more */
};

/* The export that shows what the view does: until exports_put.  NULL with
 * *e.
 */
extern struct export *exports_get (const struct exports_config *config,
                                   const struct view *view,
                                   struct error *e);
/* A connection's client goes, and has not been let go yet.  Once, before its
 * exports_put.
 */
extern void exports_leave (struct export *export);
extern void exports_put (struct export *export);

/* Closes all: no connection is left. */
extern void exports_close (void);

#endif /* TIERCACHE_EXPORTS_H */
