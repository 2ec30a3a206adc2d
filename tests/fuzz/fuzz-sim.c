/* libFuzzer: all that tiercache-sim reads: CSV, block numbers, oracleGeneral
 * and recorded traces, plain or compressed.
 *
 * The first byte chooses the name of the file and the options.  A trace that
 * can't be read is an error that names the file.
 */

#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace.h"

extern int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static char dir[64], plain[80], oracle[80];

static void
remove_files (void)
{
  unlink (plain);
  unlink (oracle);
  rmdir (dir);
}

static void
require (int ok)
{
  if (!ok)
    abort ();
}

static void
make_dir (void)
{
  const char *tmp = getenv ("TMPDIR");

  snprintf (dir, sizeof dir, "%.40s/fuzz-sim-XXXXXX", tmp ? tmp : "/tmp");
  require (mkdtemp (dir) != NULL);
  snprintf (plain, sizeof plain, "%s/x", dir);
  snprintf (oracle, sizeof oracle, "%s/x.oracleGeneral", dir);
  atexit (remove_files);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct trace_options options = { .sample = 1, .accesses_max = 20000 };
  struct trace trace;
  struct error e;
  const char *path;
  int fd;

  if (size == 0)
    return 0;
  if (!*dir)
    make_dir ();
  path = data[0] & 1 ? oracle : plain;
  options.block_size = data[0] & 2 ? TRACE_REQUEST : 65536;
  options.synthetic = data[0] & 4;
  options.recorded = data[0] & 8;
  options.sample = data[0] & 16 ? 3 : 1;
  fd = open (path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  require (fd >= 0);
  require (write (fd, data + 1, size - 1) == (ssize_t) size - 1);
  close (fd);

  if (trace_load (&trace, path, &options, &e) == -1) {
    require (e.errnum > 0 && strncmp (e.text, path, strlen (path)) == 0);
    require (strlen (e.text) > strlen (path) + 5);
    return 0;
  }
  require (trace.count > 0 && trace.count <= options.accesses_max);
  require (trace.objects > 0 && trace.objects <= trace.count);
  require (trace.footprint > 0);
  for (uint64_t i = 0; i < trace.count; i++) {
    require (trace.accesses[i].object < trace.objects);
    require (trace.accesses[i].bytes > 0);
  }
  trace_free (&trace);
  return 0;
}
