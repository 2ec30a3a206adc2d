/* tiercache-ctl: looks after cache directories. */

#include <config.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stat.h"

static const char usage_text[] =
  "tiercache-ctl: looks after cache directories of nbdkit-tiercache-plugin\n"
  "\n"
  "  tiercache-ctl stat [--json] DIR    what DIR holds, per object\n"
  "  tiercache-ctl --help | --version\n";

static int
usage (const char *why, const char *what)
{
  fprintf (stderr, "tiercache-ctl: %s%s\n\n%s", why, what, usage_text);
  return EXIT_FAILURE;
}

int
main (int argc, char *argv[])
{
  static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "json", no_argument, NULL, 'j' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 }
  };
  bool json = false;
  int c;

  while ((c = getopt_long (argc, argv, "hV", options, NULL)) != -1)
    switch (c) {
    case 'h':
      fputs (usage_text, stdout);
      return EXIT_SUCCESS;
    case 'j':
      json = true;
      break;
    case 'V':
      puts (PACKAGE_STRING);
      return EXIT_SUCCESS;
    default:
      return usage ("see what there is", "");
    }
  if (optind == argc)
    return usage ("a command is needed", "");
  if (strcmp (argv[optind], "stat") != 0)
    return usage ("unknown command: ", argv[optind]);
  if (argc - optind != 2)
    return usage ("stat takes one directory", "");
  return ctl_stat (argv[optind + 1], json);
}
