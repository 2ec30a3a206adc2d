/* Devices that record what is read, and are warmed by it the next time. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "device/device.h"
#include "test-device-help.h"
#include "trace/decode.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/mix.h"

#define BLOCK 65536u
#define BLOCKS 100u
#define SIZE (BLOCKS * BLOCK - 1234)    /* a partial block at the end */
#define PATIENCE_NS UINT64_C (30000000000)

struct rig
{
  char *dir, file[128], cache[128], trace[128], other[128];
  struct engine_config config;
  struct engine *engine;
};

/* The last message of the replay, which says that it has ended. */
static pthread_mutex_t message_lock = PTHREAD_MUTEX_INITIALIZER;
static char replayed[1024], info[1024];

static void
note_message (enum log_level level, const char *text)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&message_lock);

  if (level == LOG_LEVEL_INFO)
    snprintf (info, sizeof info, "%s", text);
  else if (strncmp (text, "replay: ", 8) == 0)
    snprintf (replayed, sizeof replayed, "%s", text);
}

/* How many blocks the replay that has just ended has asked for. */
static unsigned
wait_replayed (void)
{
  uint64_t deadline = stop_now_ns () + PATIENCE_NS;
  unsigned n = 0;

  while (n == 0) {
    assert_true (stop_now_ns () < deadline);
    pthread_mutex_lock (&message_lock);
    if (*replayed)
      assert_int_equal (sscanf (strstr (replayed, "asked for "),
                                "asked for %u", &n), 1);
    *replayed = '\0';
    pthread_mutex_unlock (&message_lock);
    stop_sleep (NULL, 2);
  }
  return n;
}

static int
setup (void **state)
{
  struct rig *rig = calloc (1, sizeof *rig);

  rig->dir = help_make_dir ();
  snprintf (rig->file, sizeof rig->file, "%s/file", rig->dir);
  snprintf (rig->cache, sizeof rig->cache, "%s/cache", rig->dir);
  snprintf (rig->trace, sizeof rig->trace, "%s/trace", rig->dir);
  snprintf (rig->other, sizeof rig->other, "%s/other", rig->dir);
  help_write_version (rig->file, 1, SIZE);
  rig->config = (struct engine_config) {
    .cache = { .dir = rig->cache, .size = 64 << 20, .block_size = BLOCK },
    .origin = { .connections = 4, .timeout_ms = 10000 },
  };
  *info = *replayed = '\0';
  *state = rig;
  return 0;
}

static int
teardown (void **state)
{
  struct rig *rig = *state;

  if (rig->engine)
    engine_close (rig->engine);
  help_remove_dir (rig->dir);
  free (rig);
  return 0;
}

/* Another run of the server, with these traces. */
static int
rig_try (struct rig *rig, const char *record, const char *replay,
         struct error *e)
{
  if (rig->engine)
    engine_close (rig->engine);
  rig->config.trace_record = record;
  rig->config.trace_replay = replay;
  rig->engine = engine_open (&rig->config, e);
  return rig->engine ? 0 : -1;
}

static void
rig_run (struct rig *rig, const char *record, const char *replay)
{
  struct error e;

  if (rig_try (rig, record, replay, &e) == -1)
    fail_msg ("engine_open: %s", e.text);
}

static void
rig_refused (struct rig *rig, const char *record, const char *replay,
             const char *words)
{
  struct error e;

  assert_int_equal (rig_try (rig, record, replay, &e), -1);
  if (!strstr (e.text, words))
    fail_msg ("\"%s\" does not say \"%s\"", e.text, words);
}

static void
forget_cache (struct rig *rig)
{
  if (rig->engine)
    engine_close (rig->engine);
  rig->engine = NULL;
  help_remove_dir (strdup (rig->cache));
}

static struct device *
open_ok (struct rig *rig)
{
  struct error e;
  struct device *device = device_open (rig->engine, rig->file, NULL, &e);

  if (!device)
    fail_msg ("device_open: %s", e.text);
  return device;
}

/* Reads it; what device_read returned. */
static int
read_ok (struct device *device, unsigned version, uint64_t offset,
         uint32_t count)
{
  unsigned char *got = malloc (count), *want = malloc (count);
  struct error e;
  int r = device_read (device, got, count, offset, &e);

  if (r == -1)
    fail_msg ("device_read: %s", e.text);
  help_version_bytes (want, version, offset, count);
  assert_memory_equal (got, want, count);
  free (got);
  free (want);
  return r;
}

/* Every third block, last one first, and two at once in the end. */
static const unsigned read_blocks = 34 + 2;

static void
read_pattern (struct device *device, unsigned version, int r)
{
  for (int block = BLOCKS - 1; block >= 0; block -= 3)
    assert_int_equal (read_ok (device, version, (uint64_t) block * BLOCK + 5,
                               100), r);
  assert_int_equal (read_ok (device, version, 11 * BLOCK - 50, 100), r);
}

static void
record_pattern (struct rig *rig, const char *path)
{
  struct device *device;

  rig_run (rig, path, NULL);
  device = open_ok (rig);
  read_pattern (device, 1, 1);
  device_close (device);
  forget_cache (rig);
}

static struct cache_stats
stats_of (struct rig *rig)
{
  struct cache_stats stats;

  cache_stats (engine_cache (rig->engine), &stats);
  return stats;
}

static void
wait_resident (struct rig *rig, unsigned n)
{
  uint64_t deadline = stop_now_ns () + PATIENCE_NS;

  while (stats_of (rig).resident_blocks < n) {
    assert_true (stop_now_ns () < deadline);
    stop_sleep (NULL, 2);
  }
  assert_int_equal (stats_of (rig).resident_blocks, n);
}

/* ---------------------------------------------------------------- tests */

static void
test_replay (void **state)
{
  struct rig *rig = *state;
  struct device *device;

  record_pattern (rig, rig->trace);
  rig_run (rig, NULL, rig->trace);
  device = open_ok (rig);
  assert_int_equal (wait_replayed (), read_blocks);
  wait_resident (rig, read_blocks);
  read_pattern (device, 1, 0);
  assert_int_equal (read_ok (device, 1, 0 * BLOCK, 100), 0);
  assert_int_equal (read_ok (device, 1, 1 * BLOCK, 100), 1);
  device_close (device);

  /* All is cached: nothing is asked for. */
  rig_run (rig, NULL, rig->trace);
  device = open_ok (rig);
  read_pattern (device, 1, 0);
  device_close (device);
  engine_close (rig->engine);
  rig->engine = NULL;
  assert_string_equal (replayed, "");
}

/* The same blocks of another version, as far as there are any. */
static void
test_changed (void **state)
{
  struct rig *rig = *state;
  struct device *device;

  record_pattern (rig, rig->trace);
  help_write_version (rig->file, 2, SIZE);
  rig_run (rig, NULL, rig->trace);
  device = open_ok (rig);
  assert_int_equal (wait_replayed (), read_blocks);
  wait_resident (rig, read_blocks);
  read_pattern (device, 2, 0);
  device_close (device);

  /* It changes while it is served: the new version is warmed, too. */
  help_write_version (rig->file, 3, 10 * BLOCK + 1);
  device = open_ok (rig);
  assert_int_equal (wait_replayed (), 4 + 1);
  assert_int_equal (read_ok (device, 3, 10 * BLOCK, 1), 0);
  device_close (device);
  forget_cache (rig);
  help_write_version (rig->file, 4, 1);
  rig_run (rig, NULL, rig->trace);
  device = open_ok (rig);
  assert_int_equal (wait_replayed (), 1);
  device_close (device);
}

static void
test_block_size (void **state)
{
  struct rig *rig = *state;
  struct device *device;

  record_pattern (rig, rig->trace);
  rig->config.cache.block_size = BLOCK / 4;
  rig_run (rig, NULL, rig->trace);
  device = open_ok (rig);
  /* The last one is shorter by less than a quarter. */
  assert_int_equal (wait_replayed (), 4 * read_blocks);
  wait_resident (rig, 4 * read_blocks);
  read_pattern (device, 1, 0);
  device_close (device);
  forget_cache (rig);

  rig->config.cache.block_size = 4 * BLOCK;
  rig_run (rig, NULL, rig->trace);
  device = open_ok (rig);
  assert_int_equal (wait_replayed (), BLOCKS / 4);
  device_close (device);
}

/* What the cache can't hold is not brought. */
static void
test_budget (void **state)
{
  struct rig *rig = *state;
  struct device *device;
  unsigned n;

  rig_run (rig, rig->trace, NULL);
  device = open_ok (rig);
  read_ok (device, 1, 0, SIZE);
  device_close (device);
  forget_cache (rig);
  rig->config.cache.size = BLOCKS / 2 * BLOCK;
  rig_run (rig, NULL, rig->trace);
  device = open_ok (rig);
  n = wait_replayed ();
  assert_true (n > BLOCKS / 4 && n <= BLOCKS / 2);
  wait_resident (rig, n);
  assert_int_equal (stats_of (rig).evicted_blocks, 0);
  assert_true (stats_of (rig).used_bytes <= rig->config.cache.size);
  assert_int_equal (read_ok (device, 1, 0, BLOCK), 0);
  device_close (device);
}

/* One file for both: missing at first, then each run teaches the next. */
static void
test_teach (void **state)
{
  struct rig *rig = *state;
  struct device *device;

  rig_run (rig, rig->trace, rig->trace);
  device = open_ok (rig);
  read_pattern (device, 1, 1);
  device_close (device);
  forget_cache (rig);

  /* Nobody comes: what was learnt stays. */
  rig_run (rig, rig->trace, rig->trace);
  forget_cache (rig);

  rig_run (rig, rig->trace, rig->trace);
  device = open_ok (rig);
  assert_int_equal (wait_replayed (), read_blocks);
  wait_resident (rig, read_blocks);
  read_pattern (device, 1, 0);
  assert_int_equal (read_ok (device, 1, 50 * BLOCK, 1), 1);
  device_close (device);
  forget_cache (rig);

  rig_run (rig, rig->trace, rig->trace);
  device = open_ok (rig);
  assert_int_equal (wait_replayed (), read_blocks + 1);
  device_close (device);
}

/* Closed in the middle of it, and before it has begun. */
static void
test_ends (void **state)
{
  struct rig *rig = *state;

  record_pattern (rig, rig->trace);
  for (unsigned i = 0; i < 20; i++) {
    rig_run (rig, rig->other, rig->trace);
    device_close (open_ok (rig));
    if (i % 2)
      stop_sleep (NULL, i / 2);
    forget_cache (rig);
  }
}

static atomic_uint looks;

static bool
count_look (void *opaque)
{
  (void) opaque;
  atomic_fetch_add (&looks, 1);
  return false;
}

/* It asks whether to stop also where there is nothing to fetch, and a record
 * is of many blocks: of 1 MiB ones, where the cache has 4 KiB.
 */
static void
test_looks (void **state)
{
  static const struct stop stop = { .stopping = count_look };
  struct rig *rig = *state;
  uint64_t deadline;
  struct device *device;

  rig->config.cache.block_size = 1 << 20;
  rig_run (rig, rig->trace, NULL);
  device = open_ok (rig);
  for (unsigned i = 0; i < 8000; i++)
    read_ok (device, 1, i % 2 ? 0 : 4 << 20, 1);
  device_close (device);
  forget_cache (rig);

  rig->config.cache.block_size = 4096;
  rig_run (rig, NULL, NULL);
  device = open_ok (rig);
  read_ok (device, 1, 0, SIZE);
  device_close (device);
  rig->config.stop = &stop;
  rig_run (rig, NULL, rig->trace);
  atomic_store (&looks, 0);
  device = open_ok (rig);
  deadline = stop_now_ns () + PATIENCE_NS;
  while (atomic_load (&looks) < 1000) {
    assert_true (stop_now_ns () < deadline);
    stop_sleep (NULL, 2);
  }
  device_close (device);
}

/* ---------------------------------------------------------------- files */

static void
put_file (const char *path, const char *bytes, size_t count)
{
  FILE *f = fopen (path, "w");

  assert_non_null (f);
  assert_int_equal (fwrite (bytes, 1, count, f), count);
  assert_int_equal (fclose (f), 0);
}

/* Until there is a frame in it. */
static void
wait_written (const char *path)
{
  uint64_t deadline = stop_now_ns () + PATIENCE_NS;
  struct stat st = { .st_size = 0 };

  while (st.st_size <= TRACE_HEADER_BYTES) {
    assert_true (stop_now_ns () < deadline);
    stop_sleep (NULL, 2);
    stat (path, &st);
  }
}

static void
test_bad_files (void **state)
{
  struct rig *rig = *state;
  struct device *device;
  char bytes[8192];
  size_t count;
  FILE *f;

  rig_refused (rig, NULL, rig->trace, "cannot open the trace to replay");
  rig_refused (rig, NULL, rig->dir, "not a regular file");
  put_file (rig->trace, "precious, and not a trace", 25);
  rig_refused (rig, NULL, rig->trace, "not a trace");
  rig_refused (rig, rig->trace, NULL, "exists and is not overwritten");
  rig_refused (rig, rig->trace, rig->trace, "not a trace");
  put_file (rig->trace, "", 0);
  rig_refused (rig, NULL, rig->trace, "not a trace");

  /* Two frames, the first of them damaged; then a torn one. */
  unlink (rig->trace);
  rig_run (rig, rig->trace, NULL);
  device = open_ok (rig);
  read_ok (device, 1, 0, BLOCK);
  wait_written (rig->trace);
  read_ok (device, 1, 7 * BLOCK, BLOCK);
  device_close (device);
  forget_cache (rig);
  f = fopen (rig->trace, "r");
  assert_non_null (f);
  count = fread (bytes, 1, sizeof bytes, f);
  fclose (f);
  bytes[100] ^= 1;
  put_file (rig->trace, bytes, count);
  rig_refused (rig, NULL, rig->trace, "frame 0 is damaged");
  assert_string_equal (info, "");
  rig_run (rig, rig->trace, rig->trace);
  assert_non_null (strstr (info, "frame 0 is damaged"));
  device_close (open_ok (rig));
  forget_cache (rig);
  bytes[100] ^= 1;
  put_file (rig->trace, bytes, count - 1);
  rig_run (rig, NULL, rig->trace);
  assert_non_null (strstr (info, "torn"));
  device = open_ok (rig);
  assert_int_equal (wait_replayed (), 1);
  device_close (device);
}

/* ---------------------------------------------------------------- recorded */

static ssize_t
read_stdio (void *opaque, void *buf, size_t count, struct error *e)
{
  (void) e;
  return fread (buf, 1, count, opaque);
}

/* What clients asked for is there, block by block; what was read ahead is
 * not.
 */
static void
test_recorded (void **state)
{
  struct rig *rig = *state;
  struct device *device;
  struct trace_decoder *decoder;
  struct trace_record record;
  struct error e;
  char got[200] = "";
  unsigned stored = 0;
  FILE *f;

  rig->config.readahead = 8 << 20;
  rig_run (rig, rig->trace, NULL);
  device = open_ok (rig);
  read_ok (device, 1, 0, 1);
  wait_resident (rig, 1);
  read_ok (device, 1, BLOCK - 1, 2);
  wait_resident (rig, 2);
  read_ok (device, 1, BLOCK - 1, 2);
  read_ok (device, 1, SIZE - 1, 1);
  wait_resident (rig, 3);
  assert_int_equal (device_cache (device, 2 * BLOCK, SIZE - 2 * BLOCK, &e),
                    1);
  wait_resident (rig, 5);
  engine_close (rig->engine);
  rig->engine = NULL;
  f = fopen (rig->trace, "r");
  assert_non_null (f);
  decoder = trace_decoder_new (read_stdio, f, &e);
  assert_non_null (decoder);
  while (trace_decoder_next (decoder, &record, &e) == 1) {
    if (record.kind == TRACE_OBJECT)
      assert_int_equal (record.size, SIZE);
    stored += record.kind == TRACE_STORED ? record.count : 0;
    if (record.kind == TRACE_STORED)
      assert_true (record.bytes > BLOCK - 4096 && record.bytes <= BLOCK
                   && record.cost_us > 0);
    for (unsigned i = 0; record.kind == TRACE_ACCESS && i < record.count; i++)
      snprintf (got + strlen (got), sizeof got - strlen (got), "%u%c ",
                (unsigned) record.block + i, record.hit ? '+' : '-');
  }
  trace_decoder_free (decoder);
  fclose (f);
  assert_int_equal (stored, 5);
  /* The last two blocks of bytes touch three. */
  assert_string_equal (got, "0- 0+ 1- 0+ 1+ 99- 97- 98- 99+ ");
}

int
main (void)
{
#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
  const struct CMUnitTest tests[] = {
    TEST (test_replay),
    TEST (test_changed),
    TEST (test_block_size),
    TEST (test_budget),
    TEST (test_teach),
    TEST (test_ends),
    TEST (test_looks),
    TEST (test_bad_files),
    TEST (test_recorded),
  };

  tiercache_debug_replay = 1;
  log_to (note_message, 1);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
