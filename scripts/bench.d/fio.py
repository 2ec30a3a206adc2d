"""Of fio's JSON: bytes a second, reads a second, p99 in microseconds."""

import json
import sys

with open(sys.argv[1]) as f:
    text = f.read()
job = json.loads(text[text.index("{"):])["jobs"][0]
read = job["read"]
if job["error"] != 0 or read["total_ios"] == 0:
    sys.exit(f"fio: error {job['error']}, {read['total_ios']} reads")
p99 = read["clat_ns"].get("percentile", {}).get("99.000000", 0) / 1000
# Over the time it took, not over the sampled average.
seconds = read["runtime"] / 1000
print(int(read["io_bytes"] / seconds), int(read["total_ios"] / seconds),
      int(p99))
