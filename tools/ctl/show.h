/* What a command has answered, for people or for programs. */

#ifndef TIERCACHE_CTL_SHOW_H
#define TIERCACHE_CTL_SHOW_H

#include "control/control.h"
#include "progress.h"

struct show
{
  enum control_command command;
  bool json;
  struct progress progress;
  bool heading;                 /* of the list has been shown */
  bool over;                    /* a result or an error has come */
  int status;                   /* the program's */
};

#define SHOW_DAMAGE 2           /* the status: verify has found some */

extern void show_begin (struct show *show, enum control_command command,
                        bool json);

/* One reply (docs/tiercache-control.pod).  False: nobody reads what is shown.
 */
extern bool show_reply (void *show, const json_t *reply);

/* An error of this program's own. */
extern void show_error (struct show *show, const char *text);

#endif /* TIERCACHE_CTL_SHOW_H */
