/* Why a request broke off, in our words and with what can be done about it.
 */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "origin/http-failure.h"

/* What each of libcurl's codes is to the caller.  STICKY: an answer that is
 * nonsense is taken for the server's nature when the origin is opened, and
 * for an accident afterwards.
 */
enum nature { FINAL, ABSENT, AGAIN, STICKY };

static const struct
{
  CURLcode code;
  enum nature nature;
  int errnum;
  const char *what;
} failures[] = {
  { CURLE_COULDNT_RESOLVE_PROXY, ABSENT, EHOSTUNREACH,
    "the proxy's name can't be resolved" },
  { CURLE_COULDNT_RESOLVE_HOST, ABSENT, EHOSTUNREACH,
    "the host's name can't be resolved" },
  { CURLE_COULDNT_CONNECT, ABSENT, ECONNREFUSED, "can't connect" },
  { CURLE_PROXY, ABSENT, ECONNREFUSED, "can't connect by the proxy" },
  { CURLE_OPERATION_TIMEDOUT, ABSENT, ETIMEDOUT,
    "the server did not answer in time" },
  { CURLE_PEER_FAILED_VERIFICATION, FINAL, EACCES,
    "the server's certificate is not valid" },
  { CURLE_SSL_CACERT_BADFILE, FINAL, ENOENT,
    "the certificates to verify the server can't be read" },
  { CURLE_SSL_CERTPROBLEM, FINAL, EACCES, "TLS failed" },
  { CURLE_SSL_CIPHER, FINAL, EPROTO, "TLS failed" },
  { CURLE_SSL_CONNECT_ERROR, STICKY, EPROTO, "TLS failed" },
  { CURLE_GOT_NOTHING, AGAIN, ECONNRESET,
    "the server closed the connection without an answer" },
  { CURLE_RECV_ERROR, AGAIN, ECONNRESET, "the connection broke" },
  { CURLE_SEND_ERROR, AGAIN, ECONNRESET, "the connection broke" },
  { CURLE_PARTIAL_FILE, AGAIN, EIO, "the body ended early" },
  { CURLE_OK, AGAIN, EIO, "the body ended early" },
  { CURLE_WEIRD_SERVER_REPLY, STICKY, EPROTO,
    "the server's reply is unusable" },
  { CURLE_UNSUPPORTED_PROTOCOL, STICKY, EPROTO,
    "the server's reply is not HTTP" },
  { CURLE_HTTP2, STICKY, EPROTO, "the server's reply is not HTTP/1" },
  /* libcurl's word for a header line over 100 KB, too. */
  { CURLE_OUT_OF_MEMORY, FINAL, ENOMEM,
    "the reply's header is too large, or memory is short" },
  { CURLE_ABORTED_BY_CALLBACK, FINAL, ESHUTDOWN, "the program is ending" },
};

bool
http_failure_is_connect (CURLcode code)
{
  return code == CURLE_COULDNT_RESOLVE_HOST
    || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT
    || code == CURLE_PROXY;
}

static enum error_kind
kind_of (enum nature nature, bool opening)
{
  switch (nature) {
  case FINAL: return ERROR_FINAL;
  case ABSENT: return ERROR_ABSENT;
  case AGAIN: return ERROR_AGAIN;
  case STICKY: break;
  }
  return opening ? ERROR_FINAL : ERROR_AGAIN;
}

int
http_failure (const struct http_transfer *t, struct error *e)
{
  size_t got = atomic_load_explicit (&t->got, memory_order_relaxed);
  enum nature nature = AGAIN;
  int errnum = EIO;
  const char *what = "the request failed";
  char progress[64] = "";
  const char *why = t->curl_error;

  for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
    if (failures[i].code == t->result) {
      nature = failures[i].nature;
      errnum = failures[i].errnum;
      what = failures[i].what;
    }
  if (!t->decided && t->result == CURLE_OK)
    what = "the reply ended within its header";
  if (t->decided)
    snprintf (progress, sizeof progress, " after %zu of %zu bytes", got,
              (size_t) t->ask.count);
  if (!*why && t->result != CURLE_OK
      && t->result != CURLE_ABORTED_BY_CALLBACK)
    why = curl_easy_strerror (t->result);
  return error_set_kind (e, kind_of (nature, !t->ask.version), errnum,
                         "%s: %s%s%s%s%s", t->name, what, progress,
                         *why ? " (" : "", why, *why ? ")" : "");
}
