/* Traces: what is encoded is decoded; what is cut off or damaged is never
 * taken for anything else than it was.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/bytes.h"
#include "trace/check.h"
#include "trace/decode.h"
#include "trace/encode.h"
#include "util/mix.h"

#define BLOCK 65536u

/* A file in memory. */
struct file
{
  uint8_t *bytes;
  size_t size, next;
  bool fails;
};

static ssize_t
read_file (void *opaque, void *buf, size_t count, struct error *e)
{
  struct file *file = opaque;
  size_t n = file->size - file->next;

  if (file->fails)
    return error_set (e, EIO, "the disk fails");
  if (n > count)
    n = count;
  if (n > 0)
    memcpy (buf, file->bytes + file->next, n);
  file->next += n;
  return n;
}

static void
append (struct file *file, const void *bytes, size_t count)
{
  file->bytes = realloc (file->bytes, file->size + count);
  assert_non_null (file->bytes);
  memcpy (file->bytes + file->size, bytes, count);
  file->size += count;
}

static void
append_frame (struct file *file, struct trace_encoder *encoder)
{
  const uint8_t *frame;
  size_t count = trace_encoder_frame (encoder, &frame);

  if (count > 0)
    append (file, frame, count);
}

static void
append_header (struct file *file)
{
  uint8_t header[TRACE_HEADER_BYTES];

  trace_encode_header (header, BLOCK, 1234);
  append (file, header, sizeof header);
}

static const struct trace_record object_0 = {
  .kind = TRACE_OBJECT, .size = 1 << 30, .identity = "file:/image",
  .validator = "v1"
};

static struct trace_record
access_to (uint64_t block, uint32_t count, bool hit, uint64_t time_us)
{
  return (struct trace_record) {
    .kind = TRACE_ACCESS, .block = block, .count = count, .hit = hit,
    .time_us = time_us
  };
}

/* Record i of a trace that has everything in it. */
static struct trace_record
mixed (unsigned i)
{
  uint64_t h = mix_u64 (i);
  struct trace_record record = {
    .kind = i < 3 ? TRACE_OBJECT : h % 8 < 6 ? TRACE_ACCESS
      : h % 8 == 6 ? TRACE_STORED : TRACE_DROPPED,
  };

  switch (record.kind) {
  case TRACE_OBJECT:
    record.object = i;
    record.size = h;
    record.identity = i == 0 ? "one" : i == 1 ? "a second" : "3";
    record.validator = i == 2 ? "" : "\"tag\"";
    break;
  case TRACE_ACCESS:
    record.hit = h >> 8 & 1;
    record.time_us = 1000 * i - (h >> 9) % 3000 * (i > 5);
    /* fallthrough */
  case TRACE_STORED:
    record.object = (h >> 16) % 3;
    record.count = (h >> 20) % 4 == 0 ? 1 + (h >> 24) % TRACE_RUN_MAX : 1;
    record.block = i % 17 == 0 ? TRACE_BLOCKS_MAX - record.count
      : (h >> 30) % 10000;
    if (record.kind == TRACE_STORED) {
      record.cost_us = i % 5 == 0 ? UINT32_MAX : h >> 33;
      record.bytes = (h >> 40) % 65537;
    }
    break;
  case TRACE_DROPPED:
    record.dropped = h;
    break;
  }
  return record;
}

#define MIXED 3000u

static void
encode_mixed (struct file *file, unsigned flush_every)
{
  struct trace_encoder *encoder = malloc (sizeof *encoder);

  assert_non_null (encoder);
  trace_encoder_init (encoder);
  append_header (file);
  for (unsigned i = 0; i < MIXED; i++) {
    struct trace_record record = mixed (i);

    if (!trace_encoder_room (encoder) || i % flush_every == flush_every - 1)
      append_frame (file, encoder);
    trace_encoder_add (encoder, &record);
  }
  append_frame (file, encoder);
  assert_true (trace_encoder_empty (encoder));
  free (encoder);
}

/* Runs of accesses and of stored blocks wait for what continues them, so the
 * order is kept among each kind only.
 */
struct expect
{
  unsigned next[4];             /* of mixed, by kind */
};

static struct trace_record
next_mixed (struct expect *expect, enum trace_kind kind)
{
  for (;;) {
    struct trace_record record;

    assert_true (expect->next[kind] < MIXED);
    record = mixed (expect->next[kind]++);
    if (record.kind == kind)
      return record;
  }
}

static void
assert_same (const struct trace_record *a, const struct trace_record *b)
{
  assert_int_equal (a->kind, b->kind);
  assert_int_equal (a->object, b->object);
  assert_int_equal (a->block, b->block);
  assert_int_equal (a->count, b->count);
  assert_int_equal (a->hit, b->hit);
  assert_int_equal (a->time_us, b->time_us);
  assert_int_equal (a->cost_us, b->cost_us);
  assert_int_equal (a->bytes, b->bytes);
  assert_int_equal (a->dropped, b->dropped);
  if (a->kind == TRACE_OBJECT) {
    assert_int_equal (a->size, b->size);
    assert_string_equal (a->identity, b->identity);
    assert_string_equal (a->validator, b->validator);
  }
}

/* Decodes what is a beginning of the mixed trace.  How many records. */
static unsigned
decode_mixed (struct file *file, int *r, struct error *e)
{
  struct trace_decoder *decoder;
  struct trace_record record, want;
  struct expect expect = { { 0 } };
  unsigned n = 0;

  file->next = 0;
  decoder = trace_decoder_new (read_file, file, e);
  if (!decoder) {
    *r = -1;
    return 0;
  }
  assert_int_equal (trace_decoder_block_size (decoder), BLOCK);
  while ((*r = trace_decoder_next (decoder, &record, e)) == 1) {
    want = next_mixed (&expect, record.kind);
    assert_same (&record, &want);
    n++;
  }
  if (*r == 0)
    assert_int_equal (trace_decoder_offset (decoder)
                      + trace_decoder_torn (decoder), file->size);
  trace_decoder_free (decoder);
  return n;
}

static void
test_round_trip (void **state)
{
  struct file file = { .bytes = NULL };
  struct error e;
  int r;

  (void) state;
  encode_mixed (&file, 500);
  assert_int_equal (decode_mixed (&file, &r, &e), MIXED);
  assert_int_equal (r, 0);
  free (file.bytes);
}

/* docs/tiercache-trace-format.pod, by hand. */
static void
test_bytes (void **state)
{
  static const uint8_t records[] = {
    1, 0, 0x80, 0x80, 0x80, 0x80, 4, 11, 'f', 'i', 'l', 'e', ':', '/', 'i',
    'm', 'a', 'g', 'e', 2, 'v', '1',
    0x18, 0, 0, 10, 1,          /* object 0, block 5, 3 blocks */
    0x04, 20, 3,                /* a hit, 10 us later, 2 blocks back */
    0x0a, 0, 20, 0xac, 2, 0x80, 0x20,   /* stored: block 10, 300 us, 4096 */
  };
  struct trace_record record[] = {
    object_0, access_to (5, 1, false, 1000), access_to (6, 2, false, 1001),
    access_to (6, 1, true, 1010),
    { .kind = TRACE_STORED, .block = 10, .count = 1, .cost_us = 300,
      .bytes = 4096 },
  };
  struct trace_encoder *encoder = malloc (sizeof *encoder);
  const uint8_t *frame;

  (void) state;
  assert_non_null (encoder);
  trace_encoder_init (encoder);
  for (unsigned i = 0; i < sizeof record / sizeof *record; i++)
    trace_encoder_add (encoder, &record[i]);
  assert_int_equal (trace_encoder_frame (encoder, &frame),
                    16 + sizeof records);
  assert_int_equal (bytes_get32 (frame), sizeof records);
  assert_int_equal (bytes_get32 (frame + 4),
                    trace_check_frame (0, frame, sizeof records));
  assert_int_equal (bytes_get64 (frame + 8), 1000);
  assert_memory_equal (frame + 16, records, sizeof records);
  free (encoder);
}

/* Wherever it ends, that is no error, and what is whole is there. */
static void
test_cut (void **state)
{
  struct file file = { .bytes = NULL };
  size_t size, step = 1;
  unsigned last = 0, n;
  struct error e;
  int r;

  (void) state;
  encode_mixed (&file, 100);
  size = file.size;
  for (file.size = 0; file.size <= size; file.size += step) {
    n = decode_mixed (&file, &r, &e);
    if (file.size < TRACE_HEADER_BYTES) {
      assert_int_equal (r, -1);
      assert_int_equal (e.errnum, EINVAL);
      continue;
    }
    assert_int_equal (r, 0);
    assert_true (n >= last);
    last = n;
    step = file.size < 3000 ? 1 : 37;
  }
  file.size = size;
  assert_int_equal (decode_mixed (&file, &r, &e), MIXED);
  free (file.bytes);
}

/* A power loss can leave zeros at the end, of any length. */
static void
test_zero_tail (void **state)
{
  static const uint8_t zeros[200000];
  struct file file = { .bytes = NULL };
  struct error e;
  int r;

  (void) state;
  encode_mixed (&file, 100);
  append (&file, zeros, sizeof zeros);
  assert_int_equal (decode_mixed (&file, &r, &e), MIXED);
  assert_int_equal (r, 0);
  append (&file, "x", 1);
  assert_int_equal (decode_mixed (&file, &r, &e), MIXED);
  assert_int_equal (r, -1);
  free (file.bytes);
}

/* One bit of any byte: an error or a torn tail, and no record is wrong (which
 * decode_mixed asserts).
 */
static void
test_flipped (void **state)
{
  struct file file = { .bytes = NULL };
  unsigned errors = 0;
  struct error e;
  int r;

  (void) state;
  encode_mixed (&file, 100);
  for (size_t i = 0; i < file.size; i += i < 2000 ? 1 : 29) {
    file.bytes[i] ^= 1 << i % 8;
    assert_true (decode_mixed (&file, &r, &e) < MIXED);
    if (i < TRACE_HEADER_BYTES)
      assert_int_equal (r, -1);
    errors += r == -1;
    file.bytes[i] ^= 1 << i % 8;
  }
  assert_true (errors > 100);
  free (file.bytes);
}

static void
assert_refused (struct file *file, const char *words)
{
  struct error e;

  file->next = 0;
  assert_null (trace_decoder_new (read_file, file, &e));
  if (!strstr (e.text, words))
    fail_msg ("\"%s\" does not say \"%s\"", e.text, words);
}

static void
test_header (void **state)
{
  struct file file = { .bytes = NULL };

  (void) state;
  assert_refused (&file, "not a trace");
  append_header (&file);
  file.size = 20;
  assert_refused (&file, "ends within its header");
  file.size = TRACE_HEADER_BYTES;
  file.fails = true;
  assert_refused (&file, "the disk fails");
  file.fails = false;

  bytes_put32 (file.bytes + 8, 77);
  assert_refused (&file, "damaged");
  bytes_put32 (file.bytes + 12, trace_check (UINT32_MAX, file.bytes, 12));
  assert_refused (&file, "version 77");
  free (file.bytes);

  file = (struct file) { .bytes = NULL };
  append_header (&file);
  bytes_put32 (file.bytes + 16, 5000);
  bytes_put32 (file.bytes + 60, trace_check (UINT32_MAX, file.bytes, 60));
  assert_refused (&file, "block size of 5000");
  file.bytes[0] = 'X';
  assert_refused (&file, "not a trace");
  free (file.bytes);
}

/* Records that no encoder makes, in frames whose check is right. */
static void
test_hostile_records (void **state)
{
#define BAD(...) { sizeof ((uint8_t[]) { __VA_ARGS__ }), { __VA_ARGS__ } }
#define OBJECT 1, 0, 1, 1, 'x', 0
  static const struct { size_t size; uint8_t bytes[40]; } bad[] = {
    BAD (0x20), BAD (0x05, 0, 1, 1, 'x', 0),    /* bits that must be zero */
    BAD (0x08, 0, 0, 0),                        /* no such object */
    BAD (OBJECT, 0x08, 0, 1, 0),
    BAD (OBJECT, 0x00, 0, 0),                   /* of what object? */
    BAD (OBJECT, 0x08, 0, 0, 1),                /* block -1 */
    BAD (OBJECT, 0x08, 1, 0, 0),                /* time -1 */
    BAD (OBJECT, 0x08, 0, 0),                   /* cut off */
    BAD (OBJECT, 0x08, 0, 0, 0x80),
    BAD (OBJECT, 0x18, 0, 0, 0, 0xff, 0xff, 3), /* 65537 blocks */
    BAD (OBJECT, 0x08, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0x02),                           /* more than 64 bits */
    BAD (OBJECT, 0x08, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10),
    BAD (OBJECT, 0x0a, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x10, 0),
    BAD (1, 1, 1, 1, 'x', 0),                   /* not the next number */
    BAD (1, 0, 1, 0, 0), BAD (1, 0, 1, 2, 'x', 0), BAD (1, 0, 1, 1, 0, 0),
    BAD (1, 0, 1, 0x81, 0x20, 'x', 0), BAD (OBJECT, OBJECT), BAD (3),
  };

  (void) state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct file file = { .bytes = NULL };
    uint8_t frame[TRACE_FRAME_HEADER + 40] = { 0 };
    struct trace_decoder *decoder;
    struct trace_record record;
    struct error e;

    append_header (&file);
    bytes_put32 (frame, bad[i].size);
    memcpy (frame + TRACE_FRAME_HEADER, bad[i].bytes, bad[i].size);
    bytes_put32 (frame + 4, trace_check_frame (0, frame, bad[i].size));
    append (&file, frame, TRACE_FRAME_HEADER + bad[i].size);
    append (&file, "more", 4);
    decoder = trace_decoder_new (read_file, &file, &e);
    assert_non_null (decoder);
    if (trace_decoder_next (decoder, &record, &e) != -1)
      fail_msg ("bad record %zu was taken", i);
    assert_int_equal (trace_decoder_next (decoder, &record, &e), 0);
    trace_decoder_free (decoder);
    free (file.bytes);
  }
}

/* A few bytes for a random access, and hardly any for those of a run. */
static void
test_compact (void **state)
{
  struct trace_encoder *encoder = malloc (sizeof *encoder);
  struct trace_record record;
  struct file file = { .bytes = NULL };

  (void) state;
  assert_non_null (encoder);
  trace_encoder_init (encoder);
  trace_encoder_add (encoder, &object_0);
  for (unsigned i = 0; i < 10000; i++) {
    record = access_to (mix_u64 (i) % 16384, 1, true, 10 * i);
    if (!trace_encoder_room (encoder))
      append_frame (&file, encoder);
    trace_encoder_add (encoder, &record);
  }
  append_frame (&file, encoder);
  assert_true (file.size < 5 * 10000);

  file.size = 0;
  for (unsigned i = 0; i < 10000; i++) {
    record = access_to (i, 1, false, 100 * i);
    trace_encoder_add (encoder, &record);
  }
  append_frame (&file, encoder);
  assert_true (file.size < 40);
  free (file.bytes);
  free (encoder);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_round_trip),
    cmocka_unit_test (test_bytes),
    cmocka_unit_test (test_cut),
    cmocka_unit_test (test_zero_tail),
    cmocka_unit_test (test_flipped),
    cmocka_unit_test (test_header),
    cmocka_unit_test (test_hostile_records),
    cmocka_unit_test (test_compact),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
