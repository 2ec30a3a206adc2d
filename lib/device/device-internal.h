/* Shared by the files of lib/device only. */

#ifndef TIERCACHE_DEVICE_INTERNAL_H
#define TIERCACHE_DEVICE_INTERNAL_H

#include <pthread.h>

#include "device/device.h"
#include "device/direct.h"
#include "device/late.h"
#include "device/progress.h"
#include "device/replay.h"
#include "fetch/readahead.h"
#include "fetch/retry.h"
#include "trace/recorder.h"

struct engine
{
  struct engine_config config;
  struct cache *cache;
  struct fetch *fetch;
  struct progress progress;
  struct recorder *recorder;    /* or NULL */
  struct replay *replay;        /* or NULL */

  /* Guards what follows and every device's refs; never held across I/O. */
  pthread_mutex_t lock;
  struct device *devices;       /* open ones */
  unsigned alive;               /* devices not freed yet, dying included */
  pthread_cond_t changed;       /* alive, to_check, closing */

  /* The checker asks origins behind the user's back. */
  pthread_t checker;
  bool checker_runs, closing;
  struct device *to_check;      /* each holds a reference */
};

struct device
{
  struct engine *engine;
  struct device *next;          /* in engine->devices */
  struct device *next_check;    /* in engine->to_check */
  unsigned refs;

  char *url, *identity, *url_for_log;
  uint64_t size;
  bool lasting;
  char validator[ORIGIN_VALIDATOR_MAX + 1];

  struct origin *origin;        /* opened late, see late.h */
  struct cache_object *object;
  struct fetch_source *source;
  struct readahead *readahead;
  struct direct direct;
  struct recorder_object *recorded;     /* or NULL */
};

/* engine.c.  A version of a URL as a device: one that is open already, or a
 * new one.  Takes the origin (already open; NULL: to be opened when it is
 * needed) in every case.  NULL with *e.
 */
struct device_version
{
  const char *url, *identity;
  const char *validator;
  bool lasting;
  uint64_t size;
  struct origin *origin;
};
extern struct device *engine_device (struct engine *engine,
                                     const struct device_version *version,
                                     struct error *e);

/* The same for a version that the origin has just said is current. */
extern struct device *engine_device_current (struct engine *engine,
                                             const struct device_version
                                             *version, struct error *e);

/* device.c.  The first byte from offset on that is not cached, or end. */
extern uint64_t device_skip_cached (struct device *device, uint64_t offset,
                                    uint64_t end);

/* What read-ahead asks of a device.  Memory only. */
extern bool device_has_block (void *opaque, uint64_t block);

/* checker.c.  Asks the origin in the background whether the device's version
 * is still current.
 */
extern void checker_ask (struct device *device);

/* Called at engine_close: waits for the check that runs. */
extern void checker_end (struct engine *engine);

/* validity.c.  Whether an origin that is open now has the version described. */
extern bool same_version (const struct origin *origin, const char *validator,
                          bool lasting, uint64_t size);

#endif /* TIERCACHE_DEVICE_INTERNAL_H */
