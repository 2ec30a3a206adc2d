/* A trace as the accesses a cache sees: reads the formats, splits requests
 * into blocks, gives each object its stored size and the cost to fetch it.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace-reader.h"
#include "trace/record.h"
#include "util/cleanup.h"
#include "util/mix.h"

#define TRACE_HEADER "time_us,volume,op,offset,length"

/* A model of stored sizes (a quarter of the blocks do not compress) and of
 * fetch times (20 to 100 ms and 100 MB/s), by hashes of the block's number.
 */
static uint64_t
model_bytes (uint64_t id)
{
  uint64_t h = mix_u64 (id ^ UINT64_C (0x746965726361636e));

  return (h & 3) == 0 ? 65536 : 4096 * (1 + (h >> 8) % 14);
}

static uint32_t
model_cost_us (uint64_t id, uint64_t bytes)
{
  double u = (mix_u64 (id ^ 0xc057) >> 11) * 0x1p-53;
  double us = 20000 + 80000 * u * u * u + bytes / 100.0;

  return us < UINT32_MAX ? us : UINT32_MAX;
}

int
reader_append (struct reader *r, uint64_t id, uint64_t bytes, struct error *e)
{
  struct trace *trace = r->trace;
  struct access access;
  bool new;

  if (r->options->sample > 1 && mix_u64 (~id) % r->options->sample != 0)
    return 0;
  access.cost_us = TRACE_COST_US;
  if (r->options->synthetic) {
    if (r->options->block_size != TRACE_REQUEST)
      bytes = model_bytes (id);
    access.cost_us = model_cost_us (id, bytes);
  }
  access.bytes = bytes;
  if (trace->count >= (r->options->accesses_max ? r->options->accesses_max
                       : TRACE_ACCESSES_MAX))
    return error_set (e, E2BIG, "more than %llu accesses: --sample keeps one "
                      "object in so many", (unsigned long long) trace->count);
  if (trace->count == trace->allocated) {
    uint64_t n = trace->allocated ? trace->allocated * 2 : 65536;
    struct access *p = n <= SIZE_MAX / sizeof *p
      ? realloc (trace->accesses, n * sizeof *p) : NULL;

    if (p == NULL)
      return error_set (e, ENOMEM, "out of memory");
    trace->accesses = p;
    trace->allocated = n;
  }
  if (objects_number (&r->objects, id, &access.object, &new) == -1)
    return error_set (e, ENOMEM, "out of memory for distinct objects");
  if (new)
    trace->footprint += bytes;
  trace->accesses[trace->count++] = access;
  return 0;
}

void
reader_progress (struct reader *r)
{
  if (++r->requests % TRACE_PROGRESS == 0 && r->options->progress)
    r->options->progress (r->trace->name, input_progress (r->input));
}

static int
trace_request (struct reader *r, uint64_t volume, uint64_t offset,
               uint64_t length, struct error *e)
{
  uint32_t block_size = r->options->block_size;
  uint64_t first, last;

  if (length > TRACE_BYTES_MAX)
    return error_set (e, EINVAL, "length %llu is more than 2^40",
                      (unsigned long long) length);
  if (offset > INT64_MAX - length)
    return error_set (e, EINVAL, "offset %llu is too large",
                      (unsigned long long) offset);
  reader_progress (r);
  if (length == 0)
    return 0;
  if (block_size == TRACE_REQUEST)
    return reader_append (r, (volume << 50) ^ offset, length, e);
  first = offset / block_size;
  last = (offset + length - 1) / block_size;
  for (uint64_t block = first; block <= last; ++block)
    if (reader_append (r, (volume << 44) + block, block_size, e) == -1)
      return -1;
  return 0;
}

/* Digits up to end, which is passed over.  0, or -1 with *e. */
static int
trace_field (const char **p, char end, const char *what, uint64_t *value,
             struct error *e)
{
  const char *s = *p;

  *value = 0;
  if (*s < '0' || *s > '9')
    return error_set (e, EINVAL, "%s is not a number", what);
  for (; *s >= '0' && *s <= '9'; ++s)
    if (__builtin_mul_overflow (*value, 10, value)
        || __builtin_add_overflow (*value, *s - '0', value))
      return error_set (e, EINVAL, "%s is too large", what);
  if (*s != end)
    return error_set (e, EINVAL, "%s does not end where it should", what);
  *p = end ? s + 1 : s;
  return 0;
}

static int
trace_csv_line (struct reader *r, const char *line, struct error *e)
{
  uint64_t time_us, volume, offset, length;

  if (trace_field (&line, ',', "time_us", &time_us, e) == -1
      || trace_field (&line, ',', "volume", &volume, e) == -1)
    return -1;
  if (strchr ("RW", line[0]) == NULL || line[0] == '\0' || line[1] != ',')
    return error_set (e, EINVAL, "op is neither R nor W");
  line += 2;
  if (trace_field (&line, ',', "offset", &offset, e) == -1
      || trace_field (&line, '\0', "length", &length, e) == -1)
    return -1;
  return trace_request (r, volume, offset, length, e);
}

/* One block number a line: every block is as large as the option says.  (The
 * traces of the LIRS paper are such; a line with a star ends a phase.)
 */
static int
trace_number_line (struct reader *r, const char *line, struct error *e)
{
  uint64_t block;

  if (strcmp (line, "*") == 0)
    return 0;
  if (trace_field (&line, '\0', "the block number", &block, e) == -1)
    return -1;
  return reader_append (r, block, r->options->block_size == TRACE_REQUEST
                       ? 65536 : r->options->block_size, e);
}

static int
trace_lines (struct reader *r, struct error *e)
{
  struct error why;
  uint64_t number = 0;
  bool csv = false;
  char line[256];
  int ret;

  while ((ret = input_line (r->input, line, sizeof line, &why)) == 1) {
    if (number++ == 0 && strcmp (line, TRACE_HEADER) == 0) {
      csv = true;
      continue;
    }
    if (number == 1)
      csv = strchr (line, ',') != NULL;
    ret = csv ? trace_csv_line (r, line, &why)
      : trace_number_line (r, line, &why);
    if (ret == -1)
      return error_set (e, why.errnum, "%s: line %llu: %s", r->path,
                        (unsigned long long) number, why.text);
  }
  if (ret == -1)
    return error_set (e, why.errnum, "%s: line %llu: %s", r->path,
                      (unsigned long long) number + 1, why.text);
  return 0;
}

static uint64_t
trace_le (const uint8_t *p, unsigned bytes)
{
  uint64_t value = 0;

  while (bytes-- > 0)
    value = value << 8 | p[bytes];
  return value;
}

/* libCacheSim's oracleGeneral: time (4 bytes), object (8), size (4), next
 * access (8), little-endian.  It knows objects and no offsets, so its objects
 * are not split.
 */
static int
trace_oracle (struct reader *r, struct error *e)
{
  uint64_t number = 0, bytes;
  uint8_t record[24];
  struct error why;
  ssize_t n;

  while ((n = input_read (r->input, record, sizeof record, &why)) > 0) {
    number++;
    if (n < (ssize_t) sizeof record)
      return error_set (e, EINVAL,
                        "%s: record %llu: the file ends within the record",
                        r->path, (unsigned long long) number);
    reader_progress (r);
    bytes = trace_le (record + 12, 4);
    if (bytes > 0
        && reader_append (r, trace_le (record + 4, 8), bytes, &why) == -1)
      return error_set (e, why.errnum, "%s: record %llu: %s", r->path,
                        (unsigned long long) number, why.text);
  }
  if (n == -1)
    return error_set (e, why.errnum, "%s", why.text);
  return 0;
}

/* NULL when out of memory. */
static char *
trace_name (const char *path)
{
  static const char *const endings[] = { ".zst", ".gz", ".csv", ".trace",
                                         ".oracleGeneral" };
  const char *slash = strrchr (path, '/');
  char *name = strdup (slash ? slash + 1 : path);

  for (unsigned i = 0; name && i < sizeof endings / sizeof endings[0]; ++i) {
    size_t length = strlen (name), cut = strlen (endings[i]);

    if (length > cut && strcmp (name + length - cut, endings[i]) == 0)
      name[length - cut] = '\0';
  }
  return name;
}

static int
trace_read (struct reader *r, struct error *e)
{
  const char *slash = strrchr (r->path, '/');
  int recorded = input_begins (r->input, TRACE_MAGIC, TRACE_MAGIC_BYTES, e);

  return recorded == -1 ? -1
    : recorded ? reader_recorded (r, e)
    : strstr (slash ? slash : r->path, "oracleGeneral") ? trace_oracle (r, e)
    : trace_lines (r, e);
}

int
trace_load (struct trace *trace, const char *path,
            const struct trace_options *options, struct error *e)
{
  struct reader r = { .trace = trace, .options = options, .path = path };
  int ret;

  memset (trace, 0, sizeof *trace);
  trace->block_size = options->block_size;
  trace->name = trace_name (path);
  if (trace->name == NULL)
    return error_set (e, ENOMEM, "%s: out of memory", path);
  r.input = input_open (path, e);
  if (r.input == NULL) {
    trace_free (trace);
    return -1;
  }
  ret = trace_read (&r, e);
  trace->objects = r.objects.count;
  objects_free (&r.objects);
  input_close (r.input);
  if (ret == 0 && trace->count == 0)
    ret = error_set (e, EINVAL, "%s: there are no accesses in it", path);
  if (ret == -1)
    trace_free (trace);
  return ret;
}

void
trace_free (struct trace *trace)
{
  free (trace->name);
  free (trace->accesses);
  memset (trace, 0, sizeof *trace);
}
