/* A cache directory: opening, closing, and what there is to say of it. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cache/cache-internal.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/mix.h"

char *
cache_path (const char *dir, const char *name)
{
  char *path;

  return asprintf (&path, "%s/%s", dir, name) == -1 ? NULL : path;
}

void
cache_unlink (struct cache *c, const char *name)
{
  CLEANUP_FREE char *path = cache_path (c->dir, name);

  if (path)
    c->sys->unlink (c->sys, path);
}

static int
cannot (const struct cache *c, const char *what, struct error *e)
{
  return error_set (e, errno, "%s: cannot %s: %s", c->dir, what,
                    strerror (errno));
}

/* The pid of who holds the lock, if it says. */
static int
in_use (struct cache *c, struct error *e)
{
  char text[24] = "", who[40] = "another process";
  long pid;

  if (sys_pread_full (c->sys, c->lock_fd, text, sizeof text - 1, 0) == -1)
    text[0] = '\0';
  pid = strtol (text, NULL, 10);
  if (pid > 0)
    snprintf (who, sizeof who, "process %ld", pid);
  return error_set (e, EBUSY, "%s is in use by %s: give another directory, or "
                    "end that process first", c->dir, who);
}

static int
write_pid (struct cache *c)
{
  char text[32];
  int length;

  c->pid = getpid ();
  length = snprintf (text, sizeof text, "%ld\n", (long) c->pid);
  if (c->sys->ftruncate (c->sys, c->lock_fd, 0) == -1)
    return -1;
  return sys_pwrite_full (c->sys, c->lock_fd, text, length, 0) == -1 ? -1 : 0;
}

static int
take_lock (struct cache *c, struct error *e)
{
  CLEANUP_FREE char *path = cache_path (c->dir, "lock");

  if (!path)
    return cannot (c, "open it", e);
  c->lock_fd = c->sys->open (c->sys, path, O_RDWR | O_CREAT | O_NOFOLLOW |
                             O_NONBLOCK, 0600);
  if (c->lock_fd == -1)
    return cannot (c, "open the file \"lock\" in it", e);
  if (c->sys->lock (c->sys, c->lock_fd) == -1)
    return errno == EAGAIN || errno == EACCES ? in_use (c, e) :
      cannot (c, "lock it", e);
  if (write_pid (c) == -1)
    return cannot (c, "write the file \"lock\" in it", e);
  return 0;
}

/* A cache frees space by punching holes: the file system must know how, and
 * in what units.
 */
static int
check_file_system (struct cache *c, struct error *e)
{
  struct statvfs vfs;

  if (c->sys->fallocate (c->sys, c->lock_fd,
                         FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096,
                         4096) == -1 && errno != EINTR)
    return error_set (e, errno, "%s: its file system can't punch holes in "
                      "files (%s): use ext4, XFS or btrfs", c->dir,
                      strerror (errno));
  if (c->sys->fstatvfs (c->sys, c->lock_fd, &vfs) == -1)
    return cannot (c, "look at its file system", e);
  c->unit = max_u64 (vfs.f_frsize, 4096);
  if (c->unit > c->block_size)
    return error_set (e, EINVAL, "%s: its file system allocates space in "
                      "units of %" PRIu32 " bytes: the cache's block size "
                      "must be at least that", c->dir, c->unit);
  return 0;
}

static int
dir_bytes (struct cache *c, uint64_t *bytes, struct error *e)
{
  int fd = c->sys->open (c->sys, c->dir, O_RDONLY | O_DIRECTORY, 0), r;
  struct stat st;

  if (fd == -1)
    return cannot (c, "open it", e);
  r = c->sys->fstat (c->sys, fd, &st);
  c->sys->close (c->sys, fd);
  if (r == -1)
    return cannot (c, "look at it", e);
  *bytes = max_u64 ((uint64_t) st.st_blocks * 512, 4096);
  return 0;
}

/* A descriptor for each data file, which is one a GiB. */
static void
raise_descriptors (const struct cache *c)
{
  uint64_t more = c->size / DATA_FILE_BYTES *
    min_u64 (4, c->block_size / 4096);
  struct rlimit limit;

  if (more < 64 || getrlimit (RLIMIT_NOFILE, &limit) == -1)
    return;
  limit.rlim_cur = min_u64 (limit.rlim_max, limit.rlim_cur + more);
  setrlimit (RLIMIT_NOFILE, &limit);
}

static int
configure (struct cache *c, const struct cache_config *config,
           struct error *e)
{
  uint32_t bs = config->block_size;

  c->sys = config->sys ? config->sys : &sys_real;
  c->stop = config->stop;
  c->size = config->size;
  c->block_size = bs;
  c->piece = bs / PIECES;
  c->granule = bs <= 65536 ? 1 : bs / 65536;
  c->compress = config->compress;
  c->policy_kind = config->policy;
  c->goal = config->goal;
  c->admission = config->admission;
  c->next_id = 1;
  c->next_not_lasting = NOT_LASTING + 1;
  if (getrandom (&c->hash_seed, sizeof c->hash_seed, 0) !=
      sizeof c->hash_seed)
    c->hash_seed = mix_u64 (c->sys->monotonic_ns (c->sys) ^ getpid ());
  c->dir = strdup (config->dir);
  if (!c->dir)
    return error_set (e, ENOMEM, "%s: out of memory", config->dir);
  if (bs < CACHE_BLOCK_SIZE_MIN || bs > CACHE_BLOCK_SIZE_MAX ||
      (bs & (bs - 1)) != 0)
    return error_set (e, EINVAL, "%s: a block size of %" PRIu32 " bytes is "
                      "not a power of two from %u to %u", c->dir, bs,
                      CACHE_BLOCK_SIZE_MIN, CACHE_BLOCK_SIZE_MAX);
  return 0;
}

static int
open_directory (struct cache *c, struct error *e)
{
  uint64_t bytes = 0;

  if (sys_mkdir_all (c->sys, c->dir) == -1)
    return cannot (c, "make the directory", e);
  raise_descriptors (c);
  if (owned_check (c, e) == -1 || take_lock (c, e) == -1 ||
      check_file_system (c, e) == -1 || dir_bytes (c, &bytes, e) == -1)
    return -1;
  learned_open (c);
  if (recover (c, bytes, e) == -1)
    return -1;
  learned_drop (c);
  log_debug (cache, "%s: %" PRIu64 " blocks in %" PRIu32 " slots, %" PRIu64
             " of %" PRIu64 " bytes", c->dir, atomic_load (&c->resident),
             c->slots, budget_used (c), c->size);
  return 0;
}

static void
free_cache (struct cache *c)
{
  for (uint32_t i = 0; c->data_fds && i < c->files; i++)
    if (data_fd (c, i) != -1)
      c->sys->close (c->sys, data_fd (c, i));
  if (c->index_fd != -1)
    c->sys->close (c->sys, c->index_fd);
  if (c->lock_fd != -1)
    c->sys->close (c->sys, c->lock_fd);
  objects_delete_all (c);
  slots_delete (c);
  scratch_delete (c);
  policy_free (c->policy);
  free (c->data_fds);
  free (c->file_live);
  free (c->file_peak);
  free (c->dead);
  free (c->sweep_dead);
  free (c->learned);
  pthread_mutex_destroy (&c->lock);
  pthread_mutex_destroy (&c->objects_lock);
  pthread_cond_destroy (&c->evict_cond);
  pthread_cond_destroy (&c->space_cond);
  pthread_cond_destroy (&c->objects_cond);
  free (c->dir);
  free (c);
}

struct cache *
cache_open (const struct cache_config *config, struct error *e)
{
  struct cache *c = aligned_alloc (64, (sizeof *c + 63) / 64 * 64);

  if (!c) {
    error_set (e, ENOMEM, "%s: out of memory", config->dir);
    return NULL;
  }
  memset (c, 0, sizeof *c);
  c->lock_fd = c->index_fd = -1;
  pthread_mutex_init (&c->lock, NULL);
  pthread_mutex_init (&c->objects_lock, NULL);
  stop_cond_init (&c->evict_cond);
  stop_cond_init (&c->space_cond);
  stop_cond_init (&c->objects_cond);
  if (configure (c, config, e) == -1 || open_directory (c, e) == -1) {
    evict_stop (c);
    free_cache (c);
    return NULL;
  }
  return c;
}

/* 1 if this call started the thread; -1 with errno. */
static int
start_once (struct cache *c)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->objects_lock);

  if (c->evictor_runs)
    return 0;
  errno = evict_start (c);
  return errno == 0 ? 1 : -1;
}

/* What belongs to the process rather than to the directory: a program may
 * fork between opening the cache and using it.  The pid is only for others
 * to name the owner: a disk that fails now is nobody's trouble.
 */
int
cache_settle (struct cache *c, struct error *e)
{
  int r = start_once (c);

  if (r == -1)
    return error_set (e, errno, "%s: cannot start a thread: %s: allow this "
                      "process more threads and memory (ulimit -u, TasksMax=)",
                      c->dir, strerror (errno));
  if (r == 1 && c->pid != getpid () && write_pid (c) == -1)
    health_failed (c, "write", "lock", UINT32_MAX, errno);
  return 0;
}

/* The policy's state into all records, and those go that the evictor had not
 * come to yet.  Nobody else writes any more.
 */
static int
save_records (struct cache *c)
{
  uint8_t records[BATCH_MAX * INDEX_RECORD], state[POLICY_SAVED];

  for (uint32_t s = 0; s < c->high_water; s += BATCH_MAX) {
    uint32_t n = min_u64 (BATCH_MAX, c->high_water - s);

    if (index_read (c, s, n, records) == -1)
      return -1;
    for (uint32_t i = 0; i < n; i++) {
      uint8_t *record = records + i * INDEX_RECORD;

      if (c->table[s + i].state == SLOT_LIVE)
        policy_entry_save (&c->table[s + i].policy, record + INDEX_POLICY);
      else
        memset (record, 0, INDEX_RECORD);
    }
    if (index_write (c, s, n, records) == -1)
      return -1;
  }
  policy_save (c->policy, state);
  return index_write_policy (c, state);
}

static bool
had_hits (const struct cache *c)
{
  for (size_t i = 0; i < c->objects_count; i++)
    if (objects_hits (c->objects[i]) != c->objects[i]->hits_before)
      return true;
  return false;
}

void
cache_close (struct cache *c)
{
  evict_stop (c);
  if (!health_degraded (c)) {
    if (atomic_load (&c->objects_touched) || had_hits (c))
      atomic_fetch_add (&c->objects_changed, 1);
    objects_save (c, false);
    if (save_records (c) == -1)
      health_failed (c, "write", "index", UINT32_MAX, errno);
    else
      learned_save (c);
  }
  free_cache (c);
}

uint32_t
cache_block_size (const struct cache *c)
{
  return c->block_size;
}

void
cache_stats (struct cache *c, struct cache_stats *stats)
{
  memset (stats, 0, sizeof *stats);
  for (unsigned i = 0; i < COUNTERS; i++) {
    stats->hits += atomic_load (&c->counters[i].hits);
    stats->misses += atomic_load (&c->counters[i].misses);
  }
  stats->stored_blocks = atomic_load (&c->stored_blocks);
  stats->stored_bytes = atomic_load (&c->stored_bytes);
  stats->evicted_blocks = atomic_load (&c->evicted_blocks);
  stats->failed_checks = atomic_load (&c->failed_checks);
  stats->io_errors = atomic_load (&c->io_errors);
  stats->resident_blocks = atomic_load (&c->resident);
  stats->degraded = health_degraded (c);
  stats->unwritable = atomic_load (&c->unwritable);

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);
  stats->used_bytes = budget_used (c);
}
