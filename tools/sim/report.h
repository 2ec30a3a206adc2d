/* Prints results: as a table for people, as JSON for programs. */

#ifndef TIERCACHE_SIM_REPORT_H
#define TIERCACHE_SIM_REPORT_H

#include <stdint.h>

#include "run.h"

extern void report_table_head (void);
extern void report_table (const struct trace *trace, const struct run *run,
                          uint32_t sample);
extern void report_json (const struct trace *trace, const struct run *run,
                         uint32_t sample);

/* On standard error, now and then, if it takes long. */
extern void report_progress (const char *name, unsigned thousandths);
extern void report_progress_end (void);

#endif /* TIERCACHE_SIM_REPORT_H */
