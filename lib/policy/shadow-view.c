/* One view of the shadows: a small cache that is not there, under one setting.
 *
 * Its blocks go in the order of that setting; see policy.c for what the orders
 * are.  An eviction looks at all rows.
 */

#include <config.h>

#include <math.h>

#include "policy/internal.h"
#include "policy/shadow-internal.h"
#include "util/minmax.h"

const struct shadow_setting shadow_settings[SHADOW_SETTINGS] = {
  { .order = SHADOW_AGES, .reuse = 4, .reach = 1 },
  { .order = SHADOW_AGES, .reuse = 1, .reach = 0 },
  { .order = SHADOW_AGES, .reuse = 16, .reach = 2 },
  { .order = SHADOW_KEEPS, .reuse = 4, .reach = 0.75 },
  /* The others have less use of what is in a cache that it has filled. */
  { .order = SHADOW_HOT_COLD, .reuse = 4, .reach = 2, .charge = 0.02 },
};

const struct shadow_setting *
view_setting (const struct shadows *s, unsigned i)
{
  return &shadow_settings[i < SHADOW_SETTINGS ? i : shadows_best (s)];
}

bool
view_remembers (const struct shadows *s, unsigned i, uint32_t row,
                double reach)
{
  uint32_t at = s->row[row].at[i];

  return at != 0 && s->now - at < reach * POLICY_USED_TURNOVER;
}

static bool
view_cold (const struct shadows *s, unsigned i, uint32_t row)
{
  return s->row[row].cold >> i & 1;
}

void
view_drop (struct shadows *s, unsigned i, uint32_t row)
{
  struct shadow_view *v = &s->views[i];

  v->score[row] = INFINITY;
  v->used -= s->row[row].bytes;
  v->residents--;
}

static uint32_t
view_age (const struct shadows *s, unsigned i, uint32_t row)
{
  return s->now - s->row[row].at[i];
}

static bool
view_keeps_before (const struct shadows *s, unsigned i, uint32_t a, uint32_t b)
{
  const double *score = s->views[i].score;

  if (score[a] != score[b])
    return score[a] < score[b];
  return policy_keeps_rank (view_age (s, i, a))
    > policy_keeps_rank (view_age (s, i, b));
}

/* Cold ones, hot ones, cold ones still in use, of each kind the oldest. */
static bool
view_hot_cold_before (const struct shadows *s, unsigned i, uint32_t a,
                      uint32_t b)
{
  uint32_t age_a = view_age (s, i, a), age_b = view_age (s, i, b);
  enum policy_class class_a = policy_class (view_cold (s, i, a), age_a);
  enum policy_class class_b = policy_class (view_cold (s, i, b), age_b);

  return class_a < class_b || (class_a == class_b && age_a > age_b);
}

static bool
view_before (const struct shadows *s, unsigned i, enum shadow_order order,
             uint32_t a, uint32_t b)
{
  const double *score = s->views[i].score;

  if (order == SHADOW_AGES || score[a] == INFINITY || score[b] == INFINITY)
    return score[a] < score[b];
  return order == SHADOW_KEEPS ? view_keeps_before (s, i, a, b)
    : view_hot_cold_before (s, i, a, b);
}

static void
view_evict (struct shadows *s, unsigned i)
{
  struct shadow_view *v = &s->views[i];
  enum shadow_order order = view_setting (s, i)->order;
  uint32_t lowest = 0;

  for (uint32_t row = 1; row < s->rows; ++row)
    if (view_before (s, i, order, row, lowest))
      lowest = row;
  if (order == SHADOW_AGES && v->score[lowest] > v->inflation)
    v->inflation = v->score[lowest];
  view_drop (s, i, lowest);
  if (order != SHADOW_HOT_COLD)
    s->row[lowest].at[i] = s->now;
}

/* Used again sooner than the hot one that was used longest ago?  If there is
 * none, whatever is used again becomes one, as in the policy.
 */
static bool
view_is_hot (const struct shadows *s, unsigned i, uint32_t gap)
{
  bool none = true;

  for (uint32_t row = 0; row < s->rows; ++row)
    if (view_resident (s, i, row) && !view_cold (s, i, row)) {
      if (gap < view_age (s, i, row))
        return true;
      none = false;
    }
  return none;
}

double
view_score (const struct shadows *s, unsigned i, const struct shadow_row *r)
{
  double more = view_setting (s, i)->reuse
    * (r->frequency[i] - POLICY_CREDIT_ONE) / POLICY_CREDIT_ONE;

  return s->views[i].inflation + r->weight * (1 + more);
}

/* Refuses what would push something out and was not seen lately. */
static bool
view_refuses (struct shadows *s, unsigned i, uint32_t row)
{
  struct shadow_view *v = &s->views[i];
  struct shadow_row *r = &s->row[row];

  if (i != SHADOW_REFUSING || v->used + r->bytes <= s->share
      || view_remembers (s, i, row, SHADOW_REACH_ADMIT))
    return false;
  r->at[i] = s->now;
  return true;
}

/* Lets a block in, and returns its frequency; *cold: it is cold. */
static unsigned
view_insert (struct shadows *s, unsigned i, uint32_t row, bool *cold)
{
  const struct shadow_setting *setting = view_setting (s, i);
  struct shadow_view *v = &s->views[i];
  struct shadow_row *r = &s->row[row];
  unsigned frequency = POLICY_CREDIT_ONE;

  if (view_remembers (s, i, row, setting->reach))
    frequency += POLICY_CREDIT_ONE;
  *cold = setting->order == SHADOW_HOT_COLD && v->used + r->bytes > s->share;
  while (v->used + r->bytes > s->share)
    view_evict (s, i);
  if (*cold && view_remembers (s, i, row, SHADOW_REACH_MAX))
    *cold = !view_is_hot (s, i, view_age (s, i, row));
  v->used += r->bytes;
  v->residents++;
  return frequency;
}

void
view_use (struct shadows *s, unsigned i, uint32_t row, double cost)
{
  struct shadow_view *v = &s->views[i];
  struct shadow_row *r = &s->row[row];
  unsigned frequency;
  bool cold;

  if (view_resident (s, i, row)) {
    uint32_t gap = view_age (s, i, row);

    if (gap < s->config.window)
      return;
    frequency = s->config.decay (r->frequency[i], gap) + POLICY_CREDIT_ONE;
    cold = view_setting (s, i)->order == SHADOW_HOT_COLD
      && view_cold (s, i, row) && !view_is_hot (s, i, gap);
  }
  else {
    s->missed[i] += cost;
    if (r->bytes > s->share || view_refuses (s, i, row))
      return;
    frequency = view_insert (s, i, row, &cold);
  }
  r->frequency[i] = min_u64 (frequency, POLICY_CREDIT_MAX);
  r->at[i] = s->now;
  r->cold = (r->cold & ~(1u << i)) | (unsigned) cold << i;
  v->score[row] = view_score (s, i, r);
}
