/* One stream that is read ahead of: where its reader is, how far ahead was
 * asked for, and how large its window is.
 *
 * A stream has coordinates of its own, in which its reader moves upwards
 * through bytes without gaps: backward streams are mirrored, and of strided
 * ones only the pieces count.  All of its numbers are in those coordinates.
 */

#ifndef TIERCACHE_READAHEAD_STREAM_H
#define TIERCACHE_READAHEAD_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/readahead.h"

/* Requests of one reader under way at once: they arrive in any order. */
#define STREAM_DEPTH 32

/* What all streams of an image share. */
struct stream_limits
{
  uint64_t size;                /* of the object */
  uint64_t block_size;
  uint64_t window_min, window_max;      /* whole blocks; max 0: shut */
  readahead_has_fn has;         /* NULL: nothing is cached */
  void *opaque;
};

struct stream
{
  bool open;
  bool mirrored;                /* the reader moves downwards */
  uint64_t origin, stride, piece;       /* of a strided one; else all 0 */

  uint64_t high;                /* the end of the highest byte read */
  uint64_t issued;              /* the end of what was asked for, */
  uint64_t fetched;             /* the bytes of it ahead of high that were not
                                   cached, */
  uint64_t pieces;              /* and in how many ranges they were, scaled */
  uint64_t window;              /* how much fetched is to be */
  uint64_t base, seen;          /* bytes noted since high was at base, */
  uint64_t cached;              /* and those passed that were cached */
  uint64_t largest;             /* read of this reader */
  uint64_t progress;            /* bytes read since the first evidence */
  uint64_t used, unused;        /* bytes of what was asked for; unused since
                                   the window last grew */
  uint64_t wasted;              /* what was unused before, and too much */
  uint64_t charged;             /* to the image's credit */
  uint64_t last_note;
};

/* A range in a stream's coordinates. */
struct stream_range
{
  uint64_t start, end;
};

static inline uint64_t
stream_round_down (const struct stream_limits *limits, uint64_t x)
{
  return x - x % limits->block_size;
}

static inline uint64_t
stream_round_up (const struct stream_limits *limits, uint64_t x)
{
  return stream_round_down (limits, x + limits->block_size - 1);
}

/* Is [start, end) of the object cached?  Of more than a bounded number of
 * blocks it is not asked: false.
 */
extern bool stream_is_cached (const struct stream_limits *limits,
                              uint64_t start, uint64_t end);

/* Starts a stream whose reader has passed [start, end) of the object; it is
 * open from now on.
 */
extern void stream_start (struct stream *stream,
                          const struct stream_limits *limits,
                          uint64_t start, uint64_t end, bool mirrored);

/* The same for pieces of the object, stride apart, of which the reader has
 * passed count, and [start, end) was the first.
 */
extern void stream_start_strided (struct stream *stream,
                                  const struct stream_limits *limits,
                                  uint64_t start, uint64_t end,
                                  uint64_t stride, unsigned count,
                                  bool mirrored);

/* Where bytes [start, end) of the object are in the stream.  False: they are
 * in no place of it.
 */
extern bool stream_locate (const struct stream *stream,
                           const struct stream_limits *limits,
                           uint64_t start, uint64_t end,
                           struct stream_range *at);

/* Is a read at this place likely one of the stream's reader? */
extern bool stream_is_near (const struct stream *stream,
                            const struct stream_limits *limits,
                            const struct stream_range *at);

/* The stream's reader read here: moves it, and lets the window grow or
 * shrink.  It closes (open is false) when too little is read of what it
 * passes.  Returns how many of the bytes had been asked for.
 */
extern uint64_t stream_advance (struct stream *stream,
                                const struct stream_limits *limits,
                                const struct stream_range *at);

/* The reader went on at a place further ahead, probably through what was
 * cached already.
 */
extern void stream_skip (struct stream *stream,
                         const struct stream_limits *limits,
                         const struct stream_range *at);

/* What to ask for now, with a window of window bytes: at most so many
 * ranges.  Returns how many.
 */
extern size_t stream_issue (struct stream *stream,
                            const struct stream_limits *limits,
                            uint64_t window,
                            struct readahead_range *out, size_t most);

/* Was most of what was asked for used? */
static inline bool
stream_is_proven (const struct stream *stream,
                  const struct stream_limits *limits)
{
  return stream->used >= limits->window_min
    && stream->used >= stream->unused / 2;
}

#endif /* TIERCACHE_READAHEAD_STREAM_H */
