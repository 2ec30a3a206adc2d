/* The content of a sparse file in memory: 4 KiB pages, so that a hole costs
 * nothing and a page that is only preallocated costs a pointer.
 */

#ifndef TIERCACHE_SYS_PAGES_H
#define TIERCACHE_SYS_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYS_PAGE 4096u

/* All zero: empty.  Only sys-pages.c looks at the chunks. */
struct sys_pages
{
  unsigned char ***chunks;
  size_t nr_chunks;
  uint64_t allocated;           /* pages */
};

extern void sys_pages_clear (struct sys_pages *pages);
extern void sys_pages_copy (struct sys_pages *to,
                            const struct sys_pages *from);

/* No page from this one on is allocated. */
extern uint64_t sys_pages_end (const struct sys_pages *pages);

extern bool sys_pages_has (const struct sys_pages *pages, uint64_t page);
extern void sys_pages_allocate (struct sys_pages *pages, uint64_t page);
extern void sys_pages_release (struct sys_pages *pages, uint64_t page);

/* Bytes; what is written is allocated, holes read as zeros. */
extern void sys_pages_read (const struct sys_pages *pages, void *buf,
                            size_t count, uint64_t offset);
extern void sys_pages_write (struct sys_pages *pages, const void *buf,
                             size_t count, uint64_t offset);

/* Zeroes bytes; pages that lie wholly within are released. */
extern void sys_pages_punch (struct sys_pages *pages, uint64_t offset,
                             uint64_t count);

/* The first page from page on, below end, that is allocated (or, for false,
 * is not); end if there is none.
 */
extern uint64_t sys_pages_next (const struct sys_pages *pages, uint64_t page,
                                uint64_t end, bool allocated);

/* Memory for the model: a test that has none can only end. */
extern void *sys_pages_memory (void *old, size_t size);

#endif /* TIERCACHE_SYS_PAGES_H */
