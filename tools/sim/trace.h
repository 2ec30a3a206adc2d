/* A trace as the accesses a cache sees. */

#ifndef TIERCACHE_SIM_TRACE_H
#define TIERCACHE_SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

#define TRACE_REQUEST 0         /* block size: an object is a request */
#define TRACE_BYTES_MAX (UINT64_C (1) << 40)    /* of one request */
#define TRACE_ACCESSES_MAX (UINT64_C (1) << 32)

struct access
{
  uint32_t object;              /* from 0, in order of appearance */
  uint32_t cost_us;             /* to fetch it */
  uint64_t bytes;               /* that it takes in the cache */
};

struct trace
{
  char *name;                   /* the file without folders and endings */
  uint32_t block_size;          /* or TRACE_REQUEST */
  struct access *accesses;
  uint64_t count, allocated;
  uint32_t objects;
  uint64_t footprint;           /* bytes of the distinct objects */
};

struct trace_options
{
  uint32_t block_size;          /* a recorded trace has its own */
  bool synthetic;               /* stored sizes and costs by a model */
  bool recorded;                /* or those that the device has recorded */
  uint32_t sample;              /* keep one object in so many */
  uint64_t accesses_max;        /* 0: TRACE_ACCESSES_MAX */
  void (*progress) (const char *name, unsigned thousandths);
};

/* The format is told from the name and the first line; the error names file,
 * line (or record) and reason.  0, or -1 with *e.
 */
extern int trace_load (struct trace *trace, const char *path,
                       const struct trace_options *options,
                       struct error *e);
extern void trace_free (struct trace *trace);

#endif /* TIERCACHE_SIM_TRACE_H */
