/* A small cache for the tests of lib/policy: a table of slots, each empty or
 * holding the block of a key, with a budget in bytes that is kept exactly.
 */

#ifndef TIERCACHE_TEST_POLICY_H
#define TIERCACHE_TEST_POLICY_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/internal.h"
#include "util/mix.h"

#define BLOCK 65536u
#define BATCH 8

struct model_slot
{
  struct policy_entry entry;
  uint64_t key;
  uint64_t bytes;       /* 0: empty */
  bool pinned;
};

struct model
{
  struct policy *policy;
  struct model_slot *slots;
  uint32_t count;
  uint64_t capacity, used;
  uint64_t random;
};

static inline uint64_t
model_random (struct model *m)
{
  m->random = mix_u64 (m->random);
  return m->random;
}

static inline struct policy_entry *
model_entry (void *opaque, uint32_t slot)
{
  struct model *m = opaque;

  assert_true (slot < m->count);
  if (m->slots[slot].bytes == 0 || m->slots[slot].pinned)
    return NULL;
  return &m->slots[slot].entry;
}

static inline struct policy_table
model_table (struct model *m)
{
  struct policy_table table = { m->count, model_entry, m };

  return table;
}

static inline void
model_new (struct model *m, enum policy_kind kind, uint32_t blocks,
           uint32_t slots)
{
  memset (m, 0, sizeof *m);
  m->capacity = (uint64_t) blocks * BLOCK;
  m->count = slots;
  m->slots = calloc (slots ? slots : 1, sizeof m->slots[0]);
  m->policy = policy_new (&(struct policy_config) {
      .kind = kind, .capacity = m->capacity, .max_entries = slots,
      .seed = 42 });
  assert_non_null (m->slots);
  assert_non_null (m->policy);
}

static inline void
model_free (struct model *m)
{
  policy_free (m->policy);
  free (m->slots);
}

static inline void
model_drop (struct model *m, uint32_t slot, bool remember)
{
  struct model_slot *s = &m->slots[slot];

  policy_evicted (m->policy, &s->entry, mix_u64 (s->key), remember);
  m->used -= s->bytes;
  s->bytes = 0;
}

static inline struct model_slot *
model_find (struct model *m, uint64_t key)
{
  for (uint32_t i = 0; i < m->count; ++i)
    if (m->slots[i].bytes != 0 && m->slots[i].key == key)
      return &m->slots[i];
  return NULL;
}

static inline void
model_evict (struct model *m, uint64_t need)
{
  struct policy_table table = model_table (m);
  uint32_t victims[BATCH], count;

  while (m->used + need > m->capacity) {
    do
      count = policy_victims (m->policy, &table, victims, BATCH);
    while (policy_scanning (m->policy));
    assert_true (count > 0);
    for (uint32_t i = 0; i < count && m->used + need > m->capacity; ++i)
      model_drop (m, victims[i], true);
  }
}

/* True for a hit. */
static inline bool
model_access (struct model *m, uint64_t key, uint64_t bytes, uint64_t cost_us)
{
  struct model_slot *s = model_find (m, key);
  uint32_t slot = 0;

  if (s != NULL) {
    policy_hit (m->policy, &s->entry, mix_u64 (key));
    return true;
  }
  model_evict (m, bytes);
  while (m->slots[slot].bytes != 0)
    slot++;
  s = &m->slots[slot];
  s->key = key;
  s->bytes = bytes;
  m->used += bytes;
  policy_insert (m->policy, &s->entry, mix_u64 (key), bytes, cost_us);
  return false;
}

#endif /* TIERCACHE_TEST_POLICY_H */
