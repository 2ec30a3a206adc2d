/* Ctrl-C ends long work in its own time, so that what is cached is kept. */

#include <config.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "interrupt.h"

static atomic_bool interrupted;

/* A second one ends the program at once. */
static void
catch (int signal_number)
{
  atomic_store (&interrupted, true);
  signal (signal_number, SIG_DFL);
}

static bool
stopping (void *opaque)
{
  (void) opaque;
  return atomic_load (&interrupted);
}

const struct stop interrupt_stop = { .stopping = stopping };

void
interrupt_catch (void)
{
  struct sigaction action = { .sa_handler = catch };

  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  signal (SIGPIPE, SIG_IGN);
}
