/* Ownership that is visible in the declaration.
 *
 * nbdkit's CLEANUP_* macros are not installed with it: these are ours.
 */

#ifndef TIERCACHE_CLEANUP_H
#define TIERCACHE_CLEANUP_H

#include <pthread.h>
#include <stdlib.h>

static inline void
cleanup_free (void *ptr)
{
  free (*(void **) ptr);
}

static inline void
cleanup_unlock (pthread_mutex_t **lock)
{
  pthread_mutex_unlock (*lock);
}

/* Frees the variable when it goes out of scope. */
#define CLEANUP_FREE __attribute__ ((cleanup (cleanup_free)))

#define CLEANUP_PASTE2(a, b) a##b
#define CLEANUP_PASTE(a, b) CLEANUP_PASTE2 (a, b)

/* Takes the lock now, gives it back at the end of the scope. */
#define ACQUIRE_LOCK_FOR_CURRENT_SCOPE(mutex)                           \
  __attribute__ ((cleanup (cleanup_unlock)))                            \
  pthread_mutex_t *CLEANUP_PASTE (scope_lock_, __LINE__) = (mutex);     \
  pthread_mutex_lock (CLEANUP_PASTE (scope_lock_, __LINE__))

#endif /* TIERCACHE_CLEANUP_H */
