/* What an NBD connection or server came to, in our words. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <libnbd.h>

#include "origin/nbd-failure.h"

/* libnbd begins its messages with the function that failed, which means
 * nothing to the user.
 */
static const char *
last_words (void)
{
  const char *text = nbd_get_error ();
  const char *colon = text ? strstr (text, ": ") : NULL;

  if (!text)
    return "no reason was given";
  return colon && strncmp (text, "nbd_", 4) == 0 ? colon + 2 : text;
}

/* Those that come of what was asked for, and will come again. */
static bool
is_refusal (int errnum)
{
  return errnum == EINVAL || errnum == EPERM || errnum == EACCES
    || errnum == ENOTSUP || errnum == EPROTO;
}

static const char *
advice (int errnum)
{
  switch (errnum) {
  case ECONNREFUSED:
    return ": is the NBD server running?";
  case ENOENT:
    return ": is the NBD server running, with this export?";
  case EACCES: case EPERM:
    return ": the server asks for TLS, or for another user, or this one may "
      "not use the socket";
  default:
    return "";
  }
}

int
nbd_failure_connect (const char *uri, const char *name, struct error *e)
{
  int errnum = nbd_get_errno ();
  const char *why = last_words ();

  if (strstr (why, uri))                /* with all that is secret in it */
    why = "libnbd can't make sense of it";
  return error_set_kind (e, is_refusal (errnum) ? ERROR_FINAL : ERROR_ABSENT,
                         errnum ? errnum : ECONNRESET,
                         "%s: cannot connect: %s%s", name, why,
                         advice (errnum));
}

int
nbd_failure_lost (const char *name, struct error *e)
{
  return error_set_kind (e, ERROR_AGAIN, ECONNRESET,
                         "%s: the connection was lost: %s", name,
                         last_words ());
}

int
nbd_failure_answer (const char *name, const struct nbd_job *job,
                    const struct nbd_link_facts *facts, struct error *e)
{
  enum error_kind kind = is_refusal (job->errnum) ? ERROR_FINAL
    : job->errnum == ESHUTDOWN ? ERROR_ABSENT : ERROR_AGAIN;
  const char *said = strerrordesc_np (job->errnum);
  char why[100] = "";

  if (job->errnum == EINVAL
      && ((facts->minimum && job->count % facts->minimum)
          || (facts->minimum && job->offset % facts->minimum)))
    snprintf (why, sizeof why, ": it wants multiples of %" PRIu32 ": set "
              "cache-block-size to that or more", facts->minimum);
  return error_set_kind (e, kind, job->errnum == ESHUTDOWN ? ECONNRESET
                         : job->errnum, "%s: cannot %s %zu bytes at %" PRIu64
                         ": %s%s%s", name,
                         job->kind == NBD_JOB_READ ? "read"
                         : "look for holes in",
                         job->count, job->offset,
                         job->errnum == EBADMSG ? "" : "the server says: ",
                         job->errnum == EBADMSG
                         ? "the server's answer is not complete"
                         : said ? said : "an unknown error", why);
}
