/* tiercache-ctl: looks after cache directories. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "device/cache-parameters.h"
#include "interrupt.h"
#include "stat.h"
#include "util/parse.h"

static const char usage_text[] =
  "tiercache-ctl: looks after cache directories of nbdkit-tiercache-plugin\n"
  "and nbdkit-tiercache-filter, also while they are in use\n"
  "\n"
  "  tiercache-ctl stat DIR                 what DIR holds\n"
  "  tiercache-ctl list DIR                 its objects, one a line\n"
  "  tiercache-ctl warm URL [RANGE]         brings it into the cache\n"
  "  tiercache-ctl evict DIR IDENTITY [RANGE]\n"
  "  tiercache-ctl evict DIR --all          drops what is cached\n"
  "  tiercache-ctl verify DIR [IDENTITY]    checks every checksum\n"
  "  tiercache-ctl pin DIR IDENTITY         never evicts it for room\n"
  "  tiercache-ctl unpin DIR IDENTITY\n"
  "\n"
  "RANGE is OFFSET-END, OFFSET- or OFFSET+LENGTH, as in 1G+512M.\n"
  "\n"
  "  --json                  for programs\n"
  "  --help, --version\n"
  "of warm:\n"
  "  --cache-dir=DIR         (the one that the plugin has for the URL)\n"
  "  --cache-key=NAME        what it is called in the cache (the URL)\n"
  "  --cache-size=SIZE       most that DIR may hold (as it is; new: 10G)\n"
  "  --cache-block-size=SIZE, --cache-compress=lz4|none   of a new DIR\n"
  "  --connections=N         requests at a time, 1 to 64 (16)\n"
  "  --header=NAME:VALUE     sent with each request; may be repeated\n"
  "  --cainfo=FILE           certificates to trust\n";

static int
usage (const char *why)
{
  fprintf (stderr, "tiercache-ctl: %s\n\n%s", why, usage_text);
  return EXIT_FAILURE;
}

enum
{
  OPTION_ALL = 256, OPTION_BLOCK_SIZE, OPTION_CAINFO, OPTION_COMPRESS,
  OPTION_CONNECTIONS, OPTION_DIR, OPTION_HEADER, OPTION_JSON, OPTION_KEY,
  OPTION_SIZE
};

static const struct option long_options[] = {
  { "all", no_argument, NULL, OPTION_ALL },
  { "cache-block-size", required_argument, NULL, OPTION_BLOCK_SIZE },
  { "cache-compress", required_argument, NULL, OPTION_COMPRESS },
  { "cache-dir", required_argument, NULL, OPTION_DIR },
  { "cache-key", required_argument, NULL, OPTION_KEY },
  { "cache-size", required_argument, NULL, OPTION_SIZE },
  { "cainfo", required_argument, NULL, OPTION_CAINFO },
  { "connections", required_argument, NULL, OPTION_CONNECTIONS },
  { "header", required_argument, NULL, OPTION_HEADER },
  { "help", no_argument, NULL, 'h' },
  { "json", no_argument, NULL, OPTION_JSON },
  { "version", no_argument, NULL, 'V' },
  { NULL, 0, NULL, 0 }
};

static int
add_header (struct options *o, const char *header, struct error *e)
{
  const char **headers = realloc (o->headers, (o->headers_count + 2)
                                  * sizeof *headers);

  if (!headers)
    return error_set (e, ENOMEM, "out of memory");
  o->headers = headers;
  headers[o->headers_count++] = header;
  headers[o->headers_count] = NULL;
  if (*header != ':' && strchr (header, ':') && !strpbrk (header, "\r\n"))
    return 0;
  return error_set (e, EINVAL, "--header=…: expected NAME:VALUE on one line");
}

/* One of warm's. */
static int
set_warming (struct options *o, int option, const char *value,
             struct error *e)
{
  struct engine_config *config = &o->call.config;
  uint64_t number;

  o->warming = true;
  switch (option) {
  case OPTION_BLOCK_SIZE:
    return cache_parameters_set (config, "block-size", "--cache-block-size",
                                 value, e);
  case OPTION_COMPRESS:
    return cache_parameters_set (config, "compress", "--cache-compress",
                                 value, e);
  case OPTION_SIZE:
    o->call.sized = true;
    return cache_parameters_set (config, "size", "--cache-size", value, e);
  case OPTION_DIR:
    o->dir = value;
    return 0;
  case OPTION_KEY:
    o->key = value;
    return *value ? 0
      : error_set (e, EINVAL, "--cache-key: must not be empty");
  case OPTION_CAINFO:
    config->origin.cainfo = value;
    return 0;
  case OPTION_HEADER:
    return add_header (o, value, e);
  default:
    if (parse_number ("--connections", value, 1, 64, &number, e) == -1)
      return -1;
    config->origin.connections = number;
    return 0;
  }
}

static int
run (struct options *o, char *words[], int count)
{
  struct error e;
  int r;

  if (count == 0)
    return usage ("a command is needed");
  if (strcmp (words[0], "stat") == 0) {
    if (count != 2 || o->all || o->warming)
      return usage ("stat takes one directory");
    return ctl_stat (words[1], o->call.json);
  }
  interrupt_catch ();
  r = commands_run (o, words, count, &e);
  return r == -1 ? usage (e.text) : r;
}

int
main (int argc, char *argv[])
{
  struct options o = {
    .call.config = {
      .origin = { .connections = 16, .timeout_ms = 30000 },
      .fetch_retries = 5,
    },
  };
  struct error e;
  int c, status;

  cache_parameters_init (&o.call.config);
  while ((c = getopt_long (argc, argv, "hV", long_options, NULL)) != -1)
    switch (c) {
    case 'h':
      fputs (usage_text, stdout);
      return EXIT_SUCCESS;
    case 'V':
      puts (PACKAGE_STRING);
      return EXIT_SUCCESS;
    case '?':
      return usage ("see what there is");
    case OPTION_ALL:
      o.all = true;
      break;
    case OPTION_JSON:
      o.call.json = true;
      break;
    default:
      if (set_warming (&o, c, optarg, &e) == -1)
        return usage (e.text);
    }
  status = run (&o, argv + optind, argc - optind);
  free (o.headers);
  return status;
}
