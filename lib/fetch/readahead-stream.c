/* One stream that is read ahead of: its coordinates, its window, and what
 * it asks for.
 */

#include <config.h>

#include "fetch/readahead-stream.h"
#include "util/minmax.h"

#define REQUEST 1048576u        /* bytes: what one request fetches at best */

/* Where much is cached, what is fetched lies far apart in small ranges: each
 * of them is a request, and nobody looks further than some windows ahead.
 */
#define PIECES (128 * PIECE)
#define PIECE 1048576u          /* counts as one */
#define FAR 8
#define LOOK 512                /* blocks looked at behind each other */

/* The image's length in whole blocks: mirroring there keeps alignment. */
static uint64_t
mirror_at (const struct stream_limits *limits)
{
  return stream_round_up (limits, limits->size);
}

/* Who was read for longer before it was seen gets more at once. */
static void
start_at (struct stream *stream, const struct stream_limits *limits,
          uint64_t high, uint64_t progress)
{
  stream->open = true;
  stream->high = stream->issued = stream->base = high;
  stream->window = limits->window_min;
  while (stream->window <= progress / 8
         && stream->window <= limits->window_max / 2)
    stream->window *= 2;
  stream->progress = progress;
}

void
stream_start (struct stream *stream, const struct stream_limits *limits,
              uint64_t start, uint64_t end, bool mirrored)
{
  *stream = (struct stream) { .mirrored = mirrored };
  start_at (stream, limits, mirrored ? mirror_at (limits) - start : end,
            end - start);
}

void
stream_start_strided (struct stream *stream,
                      const struct stream_limits *limits,
                      uint64_t start, uint64_t end, uint64_t stride,
                      unsigned count, bool mirrored)
{
  *stream = (struct stream) {
    .mirrored = mirrored,
    .origin = mirrored ? mirror_at (limits) - end : start,
    .stride = stride,
    .piece = end - start,
  };
  start_at (stream, limits, count * stream->piece, count * stream->piece);
}

bool
stream_locate (const struct stream *stream,
               const struct stream_limits *limits,
               uint64_t start, uint64_t end, struct stream_range *at)
{
  uint64_t low = start, count = end - start, number, within;

  if (stream->mirrored)
    low = mirror_at (limits) - end;
  if (stream->stride > 0) {
    if (low < stream->origin)
      return false;
    number = (low - stream->origin) / stream->stride;
    within = (low - stream->origin) % stream->stride;
    if (within + count > stream->piece)
      return false;
    low = number * stream->piece + within;
  }
  at->start = low;
  at->end = low + count;
  return true;
}

/* How far from each other reads of this reader arrive. */
static uint64_t
reach (const struct stream *stream, const struct stream_limits *limits,
       const struct stream_range *at)
{
  uint64_t largest = max_u64 (at->end - at->start, stream->largest);

  return max_u64 (STREAM_DEPTH * largest, 2 * limits->window_min);
}

bool
stream_is_near (const struct stream *stream,
                const struct stream_limits *limits,
                const struct stream_range *at)
{
  uint64_t distance = reach (stream, limits, at);

  return at->end + distance > stream->high
    && at->start <= stream->high + distance;
}

/* Bytes asked for or looked at that the reader has not come to. */
static uint64_t
ahead (const struct stream *stream)
{
  return stream->issued > stream->high ? stream->issued - stream->high : 0;
}

static bool
has (const struct stream_limits *limits, uint64_t block)
{
  return limits->has && limits->has (limits->opaque, block);
}

bool
stream_is_cached (const struct stream_limits *limits, uint64_t start,
                  uint64_t end)
{
  uint64_t block = start / limits->block_size;

  if (end - start > LOOK * limits->block_size)
    return false;
  while (block * limits->block_size < end && has (limits, block))
    block++;
  return block * limits->block_size >= end;
}

/* The object's block at a place of a stream that has no pieces. */
static uint64_t
block_at (const struct stream *stream, const struct stream_limits *limits,
          uint64_t x)
{
  uint64_t block = x / limits->block_size;

  return stream->mirrored
    ? mirror_at (limits) / limits->block_size - 1 - block : block;
}

/* How much of [start, end) is cached, as far as that is looked at. */
static uint64_t
cached_within (const struct stream *stream,
               const struct stream_limits *limits, uint64_t start,
               uint64_t end)
{
  uint64_t x = stream_round_up (limits, start), bytes = 0;
  uint64_t last = min_u64 (end, mirror_at (limits));

  if (stream->stride > 0)
    return 0;
  for (unsigned n = 0; n < LOOK && x < last; n++, x += limits->block_size)
    if (has (limits, block_at (stream, limits, x)))
      bytes += min_u64 (limits->block_size, last - x);
  return bytes;
}

/* part of whole, of what is spread evenly over it. */
static uint64_t
share (uint64_t of, uint64_t part, uint64_t whole)
{
  return (unsigned __int128) of * part / whole;
}

/* The reader is at high now.  What was asked for lies ahead as evenly as it
 * is cached: nobody remembers of each block whether it was.
 */
static void
move_to (struct stream *stream, const struct stream_limits *limits,
         uint64_t high, uint64_t read_from)
{
  uint64_t left = ahead (stream), by = min_u64 (left, high - stream->high);

  if (by > 0) {
    uint64_t fetched = share (stream->fetched, by, left);

    stream->cached += by - fetched;
    stream->fetched -= fetched;
    stream->pieces -= share (stream->pieces, by, left);
  }
  if (read_from > stream->high + by)
    stream->cached += cached_within (stream, limits, stream->high + by,
                                     read_from);
  stream->high = high;
}

/* What was passed and not read may still be on its way to being read: half of
 * what was read is forgiven.
 */
static void
forgive (struct stream *stream)
{
  uint64_t kept = stream->fetched + stream->seen / 2;

  if (stream->unused > kept)
    stream->wasted += stream->unused - kept;
  stream->unused = stream->fetched;
}

/* Doubles when a good part of what is passed is read or cached, and the
 * reader does get on.  Shrinks when clearly less is, but for what a deep
 * queue's reads may still fill.
 */
static void
adapt (struct stream *stream, const struct stream_limits *limits,
       uint64_t distance)
{
  uint64_t passed = stream->high - stream->base;
  uint64_t missed = passed - min_u64 (passed, stream->cached);

  if (stream->seen >= stream->window
      && stream->seen >= missed / 8 * 3 && passed >= stream->seen / 8) {
    stream->window = min_u64 (2 * stream->window, limits->window_max);
    forgive (stream);
  }
  else if (missed / 16 * 5 > stream->seen + distance / 16 * 5) {
    stream->window = stream_round_up (limits, stream->window / 2);
    stream->open = stream->window >= limits->window_min;
  }
  else
    return;
  stream->base = stream->high;
  stream->seen = stream->cached = 0;
}

/* How much of a read is new.  Of what is ahead of the reader, whole blocks:
 * once they are here, small reads of them are hits and are not noted.  Of
 * what is behind, only itself: it may be noted often while in flight.
 */
static uint64_t
news (const struct stream *stream, const struct stream_limits *limits,
      const struct stream_range *at)
{
  uint64_t start = stream_round_down (limits, at->start);
  uint64_t end = stream_round_up (limits, at->end);
  uint64_t high = stream_round_up (limits, stream->high);
  uint64_t bytes = 0;

  if (end > high)
    bytes += end - max_u64 (start, high);
  if (at->start < high)
    bytes += min_u64 (at->end, high) - at->start;
  return bytes;
}

uint64_t
stream_advance (struct stream *stream, const struct stream_limits *limits,
                const struct stream_range *at)
{
  uint64_t bytes = news (stream, limits, at), used = 0;
  uint64_t high = max_u64 (stream->high, at->end);

  move_to (stream, limits, high, at->start);
  if (stream->issued > at->start)
    used = min_u64 (min_u64 (bytes, stream->unused),
                    stream->issued - at->start);
  stream->used += used;
  stream->unused -= used;
  stream->seen += bytes;
  stream->progress += bytes;
  stream->largest = max_u64 (stream->largest, at->end - at->start);
  adapt (stream, limits, reach (stream, limits, at));
  return used;
}

void
stream_skip (struct stream *stream, const struct stream_limits *limits,
             const struct stream_range *at)
{
  move_to (stream, limits, at->end, at->end);
  stream->base = at->end;
  stream->seen = stream->cached = 0;
  stream->unused = stream->fetched;
  stream->progress += at->end - at->start;
}

/* The range of the object, in whole blocks, cut at its end; false if there
 * is nothing left of it.
 */
static bool
to_object (const struct stream *stream, const struct stream_limits *limits,
           uint64_t start, uint64_t end, struct readahead_range *out)
{
  uint64_t top = mirror_at (limits), low = start;

  if (start >= top)
    return false;
  end = min_u64 (end, top);
  if (stream->mirrored) {
    low = top - end;
    end = top - start;
  }
  low = stream_round_down (limits, low);
  end = min_u64 (stream_round_up (limits, end), limits->size);
  if (low >= end)
    return false;
  out->offset = low;
  out->count = end - low;
  return true;
}

/* In steps, so that requests are large; the end of a piece is one too. */
static size_t
issue_pieces (struct stream *stream, const struct stream_limits *limits,
              uint64_t end, uint64_t step,
              struct readahead_range *out, size_t most)
{
  uint64_t piece = stream->piece, start, within, count;
  size_t n;

  for (n = 0; n < most && stream->issued < end; n++) {
    within = stream->issued % piece;
    count = min_u64 (piece - within, end - stream->issued);
    if (within + count < piece)
      count -= count % step;
    start = stream->origin + stream->issued / piece * stream->stride + within;
    if (count == 0
        || !to_object (stream, limits, start, start + count, &out[n]))
      break;
    stream->issued += count;
    stream->fetched += count;
    stream->unused += count;
  }
  return n;
}

/* The same without pieces: looks on until count bytes are found that are not
 * cached, and asks for all between the first and the last of them.
 */
static size_t
issue_onwards (struct stream *stream, const struct stream_limits *limits,
               uint64_t count, struct readahead_range *out)
{
  uint64_t block = limits->block_size, x = stream->issued;
  uint64_t far = stream->high + FAR * stream->window + count;
  uint64_t last = min_u64 (far, mirror_at (limits)), from = last, to = x;
  uint64_t found = 0;
  bool gap = true;

  for (; found < count && x < last && stream->pieces < PIECES; x += block) {
    if (has (limits, block_at (stream, limits, x))) {
      gap = true;
      continue;
    }
    from = min_u64 (from, x);
    to = x + block;
    found += block;
    stream->pieces += gap ? PIECE : 0;
    gap = false;
  }
  stream->issued = max_u64 (stream->issued, x);
  stream->fetched += found;
  stream->unused += found;
  return found > 0 && to_object (stream, limits, from, to, out);
}

size_t
stream_issue (struct stream *stream, const struct stream_limits *limits,
              uint64_t window, struct readahead_range *out, size_t most)
{
  uint64_t high = stream->high, count;
  uint64_t step = stream_round_up (limits, min_u64 (REQUEST, window / 2));

  if (most == 0)
    return 0;
  if (stream->stride == 0)
    high = stream_round_up (limits, high);
  stream->issued = max_u64 (stream->issued, high);
  if (stream->stride > 0)
    return issue_pieces (stream, limits, high + window, step, out, most);
  count = window - min_u64 (window, stream_round_down (limits,
                                                       stream->fetched));
  count -= count % step;
  return count > 0 ? issue_onwards (stream, limits, count, out) : 0;
}
