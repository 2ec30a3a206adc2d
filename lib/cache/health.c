/* A cache disk that fails: the cache is bypassed, and tried again every ten
 * seconds.  If it is only full or read-only, what is cached is still served.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/log.h"

#define RETRY_NS (10 * NS_PER_S)

/* What the user has heard of. */
#define TOLD_DEGRADED 1u
#define TOLD_UNWRITABLE 2u

/* Of a write only: what is there can be read. */
static bool
only_writes_fail (int errnum)
{
  return errnum == ENOSPC || errnum == EDQUOT || errnum == EROFS;
}

/* True if the user should hear of it. */
static bool
enter (struct cache *c, _Atomic bool *state, unsigned told)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  if (atomic_exchange (state, true))
    return false;
  c->retry_at_ns = c->sys->monotonic_ns (c->sys) + RETRY_NS;
  pthread_cond_broadcast (&c->space_cond);
  return !(atomic_fetch_or (&c->told, told) & told);
}

/* An operation on a file of the cache has failed.  number is that of a data
 * file, UINT32_MAX for others.  Not with the lock held.
 */
void
health_failed (struct cache *c, const char *what, const char *file,
               uint32_t number, int errnum)
{
  char name[32] = "";

  atomic_fetch_add (&c->io_errors, 1);
  if (number != UINT32_MAX)
    snprintf (name, sizeof name, "%" PRIu32, number);
  log_debug (cache, "%s/%s%s: cannot %s: %s", c->dir, file, name, what,
             strerror (errnum));

  if (only_writes_fail (errnum)) {
    if (enter (c, &c->unwritable, TOLD_UNWRITABLE))
      log_info ("%s/%s%s: cannot %s: %s: nothing more is cached, what is "
                "there is served, and it is tried again every 10 s: make "
                "room on that disk, or make it writable", c->dir, file, name,
                what, strerror (errnum));
  }
  else if (enter (c, &c->degraded, TOLD_DEGRADED))
    log_info ("%s/%s%s: cannot %s: %s: the cache is bypassed, and tried "
              "again every 10 s", c->dir, file, name, what,
              strerror (errnum));
}

/* A store has reached the disk. */
void
health_works (struct cache *c)
{
  if (atomic_load_explicit (&c->told, memory_order_relaxed) &&
      !health_unwritable (c) && atomic_exchange (&c->told, 0))
    log_info ("%s: the cache works again", c->dir);
}

/* A write and a read that do no harm.  If they work the cache is used again;
 * whether it works is only said after the first store.
 */
void
health_retry (struct cache *c)
{
  uint8_t record[INDEX_RECORD], state[POLICY_SAVED];
  bool works;

  if (c->sys->monotonic_ns (c->sys) < c->retry_at_ns)
    return;
  policy_save (c->policy, state);
  pthread_mutex_unlock (&c->lock);
  works = index_write_policy (c, state) == 0 &&
    index_read (c, 0, 1, record) == 0;
  pthread_mutex_lock (&c->lock);
  c->retry_at_ns = c->sys->monotonic_ns (c->sys) + RETRY_NS;
  if (works) {
    atomic_store (&c->degraded, false);
    atomic_store (&c->unwritable, false);
    c->sweep_wanted = true;     /* what could not be punched */
  }
}
