/* What a trace is made of: docs/tiercache-trace-format.pod, to the byte. */

#ifndef TIERCACHE_TRACE_RECORD_H
#define TIERCACHE_TRACE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define TRACE_MAGIC "tcTrace"           /* with its final zero byte */
#define TRACE_MAGIC_BYTES 8
#define TRACE_VERSION 1
#define TRACE_HEADER_BYTES 64
#define TRACE_FRAME_HEADER 16
#define TRACE_PAYLOAD_MAX 65536u
#define TRACE_FRAME_MAX (TRACE_FRAME_HEADER + TRACE_PAYLOAD_MAX)
#define TRACE_OBJECTS_MAX 4096u
#define TRACE_RUN_MAX 65536u            /* blocks */
#define TRACE_BLOCKS_MAX (UINT64_C (1) << 52)
#define TRACE_IDENTITY_MAX 4096u
#define TRACE_VALIDATOR_MAX 512u

enum trace_kind
{
  TRACE_ACCESS,
  TRACE_OBJECT,
  TRACE_STORED,
  TRACE_DROPPED,
};

/* The bits of a tag. */
#define TRACE_TAG_KIND 3u
#define TRACE_TAG_HIT 4u
#define TRACE_TAG_OBJECT 8u
#define TRACE_TAG_COUNT 16u

struct trace_record
{
  enum trace_kind kind;
  uint32_t object;              /* all but DROPPED */

  /* ACCESS and STORED: a run of blocks. */
  uint64_t block;
  uint32_t count;

  /* ACCESS */
  bool hit;
  uint64_t time_us;             /* since the recording began */

  /* STORED */
  uint32_t cost_us, bytes;      /* of each block */

  /* OBJECT */
  uint64_t size;
  const char *identity, *validator;     /* valid until the next record */

  uint64_t dropped;             /* DROPPED */
};

#endif /* TIERCACHE_TRACE_RECORD_H */
