/* Prints results: as a table for people, as JSON for programs. */

#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "report.h"

static double
report_ratio (double part, double whole)
{
  return whole > 0 ? part / whole : 0;
}

void
report_table_head (void)
{
  printf ("%-16s %-10s %15s %7s %7s %7s %11s %16s %9s\n",
          "trace", "policy", "cache bytes", "miss", "bytes", "time",
          "evictions", "written", "ns/access");
}

void
report_table (const struct trace *trace, const struct run *run,
              uint32_t sample)
{
  printf ("%-16s %-10s %15llu %7.4f %7.4f %7.4f %11llu %16llu %9.0f\n",
          trace->name, run->ops->name, (unsigned long long) run->cache_bytes,
          report_ratio (run->misses, run->accesses),
          report_ratio (run->miss_bytes, run->bytes),
          report_ratio (run->miss_cost_us, run->cost_us),
          (unsigned long long) run->counts.evictions * sample,
          (unsigned long long) run->counts.inserted_bytes * sample,
          run->ns_per_access);
}

static void
report_json_string (const char *name, const char *value)
{
  printf ("\"%s\": \"", name);
  for (const unsigned char *p = (const unsigned char *) value; *p; ++p)
    if (*p < ' ' || *p == '"' || *p == '\\' || *p >= 127)
      printf ("\\u%04x", *p);
    else
      putchar (*p);
  printf ("\", ");
}

void
report_json (const struct trace *trace, const struct run *run,
             uint32_t sample)
{
  printf ("{");
  report_json_string ("trace", trace->name);
  report_json_string ("policy", run->ops->name);
  printf ("\"cache_bytes\": %llu, \"block_size\": %u, \"accesses\": %llu, "
          "\"miss_ratio\": %.6f, \"byte_miss_ratio\": %.6f, "
          "\"fetch_time_miss_ratio\": %.6f, ",
          (unsigned long long) run->cache_bytes, trace->block_size,
          (unsigned long long) run->accesses,
          report_ratio (run->misses, run->accesses),
          report_ratio (run->miss_bytes, run->bytes),
          report_ratio (run->miss_cost_us, run->cost_us));
  printf ("\"evictions\": %llu, \"bytes_written\": %llu, \"sample\": %u, "
          "\"footprint_bytes\": %llu, \"ns_per_access\": %.1f}\n",
          (unsigned long long) run->counts.evictions * sample,
          (unsigned long long) run->counts.inserted_bytes * sample, sample,
          (unsigned long long) trace->footprint * sample,
          run->ns_per_access);
}

/* On a terminal one line that is written over, each second. */
static bool progress_shown;

void
report_progress (const char *name, unsigned thousandths)
{
  static time_t last;
  bool terminal = isatty (STDERR_FILENO);
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  if (last == 0)
    last = now.tv_sec;
  if (now.tv_sec - last < (terminal ? 1 : 10))
    return;
  last = now.tv_sec;
  fprintf (stderr, terminal ? "\r%s: %u.%u %% \033[K" : "%s: %u.%u %%\n",
           name, thousandths / 10, thousandths % 10);
  progress_shown = terminal;
}

void
report_progress_end (void)
{
  if (progress_shown)
    fprintf (stderr, "\r\033[K");
  progress_shown = false;
}
