/* libFuzzer: requests to a server.  The input is a line; what it asks for, if
 * it is a request, is the same after it was printed and read again.
 */

#include <config.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/control.h"

extern int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
require (int ok)
{
  if (!ok)
    abort ();
}

static int
same (const char *a, const char *b)
{
  return a && b ? strcmp (a, b) == 0 : a == b;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct control_request r, again;
  struct error e = { 0 };
  char *line;

  if (control_request_parse ((const char *) data, size, &r, &e) == -1) {
    require (e.errnum > 0 && strlen (e.text) > 5);
    return 0;
  }
  require (size <= CONTROL_REQUEST_MAX && r.offset < r.end);
  require (r.name || r.command == CONTROL_LIST ||
           r.command == CONTROL_VERIFY || r.command == CONTROL_EVICT);
  line = control_request_print (&r, &e);
  if (line) {                   /* what needs no escapes may be longer with */
    require (control_request_parse (line, strlen (line), &again, &e) == 0);
    require (again.command == r.command && again.offset == r.offset
             && again.end == r.end && same (again.name, r.name)
             && same (again.key, r.key));
    control_request_free (&again);
    free (line);
  }
  control_request_free (&r);
  return 0;
}
