/* What the test programs of devices over files share. */

#ifndef TIERCACHE_TEST_DEVICE_HELP_H
#define TIERCACHE_TEST_DEVICE_HELP_H

#include <stddef.h>
#include <stdint.h>

#include "test-cache-help.h"

/* The bytes of a version of any file. */
extern void help_version_bytes (unsigned char *buf, unsigned version,
                                uint64_t offset, size_t count);

/* A new file under the name, as an atomic replacement makes it, with an old
 * mtime: a version that lasts.
 */
extern void help_write_version (const char *path, unsigned version,
                                size_t size);

#endif /* TIERCACHE_TEST_DEVICE_HELP_H */
