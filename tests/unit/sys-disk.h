/* A disk in memory that knows what a power loss would leave of it.
 *
 * Names are kept as contents are (sys-content.h): as the process sees them,
 * as they are durable, and the changes between the two, each of which a power
 * loss keeps or drops whatever it does to the others.
 */

#ifndef TIERCACHE_SYS_DISK_H
#define TIERCACHE_SYS_DISK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys-content.h"

#define SYS_DISK_ROOT 0         /* the inode of "/" */
#define SYS_DISK_NONE (-1)

struct sys_disk;

extern struct sys_disk *sys_disk_new (void);
extern void sys_disk_free (struct sys_disk *disk);

/* What a reboot finds, as a disk of its own.  Kill: all that was done.  Power
 * loss: see above; with seed 0 nothing is left that was not synced, any other
 * seed picks at random.
 */
extern struct sys_disk *sys_disk_after_kill (const struct sys_disk *disk);
extern struct sys_disk *sys_disk_after_power_loss (const struct sys_disk *disk,
                                                   uint64_t seed);

/* Names: as the process sees them.  Inodes are numbers; SYS_DISK_NONE if the
 * directory has no such name.
 */
extern int sys_disk_lookup (const struct sys_disk *disk, int dir,
                            const char *name);

/* The directory that holds the last part of the path, which goes to name
 * (empty: the path is the root); the inode of a path.  SYS_DISK_NONE with
 * errno.
 */
extern int sys_disk_parent (const struct sys_disk *disk, const char *path,
                            char name[NAME_MAX + 1]);
extern int sys_disk_inode (const struct sys_disk *disk, const char *path);

extern int sys_disk_create (struct sys_disk *disk, int dir, const char *name,
                            bool is_dir, mode_t mode);
extern void sys_disk_rename (struct sys_disk *disk, int from_dir,
                             const char *from, int to_dir, const char *to);
extern void sys_disk_unlink (struct sys_disk *disk, int dir,
                             const char *name);
extern void sys_disk_sync_dir (struct sys_disk *disk, int dir);

/* Descriptors keep an inode without a name alive: count them. */
extern void sys_disk_hold (struct sys_disk *disk, int inode);
extern void sys_disk_release (struct sys_disk *disk, int inode);

/* What the process sees of an inode. */
struct sys_disk_stat
{
  bool is_dir;
  mode_t mode;
  uint64_t size;
  unsigned links;
  const struct sys_pages *pages;
};
extern void sys_disk_stat (const struct sys_disk *disk, int inode,
                           struct sys_disk_stat *st);

/* The content of a file, to be changed by the functions of sys-content.h;
 * sys_disk_account is to be called after each change.
 */
extern struct sys_content *sys_disk_content (struct sys_disk *disk,
                                             int inode);
extern void sys_disk_account (struct sys_disk *disk);

/* Bytes allocated by the content of all files, and the most there ever was
 * since the disk was made.
 */
extern uint64_t sys_disk_allocated (const struct sys_disk *disk);
extern uint64_t sys_disk_peak (const struct sys_disk *disk);

/* Changes that are not durable yet, of contents and names. */
extern uint64_t sys_disk_unsynced (const struct sys_disk *disk);

#endif /* TIERCACHE_SYS_DISK_H */
