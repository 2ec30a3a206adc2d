/* Commands carried out. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/control.h"
#include "control/reply.h"
#include "control/warm.h"
#include "util/cleanup.h"

#define I(n) ((json_int_t) (n))

/* A command on one identity, or on all of them (NULL).  0 once it has said its
 * result, or -1 with *e.
 */
typedef int (*run_fn) (struct cache *cache, const char *identity,
                       const struct control_request *request,
                       const struct control_peer *peer, struct error *e);

static int
add_object (void *opaque, const struct cache_listing_object *object)
{
  const struct control_peer *peer = opaque;

  return reply_say (peer, "object",
                    json_pack ("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:b, s:b}",
                               "identity", reply_text (object->identity),
                               "validator", reply_text (object->validator),
                               "size", I (object->size),
                               "validated", I (object->validated_s),
                               "blocks", I (object->blocks),
                               "stored_bytes", I (object->stored_bytes),
                               "hits", I (object->hits),
                               "pinned", object->pinned,
                               "kept", object->kept)) ? 0 : -1;
}

static void
say_listing (const struct control_peer *peer, const char *dir,
             const struct cache_listing *l)
{
  reply_say (peer, "result",
             json_pack ("{s:o, s:I, s:I, s:I, s:I, s:I, s:b, s:I}",
                        "directory", reply_text (dir),
                        "block_size", I (l->block_size),
                        "budget", I (l->budget),
                        "used_bytes", I (l->used_bytes),
                        "blocks", I (l->blocks), "slots", I (l->slots),
                        "compress", l->compress,
                        "owner_pid", I (l->owner_pid)));
}

static int
run_list (const struct control_target *target,
          const struct control_peer *peer, struct error *e)
{
  struct cache_listing listing;

  if (cache_list_open (engine_cache (target->engine), &listing, add_object,
                       (void *) peer, e) == -1)
    return -1;
  say_listing (peer, target->dir, &listing);
  return 0;
}

int
control_list_dir (const char *dir, const struct control_peer *peer,
                  struct error *e)
{
  struct cache_listing listing;

  if (cache_list (dir, &listing, add_object, (void *) peer, e) == -1)
    return -1;
  say_listing (peer, dir, &listing);
  return 0;
}

static int
run_evict (struct cache *cache, const char *identity,
           const struct control_request *request,
           const struct control_peer *peer, struct error *e)
{
  struct cache_evicted evicted;

  if (cache_evict (cache, identity, request->offset, request->end, &evicted,
                   e) == -1)
    return -1;
  reply_say (peer, "result",
             json_pack ("{s:I, s:I}", "blocks", I (evicted.blocks),
                        "bytes", I (evicted.bytes)));
  return 0;
}

static int
run_verify (struct cache *cache, const char *identity,
            const struct control_request *request,
            const struct control_peer *peer, struct error *e)
{
  struct reply_progress progress = { .peer = peer };
  struct cache_verified verified;

  (void) request;
  if (cache_verify (cache, identity, reply_progress, &progress, &verified,
                    e) == -1)
    return -1;
  if (!peer->here (peer->opaque))
    return error_set (e, ECANCELED, "ended before all was verified");
  reply_say (peer, "result",
             json_pack ("{s:I, s:I, s:I}", "blocks", I (verified.blocks),
                        "bytes", I (verified.bytes),
                        "failed", I (verified.failed)));
  return 0;
}

static int
run_pin (struct cache *cache, const char *identity,
         const struct control_request *request,
         const struct control_peer *peer, struct error *e)
{
  bool pinned = request->command == CONTROL_PIN;

  if (cache_pin (cache, identity, pinned, e) == -1)
    return -1;
  reply_say (peer, "result",
             json_pack ("{s:o, s:b}", "identity", reply_text (identity),
                        "pinned", pinned));
  return 0;
}

/* A name is an identity, or a URL that has it. */
static int
run_named (struct cache *cache, run_fn fn,
           const struct control_request *request,
           const struct control_peer *peer, struct error *e)
{
  CLEANUP_FREE char *identity = NULL;
  struct error again;
  int r = fn (cache, request->name, request, peer, e);

  if (r == 0 || e->errnum != ENOENT || !request->name)
    return r;
  identity = origin_identity (request->name, &again);
  if (!identity || fn (cache, identity, request, peer, &again) == 0)
    return identity ? 0 : -1;
  if (again.errnum != ENOENT)
    *e = again;
  return -1;
}

static int
run (const struct control_target *target,
     const struct control_request *request, const struct control_peer *peer,
     struct error *e)
{
  struct cache *cache = engine_cache (target->engine);

  switch (request->command) {
  case CONTROL_LIST:
    return run_list (target, peer, e);
  case CONTROL_EVICT:
    return run_named (cache, run_evict, request, peer, e);
  case CONTROL_VERIFY:
    return run_named (cache, run_verify, request, peer, e);
  case CONTROL_PIN:
  case CONTROL_UNPIN:
    return run_named (cache, run_pin, request, peer, e);
  case CONTROL_WARM:
    return warm (target, request, peer, e);
  }
  return error_set (e, EINVAL, "unknown command");
}

void
control_run (const struct control_target *target,
             const struct control_request *request,
             const struct control_peer *peer)
{
  struct error e = { 0 };

  if (run (target, request, peer, &e) == -1)
    reply_error (peer, &e);
}
