/* Numbers the distinct keys of a trace: a hash table with linear probing. */

#include <config.h>

#include <stdlib.h>

#include "objects.h"
#include "util/mix.h"

static void
objects_place (struct objects *objects, uint64_t key, uint32_t number)
{
  uint64_t i = mix_u64 (key) & (objects->size - 1);

  while (objects->numbers[i] != 0)
    i = (i + 1) & (objects->size - 1);
  objects->keys[i] = key;
  objects->numbers[i] = number;
}

static int
objects_grow (struct objects *objects)
{
  struct objects old = *objects;
  uint64_t size = old.size ? old.size * 2 : 4096;
  uint64_t *keys = malloc (size * sizeof *keys);
  uint32_t *numbers = calloc (size, sizeof *numbers);

  if (keys == NULL || numbers == NULL) {
    free (keys);
    free (numbers);
    return -1;
  }
  objects->keys = keys;
  objects->numbers = numbers;
  objects->size = size;
  for (uint64_t i = 0; i < old.size; ++i)
    if (old.numbers[i] != 0)
      objects_place (objects, old.keys[i], old.numbers[i]);
  free (old.keys);
  free (old.numbers);
  return 0;
}

int
objects_number (struct objects *objects, uint64_t key, uint32_t *number,
                bool *new)
{
  uint64_t i;

  if (objects->count >= UINT32_MAX - 1)
    return -1;
  if (objects->count >= objects->size / 2 && objects_grow (objects) == -1)
    return -1;
  i = mix_u64 (key) & (objects->size - 1);
  for (; objects->numbers[i] != 0; i = (i + 1) & (objects->size - 1))
    if (objects->keys[i] == key) {
      *number = objects->numbers[i] - 1;
      *new = false;
      return 0;
    }
  *number = objects->count++;
  *new = true;
  objects->keys[i] = key;
  objects->numbers[i] = *number + 1;
  return 0;
}

void
objects_free (struct objects *objects)
{
  free (objects->keys);
  free (objects->numbers);
}
