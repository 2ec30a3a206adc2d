"""What nginx was asked for: of its access log, from a byte on.

Prints requests and bytes; with a number of bytes to skip, only of what came
after so many had been sent.
"""

import sys

skip = int(sys.argv[2]) if len(sys.argv) > 2 else 0
requests = total = 0
with open(sys.argv[1]) as log:
    for line in log:
        method, status, sent = line.split(" ")[:3]
        if method != "GET" or status not in ("200", "206") or int(sent) < 2:
            continue
        if skip > 0:
            skip -= int(sent)
            continue
        requests += 1
        total += int(sent)
print(requests, total)
