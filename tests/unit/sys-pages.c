/* The content of a sparse file in memory.
 *
 * Two levels: an array of chunks, each an array of pages.  A page that is
 * allocated but was never written points at the one page of zeros.
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/minmax.h"

#include "sys-pages.h"

#define CHUNK_PAGES 512u

static unsigned char pages_zero[SYS_PAGE];

void *
sys_pages_memory (void *old, size_t size)
{
  void *p = realloc (old, size ? size : 1);

  if (!p) {
    fprintf (stderr, "sys-pages: out of memory\n");
    abort ();
  }
  return p;
}

static unsigned char *
page_get (const struct sys_pages *pages, uint64_t page)
{
  uint64_t chunk = page / CHUNK_PAGES;

  if (chunk >= pages->nr_chunks || !pages->chunks[chunk])
    return NULL;
  return pages->chunks[chunk][page % CHUNK_PAGES];
}

/* The place of a page's pointer, made if need be. */
static unsigned char **
page_place (struct sys_pages *pages, uint64_t page)
{
  uint64_t chunk = page / CHUNK_PAGES;

  if (chunk >= pages->nr_chunks) {
    pages->chunks = sys_pages_memory (pages->chunks,
                                      (chunk + 1) * sizeof *pages->chunks);
    memset (pages->chunks + pages->nr_chunks, 0,
            (chunk + 1 - pages->nr_chunks) * sizeof *pages->chunks);
    pages->nr_chunks = chunk + 1;
  }
  if (!pages->chunks[chunk]) {
    size_t size = CHUNK_PAGES * sizeof **pages->chunks;

    pages->chunks[chunk] = memset (sys_pages_memory (NULL, size), 0, size);
  }
  return &pages->chunks[chunk][page % CHUNK_PAGES];
}

/* The page's own bytes, to be written to. */
static unsigned char *
page_own (struct sys_pages *pages, uint64_t page)
{
  unsigned char **place = page_place (pages, page);

  if (!*place)
    pages->allocated++;
  if (!*place || *place == pages_zero) {
    *place = sys_pages_memory (NULL, SYS_PAGE);
    memset (*place, 0, SYS_PAGE);
  }
  return *place;
}

static void
page_free (unsigned char *p)
{
  if (p != pages_zero)
    free (p);
}

void
sys_pages_clear (struct sys_pages *pages)
{
  for (size_t c = 0; c < pages->nr_chunks; c++) {
    for (size_t i = 0; pages->chunks[c] && i < CHUNK_PAGES; i++)
      page_free (pages->chunks[c][i]);
    free (pages->chunks[c]);
  }
  free (pages->chunks);
  *pages = (struct sys_pages) { 0 };
}

void
sys_pages_copy (struct sys_pages *to, const struct sys_pages *from)
{
  uint64_t end = sys_pages_end (from);

  sys_pages_clear (to);
  for (uint64_t page = sys_pages_next (from, 0, end, true); page < end;
       page = sys_pages_next (from, page + 1, end, true)) {
    unsigned char *p = page_get (from, page);

    if (p == pages_zero)
      sys_pages_allocate (to, page);
    else
      memcpy (page_own (to, page), p, SYS_PAGE);
  }
}

uint64_t
sys_pages_end (const struct sys_pages *pages)
{
  return (uint64_t) pages->nr_chunks * CHUNK_PAGES;
}

bool
sys_pages_has (const struct sys_pages *pages, uint64_t page)
{
  return page_get (pages, page) != NULL;
}

void
sys_pages_allocate (struct sys_pages *pages, uint64_t page)
{
  unsigned char **place = page_place (pages, page);

  if (*place)
    return;
  *place = pages_zero;
  pages->allocated++;
}

void
sys_pages_release (struct sys_pages *pages, uint64_t page)
{
  if (!page_get (pages, page))
    return;
  page_free (page_get (pages, page));
  *page_place (pages, page) = NULL;
  pages->allocated--;
}

void
sys_pages_read (const struct sys_pages *pages, void *buf, size_t count,
                uint64_t offset)
{
  unsigned char *out = buf;

  while (count > 0) {
    const unsigned char *p = page_get (pages, offset / SYS_PAGE);
    size_t at = offset % SYS_PAGE, n = min_u64 (count, SYS_PAGE - at);

    memcpy (out, (p ? p : pages_zero) + at, n);
    out += n;
    offset += n;
    count -= n;
  }
}

void
sys_pages_write (struct sys_pages *pages, const void *buf, size_t count,
                 uint64_t offset)
{
  const unsigned char *in = buf;

  while (count > 0) {
    size_t at = offset % SYS_PAGE, n = min_u64 (count, SYS_PAGE - at);

    memcpy (page_own (pages, offset / SYS_PAGE) + at, in, n);
    in += n;
    offset += n;
    count -= n;
  }
}

void
sys_pages_punch (struct sys_pages *pages, uint64_t offset, uint64_t count)
{
  uint64_t end = offset + count;

  end = min_u64 (end, sys_pages_end (pages) * SYS_PAGE);
  while (offset < end) {
    uint64_t page = offset / SYS_PAGE;
    size_t at = offset % SYS_PAGE, n = min_u64 (end - offset, SYS_PAGE - at);

    if (n == SYS_PAGE)
      sys_pages_release (pages, page);
    else if (page_get (pages, page))
      memset (page_own (pages, page) + at, 0, n);
    offset += n;
  }
}

uint64_t
sys_pages_next (const struct sys_pages *pages, uint64_t page, uint64_t end,
                bool allocated)
{
  while (page < end && sys_pages_has (pages, page) != allocated) {
    uint64_t chunk = page / CHUNK_PAGES;

    if (allocated && (chunk >= pages->nr_chunks || !pages->chunks[chunk]))
      page = (chunk + 1) * CHUNK_PAGES;
    else
      page++;
  }
  return min_u64 (page, end);
}
