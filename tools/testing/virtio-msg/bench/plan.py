# SPDX-License-Identifier: GPL-2.0-only
"""What bench-goals measures: its parts, each with the boots that it takes."""

import json
import os

import profiles

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Part:
    def __init__(self, title, run, quick=True):
        self.title = title
        self.run = run
        self.quick = quick


def qemu(*words):
    return [f"--qemu-arg={w}" for w in words]


# -- disks ---------------------------------------------------------------------

def block_devices(b):
    """A disk each by four ways; behind three of them is a raw file in memory."""
    vu = b.path("vu.sock")
    image = b.image("vu")
    b.start("vu", [
        "qemu-storage-daemon", "--blockdev",
        json.dumps({"driver": "file", "node-name": "f", "filename": image}),
        "--blockdev", json.dumps({"driver": "raw", "node-name": "d", "file": "f"}),
        "--export", "type=vhost-user-blk,id=e,node-name=d,addr.type=unix,"
        f"addr.path={vu},writable=on"], vu)
    args = ["--transport", "ivshmem", "--blk", b.image("msg"),
            "--blk", b.image("direct") + ",indirect=off"]
    args += qemu("-chardev", f"socket,id=vu,path={vu}", "-device",
                 "vhost-user-blk-pci,chardev=vu,num-queues=1,addr=0x10")
    for name, dev in (("pci", "virtio-blk-pci,num-queues=1,addr=0x11"),
                      ("mmio", "virtio-blk-device,num-queues=1")):
        args += qemu("-blockdev", json.dumps({"driver": "file", "node-name": f"{name}f",
                                              "filename": b.image(name)}),
                     "-blockdev", json.dumps({"driver": "raw", "node-name": name,
                                              "file": f"{name}f"}),
                     "-device", f"{dev},drive={name}")
    return args + qemu("-global", "virtio-mmio.force-legacy=false") + dma_disk(b)


RAM_AT = 0x40000000     # of QEMU's "virt" machine


def dma_disk(b):
    """One more disk of a vmsgd, which reaches the guest's memory: nothing is copied."""
    server, ram = b.path("dma.ivshmem"), b.path("ram")
    with open(ram, "wb") as f:
        f.truncate(1 << 30)
    tools = os.path.join(BENCH, "out")
    # A segment that says nothing of a window
    b.start("vmsg-ivshmem", [f"{tools}/vmsg-ivshmem", "--socket", server, "--size", "16M",
                             "--bare"], server)
    ready = b.path("dma.ctl")
    b.start("vmsgd", [f"{tools}/vmsgd", "--ivshmem", server, "--control", ready,
                      "--wire", "xid32", "--driver-ram", f"{ram}@{RAM_AT:#x}",
                      "--dev", f"blk,file={b.image('dma')}"], ready)
    return ["--add", b.module()] + qemu(
        "-object", f"memory-backend-file,id=bench,mem-path={ram},size=1G,share=on",
        "-M", "memory-backend=bench", "-chardev", f"socket,path={server},id=dma",
        "-device", "ivshmem-doorbell,vectors=1,chardev=dma,addr=0x14")


# WHAT: depth, bytes, direction, order, requests in a window (quick: a third)
BLOCK = {
    "4k-read-qd1": (1, 4096, "read", "rand", 900),
    "4k-write-qd1": (1, 4096, "write", "rand", 900),
    "4k-read-qd8": (8, 4096, "read", "rand", 1600),
    "4k-write-qd8": (8, 4096, "write", "rand", 1600),
    "4k-read-qd32": (32, 4096, "read", "rand", 1920),
    "4k-write-qd32": (32, 4096, "write", "rand", 1920),
    "64k-read-qd1": (1, 65536, "read", "seq", 450),
    "64k-write-qd1": (1, 65536, "write", "seq", 450),
}


def block_script(b, o, cases, subject=""):
    lines = ["modprobe virtio_mmio; dma; quiet; d=$(disks 6)"]
    if subject:
        lines.append(f"d=$(echo \"$d\" | grep ^{subject}=)")
    for what, (depth, size, rw, order, n) in BLOCK.items():
        if what in cases and not (o.quick and "qd8" in what):
            n = n // 3 if o.quick else n
            lines.append(f"./work blk {what} {o.rounds} {n} {depth} {size} {rw} {order} $d "
                         "|| exit 1")
    return "\n".join(lines)


def block(b, o):
    b.boot("block", block_script(b, o, BLOCK), ["--smp", "1", *block_devices(b)])


def block2(b, o):
    cases = ("4k-read-qd1", "4k-read-qd32")
    b.boot("block2", block_script(b, o, cases), ["--smp", "2", *block_devices(b)])


def wall(b, o):
    """Time, for which MSIs must not go through an emulated ITS."""
    b.boot("wall", block_script(b, o, ("4k-read-qd1",)),
           ["--smp", "1", *qemu("-M", "gic-version=2"), *block_devices(b)])


# -- network cards ----------------------------------------------------------------

# The cards of a guest beside that of virtio-msg, which is number 0
OTHER_CARDS = ((1, "pci", "virtio-net-pci", "addr=0x11"),
               (2, "pcip", "virtio-net-pci", "packed=on,addr=0x12"),
               (3, "mmio", "virtio-net-device", ""))


def cards(b, o, name, first, others):
    """The same passt behind each card, in a network of its own."""
    def net(i):
        return ["-a", f"10.77.{i}.2", "-n", "24", "-g", f"10.77.{i}.1"]

    args = ["--transport", "ivshmem", "--dev",
            ",".join(["net", "mtu=1500"] + [f"arg={a}" for a in net(0)])]
    for i, card, device, more in OTHER_CARDS:
        if card not in others:
            continue
        sock = b.path(card + ".passt")
        argv = ["passt", "-f", "-q", "-s", sock, "-m", "1500", *net(i)]
        if os.geteuid() == 0:
            argv += ["--runas", "0"]
        b.start(card, argv, sock)
        pci = "romfile=," if device.endswith("-pci") else ""
        args += qemu("-netdev", f"stream,id={card},server=off,addr.type=unix,addr.path={sock}",
                     "-device", f"{device},netdev={card},{pci}{more}".rstrip(","))
    args += qemu("-global", "virtio-mmio.force-legacy=false")
    b.server = b.server or b.net_server()
    n = 200 if o.quick else 600
    kb = 2048 if o.quick else 8192
    b.boot(name, f"""modprobe virtio_mmio; {first}
quiet; c=$(cards {len(others) + 1} {b.server.port}) || exit 1
./work net udp-64 {o.rounds} {n} udp 64 $c || exit 1
./work net tcp-in {o.rounds} {kb} tcp-in 0 $c || exit 1
./work net tcp-out {o.rounds} {kb} tcp-out 0 $c || exit 1""", ["--smp", "1", *args])


def network(b, o):
    cards(b, o, "network", "", ("pci", "pcip", "mmio"))


def packed(b, o):
    """Devices that do not wait for a successor of their peer may have packed rings."""
    cards(b, o, "packed", "no_return", ("pcip",))


# -- probing ------------------------------------------------------------------------

BIND = """BUS=$(readlink -f /sys/class/virtio-msg/virtio-msg0)
FUNCTION=$(basename "$(readlink -f $BUS/device)")
DRIVER=$(readlink -f "/sys/bus/pci/devices/$FUNCTION/driver")
"""


def bind(b, o, what, args):
    rounds = o.rounds
    b.boot("probe", f"""{BIND}
./work bind {what} {rounds} 1 $DRIVER $FUNCTION || exit 1
# The one at boot, too
s=$(host stats | awk '$1 == "GET_DEVICE_STATUS" {{ n = $2 }} END {{ print n + 0 }}')
echo v {what}-status:virtio-msg {rounds + 1} get_device_status=$s""",
           ["--smp", "1", "--transport", "ivshmem", *args])


def probe(b, o):
    bind(b, o, "rng", ["--rng"])
    bind(b, o, "net", ["--net"])
    bind(b, o, "blk", ["--blk", b.image("probe", 8 << 20)])
    # All numbers before it are asked for.
    bind(b, o, "rng-65535", ["--dev", "rng,num=65535"])


COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def devices(b, o):
    """Ever more of them, in one boot."""
    lines, there = [BIND], 1
    for n in (1, 32) if o.quick else COUNTS:
        lines += ["host add rng >/dev/null || die 'host add rng'"] * (n - there)
        lines += [f"wait_for '{n} devices' sh -c \"[ \\$(ls -d $BUS/virtio*/driver | wc -l)"
                  f" -eq {n} ]\"",
                  f"./work bind {n} {o.rounds} {n} $DRIVER $FUNCTION || exit 1"]
        there = n
    b.boot("devices", "\n".join(lines),
           ["--smp", "1", "--transport", "ivshmem", "--dev", "rng"])


# -- many requests --------------------------------------------------------------------

def outstanding(b, o):
    """32 disks of the daemon's own, with rings of 128: at one of them, then at all."""
    rounds = o.rounds
    lines = ["quiet; d=$(disks 32)", "set -- $d; one=$1"]
    for depth in (1, 4, 16, 128):
        lines.append(f"./work many {depth} {rounds} {256 // depth} {depth} 4096 $one || exit 1")
    for depth in ((8, 128) if o.quick else (8, 32, 128)):
        times = max(1, (512 if o.quick else 1024) // (32 * depth))
        lines.append(f"./work many {32 * depth} {rounds} {times} {depth} 4096 $d || exit 1")
    args = ["--smp", "1", "--mem", "2G", "--transport", "ivshmem", "--window", "256M"]
    b.boot("outstanding", "\n".join(lines), args + ["--dev", "ramblk,size=4M"] * 32)


# -- round trips ----------------------------------------------------------------------

def control(b, o):
    """One transaction: answered inside of send(), by interrupt; and a bare doorbell."""
    n = 300 if o.quick else 1000
    # While they are there
    symbols = "grep -F '[vmsg_bench]' /proc/kallsyms" if b.profiling else ":"
    sock = b.path("doorbell.sock")
    b.start("doorbell", [b.path("doorbell"), sock], sock)
    b.boot("control", fr"""quiet
n=$(basename "$(readlink -f /sys/bus/virtio/drivers/virtio_rng/virtio*)")
echo $n >/sys/bus/virtio/drivers/virtio_rng/unbind
rmmod virtio_rng
i=0
while [ $i -lt {o.rounds} ]; do
	i=$((i + 1))
	for p in id=4 raw=1 peer=1; do
		dmesg -c >/dev/null
		insmod ./vmsg_bench.ko $p rounds=1 count={n} || exit 1
		{symbols}
		# What comes up by itself is not disturbed by those who wait for it.
		sleep 0.5
		wait_for "vmsg_bench has measured" sh -c 'dmesg | grep -q "\] w "'
		dmesg | sed -n 's/^\[[^]]*\] \(w .*\)/\1/p'
		rmmod vmsg_bench || exit 1
	done
done""", ["--smp", "1", "--transport", "ivshmem", "--rng", "--add", b.module(),
          *qemu("-chardev", f"socket,path={sock},id=bell", "-device",
                "ivshmem-doorbell,vectors=1,chardev=bell,addr=0x13")])


# -- where instructions go -------------------------------------------------------------

def bounce(b, o):
    """What copying through the window costs, by function."""
    first = len(b.results)
    b.profiling = True
    try:
        b.boot("bounce", block_script(b, o, ("4k-read-qd1", "4k-write-qd1"), "virtio-msg"),
               ["--smp", "1", *block_devices(b)])
    finally:
        b.profiling = False
    for r in b.results[first:]:
        r["functions"] = profiles.bounce(r["functions"])


def block_profile(what):
    def case(b, o):
        b.boot("block", block_script(b, o, (what,)), ["--smp", "1", *block_devices(b)])
    return case


PARTS = {
    "block": Part("disks by four ways, one processor", block),
    "block2": Part("disks by four ways, two processors", block2, quick=False),
    "wall": Part("disks by time; means something on an idle machine only", wall, quick=False),
    "network": Part("network cards by three ways", network),
    "packed": Part("network cards, packed rings on both", packed, quick=False),
    "probe": Part("what it takes to bring up a device", probe),
    "devices": Part("from 1 to 256 devices on one bus", devices),
    "control": Part("round trips of transactions", control),
    "outstanding": Part("from 1 to 4096 requests on one bus", outstanding, quick=False),
    "bounce": Part("what copying through the window costs", bounce, quick=False),
}

PROFILES = {what: block_profile(what) for what in BLOCK}
PROFILES.update({name: PARTS[name].run for name in ("network", "probe", "devices",
                                                        "control")})
