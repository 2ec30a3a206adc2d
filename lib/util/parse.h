/* Parameter values as a user types them.  Every function names the parameter
 * and what it takes in its error.
 */

#ifndef TIERCACHE_PARSE_H
#define TIERCACHE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

/* A size in bytes: digits and at most one suffix k, M, G, T, P, E (powers of
 * 1024, either case) or b (bytes), between min and max.  0, or -1 with *e.
 */
extern int parse_size (const char *name, const char *value, uint64_t min,
                       uint64_t max, uint64_t *ret, struct error *e);

/* A decimal number between min and max.  0, or -1 with *e. */
extern int parse_number (const char *name, const char *value, uint64_t min,
                         uint64_t max, uint64_t *ret, struct error *e);

/* A time in milliseconds: a decimal number and one of ms, s (also without a
 * suffix), m, h, d; at most max_ms.  0, or -1 with *e.
 */
extern int parse_duration (const char *name, const char *value,
                           uint64_t max_ms, uint64_t *ret_ms,
                           struct error *e);

/* One of the words; the list ends with NULL.  Its place in the list, or -1
 * with *e.
 */
extern int parse_word (const char *name, const char *value,
                       const char *const words[], struct error *e);

#endif /* TIERCACHE_PARSE_H */
