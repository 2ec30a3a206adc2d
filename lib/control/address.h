/* The address of a socket in a directory, however long the directory's path
 * is: sun_path has room for 107 bytes.
 */

#ifndef TIERCACHE_CONTROL_ADDRESS_H
#define TIERCACHE_CONTROL_ADDRESS_H

#include <sys/un.h>

#include "util/error.h"

/* Opens the directory, and fills in *address with a path that is right as long
 * as the descriptor returned is open.  -1 with *e.
 */
extern int address_open (const char *dir, struct sockaddr_un *address,
                         struct error *e);

#endif /* TIERCACHE_CONTROL_ADDRESS_H */
