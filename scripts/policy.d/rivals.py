"""LIRS, ARC and 2Q over blocks of one size, to compare with on traces that
have no published figures.  Each is a function of a list of block numbers and
a number of blocks, and returns the number of misses.
"""

from collections import OrderedDict


def lirs(trace, size):
    """Jiang and Zhang, SIGMETRICS 2002: 1 % of the cache is for blocks that
    were not used twice in a while (at least two blocks).
    """
    resident = max(2, size // 100)
    hot_max = max(1, size - resident)
    stack = OrderedDict()       # block: state; the last is the newest
    queue = OrderedDict()       # resident ones that are not hot
    hot, misses = 0, 0

    def prune():
        while stack:
            oldest = next(iter(stack))
            if stack[oldest] == "hot":
                return
            del stack[oldest]

    def cool():
        nonlocal hot
        oldest = next(iter(stack))
        del stack[oldest]
        queue[oldest] = True
        hot -= 1
        prune()

    for block in trace:
        known = stack.get(block)
        if known == "hot":
            stack.move_to_end(block)
            prune()
            continue
        if block in queue:
            if known:
                del stack[block], queue[block]
                stack[block] = "hot"
                hot += 1
                cool()
            else:
                stack[block] = "cold"
                queue.move_to_end(block)
            continue
        misses += 1
        if hot + len(queue) >= size:
            victim, _ = queue.popitem(last=False)
            if victim in stack:
                stack[victim] = "gone"
        if hot < hot_max and not known:
            stack[block] = "hot"
            hot += 1
        elif known:
            del stack[block]
            stack[block] = "hot"
            hot += 1
            cool()
        else:
            stack[block] = "cold"
            queue[block] = True
    return misses


def arc(trace, size):
    """Megiddo and Modha, FAST 2003."""
    t1, t2, b1, b2 = (OrderedDict() for _ in range(4))
    target, misses = 0.0, 0

    def replace(in_b2):
        if t1 and (len(t1) > target or (in_b2 and len(t1) == target)):
            b1[t1.popitem(last=False)[0]] = True
        else:
            b2[t2.popitem(last=False)[0]] = True

    for block in trace:
        if block in t1:
            del t1[block]
            t2[block] = True
            continue
        if block in t2:
            t2.move_to_end(block)
            continue
        misses += 1
        if block in b1:
            target = min(size, target + max(1, len(b2) / len(b1)))
            replace(False)
            del b1[block]
            t2[block] = True
            continue
        if block in b2:
            target = max(0, target - max(1, len(b1) / len(b2)))
            replace(True)
            del b2[block]
            t2[block] = True
            continue
        if len(t1) + len(b1) == size:
            if len(t1) < size:
                b1.popitem(last=False)
                replace(False)
            else:
                t1.popitem(last=False)
        elif len(t1) + len(t2) + len(b1) + len(b2) >= size:
            if len(t1) + len(t2) + len(b1) + len(b2) == 2 * size:
                b2.popitem(last=False)
            replace(False)
        t1[block] = True
    return misses


def twoq(trace, size):
    """Johnson and Shasha, VLDB 1994: a quarter of the cache for what is new,
    and a memory of half as many as the cache holds.
    """
    new_max, out_max = max(1, size // 4), max(1, size // 2)
    new, out, main = OrderedDict(), OrderedDict(), OrderedDict()
    misses = 0
    for block in trace:
        if block in main:
            main.move_to_end(block)
            continue
        if block in new:
            continue
        misses += 1
        if len(new) + len(main) >= size:
            if len(new) > new_max or not main:
                out[new.popitem(last=False)[0]] = True
                if len(out) > out_max:
                    out.popitem(last=False)
            else:
                main.popitem(last=False)
        if block in out:
            del out[block]
            main[block] = True
        else:
            new[block] = True
    return misses


RIVALS = {"lirs": lirs, "arc": arc, "2q": twoq}
