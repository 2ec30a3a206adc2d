/* A cache at work, to be interrupted: what it does, and what must hold
 * afterwards.
 */

#ifndef TIERCACHE_CRASH_WORK_H
#define TIERCACHE_CRASH_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sys-test.h"

#define CRASH_WORK_BUDGET (UINT64_C (1) << 20)

/* Says where we are, for the message of a check that fails: it is printed to
 * stderr, with the text.
 */
struct crash_work
{
  struct sys_test *test;
  bool faulty;          /* calls may fail: so may opening the cache */
  char where[300];      /* crash point, seed: whatever names the run */
  atomic_uint wrong;    /* checks that failed */
};

/* Makes the directory for the cache, and makes it durable: else there is
 * nothing left to look at after most power losses.
 */
extern void crash_work_mkdir (struct crash_work *work);

/* The workload: several objects, stores of zero, compressible and
 * incompressible blocks, more than the budget has room for, a version that
 * changes, the cache closed and opened again.  Every byte read is checked;
 * so is the budget.
 */
extern void crash_work_run (struct crash_work *work);

/* What must hold on a disk that such a run has left, however it ended: the
 * cache opens, serves nothing but right bytes, knows nothing of what was not
 * to last, keeps to the budget, and works on.  No call fails here.
 */
extern void crash_work_check (struct crash_work *work);

/* What was stored before a close is there after it.  No call fails here. */
extern void crash_work_check_kept (struct crash_work *work);

/* Messages of the engine go nowhere from now on. */
extern void crash_work_quiet (void);

#endif /* TIERCACHE_CRASH_WORK_H */
