/* System calls over a disk in memory (sys-disk.h): files, directories,
 * descriptors, locks and space, as far as the engine uses them.  Paths are
 * absolute, and every directory but the root is made by mkdir.
 */

#ifndef TIERCACHE_SYS_MODEL_H
#define TIERCACHE_SYS_MODEL_H

#include "util/sys.h"

#include "sys-disk.h"

struct sys_model;

/* Over a disk, which it takes: no descriptor is open. */
extern struct sys_model *sys_model_new (struct sys_disk *disk);
extern void sys_model_free (struct sys_model *model);

/* The clocks are the real ones. */
extern const struct sys *sys_model_sys (struct sys_model *model);

/* Not while another thread is in a call. */
extern struct sys_disk *sys_model_disk (struct sys_model *model);

/* Bytes that can still be allocated; at first, 1 TiB. */
extern void sys_model_set_free (struct sys_model *model, uint64_t bytes);

struct sys_model_numbers
{
  uint64_t allocated, peak, unsynced;   /* as sys-disk.h has them */
  unsigned descriptors;                 /* that are open */
};
extern void sys_model_numbers (struct sys_model *model,
                               struct sys_model_numbers *numbers);

#endif /* TIERCACHE_SYS_MODEL_H */
