/* Ranges of bytes as they are typed. */

#ifndef TIERCACHE_CTL_RANGE_H
#define TIERCACHE_CTL_RANGE_H

#include <stdint.h>

#include "util/error.h"

/* OFFSET-END, OFFSET- or OFFSET+LENGTH, sizes with suffixes.  0, or -1 with
 * *e.
 */
extern int range_parse (const char *text, uint64_t *offset, uint64_t *end,
                        struct error *e);

#endif /* TIERCACHE_CTL_RANGE_H */
