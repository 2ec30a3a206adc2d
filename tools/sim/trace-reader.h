/* Shared by the files that read traces only. */

#ifndef TIERCACHE_SIM_TRACE_READER_H
#define TIERCACHE_SIM_TRACE_READER_H

#include "input.h"
#include "objects.h"
#include "trace.h"

#define TRACE_COST_US 40000     /* of every object, without a model */
#define TRACE_PROGRESS (1u << 20)       /* requests between two reports */

/* While a trace is being read. */
struct reader
{
  struct trace *trace;
  const struct trace_options *options;
  const char *path;
  struct input *input;
  struct objects objects;
  uint64_t requests;
};

/* trace.c.  An access to an object of so many bytes.  0, or -1 with *e. */
extern int reader_append (struct reader *r, uint64_t id, uint64_t bytes,
                          struct error *e);

/* A request more was read. */
extern void reader_progress (struct reader *r);

/* trace-recorded.c.  What the device has recorded.  0, or -1 with *e. */
extern int reader_recorded (struct reader *r, struct error *e);

#endif /* TIERCACHE_SIM_TRACE_READER_H */
