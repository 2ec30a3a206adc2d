/* A struct sys for tests: calls can be made to fail, to be short, or to be
 * the last that the process makes.
 *
 * Over real files it does what the kernel does.  Over the model it is wholly
 * in memory (/ is empty at first) and knows what a power loss would leave.
 * Any thread may call; faults may be set while others are in calls.
 */

#ifndef TIERCACHE_SYS_TEST_H
#define TIERCACHE_SYS_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/sys.h"

/* The calls, and two sets of them. */
enum sys_test_call
{
  SYS_TEST_OPEN,
  SYS_TEST_CLOSE,
  SYS_TEST_PREAD,
  SYS_TEST_PWRITE,
  SYS_TEST_FALLOCATE,
  SYS_TEST_FTRUNCATE,
  SYS_TEST_FSTAT,
  SYS_TEST_FSTATVFS,
  SYS_TEST_LSEEK,
  SYS_TEST_FDATASYNC,
  SYS_TEST_RENAME,
  SYS_TEST_UNLINK,
  SYS_TEST_MKDIR,
  SYS_TEST_FSYNC_DIR,
  SYS_TEST_LOCK,
  SYS_TEST_CALLS,                       /* how many there are */
  SYS_TEST_ANY = SYS_TEST_CALLS,        /* any of them */
  SYS_TEST_CHANGING,    /* what can change the disk or make it durable: open
                           with O_CREAT, pwrite, fallocate, ftruncate,
                           fdatasync, rename, unlink, mkdir, fsync_dir */
  SYS_TEST_SETS,
};

struct sys_test;

extern struct sys_test *sys_test_new_real (void);
extern struct sys_test *sys_test_new_model (void);
extern void sys_test_free (struct sys_test *test);
extern const struct sys *sys_test_sys (struct sys_test *test);

/* Calls made so far, failed ones included; clocks are not calls. */
extern uint64_t sys_test_count (struct sys_test *test,
                                enum sys_test_call call);

/* The n-th call from now (1: the next) of that kind fails with errnum and
 * does nothing; with for_ever, so do all later ones.  A close that fails
 * closes, as on Linux.  Up to 16 at a time.
 */
extern void sys_test_fail (struct sys_test *test, enum sys_test_call call,
                           uint64_t n, int errnum, bool for_ever);

/* Forgets all faults, and the crash. */
extern void sys_test_fail_none (struct sys_test *test);

/* No read or write does more than max bytes (0: as many as it likes). */
extern void sys_test_short (struct sys_test *test, size_t max);

/* From now on the clocks stand still at these times. */
extern void sys_test_set_clock (struct sys_test *test, uint64_t monotonic_ns,
                                uint64_t realtime_s);

/* Only over the model. */

/* The n-th SYS_TEST_CHANGING call from now is the last: the process dies in
 * it.  A write is half done, anything else not at all.  It and all later
 * calls of any kind fail with EIO (but closes close).
 */
extern void sys_test_crash_at (struct sys_test *test, uint64_t n);
extern bool sys_test_crashed (struct sys_test *test);

/* The name of the call that it died in, "nothing" if it has not. */
extern const char *sys_test_crash_call (struct sys_test *test);

/* What the next process finds, as a model of its own without faults: call it
 * when no thread is in a call; it leaves this one alone, so that a crash can
 * be followed by many ends.  Kill: all that was done, and it is durable.
 * Power loss: sys-disk.h; seed 0 leaves nothing that was not synced.
 */
extern struct sys_test *sys_test_kill (struct sys_test *test);
extern struct sys_test *sys_test_power_loss (struct sys_test *test,
                                             uint64_t seed);

/* Bytes that can still be allocated; at first, 1 TiB. */
extern void sys_test_set_free (struct sys_test *test, uint64_t bytes);

/* Bytes allocated by all files, and the most there ever was (since the boot,
 * for what a power loss left).
 */
extern uint64_t sys_test_allocated (struct sys_test *test);
extern uint64_t sys_test_peak (struct sys_test *test);

/* Changes that a power loss could undo now. */
extern uint64_t sys_test_unsynced (struct sys_test *test);

/* Descriptors that are open. */
extern unsigned sys_test_descriptors (struct sys_test *test);

#endif /* TIERCACHE_SYS_TEST_H */
