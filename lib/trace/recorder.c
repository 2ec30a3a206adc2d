/* Writes down what blocks clients ask for, while they do.
 *
 * Accesses go into the ring; the writer takes them out every few
 * milliseconds, makes records of them, and writes a frame when it is full or
 * some time has passed.  Objects go by a list of their own: one is on it
 * before anything can be reported for it, so the writer, which empties the
 * ring first and then the list, always has the object before its accesses.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "trace/encode.h"
#include "trace/recorder.h"
#include "trace/ring.h"
#include "trace/trace-file.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/minmax.h"
#include "util/stop.h"

#define NS_PER_MS UINT64_C (1000000)
#define BUSY_MS 10              /* how often the writer looks while there is */
#define IDLE_MS 100             /* something, and when there is not */
#define FLUSH_MS 200            /* no access is in memory for longer */
#define TAKE_MAX 4096           /* entries at once */

struct recorder_object
{
  struct recorder *recorder;
  uint32_t number;
  uint64_t size;
  char *identity, *validator;
};

struct recorder
{
  const struct sys *sys;
  uint64_t began_ns, file_max;
  struct ring ring;
  _Atomic uint64_t dropped;
  atomic_bool stopped;          /* the file is full, or failed */

  /* Guards what follows; never held across I/O. */
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool closing, started;
  struct recorder_object *objects[TRACE_OBJECTS_MAX];
  uint32_t count;

  /* The writer's. */
  pthread_t writer;
  struct trace_file file;
  bool failed, any;             /* any: an access is in the file */
  uint32_t written_objects;
  uint64_t flushed_ns;
  struct trace_encoder encoder;
  struct ring_entry taken[TAKE_MAX];
};

static uint64_t
now_ns (const struct recorder *recorder)
{
  return recorder->sys->monotonic_ns (recorder->sys);
}

static void
free_recorder (struct recorder *recorder)
{
  for (uint32_t i = 0; i < recorder->count; i++) {
    free (recorder->objects[i]->identity);
    free (recorder->objects[i]->validator);
    free (recorder->objects[i]);
  }
  ring_destroy (&recorder->ring);
  pthread_cond_destroy (&recorder->wake);
  pthread_mutex_destroy (&recorder->lock);
  free (recorder);
}

struct recorder *
recorder_open (const struct recorder_config *config, struct error *e)
{
  struct recorder *recorder = aligned_alloc (64, (sizeof *recorder + 63)
                                             / 64 * 64);

  if (!recorder) {
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  memset (recorder, 0, sizeof *recorder);
  recorder->sys = config->sys ? config->sys : &sys_real;
  recorder->file_max = config->file_max ? config->file_max
    : RECORDER_FILE_MAX;
  recorder->began_ns = now_ns (recorder);
  trace_encoder_init (&recorder->encoder);
  pthread_mutex_init (&recorder->lock, NULL);
  stop_cond_init (&recorder->wake);
  if (ring_init (&recorder->ring) == -1)
    error_set (e, ENOMEM, "out of memory");
  else if (trace_file_open (&recorder->file, recorder->sys, config->path,
                            config->at_end, config->block_size, e) == 0)
    return recorder;
  free_recorder (recorder);
  return NULL;
}

static void
write_frame (struct recorder *recorder)
{
  const uint8_t *frame;
  size_t count = trace_encoder_frame (&recorder->encoder, &frame);

  recorder->flushed_ns = now_ns (recorder);
  if (count == 0 || atomic_load (&recorder->stopped))
    return;
  if (recorder->file.size + count > recorder->file_max) {
    log_info ("%s: recording ends here, for the file has reached %" PRIu64
              " bytes", recorder->file.path, recorder->file.size);
    atomic_store (&recorder->stopped, true);
  }
  else if (trace_file_append (&recorder->file, frame, count) == -1) {
    log_info ("%s: recording ends here, for the file can't be written: %s",
              recorder->file.path, strerror (errno));
    recorder->failed = true;
    atomic_store (&recorder->stopped, true);
  }
}

static void
add (struct recorder *recorder, const struct trace_record *record)
{
  if (!trace_encoder_room (&recorder->encoder))
    write_frame (recorder);
  trace_encoder_add (&recorder->encoder, record);
}

static void
add_objects (struct recorder *recorder)
{
  for (;;) {
    struct trace_record record = { .kind = TRACE_OBJECT };

    pthread_mutex_lock (&recorder->lock);
    if (recorder->written_objects < recorder->count) {
      struct recorder_object *object
        = recorder->objects[recorder->written_objects];

      record.object = object->number;
      record.size = object->size;
      record.identity = object->identity;
      record.validator = object->validator;
    }
    pthread_mutex_unlock (&recorder->lock);
    if (!record.identity)
      return;
    add (recorder, &record);
    recorder->written_objects++;
  }
}

static void
add_entry (struct recorder *recorder, const struct ring_entry *entry)
{
  struct trace_record record = {
    .kind = entry->count > 0 ? TRACE_ACCESS : TRACE_STORED,
    .object = entry->object,
    .block = entry->block,
    .count = entry->count > 0 ? entry->count : 1,
    .hit = entry->hit,
    .time_us = entry->time_us,
    .cost_us = entry->cost_us,
    .bytes = entry->bytes,
  };

  recorder->any |= entry->count > 0;
  add (recorder, &record);
}

/* What is in the ring into records.  True if there was anything. */
static bool
drain (struct recorder *recorder)
{
  struct trace_record lost = { .kind = TRACE_DROPPED };
  bool some = false;
  size_t n;

  do {
    for (n = 0; n < TAKE_MAX; n++)
      if (!ring_take (&recorder->ring, &recorder->taken[n]))
        break;
    add_objects (recorder);
    for (size_t i = 0; i < n; i++)
      add_entry (recorder, &recorder->taken[i]);
    some |= n > 0;
  } while (n == TAKE_MAX);
  lost.dropped = atomic_exchange (&recorder->dropped, 0);
  if (lost.dropped > 0)
    add (recorder, &lost);
  return some;
}

static void *
writer (void *opaque)
{
  struct recorder *recorder = opaque;
  bool closing = false;
  struct error e;

  if (trace_file_begin (&recorder->file, &e) == -1) {
    log_error ("%s: nothing is recorded", e.text);
    atomic_store (&recorder->stopped, true);
  }
  recorder->flushed_ns = now_ns (recorder);
  while (!closing) {
    bool some = drain (recorder);
    uint64_t now = now_ns (recorder);

    if (now - recorder->flushed_ns >= FLUSH_MS * NS_PER_MS)
      write_frame (recorder);
    ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&recorder->lock);
    closing = recorder->closing;
    if (!closing)
      stop_wait (NULL, &recorder->wake, &recorder->lock, stop_now_ns ()
                 + (some ? BUSY_MS : IDLE_MS) * NS_PER_MS);
  }
  /* Who closes reports no more. */
  drain (recorder);
  write_frame (recorder);
  return NULL;
}

void
recorder_close (struct recorder *recorder)
{
  struct error e;

  pthread_mutex_lock (&recorder->lock);
  recorder->closing = true;
  pthread_cond_broadcast (&recorder->wake);
  pthread_mutex_unlock (&recorder->lock);
  if (recorder->started)
    pthread_join (recorder->writer, NULL);
  if (trace_file_close (&recorder->file, recorder->any && !recorder->failed,
                        &e) == -1)
    log_error ("%s", e.text);
  free_recorder (recorder);
}

static struct recorder_object *
find_object (struct recorder *recorder, const char *identity,
             const char *validator, uint64_t size)
{
  for (uint32_t i = 0; i < recorder->count; i++) {
    struct recorder_object *object = recorder->objects[i];

    if (object->size == size && strcmp (object->identity, identity) == 0
        && strcmp (object->validator, validator) == 0)
      return object;
  }
  return NULL;
}

static struct recorder_object *
new_object (struct recorder *recorder, const char *identity,
            const char *validator, uint64_t size)
{
  struct recorder_object *object = calloc (1, sizeof *object);

  if (!object)
    return NULL;
  object->recorder = recorder;
  object->number = recorder->count;
  object->size = size;
  object->identity = strdup (identity);
  object->validator = strdup (validator);
  if (object->identity && object->validator)
    return recorder->objects[recorder->count++] = object;
  free (object->identity);
  free (object->validator);
  free (object);
  return NULL;
}

struct recorder_object *
recorder_object (struct recorder *recorder, const char *identity,
                 const char *validator, uint64_t size)
{
  struct recorder_object *object;
  size_t length = strlen (identity);
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&recorder->lock);

  if (!recorder->started
      && pthread_create (&recorder->writer, NULL, writer, recorder) != 0) {
    log_error ("%s: nothing is recorded, for no thread can be started",
               recorder->file.path);
    return NULL;
  }
  recorder->started = true;
  object = find_object (recorder, identity, validator, size);
  if (object)
    return object;
  if (recorder->count == TRACE_OBJECTS_MAX || length == 0
      || length > TRACE_IDENTITY_MAX
      || strlen (validator) > TRACE_VALIDATOR_MAX)
    return NULL;
  return new_object (recorder, identity, validator, size);
}

static void
put (struct recorder_object *object, struct ring_entry *entry)
{
  struct recorder *recorder = object->recorder;

  entry->object = object->number;
  if (!ring_put (&recorder->ring, entry) && entry->count > 0)
    atomic_fetch_add (&recorder->dropped, 1);
}

void
recorder_access (struct recorder_object *object, uint64_t block,
                 uint32_t count, bool hit)
{
  struct recorder *recorder = object->recorder;
  struct ring_entry entry = { .hit = hit };

  if (atomic_load_explicit (&recorder->stopped, memory_order_relaxed))
    return;
  entry.time_us = (now_ns (recorder) - recorder->began_ns) / 1000;
  for (uint32_t done = 0; done < count; done += entry.count) {
    entry.block = block + done;
    entry.count = min_u64 (count - done, TRACE_RUN_MAX);
    put (object, &entry);
  }
}

void
recorder_stored (struct recorder_object *object, uint64_t block,
                 uint32_t cost_us, uint32_t bytes)
{
  struct ring_entry entry = {
    .block = block, .cost_us = cost_us, .bytes = bytes
  };

  if (!atomic_load_explicit (&object->recorder->stopped,
                             memory_order_relaxed))
    put (object, &entry);
}
