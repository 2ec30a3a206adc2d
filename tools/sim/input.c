/* A trace file as bytes and lines: plain, gzip or Zstandard, told apart by
 * the first bytes of the file and not by its name.
 */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "input.h"

#define INPUT_BUFFER 65536

struct input
{
  char *path;
  FILE *fp;
  uint64_t file_size, consumed;
  z_stream *gzip;               /* one of these two, or neither */
  ZSTD_DStream *zstd;
  bool frame_open;              /* in the middle of a compressed frame */
  bool file_ended;
  uint8_t raw[INPUT_BUFFER];    /* as in the file */
  size_t raw_next, raw_end;
  /* Decompressed, with room in front to put the beginning back. */
  uint8_t out[INPUT_BEGINNING + INPUT_BUFFER];
  size_t out_next, out_end;
};

/* More of the file into raw, when it is used up.  0, or -1 with *e. */
static int
input_fill_raw (struct input *input, struct error *e)
{
  if (input->raw_next < input->raw_end || input->file_ended)
    return 0;
  input->raw_next = 0;
  input->raw_end = fread (input->raw, 1, sizeof input->raw, input->fp);
  input->consumed += input->raw_end;
  if (input->raw_end < sizeof input->raw) {
    if (ferror (input->fp))
      return error_set (e, errno, "%s: cannot read: %s", input->path,
                        strerror (errno));
    input->file_ended = true;
  }
  return 0;
}

static int
input_start (struct input *input, struct error *e)
{
  static const uint8_t gzip_magic[] = { 0x1f, 0x8b };
  static const uint8_t zstd_magic[] = { 0x28, 0xb5, 0x2f, 0xfd };

  if (input_fill_raw (input, e) == -1)
    return -1;
  if (input->raw_end >= 2 && !memcmp (input->raw, gzip_magic, 2)) {
    input->gzip = calloc (1, sizeof *input->gzip);
    if (input->gzip == NULL
        || inflateInit2 (input->gzip, 15 + 16) != Z_OK) {
      free (input->gzip);
      input->gzip = NULL;
      return error_set (e, ENOMEM, "%s: out of memory", input->path);
    }
  }
  else if (input->raw_end >= 4 && !memcmp (input->raw, zstd_magic, 4)) {
    input->zstd = ZSTD_createDStream ();
    if (input->zstd == NULL)
      return error_set (e, ENOMEM, "%s: out of memory", input->path);
  }
  return 0;
}

struct input *
input_open (const char *path, struct error *e)
{
  struct input *input = calloc (1, sizeof *input);
  struct stat st;

  if (input == NULL || (input->path = strdup (path)) == NULL) {
    free (input);
    error_set (e, ENOMEM, "%s: out of memory", path);
    return NULL;
  }
  input->fp = fopen (path, "rb");
  if (input->fp == NULL)
    error_set (e, errno, "%s: cannot open: %s", path, strerror (errno));
  else if (fstat (fileno (input->fp), &st) == -1)
    error_set (e, errno, "%s: cannot stat: %s", path, strerror (errno));
  else {
    input->file_size = st.st_size;
    if (input_start (input, e) == 0)
      return input;
  }
  input_close (input);
  return NULL;
}

void
input_close (struct input *input)
{
  if (input == NULL)
    return;
  if (input->fp)
    fclose (input->fp);
  if (input->gzip) {
    inflateEnd (input->gzip);
    free (input->gzip);
  }
  ZSTD_freeDStream (input->zstd);
  free (input->path);
  free (input);
}

/* One step of decompression from raw to out.  0, or -1 with *e. */
static int
input_step_gzip (struct input *input, struct error *e)
{
  z_stream *z = input->gzip;
  int r;

  if (!input->frame_open && inflateReset (z) != Z_OK)
    return error_set (e, EIO, "%s: cannot restart zlib", input->path);
  input->frame_open = true;
  z->next_in = input->raw + input->raw_next;
  z->avail_in = input->raw_end - input->raw_next;
  z->next_out = input->out + INPUT_BEGINNING;
  z->avail_out = INPUT_BUFFER;
  r = inflate (z, Z_NO_FLUSH);
  input->raw_next = input->raw_end - z->avail_in;
  input->out_end = sizeof input->out - z->avail_out;
  if (r == Z_STREAM_END)
    input->frame_open = false;
  else if (r != Z_OK && r != Z_BUF_ERROR)
    return error_set (e, EIO, "%s: not valid gzip: %s", input->path,
                      z->msg ? z->msg : "damaged");
  return 0;
}

static int
input_step_zstd (struct input *input, struct error *e)
{
  ZSTD_inBuffer in = { input->raw, input->raw_end, input->raw_next };
  ZSTD_outBuffer out = { input->out + INPUT_BEGINNING, INPUT_BUFFER, 0 };
  size_t r = ZSTD_decompressStream (input->zstd, &out, &in);

  if (ZSTD_isError (r))
    return error_set (e, EIO, "%s: not valid zstd: %s", input->path,
                      ZSTD_getErrorName (r));
  input->frame_open = r != 0;
  input->raw_next = in.pos;
  input->out_end = INPUT_BEGINNING + out.pos;
  return 0;
}

static int
input_step_plain (struct input *input)
{
  size_t n = input->raw_end - input->raw_next;

  memcpy (input->out + INPUT_BEGINNING, input->raw + input->raw_next, n);
  input->out_end = INPUT_BEGINNING + n;
  input->raw_next = input->raw_end;
  return 0;
}

/* More into out, when it is used up.  1, 0 at the end, or -1 with *e. */
static int
input_fill (struct input *input, struct error *e)
{
  int r;

  if (input->out_next < input->out_end)
    return 1;
  input->out_next = input->out_end = INPUT_BEGINNING;
  while (input->out_end == INPUT_BEGINNING) {
    bool was_ended;
    size_t before;

    if (input_fill_raw (input, e) == -1)
      return -1;
    before = input->raw_next;
    was_ended = input->raw_next == input->raw_end;
    if (was_ended && !input->frame_open)
      return 0;
    r = input->gzip ? input_step_gzip (input, e)
      : input->zstd ? input_step_zstd (input, e) : input_step_plain (input);
    if (r == -1)
      return -1;
    if (input->out_end == INPUT_BEGINNING && input->raw_next == before && was_ended) {
      if (input->frame_open)
        return error_set (e, EIO, "%s: the compressed data ends too early",
                          input->path);
      return 0;
    }
  }
  return 1;
}

ssize_t
input_read (struct input *input, void *buf, size_t count, struct error *e)
{
  size_t done = 0, n;
  int r;

  while (done < count) {
    r = input_fill (input, e);
    if (r == -1)
      return -1;
    if (r == 0)
      break;
    n = input->out_end - input->out_next;
    if (n > count - done)
      n = count - done;
    memcpy ((uint8_t *) buf + done, input->out + input->out_next, n);
    input->out_next += n;
    done += n;
  }
  return done;
}

int
input_begins (struct input *input, const void *bytes, size_t count,
              struct error *e)
{
  uint8_t head[INPUT_BEGINNING];
  ssize_t n = input_read (input, head, count, e);

  if (n == -1)
    return -1;
  /* All of the buffer that has been used is in front. */
  input->out_next -= n;
  memcpy (input->out + input->out_next, head, n);
  return n == (ssize_t) count && memcmp (head, bytes, count) == 0;
}

int
input_line (struct input *input, char *line, size_t size, struct error *e)
{
  size_t length = 0;
  int r;

  for (;;) {
    uint8_t c;

    r = input_fill (input, e);
    if (r == -1)
      return -1;
    if (r == 0 && length == 0)
      return 0;
    c = r == 0 ? '\n' : input->out[input->out_next++];
    if (c == '\n')
      break;
    if (c == '\0')
      return error_set (e, EINVAL, "a NUL byte in the line");
    if (length + 1 >= size)
      return error_set (e, EINVAL, "the line is longer than %zu bytes",
                        size - 1);
    line[length++] = c;
  }
  if (length > 0 && line[length - 1] == '\r')
    length--;
  line[length] = '\0';
  return 1;
}

unsigned
input_progress (const struct input *input)
{
  if (input->file_size == 0 || input->consumed >= input->file_size)
    return 1000;
  return input->consumed * 1000 / input->file_size;
}
