/* The checks of a trace. */

#ifndef TIERCACHE_TRACE_CHECK_H
#define TIERCACHE_TRACE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include <isa-l/crc.h>

#include "trace/record.h"
#include "util/mix.h"

static inline uint32_t
trace_check (uint32_t seed, const uint8_t *bytes, size_t count)
{
  /* Reads only, whatever its declaration says. */
  return crc32_iscsi ((unsigned char *) bytes, count, seed);
}

/* Of a frame of so many bytes of records. */
static inline uint32_t
trace_check_frame (uint64_t number, const uint8_t *frame, uint32_t length)
{
  uint32_t crc = trace_check (mix_u64 (number), frame, 4);

  return trace_check (crc, frame + 8, TRACE_FRAME_HEADER - 8 + length);
}

#endif /* TIERCACHE_TRACE_CHECK_H */
