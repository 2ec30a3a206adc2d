/* Records into the frames of a trace. */

#include <config.h>

#include <string.h>

#include "trace/check.h"
#include "trace/encode.h"
#include "cache/bytes.h"

#define MERGE_US 1000000        /* neighbours asked for within this are a run */

/* Of a record of any kind, and of both runs that may be waiting. */
#define RECORD_MAX (TRACE_IDENTITY_MAX + TRACE_VALIDATOR_MAX + 64)
#define ROOM (RECORD_MAX + 2 * 64)

void
trace_encode_header (uint8_t out[TRACE_HEADER_BYTES], uint32_t block_size,
                     uint64_t realtime_s)
{
  memset (out, 0, TRACE_HEADER_BYTES);
  memcpy (out, TRACE_MAGIC, TRACE_MAGIC_BYTES);
  bytes_put32 (out + 8, TRACE_VERSION);
  bytes_put32 (out + 12, trace_check (UINT32_MAX, out, 12));
  bytes_put32 (out + 16, block_size);
  bytes_put64 (out + 24, realtime_s);
  bytes_put32 (out + 60, trace_check (UINT32_MAX, out, 60));
}

static void
start_frame (struct trace_encoder *encoder)
{
  encoder->length = 0;
  encoder->start_us = 0;
  encoder->any_access = encoder->any_stored = false;
  encoder->access_end = encoder->stored_end = 0;
}

void
trace_encoder_init (struct trace_encoder *encoder)
{
  encoder->frames = 0;
  encoder->access.count = encoder->stored.count = 0;
  start_frame (encoder);
}

bool
trace_encoder_room (const struct trace_encoder *encoder)
{
  return encoder->length + ROOM <= TRACE_PAYLOAD_MAX;
}

bool
trace_encoder_empty (const struct trace_encoder *encoder)
{
  return encoder->length == 0 && encoder->access.count == 0
    && encoder->stored.count == 0;
}

static void
put_byte (struct trace_encoder *encoder, uint8_t byte)
{
  encoder->frame[TRACE_FRAME_HEADER + encoder->length++] = byte;
}

static void
put_varint (struct trace_encoder *encoder, uint64_t x)
{
  for (; x >= 0x80; x >>= 7)
    put_byte (encoder, x | 0x80);
  put_byte (encoder, x);
}

static void
put_signed (struct trace_encoder *encoder, uint64_t to, uint64_t from)
{
  put_varint (encoder, to >= from ? 2 * (to - from) : 2 * (from - to) - 1);
}

static void
put_string (struct trace_encoder *encoder, const char *string)
{
  size_t length = strlen (string);

  put_varint (encoder, length);
  memcpy (encoder->frame + TRACE_FRAME_HEADER + encoder->length, string,
          length);
  encoder->length += length;
}

static uint8_t
run_tag (const struct trace_record *run, bool any, uint32_t object)
{
  return run->kind
    | (any && object == run->object ? 0 : TRACE_TAG_OBJECT)
    | (run->count > 1 ? TRACE_TAG_COUNT : 0);
}

/* The run of accesses that has been growing. */
static void
put_access (struct trace_encoder *encoder)
{
  const struct trace_record *run = &encoder->access;
  uint8_t tag = run_tag (run, encoder->any_access, encoder->access_object);

  if (run->count == 0)
    return;
  if (!encoder->any_access)
    encoder->start_us = encoder->time_us = run->time_us;
  put_byte (encoder, tag | (run->hit ? TRACE_TAG_HIT : 0));
  put_signed (encoder, run->time_us, encoder->time_us);
  if (tag & TRACE_TAG_OBJECT)
    put_varint (encoder, run->object);
  put_signed (encoder, run->block, encoder->access_end);
  if (tag & TRACE_TAG_COUNT)
    put_varint (encoder, run->count - 2);
  encoder->any_access = true;
  encoder->time_us = run->time_us;
  encoder->access_object = run->object;
  encoder->access_end = run->block + run->count;
  encoder->access.count = 0;
}

static void
put_stored (struct trace_encoder *encoder)
{
  const struct trace_record *run = &encoder->stored;
  uint8_t tag = run_tag (run, encoder->any_stored, encoder->stored_object);

  if (run->count == 0)
    return;
  put_byte (encoder, tag);
  if (tag & TRACE_TAG_OBJECT)
    put_varint (encoder, run->object);
  put_signed (encoder, run->block, encoder->stored_end);
  if (tag & TRACE_TAG_COUNT)
    put_varint (encoder, run->count - 2);
  put_varint (encoder, run->cost_us);
  put_varint (encoder, run->bytes);
  encoder->any_stored = true;
  encoder->stored_object = run->object;
  encoder->stored_end = run->block + run->count;
  encoder->stored.count = 0;
}

static bool
continues (const struct trace_record *run, const struct trace_record *next)
{
  return run->count > 0 && run->object == next->object
    && run->block + run->count == next->block
    && next->count <= TRACE_RUN_MAX - run->count;
}

static void
add_access (struct trace_encoder *encoder, const struct trace_record *record)
{
  struct trace_record *run = &encoder->access;

  if (continues (run, record) && run->hit == record->hit
      && record->time_us - run->time_us <= MERGE_US) {
    run->count += record->count;
    return;
  }
  put_access (encoder);
  *run = *record;
}

static void
add_stored (struct trace_encoder *encoder, const struct trace_record *record)
{
  struct trace_record *run = &encoder->stored;

  if (continues (run, record) && run->cost_us == record->cost_us
      && run->bytes == record->bytes) {
    run->count += record->count;
    return;
  }
  put_stored (encoder);
  *run = *record;
}

void
trace_encoder_add (struct trace_encoder *encoder,
                   const struct trace_record *record)
{
  switch (record->kind) {
  case TRACE_ACCESS:
    add_access (encoder, record);
    break;
  case TRACE_STORED:
    add_stored (encoder, record);
    break;
  case TRACE_OBJECT:
    put_byte (encoder, TRACE_OBJECT);
    put_varint (encoder, record->object);
    put_varint (encoder, record->size);
    put_string (encoder, record->identity);
    put_string (encoder, record->validator);
    break;
  case TRACE_DROPPED:
    put_access (encoder);
    put_byte (encoder, TRACE_DROPPED);
    put_varint (encoder, record->dropped);
    break;
  }
}

size_t
trace_encoder_frame (struct trace_encoder *encoder, const uint8_t **frame)
{
  uint8_t *out = encoder->frame;
  size_t length;

  put_access (encoder);
  put_stored (encoder);
  length = encoder->length;
  if (length == 0)
    return 0;
  bytes_put32 (out, length);
  bytes_put64 (out + 8, encoder->start_us);
  bytes_put32 (out + 4, trace_check_frame (encoder->frames, out, length));
  encoder->frames++;
  start_frame (encoder);
  *frame = out;
  return TRACE_FRAME_HEADER + length;
}
