/* libFuzzer: the reader of recorded traces.
 *
 * The first byte says how the rest is taken: as a whole file; as what follows
 * a header; or as the records of frames whose checks are right, a zero byte
 * and a length before each, so that what is behind the checks is reached.
 * Whatever comes out is within the bounds of record.h.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "cache/bytes.h"
#include "trace/check.h"
#include "trace/decode.h"
#include "trace/encode.h"

extern int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

struct file
{
  uint8_t *bytes;
  size_t size, next;
};

static ssize_t
read_file (void *opaque, void *buf, size_t count, struct error *e)
{
  struct file *file = opaque;
  size_t n = file->size - file->next < count ? file->size - file->next
    : count;

  (void) e;
  memcpy (buf, file->bytes + file->next, n);
  file->next += n;
  return n;
}

static void
require (int ok)
{
  if (!ok)
    abort ();
}

static void
append (struct file *file, const void *bytes, size_t count)
{
  file->bytes = realloc (file->bytes, file->size + count + 1);
  require (file->bytes != NULL);
  memcpy (file->bytes + file->size, bytes, count);
  file->size += count;
}

static void
append_frames (struct file *file, const uint8_t *data, size_t size)
{
  static uint8_t frame[TRACE_FRAME_HEADER + 256];

  for (uint64_t number = 0; size > 1; number++) {
    size_t n = data[0] + 1 < size ? data[0] + 1 : size - 1;

    bytes_put32 (frame, n);
    bytes_put64 (frame + 8, number * 1000);
    memcpy (frame + TRACE_FRAME_HEADER, data + 1, n);
    bytes_put32 (frame + 4, trace_check_frame (number, frame, n));
    append (file, frame, TRACE_FRAME_HEADER + n);
    data += n + 1;
    size -= n + 1;
  }
}

static void
check_record (const struct trace_record *record, uint32_t *objects)
{
  if (record->kind == TRACE_DROPPED)
    return;
  if (record->kind == TRACE_OBJECT) {
    require (record->object == (*objects)++);
    require (*objects <= TRACE_OBJECTS_MAX);
    require (strlen (record->identity) >= 1);
    require (strlen (record->identity) <= TRACE_IDENTITY_MAX);
    require (strlen (record->validator) <= TRACE_VALIDATOR_MAX);
    return;
  }
  require (record->object < *objects);
  require (record->count >= 1 && record->count <= TRACE_RUN_MAX);
  require (record->block < TRACE_BLOCKS_MAX);
  require (record->block + record->count <= TRACE_BLOCKS_MAX);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct file file = { NULL, 0, 0 };
  uint8_t header[TRACE_HEADER_BYTES];
  struct trace_decoder *decoder;
  struct trace_record record;
  uint32_t objects = 0;
  struct error e;
  int r;

  if (size == 0)
    return 0;
  trace_encode_header (header, 65536, 1);
  if (data[0] % 3 > 0)
    append (&file, header, sizeof header);
  if (data[0] % 3 == 2)
    append_frames (&file, data + 1, size - 1);
  else
    append (&file, data + 1, size - 1);
  decoder = trace_decoder_new (read_file, &file, &e);
  if (decoder) {
    while ((r = trace_decoder_next (decoder, &record, &e)) == 1)
      check_record (&record, &objects);
    require (trace_decoder_offset (decoder) <= file.size);
    if (r == 0)
      require (trace_decoder_offset (decoder) + trace_decoder_torn (decoder)
               == file.size);
  }
  if (!decoder || r == -1)
    require (e.errnum > 0 && strlen (e.text) > 5);
  trace_decoder_free (decoder);
  free (file.bytes);
  return 0;
}
