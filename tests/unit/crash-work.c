/* A cache at work, to be interrupted. */

#include <config.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/mix.h"

#include "crash-work.h"

#define BLOCK CRASH_BLOCK
#define REQUEST (5 * BLOCK / 2)

static const struct crash_thing *const things = crash_things;

void
crash_work_wrong (struct crash_work *work, const char *fmt, ...)
{
  va_list args;

  work->wrong++;
  fprintf (stderr, "%s: ", work->where);
  va_start (args, fmt);
  vfprintf (stderr, fmt, args);
  va_end (args);
  fputc ('\n', stderr);
}

static void
sink_quiet (enum log_level level, const char *text)
{
  (void) level;
  (void) text;
}

void
crash_work_quiet (void)
{
  log_to (sink_quiet, 0);
}

/* As far as the thing has them. */
static void
store (struct crash_work *work, void *object, const struct crash_thing *thing,
       uint64_t first, uint64_t nr, bool hurry)
{
  uint64_t end = min_u64 (crash_thing_blocks (thing), first + nr);

  work->over->store (object, thing, first, end - first, hurry);
}

static void
check_bytes (struct crash_work *work, const struct crash_thing *thing,
             const unsigned char *buf, uint64_t offset, uint32_t count)
{
  unsigned char expected[BLOCK];

  while (count > 0) {
    uint64_t block = offset / BLOCK;
    uint32_t at = offset % BLOCK, n = min_u64 (count, BLOCK - at);

    crash_thing_content (thing, block, expected);
    if (memcmp (buf, expected + at, n) != 0) {
      uint32_t i = 0;

      while (buf[i] == expected[at + i])
        i++;
      crash_work_wrong (work,
                        "%s %s block %" PRIu64 ": wrong bytes from %" PRIu32
                        " on", thing->path, thing->validator, block, at + i);
    }
    buf += n;
    offset += n;
    count -= n;
  }
}

/* Reads all of a thing and checks what is served.  Returns the blocks that
 * were served to their end.
 */
static uint64_t
read_all (struct crash_work *work, void *object,
          const struct crash_thing *thing)
{
  unsigned char buf[REQUEST];
  uint64_t offset = 0, bytes = 0;

  while (offset < thing->size) {
    uint32_t count = min_u64 (REQUEST, thing->size - offset);
    uint32_t n = work->over->read (object, thing, buf, offset, count);

    if (n > count || (n > 0 && n < count && (offset + n) % BLOCK != 0)) {
      crash_work_wrong (work,
                        "%s: read of %" PRIu32 " at %" PRIu64 " gave %" PRIu32,
                        thing->path, count, offset, n);
      n = 0;
    }
    check_bytes (work, thing, buf, offset, n);
    bytes += n;
    offset += n;
    if (n < count)
      offset = (offset / BLOCK + 1) * BLOCK;
  }
  return (bytes + BLOCK - 1) / BLOCK;
}

/* A power loss can undo a punch, and so leave more than the budget (before);
 * no call of ours may.
 */
static void
check_budget (struct crash_work *work, uint64_t before, const char *when)
{
  uint64_t peak = sys_test_peak (work->test);

  if (peak > max_u64 (before, CRASH_WORK_BUDGET))
    crash_work_wrong (work, "%s: %" PRIu64 " bytes allocated, budget %" PRIu64,
                      when, peak, CRASH_WORK_BUDGET);
}

static void
check_descriptors (struct crash_work *work)
{
  unsigned left = sys_test_descriptors (work->test);

  if (left > 0)
    crash_work_wrong (work, "%u descriptors are open after the close", left);
}

/* NULL is right only if calls may fail, and then there must be a reason. */
static void *
open_whole (struct crash_work *work)
{
  struct cache_config config = {
    .dir = "/cache", .size = CRASH_WORK_BUDGET, .block_size = BLOCK,
    .compress = true, .policy = POLICY_WEIGHTED,
    .sys = sys_test_sys (work->test),
  };
  struct error e = { 0 };
  void *whole = work->over->start (work, &config, &e);

  if (!whole && !work->faulty)
    crash_work_wrong (work, "the cache does not open: %s", e.text);
  if (!whole && (e.errnum == 0 || e.text[0] == '\0'))
    crash_work_wrong (work, "the cache does not open, and does not say why");
  if (!whole)
    check_descriptors (work);
  return whole;
}

static void *
open_thing (struct crash_work *work, void *whole,
            const struct crash_thing *thing)
{
  struct error e = { 0 };
  void *object = work->over->open (whole, thing, &e);

  if (!object)
    crash_work_wrong (work, "%s does not open: %s", thing->path, e.text);
  return object;
}

void
crash_work_mkdir (struct crash_work *work)
{
  const struct sys *sys = sys_test_sys (work->test);

  if (sys->mkdir (sys, "/cache", 0700) == -1
      || sys->fsync_dir (sys, "/") == -1)
    crash_work_wrong (work, "the directory can't be made");
}

/* Several objects, some of them closed before the end; fits the budget. */
static void
work_fill (struct crash_work *work, void *whole)
{
  void *disk = open_thing (work, whole, &things[DISK_1]);
  void *small = open_thing (work, whole, &things[SMALL]);
  void *fleeting = open_thing (work, whole, &things[FLEETING]);

  for (uint64_t b = 0; b < 20; b += 4) {
    store (work, disk, &things[DISK_1], b, 4, b == 8);
    store (work, fleeting, &things[FLEETING], b / 2, 2, false);
  }
  store (work, small, &things[SMALL], 0, 1, false);
  store (work, disk, &things[DISK_1], 22, 3, false);
  read_all (work, disk, &things[DISK_1]);
  read_all (work, small, &things[SMALL]);
  read_all (work, fleeting, &things[FLEETING]);
  work->over->close (small);
  work->over->close (fleeting);
  work->over->close (disk);
}

struct reader
{
  struct crash_work *work;
  void *object;
};

static void *
reader_run (void *opaque)
{
  struct reader *reader = opaque;

  for (int i = 0; i < 2; i++)
    read_all (reader->work, reader->object, &things[BIG]);
  return NULL;
}

/* More than there is room for, and read all the while. */
static void
work_overfill (struct crash_work *work, void *whole)
{
  void *big = open_thing (work, whole, &things[BIG]);
  void *small = open_thing (work, whole, &things[SMALL]);
  struct reader reader = { .work = work, .object = big };
  pthread_t thread;

  for (uint64_t b = 0; b < 90; b += 3) {
    if (b == 45 && pthread_create (&thread, NULL, reader_run, &reader) != 0)
      abort ();
    store (work, big, &things[BIG], b, 3, b % 2);
    if (b % 15 == 0)
      read_all (work, small, &things[SMALL]);
  }
  pthread_join (thread, NULL);
  read_all (work, big, &things[BIG]);
  work->over->close (small);
  work->over->close (big);
}

/* The object changes while its old version is still open. */
static void
work_change (struct crash_work *work, void *whole)
{
  void *old = open_thing (work, whole, &things[DISK_1]);
  void *new;

  store (work, old, &things[DISK_1], 0, 6, false);
  new = open_thing (work, whole, &things[DISK_2]);
  store (work, new, &things[DISK_2], 0, 8, false);
  read_all (work, old, &things[DISK_1]);
  read_all (work, new, &things[DISK_2]);
  work->over->close (old);
  store (work, new, &things[DISK_2], 8, 18, false);
  read_all (work, new, &things[DISK_2]);
  work->over->close (new);
}

void
crash_work_run (struct crash_work *work)
{
  static void (*const parts[]) (struct crash_work *, void *) = {
    work_fill, work_overfill, work_change,
  };
  uint64_t before = sys_test_allocated (work->test);

  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    void *whole = open_whole (work);

    if (whole) {
      parts[i] (work, whole);
      work->over->end (whole);
      check_descriptors (work);
    }
    check_budget (work, before, "at work");
  }
}

static bool
find (struct crash_work *work, void *whole, const struct crash_thing *thing,
      struct cache_version *version)
{
  char url[100];

  return cache_find (work->over->cache (whole),
                     work->over->url (thing, url, sizeof url), version);
}

/* What is known must be a version there was, with its size. */
static void
check_find (struct crash_work *work, void *whole)
{
  for (int i = 0; i < THINGS; i++) {
    struct cache_version version;
    bool known = false;

    if (!find (work, whole, &things[i], &version))
      continue;
    for (int v = 0; v < THINGS; v++)
      known |= things[v].lasting
        && strcmp (things[v].path, things[i].path) == 0
        && strcmp (things[v].validator, version.validator) == 0
        && things[v].size == version.size;
    if (!known)
      crash_work_wrong (work, "%s: found with validator %s and size %" PRIu64,
                        things[i].path, version.validator, version.size);
  }
}

static void
only_cached (struct crash_work *work, bool only)
{
  if (work->over->only_cached)
    work->over->only_cached (only);
}

/* Opening one version drops the other: the one that is found goes first. */
static void
check_read (struct crash_work *work, void *whole)
{
  struct cache_version version;
  bool old = find (work, whole, &things[DISK_1], &version)
    && strcmp (version.validator, things[DISK_1].validator) == 0;

  only_cached (work, true);
  for (int i = 0; i < THINGS; i++) {
    const struct crash_thing *thing = &things[old || i > DISK_2 ? i : DISK_2 - i];
    void *object = open_thing (work, whole, thing);
    uint64_t served = read_all (work, object, thing);

    if (!thing->lasting && served > 0)
      crash_work_wrong (work,
                        "%s: %" PRIu64 " blocks are there, it was not to last",
                        thing->path, served);
    work->over->close (object);
  }
  only_cached (work, false);
}

/* It goes on storing, and serves what it has stored; then it is filled up, so
 * that space which the crash left behind shows.
 */
static void
check_works (struct crash_work *work, void *whole, bool fill)
{
  void *disk = open_thing (work, whole, &things[DISK_2]);
  void *big = open_thing (work, whole, &things[BIG]);

  for (uint64_t b = 0; b < 12; b += 4)
    store (work, disk, &things[DISK_2], b, 4, false);
  if (read_all (work, disk, &things[DISK_2]) < 4)
    crash_work_wrong (work, "it does not serve what it has just stored");
  for (uint64_t b = 0; fill && b < 90; b += 10)
    store (work, big, &things[BIG], b, 10, false);
  work->over->close (big);
  work->over->close (disk);
}

void
crash_work_check_kept (struct crash_work *work)
{
  void *whole = open_whole (work);
  const struct crash_thing *thing = &things[SMALL];
  void *object;

  if (!whole)
    return;
  object = open_thing (work, whole, thing);
  store (work, object, thing, 0, 1, false);
  work->over->close (object);
  work->over->end (whole);
  whole = open_whole (work);
  if (!whole)
    return;
  object = open_thing (work, whole, thing);
  only_cached (work, true);
  if (read_all (work, object, thing) != 1)
    crash_work_wrong (work, "what was stored before the close is gone");
  only_cached (work, false);
  work->over->close (object);
  work->over->end (whole);
}

void
crash_work_check (struct crash_work *work)
{
  uint64_t before = sys_test_allocated (work->test);

  for (int round = 0; round < 2; round++) {
    void *whole = open_whole (work);

    if (!whole)
      return;
    check_find (work, whole);
    check_read (work, whole);
    check_works (work, whole, round == 0);
    work->over->end (whole);
    check_descriptors (work);
  }

  check_budget (work, before, "after the reboot");
  if (sys_test_allocated (work->test) > CRASH_WORK_BUDGET)
    crash_work_wrong (work,
                      "%" PRIu64 " bytes are still allocated, budget %" PRIu64,
                      sys_test_allocated (work->test), CRASH_WORK_BUDGET);
}
