/* tiercache-ctl stat: what a cache directory holds. */

#ifndef TIERCACHE_CTL_STAT_H
#define TIERCACHE_CTL_STAT_H

#include <stdbool.h>

/* Prints it to stdout.  The program's exit status. */
extern int ctl_stat (const char *dir, bool json);

#endif /* TIERCACHE_CTL_STAT_H */
