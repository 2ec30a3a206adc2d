/* The cache through SIGKILL and power loss, at every call that changes the
 * disk (or an even sample of them): by itself, under devices
 * over HTTP, and under devices as the filter uses them.
 *
 * The evictor is a thread of its own, so the n-th call is not the same one in
 * each run: what is checked holds whatever it is.
 */

#include <config.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "util/minmax.h"
#include "util/mix.h"

#include "crash-work.h"

/* Every change of the disk, some 700; a sample where each takes long. */
#if defined __SANITIZE_THREAD__
#define POINTS_MAX 80
#elif defined __SANITIZE_ADDRESS__
#define POINTS_MAX 300
#else
#define POINTS_MAX 2000
#endif
/* Under devices the cache does the same; what is new is who uses it. */
#define POINTS_MAX_HTTP (POINTS_MAX < 200 ? 6 : 24)
#define POINTS_MAX_DIRECT (POINTS_MAX / 5)
#define SEEDS 3                 /* power losses at each point */
#define WRONG_MAX 10            /* then there is enough to look at */

/* How many calls there are to crash at, all being well. */
static uint64_t
count_calls (const struct crash_over *over, unsigned *errors)
{
  struct crash_work work = {
    .over = over, .test = sys_test_new_model (), .where = "no crash"
  };
  uint64_t n;

  crash_work_run (&work);
  n = sys_test_count (work.test, SYS_TEST_CHANGING);
  crash_work_check_kept (&work);
  crash_work_check (&work);
  sys_test_free (work.test);
  *errors += work.wrong;
  return n;
}

/* One reboot, and what it finds.  Takes test. */
static unsigned
check_after (const struct crash_over *over, struct sys_test *test,
             const char *crash, const char *end, uint64_t seed)
{
  struct crash_work work = { .over = over, .test = test };

  snprintf (work.where, sizeof work.where, "%.200s, then %s %" PRIu64, crash,
            end, seed);
  crash_work_check (&work);
  sys_test_free (test);
  return work.wrong;
}

/* A run that dies at its point-th change of the disk. */
static void
crash_run (struct crash_work *work, const char *before, uint64_t point)
{
  snprintf (work->where, sizeof work->where, "%.120sdying at change %" PRIu64,
            before, point);
  work->faulty = true;
  sys_test_crash_at (work->test, point);
  crash_work_run (work);
  snprintf (work->where, sizeof work->where,
            "%.120scrash at change %" PRIu64 " (%s)", before, point,
            sys_test_crash_call (work->test));
}

/* The next process dies as well, most likely while it recovers.  Takes
 * test.
 */
static unsigned
crash_again (const struct crash_over *over, struct sys_test *test,
             const char *crash, uint64_t seed)
{
  struct crash_work work = { .over = over, .test = test };
  char before[120];
  unsigned errors;

  snprintf (before, sizeof before, "%.60s, power loss with seed %" PRIu64
            ", ", crash, seed);
  crash_run (&work, before, 1 + mix_u64 (seed) % 16);
  errors = work.wrong;
  errors += check_after (over, sys_test_power_loss (test, seed), work.where,
                         "power loss with seed", seed);
  sys_test_free (test);
  return errors;
}

/* A crash, and all its ends. */
static unsigned
crash_at (const struct crash_over *over, uint64_t point)
{
  struct crash_work work = { .over = over, .test = sys_test_new_model () };
  unsigned errors;

  if (point % 4 != 0)
    crash_work_mkdir (&work);
  crash_run (&work, "", point);
  errors = work.wrong;
  errors += check_after (over, sys_test_kill (work.test), work.where, "kill",
                         0);
  for (uint64_t i = 0; i < SEEDS; i++) {
    uint64_t seed = i ? point * SEEDS + i : 0;

    errors += check_after (over, sys_test_power_loss (work.test, seed),
                           work.where, "power loss with seed", seed);
  }
  errors += crash_again (over, sys_test_power_loss (work.test, point * SEEDS),
                         work.where, point * SEEDS);
  sys_test_free (work.test);
  return errors;
}

static void
crash_all (const struct crash_over *over, uint64_t points_max)
{
  unsigned errors = 0;
  uint64_t calls = count_calls (over, &errors);
  uint64_t points = min_u64 (calls, points_max);

  assert_int_equal (errors, 0);
  assert_true (points > 0);
  for (uint64_t i = 0; i < points && errors < WRONG_MAX; i++) {
    uint64_t first = calls * i / points, end = calls * (i + 1) / points;

    errors += crash_at (over, 1 + first + mix_u64 (i) % (end - first));
  }
  assert_int_equal (errors, 0);
}

static void
test_crash (void **state)
{
  (void) state;
  crash_all (&crash_over_cache, POINTS_MAX);
}

static void
test_crash_over_http (void **state)
{
  (void) state;
  crash_http_start ();
  crash_all (&crash_over_http, POINTS_MAX_HTTP);
  crash_http_stop ();
}

static void
test_crash_direct (void **state)
{
  (void) state;
  crash_all (&crash_over_direct, POINTS_MAX_DIRECT);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_crash),
    cmocka_unit_test (test_crash_over_http),
    cmocka_unit_test (test_crash_direct),
  };

  crash_work_quiet ();
  return cmocka_run_group_tests (tests, NULL, NULL);
}
