/* Small caches that are not there: what each setting of the policy would have
 * missed lately.
 *
 * One block in so many is followed (by its hash) through a cache smaller by
 * the same factor (until the cache is full, by SHADOW_AHEAD times that), under
 * every setting at once.  The memory is bounded however
 * large the cache is.
 */

#ifndef TIERCACHE_SHADOW_H
#define TIERCACHE_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHADOW_SETTINGS 5

enum shadow_order
{
  SHADOW_AGES,          /* by score: what is not used is overtaken by what is
                           new */
  SHADOW_KEEPS,         /* by score without that, of equals the newest goes
                           first: for loops */
  SHADOW_HOT_COLD,      /* what was not used twice in a while goes first, then
                           what was used longest ago (policy_worth) */
};

/* What goes first, and how the score is made of the frequency. */
struct shadow_setting
{
  double reuse;         /* what a use after the first counts; the first: 1 */
  double reach;         /* a block evicted less than so many turnovers ago
                           comes back with a use more; 0: none does */
  enum shadow_order order;
  double charge;        /* to be chosen it must miss so much less, of all
                           uses */
};
extern const struct shadow_setting shadow_settings[SHADOW_SETTINGS];

#define SHADOW_REACH_ADMIT 2    /* for what would be refused */
#define SHADOW_REACH_MAX 3      /* the most that is remembered, turnovers */

struct shadows;

/* One block as the shadows see it. */
struct shadow_use
{
  uint64_t hash;
  uint64_t bytes;
  double cost;          /* of a miss, in any unit */
  double weight;        /* of the first use in the score */
  uint32_t now;         /* virtual time */
};

struct shadows_config
{
  uint64_t capacity;    /* of the whole cache, bytes */
  uint32_t entries;     /* it may have: the shadows are no larger */
  uint32_t window;      /* these two are the policy's */
  unsigned (*decay) (unsigned frequency, uint32_t gap);
  bool refuses;         /* see what refusing would cost, too */
};

/* NULL when out of memory. */
extern struct shadows *shadows_new (const struct shadows_config *config);
extern void shadows_free (struct shadows *shadows);

/* Is the block of this hash followed?  Cheap, from any thread. */
extern bool shadows_sampled (const struct shadows *shadows, uint64_t hash);

/* A sampled block was used or fetched.  May be called from any thread; if
 * another one is at it and wait is false, nothing happens.
 */
extern void shadows_use (struct shadows *shadows,
                         const struct shadow_use *use, bool wait);

/* A block that is in the cache at the start is in every shadow, if it is
 * sampled and not there yet.
 */
struct shadow_resident
{
  uint64_t hash;
  uint64_t bytes;
  double weight;
  double base;          /* of its score, at most 0 */
  uint32_t used_at;
  uint8_t frequency;
  bool cold;
};
extern void shadows_seed (struct shadows *shadows,
                          const struct shadow_resident *resident);

/* The cache is full: see SHADOW_AHEAD. */
extern void shadows_filled (struct shadows *shadows);

/* The setting to use now: an index into shadow_settings. */
extern unsigned shadows_best (const struct shadows *shadows);

/* Would it cost hardly anything to refuse what was not seen lately?  False
 * unless configured to know it.
 */
extern bool shadows_refuse (const struct shadows *shadows);

/* Over a restart: miss ratios of the settings, in 1/65535, and the cost of all
 * uses that they are of, rounded; 0: not known.
 */
struct shadow_history
{
  uint16_t ratios[SHADOW_SETTINGS];
  uint32_t total;
};
extern void shadows_save (struct shadows *shadows,
                          struct shadow_history *history);
extern void shadows_load (struct shadows *shadows,
                          const struct shadow_history *history);

/* All of it, as bytes: see policy_learned_save.  Loading is for shadows that
 * have seen nothing yet.
 */
extern size_t shadows_image_most (uint32_t entries, bool refuses);
extern size_t shadows_image_save (struct shadows *shadows, uint8_t *out);
extern bool shadows_image_load (struct shadows *shadows, const uint8_t *in,
                                size_t bytes);

#endif /* TIERCACHE_SHADOW_H */
