/* The limit of what is in flight, against simulated links; and retry. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fetch/limit.h"
#include "fetch/retry.h"
#include "util/minmax.h"
#include "util/mix.h"

#define MIB UINT64_C (1048576)
#define MS UINT64_C (1000000)
#define STEP_NS UINT64_C (500000)
#define SLOTS 64

/* Bytes per second, of one connection and of all together; noise is how much
 * in a hundred the speed of a request and its latency vary, up and down.
 */
struct link
{
  double connection, all;
  uint64_t latency_ns;
  unsigned noise;
};

struct transfer
{
  bool used;
  uint64_t started_ns, moving_ns, round;
  unsigned in_flight;           /* when it was sent */
  double left, speed;
};

struct simulation
{
  const struct link *link;
  struct limit limit;
  uint64_t request;             /* bytes of each */
  uint64_t now_ns, seed, done;
  unsigned in_flight, most;
  struct transfer slots[SLOTS];
};

static double
vary (struct simulation *s)
{
  unsigned noise = s->link->noise;

  return 1 + (noise ? (int) (mix_u64 (s->seed++) % (2 * noise + 1)) -
              (int) noise : 0) / 100.0;
}

static void
send_all (struct simulation *s, unsigned wanted)
{
  while (s->in_flight < wanted &&
         limit_allows (&s->limit, s->in_flight, s->in_flight * s->request,
                       s->request)) {
    struct transfer *t = s->slots;

    while (t->used)
      t++;
    *t = (struct transfer) {
      .used = true,
      .started_ns = s->now_ns,
      .moving_ns = s->now_ns + s->link->latency_ns * vary (s),
      .round = s->limit.round,
      .left = s->request,
      .speed = s->link->connection * vary (s),
    };
    t->in_flight = ++s->in_flight;
    s->most = max_u64 (s->most, s->in_flight);
  }
}

static void
came (struct simulation *s, struct transfer *t)
{
  struct limit_sample sample = {
    .round = t->round,
    .started_ns = t->started_ns,
    .now_ns = s->now_ns,
    .bytes = s->request,
    .bytes_in_flight = max_u64 (s->in_flight, t->in_flight) * s->request,
  };

  limit_done (&s->limit, &sample);
  t->used = false;
  s->in_flight--;
  s->done += s->request;
}

/* Half a millisecond, with so many requests wanted at once. */
static void
step (struct simulation *s, unsigned wanted)
{
  double sum = 0, share;

  send_all (s, wanted);
  s->now_ns += STEP_NS;
  for (size_t i = 0; i < SLOTS; i++)
    if (s->slots[i].used && s->now_ns > s->slots[i].moving_ns)
      sum += s->slots[i].speed;
  share = sum > s->link->all ? s->link->all / sum : 1;
  for (size_t i = 0; i < SLOTS; i++) {
    struct transfer *t = &s->slots[i];

    if (!t->used || s->now_ns <= t->moving_ns)
      continue;
    t->left -= t->speed * share * STEP_NS / 1e9;
    if (t->left <= 0)
      came (s, t);
  }
}

static void
simulate (struct simulation *s, const struct link *link, unsigned max,
          uint64_t request, uint64_t seed)
{
  memset (s, 0, sizeof *s);
  s->link = link;
  s->request = request;
  s->seed = seed << 32;
  s->now_ns = 1;
  limit_init (&s->limit, max, MIB);
}

static void
test_starts_small (void **state)
{
  struct limit limit;

  (void) state;
  limit_init (&limit, 16, MIB);
  assert_true (limit_allows (&limit, 0, 0, 4 * MIB));
  assert_true (limit_allows (&limit, 3, 3 * MIB, MIB));
  assert_false (limit_allows (&limit, 4, 4 * MIB, MIB));
  limit_init (&limit, 2, MIB);
  assert_true (limit_allows (&limit, 1, MIB, MIB));
  assert_false (limit_allows (&limit, 2, 2 * MIB, 4096));
  limit_init (&limit, 1, 4 * MIB);
  assert_true (limit_allows (&limit, 0, 0, 4 * MIB));
  assert_false (limit_allows (&limit, 1, 4 * MIB, 4096));
}

/* Each connection is throttled: all of them are of use, and soon. */
static void
test_throttled_connections (void **state)
{
  static const unsigned noises[] = { 0, 10, 30 };

  (void) state;
  for (size_t i = 0; i < 3; i++)
    for (uint64_t seed = 0; seed < 20; seed++) {
      struct link link = { 20e6, 1e12, 20 * MS, noises[i] };
      struct simulation s;

      simulate (&s, &link, 16, MIB, seed);
      while (s.most < 16) {
        step (&s, 64);
        assert_true (s.done <= (20) * MIB);
      }
      /* And they stay. */
      while (s.done < 600 * MIB) {
        step (&s, 64);
        assert_true (s.limit.window >= 8);
      }
      assert_int_equal (s.limit.window, 16);
    }
}

/* One connection nearly fills the link: more bring nothing. */
static void
test_narrow_link (void **state)
{
  struct link link = { 1e9, 20e6, 5 * MS, 0 };
  struct simulation s;
  uint64_t sum = 0, steps = 0;

  (void) state;
  simulate (&s, &link, 16, MIB, 1);
  while (s.done < 100 * MIB)
    step (&s, 64);
  while (s.done < 500 * MIB) {
    step (&s, 64);
    sum += s.limit.window;
    steps++;
  }
  assert_true (sum <= 6 * steps);
}

/* Small requests wait for the round trip: as many as there are. */
static void
test_small_requests (void **state)
{
  struct link link = { 20e6, 1e9, 20 * MS, 10 };
  struct simulation s;

  (void) state;
  simulate (&s, &link, 16, 65536, 3);
  send_all (&s, 64);
  assert_int_equal (s.in_flight, 16);
  while (s.done < 64 * MIB) {
    step (&s, 64);
    send_all (&s, 64);
    assert_int_equal (s.in_flight, 16);
  }
}

/* Two readers say nothing about what sixteen could bring. */
static void
test_few_wanted (void **state)
{
  struct link link = { 20e6, 1e12, 20 * MS, 10 };
  struct simulation s;

  (void) state;
  simulate (&s, &link, 16, MIB, 4);
  while (s.done < 64 * MIB)
    step (&s, 2);
  assert_int_equal (s.limit.window, 4);
  while (s.done < 64 * MIB + 40 * MIB)
    step (&s, 64);
  assert_int_equal (s.limit.window, 16);
}

static void
test_busy (void **state)
{
  struct limit limit;
  struct limit_sample sample = { .started_ns = 1, .now_ns = 2, .bytes = 1 };
  unsigned good = 0;

  (void) state;
  limit_init (&limit, 16, MIB);
  limit_busy (&limit, 1000, 2000, 16);
  assert_int_equal (limit.cap, 8);
  /* Of the same burst. */
  limit_busy (&limit, 1001, 2001, 15);
  assert_int_equal (limit.cap, 8);
  limit_busy (&limit, 2002, 2003, 8);
  assert_int_equal (limit.cap, 4);
  /* No lower than one, and the first always goes. */
  for (unsigned i = 0; i < 5; i++)
    limit_busy (&limit, 3000 + i, 3000 + i, 4);
  assert_int_equal (limit.cap, 1);
  assert_true (limit_allows (&limit, 0, 0, 4096));
  assert_false (limit_allows (&limit, 1, 4096, 4096));
  while (limit.cap < 16) {
    limit_done (&limit, &sample);
    good++;
  }
  assert_true (good >= 100 && good <= 400);
}

static const struct retry_rules rules = {
  .retries = 5, .timeout_ms = 30000
};

static void
test_backoff (void **state)
{
  struct error e = { .kind = ERROR_AGAIN };
  bool differ = false;

  (void) state;
  for (uint64_t seed = 0; seed < 100; seed++) {
    struct retry a = { .seed = seed }, b = { .seed = seed };
    uint64_t now = 5 * MS, whole = 200, first = 0, ms_a, ms_b;

    for (unsigned i = 0; i < 5; i++) {
      retry_begin (&a, now);
      retry_begin (&b, now);
      assert_true (retry_again (&rules, &a, &e, now, &ms_a));
      assert_true (retry_again (&rules, &b, &e, now, &ms_b));
      assert_int_equal (ms_a, ms_b);
      assert_true (ms_a >= whole / 2 && ms_a <= whole);
      if (i == 0)
        first = ms_a;
      else
        differ |= ms_a != first << i;
      now += ms_a * MS;
      whole *= 2;
    }
    retry_begin (&a, now);
    assert_false (retry_again (&rules, &a, &e, now, &ms_a));
  }
  assert_true (differ);
}

static void
test_backoff_is_bounded (void **state)
{
  struct retry_rules many = { .retries = 100, .timeout_ms = 1000 };
  struct error e = { .kind = ERROR_BUSY };
  struct retry retry = { .seed = 3 };
  uint64_t ms;

  (void) state;
  for (unsigned i = 0; i < 100; i++) {
    retry_begin (&retry, 0);
    assert_true (retry_again (&many, &retry, &e, 0, &ms));
    assert_true (ms <= RETRY_BACKOFF_MAX_MS);
  }
  assert_true (ms >= RETRY_BACKOFF_MAX_MS / 2);
}

static void
test_retry_after (void **state)
{
  struct error e = { .kind = ERROR_BUSY, .retry_after_ms = 7000 };
  struct retry retry = { .seed = 3 };
  uint64_t ms;

  (void) state;
  retry_begin (&retry, 0);
  assert_true (retry_again (&rules, &retry, &e, 0, &ms));
  assert_int_equal (ms, 7000);
  e.retry_after_ms = UINT32_MAX;
  assert_true (retry_again (&rules, &retry, &e, 0, &ms));
  assert_int_equal (ms, RETRY_AFTER_MAX_MS);
  e.retry_after_ms = 1;
  assert_true (retry_again (&rules, &retry, &e, 0, &ms));
  assert_true (ms >= 100);
}

static void
test_final_is_final (void **state)
{
  struct error e = { .kind = ERROR_FINAL, .retry_after_ms = 10 };
  struct retry retry = { .seed = 3 };
  uint64_t ms;

  (void) state;
  retry_begin (&retry, 0);
  assert_false (retry_again (&rules, &retry, &e, 0, &ms));
}

/* Whatever is asked for and however late a turn comes, all ends in time. */
static void
test_all_ends_in_time (void **state)
{
  (void) state;
  for (uint64_t seed = 0; seed < 1000; seed++) {
    uint64_t allowed = 1 + mix_u64 (~seed) % 40000;
    struct retry_rules r = {
      .retries = mix_u64 (seed) % 8,
      .timeout_ms = allowed - allowed / RETRY_SLACK
    };
    struct retry retry = { .seed = seed };
    struct error e = { .kind = ERROR_ABSENT };
    uint64_t now = seed * MS, ms = 0, bound;

    for (unsigned i = 0;; i++) {
      uint64_t x = mix_u64 (seed * 31 + i);

      if (!retry_in_time (&r, &retry, now)) {
        now -= ms * MS;         /* given up without another try */
        break;
      }
      retry_begin (&retry, now);
      now += (x % 3 ? r.timeout_ms : x % r.timeout_ms) * MS;
      e.retry_after_ms = x % 5 ? 0 : x % 100000;
      if (!retry_again (&r, &retry, &e, now, &ms))
        break;
      assert_true (i < r.retries);
      ms += x % 4 ? 0 : mix_u64 (x) % 40000;    /* waits for its turn */
      now += ms * MS;
    }
    bound = allowed * (r.retries + 1) + retry.backoff_ms;
    assert_true ((now - retry.started_ns) / MS <= bound);
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_starts_small),
    cmocka_unit_test (test_throttled_connections),
    cmocka_unit_test (test_narrow_link),
    cmocka_unit_test (test_small_requests),
    cmocka_unit_test (test_few_wanted),
    cmocka_unit_test (test_busy),
    cmocka_unit_test (test_backoff),
    cmocka_unit_test (test_backoff_is_bounded),
    cmocka_unit_test (test_retry_after),
    cmocka_unit_test (test_final_is_final),
    cmocka_unit_test (test_all_ends_in_time),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
