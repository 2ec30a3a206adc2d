/* Small caches that are not there: what each setting of the policy would have
 * missed lately (miniature simulation: Waldspurger et al., "Cache Modeling
 * and Optimization using Miniature Simulations", USENIX ATC 2017).
 *
 * Every followed block has a row, every setting a view of all rows:
 *
 *     row        hash  bytes  weight  |  view 0                view 1   ...
 *     0          ...   ...    ...     |  at .. score           at ..
 *     1                               |      (resident)        (ghost)
 *
 * An eviction looks at all scores of a view: so they lie apart, by view, and
 * the rest by row.  Where the order asks for them it looks at the times and
 * marks of all rows, too, and so does a use that may make a cold block hot.
 *
 * One more view, of the setting of the moment, does not let in what it has
 * not seen lately, if that is to be known.
 *
 * When there are twice as many rows as were needed last time, those that no
 * view needs any more are dropped; when that frees too few, every second block
 * is no longer followed, and the caches are half as large.
 */

#include <config.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "policy/internal.h"
#include "policy/shadow-internal.h"
#include "util/cleanup.h"
#include "util/minmax.h"

/* Misses are forgotten over so many uses of each block of a shadow. */
#define SHADOW_MEMORY 64
#define SHADOW_MEMORY_MIN 50            /* blocks, for very small caches */

/* Another setting must have missed so much less, of all uses. */
#define SHADOW_MARGIN 0.001
#define SHADOW_CHOOSE 64                /* uses between two choices */

/* Refusing may cost so much more. */
#define SHADOW_REFUSE 1.02

/* Twice as many as there can be blocks: some are only remembered. */
uint32_t
shadows_room (uint32_t entries)
{
  uint32_t room = SHADOW_ROWS_MIN;

  while (room < SHADOW_ROWS && room / 2 < entries)
    room *= 2;
  return room;
}

struct shadows *
shadows_new (const struct shadows_config *config)
{
  struct shadows *s = aligned_alloc (_Alignof (struct shadows), sizeof *s);
  bool complete;

  if (s == NULL)
    return NULL;
  memset (s, 0, sizeof *s);
  s->config = *config;
  s->ahead = SHADOW_AHEAD;
  s->share = config->capacity / SHADOW_AHEAD;
  s->room = shadows_room (config->entries);
  s->views_count = SHADOW_SETTINGS + config->refuses;
  s->full = SHADOW_ROWS_MIN;
  atomic_init (&s->limit, UINT32_MAX);
  pthread_mutex_init (&s->lock, NULL);
  s->row = calloc (s->room, sizeof *s->row);
  s->index = calloc (s->room * 2, sizeof *s->index);
  complete = s->row && s->index;
  for (unsigned i = 0; i < s->views_count; ++i) {
    s->views[i].score = calloc (s->room, sizeof *s->views[i].score);
    complete = s->views[i].score && complete;
  }
  if (complete)
    return s;
  shadows_free (s);
  return NULL;
}

void
shadows_free (struct shadows *shadows)
{
  if (shadows == NULL)
    return;
  pthread_mutex_destroy (&shadows->lock);
  for (unsigned i = 0; i < SHADOW_VIEWS; ++i)
    free (shadows->views[i].score);
  free (shadows->row);
  free (shadows->index);
  free (shadows);
}

bool
shadows_sampled (const struct shadows *shadows, uint64_t hash)
{
  return hash >> 32 <= atomic_load_explicit (&shadows->limit,
                                             memory_order_relaxed);
}

unsigned
shadows_best (const struct shadows *shadows)
{
  return atomic_load_explicit (&shadows->best, memory_order_relaxed);
}

bool
shadows_refuse (const struct shadows *shadows)
{
  return atomic_load_explicit (&shadows->refuse, memory_order_relaxed);
}

/* The place in the index of hash, or where it belongs. */
static uint16_t *
shadows_place (struct shadows *s, uint64_t hash)
{
  uint32_t i = hash & (s->room * 2 - 1);

  while (s->index[i] != 0 && s->row[s->index[i] - 1].hash != hash)
    i = (i + 1) & (s->room * 2 - 1);
  return &s->index[i];
}

void
shadows_index (struct shadows *s)
{
  memset (s->index, 0, s->room * 2 * sizeof *s->index);
  for (uint32_t row = 0; row < s->rows; ++row)
    *shadows_place (s, s->row[row].hash) = row + 1;
}

static bool
shadows_needed (const struct shadows *s, uint32_t row)
{
  for (unsigned i = 0; i < s->views_count; ++i)
    if (view_resident (s, i, row)
        || view_remembers (s, i, row, SHADOW_REACH_MAX))
      return true;
  return false;
}

static void
shadows_move (struct shadows *s, uint32_t to, uint32_t from)
{
  s->row[to] = s->row[from];
  for (unsigned i = 0; i < s->views_count; ++i)
    s->views[i].score[to] = s->views[i].score[from];
}

/* Keeps the order of the rows: of equal scores the older row goes first. */
static void
shadows_sweep (struct shadows *s, bool all)
{
  uint32_t kept = 0;

  for (uint32_t row = 0; row < s->rows; ++row) {
    bool sampled = shadows_sampled (s, s->row[row].hash);

    if (!all && sampled && shadows_needed (s, row)) {
      if (kept != row)
        shadows_move (s, kept, row);
      kept++;
      continue;
    }
    for (unsigned i = 0; i < s->views_count; ++i)
      if (view_resident (s, i, row))
        view_drop (s, i, row);
  }
  s->rows = kept;
  shadows_index (s);
}

uint64_t
shadows_share (const struct shadows *s, uint32_t limit)
{
  double share = s->config.capacity * (limit + 1.0) / 0x1p32 / s->ahead;

  return share < 0x1p63 ? share : s->config.capacity / s->ahead;
}

static void
shadows_make_room (struct shadows *s)
{
  shadows_sweep (s, false);
  while (s->rows > s->room - s->room / SHADOW_ROWS_FREED) {
    uint32_t limit = atomic_load_explicit (&s->limit, memory_order_relaxed);

    /* That hashes are so much alike happens on purpose only. */
    if (limit <= SHADOW_LIMIT_MIN) {
      shadows_sweep (s, true);
      break;
    }
    atomic_store_explicit (&s->limit, limit / 2, memory_order_relaxed);
    s->share = shadows_share (s, limit / 2);
    shadows_sweep (s, false);
  }
  s->full = min_u64 (s->rows * 2 + SHADOW_ROWS_MIN, s->room);
}

/* The row of a block, made if need be. */
static uint32_t
shadows_row (struct shadows *s, uint64_t hash, uint64_t bytes, double weight)
{
  uint16_t *place = shadows_place (s, hash);
  uint32_t row;

  if (*place != 0)
    return *place - 1;
  if (s->rows == s->full) {
    shadows_make_room (s);
    place = shadows_place (s, hash);
  }
  row = s->rows++;
  *place = row + 1;
  s->row[row] = (struct shadow_row) {
    .hash = hash, .bytes = bytes, .weight = weight
  };
  for (unsigned i = 0; i < s->views_count; ++i)
    s->views[i].score[row] = INFINITY;
  return row;
}

static double
shadows_charged (const struct shadows *s, unsigned setting)
{
  return s->missed[setting] + shadow_settings[setting].charge * s->total;
}

void
shadows_choose (struct shadows *s)
{
  unsigned now = shadows_best (s), best = now;

  for (unsigned i = 0; i < SHADOW_SETTINGS; ++i)
    if (shadows_charged (s, i) < shadows_charged (s, best))
      best = i;
  if (shadows_charged (s, best)
      < shadows_charged (s, now) - SHADOW_MARGIN * s->total)
    atomic_store_explicit (&s->best, best, memory_order_relaxed);
  if (s->config.refuses)
    atomic_store_explicit (&s->refuse, s->missed[SHADOW_REFUSING]
                           <= s->missed[best] * SHADOW_REFUSE,
                           memory_order_relaxed);
}

/* Of its whole size from now on. */
static void
shadows_grow (struct shadows *s)
{
  if (s->ahead == 1)
    return;
  s->ahead = 1;
  s->share = shadows_share (s, atomic_load_explicit (&s->limit,
                                                     memory_order_relaxed));
  s->total /= SHADOW_AHEAD;
  for (unsigned i = 0; i < s->views_count; ++i)
    s->missed[i] /= SHADOW_AHEAD;
}

void
shadows_filled (struct shadows *s)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&s->lock);

  shadows_grow (s);
}

static void
shadows_use_locked (struct shadows *s, const struct shadow_use *use)
{
  double blocks = s->views[0].residents, keep;
  uint32_t now = use->now ? use->now : 1, row;  /* 0: never */

  /* Another thread may have been faster, and its time is later. */
  if (s->now == 0 || now - s->now <= INT32_MAX)
    s->now = now;
  if (s->now > SHADOW_AHEAD_TURNOVERS * POLICY_USED_TURNOVER)
    shadows_grow (s);
  row = shadows_row (s, use->hash, use->bytes, use->weight);
  if (blocks < SHADOW_MEMORY_MIN)
    blocks = SHADOW_MEMORY_MIN;
  keep = 1 - 1 / (SHADOW_MEMORY * blocks);
  s->total = s->total * keep + use->cost;
  for (unsigned i = 0; i < s->views_count; ++i) {
    s->missed[i] *= keep;
    view_use (s, i, row, use->cost);
  }
  if (++s->uses % SHADOW_CHOOSE == 0)
    shadows_choose (s);
}

void
shadows_seed (struct shadows *s, const struct shadow_resident *resident)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&s->lock);
  uint32_t row;

  if (s->whole || *shadows_place (s, resident->hash) != 0)
    return;
  shadows_grow (s);
  row = shadows_row (s, resident->hash, resident->bytes, resident->weight);
  for (unsigned i = 0; i < s->views_count; ++i) {
    struct shadow_view *v = &s->views[i];

    s->row[row].frequency[i] = resident->frequency;
    s->row[row].at[i] = resident->used_at ? resident->used_at : 1;
    v->score[row] = view_score (s, i, &s->row[row])
      + (view_setting (s, i)->order == SHADOW_AGES ? resident->base : 0);
    if (v->score[row] < 0)              /* it would have gone long ago */
      v->score[row] = 0;
    v->used += resident->bytes;
    v->residents++;
  }
  s->row[row].cold = resident->cold ? UINT8_MAX : 0;
}

void
shadows_use (struct shadows *shadows, const struct shadow_use *use, bool wait)
{
  if (wait)
    pthread_mutex_lock (&shadows->lock);
  else if (pthread_mutex_trylock (&shadows->lock) != 0)
    return;
  shadows_use_locked (shadows, use);
  pthread_mutex_unlock (&shadows->lock);
}

void
shadows_save (struct shadows *shadows, struct shadow_history *history)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&shadows->lock);

  history->total = shadows->total < UINT32_MAX ? shadows->total : UINT32_MAX;
  for (unsigned i = 0; i < SHADOW_SETTINGS; ++i)
    history->ratios[i] = shadows->total > 0
      ? shadows->missed[i] / shadows->total * UINT16_MAX + 0.5 : 0;
}

/* Without a history they begin anew.  Whatever was saved, it weighs no more
 * than what full shadows of blocks of cost 1 will see.
 */
void
shadows_load (struct shadows *shadows, const struct shadow_history *history)
{
  uint32_t total = history->total;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&shadows->lock);

  if (total == 0)
    return;
  shadows_grow (shadows);
  shadows->total = min_u64 (total, (uint64_t) SHADOW_MEMORY * shadows->room);
  for (unsigned i = 0; i < SHADOW_SETTINGS; ++i)
    shadows->missed[i] =
      shadows->total * history->ratios[i] / UINT16_MAX;
  /* It is not known what refusing would cost. */
  shadows->missed[SHADOW_REFUSING] = shadows->total;
  shadows_choose (shadows);
}
