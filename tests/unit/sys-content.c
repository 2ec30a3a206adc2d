/* The content of a file in memory, and what a power loss would leave of it. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "util/minmax.h"

#include "sys-content.h"

/* A disk writes a sector whole or not at all. */
#define SECTOR 512u

enum change_kind { CHANGE_WRITE, CHANGE_ALLOCATE, CHANGE_PUNCH };

/* A write holds its sectors as the file had them afterwards: the kernel
 * writes pages of its cache, so what reaches the disk of a sector is always
 * what the process once saw there, earlier writes to it included.
 */
struct sys_change
{
  enum change_kind kind;
  uint64_t offset, count;
  unsigned char *image;         /* of a write: count bytes */
  bool sizes;                   /* it changed the size, to: */
  uint64_t size;
};

static void
bytes_resize (struct sys_bytes *bytes, uint64_t size)
{
  uint64_t end = sys_pages_end (&bytes->pages) * SYS_PAGE;

  if (size < bytes->size && size < end)
    sys_pages_punch (&bytes->pages, size, end - size);
  bytes->size = size;
}

/* Applies a change wholly (fate NULL), or what fate keeps of its sectors. */
static void
bytes_apply (struct sys_bytes *bytes, const struct sys_change *ch,
             struct sys_fate *fate)
{
  uint64_t step = ch->kind == CHANGE_WRITE ? SECTOR : SYS_PAGE;
  uint64_t end = ch->offset + ch->count;

  for (uint64_t at = ch->offset, n; at < end; at += n) {
    n = min_u64 (step - at % step, end - at);
    if (fate && !sys_fate_keeps (fate))
      continue;
    if (ch->kind == CHANGE_WRITE)
      sys_pages_write (&bytes->pages, ch->image + (at - ch->offset), n, at);
    else if (ch->kind == CHANGE_ALLOCATE)
      sys_pages_allocate (&bytes->pages, at / SYS_PAGE);
    else
      sys_pages_punch (&bytes->pages, at, n);
  }
  if (ch->sizes && (!fate || sys_fate_keeps (fate)))
    bytes_resize (bytes, ch->size);
}

static void
bytes_copy (struct sys_bytes *to, const struct sys_bytes *from)
{
  sys_pages_copy (&to->pages, &from->pages);
  to->size = from->size;
}

static void
changes_drop (struct sys_content *content)
{
  for (size_t i = 0; i < content->nr_changes; i++)
    free (content->changes[i].image);
  free (content->changes);
  content->changes = NULL;
  content->nr_changes = 0;
}

void
sys_content_clear (struct sys_content *content)
{
  changes_drop (content);
  sys_pages_clear (&content->live.pages);
  sys_pages_clear (&content->durable.pages);
  *content = (struct sys_content) { 0 };
}

void
sys_content_forget (struct sys_content *content)
{
  sys_pages_clear (&content->live.pages);
  content->live.size = 0;
}

/* Makes a change to the live part, size included, and remembers it. */
static void
content_change (struct sys_content *content, struct sys_change ch,
                uint64_t size)
{
  ch.size = size;
  ch.sizes = size != content->live.size;
  bytes_apply (&content->live, &ch, NULL);
  content->changes = sys_pages_memory (content->changes,
                                       (content->nr_changes + 1)
                                       * sizeof *content->changes);
  content->changes[content->nr_changes++] = ch;
}

void
sys_content_write (struct sys_content *content, const void *buf, size_t count,
                   uint64_t offset)
{
  uint64_t start = offset - offset % SECTOR;
  uint64_t end = (offset + count + SECTOR - 1) / SECTOR * SECTOR;
  struct sys_change ch = {
    .kind = CHANGE_WRITE, .offset = start, .count = end - start,
    .image = sys_pages_memory (NULL, end - start)
  };

  sys_pages_read (&content->live.pages, ch.image, ch.count, start);
  memcpy (ch.image + (offset - start), buf, count);
  content_change (content, ch, max_u64 (content->live.size, offset + count));
}

void
sys_content_allocate (struct sys_content *content, uint64_t offset,
                      uint64_t count, bool keep_size)
{
  uint64_t size = content->live.size;

  content_change (content, (struct sys_change) {
    .kind = CHANGE_ALLOCATE, .offset = offset, .count = count
  }, keep_size ? size : max_u64 (size, offset + count));
}

void
sys_content_punch (struct sys_content *content, uint64_t offset,
                   uint64_t count)
{
  content_change (content, (struct sys_change) {
    .kind = CHANGE_PUNCH, .offset = offset, .count = count
  }, content->live.size);
}

void
sys_content_resize (struct sys_content *content, uint64_t size)
{
  content_change (content, (struct sys_change) { .kind = CHANGE_PUNCH },
                  size);
}

void
sys_content_sync (struct sys_content *content)
{
  for (size_t i = 0; i < content->nr_changes; i++)
    bytes_apply (&content->durable, &content->changes[i], NULL);
  changes_drop (content);
}

void
sys_content_after_kill (struct sys_content *after,
                        const struct sys_content *content)
{
  bytes_copy (&after->live, &content->live);
  bytes_copy (&after->durable, &content->live);
}

void
sys_content_after_power_loss (struct sys_content *after,
                              const struct sys_content *content,
                              struct sys_fate *fate)
{
  struct sys_bytes *bytes = &after->durable;
  uint64_t end;

  bytes_copy (bytes, &content->durable);
  sys_fate_draw (fate);
  for (size_t i = 0; i < content->nr_changes; i++) {
    if (sys_fate_keeps (fate))
      bytes_apply (bytes, &content->changes[i], NULL);
    else if (sys_fate_keeps (fate))
      bytes_apply (bytes, &content->changes[i], fate);
  }

  /* Sectors may have survived where the size has not. */
  end = sys_pages_end (&bytes->pages) * SYS_PAGE;
  if (end > bytes->size)
    sys_pages_punch (&bytes->pages, bytes->size, end - bytes->size);
  bytes_copy (&after->live, bytes);
}
