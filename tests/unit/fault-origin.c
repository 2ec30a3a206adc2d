/* A simulated store for tests: generated content, failures and waits as the
 * test says.
 */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault-origin.h"
#include "util/cleanup.h"
#include "util/minmax.h"
#include "util/mix.h"

#define RULES_MAX 64
#define WAIT_BOUND_NS UINT64_C (30000000000)

/* Reads that touch [offset, offset + count) fail, so many times. */
struct rule
{
  uint64_t offset, count;
  unsigned left;                /* 0: for ever */
  enum error_kind kind;
  int errnum;
  size_t got;
  uint32_t retry_after_ms;
};

struct request
{
  uint64_t offset;
  size_t count;
};

struct fault_origin
{
  const struct stop *stop;
  pthread_mutex_t lock;
  pthread_cond_t changed;       /* broadcast on every change of what follows */
  uint64_t size, version;
  char validator[ORIGIN_VALIDATOR_MAX + 1];
  bool lasting;
  struct rule rules[RULES_MAX];
  unsigned nr_rules;
  struct rule open_rule;
  uint64_t hold_offset, hold_count;     /* count 0: the gate is open */
  unsigned passes;              /* reads that the gate lets through */
  struct fault_origin_stats stats;
  struct request *log;          /* FAULT_ORIGIN_LOG of them */
};

/* What the engine sees. */
struct handle
{
  struct origin common;
  struct fault_origin *f;
  uint64_t version;
};

void
fault_origin_fill (void *buf, size_t count, uint64_t version, uint64_t offset)
{
  unsigned char *p = buf;
  uint64_t salt = mix_u64 (version), word = 0;

  for (size_t i = 0; i < count; i++) {
    uint64_t at = offset + i;

    if (i == 0 || at % 8 == 0)
      word = mix_u64 (salt + at / 8);
    p[i] = word >> (at % 8 * 8);
  }
}

bool
fault_origin_check (const void *buf, size_t count, uint64_t version,
                    uint64_t offset)
{
  const unsigned char *p = buf;
  unsigned char expected[4096];

  while (count > 0) {
    size_t n = min_u64 (count, sizeof expected);

    fault_origin_fill (expected, n, version, offset);
    if (memcmp (p, expected, n) != 0)
      return false;
    p += n;
    offset += n;
    count -= n;
  }
  return true;
}

static bool
touches (uint64_t offset, uint64_t count, uint64_t from, uint64_t length)
{
  return offset < from ? from - offset < count : offset - from < length;
}

/* The first rule that applies, and one of its times is used up. */
static bool
take_rule (struct fault_origin *f, uint64_t offset, size_t count,
           struct rule *ret)
{
  for (unsigned i = 0; i < f->nr_rules; i++) {
    struct rule *rule = &f->rules[i];

    if (!touches (offset, count, rule->offset, rule->count))
      continue;
    *ret = *rule;
    if (rule->left > 0 && --rule->left == 0) {
      f->nr_rules--;
      memmove (rule, rule + 1, (f->nr_rules - i) * sizeof *rule);
    }
    return true;
  }
  return false;
}

/* Waits while the gate holds this read.  0, or ESHUTDOWN. */
static int
wait_at_gate (struct fault_origin *f, uint64_t offset, size_t count)
{
  int r = 0;

  if (!touches (offset, count, f->hold_offset, f->hold_count))
    return 0;
  f->stats.held++;
  pthread_cond_broadcast (&f->changed);
  while (f->hold_count > 0 && f->passes == 0 && r == 0)
    r = stop_wait (f->stop, &f->changed, &f->lock, 0);
  if (r == 0 && f->hold_count > 0)
    f->passes--;
  f->stats.held--;
  return r;
}

static void
begin (struct fault_origin *f, uint64_t offset, size_t count)
{
  struct fault_origin_stats *s = &f->stats;

  if (s->reads < FAULT_ORIGIN_LOG)
    f->log[s->reads] = (struct request) { offset, count };
  s->reads++;
  if (++s->in_flight > s->max_in_flight)
    s->max_in_flight = s->in_flight;
  pthread_cond_broadcast (&f->changed);
}

/* With the lock held: what becomes of the read. */
static int
decide (struct handle *h, uint64_t offset, size_t count, size_t *give,
        struct error *e)
{
  struct fault_origin *f = h->f;
  struct rule rule;
  int r = wait_at_gate (f, offset, count);

  *give = 0;
  if (r != 0)
    return error_set (e, r, "simulated origin: the program is ending");
  if (h->version != f->version)
    return error_set (e, ESTALE, "simulated origin: the object has changed");
  if (!take_rule (f, offset, count, &rule)) {
    *give = count;
    return 0;
  }
  *give = min_u64 (rule.got, count);
  error_set_kind (e, rule.kind, rule.errnum,
                  "simulated origin: failure at %" PRIu64, offset);
  if (e)
    e->retry_after_ms = rule.retry_after_ms;
  return -1;
}

static int
fault_read (struct origin *origin, void *buf, size_t count, uint64_t offset,
            size_t *got, struct error *e)
{
  struct handle *h = (struct handle *) origin;
  struct fault_origin *f = h->f;
  int r;

  assert (count > 0 && count <= ORIGIN_READ_MAX);
  assert (offset < origin->size && count <= origin->size - offset);
  {
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
    begin (f, offset, count);
    r = decide (h, offset, count, got, e);
    f->stats.bytes += *got;
  }
  fault_origin_fill (buf, *got, h->version, offset);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  f->stats.in_flight--;
  pthread_cond_broadcast (&f->changed);
  return r;
}

static void
fault_close (struct origin *origin)
{
  struct handle *h = (struct handle *) origin;

  pthread_mutex_lock (&h->f->lock);
  assert (h->f->stats.open_now > 0);
  h->f->stats.open_now--;
  pthread_cond_broadcast (&h->f->changed);
  pthread_mutex_unlock (&h->f->lock);
  free (h);
}

static const struct origin_ops fault_ops = {
  .close = fault_close,
  .read = fault_read,
};

static void
set_version (struct fault_origin *f, uint64_t size, uint64_t version)
{
  f->size = size;
  f->version = version;
  f->lasting = true;
  snprintf (f->validator, sizeof f->validator, "v%" PRIu64, version);
}

struct fault_origin *
fault_origin_new (uint64_t size, uint64_t version, const struct stop *stop)
{
  struct fault_origin *f = calloc (1, sizeof *f);

  if (!f || !(f->log = calloc (FAULT_ORIGIN_LOG, sizeof *f->log)))
    abort ();
  f->stop = stop;
  pthread_mutex_init (&f->lock, NULL);
  stop_cond_init (&f->changed);
  set_version (f, size, version);
  return f;
}

void
fault_origin_free (struct fault_origin *f)
{
  if (!f)
    return;
  assert (f->stats.open_now == 0);
  pthread_cond_destroy (&f->changed);
  pthread_mutex_destroy (&f->lock);
  free (f->log);
  free (f);
}

struct origin *
fault_origin_open (struct fault_origin *f, struct error *e)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  struct handle *h;

  f->stats.opens++;
  if (f->open_rule.left > 0) {
    f->open_rule.left--;
    error_set_kind (e, f->open_rule.kind, f->open_rule.errnum,
                    "simulated origin: cannot open");
    return NULL;
  }
  h = calloc (1, sizeof *h);
  if (!h)
    abort ();
  h->common.ops = &fault_ops;
  h->common.size = f->size;
  memcpy (h->common.validator, f->validator, sizeof f->validator);
  h->common.lasting = f->lasting;
  h->f = f;
  h->version = f->version;
  f->stats.open_now++;
  return &h->common;
}

void
fault_origin_fail_open (struct fault_origin *f, unsigned times,
                        enum error_kind kind, int errnum)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  f->open_rule = (struct rule) { .left = times, .kind = kind,
                                 .errnum = errnum };
}

void
fault_origin_validator (struct fault_origin *f, const char *validator,
                        bool lasting)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  snprintf (f->validator, sizeof f->validator, "%s", validator);
  f->lasting = lasting;
}

void
fault_origin_change (struct fault_origin *f, uint64_t size, uint64_t version)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  set_version (f, size, version);
}

void
fault_origin_fail (struct fault_origin *f, unsigned times,
                   enum error_kind kind, int errnum, size_t got)
{
  fault_origin_fail_at (f, 0, UINT64_MAX, times, kind, errnum, got, 0);
}

void
fault_origin_fail_at (struct fault_origin *f, uint64_t offset, uint64_t count,
                      unsigned times, enum error_kind kind, int errnum,
                      size_t got, uint32_t retry_after_ms)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  assert (f->nr_rules < RULES_MAX);
  f->rules[f->nr_rules++] = (struct rule) {
    .offset = offset, .count = count, .left = times, .kind = kind,
    .errnum = errnum, .got = got, .retry_after_ms = retry_after_ms
  };
}

void
fault_origin_heal (struct fault_origin *f)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  f->nr_rules = 0;
  f->open_rule.left = 0;
}

void
fault_origin_hold (struct fault_origin *f, uint64_t offset, uint64_t count)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  f->hold_offset = offset;
  f->hold_count = count;
  f->passes = 0;
}

void
fault_origin_pass (struct fault_origin *f, unsigned n)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  f->passes += n;
  pthread_cond_broadcast (&f->changed);
}

void
fault_origin_release (struct fault_origin *f)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  f->hold_count = 0;
  pthread_cond_broadcast (&f->changed);
}

/* Waits until the counter, one of f->stats, has come to n. */
static bool
wait_counter (struct fault_origin *f, const unsigned *counter, unsigned n)
{
  uint64_t deadline_ns = stop_now_ns () + WAIT_BOUND_NS;

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  while (*counter < n)
    if (stop_wait (NULL, &f->changed, &f->lock, deadline_ns) == ETIMEDOUT)
      return false;
  return true;
}

bool
fault_origin_wait_reads (struct fault_origin *f, unsigned n)
{
  return wait_counter (f, &f->stats.reads, n);
}

bool
fault_origin_wait_held (struct fault_origin *f, unsigned n)
{
  return wait_counter (f, &f->stats.held, n);
}

void
fault_origin_stats (struct fault_origin *f, struct fault_origin_stats *stats)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  *stats = f->stats;
}

bool
fault_origin_request (struct fault_origin *f, unsigned i, uint64_t *offset,
                      size_t *count)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&f->lock);
  if (i >= f->stats.reads || i >= FAULT_ORIGIN_LOG)
    return false;
  *offset = f->log[i].offset;
  *count = f->log[i].count;
  return true;
}
