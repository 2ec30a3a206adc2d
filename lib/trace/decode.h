/* Reads the records of a trace.  Pure: the bytes come from a function.  Takes
 * anything for input: what is not a valid trace is an error in words.
 */

#ifndef TIERCACHE_TRACE_DECODE_H
#define TIERCACHE_TRACE_DECODE_H

#include <stddef.h>
#include <sys/types.h>

#include "trace/record.h"
#include "util/error.h"

/* The next count bytes of the file, fewer only at its end.  -1 with *e. */
typedef ssize_t (*trace_read_fn) (void *opaque, void *buf, size_t count,
                                  struct error *e);

struct trace_decoder;

/* Reads the header.  NULL with *e: not a trace, of an unknown version, or
 * damaged; the text does not name the file.
 */
extern struct trace_decoder *trace_decoder_new (trace_read_fn read,
                                                void *opaque,
                                                struct error *e);
extern void trace_decoder_free (struct trace_decoder *decoder);

extern uint32_t trace_decoder_block_size (const struct trace_decoder *decoder);

/* 1 with a record, 0 at the end of the trace, or -1 with *e: read has failed,
 * or the file is damaged at trace_decoder_offset (EINVAL).
 */
extern int trace_decoder_next (struct trace_decoder *decoder,
                               struct trace_record *record,
                               struct error *e);

/* Of the file, up to the end of the last frame that was valid; and, after
 * the end, how many bytes behind that are a torn tail.
 */
extern uint64_t trace_decoder_offset (const struct trace_decoder *decoder);
extern uint64_t trace_decoder_torn (const struct trace_decoder *decoder);

#endif /* TIERCACHE_TRACE_DECODE_H */
