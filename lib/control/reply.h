/* What commands say, as JSON. */

#ifndef TIERCACHE_CONTROL_REPLY_H
#define TIERCACHE_CONTROL_REPLY_H

#include "control/control.h"

/* A string of any bytes: what is not UTF-8 becomes U+FFFD. */
extern json_t *reply_text (const char *bytes);

/* Says {KIND: value}, and takes the value; NULL stands for want of memory.
 * False: nobody listens any more.
 */
extern bool reply_say (const struct control_peer *peer, const char *kind,
                       json_t *value);

extern void reply_error (const struct control_peer *peer,
                         const struct error *e);

/* How far a long command is.  Says so five times a second at most; false: it
 * is to end.
 */
struct reply_progress
{
  const struct control_peer *peer;
  uint64_t next_ns;
};
extern bool reply_progress (void *progress, uint64_t done, uint64_t total);

#endif /* TIERCACHE_CONTROL_REPLY_H */
