# SPDX-License-Identifier: GPL-2.0-only
"""Where the instructions of a case go, by function, and beside another device."""

import bisect
import re
import statistics

# What copies between a buffer and the window, and keeps its books.
BOUNCE = re.compile(r"^(vmsg_(window|map|unmap|bounce|slot|buf|take|find|lookup|shm_(copy|fill)|"
                    r"sync|wctx|is_direct|pool|region|granule|alloc_run)|"
                    r"__pi_mem(cpy|set)|mem(cpy|set)(_generic)?$|__mem(cpy|set)$|"
                    r"bitmap_set|__bitmap|_find_(next|last)|vmsg_need_sync)")


def symbols(lines):
    """Sorted addresses and names out of /proc/kallsyms."""
    table = []
    for line in lines:
        words = line.split()
        if len(words) >= 3 and len(words[0]) == 16 and words[1] in "tTwW" and \
                not words[2].startswith("$"):
            table.append((int(words[0], 16), words[2]))
    table.sort()
    return [a for a, _ in table], [n for _, n in table]


def by_function(path, lines):
    """Of each window that the plugin has written: instructions by function."""
    addrs, names = symbols(lines)
    windows = []
    with open(path) as f:
        for line in f:
            if line.startswith("window"):
                windows.append({})
                continue
            addr, count = line.split()
            addr = int(addr, 16)
            name = "(user space)"
            if addr:
                at = bisect.bisect_right(addrs, addr) - 1
                name = names[at] if at >= 0 else "?"
            windows[-1][name] = windows[-1].get(name, 0) + int(count)
    return windows


def per_operation(rows):
    """Medians over the windows of one case."""
    names = set().union(*(r["functions"] for r in rows))
    return {n: statistics.median(r["functions"].get(n, 0) / r["n"] for r in rows)
            for n in names}


def bounce(functions):
    return {k: v for k, v in functions.items() if BOUNCE.match(k)}


def ours(functions):
    return {k: v for k, v in functions.items() if k.startswith(("vmsg_", "virtio_msg_"))}


def table(what, columns, limit=50):
    """columns: through what -> function -> instructions; the last is compared with."""
    names = list(columns)
    base = columns[names[-1]] if len(names) > 1 else {}
    keys = sorted(set().union(*columns.values()),
                  key=lambda k: -max(abs(c.get(k, 0) - base.get(k, 0))
                                     for c in columns.values()))
    out = [f"{what}: guest instructions of one, medians of windows",
           f"{'function':40}" + "".join(f"{n:>19}" for n in names)]
    for k in keys[:limit]:
        out.append(f"{k[:40]:40}" + "".join(f"{columns[n].get(k, 0):19.1f}" for n in names))
    for title, fn in (("of which in virtio-msg", lambda c: sum(ours(c).values())),
                      ("of which bouncing", lambda c: sum(bounce(c).values())),
                      ("total", lambda c: sum(c.values()))):
        out.append(f"{title:40}" + "".join(f"{fn(columns[n]):19.1f}" for n in names))
    return "\n".join(out)


def tables(results, last):
    """Of each thing that was done a table, beside what it is compared with."""
    cases = {}
    for r in results:
        if "functions" not in r:
            continue
        cases.setdefault(r["what"], {}).setdefault(r["subject"], []).append(r)
    out = []
    for what, subjects in cases.items():
        order = sorted(subjects, key=lambda s: last.index(s) if s in last else -1)
        out.append(table(what, {s: per_operation(subjects[s]) for s in order}))
    return "\n\n".join(out)
