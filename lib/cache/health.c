/* A cache disk that fails: the cache is bypassed, and tried again every ten
 * seconds.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/log.h"

#define RETRY_NS (10 * NS_PER_S)

/* True if the user should hear of it. */
static bool
enter (struct cache *c)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  if (atomic_exchange (&c->degraded, true))
    return false;
  c->retry_at_ns = c->sys->monotonic_ns (c->sys) + RETRY_NS;
  pthread_cond_broadcast (&c->space_cond);
  return !atomic_exchange (&c->degraded_told, true);
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

  if (enter (c))
    log_info ("%s/%s%s: cannot %s: %s: the cache is bypassed, and tried "
              "again every 10 s", c->dir, file, name, what,
              strerror (errnum));
}

/* A store has reached the disk. */
void
health_works (struct cache *c)
{
  if (atomic_load_explicit (&c->degraded_told, memory_order_relaxed) &&
      !health_degraded (c) && atomic_exchange (&c->degraded_told, false))
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
    c->sweep_wanted = true;     /* what could not be punched */
  }
}
