/* Ctrl-C ends long work in its own time, so that what is cached is kept. */

#ifndef TIERCACHE_CTL_INTERRUPT_H
#define TIERCACHE_CTL_INTERRUPT_H

#include "util/stop.h"

#define INTERRUPT_STATUS 130    /* the program's, then */

extern void interrupt_catch (void);

/* True once there has been one. */
extern const struct stop interrupt_stop;

#endif /* TIERCACHE_CTL_INTERRUPT_H */
