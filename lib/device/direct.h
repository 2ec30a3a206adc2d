/* What a device's own callers are reading from the origin for it. */

#ifndef TIERCACHE_DIRECT_H
#define TIERCACHE_DIRECT_H

#include <pthread.h>

#define DIRECT_READ_MAX 1048576u        /* bytes of one read; a block may be
                                           larger: then one block */

struct direct_run;

struct direct
{
  pthread_mutex_t lock;         /* never held across I/O */
  pthread_cond_t changed;       /* a run has been read, or is gone */
  struct direct_run *runs;
};

extern void direct_init (struct direct *direct);
extern void direct_destroy (struct direct *direct);

#endif /* TIERCACHE_DIRECT_H */
