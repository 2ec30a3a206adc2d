/* Commands to a cache: what they are, how they are carried out, and the socket
 * over which a running server takes them.
 *
 * The protocol is in docs/tiercache-control.pod.  A command is carried out by
 * the same function whether a server runs it or tiercache-ctl itself.
 */

#ifndef TIERCACHE_CONTROL_H
#define TIERCACHE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "device/device.h"
#include "util/error.h"
#include "util/stop.h"

#define CONTROL_REQUEST_MAX 16384       /* bytes of a request, with newline */
#define CONTROL_REPLY_MAX 65536         /* bytes of a line of the reply */
#define CONTROL_SOCKET "control"        /* in the cache directory */

enum control_command
{
  CONTROL_LIST,
  CONTROL_EVICT,
  CONTROL_VERIFY,
  CONTROL_PIN,
  CONTROL_UNPIN,
  CONTROL_WARM,
};

struct control_request
{
  enum control_command command;
  char *name;                   /* identity or URL; NULL: all of them */
  char *key;                    /* of warm, or NULL */
  uint64_t offset, end;         /* bytes; end UINT64_MAX: to the end */
};

/* From the bytes of a line, newline or not.  0, or -1 with *e and nothing to
 * free.
 */
extern int control_request_parse (const char *line, size_t bytes,
                                  struct control_request *request,
                                  struct error *e);
extern void control_request_free (struct control_request *request);

/* The line, with its newline; the caller frees it.  NULL with *e: it is too
 * long, or not UTF-8.
 */
extern char *control_request_print (const struct control_request *request,
                                    struct error *e);

/* Who has sent a command. */
struct control_peer
{
  /* Tells it something: an object with a single member, object, progress,
   * result or error.  False: it has gone.
   */
  bool (*say) (void *opaque, const json_t *reply);
  bool (*here) (void *opaque);          /* false ends long commands */
  void *opaque;
};

/* What commands are carried out on. */
struct control_target
{
  struct engine *engine;
  const char *dir;
  bool warms;                   /* its engine opens URLs */
  unsigned warmers;             /* requests of warm under way */
};

/* Carries it out.  The last thing said is a result or an error. */
extern void control_run (const struct control_target *target,
                         const struct control_request *request,
                         const struct control_peer *peer);

/* The list of a directory that need not be this process's, as it was last
 * saved.  0 once a result has been said, or -1 with *e.
 */
extern int control_list_dir (const char *dir, const struct control_peer *peer,
                             struct error *e);

/* Listens in the target's directory, which this process owns, with threads of
 * its own: not before the last fork.  NULL with *e: it can't.  The target is
 * copied, what it points to must outlive it.
 */
struct control;
extern struct control *control_start (const struct control_target *target,
                                      struct error *e);

/* Ends what runs, closes all connections and removes the socket.  What waits
 * for the origin ends when the engine's stop says so, or by its timeout.  NULL
 * is nothing.
 */
extern void control_stop (struct control *control);

/* A connection to the server that owns the directory, or -1 with *e; errnum
 * is ENOENT or ECONNREFUSED if nobody listens there.  Waits for a bounded
 * time; sends on it do, too.
 */
extern int control_connect (const char *dir, struct error *e);

#endif /* TIERCACHE_CONTROL_H */
