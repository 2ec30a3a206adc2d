/* Records into the frames of a trace.  Pure: no I/O, no clock. */

#ifndef TIERCACHE_TRACE_ENCODE_H
#define TIERCACHE_TRACE_ENCODE_H

#include <stddef.h>

#include "trace/record.h"

extern void trace_encode_header (uint8_t out[TRACE_HEADER_BYTES],
                                 uint32_t block_size, uint64_t realtime_s);

struct trace_encoder
{
  uint64_t frames;              /* finished ones */
  uint64_t start_us;            /* time of this frame */
  size_t length;                /* of the records in it */

  /* Runs that may still grow; count 0: none. */
  struct trace_record access, stored;

  /* What the next record of each kind is told from. */
  bool any_access, any_stored;
  uint64_t time_us, access_end, stored_end;
  uint32_t access_object, stored_object;

  uint8_t frame[TRACE_FRAME_MAX];
};

extern void trace_encoder_init (struct trace_encoder *encoder);

/* Whether any record is fit to be written for sure.  If not, take the frame
 * first.
 */
extern bool trace_encoder_room (const struct trace_encoder *encoder);
extern bool trace_encoder_empty (const struct trace_encoder *encoder);

/* Values are within the limits of record.h.  There must be room. */
extern void trace_encoder_add (struct trace_encoder *encoder,
                               const struct trace_record *record);

/* Ends the frame and starts the next.  What to write is valid until the next
 * record is added; 0 bytes if there is nothing.
 */
extern size_t trace_encoder_frame (struct trace_encoder *encoder,
                                   const uint8_t **frame);

#endif /* TIERCACHE_TRACE_ENCODE_H */
