/* Waiting that ends when the program is told to end.
 *
 * nbdkit cannot exit while a thread is blocked in a callback: every wait of
 * the engine is in slices of at most 100 ms that ask stopping ().
 */

#ifndef TIERCACHE_STOP_H
#define TIERCACHE_STOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct stop
{
  /* True once the program is ending.  Called from any thread. */
  bool (*stopping) (void *opaque);
  void *opaque;
};

#define STOP_SLICE_MS 100

/* False if stop is NULL. */
extern bool stop_requested (const struct stop *stop);

/* Waits for the condition, which must use CLOCK_MONOTONIC (stop_cond_init),
 * at most until deadline_ns (CLOCK_MONOTONIC; 0: no deadline) and at most one
 * slice.  Call it in a loop that tests its own condition.  Returns 0 when
 * woken or the slice is over, ETIMEDOUT when the deadline has passed,
 * ESHUTDOWN when the program is ending.  The mutex is held before and after;
 * stopping () is asked with the mutex held.
 */
extern int stop_wait (const struct stop *stop, pthread_cond_t *cond,
                      pthread_mutex_t *mutex, uint64_t deadline_ns);

/* Sleeps ms milliseconds.  0, or ESHUTDOWN when the program is ending. */
extern int stop_sleep (const struct stop *stop, uint64_t ms);

/* Initialises a condition on CLOCK_MONOTONIC. */
extern void stop_cond_init (pthread_cond_t *cond);

/* CLOCK_MONOTONIC in nanoseconds. */
extern uint64_t stop_now_ns (void);

#endif /* TIERCACHE_STOP_H */
