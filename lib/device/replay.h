/* Warms the cache with what a trace says will be asked for.
 *
 * A thread of its own reads the trace of each device that is open, and asks
 * for the blocks that are not cached in large requests, which give way to
 * whatever clients ask for.
 */

#ifndef TIERCACHE_REPLAY_H
#define TIERCACHE_REPLAY_H

#include "device/device.h"

struct replay;

/* Reads the trace once, to see what objects it has.  recording: the file is
 * also the one that is recorded to; then it may be missing or damaged, which
 * is not an error but nothing to replay.  NULL with *e.
 */
extern struct replay *replay_open (struct engine *engine, const char *path,
                                   bool recording, struct error *e);

/* A device has been opened.  With engine->lock held. */
extern void replay_device (struct replay *replay, struct device *device);

/* Ends the thread, and gives the devices back. */
extern void replay_close (struct replay *replay);

#endif /* TIERCACHE_REPLAY_H */
