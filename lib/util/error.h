/* What went wrong, in words a user can act on, and what a caller can do
 * about it.
 */

#ifndef TIERCACHE_ERROR_H
#define TIERCACHE_ERROR_H

#include <stdint.h>

/* What the caller may do about an error. */
enum error_kind
{
  ERROR_FINAL,       /* asking again would give the same answer */
  ERROR_ABSENT,      /* the origin can't be reached, or does not answer:
                        worth a retry, and reason to serve what is cached */
  ERROR_AGAIN,       /* worth a retry (short body, reset, 5xx) */
  ERROR_BUSY,        /* worth a retry, but later and by fewer (429, 503) */
};

struct error
{
  int errnum;               /* an errno value, never 0 once set */
  enum error_kind kind;
  uint32_t retry_after_ms;  /* what the origin asked for; 0: nothing */
  char text[600];           /* what, where, why; no newline, one line */
};

/* Sets all of *e (retry_after_ms to 0, kind to ERROR_FINAL) and returns -1,
 * so that "return error_set (e, …)" reads well.  The text is cut to fit, and
 * control characters in it (they may come from a server) become '?'.  e may
 * be NULL: nothing is stored.
 */
extern int error_set (struct error *e, int errnum, const char *fmt, ...)
  __attribute__ ((format (printf, 3, 4)));

/* The same with the kind named. */
extern int error_set_kind (struct error *e, enum error_kind kind, int errnum,
                           const char *fmt, ...)
  __attribute__ ((format (printf, 4, 5)));

#endif /* TIERCACHE_ERROR_H */
