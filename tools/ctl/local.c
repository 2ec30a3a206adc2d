/* A command carried out here, in a directory that nobody owns. */

#include <config.h>

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interrupt.h"
#include "local.h"

static bool
here (void *opaque)
{
  (void) opaque;
  return !stop_requested (&interrupt_stop);
}

/* What root makes in somebody else's directory would be of no use there. */
static int
become_owner (const char *dir, struct error *e)
{
  struct stat st;

  if (geteuid () != 0 || stat (dir, &st) == -1 || st.st_uid == 0)
    return 0;
  if (setgroups (0, NULL) == -1 ||
      setresgid (st.st_gid, st.st_gid, st.st_gid) == -1 ||
      setresuid (st.st_uid, st.st_uid, st.st_uid) == -1)
    return error_set (e, errno, "%s: cannot become its owner: %s", dir,
                      strerror (errno));
  return 0;
}

static int
no_object (void *opaque, const struct cache_listing_object *object)
{
  (void) opaque;
  (void) object;
  return 0;
}

/* A directory stays what it is, unless something else was asked for. */
static int
configure (struct call *call, struct error *e)
{
  struct cache_config *cache = &call->config.cache;
  struct cache_listing listing;

  if (cache_list (call->dir, &listing, no_object, NULL, e) == -1)
    return e->errnum == ENOENT && call->make ? 0 : -1;
  cache->block_size = listing.block_size;
  cache->compress = listing.compress;
  if (!call->sized)
    cache->size = listing.budget;
  if (listing.policy == POLICY_LRU)
    cache->policy = POLICY_LRU;
  return 0;
}

static int
run (struct call *call, const struct control_peer *peer, struct error *e)
{
  struct control_target target = {
    .dir = call->dir, .warms = true,
    .warmers = 2 * call->config.origin.connections
  };

  if (become_owner (call->dir, e) == -1 || configure (call, e) == -1)
    return -1;
  call->config.cache.dir = call->dir;
  call->config.stop = &interrupt_stop;
  target.engine = engine_open (&call->config, e);
  if (!target.engine)
    return -1;
  control_run (&target, call->request, peer);
  engine_close (target.engine);
  return 0;
}

int
local (struct call *call, struct show *show, struct error *e)
{
  const struct control_peer peer = { show_reply, here, show };

  /* To look takes no lock, also when a server has it that does not answer. */
  return call->request->command == CONTROL_LIST
    ? control_list_dir (call->dir, &peer, e) : run (call, &peer, e);
}
