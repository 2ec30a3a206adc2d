/* Numbers the distinct keys of a trace from 0, in order of appearance. */

#ifndef TIERCACHE_SIM_OBJECTS_H
#define TIERCACHE_SIM_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

struct objects
{
  uint64_t *keys;
  uint32_t *numbers;            /* plus 1; 0: empty */
  uint64_t size;                /* power of two */
  uint32_t count;
};

/* The number of key.  *new is set for one not seen before.  0, or -1 when out
 * of memory or numbers.
 */
extern int objects_number (struct objects *objects, uint64_t key,
                           uint32_t *number, bool *new);
extern void objects_free (struct objects *objects);

#endif /* TIERCACHE_SIM_OBJECTS_H */
