/* Leaving the core to others in the midst of work. */

#ifndef TIERCACHE_YIELD_H
#define TIERCACHE_YIELD_H

/* Where cores are few, a hit waits for whoever has one: called between parts
 * of work that take as long as several hits, this lets it pass.  Who computes
 * all the time would keep the core for milliseconds instead: then it is
 * given up so seldom that the work is slowed down by a sixteenth at most.
 */
extern void yield_core (void);

#endif /* TIERCACHE_YIELD_H */
