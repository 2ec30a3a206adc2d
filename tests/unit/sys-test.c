/* A struct sys for tests: faults on top of the kernel or of the model. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/minmax.h"

#include "sys-model.h"
#include "sys-test.h"

#define FAULTS 16

struct fault
{
  enum sys_test_call call;
  uint64_t in;                  /* calls until it strikes; 0: unused */
  int errnum;
  bool for_ever;
};

struct sys_test
{
  struct sys sys;
  const struct sys *lower;      /* what does the work */
  struct sys_model *model;      /* NULL: the kernel */

  pthread_mutex_t lock;         /* over all below; not held in a call */
  uint64_t counts[SYS_TEST_SETS];
  struct fault faults[FAULTS];
  uint64_t crash_in;            /* changing calls until the last; 0: none */
  bool crashed;
  enum sys_test_call crash_call;        /* what it died in */
  size_t short_max;
  bool clock_set;
  uint64_t monotonic_ns, realtime_s;
};

static const char *const call_names[SYS_TEST_CALLS] = {
  [SYS_TEST_OPEN] = "open",
  [SYS_TEST_CLOSE] = "close",
  [SYS_TEST_PREAD] = "pread",
  [SYS_TEST_PWRITE] = "pwrite",
  [SYS_TEST_FALLOCATE] = "fallocate",
  [SYS_TEST_FTRUNCATE] = "ftruncate",
  [SYS_TEST_FSTAT] = "fstat",
  [SYS_TEST_FSTATVFS] = "fstatvfs",
  [SYS_TEST_LSEEK] = "lseek",
  [SYS_TEST_FDATASYNC] = "fdatasync",
  [SYS_TEST_RENAME] = "rename",
  [SYS_TEST_UNLINK] = "unlink",
  [SYS_TEST_MKDIR] = "mkdir",
  [SYS_TEST_FSYNC_DIR] = "fsync_dir",
  [SYS_TEST_LOCK] = "lock",
};

static struct sys_test *
test_of (const struct sys *sys)
{
  return sys->opaque;
}

static bool
fault_concerns (const struct fault *f, enum sys_test_call call, bool changing)
{
  return f->in > 0
    && (f->call == call || f->call == SYS_TEST_ANY
        || (f->call == SYS_TEST_CHANGING && changing));
}

/* The error the call is to fail with, or 0.  *last: the process dies in it. */
static int
test_verdict (struct sys_test *t, enum sys_test_call call, bool changing,
              bool *last)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);
  int errnum = 0;

  t->counts[call]++;
  t->counts[SYS_TEST_ANY]++;
  t->counts[SYS_TEST_CHANGING] += changing;
  *last = changing && t->crash_in > 0 && --t->crash_in == 0;
  if (*last) {
    t->crashed = true;
    t->crash_call = call;
  }
  if (t->crashed)
    return EIO;
  for (int i = 0; i < FAULTS; i++) {
    struct fault *f = &t->faults[i];

    if (!fault_concerns (f, call, changing))
      continue;
    if (--f->in == 0) {
      errnum = f->errnum;
      f->in = f->for_ever;
    }
  }
  return errnum;
}

/* True if the call may go on; else errno is set. */
static bool
test_allows (struct sys_test *t, enum sys_test_call call, bool changing)
{
  bool last;
  int errnum = test_verdict (t, call, changing, &last);

  if (errnum)
    errno = errnum;
  return errnum == 0;
}

static size_t
test_short (struct sys_test *t, size_t count)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);

  return t->short_max ? min_u64 (count, t->short_max) : count;
}

static int
test_open (const struct sys *sys, const char *path, int flags, mode_t mode)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_OPEN, flags & (O_CREAT | O_TRUNC)))
    return -1;
  return t->lower->open (t->lower, path, flags, mode);
}

static int
test_close (const struct sys *sys, int fd)
{
  struct sys_test *t = test_of (sys);
  bool allowed = test_allows (t, SYS_TEST_CLOSE, false);
  int saved = errno, r = t->lower->close (t->lower, fd);

  if (allowed)
    return r;
  errno = saved;
  return -1;
}

static ssize_t
test_pread (const struct sys *sys, int fd, void *buf, size_t count,
            uint64_t offset)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_PREAD, false))
    return -1;
  return t->lower->pread (t->lower, fd, buf, test_short (t, count), offset);
}

static ssize_t
test_pwrite (const struct sys *sys, int fd, const void *buf, size_t count,
             uint64_t offset)
{
  struct sys_test *t = test_of (sys);
  bool last;
  int errnum = test_verdict (t, SYS_TEST_PWRITE, true, &last);

  if (last)
    t->lower->pwrite (t->lower, fd, buf, count / 2, offset);
  if (errnum) {
    errno = errnum;
    return -1;
  }
  return t->lower->pwrite (t->lower, fd, buf, test_short (t, count), offset);
}

static int
test_fallocate (const struct sys *sys, int fd, int mode, uint64_t offset,
                uint64_t count)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_FALLOCATE, true))
    return -1;
  return t->lower->fallocate (t->lower, fd, mode, offset, count);
}

static int
test_ftruncate (const struct sys *sys, int fd, uint64_t size)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_FTRUNCATE, true))
    return -1;
  return t->lower->ftruncate (t->lower, fd, size);
}

static int
test_fstat (const struct sys *sys, int fd, struct stat *st)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_FSTAT, false))
    return -1;
  return t->lower->fstat (t->lower, fd, st);
}

static int
test_fstatvfs (const struct sys *sys, int fd, struct statvfs *st)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_FSTATVFS, false))
    return -1;
  return t->lower->fstatvfs (t->lower, fd, st);
}

static int64_t
test_lseek (const struct sys *sys, int fd, int64_t offset, int whence)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_LSEEK, false))
    return -1;
  return t->lower->lseek (t->lower, fd, offset, whence);
}

static int
test_fdatasync (const struct sys *sys, int fd)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_FDATASYNC, true))
    return -1;
  return t->lower->fdatasync (t->lower, fd);
}

static int
test_rename (const struct sys *sys, const char *from, const char *to)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_RENAME, true))
    return -1;
  return t->lower->rename (t->lower, from, to);
}

static int
test_unlink (const struct sys *sys, const char *path)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_UNLINK, true))
    return -1;
  return t->lower->unlink (t->lower, path);
}

static int
test_mkdir (const struct sys *sys, const char *path, mode_t mode)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_MKDIR, true))
    return -1;
  return t->lower->mkdir (t->lower, path, mode);
}

static int
test_fsync_dir (const struct sys *sys, const char *path)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_FSYNC_DIR, true))
    return -1;
  return t->lower->fsync_dir (t->lower, path);
}

static int
test_lock (const struct sys *sys, int fd)
{
  struct sys_test *t = test_of (sys);

  if (!test_allows (t, SYS_TEST_LOCK, false))
    return -1;
  return t->lower->lock (t->lower, fd);
}

static uint64_t
test_monotonic_ns (const struct sys *sys)
{
  struct sys_test *t = test_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);

  return t->clock_set ? t->monotonic_ns : t->lower->monotonic_ns (t->lower);
}

static uint64_t
test_realtime_s (const struct sys *sys)
{
  struct sys_test *t = test_of (sys);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);

  return t->clock_set ? t->realtime_s : t->lower->realtime_s (t->lower);
}

static const struct sys test_table = {
  .open = test_open,
  .close = test_close,
  .pread = test_pread,
  .pwrite = test_pwrite,
  .fallocate = test_fallocate,
  .ftruncate = test_ftruncate,
  .fstat = test_fstat,
  .fstatvfs = test_fstatvfs,
  .lseek = test_lseek,
  .fdatasync = test_fdatasync,
  .rename = test_rename,
  .unlink = test_unlink,
  .mkdir = test_mkdir,
  .fsync_dir = test_fsync_dir,
  .lock = test_lock,
  .monotonic_ns = test_monotonic_ns,
  .realtime_s = test_realtime_s,
};

static struct sys_test *
test_new (const struct sys *lower, struct sys_model *model)
{
  struct sys_test *t = sys_pages_memory (NULL, sizeof *t);

  *t = (struct sys_test) {
    .sys = test_table, .lower = lower, .model = model
  };
  t->sys.opaque = t;
  pthread_mutex_init (&t->lock, NULL);
  return t;
}

static struct sys_test *
test_over_disk (struct sys_disk *disk)
{
  struct sys_model *model = sys_model_new (disk);

  return test_new (sys_model_sys (model), model);
}

struct sys_test *
sys_test_new_real (void)
{
  return test_new (&sys_real, NULL);
}

struct sys_test *
sys_test_new_model (void)
{
  return test_over_disk (sys_disk_new ());
}

void
sys_test_free (struct sys_test *t)
{
  if (t->model)
    sys_model_free (t->model);
  pthread_mutex_destroy (&t->lock);
  free (t);
}

const struct sys *
sys_test_sys (struct sys_test *t)
{
  return &t->sys;
}

uint64_t
sys_test_count (struct sys_test *t, enum sys_test_call call)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);

  return t->counts[call];
}

void
sys_test_fail (struct sys_test *t, enum sys_test_call call, uint64_t n,
               int errnum, bool for_ever)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);
  int i = 0;

  while (i < FAULTS && t->faults[i].in > 0)
    i++;
  if (i == FAULTS)
    abort ();
  t->faults[i] = (struct fault) {
    .call = call, .in = n, .errnum = errnum, .for_ever = for_ever
  };
}

void
sys_test_fail_none (struct sys_test *t)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);

  for (int i = 0; i < FAULTS; i++)
    t->faults[i].in = 0;
  t->crash_in = 0;
  t->crashed = false;
}

void
sys_test_short (struct sys_test *t, size_t max)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);

  t->short_max = max;
}

void
sys_test_set_clock (struct sys_test *t, uint64_t monotonic_ns,
                    uint64_t realtime_s)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);

  t->clock_set = true;
  t->monotonic_ns = monotonic_ns;
  t->realtime_s = realtime_s;
}

void
sys_test_crash_at (struct sys_test *t, uint64_t n)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);

  t->crash_in = n;
}

bool
sys_test_crashed (struct sys_test *t)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);

  return t->crashed;
}

const char *
sys_test_crash_call (struct sys_test *t)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&t->lock);

  return t->crashed ? call_names[t->crash_call] : "nothing";
}

struct sys_test *
sys_test_kill (struct sys_test *t)
{
  return test_over_disk (sys_disk_after_kill (sys_model_disk (t->model)));
}

struct sys_test *
sys_test_power_loss (struct sys_test *t, uint64_t seed)
{
  return test_over_disk (sys_disk_after_power_loss
                         (sys_model_disk (t->model), seed));
}

void
sys_test_set_free (struct sys_test *t, uint64_t bytes)
{
  sys_model_set_free (t->model, bytes);
}

static struct sys_model_numbers
test_numbers (struct sys_test *t)
{
  struct sys_model_numbers numbers;

  sys_model_numbers (t->model, &numbers);
  return numbers;
}

uint64_t
sys_test_allocated (struct sys_test *t)
{
  return test_numbers (t).allocated;
}

uint64_t
sys_test_peak (struct sys_test *t)
{
  return test_numbers (t).peak;
}

uint64_t
sys_test_unsynced (struct sys_test *t)
{
  return test_numbers (t).unsynced;
}

unsigned
sys_test_descriptors (struct sys_test *t)
{
  return test_numbers (t).descriptors;
}
