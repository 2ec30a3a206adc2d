/* Where a command is carried out: by the server that owns the directory, or
 * here if nobody does.
 */

#include <config.h>

#include <errno.h>

#include "call.h"
#include "interrupt.h"
#include "local.h"
#include "remote.h"

#define WAIT_MS 5000            /* for an owner that starts or ends */
#define WAIT_STEP_MS 50

/* Does the owner answer?  A server that starts, or ends, holds the lock a
 * while before or after its socket is there.
 */
static int
find_place (struct call *call, struct show *show, struct error *e)
{
  struct error why = { 0 }, busy = { 0 };
  int fd;

  for (unsigned ms = 0; ms < WAIT_MS; ms += WAIT_STEP_MS) {
    fd = control_connect (call->dir, &why);
    if (fd != -1) {
      remote (fd, call, show);
      return 0;
    }
    if (why.errnum != ENOENT && why.errnum != ECONNREFUSED)
      break;
    if (local (call, show, e) == 0)
      return 0;
    if (e->errnum != EBUSY)
      return -1;
    if (stop_sleep (&interrupt_stop, WAIT_STEP_MS) != 0)
      return -1;
  }
  if (e->errnum == EBUSY)
    busy = *e;
  return busy.errnum == 0 ? error_set (e, why.errnum, "%s", why.text)
    : error_set (e, EBUSY, "its owner does not listen for commands: %s",
                 busy.text);
}

int
call (struct call *call)
{
  struct show show;
  struct error e = { 0 };

  show_begin (&show, call->request->command, call->json);
  if (find_place (call, &show, &e) == -1 &&
      !stop_requested (&interrupt_stop))
    show_error (&show, e.text);
  progress_end (&show.progress);
  if (stop_requested (&interrupt_stop))
    return INTERRUPT_STATUS;
  return show.status;
}
