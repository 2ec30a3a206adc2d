/* tiercache-sim: how a cache of some size would do on a recorded trace. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "report.h"
#include "run.h"
#include "trace.h"
#include "util/cleanup.h"
#include "util/parse.h"

#define MAIN_SIZES_MAX 64
#define MAIN_POLICIES_MAX 8
#define MAIN_CURVE_POINTS 25    /* 0.1 % to 100 %, eight a decade */
#define MAIN_ROOT_8 1.333521432163324   /* 10^(1/8) */

struct size
{
  double fraction;              /* of the footprint, or 0 */
  uint64_t bytes;
};

struct options
{
  struct trace_options trace;
  struct size sizes[MAIN_SIZES_MAX];
  unsigned size_count;
  const struct cache_ops *policies[MAIN_POLICIES_MAX];
  unsigned policy_count;
  struct cache_config cache;
  bool json;
};

static int
add_size (struct options *o, const char *word, struct error *e)
{
  size_t length = strlen (word);
  struct size size = { 0, 0 };
  char *end;

  if (o->size_count == MAIN_SIZES_MAX)
    return error_set (e, EINVAL, "--cache-size: at most %d sizes",
                      MAIN_SIZES_MAX);
  if (length > 0 && word[length - 1] == '%') {
    size.fraction = strtod (word, &end) / 100;
    if (end != word + length - 1
        || !(size.fraction > 0 && size.fraction <= 10))
      return error_set (e, EINVAL, "--cache-size: %s: not a percentage above "
                        "0 and up to 1000", word);
  }
  else if (parse_size ("--cache-size", word, 1, INT64_MAX, &size.bytes,
                       e) == -1)
    return -1;
  o->sizes[o->size_count++] = size;
  return 0;
}

static int
add_policy (struct options *o, const char *word, struct error *e)
{
  const struct cache_ops *ops = cache_find_ops (word);

  if (ops == NULL)
    return error_set (e, EINVAL, "--policy: %s: not one of %s", word,
                      CACHE_NAMES);
  if (o->policy_count == MAIN_POLICIES_MAX)
    return error_set (e, EINVAL, "--policy: at most %d policies",
                      MAIN_POLICIES_MAX);
  o->policies[o->policy_count++] = ops;
  return 0;
}

/* Calls add for each word of a list with commas. */
static int
each_word (struct options *o, const char *list,
           int (*add) (struct options *, const char *, struct error *),
           struct error *e)
{
  CLEANUP_FREE char *copy = strdup (list);
  char *rest = copy, *word;

  if (copy == NULL)
    return error_set (e, ENOMEM, "out of memory");
  while ((word = strsep (&rest, ",")) != NULL)
    if (add (o, word, e) == -1)
      return -1;
  return 0;
}

static void
add_curve (struct options *o)
{
  double fraction = 0.001;

  o->size_count = 0;
  for (unsigned i = 0; i < MAIN_CURVE_POINTS; ++i, fraction *= MAIN_ROOT_8)
    o->sizes[o->size_count++].fraction = fraction;
}

static void
usage (FILE *fp)
{
  fprintf (fp,
"usage: tiercache-sim [OPTION]... TRACE...\n"
"\n"
"  --cache-size=LIST     bytes (1G), or percent of the footprint (10%%)\n"
"  --curve               25 sizes from 0.1 to 100 %% of the footprint\n"
"  --block-size=SIZE     64K unless set; request: do not split requests\n"
"  --policy=LIST         " CACHE_NAMES "\n"
"  --admit=always|auto   auto: not all when the cache is too small for it\n"
"  --goal=time|bytes     what the policy saves: time to fetch, or bytes\n"
"  --sizes=KIND          fixed; synthetic: modelled sizes and fetch times; or\n"
"                        recorded: as the device wrote them down\n"
"  --sample=K            simulate one object in K, scaled\n"
"  --json                one JSON object a line\n"
"  --help, --version\n");
}

enum { OPT_SIZE = 256, OPT_CURVE, OPT_BLOCK, OPT_POLICY, OPT_SIZES,
       OPT_ADMIT, OPT_GOAL, OPT_SAMPLE, OPT_JSON, OPT_HELP, OPT_VERSION };

static int
set_option (struct options *o, int option, const char *value, bool *curve,
            struct error *e)
{
  static const char *const kinds[] = { "fixed", "synthetic", "recorded",
                                       NULL };
  static const char *const admissions[] = { "always", "auto", NULL };
  static const char *const goals[] = { "time", "bytes", NULL };
  uint64_t n;
  int word;

  switch (option) {
  case OPT_SIZE:
    return each_word (o, value, add_size, e);
  case OPT_POLICY:
    return each_word (o, value, add_policy, e);
  case OPT_CURVE:
    *curve = true;
    return 0;
  case OPT_JSON:
    o->json = true;
    return 0;
  case OPT_BLOCK:
    n = TRACE_REQUEST;
    if (strcmp (value, "request") != 0
        && parse_size ("--block-size", value, 512, 4194304, &n, e) == -1)
      return -1;
    o->trace.block_size = n;
    return 0;
  case OPT_SIZES:
    word = parse_word ("--sizes", value, kinds, e);
    o->trace.synthetic = word == 1;
    o->trace.recorded = word == 2;
    return word == -1 ? -1 : 0;
  case OPT_ADMIT:
    word = parse_word ("--admit", value, admissions, e);
    o->cache.admission = word == 1 ? POLICY_AUTO : POLICY_ALWAYS;
    return word == -1 ? -1 : 0;
  case OPT_GOAL:
    word = parse_word ("--goal", value, goals, e);
    o->cache.goal = word == 1 ? POLICY_BYTES : POLICY_TIME;
    return word == -1 ? -1 : 0;
  default:
    if (parse_number ("--sample", value, 1, 1000000, &n, e) == -1)
      return -1;
    o->trace.sample = n;
    return 0;
  }
}

/* 0 to go on, 1 when done (help), -1 with *e. */
static int
parse_options (struct options *o, int argc, char *argv[], struct error *e)
{
  static const struct option longs[] = {
    { "cache-size", required_argument, NULL, OPT_SIZE },
    { "curve", no_argument, NULL, OPT_CURVE },
    { "block-size", required_argument, NULL, OPT_BLOCK },
    { "policy", required_argument, NULL, OPT_POLICY },
    { "sizes", required_argument, NULL, OPT_SIZES },
    { "sample", required_argument, NULL, OPT_SAMPLE },
    { "admit", required_argument, NULL, OPT_ADMIT },
    { "goal", required_argument, NULL, OPT_GOAL },
    { "json", no_argument, NULL, OPT_JSON },
    { "help", no_argument, NULL, OPT_HELP },
    { "version", no_argument, NULL, OPT_VERSION },
    { NULL, 0, NULL, 0 }
  };
  bool curve = false;
  int option;

  while ((option = getopt_long (argc, argv, "", longs, NULL)) != -1) {
    if (option == '?')
      return error_set (e, EINVAL, "see tiercache-sim --help");
    if (option == OPT_HELP) {
      usage (stdout);
      return 1;
    }
    if (option == OPT_VERSION) {
      printf ("tiercache-sim %s\n", PACKAGE_VERSION);
      return 1;
    }
    if (set_option (o, option, optarg, &curve, e) == -1)
      return -1;
  }
  if (optind == argc)
    return error_set (e, EINVAL, "no trace given; see tiercache-sim --help");
  if (curve)
    add_curve (o);
  if (o->size_count == 0)
    add_size (o, "10%", e);
  if (o->policy_count == 0)
    add_policy (o, "weighted", e);
  return 0;
}

static int
simulate (const struct options *o, const char *path, struct error *e)
{
  CLEANUP_FREE struct run *runs = NULL;
  unsigned count = o->size_count * o->policy_count;
  uint32_t sample = o->trace.sample;
  struct trace trace;
  int ret;

  if (trace_load (&trace, path, &o->trace, e) == -1)
    return -1;
  runs = calloc (count, sizeof *runs);
  if (runs == NULL) {
    trace_free (&trace);
    return error_set (e, ENOMEM, "%s: out of memory", path);
  }
  for (unsigned i = 0; i < count; ++i) {
    const struct size *size = &o->sizes[i % o->size_count];

    runs[i].ops = o->policies[i / o->size_count];
    runs[i].cache_bytes = size->bytes ? size->bytes
      : (uint64_t) (size->fraction * trace.footprint * sample);
  }
  ret = run_all (&trace, runs, count, sample, &o->cache, report_progress, e);
  report_progress_end ();
  for (unsigned i = 0; ret == 0 && i < count; ++i)
    if (o->json)
      report_json (&trace, &runs[i], sample);
    else
      report_table (&trace, &runs[i], sample);
  trace_free (&trace);
  return ret;
}

int
main (int argc, char *argv[])
{
  struct options options = {
    .trace = { .block_size = 65536, .sample = 1,
               .progress = report_progress },
    .cache = { .seed = 1 },
  };
  struct error e;
  int status = EXIT_SUCCESS, r;

  r = parse_options (&options, argc, argv, &e);
  if (r == 1)
    return EXIT_SUCCESS;
  if (r == -1) {
    fprintf (stderr, "tiercache-sim: %s\n", e.text);
    return 2;
  }
  if (!options.json)
    report_table_head ();
  for (int i = optind; i < argc; ++i)
    if (simulate (&options, argv[i], &e) == -1) {
      report_progress_end ();
      fprintf (stderr, "tiercache-sim: %s\n", e.text);
      status = EXIT_FAILURE;
    }
  if (fflush (stdout) != 0 || ferror (stdout)) {
    fprintf (stderr, "tiercache-sim: cannot write the results: %s\n",
             strerror (errno));
    status = EXIT_FAILURE;
  }
  return status;
}
