/* The cache on a disk that fails: each call in turn, once and for ever; by
 * itself, and for some of them under devices as the filter uses them.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "util/minmax.h"
#include "util/mix.h"

#include "crash-work.h"

#ifdef __SANITIZE_THREAD__
#define POINTS_MAX 80           /* it is twenty times slower */
#else
#define POINTS_MAX 300
#endif
#define WRONG_MAX 10            /* then there is enough to look at */

static const struct crash_over *const by_itself = &crash_over_cache;

struct kind
{
  const struct crash_over *over;
  int errnum;
  bool for_ever;
  enum sys_test_call call;
};

static const char *
kind_text (const struct kind *kind)
{
  return kind->for_ever ? "and all after it" : "once";
}

/* A run in which the n-th call fails; afterwards the disk is well again. */
static unsigned
fail_at (const struct kind *kind, uint64_t n)
{
  struct crash_work work = {
    .over = kind->over, .test = sys_test_new_model (), .faulty = true
  };

  snprintf (work.where, sizeof work.where,
            "call %" PRIu64 " of kind %d fails, %s: %s", n, kind->call,
            kind_text (kind), strerror (kind->errnum));
  sys_test_fail (work.test, kind->call, n, kind->errnum, kind->for_ever);
  crash_work_run (&work);
  sys_test_fail_none (work.test);
  work.faulty = false;
  crash_work_check (&work);
  sys_test_free (work.test);
  return work.wrong;
}

static uint64_t
count_calls (const struct kind *kind)
{
  struct crash_work work = {
    .over = kind->over, .test = sys_test_new_model (),
    .where = "no fault"
  };
  uint64_t n;

  crash_work_run (&work);
  n = sys_test_count (work.test, kind->call);
  assert_int_equal (work.wrong, 0);
  sys_test_free (work.test);
  return n;
}

static void
fail_each (const struct kind *kind, uint64_t points_max)
{
  uint64_t calls = count_calls (kind), points;
  unsigned errors = 0;

  points = min_u64 (calls, points_max);
  for (uint64_t i = 0; i < points && errors < WRONG_MAX; i++) {
    uint64_t first = calls * i / points, end = calls * (i + 1) / points;

    errors += fail_at (kind, 1 + first + mix_u64 (i) % (end - first));
  }
  assert_int_equal (errors, 0);
}

static void
test_eio_once (void **state)
{
  (void) state;
  fail_each (&(struct kind) { by_itself, EIO, false, SYS_TEST_ANY },
             POINTS_MAX);
}

static void
test_eio_for_ever (void **state)
{
  (void) state;
  fail_each (&(struct kind) { by_itself, EIO, true, SYS_TEST_ANY },
             POINTS_MAX / 4);
}

static void
test_enospc_once (void **state)
{
  (void) state;
  fail_each (&(struct kind) { by_itself, ENOSPC, false, SYS_TEST_CHANGING },
             POINTS_MAX);
}

static void
test_enospc_for_ever (void **state)
{
  (void) state;
  fail_each (&(struct kind) { by_itself, ENOSPC, true, SYS_TEST_CHANGING },
             POINTS_MAX / 4);
}

/* There is always little of these, and each has its own way of failing. */
static void
test_each_kind (void **state)
{
  (void) state;
  for (int call = 0; call < SYS_TEST_CALLS; call++) {
    fail_each (&(struct kind) { by_itself, EIO, false, call }, 5);
    fail_each (&(struct kind) { by_itself, EIO, true, call }, 2);
  }
}

/* Whatever the disk does, clients of the filter get their bytes. */
static void
test_direct (void **state)
{
  const struct crash_over *over = &crash_over_direct;

  (void) state;
  fail_each (&(struct kind) { over, EIO, false, SYS_TEST_ANY },
             POINTS_MAX / 4);
  fail_each (&(struct kind) { over, EIO, true, SYS_TEST_ANY },
             POINTS_MAX / 16);
  fail_each (&(struct kind) { over, ENOSPC, true, SYS_TEST_CHANGING },
             POINTS_MAX / 16);
}

/* Every read and write is short. */
static void
test_short (void **state)
{
  struct crash_work work = {
    .over = &crash_over_cache, .test = sys_test_new_model (),
    .where = "short calls"
  };

  (void) state;
  sys_test_short (work.test, 1000);
  crash_work_run (&work);
  crash_work_check (&work);
  sys_test_free (work.test);
  assert_int_equal (work.wrong, 0);
}

/* The disk is full of what is not ours. */
static void
test_no_space (void **state)
{
  (void) state;
  for (uint64_t space = 0; space <= CRASH_WORK_BUDGET; space += 131072) {
    struct crash_work work = {
      .over = &crash_over_cache, .test = sys_test_new_model (),
      .faulty = true
    };

    snprintf (work.where, sizeof work.where, "%" PRIu64 " bytes free", space);
    sys_test_set_free (work.test, space);
    crash_work_run (&work);
    sys_test_set_free (work.test, 4 * CRASH_WORK_BUDGET);
    work.faulty = false;
    crash_work_check (&work);
    sys_test_free (work.test);
    assert_int_equal (work.wrong, 0);
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_eio_once),
    cmocka_unit_test (test_eio_for_ever),
    cmocka_unit_test (test_enospc_once),
    cmocka_unit_test (test_enospc_for_ever),
    cmocka_unit_test (test_each_kind),
    cmocka_unit_test (test_direct),
    cmocka_unit_test (test_short),
    cmocka_unit_test (test_no_space),
  };

  crash_work_quiet ();
  return cmocka_run_group_tests (tests, NULL, NULL);
}
