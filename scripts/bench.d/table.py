"""Tables of the bench: results in, markdown out.

  table.py PART < RESULTS             "ROW<tab>SIDE<tab>VALUE", in rounds
  table.py --put PART TABLE DOCUMENT  between <!-- PART --> and <!-- end -->
"""

import re
import statistics
import sys

MIB = 1 << 20

RATE = ("MB/s", 1e6)
IOPS = ("reads/s", 1)

# What a row says; of which result; numerator, denominator; in which unit
# these are shown; the mark and on which side of it is good.
DEVICE = [
    ("warm sequential 256K QD8, `none`", "warm-sequential", "none", "base",
     RATE, ">=", 0.95),
    ("warm random 4K QD32, `none`", "warm-random", "none", "base",
     IOPS, ">=", 0.95),
    ("warm sequential 256K QD8, `lz4`", "warm-sequential", "lz4", "base",
     RATE, ">=", 0.6),
    ("warm random 4K QD32, `lz4`", "warm-random", "lz4", "base",
     IOPS, ">=", 0.6),
    ("sequential, page cache dropped, `lz4`", "dropped-sequential", "lz4",
     "base", RATE, ">=", 0.9),
    ("sequential, page cache dropped, `none`", "dropped-sequential", "none",
     "base", RATE, None, None),
    ("two clients in sum, sequential, `none`", "two-sequential-none", "two",
     "one", RATE, ">=", 1.0),
    ("two clients in sum, sequential, `lz4`", "two-sequential-lz4", "two",
     "one", RATE, ">=", 1.0),
    ("two clients in sum, sequential, nbdkit file", "two-sequential-base",
     "two", "one", RATE, None, None),
    ("two clients in sum, random, `none`", "two-random-none", "two", "one",
     IOPS, ">=", 1.0),
    ("two clients in sum, random, `lz4`", "two-random-lz4", "two", "one",
     IOPS, ">=", 1.0),
    ("two clients in sum, random, nbdkit file", "two-random-base", "two",
     "one", IOPS, None, None),
    ("random 4K hits beside misses of 100 ms", "beside-misses", "with",
     "without", IOPS, ">=", 0.8),
    ("after a restart, page cache dropped, sequential", "restart", "ours",
     "base", RATE, ">=", 0.95),
    ("after a restart, MiB read from the origin", "restart-read", "ours",
     None, ("MiB", MIB), "<=", 0),
    ("memory, 2 GiB cached in 64K blocks (RssAnon)", "memory-64K", "ours",
     None, ("MiB", MIB), "<=", 128 + 2),
    ("memory, 2 GiB cached in 4K blocks (RssAnon)", "memory-4K", "ours",
     None, ("MiB", MIB), "<=", 128 + 32),
    ("opening a sparse export of 16 TiB", "open-16T", "ours", None,
     ("ms", 1), "<=", 1000),
    ("most on disk with `cache-size=256M`", "budget", "ours", None,
     ("MiB", MIB), "<=", 256),
]

HTTP = [
    ("cold sequential, 20 MB/s a connection", "cold-20", "ours", "base",
     RATE, ">=", 0.85),
    ("cold sequential, 100 MB/s a connection", "cold-100", "ours", "base",
     RATE, ">=", 0.4),
    ("cold random 4K QD16 (of 16 / round trip)", "cold-random", "ours", 800,
     IOPS, ">=", 0.9),
    ("four cold sequential readers in sum", "four-readers", "ours", "base",
     RATE, ">=", 0.85),
    ("bytes from the origin, sequential", "origin-bytes", "ours", None,
     ("of what was read", 1), "<=", 1.02),
    ("requests a MiB, sequential, after 64 MiB", "origin-requests", "ours",
     None, ("", 1), "<=", 1.1),
    ("bytes from the origin, random 4K", "random-bytes", "ours", None,
     ("of the blocks touched", 1), "<=", 1.05),
    ("p99 of hits beside 16 misses in flight", "hit-p99-crowded", "with",
     "without", ("us", 1), "<=", 2),
    ("the same, origin and reader of the misses on idle cores only, as if "
     "elsewhere", "hit-p99", "with", "without", ("us", 1), None, None),
]

FILTER = [
    ("cold 64 x 64K, 16 in flight, 100 ms a read: to no filter",
     "filter-cold", "filter", "base", ("ms", 1), "<=", 1.2),
    ("the same, nbdkit's cache filter: to no filter", "filter-cold", "cache",
     "base", ("ms", 1), None, None),
    ("warm, random reads of 64K, 16 in flight: to nbdkit's cache filter",
     "filter-warm", "filter", "cache", IOPS, ">=", 1.0),
    ("the same in reads of 4K, 32 in flight", "filter-warm-4k", "filter",
     "cache", IOPS, ">=", 1.0),
    ("the 64 x 64K after a restart", "filter-restart", "filter", None,
     ("ms", 1), "<=", 100),
]

NBD = [
    ("cold sequential 256K QD8: to nbdkit nbd", "nbd-sequential", "ours",
     "nbd", RATE, ">=", 1.0),
    ("the same: to nbdcopy with 4 connections", "nbd-sequential", "ours",
     "raw", RATE, None, None),
    ("the same, nbdkit nbd + cache: to nbdkit nbd", "nbd-sequential",
     "cache", "nbd", RATE, None, None),
    ("cold random 4K QD16: to nbdkit nbd", "nbd-random", "ours", "nbd",
     IOPS, ">=", 0.9),
    ("the same, nbdkit nbd + cache: to nbdkit nbd", "nbd-random", "cache",
     "nbd", IOPS, None, None),
    ("warm sequential 256K QD8, `lz4`: to nbdkit nbd + cache",
     "nbd-warm-sequential", "ours", "cache", RATE, ">=", 0.6),
    ("warm random 4K QD32, `lz4`: to nbdkit nbd + cache", "nbd-warm-random",
     "ours", "cache", IOPS, ">=", 1.0),
]

REPLAY = [
    ("first boot, cold: to a boot from a warm cache", "boot", "cold", "warm",
     ("ms", 1), ">=", 2),
    ("second boot, cold, with `trace-replay`: to a boot from a warm cache",
     "boot", "replay", "warm", ("ms", 1), "<=", 1.2),
    ("bytes from the origin in the second boot", "boot-bytes", "ours", None,
     ("MiB", MIB), ">=", 300),
    ("requests a MiB in the second boot", "boot-requests", "ours", None,
     ("", 1), "<=", 2),
]

HITS = ("million hits/s", 1e6)
POLICY = [
    ("hits on one core, blocks at random", "policy-random", "one", None, HITS,
     ">=", 10),
    ("the same, before the cache is full", "policy-random", "first", None,
     HITS, ">=", 10),
    ("the same, two threads on half of the blocks each: to one",
     "policy-random", "parts", "one", HITS, ">=", 1.8),
    ("the same, two threads on all blocks: to one", "policy-random", "both",
     "one", HITS, ">=", 1.8),
    ("no policy, every second use written down, two threads on all: to one",
     "policy-memory-alone", "both", "one", HITS, None, None),
    ("hits on one core, 16 of a block in a row", "policy-rows", "one", None,
     HITS, ">=", 10),
    ("the same, two threads on half of the blocks each: to one",
     "policy-rows", "parts", "one", HITS, ">=", 1.8),
    ("the same, two threads on all blocks: to one", "policy-rows", "both",
     "one", HITS, ">=", 1.8),
    ("memory a resident block of 10,000", "policy-memory", "10000", None,
     ("bytes", 1), "<=", 32),
    ("memory a resident block of 100,000", "policy-memory", "100000", None,
     ("bytes", 1), "<=", 32),
    ("memory a resident block of 1,000,000", "policy-memory", "1000000",
     None, ("bytes", 1), "<=", 32),
]

ROWS = {"device": DEVICE, "http": HTTP, "filter": FILTER,
        "nbd": NBD, "replay": REPLAY, "policy": POLICY}

PEERS = [("ours", "tiercache"), ("base", "16 x curl"),
         ("curl", "nbdkit curl + cache"), ("qemu", "qemu-nbd copy-on-read"),
         ("rclone", "rclone mount + nbdkit file")]


def read(lines):
    values = {}
    for line in lines:
        row, side, value = line.rstrip("\n").split("\t")
        values.setdefault((row, side), []).append(float(value))
    return values


def number(x):
    if x >= 100 or x == int(x):
        return f"{x:,.0f}"
    return f"{x:.2f}" if x >= 10 else f"{x:.3f}"


def spread(values):
    middle = number(statistics.median(values))
    if min(values) == max(values):
        return middle
    return f"{middle} ({number(min(values))}–{number(max(values))})"


def verdict(value, sign, mark):
    if sign is None:
        return "—", ""
    good = value >= mark if sign == ">=" else value <= mark
    text = ("≥ " if sign == ">=" else "≤ ") + number(mark)
    return text, "yes" if good else "**no**"


def row(values, spec):
    """The row's cells, or None if nothing was measured."""
    text, name, over, under, (unit, scale), sign, mark = spec
    top = values.get((name, over))
    if not top:
        return None
    if under is None:
        shown = [v / scale for v in top]
        absolute = ""
    else:
        bottom = ([under] * len(top) if isinstance(under, (int, float))
                  else values[(name, under)])
        shown = [a / b for a, b in zip(top, bottom)]
        absolute = (number(statistics.median(top) / scale) + " : "
                    + number(statistics.median(bottom) / scale)
                    + f" {unit}")
    wanted, good = verdict(statistics.median(shown), sign, mark)
    suffix = f" {unit}" if under is None and unit else ""
    return [text, absolute, spread(shown) + suffix, wanted, good]


def line(cells):
    return "| " + " | ".join(cells) + " |"


def peers(values):
    """Others beside ours: absolute numbers."""
    columns = [("cold-20", "sequential, 20 MB/s a connection", 1e6),
               ("cold-100", "sequential, 100 MB/s", 1e6),
               ("cold-random", "random 4K QD16", 1)]
    out = [line(["cold"] + [text for _, text, _ in columns]),
           line(["---"] * (1 + len(columns)))]
    for side, name in PEERS:
        cells = []
        for result, _, scale in columns:
            got = values.get((result, side))
            unit = "MB/s" if scale > 1 else "reads/s"
            cells.append(number(statistics.median(got) / scale) + " " + unit
                         if got else "")
        if any(cells):
            out.append(line([name] + cells))
    return out


def table(part, lines):
    values = read(lines)
    out = [line(["work", "measured", "ratio or value", "mark", "met"]),
           line(["---"] * 5)]
    for spec in ROWS[part]:
        cells = row(values, spec)
        if cells:
            out.append(line(cells))
    if part == "http":
        out += [""] + peers(values)
    return "\n".join(out)


def put(part, source, document):
    with open(source) as f:
        new = f.read().strip()
    with open(document) as f:
        text = f.read()
    pattern = re.compile(rf"(<!-- {part} -->\n).*?(<!-- end -->)", re.S)
    if document.endswith("README.md"):
        new = "\n".join(short(new.split("\n")))
    changed, n = pattern.subn(lambda m: m[1] + new + "\n" + m[2], text)
    if n == 0:
        print(f"{document}: no <!-- {part} --> in it", file=sys.stderr)
        return
    with open(document, "w") as f:
        f.write(changed)


def short(lines):
    """The README has work, ratio and mark only, of what has a mark."""
    out = []
    for text in lines:
        cells = [cell.strip() for cell in text.split("|")[1:-1]]
        if len(cells) == 5 and cells[3] == "—":
            continue
        if len(cells) == 5:
            text = line([cells[0], cells[2], cells[3]])
        elif text.startswith("Conditions"):
            text = ""
        out.append(text)
    return "\n".join(out).strip().split("\n")


if sys.argv[1] == "--put":
    put(*sys.argv[2:])
else:
    print(table(sys.argv[1], sys.stdin))
