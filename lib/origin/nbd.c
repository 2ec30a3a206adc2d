/* Exports of NBD servers as origins.
 *
 * One connection carries many requests.  Where the server says that several
 * connections see the same, more are opened while each has LINK_BUSY to
 * answer; requests go over those that stand meanwhile.
 *
 * An NBD server has nothing to tell versions apart but the size: the
 * validator is "".
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "origin/nbd-link.h"
#include "origin/nbd-uri.h"
#include "origin/nbd.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define NS_PER_MS UINT64_C (1000000)
#define LINK_BUSY 4             /* more connections only cost more threads */
#define STATUS_MAX (UINT64_C (1) << 30)         /* bytes of one question */

struct nbd_origin
{
  struct origin common;         /* first */
  char *uri, *name;
  const struct stop *stop;
  uint64_t timeout_ms;
  struct nbd_link_facts facts;  /* when it was opened */

  pthread_mutex_t lock;
  unsigned n_links;
  struct
  {
    struct nbd_link *link;      /* NULL: never needed so far */
    unsigned busy;              /* requests on it */
  } links[];
};

static uint64_t
deadline (const struct nbd_origin *nbd)
{
  return stop_now_ns () + nbd->timeout_ms * NS_PER_MS;
}

/* Under the lock.  That it can't be had is no loss: there are others. */
static void
one_more (struct nbd_origin *nbd, unsigned i)
{
  struct error e;

  if (!nbd->links[i].link)
    nbd->links[i].link = nbd_link_new (nbd->uri, nbd->name, nbd->common.size,
                                       nbd->stop, &e);
  if (nbd->links[i].link)
    nbd_link_want (nbd->links[i].link);
}

/* The connection for a request: the least busy of those that stand, or the
 * first, which then connects.
 */
static unsigned
choose_link (struct nbd_origin *nbd)
{
  unsigned best = nbd->n_links, spare = nbd->n_links;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&nbd->lock);

  for (unsigned i = 0; i < nbd->n_links; i++) {
    if (!nbd->links[i].link || !nbd_link_connected (nbd->links[i].link)) {
      if (spare == nbd->n_links)
        spare = i;
    }
    else if (best == nbd->n_links
             || nbd->links[i].busy < nbd->links[best].busy)
      best = i;
  }
  if (best == nbd->n_links)
    best = 0;
  else if (nbd->links[best].busy >= LINK_BUSY && spare < nbd->n_links)
    one_more (nbd, spare);
  nbd->links[best].busy++;
  return best;
}

static int
run (struct nbd_origin *nbd, struct nbd_job *job, uint64_t deadline_ns,
     struct error *e)
{
  unsigned i = choose_link (nbd);
  int r = nbd_link_do (nbd->links[i].link, job, deadline_ns, e);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&nbd->lock);

  nbd->links[i].busy--;
  return r;
}

static int
nbd_read (struct origin *origin, void *buf, size_t count, uint64_t offset,
          size_t *got, struct error *e)
{
  struct nbd_origin *nbd = (struct nbd_origin *) origin;
  uint64_t deadline_ns = deadline (nbd);
  struct nbd_job job = { .kind = NBD_JOB_READ };

  *got = 0;
  if (count == 0 || offset >= origin->size || count > origin->size - offset)
    return error_set (e, EINVAL, "%s: %zu bytes at %" PRIu64 " are not "
                      "within the export", nbd->name, count, offset);
  while (*got < count) {
    job.buf = (char *) buf + *got;
    job.count = count - *got;
    if (nbd->facts.maximum)
      job.count = min_u64 (job.count, nbd->facts.maximum);
    job.offset = offset + *got;
    if (run (nbd, &job, deadline_ns, e) == -1)
      return -1;
    *got += job.count;
  }
  return 0;
}

/* Hands on one reply's extents as far as they are in [*offset, end): the
 * reply may begin before and reach beyond.  What fn returned, or -1 with *e;
 * *offset moves on.
 */
static int
tell_extents (const struct nbd_origin *nbd, const struct nbd_job *job,
              uint64_t *offset, uint64_t end, origin_extent_fn fn,
              void *opaque, struct error *e)
{
  uint64_t extent_end = job->offset, before = *offset;

  for (size_t i = 0; i < job->n_extents && *offset < end; i++) {
    uint64_t count;
    int r;

    /* Of a size that no sum overflows: see nbd-link.c. */
    extent_end += job->extents[i].count;
    if (extent_end <= *offset)
      continue;
    count = min_u64 (extent_end, end) - *offset;
    r = fn (opaque, *offset, count, job->extents[i].hole);
    if (r != 0)
      return r;
    *offset += count;
  }
  return *offset > before ? 0
    : error_set_kind (e, ERROR_AGAIN, EPROTO, "%s: the server has not said "
                      "what is at %" PRIu64, nbd->name, before);
}

static int
nbd_extents (struct origin *origin, uint64_t offset, uint64_t count,
             origin_extent_fn fn, void *opaque, struct error *e)
{
  struct nbd_origin *nbd = (struct nbd_origin *) origin;
  uint64_t unit = nbd->facts.minimum ? nbd->facts.minimum : 1;
  uint64_t end = offset + count;
  struct nbd_job job = { .kind = NBD_JOB_STATUS };

  if (!nbd->facts.allocation)
    return fn (opaque, offset, count, false);
  while (offset < end) {
    uint64_t until = min_u64 (end, offset + STATUS_MAX);
    int r;

    /* The server speaks of whole units of its own. */
    job.offset = offset / unit * unit;
    until = min_u64 ((until + unit - 1) / unit * unit, origin->size);
    job.count = until - job.offset;
    if (run (nbd, &job, deadline (nbd), e) == -1)
      return e->kind == ERROR_FINAL ? -1        /* else: not known just now */
        : fn (opaque, offset, end - offset, false);
    r = tell_extents (nbd, &job, &offset, end, fn, opaque, e);
    if (r != 0)
      return r;
  }
  return 0;
}

static void
nbd_close_origin (struct origin *origin)
{
  struct nbd_origin *nbd = (struct nbd_origin *) origin;

  for (unsigned i = 0; i < nbd->n_links; i++)
    if (nbd->links[i].link)
      nbd_link_free (nbd->links[i].link);
  pthread_mutex_destroy (&nbd->lock);
  free (nbd->uri);
  free (nbd->name);
  free (nbd);
}

static const struct origin_ops nbd_ops = {
  .close = nbd_close_origin,
  .read = nbd_read,
  .extents = nbd_extents,
};

static int
connect_first (struct nbd_origin *nbd, unsigned connections, struct error *e)
{
  struct nbd_job job = { .kind = NBD_JOB_CONNECT };

  nbd->links[0].link = nbd_link_new (nbd->uri, nbd->name, 0, nbd->stop, e);
  if (!nbd->links[0].link
      || nbd_link_do (nbd->links[0].link, &job, deadline (nbd), e) == -1)
    return -1;
  nbd->facts = job.facts;
  nbd->common.size = job.facts.size;
  nbd_link_expect (nbd->links[0].link, job.facts.size);
  if (nbd->facts.multi_conn)
    nbd->n_links = connections;
  return 0;
}

struct origin *
nbd_open (const char *uri, const struct origin_config *config,
          struct error *e)
{
  unsigned connections = config->connections ? config->connections : 1;
  struct nbd_origin *nbd;

  if (nbd_uri_check (uri, e) == -1)
    return NULL;
  nbd = calloc (1, sizeof *nbd + connections * sizeof nbd->links[0]);
  if (!nbd) {
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  nbd->common.ops = &nbd_ops;
  nbd->stop = config->stop;
  nbd->timeout_ms = config->timeout_ms;
  nbd->n_links = 1;
  pthread_mutex_init (&nbd->lock, NULL);
  nbd->uri = strdup (uri);
  nbd->name = nbd_uri_name (uri);
  if (!nbd->uri || !nbd->name)
    error_set (e, ENOMEM, "out of memory");
  else if (connect_first (nbd, connections, e) == 0)
    return &nbd->common;
  nbd_close_origin (&nbd->common);
  return NULL;
}

char *
nbd_identity (const char *uri, struct error *e)
{
  char *name;

  if (nbd_uri_check (uri, e) == -1)
    return NULL;
  name = nbd_uri_name (uri);
  if (!name)
    error_set (e, ENOMEM, "out of memory");
  return name;
}
