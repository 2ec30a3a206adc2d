/* The listing of a directory on a web server: one bounded GET. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "origin/directory.h"
#include "origin/http-client.h"
#include "origin/http-loop.h"
#include "util/stop.h"

#define NS_PER_MS UINT64_C (1000000)

struct listing
{
  struct http_job job;          /* first */
  char *text;                   /* room for DIRECTORY_LISTING_MAX */
  size_t len;
  bool overrun;
  char why[CURL_ERROR_SIZE];

  pthread_mutex_t lock;         /* over these */
  pthread_cond_t changed;
  bool done;
  CURLcode result;
};

static size_t
take_body (char *data, size_t size, size_t n, void *opaque)
{
  struct listing *listing = opaque;

  n *= size;
  if (n > DIRECTORY_LISTING_MAX - listing->len) {
    listing->overrun = true;
    return 0;
  }
  memcpy (listing->text + listing->len, data, n);
  listing->len += n;
  return n;
}

static void
listing_done (struct http_job *job, CURLcode result)
{
  struct listing *listing = (struct listing *) job;

  pthread_mutex_lock (&listing->lock);
  listing->result = result;
  listing->done = true;
  pthread_cond_signal (&listing->changed);
  pthread_mutex_unlock (&listing->lock);
}

/* Redirects are not followed: the images would be asked for elsewhere. */
static bool
set_up (struct listing *listing, const struct http_client *client)
{
  CURL *easy = listing->job.easy;
  bool ok = easy != NULL;

#define SET(option, value) \
  ok = ok && curl_easy_setopt (easy, (option), (value)) == CURLE_OK
  SET (CURLOPT_PROTOCOLS_STR, "http,https");
  SET (CURLOPT_URL, client->url);
  SET (CURLOPT_HTTPHEADER, client->own_headers);
  SET (CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
  if (client->user)
    SET (CURLOPT_USERNAME, client->user);
  if (client->password)
    SET (CURLOPT_PASSWORD, client->password);
  if (client->cainfo)
    SET (CURLOPT_CAINFO, client->cainfo);
  /* What comes with an error may have no end. */
  SET (CURLOPT_FAILONERROR, 1L);
  SET (CURLOPT_NOSIGNAL, 1L);
  SET (CURLOPT_QUICK_EXIT, 1L);
  SET (CURLOPT_TIMEOUT_MS, (long) (client->timeout_ms > INT32_MAX ? INT32_MAX
                                   : client->timeout_ms));
  SET (CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
  SET (CURLOPT_WRITEFUNCTION, take_body);
  SET (CURLOPT_WRITEDATA, listing);
  SET (CURLOPT_ERRORBUFFER, listing->why);
#undef SET
  return ok;
}

/* Waits until it is done; false if the program is ending. */
static bool
run (struct listing *listing, struct http_client *client)
{
  uint64_t deadline_ns = stop_now_ns () + client->timeout_ms * NS_PER_MS;
  int r = 0;

  http_loop_start (client->loop, &listing->job);
  pthread_mutex_lock (&listing->lock);
  while (!listing->done && r == 0)
    r = stop_wait (client->stop, &listing->changed, &listing->lock,
                   deadline_ns);
  if (!listing->done)
    http_loop_abort (client->loop, &listing->job);
  while (!listing->done)
    pthread_cond_wait (&listing->changed, &listing->lock);
  pthread_mutex_unlock (&listing->lock);
  return r != ESHUTDOWN;
}

static int
judge (const struct listing *listing, const struct http_client *client,
       struct error *e)
{
  long status = 0;

  curl_easy_getinfo (listing->job.easy, CURLINFO_RESPONSE_CODE, &status);
  if (listing->overrun)
    return error_set (e, EFBIG, "%s: the listing is larger than 1 MiB",
                      client->name);
  if (listing->result != CURLE_OK
      && listing->result != CURLE_HTTP_RETURNED_ERROR)
    return error_set_kind (e, ERROR_ABSENT, EIO, "%s: cannot list the "
                           "directory: %s", client->name,
                           *listing->why ? listing->why
                           : curl_easy_strerror (listing->result));
  if (status >= 300 && status < 400)
    return error_set (e, EINVAL, "%s: cannot list the directory: the server "
                      "redirects (status %ld): give the URL that it leads "
                      "to", client->name, status);
  if (status != 200)
    return error_set (e, status == 404 ? ENOENT : EACCES, "%s: cannot list "
                      "the directory: the server answers with status %ld: it "
                      "must send an index, as HTML, JSON or plain names",
                      client->name, status);
  return 0;
}

static int
fetch (struct listing *listing, struct http_client *client, struct error *e)
{
  listing->job.done = listing_done;
  listing->job.easy = curl_easy_init ();
  listing->text = malloc (DIRECTORY_LISTING_MAX);
  if (!listing->text || !set_up (listing, client))
    return error_set (e, ENOMEM, "%s: out of memory", client->name);
  if (!run (listing, client))
    return error_set (e, ESHUTDOWN, "%s: the program is ending",
                      client->name);
  return judge (listing, client, e);
}

int
directory_fetch (const char *url, const struct origin_config *config,
                 char **text, size_t *len, struct error *e)
{
  struct http_client *client = http_client_new (url, config, e);
  struct listing listing = { .text = NULL };
  int r;

  if (!client)
    return -1;
  pthread_mutex_init (&listing.lock, NULL);
  stop_cond_init (&listing.changed);
  r = fetch (&listing, client, e);
  curl_easy_cleanup (listing.job.easy);
  pthread_cond_destroy (&listing.changed);
  pthread_mutex_destroy (&listing.lock);
  http_client_free (client);
  if (r == -1) {
    free (listing.text);
    return -1;
  }
  *text = listing.text;
  *len = listing.len;
  return 0;
}
