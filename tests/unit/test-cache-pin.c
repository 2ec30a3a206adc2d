/* Pins: what is pinned stays, whatever else comes; nobody waits for room that
 * nobody can make; and the account of what is pinned is right.
 */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache-internal.h"
#include "test-cache-help.h"
#include "util/minmax.h"
#include "util/mix.h"

#define BS 16384u
#define BUDGET (4 * MIB)


static void
pin (struct cache *c, const char *identity, bool pinned)
{
  struct error e = { 0 };

  if (cache_pin (c, identity, pinned, &e) == -1)
    fail_msg ("%s", e.text);
}

/* The account against the table. */
static void
check_account (struct cache *c)
{
  uint64_t used = 0, live = 0;

  pthread_mutex_lock (&c->lock);
  for (uint32_t s = 0; s < c->high_water; s++)
    if (c->table[s].state != SLOT_FREE && c->table[s].flags & SLOT_PINNED) {
      used += budget_block (c, c->table[s].lengths);
      live += c->table[s].state == SLOT_LIVE;
    }
  assert_int_equal (c->pinned_used, used);
  assert_int_equal (c->pinned_live, live);
  pthread_mutex_unlock (&c->lock);
}

/* Far more than fits, of another object. */
static void
press (struct cache *c, unsigned number)
{
  uint64_t size = 4 * BUDGET;
  char name[16];
  struct cache_object *other;

  snprintf (name, sizeof name, "other%u", number);
  other = help_object (c, name, number, size);
  for (uint64_t b = 0; b < size / BS; b += 16)
    help_store (other, number, size, BS, b, 16, CONTENT_RANDOM, NULL);
  cache_object_close (other);
  assert_true (help_du (help_dir) <= BUDGET);
}

static void
test_pressure (void **state)
{
  struct cache_config config = help_config (help_dir, BUDGET, BS, true);
  uint64_t size = 2 * MIB;
  struct cache_object *o;

  (void) state;
  for (int turn = 0; turn < 3; turn++) {        /* again after a restart */
    struct cache *c;

    config.policy = turn == 1 ? POLICY_WEIGHTED : POLICY_LRU;
    c = help_open (&config);
    o = help_object (c, "pinned", 1, size);
    if (turn == 0) {
      help_store (o, 1, size, BS, 0, size / BS / 2, CONTENT_RANDOM, NULL);
      pin (c, "pinned", true);
      help_store (o, 1, size, BS, size / BS / 2, size / BS / 2,
                  CONTENT_RANDOM, NULL);
    }
    check_account (c);
    press (c, 10 + turn);
    assert_int_equal (help_count (o, 1, size, BS, CONTENT_RANDOM), size / BS);
    check_account (c);
    if (turn == 2) {            /* and without the pin it goes */
      pin (c, "pinned", false);
      press (c, 20);
      assert_true (help_count (o, 1, size, BS, CONTENT_RANDOM) < size / BS);
      assert_int_equal (c->pinned_used, 0);
    }
    cache_object_close (o);
    cache_close (c);
  }
}

/* What is pinned would fill the budget more than once.  Each store that waited
 * for room would take five seconds.
 */
static void
test_full (void **state)
{
  struct cache_config config = help_config (help_dir, BUDGET, BS, false);
  struct cache *c = help_open (&config);
  uint64_t size = 2 * BUDGET, there;
  struct cache_object *o = help_object (c, "pinned", 1, size), *other;

  (void) state;
  pin (c, "pinned", true);
  for (uint64_t b = 0; b < size / BS; b += 8)
    help_store (o, 1, size, BS, b, 8, CONTENT_RANDOM, NULL);
  there = help_count (o, 1, size, BS, CONTENT_RANDOM);
  assert_true (there > BUDGET / BS * 3 / 4);
  press (c, 2);
  assert_int_equal (help_count (o, 1, size, BS, CONTENT_RANDOM), there);
  assert_int_equal (atomic_load (&c->evicted_blocks), 0);
  assert_int_equal (atomic_load (&c->resident), there);
  check_account (c);

  /* With the pin gone others find room again. */
  pin (c, "pinned", false);
  press (c, 3);
  other = help_object (c, "other3", 3, 4 * BUDGET);
  assert_true (help_count (other, 3, 4 * BUDGET, BS, CONTENT_RANDOM) > 0);
  cache_object_close (other);
  cache_object_close (o);
  cache_close (c);
}

/* What is pinned leaves room for a little: that is not filled and emptied
 * again and again.
 */
static void
test_crowded (void **state)
{
  struct cache_config config = help_config (help_dir, BUDGET, BS, false);
  struct cache *c = help_open (&config);
  struct cache_object *o = help_object (c, "pinned", 1, BUDGET), *other;
  uint64_t there = 0;

  (void) state;
  pin (c, "pinned", true);
  while (!budget_crowded (c))
    help_store (o, 1, BUDGET, BS, there++, 1, CONTENT_RANDOM, NULL);
  assert_true (budget_fits (c, BS, 1));
  other = help_object (c, "other", 2, BUDGET);
  for (uint64_t b = 0; b < 100; b++)
    help_store (other, 2, BUDGET, BS, b, 1, CONTENT_RANDOM, NULL);
  cache_object_close (other);
  assert_int_equal (atomic_load (&c->evicted_blocks), 0);
  assert_int_equal (atomic_load (&c->resident), there);
  cache_object_close (o);
  cache_close (c);
}

/* The pin is the identity's: it passes to a new version, and back. */
static void
test_versions (void **state)
{
  struct cache_config config = help_config (help_dir, BUDGET, BS, true);
  struct cache *c = help_open (&config);
  struct cache_object *old = help_object (c, "a", 1, MIB), *new;

  (void) state;
  help_store (old, 1, MIB, BS, 0, 16, CONTENT_RANDOM, NULL);
  pin (c, "a", true);
  new = help_object (c, "a", 2, MIB);
  assert_false (old->pinned);
  assert_true (new->pinned);
  check_account (c);
  help_store (new, 2, MIB, BS, 0, 32, CONTENT_RANDOM, NULL);
  press (c, 3);
  assert_int_equal (help_count (new, 2, MIB, BS, CONTENT_RANDOM), 32);
  assert_int_equal (help_count (old, 1, MIB, BS, CONTENT_RANDOM), 0);
  cache_object_close (old);
  cache_object_close (new);
  cache_close (c);

  c = help_open (&config);
  press (c, 4);
  new = help_object (c, "a", 2, MIB);
  assert_true (new->pinned);
  assert_int_equal (help_count (new, 2, MIB, BS, CONTENT_RANDOM), 32);
  check_account (c);
  cache_object_close (new);
  cache_close (c);
}

/* A budget that has become too small for what is pinned is kept all the same.
 */
static void
test_smaller (void **state)
{
  struct cache_config config = help_config (help_dir, BUDGET, BS, false);
  struct cache *c = help_open (&config);
  struct cache_object *o = help_object (c, "a", 1, 3 * MIB);

  (void) state;
  help_store (o, 1, 3 * MIB, BS, 0, 192, CONTENT_RANDOM, NULL);
  pin (c, "a", true);
  cache_object_close (o);
  cache_close (c);

  config.size = 2 * MIB;
  c = help_open (&config);
  assert_true (help_du (help_dir) <= config.size);
  o = help_object (c, "a", 1, 3 * MIB);
  assert_in_range (help_count (o, 1, 3 * MIB, BS, CONTENT_RANDOM), 60, 128);
  check_account (c);
  cache_object_close (o);
  cache_close (c);
}

static void
test_refused (void **state)
{
  struct cache_config config = help_config (help_dir, BUDGET, BS, true);
  struct cache *c = help_open (&config);
  struct cache_evicted evicted;
  struct cache_object *o;
  struct error e = { 0 };

  (void) state;
  assert_int_equal (cache_pin (c, "nothing", true, &e), -1);
  assert_int_equal (e.errnum, ENOENT);
  assert_non_null (strstr (e.text, "nothing"));
  o = cache_object_open (c, "fleeting", NULL, false, MIB, &e);
  assert_non_null (o);
  assert_int_equal (cache_pin (c, "fleeting", true, &e), -1);
  assert_int_equal (e.errnum, EINVAL);
  cache_object_close (o);

  o = help_object (c, "kept", 1, MIB);
  help_store (o, 1, MIB, BS, 0, 8, CONTENT_RANDOM, NULL);
  pin (c, "kept", true);
  pin (c, "kept", true);
  assert_int_equal (cache_evict (c, "kept", 0, UINT64_MAX, &evicted, &e), -1);
  assert_int_equal (e.errnum, EBUSY);
  assert_int_equal (cache_evict (c, NULL, 0, UINT64_MAX, &evicted, &e), 0);
  assert_int_equal (evicted.blocks, 0);
  assert_int_equal (help_count (o, 1, MIB, BS, CONTENT_RANDOM), 8);
  cache_object_close (o);
  cache_close (c);
}

/* Any order of stores, pins, drops, versions and restarts: a block that is
 * pinned is there until it is dropped or its pin is.
 */
#define OBJECTS 4u
#define BLOCKS 100u
#define STEPS 600u

struct world
{
  struct cache *c;
  struct cache_object *objects[OBJECTS];
  unsigned versions[OBJECTS];
  bool pinned[OBJECTS], there[OBJECTS][BLOCKS];
};

static void
open_object (struct world *w, unsigned n)
{
  char name[2] = { 'a' + n, '\0' };

  w->objects[n] = help_object (w->c, name, n * 1000 + w->versions[n],
                               BLOCKS * BS);
}

static void
check_world (struct world *w)
{
  for (unsigned n = 0; n < OBJECTS; n++)
    for (unsigned b = 0; b < BLOCKS; b++) {
      bool there = cache_has (w->objects[n], b);

      if (w->pinned[n] && w->there[n][b] && !there)
        fail_msg ("block %u of object %u is pinned and gone", b, n);
      w->there[n][b] = there;
    }
  check_account (w->c);
}

static void
restart (struct world *w, const struct cache_config *config)
{
  if (w->c) {
    for (unsigned n = 0; n < OBJECTS; n++)
      cache_object_close (w->objects[n]);
    cache_close (w->c);
  }
  w->c = help_open (config);
  for (unsigned n = 0; n < OBJECTS; n++)
    open_object (w, n);
}

static void
step (struct world *w, const struct cache_config *config, uint64_t r)
{
  unsigned n = r % OBJECTS, b = (r >> 8) % (BLOCKS - 20);
  char name[2] = { 'a' + n, '\0' };
  struct cache_evicted evicted;
  struct cache_object *old;
  struct error e;

  switch ((r >> 16) % 32) {
  case 0:
    restart (w, config);
    break;
  case 1:                       /* a new version */
    old = w->objects[n];
    w->versions[n]++;
    open_object (w, n);
    cache_object_close (old);
    memset (w->there[n], 0, sizeof w->there[n]);
    break;
  case 2: case 3: case 4:
    pin (w->c, name, w->pinned[n] = !w->pinned[n]);
    break;
  case 5: case 6:
    assert_int_equal (cache_evict (w->c, name, b * BS, (b + 5) * BS, &evicted,
                                   &e), w->pinned[n] ? -1 : 0);
    break;
  default:
    help_store (w->objects[n], n * 1000 + w->versions[n], BLOCKS * BS, BS, b,
                1 + (r >> 24) % 20, CONTENT_MIXED, NULL);
  }
}

static void
test_any_order (void **state)
{
  struct cache_config config = help_config (help_dir, 3 * MIB, BS, true);
  struct world w = { 0 };
  uint64_t r = 5;

  (void) state;
  restart (&w, &config);
  for (unsigned i = 0; i < STEPS; i++) {
    step (&w, &config, r = mix_u64 (r));
    check_world (&w);
    assert_true (help_du (help_dir) <= config.size);
  }
  for (unsigned n = 0; n < OBJECTS; n++)
    cache_object_close (w.objects[n]);
  cache_close (w.c);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    HELP_TEST (test_pressure),
    HELP_TEST (test_full),
    HELP_TEST (test_crowded),
    HELP_TEST (test_versions),
    HELP_TEST (test_smaller),
    HELP_TEST (test_refused),
    HELP_TEST (test_any_order),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
