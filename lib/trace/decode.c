/* Reads the records of a trace. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cache/bytes.h"
#include "cache/cache.h"
#include "trace/check.h"
#include "trace/decode.h"
#include "util/minmax.h"

/* Where the records of a frame have got to. */
struct cursor
{
  size_t next, end;             /* in frame */
  uint32_t objects;             /* so far in the file */
  uint64_t time_us;
  bool any_access, any_stored;
  uint32_t access_object, stored_object;
  uint64_t access_end, stored_end;
};

struct trace_decoder
{
  trace_read_fn read;
  void *opaque;
  uint32_t block_size;
  uint64_t frames, offset, torn;
  bool ended;
  struct cursor at;
  char identity[TRACE_IDENTITY_MAX + 1], validator[TRACE_VALIDATOR_MAX + 1];
  uint8_t frame[TRACE_FRAME_MAX];
};

static int
check_header (const uint8_t *header, size_t count, struct error *e)
{
  uint32_t version = bytes_get32 (header + 8);
  uint32_t block_size = bytes_get32 (header + 16);

  if (count < TRACE_MAGIC_BYTES
      || memcmp (header, TRACE_MAGIC, TRACE_MAGIC_BYTES) != 0)
    return error_set (e, EINVAL, "not a trace recorded by tiercache");
  if (count < TRACE_HEADER_BYTES)
    return error_set (e, EINVAL, "the file ends within its header");
  if (trace_check (UINT32_MAX, header, 12) != bytes_get32 (header + 12))
    return error_set (e, EINVAL, "the header is damaged");
  if (version != TRACE_VERSION)
    return error_set (e, EINVAL, "a trace of version %" PRIu32 ", and only "
                      "version %d is known here", version, TRACE_VERSION);
  if (trace_check (UINT32_MAX, header, 60) != bytes_get32 (header + 60))
    return error_set (e, EINVAL, "the header is damaged");
  if (block_size < CACHE_BLOCK_SIZE_MIN || block_size > CACHE_BLOCK_SIZE_MAX
      || (block_size & (block_size - 1)) != 0)
    return error_set (e, EINVAL, "the header has a block size of %" PRIu32,
                      block_size);
  return 0;
}

struct trace_decoder *
trace_decoder_new (trace_read_fn read, void *opaque, struct error *e)
{
  uint8_t header[TRACE_HEADER_BYTES] = { 0 };
  struct trace_decoder *decoder;
  ssize_t n = read (opaque, header, sizeof header, e);

  if (n == -1 || check_header (header, n, e) == -1)
    return NULL;
  decoder = calloc (1, sizeof *decoder);
  if (!decoder) {
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  decoder->read = read;
  decoder->opaque = opaque;
  decoder->block_size = bytes_get32 (header + 16);
  decoder->offset = sizeof header;
  return decoder;
}

void
trace_decoder_free (struct trace_decoder *decoder)
{
  free (decoder);
}

uint32_t
trace_decoder_block_size (const struct trace_decoder *decoder)
{
  return decoder->block_size;
}

uint64_t
trace_decoder_offset (const struct trace_decoder *decoder)
{
  return decoder->offset;
}

uint64_t
trace_decoder_torn (const struct trace_decoder *decoder)
{
  return decoder->torn;
}

/* Of a record.  False: it goes on beyond the frame, or is too large. */
static bool
get_varint (struct trace_decoder *decoder, struct cursor *at, uint64_t *x)
{
  unsigned shift = 0;
  uint8_t byte;

  *x = 0;
  do {
    if (at->next == at->end)
      return false;
    byte = decoder->frame[at->next++];
    if (shift == 63 && byte > 1)
      return false;
    *x |= (uint64_t) (byte & 0x7f) << shift;
    shift += 7;
  } while (byte & 0x80);
  return true;
}

static bool
get_bounded (struct trace_decoder *decoder, struct cursor *at, uint64_t max,
             uint64_t *x)
{
  return get_varint (decoder, at, x) && *x <= max;
}

/* *x becomes another number, at most max. */
static bool
get_signed (struct trace_decoder *decoder, struct cursor *at, uint64_t max,
            uint64_t *x)
{
  uint64_t coded, by;

  if (!get_varint (decoder, at, &coded))
    return false;
  by = coded / 2 + (coded & 1);
  if (coded & 1 ? by > *x : *x > max || by > max - *x)
    return false;
  *x = coded & 1 ? *x - by : *x + by;
  return true;
}

static bool
get_string (struct trace_decoder *decoder, struct cursor *at, char *out,
            uint64_t min, uint64_t max)
{
  uint64_t length;

  if (!get_bounded (decoder, at, max, &length) || length < min
      || length > at->end - at->next
      || memchr (decoder->frame + at->next, '\0', length))
    return false;
  memcpy (out, decoder->frame + at->next, length);
  out[length] = '\0';
  at->next += length;
  return true;
}

static bool
get_object (struct trace_decoder *decoder, struct cursor *at,
            struct trace_record *record)
{
  uint64_t number;

  if (!get_bounded (decoder, at, TRACE_OBJECTS_MAX - 1, &number)
      || number != at->objects
      || !get_varint (decoder, at, &record->size)
      || !get_string (decoder, at, decoder->identity, 1, TRACE_IDENTITY_MAX)
      || !get_string (decoder, at, decoder->validator, 0,
                      TRACE_VALIDATOR_MAX))
    return false;
  at->objects++;
  record->object = number;
  record->identity = decoder->identity;
  record->validator = decoder->validator;
  return true;
}

/* Which object: what is said, or as before. */
static bool
get_which (struct trace_decoder *decoder, struct cursor *at, uint8_t tag,
           bool any, uint32_t *object, struct trace_record *record)
{
  uint64_t number;

  if (tag & TRACE_TAG_OBJECT) {
    if (!get_varint (decoder, at, &number) || number >= at->objects)
      return false;
    *object = number;
  }
  else if (!any)
    return false;
  record->object = *object;
  return true;
}

static bool
get_blocks (struct trace_decoder *decoder, struct cursor *at, uint8_t tag,
            uint64_t *end, struct trace_record *record)
{
  uint64_t more = 0;

  if (!get_signed (decoder, at, TRACE_BLOCKS_MAX - 1, end))
    return false;
  record->block = *end;
  record->count = 1;
  if (tag & TRACE_TAG_COUNT) {
    if (!get_bounded (decoder, at, TRACE_RUN_MAX - 2, &more))
      return false;
    record->count = more + 2;
  }
  *end += record->count;
  return *end <= TRACE_BLOCKS_MAX;
}

static bool
get_access (struct trace_decoder *decoder, struct cursor *at, uint8_t tag,
            struct trace_record *record)
{
  if (!get_signed (decoder, at, UINT64_MAX, &at->time_us)
      || !get_which (decoder, at, tag, at->any_access, &at->access_object,
                     record)
      || !get_blocks (decoder, at, tag, &at->access_end, record))
    return false;
  at->any_access = true;
  record->hit = tag & TRACE_TAG_HIT;
  record->time_us = at->time_us;
  return true;
}

static bool
get_stored (struct trace_decoder *decoder, struct cursor *at, uint8_t tag,
            struct trace_record *record)
{
  uint64_t cost_us, bytes;

  if (!get_which (decoder, at, tag, at->any_stored, &at->stored_object,
                  record)
      || !get_blocks (decoder, at, tag, &at->stored_end, record)
      || !get_bounded (decoder, at, UINT32_MAX, &cost_us)
      || !get_bounded (decoder, at, UINT32_MAX, &bytes))
    return false;
  at->any_stored = true;
  record->cost_us = cost_us;
  record->bytes = bytes;
  return true;
}

static bool
get_record (struct trace_decoder *decoder, struct cursor *at,
            struct trace_record *record)
{
  static const uint8_t allowed[] = {
    [TRACE_ACCESS] = TRACE_TAG_HIT | TRACE_TAG_OBJECT | TRACE_TAG_COUNT,
    [TRACE_OBJECT] = 0,
    [TRACE_STORED] = TRACE_TAG_OBJECT | TRACE_TAG_COUNT,
    [TRACE_DROPPED] = 0,
  };
  uint8_t tag = decoder->frame[at->next++];

  memset (record, 0, sizeof *record);
  record->kind = tag & TRACE_TAG_KIND;
  if (tag & ~(TRACE_TAG_KIND | allowed[record->kind]))
    return false;
  switch (record->kind) {
  case TRACE_ACCESS:
    return get_access (decoder, at, tag, record);
  case TRACE_OBJECT:
    return get_object (decoder, at, record);
  case TRACE_STORED:
    return get_stored (decoder, at, tag, record);
  case TRACE_DROPPED:
    return get_varint (decoder, at, &record->dropped);
  }
  return false;
}

/* The bytes of the frame are there: does it pass? */
static bool
frame_passes (struct trace_decoder *decoder, uint32_t length)
{
  struct cursor at = {
    .next = TRACE_FRAME_HEADER,
    .end = TRACE_FRAME_HEADER + length,
    .objects = decoder->at.objects,
    .time_us = bytes_get64 (decoder->frame + 8),
  };
  struct cursor check = at;
  struct trace_record record;

  if (trace_check_frame (decoder->frames, decoder->frame, length)
      != bytes_get32 (decoder->frame + 4))
    return false;
  while (check.next < check.end)
    if (!get_record (decoder, &check, &record))
      return false;
  decoder->at = at;
  return true;
}

/* The rest of the file, of which n bytes are in frame: a torn tail?  They may
 * be if they are the last ones (last), or if all are zero.  0, or -1 with *e.
 */
static int
read_tail (struct trace_decoder *decoder, size_t n, bool last,
           struct error *e)
{
  bool zeros = true;
  ssize_t got = n;

  decoder->ended = true;
  do {
    for (ssize_t i = 0; i < got && zeros; i++)
      zeros = decoder->frame[i] == 0;
    decoder->torn += got;
    if (!zeros && !last)
      return error_set (e, EINVAL, "frame %" PRIu64 " is damaged, and what "
                        "comes behind it can't be read", decoder->frames);
    got = decoder->read (decoder->opaque, decoder->frame,
                         sizeof decoder->frame, e);
    last = last && got == 0;
  } while (got > 0);
  return got == -1 ? -1 : 0;
}

/* The next frame.  1, 0 at the end, or -1 with *e. */
static int
read_frame (struct trace_decoder *decoder, struct error *e)
{
  uint8_t *frame = decoder->frame;
  ssize_t n = decoder->read (decoder->opaque, frame, TRACE_FRAME_HEADER, e);
  ssize_t got = 0;
  bool torn = n < TRACE_FRAME_HEADER;
  uint32_t length;

  if (n == -1)
    return -1;
  length = torn ? 0 : bytes_get32 (frame);
  if (length >= 1 && length <= TRACE_PAYLOAD_MAX) {
    torn = true;
    got = decoder->read (decoder->opaque, frame + n, length, e);
    if (got == -1)
      return -1;
    if (got == length && frame_passes (decoder, length)) {
      decoder->frames++;
      decoder->offset += TRACE_FRAME_HEADER + length;
      return 1;
    }
  }
  return read_tail (decoder, n + got, torn, e);
}

int
trace_decoder_next (struct trace_decoder *decoder,
                    struct trace_record *record, struct error *e)
{
  int r;

  while (decoder->at.next == decoder->at.end) {
    if (decoder->ended)
      return 0;
    r = read_frame (decoder, e);
    if (r != 1) {
      decoder->ended = true;
      return r;
    }
  }
  if (get_record (decoder, &decoder->at, record))
    return 1;
  return error_set (e, EINVAL, "frame %" PRIu64 " is damaged",
                    decoder->frames);
}
