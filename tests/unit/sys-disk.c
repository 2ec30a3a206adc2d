/* A disk in memory that knows what a power loss would leave of it. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/minmax.h"

#include "sys-disk.h"

struct entry
{
  char *name;
  int inode;
};

struct names
{
  struct entry *entries;
  size_t nr;
};

struct inode
{
  bool is_dir;
  mode_t mode;
  unsigned links, holders;      /* in the live state */
  struct sys_content content;
  struct names live, durable;   /* of a directory */
};

/* One unsynced change of names.  from: the name that goes, if any; to: the
 * name that then stands for the inode, if any.
 */
struct naming
{
  int from_dir, to_dir, inode;
  char *from, *to;
};

struct sys_disk
{
  struct inode *inodes;
  int nr_inodes;
  struct naming *namings;
  size_t nr_namings;
  uint64_t allocated, peak;     /* pages */
};

static struct entry *
names_find (const struct names *names, const char *name)
{
  for (size_t i = 0; i < names->nr; i++)
    if (strcmp (names->entries[i].name, name) == 0)
      return &names->entries[i];
  return NULL;
}

static char *
name_copy (const char *name)
{
  return name ? strcpy (sys_pages_memory (NULL, strlen (name) + 1), name)
              : NULL;
}

static void
names_set (struct names *names, const char *name, int inode)
{
  struct entry *entry = names_find (names, name);

  if (!entry) {
    names->entries = sys_pages_memory (names->entries, (names->nr + 1)
                                       * sizeof *names->entries);
    entry = &names->entries[names->nr++];
    entry->name = name_copy (name);
  }
  entry->inode = inode;
}

static void
names_remove (struct names *names, const char *name)
{
  struct entry *entry = names_find (names, name);

  if (!entry)
    return;
  free (entry->name);
  *entry = names->entries[--names->nr];
}

static void
names_clear (struct names *names)
{
  while (names->nr > 0)
    names_remove (names, names->entries[0].name);
  free (names->entries);
  *names = (struct names) { 0 };
}

static void
names_copy (struct names *to, const struct names *from)
{
  for (size_t i = 0; i < from->nr; i++)
    names_set (to, from->entries[i].name, from->entries[i].inode);
}

/* Makes a change of names durable.  A rename is whole or not at all: so it is
 * on every file system with a journal, and in all that can be a cache.
 */
static void
naming_apply (struct inode *inodes, const struct naming *n)
{
  struct entry *old;

  if (n->to)
    names_set (&inodes[n->to_dir].durable, n->to, n->inode);
  if (!n->from)
    return;
  old = names_find (&inodes[n->from_dir].durable, n->from);
  if (old && old->inode == n->inode)
    names_remove (&inodes[n->from_dir].durable, n->from);
}

static int
inode_add (struct sys_disk *disk, bool is_dir, mode_t mode)
{
  disk->inodes = sys_pages_memory (disk->inodes, (disk->nr_inodes + 1)
                                   * sizeof *disk->inodes);
  disk->inodes[disk->nr_inodes] = (struct inode) {
    .is_dir = is_dir, .mode = mode
  };
  return disk->nr_inodes++;
}

static void
inode_clear (struct inode *inode)
{
  sys_content_clear (&inode->content);
  names_clear (&inode->live);
  names_clear (&inode->durable);
}

struct sys_disk *
sys_disk_new (void)
{
  struct sys_disk *disk = sys_pages_memory (NULL, sizeof *disk);

  *disk = (struct sys_disk) { 0 };
  inode_add (disk, true, 0755);
  disk->inodes[SYS_DISK_ROOT].links = 1;
  return disk;
}

void
sys_disk_free (struct sys_disk *disk)
{
  for (int i = 0; i < disk->nr_inodes; i++)
    inode_clear (&disk->inodes[i]);
  for (size_t i = 0; i < disk->nr_namings; i++) {
    free (disk->namings[i].from);
    free (disk->namings[i].to);
  }
  free (disk->namings);
  free (disk->inodes);
  free (disk);
}

/* Frees what a file without names and holders takes; what is durable of it
 * may still come back.
 */
static void
inode_settle (struct sys_disk *disk, struct inode *inode)
{
  if (inode->links > 0 || inode->holders > 0)
    return;
  disk->allocated -= inode->content.live.pages.allocated;
  sys_content_forget (&inode->content);
}

static void
naming_add (struct sys_disk *disk, struct naming n)
{
  disk->namings = sys_pages_memory (disk->namings, (disk->nr_namings + 1)
                                    * sizeof *disk->namings);
  n.from = name_copy (n.from);
  n.to = name_copy (n.to);
  disk->namings[disk->nr_namings++] = n;
}

int
sys_disk_lookup (const struct sys_disk *disk, int dir, const char *name)
{
  struct entry *entry = names_find (&disk->inodes[dir].live, name);

  return entry ? entry->inode : SYS_DISK_NONE;
}

static int
none (int errnum)
{
  errno = errnum;
  return SYS_DISK_NONE;
}

int
sys_disk_parent (const struct sys_disk *disk, const char *path,
                 char name[NAME_MAX + 1])
{
  int dir = SYS_DISK_ROOT;

  name[0] = '\0';
  for (const char *p = path; *p; ) {
    size_t n = strcspn (p, "/");

    if (n > 0 && name[0]) {
      dir = sys_disk_lookup (disk, dir, name);
      if (dir == SYS_DISK_NONE)
        return none (ENOENT);
      if (!disk->inodes[dir].is_dir)
        return none (ENOTDIR);
    }
    if (n > NAME_MAX)
      return none (ENAMETOOLONG);
    if (n > 0) {
      memcpy (name, p, n);
      name[n] = '\0';
    }
    p += n + strspn (p + n, "/");
  }
  return *path == '/' ? dir : none (ENOENT);
}

int
sys_disk_inode (const struct sys_disk *disk, const char *path)
{
  char name[NAME_MAX + 1];
  int dir = sys_disk_parent (disk, path, name), inode;

  if (dir == SYS_DISK_NONE || !name[0])
    return dir;
  inode = sys_disk_lookup (disk, dir, name);
  return inode == SYS_DISK_NONE ? none (ENOENT) : inode;
}

int
sys_disk_create (struct sys_disk *disk, int dir, const char *name,
                 bool is_dir, mode_t mode)
{
  int inode = inode_add (disk, is_dir, mode);

  disk->inodes[inode].links = 1;
  names_set (&disk->inodes[dir].live, name, inode);
  naming_add (disk, (struct naming) {
    .to_dir = dir, .to = (char *) name, .inode = inode
  });
  return inode;
}

static void
link_lost (struct sys_disk *disk, int inode)
{
  disk->inodes[inode].links--;
  inode_settle (disk, &disk->inodes[inode]);
}

void
sys_disk_rename (struct sys_disk *disk, int from_dir, const char *from,
                 int to_dir, const char *to)
{
  int inode = sys_disk_lookup (disk, from_dir, from);
  int replaced = sys_disk_lookup (disk, to_dir, to);

  if (replaced == inode)
    return;
  names_remove (&disk->inodes[from_dir].live, from);
  names_set (&disk->inodes[to_dir].live, to, inode);
  naming_add (disk, (struct naming) {
    .from_dir = from_dir, .from = (char *) from,
    .to_dir = to_dir, .to = (char *) to, .inode = inode
  });
  if (replaced != SYS_DISK_NONE)
    link_lost (disk, replaced);
}

void
sys_disk_unlink (struct sys_disk *disk, int dir, const char *name)
{
  int inode = sys_disk_lookup (disk, dir, name);

  names_remove (&disk->inodes[dir].live, name);
  naming_add (disk, (struct naming) {
    .from_dir = dir, .from = (char *) name, .inode = inode
  });
  link_lost (disk, inode);
}

void
sys_disk_sync_dir (struct sys_disk *disk, int dir)
{
  size_t left = 0;

  for (size_t i = 0; i < disk->nr_namings; i++) {
    struct naming *n = &disk->namings[i];

    if ((n->from && n->from_dir == dir) || (n->to && n->to_dir == dir)) {
      naming_apply (disk->inodes, n);
      free (n->from);
      free (n->to);
    }
    else
      disk->namings[left++] = *n;
  }
  disk->nr_namings = left;
}

void
sys_disk_hold (struct sys_disk *disk, int inode)
{
  disk->inodes[inode].holders++;
}

void
sys_disk_release (struct sys_disk *disk, int inode)
{
  disk->inodes[inode].holders--;
  inode_settle (disk, &disk->inodes[inode]);
}

void
sys_disk_stat (const struct sys_disk *disk, int inode,
               struct sys_disk_stat *st)
{
  const struct inode *i = &disk->inodes[inode];

  *st = (struct sys_disk_stat) {
    .is_dir = i->is_dir, .mode = i->mode, .size = i->content.live.size,
    .links = i->links, .pages = &i->content.live.pages
  };
}

struct sys_content *
sys_disk_content (struct sys_disk *disk, int inode)
{
  return &disk->inodes[inode].content;
}

void
sys_disk_account (struct sys_disk *disk)
{
  disk->allocated = 0;
  for (int i = 0; i < disk->nr_inodes; i++)
    disk->allocated += disk->inodes[i].content.live.pages.allocated;
  disk->peak = max_u64 (disk->peak, disk->allocated);
}

uint64_t
sys_disk_allocated (const struct sys_disk *disk)
{
  return disk->allocated * SYS_PAGE;
}

uint64_t
sys_disk_peak (const struct sys_disk *disk)
{
  return disk->peak * SYS_PAGE;
}

uint64_t
sys_disk_unsynced (const struct sys_disk *disk)
{
  uint64_t n = disk->nr_namings;

  for (int i = 0; i < disk->nr_inodes; i++)
    n += disk->inodes[i].content.nr_changes;
  return n;
}

/* Takes the durable names for the live ones, from the root down. */
static void
reboot_names (struct sys_disk *disk, int inode)
{
  struct inode *i = &disk->inodes[inode];

  if (i->links++ > 0)
    return;
  names_copy (&i->live, &i->durable);
  for (size_t n = 0; n < i->durable.nr; n++)
    reboot_names (disk, i->durable.entries[n].inode);
}

/* Starts from what is durable; what has no name is gone. */
static struct sys_disk *
reboot (struct sys_disk *disk)
{
  reboot_names (disk, SYS_DISK_ROOT);
  for (int i = 0; i < disk->nr_inodes; i++)
    if (disk->inodes[i].links == 0)
      inode_clear (&disk->inodes[i]);
  sys_disk_account (disk);
  return disk;
}

/* A disk with the same inodes, and nothing in them. */
static struct sys_disk *
disk_bare (const struct sys_disk *disk)
{
  struct sys_disk *bare = sys_disk_new ();

  bare->inodes[SYS_DISK_ROOT].links = 0;
  for (int i = 1; i < disk->nr_inodes; i++)
    inode_add (bare, disk->inodes[i].is_dir, disk->inodes[i].mode);
  return bare;
}

struct sys_disk *
sys_disk_after_kill (const struct sys_disk *disk)
{
  struct sys_disk *after = disk_bare (disk);

  for (int i = 0; i < disk->nr_inodes; i++) {
    sys_content_after_kill (&after->inodes[i].content,
                            &disk->inodes[i].content);
    names_copy (&after->inodes[i].durable, &disk->inodes[i].live);
  }
  return reboot (after);
}

struct sys_disk *
sys_disk_after_power_loss (const struct sys_disk *disk, uint64_t seed)
{
  struct sys_disk *after = disk_bare (disk);
  struct sys_fate fate = sys_fate_of (seed);

  for (int i = 0; i < disk->nr_inodes; i++) {
    sys_content_after_power_loss (&after->inodes[i].content,
                                  &disk->inodes[i].content, &fate);
    names_copy (&after->inodes[i].durable, &disk->inodes[i].durable);
  }
  sys_fate_draw (&fate);
  for (size_t i = 0; i < disk->nr_namings; i++)
    if (sys_fate_keeps (&fate))
      naming_apply (after->inodes, &disk->namings[i]);
  return reboot (after);
}
