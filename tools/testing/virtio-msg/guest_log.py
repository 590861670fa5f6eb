# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel log of a guest may not hold."""

import re
import subprocess

# What no kernel log may hold, whatever the test.
SPLAT = re.compile(
    r"WARNING: |BUG: |\bOops\b|Internal error:|Kernel panic|KASAN: |UBSAN: |"
    r"possible circular locking|possible recursive locking|"
    r"inconsistent lock state|suspicious RCU usage|possible irq lock inversion|"
    r"held lock freed|bad unlock balance|"
    r"sleeping function called from invalid context|scheduling while atomic|"
    r"DMA-API: |list_(add|del) corruption|ODEBUG: |"
    r"blocked for more than \d+ seconds|rcu.*(self-detected stall|detected stalls)|"
    r"soft lockup|workqueue lockup|Unable to handle kernel|kernel BUG at|"
    r"refcount_t: |unreferenced object")
# What the machine says about itself, and no fault of the tests.
HARMLESS = re.compile(
    r"WARNING: CPU.*unsupported|DMA-API: preallocated|DMA-API: debugging|"
    r"virtio_msg_test_expected")


def sort_out(lines, program):
    """The log with what KCSAN and KMSAN say of others made short (reports.awk)."""
    return subprocess.run(["awk", "-f", program], input="\n".join(lines),
                          stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")


def elsewhere(lines):
    """What those were."""
    return sorted({line[11:] for line in lines if line.startswith("elsewhere: ")})


def splats(lines, allow=None):
    """Lines that must not be there, and leaks of ours; allow: a pattern of what may."""
    found, leaks, in_leaks = [], [], False
    allow = re.compile(allow) if allow else None
    for line in lines:
        if "guest-kmemleak-begin" in line:
            in_leaks = True
        elif "guest-kmemleak-end" in line:
            in_leaks = False
        elif in_leaks:
            leaks.append(line)
        elif SPLAT.search(line) and not HARMLESS.search(line) and \
                not (allow and allow.search(line)):
            found.append(line)
    # A leak is ours if our code is in its backtrace, or code of a module
    # that is gone: then there are only numbers.
    for obj in re.split(r"(?=^unreferenced object)", "\n".join(leaks), flags=re.M):
        if "[virtio_msg" in obj or re.search(r"^\s+(\[<?)?(0x)?[0-9a-f]{16}\b(>?\])?\s*$",
                                             obj, re.M):
            found.append("memory leak:\n" + obj.rstrip())
    return found
