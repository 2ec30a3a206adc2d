/* Which version a device that is being opened has: asked of the origin, or
 * believed for a while ("Validity over time" in the design).
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device-internal.h"
#include "util/cleanup.h"
#include "util/log.h"

/* The validator of an origin that has none (an NBD server, a block device),
 * when the user has given a key: then the key names the version, too.
 */
static void
name_by_key (uint64_t size, char validator[ORIGIN_VALIDATOR_MAX + 1])
{
  snprintf (validator, ORIGIN_VALIDATOR_MAX + 1, "key size=%" PRIu64, size);
}

bool
same_version (const struct origin *origin, const char *validator,
              bool lasting, uint64_t size)
{
  char by_key[ORIGIN_VALIDATOR_MAX + 1];

  name_by_key (size, by_key);
  if (strcmp (validator, by_key) == 0)
    return origin->size == size && !*origin->validator;
  return origin->size == size && origin->lasting == lasting
    && strcmp (origin->validator, validator) == 0;
}

/* A file that is missing won't come back within seconds, and where what is
 * cached can be served instead, nobody is kept waiting.
 */
static bool
worth_waiting (const struct error *e, bool known)
{
  return !known && e->kind != ERROR_FINAL && e->errnum != ENOENT;
}

static struct origin *
open_retrying (struct engine *engine, const char *url, bool known,
               struct error *e)
{
  const struct engine_config *config = &engine->config;
  const struct retry_rules rules = {
    .retries = config->fetch_retries,
    .timeout_ms = config->origin.timeout_ms,
  };
  struct retry retry = { .seed = stop_now_ns () };

  for (;;) {
    struct origin *origin;
    uint64_t delay_ms;

    retry_begin (&retry, stop_now_ns ());
    origin = origin_open (url, &config->origin, e);
    if (origin || !worth_waiting (e, known)
        || !retry_again (&rules, &retry, e, stop_now_ns (), &delay_ms))
      return origin;
    log_debug (origin, "%s: again in %" PRIu64 " ms", e->text, delay_ms);
    if (stop_sleep (config->stop, delay_ms) != 0)
      return NULL;
  }
}

static char *
make_identity (const char *url, const char *key, struct error *e)
{
  CLEANUP_FREE char *identity = origin_identity (url, e);
  char *ret = NULL;

  if (!identity)
    return NULL;
  if (asprintf (&ret, "%s%s", key ? "key:" : "", key ? key : identity) == -1) {
    error_set (e, ENOMEM, "out of memory");
    return NULL;
  }
  return ret;
}

/* How old what is known is, in milliseconds; a clock that was set back makes
 * it as old as can be.
 */
static uint64_t
age_ms (const struct cache_version *known)
{
  uint64_t now = sys_real.realtime_s (&sys_real);

  return known->validated_s && known->validated_s <= now
    ? (now - known->validated_s) * 1000 : UINT64_MAX;
}

static struct device *
open_known (struct engine *engine, const char *url, const char *identity,
            const struct cache_version *known, struct error *e)
{
  struct device_version version = {
    .url = url, .identity = identity, .validator = known->validator,
    .lasting = true, .size = known->size
  };

  return engine_device (engine, &version, e);
}

/* The origin has the last word: a new version, or the known one. */
static struct device *
open_asking (struct engine *engine, const char *url, const char *identity,
             bool keyed, const struct cache_version *known, struct error *e)
{
  struct origin *origin = open_retrying (engine, url,
                                         known && !engine->config.offline_fail,
                                         e);
  char by_key[ORIGIN_VALIDATOR_MAX + 1];
  struct device_version version;

  if (!origin) {
    bool away = e->kind != ERROR_FINAL && e->errnum != ESHUTDOWN;

    if (!known || !away || engine->config.offline_fail)
      return NULL;
    log_info ("%s: serving what is cached, for the origin can't be reached",
              e->text);
    return open_known (engine, url, identity, known, e);
  }
  version = (struct device_version) {
    .url = url, .identity = identity, .validator = origin->validator,
    .lasting = origin->lasting, .size = origin->size, .origin = origin
  };
  if (keyed && !*origin->validator) {
    name_by_key (origin->size, by_key);
    version.validator = by_key;
    version.lasting = true;
  }
  log_debug (origin, "%s: %" PRIu64 " bytes, version %s%s", identity,
             version.size, *version.validator ? version.validator : "unknown",
             version.lasting ? "" : " (not kept)");
  return engine_device_current (engine, &version, e);
}

struct device *
device_open (struct engine *engine, const char *url, const char *key,
             struct error *e)
{
  CLEANUP_FREE char *identity = make_identity (url, key, e);
  struct cache_version known;
  struct device *device;
  bool is_known;
  uint64_t age;

  if (!identity)
    return NULL;
  is_known = cache_find (engine->cache, identity, &known);
  age = is_known ? age_ms (&known) : UINT64_MAX;
  if (age >= engine->config.stale_after_ms
      && age >= engine->config.expire_after_ms)
    return open_asking (engine, url, identity, key != NULL,
                        is_known ? &known : NULL, e);

  device = open_known (engine, url, identity, &known, e);
  if (device && age >= engine->config.stale_after_ms)
    checker_ask (device);
  return device;
}
