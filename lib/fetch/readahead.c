/* Read-ahead: which streams there are, and how far each is trusted.
 *
 * Trust is a balance of bytes, the credit.  What is fetched ahead and not
 * used is taken from it, and a part of all that is read is put in.  While
 * there is credit, a stream is opened on little evidence and its window
 * doubles freely; without, a window is at most a part of what its own reader
 * has passed.  So what is wasted stays a small part of what is read,
 * whatever the pattern.
 */

#include <config.h>

#include <pthread.h>
#include <stdlib.h>

#include "fetch/readahead-run.h"
#include "fetch/readahead-stream.h"
#include "fetch/readahead.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define STREAMS 14
#define CREDIT_MAX 2            /* smallest windows: the balance at most, */
#define CREDIT_MIN (-32)        /* and at least */
#define EARN_READ 64            /* one byte for so many read, */
#define EARN_USED 16            /* and for so many fetched ahead and used */
#define OWN_PART 8              /* without credit, a window is this part of
                                   what the stream's reader has passed */
#define SURE 4                  /* smallest windows: of a stream that has
                                   shown that it is right */
#define IDLE 48                 /* notes after which a stream's reader may
                                   be gone: its window counts as wasted */

struct readahead
{
  pthread_mutex_t lock;
  struct stream_limits limits;
  int64_t credit;
  uint64_t now;                 /* counts the notes */
  struct stream stream[STREAMS];
  struct runs runs;
};

_Static_assert (sizeof (struct readahead) <= 4096,
                "an image's read-ahead takes more than 4 KiB");

struct readahead *
readahead_new (uint64_t size, uint32_t block_size, uint64_t max_window,
               readahead_has_fn has, void *opaque)
{
  struct readahead *ra = calloc (1, sizeof *ra);

  if (!ra)
    return NULL;
  pthread_mutex_init (&ra->lock, NULL);
  ra->limits.size = size;
  ra->limits.block_size = block_size;
  ra->limits.has = has;
  ra->limits.opaque = opaque;
  ra->limits.window_max = stream_round_down (&ra->limits, max_window);
  ra->limits.window_min =
    min_u64 (max_u64 (stream_round_up (&ra->limits, READAHEAD_WINDOW_MIN),
                      2 * (uint64_t) block_size),
             ra->limits.window_max);
  ra->credit = CREDIT_MAX * (int64_t) ra->limits.window_min;
  return ra;
}

void
readahead_free (struct readahead *ra)
{
  if (!ra)
    return;
  pthread_mutex_destroy (&ra->lock);
  free (ra);
}

static void
earn (struct readahead *ra, uint64_t bytes)
{
  int64_t most = CREDIT_MAX * (int64_t) ra->limits.window_min;

  ra->credit += bytes;
  if (ra->credit > most)
    ra->credit = most;
}

/* Takes bytes from the credit, as far as it goes: returns how many. */
static uint64_t
spend (struct readahead *ra, uint64_t bytes)
{
  int64_t least = CREDIT_MIN * (int64_t) ra->limits.window_min;

  if (ra->credit <= least)
    return 0;
  bytes = min_u64 (bytes, ra->credit - least);
  ra->credit -= bytes;
  return bytes;
}

/* Makes bytes what of the credit is taken for the stream. */
static void
charge (struct readahead *ra, struct stream *stream, uint64_t bytes)
{
  if (bytes > stream->charged)
    stream->charged += spend (ra, bytes - stream->charged);
  else {
    earn (ra, stream->charged - bytes);
    stream->charged = bytes;
  }
}

/* Until it has shown its worth, all that a stream fetched is charged. */
static void
charge_active (struct readahead *ra, struct stream *stream)
{
  spend (ra, stream->wasted);
  stream->wasted = 0;
  charge (ra, stream, stream_is_proven (stream, &ra->limits)
                      ? 0 : stream->unused);
}

static void
charge_idle (struct readahead *ra)
{
  size_t i;

  for (i = 0; i < STREAMS; i++)
    if (ra->stream[i].open && ra->now - ra->stream[i].last_note == IDLE)
      charge (ra, &ra->stream[i], ra->stream[i].unused);
}

/* A free place for a stream, or that of the one not noted for longest. */
static struct stream *
stream_place (struct readahead *ra)
{
  struct stream *oldest = &ra->stream[0];
  size_t i;

  for (i = 0; i < STREAMS; i++) {
    if (!ra->stream[i].open)
      return &ra->stream[i];
    if (ra->stream[i].last_note < oldest->last_note)
      oldest = &ra->stream[i];
  }
  charge (ra, oldest, oldest->unused);
  return oldest;
}

/* A stream whose reader has likely come here through what was cached. */
static struct stream *
stream_behind (struct readahead *ra, const struct run_pattern *found,
               struct stream_range *at)
{
  size_t i;

  for (i = 0; i < STREAMS; i++) {
    struct stream *stream = &ra->stream[i];

    if (stream->open && stream->stride == 0 && found->stride == 0
        && stream->mirrored == (found->kind == RUN_BACKWARD)
        && stream_locate (stream, &ra->limits, found->start, found->end, at)
        && at->start >= stream->high
        && at->start <= max_u64 (stream->issued, stream->high)
                        + stream->window)
      return stream;
  }
  return NULL;
}

/* Does a stream end where the pattern does?  Then nobody has got any further:
 * what grew is the other end, or is behind its reader.
 */
static bool
is_passed (const struct readahead *ra, const struct run_pattern *found)
{
  struct stream_range at;
  size_t i;

  for (i = 0; i < STREAMS; i++) {
    const struct stream *stream = &ra->stream[i];

    if (stream->open && stream->stride == 0 && found->stride == 0
        && stream->mirrored == (found->kind == RUN_BACKWARD)
        && stream_locate (stream, &ra->limits, found->start, found->end, &at)
        && at.end == stream->high)
      return true;
  }
  return false;
}

/* A new stream, if the image's credit or the length of its run is enough. */
static struct stream *
stream_from (struct readahead *ra, const struct run_pattern *found)
{
  const struct stream_limits *limits = &ra->limits;
  bool mirrored = found->kind == RUN_BACKWARD;
  struct stream *stream;

  if (ra->credit < (int64_t) limits->window_min
      && found->count * (found->end - found->start)
         <= OWN_PART * limits->window_min)
    return NULL;
  stream = stream_place (ra);
  if (found->stride > 0)
    stream_start_strided (stream, limits, found->start, found->end,
                          found->stride, found->count, mirrored);
  else
    stream_start (stream, limits, found->start, found->end, mirrored);
  return stream;
}

/* What to ask for now for this stream. */
static size_t
issue (struct readahead *ra, struct stream *stream,
       struct readahead_range *out, size_t n)
{
  uint64_t window = stream->window;

  stream->last_note = ra->now;
  if (ra->credit < 0) {
    window = min_u64 (window, stream_round_down (&ra->limits,
                                                 stream->progress
                                                 / OWN_PART));
    if (stream_is_proven (stream, &ra->limits))
      window = max_u64 (window, ra->limits.window_min);
  }
  n = window > 0 ? stream_issue (stream, &ra->limits, window, out, n) : 0;
  charge_active (ra, stream);
  return n;
}

static void
stream_close (struct readahead *ra, struct stream *stream)
{
  stream->open = false;
  charge (ra, stream, stream->unused);
}

/* One read may be of several streams: pieces of a strided one look like a
 * short sequential one, and reads out of order now and then like pieces.
 * Both follow it until one has shown that it is right.
 */
static struct stream *
stream_winner (struct stream *a, struct stream *b)
{
  if (!a || b->window > a->window
      || (b->window == a->window && b->stride == 0))
    return b;
  return a;
}

/* The streams whose reader may be here move; the best one's bit is set in
 * what is returned, and those of others beside which it is not sure.
 */
static uint32_t
streams_advance (struct readahead *ra, uint64_t start, uint64_t end,
                 uint64_t *used)
{
  const struct stream_limits *limits = &ra->limits;
  struct stream *winner = NULL;
  struct stream_range at;
  uint32_t followed = 0;
  size_t i;

  for (i = 0; i < STREAMS; i++) {
    struct stream *stream = &ra->stream[i];

    if (!stream->open || !stream_locate (stream, limits, start, end, &at)
        || !stream_is_near (stream, limits, &at))
      continue;
    *used = max_u64 (*used, stream_advance (stream, limits, &at));
    if (!stream->open) {
      charge (ra, stream, stream->unused);
      continue;
    }
    winner = stream_winner (winner, stream);
    followed |= UINT32_C (1) << i;
  }
  if (!winner || winner->window < SURE * limits->window_min)
    return followed;

  for (i = 0; i < STREAMS; i++) {
    struct stream *stream = &ra->stream[i];

    if (!(followed & UINT32_C (1) << i) || stream == winner)
      continue;
    /* What it fetched is of use to a winner who goes the same way. */
    if (winner->stride == 0 && winner->mirrored == stream->mirrored)
      stream->unused = 0;
    stream_close (ra, stream);
  }
  return UINT32_C (1) << (winner - ra->stream);
}

static size_t
note_streams (struct readahead *ra, uint32_t followed,
              struct readahead_range out[READAHEAD_RANGES])
{
  size_t i, n = 0;

  for (i = 0; i < STREAMS; i++)
    if (followed & UINT32_C (1) << i)
      n += issue (ra, &ra->stream[i], out + n, READAHEAD_RANGES - n);
  return n;
}

/* The first reads, out of order, may have looked as if they went the other
 * way: then the stream's reader does not get on.
 */
static bool
is_astray (const struct readahead *ra, const struct stream *stream)
{
  return stream->stride == 0
    && stream->window < SURE * ra->limits.window_min
    && stream->seen >= ra->limits.window_min
    && stream->seen / 8 > stream->high - stream->base;
}

/* Pieces so far apart that no queue's reads fill what is between. */
static bool
is_far_apart (const struct run_pattern *found, const struct stream *stream)
{
  return stream->stride == 0 && found->stride > 0
    && found->stride * (found->count - 1)
       >= 2 * STREAM_DEPTH * stream->largest;
}

/* Does the pattern go without saying?  It does where a stream follows the
 * read, unless the pattern shows that the stream is wrong: then it closes.
 */
static bool
is_followed (struct readahead *ra, uint32_t followed,
             const struct run_pattern *found)
{
  bool mirrored = found->kind == RUN_BACKWARD, is = false;
  size_t i;

  for (i = 0; i < STREAMS; i++) {
    struct stream *stream = &ra->stream[i];

    if (!(followed & UINT32_C (1) << i))
      continue;
    if ((stream->mirrored != mirrored && is_astray (ra, stream))
        || is_far_apart (found, stream))
      stream_close (ra, stream);
    else
      is |= found->stride == 0 || stream->stride == found->stride
        || stream->window >= SURE * ra->limits.window_min;
  }
  return is;
}

/* A read that no stream follows may open one, or take one further. */
static size_t
note_pattern (struct readahead *ra, const struct run_pattern *found,
              struct readahead_range out[READAHEAD_RANGES])
{
  struct stream_range at;
  struct stream *stream;

  /* The object's first reads, out of order, grow towards its start. */
  if (is_passed (ra, found)
      || (found->kind == RUN_BACKWARD
          ? found->start < ra->limits.block_size
          : found->end >= ra->limits.size)) {
    run_rearm (found->run);
    return 0;
  }
  stream = stream_behind (ra, found, &at);
  if (stream)
    stream_skip (stream, &ra->limits, &at);
  else
    stream = stream_from (ra, found);
  if (!stream)
    return 0;
  run_rearm (found->run);
  return issue (ra, stream, out, READAHEAD_RANGES);
}

size_t
readahead_note (struct readahead *ra, uint64_t offset, uint64_t count,
                bool missed, struct readahead_range out[READAHEAD_RANGES])
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&ra->lock);
  const struct stream_limits *limits = &ra->limits;
  struct run_pattern found;
  uint64_t used = missed ? 0 : count, end;
  uint32_t followed;
  size_t n;

  if (limits->window_max == 0 || count == 0 || offset >= limits->size)
    return 0;
  end = offset + min_u64 (count, limits->size - offset);
  ra->now++;
  charge_idle (ra);

  followed = streams_advance (ra, offset, end, &used);
  n = note_streams (ra, followed, out);
  earn (ra, used / EARN_USED
            + (stream_round_up (limits, end)
               - stream_round_down (limits, offset)) / EARN_READ);
  runs_note (&ra->runs, limits, offset, end, ra->now, &found);
  if (found.kind != RUN_NOTHING && !is_followed (ra, followed, &found))
    n = note_pattern (ra, &found, out);
  return n;
}
