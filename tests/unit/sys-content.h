/* The content of a file in memory, and what a power loss would leave of it.
 *
 * There is what the process sees (live), what is certainly on the disk
 * (durable), and the changes between the two in the order they were made.
 * After a power loss each sector is as it was after any one of those changes,
 * or before all of them.
 */

#ifndef TIERCACHE_SYS_CONTENT_H
#define TIERCACHE_SYS_CONTENT_H

#include "sys-fate.h"
#include "sys-pages.h"

struct sys_bytes
{
  struct sys_pages pages;
  uint64_t size;
};

struct sys_change;

/* All zero: empty. */
struct sys_content
{
  struct sys_bytes live, durable;
  struct sys_change *changes;
  size_t nr_changes;
};

extern void sys_content_clear (struct sys_content *content);

/* Only the live part: the file has no name and nobody has it open. */
extern void sys_content_forget (struct sys_content *content);

/* These change the live part. */
extern void sys_content_write (struct sys_content *content, const void *buf,
                               size_t count, uint64_t offset);
extern void sys_content_allocate (struct sys_content *content,
                                  uint64_t offset, uint64_t count,
                                  bool keep_size);
extern void sys_content_punch (struct sys_content *content, uint64_t offset,
                               uint64_t count);
extern void sys_content_resize (struct sys_content *content, uint64_t size);

/* Makes all of it durable. */
extern void sys_content_sync (struct sys_content *content);

/* What a reboot finds, into an empty content: all that was done, or what
 * fate leaves of it.
 */
extern void sys_content_after_kill (struct sys_content *after,
                                    const struct sys_content *content);
extern void sys_content_after_power_loss (struct sys_content *after,
                                          const struct sys_content *content,
                                          struct sys_fate *fate);

#endif /* TIERCACHE_SYS_CONTENT_H */
