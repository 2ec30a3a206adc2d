/* The shadows over a restart.  Nothing of it is essential, and all of it may
 * have been damaged on disk, or made up.
 *
 * Little-endian, doubles as IEEE 754 has them:
 *
 *     0  number of views          4  rows
 *     8  up to which upper half of a hash blocks are followed: 2^n - 1
 *    12  the setting of the moment
 *    16  cost of all uses         24  the views, then the rows
 *
 *     view   0  cost of what it missed   8  inflation
 *     row    0  hash     8  bytes    16  weight
 *           24  cold: a bit for each view
 *           25  for each view:
 *            0  score (infinite: not resident)    8  when it was used, or
 *                  evicted   12  frequency
 */

#include <config.h>

#include <math.h>

#include "policy/internal.h"
#include "policy/shadow-internal.h"
#include "util/cleanup.h"
#include "util/minmax.h"

#define IMAGE_HEAD 24
#define IMAGE_VIEW 16
#define IMAGE_ROW 25
#define IMAGE_CELL 13           /* of a row, for each view */

#define IMAGE_COST_MAX 1e15

/* A row, of so many views. */
static size_t
row_bytes (unsigned views)
{
  return IMAGE_ROW + views * IMAGE_CELL;
}

static size_t
image_bytes (unsigned views, uint32_t rows)
{
  return IMAGE_HEAD + views * IMAGE_VIEW + rows * row_bytes (views);
}

size_t
shadows_image_most (uint32_t entries, bool refuses)
{
  return image_bytes (SHADOW_SETTINGS + refuses, shadows_room (entries));
}

static void
put_double (uint8_t *out, double d)
{
  policy_put (out, policy_bits (d), 8);
}

static double
get_double (const uint8_t *in)
{
  return policy_double (policy_get (in, 8));
}

static void
save_row (const struct shadows *s, uint32_t row, uint8_t *out)
{
  const struct shadow_row *r = &s->row[row];

  policy_put (out, r->hash, 8);
  policy_put (out + 8, r->bytes, 8);
  put_double (out + 16, r->weight);
  out[24] = r->cold;
  out += IMAGE_ROW;
  for (unsigned i = 0; i < s->views_count; ++i, out += IMAGE_CELL) {
    put_double (out, s->views[i].score[row]);
    policy_put (out + 8, r->at[i], 4);
    out[12] = r->frequency[i];
  }
}

size_t
shadows_image_save (struct shadows *s, uint8_t *out)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&s->lock);

  policy_put (out, s->views_count, 4);
  policy_put (out + 4, s->rows, 4);
  policy_put (out + 8, atomic_load_explicit (&s->limit, memory_order_relaxed),
              4);
  policy_put (out + 12, shadows_best (s), 4);
  put_double (out + 16, s->total);
  out += IMAGE_HEAD;
  for (unsigned i = 0; i < s->views_count; ++i, out += IMAGE_VIEW) {
    put_double (out, s->missed[i]);
    put_double (out + 8, s->views[i].inflation);
  }
  for (uint32_t row = 0; row < s->rows; ++row)
    save_row (s, row, out + row * row_bytes (s->views_count));
  return image_bytes (s->views_count, s->rows);
}

/* Not a NaN either. */
static bool
within (double d, double most)
{
  return d >= 0 && d <= most;
}

static bool
valid_row (const struct shadows *s, const uint8_t *in)
{
  if (policy_get (in + 8, 8) > s->config.capacity
      || !within (get_double (in + 16), POLICY_INFLATION_MAX))
    return false;
  in += IMAGE_ROW;
  for (unsigned i = 0; i < s->views_count; ++i, in += IMAGE_CELL) {
    double score = get_double (in);

    if (score != INFINITY && !within (score, POLICY_INFLATION_MAX))
      return false;
  }
  return true;
}

static bool
valid (const struct shadows *s, const uint8_t *in, size_t bytes)
{
  uint32_t rows, limit;

  if (bytes < IMAGE_HEAD || policy_get (in, 4) != s->views_count)
    return false;
  rows = policy_get (in + 4, 4);
  limit = policy_get (in + 8, 4);
  if (rows > s->room || bytes != image_bytes (s->views_count, rows)
      || limit < SHADOW_LIMIT_MIN || (limit & (limit + 1)) != 0
      || policy_get (in + 12, 4) >= SHADOW_SETTINGS
      || !within (get_double (in + 16), IMAGE_COST_MAX))
    return false;
  in += IMAGE_HEAD;
  for (unsigned i = 0; i < s->views_count; ++i, in += IMAGE_VIEW)
    if (!within (get_double (in), IMAGE_COST_MAX)
        || !within (get_double (in + 8), POLICY_INFLATION_MAX))
      return false;
  for (uint32_t row = 0; row < rows; ++row, in += row_bytes (s->views_count))
    if (!valid_row (s, in))
      return false;
  return true;
}

/* What a view holds is counted anew, so that it is true whatever was saved. */
static void
load_row (struct shadows *s, uint32_t row, const uint8_t *in)
{
  struct shadow_row *r = &s->row[row];

  r->hash = policy_get (in, 8);
  r->bytes = policy_get (in + 8, 8);
  r->weight = get_double (in + 16);
  r->cold = in[24];
  in += IMAGE_ROW;
  for (unsigned i = 0; i < s->views_count; ++i, in += IMAGE_CELL) {
    struct shadow_view *v = &s->views[i];

    v->score[row] = get_double (in);
    r->at[i] = policy_get (in + 8, 4);
    r->frequency[i] = min_u64 (in[12], POLICY_CREDIT_MAX);
    if (v->score[row] < INFINITY) {
      v->used += r->bytes;
      v->residents++;
    }
  }
}

bool
shadows_image_load (struct shadows *s, const uint8_t *in, size_t bytes)
{
  uint32_t limit;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&s->lock);

  if (s->rows != 0 || !valid (s, in, bytes))
    return false;
  s->rows = policy_get (in + 4, 4);
  limit = policy_get (in + 8, 4);
  atomic_store_explicit (&s->limit, limit, memory_order_relaxed);
  s->ahead = 1;
  s->share = shadows_share (s, limit);
  atomic_store_explicit (&s->best, (unsigned) policy_get (in + 12, 4),
                         memory_order_relaxed);
  s->total = get_double (in + 16);
  in += IMAGE_HEAD;
  for (unsigned i = 0; i < s->views_count; ++i, in += IMAGE_VIEW) {
    s->missed[i] = get_double (in);
    s->views[i].inflation = get_double (in + 8);
  }
  for (uint32_t row = 0; row < s->rows; ++row)
    load_row (s, row, in + row * row_bytes (s->views_count));
  shadows_index (s);
  s->full = s->room;
  s->whole = true;
  shadows_choose (s);
  return true;
}
