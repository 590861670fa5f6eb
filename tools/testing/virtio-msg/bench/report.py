# SPDX-License-Identifier: GPL-2.0-only
"""The tables, goals and plots of bench-goals, from its results."""

import os
import statistics
import subprocess

import profiles

median = statistics.median

MSG, DMA, DIRECT = "virtio-msg", "virtio-msg-dma", "virtio-msg-direct"
VU, PCI, PACKED, MMIO = "vhost-user-pci", "virtio-pci", "virtio-pci-packed", "virtio-mmio"

# Of the public driver, on the same kernel and processor model
PUBLIC_FURTHER_RNG = 76800
MEMCPY_4K = 662

# What is compared with what stands behind it.
ORDER = (DIRECT, DMA, MSG, "raw-doorbell", MMIO, PACKED, PCI, VU)


class Results:
    """Windows by part, what was done, and through what; in the order of rounds."""

    def __init__(self, data):
        self.rows = {}
        for r in data["results"]:
            self.rows.setdefault((r["part"], r["what"]), {}) \
                     .setdefault(r["subject"], []).append(r)

    def get(self, part, what, subject):
        return self.rows.get((part, str(what)), {}).get(subject, [])

    def whats(self, part):
        return [w for p, w in self.rows if p == part]

    def per(self, part, what, subject, key="insns"):
        return [r[key] / r["n"] for r in self.get(part, what, subject)]

    def count(self, part, what, subject, *names):
        """The driver's counters, summed; of one operation."""
        return [sum(r["counters"].get(n, 0) for n in names) / r["n"]
                for r in self.get(part, what, subject)]

    def ratio(self, part, what, a, b, key="insns"):
        """Of the pairs, one by one."""
        return [x / y for x, y in zip(self.per(part, what, a, key),
                                      self.per(part, what, b, key)) if y]

    def more(self, part, what, a, b, key="insns"):
        return [x - y for x, y in zip(self.per(part, what, a, key),
                                      self.per(part, what, b, key))]


def spread(values):
    return f"{min(values):.4g}..{max(values):.4g}"


class Goal:
    """One line: what was measured against what, the value, and whether it is met."""

    def __init__(self, name, what, against, goal, values, unit="", at_most=True):
        self.name, self.what, self.against = name, what, against
        self.goal, self.unit = goal, unit
        self.values = [v for v in values if v is not None]
        self.at_most = at_most

    def line(self):
        head = f"{self.name:4} {self.what:44} {self.against:32} "
        want = f"{'<=' if self.at_most else '>='} {self.goal:g}{self.unit}"
        if not self.values:
            return head + f"{want:>10} {'not measured':>12}"
        v = median(self.values)
        met = v <= self.goal if self.at_most else v >= self.goal
        by = abs(v / self.goal - 1) * 100 if self.goal else abs(v) * 100
        verdict = "met" if met else f"missed by {by:.1f} %"
        return head + f"{want:>10} {v:12.5g} {spread(self.values):>20}  {verdict}"


def flat(counts, cost):
    """The dearest beside the cheapest, of what each further one costs."""
    return [max(cost(c) for c in counts) / min(cost(c) for c in counts)] \
        if len(counts) > 1 else []


def devices(r):
    """Medians: instructions and nanoseconds of all, by number of devices."""
    out = {}
    for what in r.whats("devices"):
        rows = r.get("devices", what, MSG)
        out[int(what)] = (median(x["insns"] for x in rows), median(x["ns"] for x in rows))
    return dict(sorted(out.items()))


def further(r):
    """Instructions for each device more, from one number of devices to the next."""
    d = devices(r)
    ns = list(d)
    return {b: (d[b][0] - d[a][0]) / (b - a) for a, b in zip(ns, ns[1:])}


def goals(r):
    words = ("tx_request", "tx_event", "rx_response", "rx_event")
    g = []
    for rw in ("read", "write"):
        q1, q32, seq = f"4k-{rw}-qd1", f"4k-{rw}-qd32", f"64k-{rw}-qd1"
        g += [
            Goal("G1", f"insns per 4k {rw}, depth 1, no copy", VU, 1.02,
                 r.ratio("block", q1, DMA, VU)),
            Goal("G2", f"more insns per 4k {rw}, depth 1, no copy", PCI, 200,
                 r.more("block", q1, DMA, PCI)),
            Goal("G3", f"insns per 4k {rw}, depth 32, no copy", PCI, 1.005,
                 r.ratio("block", q32, DMA, PCI)),
            Goal("G4", f"doorbells per 4k {rw}, depth 1", "one each", 1,
                 r.per("block", q1, MSG, "virtqueue_notify")),
            Goal("G4", f"used interrupts per 4k {rw}, depth 1", "one each", 1,
                 r.per("block", q1, MSG, "vring_interrupt")),
            Goal("G4", f"doorbells per 4k {rw}, depth 32", PCI, 1.05,
                 r.ratio("block", q32, MSG, PCI, "virtqueue_notify")),
            Goal("G4", f"used interrupts per 4k {rw}, depth 32", PCI, 1.05,
                 r.ratio("block", q32, MSG, PCI, "vring_interrupt")),
            Goal("G5", f"ring messages per 4k {rw}, depth 1", "none: words", 0,
                 r.count("block", q1, MSG, *words)),
            Goal("G6", f"insns per 64k {rw}, depth 1, no copy", PCI, 1.010,
                 r.ratio("block", seq, DMA, PCI)),
            Goal("G14", f"insns that copying adds to a 4k {rw}, depth 1", "1.5 x memcpy of 4k",
                 1.5 * MEMCPY_4K, r.more("block", q1, MSG, DMA)),
            Goal("G15", f"insns per 4k {rw}, depth 32, window", VU, 1.25,
                 r.ratio("block", q32, MSG, VU)),
            Goal("G15", f"insns per 64k {rw}, depth 1, window", VU, 1.6,
                 r.ratio("block", seq, MSG, VU)),
        ]
    for kind, n in (("rng", 12), ("blk", 15), ("net", 18)):
        g.append(Goal("G7", f"requests to probe {kind}, bus request too", "goal", n,
                      [x["counters"].get("tx_request", 0) for x in r.get("probe", kind, MSG)]))
    for kind in ("rng", "blk", "net"):
        g.append(Goal("G8", f"GET_DEVICE_STATUS, {kind} probed and removed", "goal", 1,
                      r.count("probe", f"{kind}-status", MSG, "get_device_status")))
    more = further(r)
    d = devices(r)
    g += [
        Goal("G9", "insns per further rng on the bus", "0.9 x public driver",
             0.9 * PUBLIC_FURTHER_RNG, list(more.values())),
        Goal("G9", "wall of 32 rng, beside 1", "1 rng", 2.3,
             [d[32][1] / d[1][1]] if 32 in d and 1 in d else []),
        Goal("G10", "insns per transaction answered in send()", "goal", 1020,
             r.per("control", "at-once", MSG)),
        Goal("G11", "insns per transaction by interrupt", "raw doorbell", 1.06,
             r.ratio("control", "interrupt", MSG, "raw-doorbell")),
        Goal("G12", "wall of a transaction", "raw doorbell, both spin", 1.5,
             [x / y for x, y in zip(r.per("control", "interrupt", MSG, "ns"),
                                    r.per("control", "spin", "raw-doorbell", "ns"))]),
        Goal("G13", "requests a second, 4k read, depth 1", VU, 0.95,
             r.ratio("wall", "4k-read-qd1", VU, MSG, "ns"), at_most=False),
    ]
    many = [int(w) for w in r.whats("outstanding") if int(w) >= 16]
    dev = [n for n in more if n > 16]
    g += [
        Goal("G16", "insns per request, 16 to 4096: dearest / cheapest", "itself", 1.05,
             flat(many,
                  lambda n: median(r.per("outstanding", n, MSG)))),
        Goal("G16", "insns per further device, 16 to 256: likewise", "itself", 1.05,
             flat(dev, lambda n: more[n])),
        Goal("G16", "requests to find and probe rng 65535", "rng 1: 11, and 1 more", 12,
             [x["counters"].get("tx_request", 0) for x in r.get("probe", "rng-65535", MSG)]),
    ]
    return g


def figures(r):
    """Everything that was measured, a line each."""
    out = [f"{'part':12}{'what':16}{'through':20}{'insns':>11}{'spread':>18}{'/pci':>8}"
           f"{'bells':>8}{'irqs':>8}{'idle':>8}{'us':>9}  messages"]
    for (part, what), subjects in r.rows.items():
        for s, rows in subjects.items():
            if part == "bounce" or "insns" not in rows[0]:
                continue
            per = r.per(part, what, s)
            # Packed rings beside packed rings
            base = r.ratio(part, what, s, PCI if PCI in subjects else PACKED)
            msgs = r.count(part, what, s, "tx_request", "tx_event", "rx_response", "rx_event")
            out.append(
                f"{part:12}{what:16}{s:20}{median(per):11.0f}{spread(per):>18}"
                f"{median(base) if base else 0:8.4f}"
                + "".join(f"{median(r.per(part, what, s, k)):8.3f}"
                          for k in ("virtqueue_notify", "vring_interrupt", "cpu_do_idle"))
                + f"{median(r.per(part, what, s, 'ns')) / 1000:9.1f}"
                + (f"  {median(msgs):.3f}" if any(x["counters"] for x in rows) else "")
                + frames(r, part, what, s))
    return out


def frames(r, part, what, s):
    """Of a network card: how many frames share an interrupt, or a doorbell?"""
    if part not in ("network", "packed") or not any("rx_frames" in x["counters"]
                                    for x in r.get(part, what, s)):
        return ""
    rx, tx, irqs, bells = (sum(v) for v in (
        r.count(part, what, s, "rx_frames"), r.count(part, what, s, "tx_frames"),
        r.per(part, what, s, "vring_interrupt"), r.per(part, what, s, "virtqueue_notify")))
    return f"; frames per interrupt {rx / (irqs or 1):.2f}, per doorbell {tx / (bells or 1):.2f}"


def copied(r):
    out = []
    for what in r.whats("bounce"):
        functions = profiles.per_operation(r.get("bounce", what, MSG))
        out.append(f"{what}: {sum(functions.values()):.0f} instructions to copy and to keep "
                   "books, of these")
        out += [f"  {v:9.1f}  {k}" for k, v in
                sorted(functions.items(), key=lambda x: -x[1]) if v >= 1]
    return out


def gnuplot(path, title, x, y, series, logx=True):
    """series: name -> [(x, y)]"""
    series = {k: v for k, v in series.items() if v}
    if not series:
        return
    text = ["set terminal svg size 800,480 dynamic font 'sans,13' background 'white'",
            f"set output '{path}'", f"set title '{title}'", f"set xlabel '{x}'",
            f"set ylabel '{y}'", "set yrange [0:*]", "set key outside", "set grid"]
    if logx:
        text.append("set logscale x 2")
    text.append("plot " + ", ".join(f"'-' with linespoints title '{k}'" for k in series))
    for points in series.values():
        text += [f"{a} {b}" for a, b in sorted(points)] + ["e"]
    subprocess.run(["gnuplot"], input="\n".join(text) + "\n", text=True, check=True)


def plots(r, out):
    for rw in ("read", "write"):
        gnuplot(os.path.join(out, f"block-{rw}.svg"),
                f"4k random {rw}: guest instructions per request", "requests at a time",
                "instructions",
                {s: [(d, median(r.per("block", f"4k-{rw}-qd{d}", s))) for d in (1, 8, 32)
                     if r.get("block", f"4k-{rw}-qd{d}", s)]
                 for s in (MSG, DIRECT, DMA, VU, PCI, MMIO)})
    d = devices(r)
    gnuplot(os.path.join(out, "devices.svg"), "entropy sources on one bus: instructions to probe",
            "devices", "instructions per device",
            {MSG: [(n, v[0] / n) for n, v in d.items()]})
    gnuplot(os.path.join(out, "devices-wall.svg"), "entropy sources on one bus: time to probe all",
            "devices", "milliseconds", {MSG: [(n, v[1] / 1e6) for n, v in d.items()]})
    gnuplot(os.path.join(out, "outstanding.svg"), "4k reads outstanding on one bus",
            "requests outstanding", "instructions per request",
            {MSG: [(int(w), median(r.per("outstanding", w, MSG)))
                   for w in r.whats("outstanding")]})


def write(data, out):
    r = Results(data)
    a = data["about"]
    text = [f"kernel {a['kernel']}, {a['qemu']}, {a['cpu']}; {a['date']}, load {a['load']:.1f}",
            "Medians and spread of pairs taken in turns, in one boot, of what one operation",
            "costs the guest. Through: virtio-msg copies through the window of an IVSHMEM",
            "memory; virtio-msg-dma is the same link with a device side that reaches all",
            "memory; virtio-msg-direct is virtio-msg without indirect descriptors;",
            "vhost-user-pci, virtio-pci and virtio-mmio are QEMU's.", ""]
    text += figures(r)
    if r.whats("bounce"):
        text += ["", *copied(r)]
    text += ["", f"{'':4} {'measured':44} {'against':32} {'goal':>10} {'median':>12} "
             f"{'spread':>20}  verdict"]
    gs = goals(r)
    text += [g.line() for g in gs]
    met = sum(1 for g in gs if g.line().endswith("  met"))
    measured = sum(1 for g in gs if g.values)
    text.append(f"{met} of {measured} met; {len(gs) - measured} not measured")
    os.makedirs(out, exist_ok=True)
    plots(r, out)
    text = "\n".join(text)
    with open(os.path.join(out, "report.txt"), "w") as f:
        f.write(text + "\n")
    return text
