/* What all requests of one open origin share. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "origin/http-client.h"
#include "origin/http-transfer.h"
#include "origin/http-url.h"
#include "util/cleanup.h"

#define NAME_MAX_BYTES 200      /* so that an error has room for its reason */

/* Of the connections, this part may be used a second time over, for what is
 * late on the first.
 */
#define SPARE_SHARE 4

static int
no_memory (struct error *e)
{
  return error_set (e, ENOMEM, "out of memory");
}

/* Keeps the list as it was if there is no memory. */
static int
add_header (struct curl_slist **list, const char *line, struct error *e)
{
  struct curl_slist *longer = curl_slist_append (*list, line);

  if (!longer)
    return no_memory (e);
  *list = longer;
  return 0;
}

/* Headers that say which bytes, in which form: they are ours to send. */
static bool
is_ours (const char *line, size_t len)
{
  static const char *const ours[] = {
    "Range", "If-Match", "If-None-Match", "If-Range", "If-Modified-Since",
    "If-Unmodified-Since", "Accept-Encoding", "TE", "Transfer-Encoding",
    "Content-Length", "Connection", NULL
  };

  for (size_t i = 0; ours[i]; i++)
    if (strlen (ours[i]) == len && strncasecmp (line, ours[i], len) == 0)
      return true;
  return false;
}

/* One of the user's headers: its value may be a secret, so that it is not
 * in the error.
 */
static int
add_user_header (struct http_client *client, const char *line,
                 struct error *e)
{
  size_t len = strcspn (line, ":");

  if (line[len] != ':' || len == 0 || strcspn (line, " \t") < len
      || strpbrk (line, "\r\n"))
    return error_set (e, EINVAL, "header: expected one line \"Name: value\"");
  if (is_ours (line, len))
    return error_set (e, EINVAL, "header: %.*s can't be set: which bytes are "
                      "asked for, and in which form, is not the user's",
                      (int) len, line);
  return add_header (&client->own_headers, line, e);
}

static int
set_headers (struct http_client *client, const char *const *headers,
             struct error *e)
{
  static const char *const plain = "Accept-Encoding: identity";

  if (add_header (&client->own_headers, plain, e) == -1
      || add_header (&client->other_headers, plain, e) == -1)
    return -1;
  for (; headers && *headers; headers++)
    if (add_user_header (client, *headers, e) == -1)
      return -1;
  return 0;
}

static char *
copy (const char *s)
{
  return s ? strdup (s) : NULL;
}

/* User and password: those configured, else those in the URL. */
static int
set_login (struct http_client *client, const struct origin_config *config,
           char *user, char *password, struct error *e)
{
  client->user = user;
  client->password = password;
  if (config->user) {
    free (client->user);
    client->user = strdup (config->user);
    if (!client->user)
      return no_memory (e);
  }
  if (config->password) {
    free (client->password);
    client->password = strdup (config->password);
    if (!client->password)
      return no_memory (e);
  }
  return 0;
}

static int
set_up (struct http_client *client, const char *url,
        const struct origin_config *config, struct error *e)
{
  char *user = NULL, *password = NULL;

  if (http_url_split (url, &client->url, &user, &password, e) == -1
      || set_login (client, config, user, password, e) == -1
      || set_headers (client, config->headers, e) == -1)
    return -1;
  client->name = origin_url_for_log (url);
  client->cainfo = copy (config->cainfo);
  if (!client->name || (config->cainfo && !client->cainfo))
    return no_memory (e);
  if (strlen (client->name) > NAME_MAX_BYTES)
    client->name[NAME_MAX_BYTES] = '\0';
  client->loop = http_loop_get (client->connections, e);
  return client->loop ? 0 : -1;
}

struct http_client *
http_client_new (const char *url, const struct origin_config *config,
                 struct error *e)
{
  struct http_client *client = calloc (1, sizeof *client);

  if (!client) {
    no_memory (e);
    return NULL;
  }
  pthread_mutex_init (&client->lock, NULL);
  stop_cond_init (&client->slot_free);
  client->connections = config->connections ? config->connections : 1;
  client->timeout_ms = config->timeout_ms;
  client->stop = config->stop;
  if (set_up (client, url, config, e) == -1) {
    http_client_free (client);
    return NULL;
  }
  return client;
}

void
http_client_free (struct http_client *client)
{
  struct http_transfer *t;

  while ((t = client->idle)) {
    client->idle = t->next;
    http_transfer_destroy (t);
  }
  if (client->loop)
    http_loop_put (client->loop, client->connections);
  curl_slist_free_all (client->own_headers);
  curl_slist_free_all (client->other_headers);
  pthread_cond_destroy (&client->slot_free);
  pthread_mutex_destroy (&client->lock);
  free (client->target);
  free (client->url);
  free (client->name);
  free (client->user);
  free (client->password);
  free (client->cainfo);
  free (client);
}

int
http_client_require (struct http_client *client, const char *etag,
                     struct error *e)
{
  char line[HTTP_REPLY_ETAG_MAX + 32];

  snprintf (line, sizeof line, "If-Match: %s", etag);
  return add_header (&client->own_headers, line, e) == -1
    || add_header (&client->other_headers, line, e) == -1 ? -1 : 0;
}

char *
http_client_where (struct http_client *client)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&client->lock);
  return strdup (client->target ? client->target : client->url);
}

void
http_client_target (struct http_client *client, const char *url)
{
  CLEANUP_FREE char *old = NULL;

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&client->lock);
  old = client->target;
  client->target = copy (url);
}

int
http_client_enter (struct http_client *client, uint64_t deadline_ns,
                   struct error *e)
{
  int err = 0;

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&client->lock);
  while (client->slots >= client->connections && !err)
    err = stop_wait (client->stop, &client->slot_free, &client->lock,
                     deadline_ns);
  if (err == ESHUTDOWN)
    return error_set (e, ESHUTDOWN, "%s: the program is ending",
                      client->name);
  if (err)
    return error_set_kind (e, ERROR_AGAIN, err, "%s: all %u connections were "
                           "busy for the whole timeout", client->name,
                           client->connections);
  client->slots++;
  return 0;
}

void
http_client_leave (struct http_client *client)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&client->lock);
  client->slots--;
  pthread_cond_signal (&client->slot_free);
}

bool
http_client_spare (struct http_client *client, uint64_t elapsed_ns,
                   uint64_t idle_ns, uint64_t bytes)
{
  unsigned most = client->connections / SPARE_SHARE;

  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&client->lock);
  if (client->spares >= (most ? most : 1)
      || !http_pace_overdue (&client->pace, elapsed_ns, idle_ns, bytes))
    return false;
  client->spares++;
  return true;
}

void
http_client_spared (struct http_client *client, uint64_t wasted)
{
  ACQUIRE_LOCK_FOR_CURRENT_SCOPE (&client->lock);
  client->spares--;
  client->pace.wasted += wasted;
}
