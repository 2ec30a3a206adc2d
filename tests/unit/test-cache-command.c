/* What tiercache-ctl asks of a cache: what is in it, dropping and verifying
 * blocks, hit counts; also while readers and stores are at work, and from
 * a directory that an earlier version has written.
 */

#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/bytes.h"
#include "cache/cache-internal.h"
#include "test-cache-help.h"
#include "util/cleanup.h"
#include "util/minmax.h"
#include "util/mix.h"

#define BS 16384u
#define SIZE (64 * (uint64_t) BS - 1000)


static void
evict (struct cache *c, const char *identity, uint64_t offset, uint64_t end,
       uint64_t blocks)
{
  struct cache_evicted evicted;
  struct error e = { 0 };

  if (cache_evict (c, identity, offset, end, &evicted, &e) == -1)
    fail_msg ("%s", e.text);
  assert_int_equal (evicted.blocks, blocks);
  assert_true ((evicted.bytes > 0) == (blocks > 0));
}

static void
test_evict (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, false);
  struct cache *c = help_open (&config);
  struct cache_object *a = help_object (c, "a", 1, SIZE);
  struct cache_object *b = help_object (c, "b", 2, SIZE);
  struct cache_version version;
  struct cache_evicted evicted;
  struct error e = { 0 };

  (void) state;
  help_store (a, 1, SIZE, BS, 0, 64, CONTENT_RANDOM, NULL);
  help_store (b, 2, SIZE, BS, 0, 64, CONTENT_RANDOM, NULL);
  evict (c, "a", BS + 1, BS + 2, 1);            /* the block it touches */
  assert_false (cache_has (a, 1));
  evict (c, "a", 4 * BS, 8 * BS, 4);
  evict (c, "a", 62 * BS, UINT64_MAX, 2);
  assert_int_equal (help_count (a, 1, SIZE, BS, CONTENT_RANDOM), 57);
  assert_int_equal (help_count (b, 2, SIZE, BS, CONTENT_RANDOM), 64);
  evict (c, "a", 0, UINT64_MAX, 57);
  assert_int_equal (help_count (b, 2, SIZE, BS, CONTENT_RANDOM), 64);
  assert_true (help_du (help_dir) < 64 * BS + 1 * MIB);      /* given back */
  assert_int_equal (cache_evict (c, "c", 0, UINT64_MAX, &evicted, &e), -1);
  assert_int_equal (e.errnum, ENOENT);

  /* What is open stays known, what is not is forgotten. */
  assert_true (cache_find (c, "a", &version));
  cache_object_close (a);
  evict (c, "a", 0, UINT64_MAX, 0);
  assert_false (cache_find (c, "a", &version));
  evict (c, NULL, 0, UINT64_MAX, 64);
  cache_object_close (b);
  cache_close (c);
}

static bool
go_on (void *opaque, uint64_t done, uint64_t total)
{
  uint64_t *last = opaque;

  assert_true (done <= total);
  *last = done;
  return true;
}

static bool
stop_now (void *opaque, uint64_t done, uint64_t total)
{
  (void) opaque;
  (void) done;
  (void) total;
  return false;
}

static struct cache_verified
verify (struct cache *c, const char *identity)
{
  struct cache_verified verified;
  struct error e = { 0 };
  uint64_t last = 0;

  if (cache_verify (c, identity, go_on, &last, &verified, &e) == -1)
    fail_msg ("%s", e.text);
  assert_int_equal (last, verified.blocks);
  return verified;
}

static void
flip (const char *name, uint64_t offset)
{
  char *path = help_path (help_dir, name), byte;
  int fd = open (path, O_RDWR);

  assert_int_equal (pread (fd, &byte, 1, offset), 1);
  byte ^= 4;
  assert_int_equal (pwrite (fd, &byte, 1, offset), 1);
  close (fd);
  free (path);
}

static void
test_verify (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, true);
  struct cache *c = help_open (&config);
  struct cache_object *a = help_object (c, "a", 1, SIZE);
  struct cache_object *b = help_object (c, "b", 2, SIZE);
  struct cache_verified v;
  struct error e = { 0 };

  (void) state;
  help_store (a, 1, SIZE, BS, 0, 64, CONTENT_RANDOM, NULL);
  help_store (b, 2, SIZE, BS, 0, 64, CONTENT_MIXED, NULL);
  /* All that a reader has checked is checked again. */
  assert_int_equal (help_count (a, 1, SIZE, BS, CONTENT_RANDOM), 64);
  v = verify (c, NULL);
  assert_int_equal (v.blocks, 128);
  assert_int_equal (v.failed, 0);
  flip ("data.0", 3 * BS + 5000);
  flip ("data.0", 7 * BS + 16000);
  flip ("index", index_offset (9) + 20);
  v = verify (c, "b");
  assert_int_equal (v.blocks, 64);
  assert_int_equal (v.failed, 0);
  v = verify (c, "a");
  assert_int_equal (v.blocks, 64);
  assert_int_equal (v.failed, 3);
  v = verify (c, NULL);
  assert_int_equal (v.blocks, 125);
  assert_int_equal (v.failed, 0);
  assert_int_equal (help_count (a, 1, SIZE, BS, CONTENT_RANDOM), 61);
  assert_int_equal (cache_verify (c, "c", stop_now, NULL, &v, &e), -1);
  assert_int_equal (e.errnum, ENOENT);
  assert_int_equal (cache_verify (c, NULL, stop_now, NULL, &v, &e), 0);
  assert_in_range (v.blocks, 1, 124);
  cache_object_close (a);
  cache_object_close (b);
  cache_close (c);
}

static int
note (void *opaque, const struct cache_listing_object *object)
{
  struct cache_listing_object *to = opaque;

  to[object->identity[0] - 'a'] = *object;
  return 0;
}

/* The list of an open cache and that of its directory say the same. */
static void
test_list (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, true);
  struct cache_listing_object open[3] = { 0 }, closed[3] = { 0 };
  struct cache_listing l;
  struct cache *c = help_open (&config);
  struct cache_object *a = help_object (c, "a", 1, SIZE);
  struct cache_object *b = help_object (c, "b", 2, SIZE), *fleeting;
  struct error e = { 0 };

  (void) state;
  fleeting = cache_object_open (c, "c", NULL, false, SIZE, &e);
  help_store (a, 1, SIZE, BS, 0, 64, CONTENT_MIXED, NULL);
  help_store (b, 2, SIZE, BS, 5, 5, CONTENT_TEXT, NULL);
  help_store (fleeting, 3, SIZE, BS, 0, 2, CONTENT_TEXT, NULL);
  assert_int_equal (cache_pin (c, "b", true, &e), 0);
  help_count (a, 1, SIZE, BS, CONTENT_MIXED);
  help_check (b, 2, SIZE, BS, 5 * BS + 1, 10, CONTENT_TEXT);
  assert_int_equal (cache_list_open (c, &l, note, open, &e), 0);
  assert_int_equal (l.blocks, 71);
  assert_int_equal (open[2].blocks, 2);
  assert_false (open[2].kept);
  cache_object_close (a);
  cache_object_close (b);
  cache_object_close (fleeting);
  cache_close (c);

  assert_int_equal (cache_list (help_dir, &l, note, closed, &e), 0);
  for (unsigned i = 0; i < 2; i++) {
    assert_int_equal (open[i].size, closed[i].size);
    assert_int_equal (open[i].blocks, closed[i].blocks);
    assert_int_equal (open[i].stored_bytes, closed[i].stored_bytes);
    assert_int_equal (open[i].hits, closed[i].hits);
    assert_int_equal (open[i].pinned, closed[i].pinned);
    assert_int_equal (open[i].kept, closed[i].kept);
  }
  assert_int_equal (closed[0].hits, 64);
  assert_int_equal (closed[1].hits, 1);
  assert_true (closed[1].pinned && closed[1].kept);
  assert_int_equal (l.policy, POLICY_LRU);

  /* Hits go on from what they were. */
  c = help_open (&config);
  a = help_object (c, "a", 1, SIZE);
  help_check (a, 1, SIZE, BS, 0, 3 * BS, CONTENT_MIXED);
  assert_int_equal (cache_list_open (c, &l, note, open, &e), 0);
  assert_int_equal (open[0].hits, 67);
  cache_object_close (a);
  cache_close (c);
}

/* The file of objects as version 1 had it: without hits and flags. */
static void
make_version_1 (void)
{
  char *path = help_path (help_dir, "objects");
  uint8_t in[4096], out[4096] = { 0 };
  FILE *f = fopen (path, "r+");
  size_t n = fread (in, 1, sizeof in, f), to = 48;

  assert_int_equal (bytes_get32 (in + 8), 2);
  memcpy (out, in, 48);
  for (size_t at = 48; at < n;) {
    size_t text = bytes_get16 (in + at + 4) + bytes_get16 (in + at + 6);

    memcpy (out + to, in + at, 24);
    memcpy (out + to + 24, in + at + 40, text);
    at += (40 + text + 7) / 8 * 8;
    to += (24 + text + 7) / 8 * 8;
  }
  bytes_put32 (out + 8, 1);
  bytes_put32 (out + 12, index_crc (UINT32_MAX, out, 12));
  bytes_put64 (out + 32, to - 48);
  bytes_put32 (out + 40, index_crc (UINT32_MAX, out + 48, to - 48));
  bytes_put32 (out + 44, index_crc (UINT32_MAX, out, 44));
  rewind (f);
  assert_int_equal (fwrite (out, 1, to, f), to);
  assert_int_equal (fclose (f), 0);
  assert_int_equal (truncate (path, to), 0);
  free (path);
}

static void
test_version_1 (void **state)
{
  struct cache_config config = help_config (help_dir, 4 * MIB, BS, true);
  struct cache_listing_object objects[3] = { 0 };
  struct cache_listing l;
  struct cache *c = help_open (&config);
  struct cache_object *a = help_object (c, "a-long-name", 1, SIZE);
  struct cache_object *b = help_object (c, "b", 2, SIZE);
  struct error e = { 0 };

  (void) state;
  help_store (a, 1, SIZE, BS, 0, 64, CONTENT_MIXED, NULL);
  help_store (b, 2, SIZE, BS, 5, 5, CONTENT_TEXT, NULL);
  cache_object_close (a);
  cache_object_close (b);
  cache_close (c);
  make_version_1 ();
  assert_int_equal (cache_list (help_dir, &l, note, objects, &e), 0);
  assert_int_equal (objects[0].blocks, 64);

  c = help_open (&config);
  a = help_object (c, "a-long-name", 1, SIZE);
  assert_int_equal (help_count (a, 1, SIZE, BS, CONTENT_MIXED), 64);
  assert_int_equal (cache_pin (c, "b", true, &e), 0);
  cache_object_close (a);
  cache_close (c);
  assert_int_equal (cache_list (help_dir, &l, note, objects, &e), 0);
  assert_true (objects[1].pinned);
  assert_int_equal (objects[1].blocks, 5);
  assert_int_equal (objects[0].hits, 64);
}

/* All commands beside readers and stores: what is read is right, and in the
 * end nothing of the account is left.
 */
#define THREADS 4u

struct shared
{
  struct cache *c;
  struct cache_object *objects[2];
  uint8_t *content[2];
  _Atomic unsigned working, wrong;
};

struct thread
{
  struct shared *shared;
  uint64_t seed;
};

static bool
is_working (void *opaque, uint64_t done, uint64_t total)
{
  (void) done;
  (void) total;
  return atomic_load (&((struct shared *) opaque)->working) > 0;
}

static void *
work (void *opaque)
{
  struct thread *t = opaque;
  struct shared *s = t->shared;
  uint8_t *buf = malloc (4 * BS);

  for (unsigned i = 0; i < 3000; i++) {
    uint64_t r = t->seed = mix_u64 (t->seed);
    unsigned n = r % 2, block = (r >> 8) % 60, flags = 0;
    static const struct cache_store_options options = { .cost_us = 10 };

    if ((r >> 16) % 3 == 0)
      cache_store (s->objects[n], block, s->content[n] + block * BS, 4 * BS,
                   &options);
    else {
      uint32_t got = cache_read (s->objects[n], buf, block * BS, 4 * BS,
                                 &flags);

      s->wrong += memcmp (buf, s->content[n] + block * BS, got) != 0;
    }
  }
  s->working--;
  free (buf);
  return NULL;
}

static void
new_version (struct shared *s, uint64_t r)
{
  static const struct cache_store_options options = { .cost_us = 10 };
  struct cache_object *o = help_object (s->c, "c", r, 64 * BS);

  cache_store (o, 0, s->content[0], 16 * BS, &options);
  cache_object_close (o);
}

static void
command (struct shared *s, uint64_t r)
{
  const char *identity = r % 2 ? "a" : "b";
  struct cache_evicted evicted;
  struct cache_verified verified = { 0 };
  struct cache_listing listing;
  struct cache_listing_object objects[3];
  struct error e;

  switch ((r >> 8) % 7) {
  case 0:
    cache_pin (s->c, identity, true, &e);
    break;
  case 1:
    cache_pin (s->c, identity, false, &e);
    break;
  case 2:
    cache_evict (s->c, identity, (r >> 16) % 64 * BS, UINT64_MAX, &evicted,
                 &e);
    break;
  case 3:
    cache_verify (s->c, identity, is_working, s, &verified, &e);
    s->wrong += verified.failed > 0;
    break;
  case 4:
    s->wrong += cache_list_open (s->c, &listing, note, objects, &e) == -1;
    break;
  default:                      /* its blocks are swept beside what follows */
    new_version (s, r);
    cache_evict (s->c, NULL, 0, UINT64_MAX, &evicted, &e);
  }
}

/* The account against the table, once all has been swept. */
static bool
is_swept (void *opaque)
{
  struct cache *c = opaque;
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&c->lock);

  return !c->sweep_wanted && !c->sweeping && c->dead_count == 0;
}

static void
check_account (struct cache *c)
{
  uint64_t used = 0, taken = 0;

  assert_true (help_wait (is_swept, c));
  for (uint32_t s = 0; s < c->high_water; s++)
    if (c->table[s].state != SLOT_FREE) {
      used += budget_block (c, c->table[s].lengths);
      taken++;
    }
  assert_int_equal (c->data_used, used);
  assert_int_equal (c->taken, taken);
}

static void
test_threads (void **state)
{
  struct cache_config config = help_config (help_dir, 2 * MIB, BS, true);
  uint64_t size = 64 * BS, r = 77;
  struct shared s = { .c = help_open (&config) };
  struct thread threads[THREADS];
  pthread_t ids[THREADS];
  struct error e = { 0 };

  (void) state;
  for (unsigned n = 0; n < 2; n++) {
    s.objects[n] = help_object (s.c, n ? "b" : "a", n, size);
    s.content[n] = malloc (size);
    for (unsigned b = 0; b < 64; b++)
      help_fill (s.content[n] + b * BS, BS, CONTENT_MIXED, n, b);
  }
  s.working = THREADS;
  for (unsigned i = 0; i < THREADS; i++) {
    threads[i] = (struct thread) { &s, i + 1 };
    assert_int_equal (pthread_create (&ids[i], NULL, work, &threads[i]), 0);
  }
  while (s.working > 0)
    command (&s, r = mix_u64 (r));
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join (ids[i], NULL);
  assert_int_equal (s.wrong, 0);
  assert_int_equal (cache_pin (s.c, "a", false, &e), 0);
  assert_int_equal (cache_pin (s.c, "b", false, &e), 0);
  assert_int_equal (s.c->pinned_used, 0);
  assert_int_equal (s.c->pinned_live, 0);
  check_account (s.c);
  for (unsigned n = 0; n < 2; n++) {
    cache_object_close (s.objects[n]);
    free (s.content[n]);
  }
  cache_close (s.c);
  assert_true (help_du (help_dir) <= config.size);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    HELP_TEST (test_evict),
    HELP_TEST (test_verify),
    HELP_TEST (test_list),
    HELP_TEST (test_version_1),
    HELP_TEST (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
