/* What is in the shadows: for those who use them, and those who save them. */

#ifndef TIERCACHE_SHADOW_INTERNAL_H
#define TIERCACHE_SHADOW_INTERNAL_H

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "policy/shadow.h"

#define SHADOW_ROWS 2048u               /* power of two, as the next */
#define SHADOW_ROWS_MIN 256u
#define SHADOW_ROWS_FREED 8             /* less than a part so small: too few */
#define SHADOW_VIEWS (SHADOW_SETTINGS + 1)
#define SHADOW_REFUSING SHADOW_SETTINGS /* the number of its view */

#define SHADOW_LIMIT_MIN 255u   /* less is no cache that anyone has */

/* Until the cache is full the shadows are so much smaller, and know by then
 * what is to go first; what they have seen that small counts so much less.
 * Where all fits for long, small ones would only be slow: a hit in the cache is
 * no hit in them.
 */
#define SHADOW_AHEAD 4
#define SHADOW_AHEAD_TURNOVERS 3        /* at most, of virtual time */

struct shadow_row
{
  uint64_t hash, bytes;
  double weight;
  uint32_t at[SHADOW_VIEWS];    /* when it was used, if it is resident; else
                                   when it was evicted or refused, or for
                                   HOT_COLD used; 0: never */
  uint8_t frequency[SHADOW_VIEWS];
  uint8_t cold;                 /* a bit for each view */
};

_Static_assert (SHADOW_VIEWS <= 8, "bits of cold");

struct shadow_view
{
  double *score;                        /* by row; INFINITY: not resident */
  double inflation;
  uint64_t used;                        /* bytes */
  uint32_t residents;
};

struct shadows
{
  struct shadows_config config;
  uint32_t room;                        /* rows at most; power of two */
  unsigned views_count;
  _Atomic uint32_t limit;               /* upper half of a sampled hash */
  _Atomic unsigned best;
  _Atomic bool refuse;

  /* Every hit reads what is above, in a line that is hardly ever written. */
  _Alignas (128) pthread_mutex_t lock;  /* of all below */
  unsigned ahead;                       /* SHADOW_AHEAD, then 1 */
  uint64_t share;                       /* of the capacity */
  bool whole;                           /* loaded: nothing is to be seeded */
  uint32_t rows, full;                  /* rows to be swept at */
  struct shadow_row *row;
  uint16_t *index;                      /* row plus 1, by hash: twice room */
  struct shadow_view views[SHADOW_VIEWS];
  unsigned uses;
  uint32_t now;                         /* virtual time of the last */
  double total;                         /* cost of all uses, of late */
  double missed[SHADOW_VIEWS];          /* by each view */
};

/* shadow-view.c.  i is the number of a view; what needs the time takes that of
 * the last use.
 */
extern const struct shadow_setting *view_setting (const struct shadows *s,
                                                  unsigned i);

static inline bool
view_resident (const struct shadows *s, unsigned i, uint32_t row)
{
  return s->views[i].score[row] < INFINITY;
}

/* Did it go less than so many turnovers ago? */
extern bool view_remembers (const struct shadows *s, unsigned i, uint32_t row,
                            double reach);

extern double view_score (const struct shadows *s, unsigned i,
                          const struct shadow_row *row);

/* The block of a row is used; that it is fetched costs so much. */
extern void view_use (struct shadows *s, unsigned i, uint32_t row,
                      double cost);

/* Is not resident any more. */
extern void view_drop (struct shadows *s, unsigned i, uint32_t row);

/* shadow.c; who calls the others holds the lock.
 *
 * The most rows for a cache of so many blocks; a power of two.
 */
extern uint32_t shadows_room (uint32_t entries);

/* Finds all rows by their hashes again. */
extern void shadows_index (struct shadows *s);

/* The bytes of a shadow cache of the blocks up to limit. */
extern uint64_t shadows_share (const struct shadows *s, uint32_t limit);

/* The setting that missed least lately, what it is charged added, is the one to
 * use now, if it is ahead by SHADOW_MARGIN; and whether to refuse.
 */
extern void shadows_choose (struct shadows *s);

#endif /* TIERCACHE_SHADOW_INTERNAL_H */
