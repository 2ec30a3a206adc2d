/* A simulated store for tests: one object of generated content, and calls
 * that fail, come up short or wait exactly as the test says.
 *
 * A struct fault_origin is the far side.  fault_origin_open gives what the
 * engine sees of it: a struct origin of the version of that moment, as many
 * as are wanted.  All functions may be called from any thread.
 */

#ifndef TIERCACHE_FAULT_ORIGIN_H
#define TIERCACHE_FAULT_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "origin/origin.h"

struct fault_origin;

/* Aborts when out of memory, as a test may.  All origins opened from it must
 * be closed before it is freed.  stop may be NULL; it ends waiting calls
 * with ESHUTDOWN.
 */
extern struct fault_origin *fault_origin_new (uint64_t size,
                                              uint64_t version,
                                              const struct stop *stop);
extern void fault_origin_free (struct fault_origin *f);

/* NULL with *e only after fault_origin_fail_open. */
extern struct origin *fault_origin_open (struct fault_origin *f,
                                         struct error *e);

/* The next so many opens fail. */
extern void fault_origin_fail_open (struct fault_origin *f, unsigned times,
                                    enum error_kind kind, int errnum);

/* What origins opened from now on say; the default is "vVERSION", true. */
extern void fault_origin_validator (struct fault_origin *f,
                                    const char *validator, bool lasting);

/* The object changes: origins opened before get ESTALE, ERROR_FINAL. */
extern void fault_origin_change (struct fault_origin *f, uint64_t size,
                                 uint64_t version);

/* The content: a function of version and offset. */
extern void fault_origin_fill (void *buf, size_t count, uint64_t version,
                               uint64_t offset);
extern bool fault_origin_check (const void *buf, size_t count,
                                uint64_t version, uint64_t offset);

/* The next so many reads fail (times 0: all from now on), after giving the
 * first got bytes.  Failures that were asked for come in that order.
 */
extern void fault_origin_fail (struct fault_origin *f, unsigned times,
                               enum error_kind kind, int errnum, size_t got);

/* Only reads that touch [offset, offset + count); with a Retry-After. */
extern void fault_origin_fail_at (struct fault_origin *f, uint64_t offset,
                                  uint64_t count, unsigned times,
                                  enum error_kind kind, int errnum,
                                  size_t got, uint32_t retry_after_ms);

/* No failure any more. */
extern void fault_origin_heal (struct fault_origin *f);

/* The gate.  From now on reads that touch [offset, offset + count) wait;
 * count UINT64_MAX for all of the object.  They are recorded before they
 * wait.
 */
extern void fault_origin_hold (struct fault_origin *f, uint64_t offset,
                               uint64_t count);

/* Lets n reads pass, those that wait now or come later; or all, and none
 * waits any more.
 */
extern void fault_origin_pass (struct fault_origin *f, unsigned n);
extern void fault_origin_release (struct fault_origin *f);

/* Waits until that many reads have been made in all, or are held by the gate
 * now.  False after 30 s: assert_true it.
 */
extern bool fault_origin_wait_reads (struct fault_origin *f, unsigned n);
extern bool fault_origin_wait_held (struct fault_origin *f, unsigned n);

struct fault_origin_stats
{
  unsigned opens, open_now;     /* origins */
  unsigned reads;               /* calls so far, also those that wait */
  unsigned held;                /* waiting at the gate now */
  unsigned in_flight, max_in_flight;
  uint64_t bytes;               /* given */
};
extern void fault_origin_stats (struct fault_origin *f,
                                struct fault_origin_stats *stats);

/* The i'th read, from 0.  False if there was none, or if it was one of more
 * than FAULT_ORIGIN_LOG.
 */
#define FAULT_ORIGIN_LOG 65536
extern bool fault_origin_request (struct fault_origin *f, unsigned i,
                                  uint64_t *offset, size_t *count);

#endif /* TIERCACHE_FAULT_ORIGIN_H */
