/* Numbers as people read them, and text fit for their terminals. */

#ifndef TIERCACHE_CTL_HUMAN_H
#define TIERCACHE_CTL_HUMAN_H

#include <stdint.h>

/* 1536 is "1.5 KiB".  Returns buf. */
extern const char *human_bytes (uint64_t bytes, char buf[32]);

/* 75 is "1:15".  Returns buf. */
extern const char *human_seconds (uint64_t seconds, char buf[32]);

/* A copy with control characters replaced by '?'; the caller frees it.  NULL
 * when out of memory.
 */
extern char *human_text (const char *text);

#endif /* TIERCACHE_CTL_HUMAN_H */
