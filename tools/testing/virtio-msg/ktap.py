#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Count the tests of a KTAP log.

Reads the named files, or stdin, with or without the prefixes of a kernel log,
and prints one line "# totals: pass P fail F skip S". A test that has subtests
counts by them alone; a plan that was not fulfilled counts as failures.
"""

import argparse
import re
import sys

RESULT = re.compile(r"^(\s*)(not ok|ok)\b\s*(\d+)?\s*(?:- )?([^#]*)(#\s*(\w+).*)?$")
PLAN = re.compile(r"^(\s*)1\.\.(\d+)\b")
PREFIX = re.compile(r"^(<\d+>)?\[\s*\d+\.\d+\]\s?")


class Counter:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.bad = []
        self.notok = {}     # of these, how many were "not ok"
        self.seen = {}      # indent -> results since the last one further out
        self.plans = {}     # indent -> results that are still to come

    def line(self, text):
        text = PREFIX.sub("", text.rstrip()).expandtabs()
        m = PLAN.match(text)
        if m:
            self.unfulfilled(len(m[1]))
            self.plans[len(m[1])] = int(m[2])
            return
        m = RESULT.match(text)
        if not m:
            return
        indent, name = len(m[1]), m[4].strip()
        inner = [i for i in self.seen if i > indent and self.seen[i]]
        inner_failed = self.unfulfilled(indent + 1)
        for i in inner:
            inner_failed |= self.notok.get(i, 0) > 0
            self.seen[i] = self.notok[i] = 0
        self.seen[indent] = self.seen.get(indent, 0) + 1
        if indent in self.plans:
            self.plans[indent] -= 1
        skip = (m[6] or "").upper() == "SKIP"
        if m[2] == "not ok" and not skip:
            self.notok[indent] = self.notok.get(indent, 0) + 1
        if inner:
            # It says that it failed, and none of its parts did.
            if m[2] == "not ok" and not inner_failed and not skip:
                self.failed += 1
                self.bad.append(name or f"test {m[3]}")
            return
        if skip:
            self.skipped += 1
        elif m[2] == "ok" or (m[6] or "").upper() in ("TODO", "XFAIL"):
            self.passed += 1
        else:
            self.failed += 1
            self.bad.append(name or f"test {m[3]}")

    def unfulfilled(self, indent):
        """Close the plans at this depth and further in."""
        bad = False
        for i in [i for i in self.plans if i >= indent]:
            missing = self.plans.pop(i)
            if missing > 0:
                self.failed += missing
                self.bad.append(f"{missing} test(s) that were planned did not report")
                bad = True
        return bad


def count(lines):
    c = Counter()
    for text in lines:
        c.line(text)
    c.unfulfilled(0)
    return c


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("file", nargs="*")
    p.add_argument("--need", type=int, default=0, metavar="N",
                   help="fewer than N results are a failure")
    o = p.parse_args()
    lines = []
    for name in o.file:
        with open(name, errors="replace") as f:
            lines += f.readlines()
    if not o.file:
        sys.stdin.reconfigure(errors="replace")
        lines = sys.stdin.readlines()
    c = count(lines)
    if c.passed + c.failed + c.skipped < o.need:
        c.failed += 1
        c.bad.append("no test reported anything")
    for name in c.bad:
        print(f"failed: {name}")
    print(f"# totals: pass {c.passed} fail {c.failed} skip {c.skipped}")
    return 1 if c.failed else 0


if __name__ == "__main__":
    sys.exit(main())
