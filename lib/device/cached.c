/* How much of a range is in the cache. */

#include <config.h>

#include "device/device-internal.h"
#include "util/minmax.h"

#define WAIT_MS 5000            /* also for what others have asked for */
#define WAIT_STEP_MS 5

uint64_t
device_cached (struct device *device, uint64_t offset, uint64_t end)
{
  uint64_t block_size = device->engine->config.cache.block_size, cached = 0;

  for (unsigned ms = 0; ms < WAIT_MS && !fetch_idle (device->source);
       ms += WAIT_STEP_MS)
    if (stop_sleep (device->engine->config.stop, WAIT_STEP_MS) != 0)
      break;
  while (offset < end) {
    uint64_t border = (offset / block_size + 1) * block_size;

    border = min_u64 (border, end);
    if (cache_has (device->object, offset / block_size))
      cached += border - offset;
    offset = border;
  }
  return cached;
}
