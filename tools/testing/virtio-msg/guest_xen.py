# SPDX-License-Identifier: GPL-2.0-only
"""The part of the tool "guest" that boots Xen: dom0, and a domain beside it.

QEMU runs Debian's Xen. The device tree names what Xen starts: dom0, where vmsgd
runs, and domU1, where COMMAND runs; "xen=domu" adds domU2, where vmsgd runs then.
Nothing but grants and event channels lies between the domains.

The first UART is Xen's, and carries the kernel log of the domUs. The second is
given to domU1; portmux makes three ports of it. dom0 has the PCI bus: a serial
card with its log and its talk with us, the images by 9p, and the network card
for passt.
"""

import itertools
import os
import re
import selectors
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time

import initramfs

MODES = ("dt", "xenstore", "domu")

# Where QEMU puts what Xen is to start. Xen itself and the tree lie below.
KERNEL, DOM0_RAMDISK, DOMU_RAMDISK, DOM2_RAMDISK, PARTIAL, PARTIAL2 = (
    0x49000000, 0x50000000, 0x56000000, 0x5b000000, 0x5f000000, 0x5f100000)
RAM = 2048          # MiB, of the machine
DOM0_MEM = 640

REF = 2             # the bootstrap grant; and its static event channel at each end
PORT_FRONT, PORT_BACK = 10, 20

HELLO = b"\n@portmux\n"
PIECE = 255

# In what Xen itself says. What a domain says comes after "(XEN) DOM1: ".
XEN_SPLAT = re.compile(r"Panic on CPU|Xen BUG at|Xen WARN at|Assertion .* failed|"
                       r"Unexpected Trap|Hypervisor fault|Domain .* crashed")
XEN_PREFIX = re.compile(r"^\(XEN\) (\[[\d .:-]*\] )?")
DOM_PREFIX = re.compile(r"^\(XEN\) (\[[\d .:-]*\] )?DOM(\d+): ?")

# gntdev copies to user space under the mutex that its mmap() takes, too; lockdep says
# so wherever vmsgd runs, and then no more there. Our modules do not run there.
CIRCULAR = re.compile(r"WARNING: (possible )?circular locking dependency detected")
GNTDEV = re.compile(r"priv->lock.* at: gntdev_mmap")

HOST_TREE = """
/ {{
    pl011@9040000 {{ xen,passthrough; }};
    chosen {{
        #address-cells = <2>;
        #size-cells = <2>;
        xen,xen-bootargs = "console=dtuart dtuart=/pl011@9000000 dom0_mem={dom0_mem}M loglvl=all guest_loglvl=all bootscrub=0{xen_args}";
        xen,dom0-bootargs = "{dom0_args}";
        module@{kernel:x} {{
            compatible = "multiboot,kernel", "multiboot,module";
            reg = <0x0 0x{kernel:x} 0x0 0x{kernel_size:x}>;
        }};
        module@{dom0_ramdisk:x} {{
            compatible = "multiboot,ramdisk", "multiboot,module";
            reg = <0x0 0x{dom0_ramdisk:x} 0x0 0x{dom0_ramdisk_size:x}>;
        }};
        {back_event}
        {domains}
    }};
}};
"""

DOMAIN = """
        domU{n} {{
            compatible = "xen,domain";
            #address-cells = <2>;
            #size-cells = <2>;
            memory = <0x0 0x{memory:x}>;
            cpus = <1>;
            vpl011;
            xen,enhanced = "{enhanced}";
            {event}
            module@{kernel:x} {{
                compatible = "multiboot,kernel", "multiboot,module";
                reg = <0x0 0x{kernel:x} 0x0 0x{kernel_size:x}>;
                bootargs = "{args}";
            }};
            module@{ramdisk:x} {{
                compatible = "multiboot,ramdisk", "multiboot,module";
                reg = <0x0 0x{ramdisk:x} 0x0 0x{ramdisk_size:x}>;
            }};
            module@{partial:x} {{
                compatible = "multiboot,device-tree", "multiboot,module";
                reg = <0x0 0x{partial:x} 0x0 0x{partial_size:x}>;
            }};
        }};
"""

# What Xen copies into a domain's tree.
PARTIAL_TREE = """/dts-v1/;
/ {{
    #address-cells = <2>;
    #size-cells = <2>;
    aliases {{
        serial0 = "/sbsa-uart@22000000";    /* what Xen makes of vpl011 */
        serial1 = "/passthrough/serial@9040000";
    }};
    gic: gic {{
        #interrupt-cells = <3>;
        interrupt-controller;
    }};
    passthrough {{
        compatible = "simple-bus";
        ranges;
        #address-cells = <2>;
        #size-cells = <2>;
{nodes}
    }};
}};
"""

UART = """
        serial@9040000 {
            compatible = "arm,sbsa-uart";
            reg = <0x0 0x9040000 0x0 0x1000>;
            interrupt-parent = <&gic>;
            interrupts = <0 8 4>;
            current-speed = <115200>;
            xen,path = "/pl011@9040000";
            xen,reg = <0x0 0x9040000 0x0 0x1000 0x0 0x9040000>;
            xen,force-assign-without-iommu;
        };
"""


def known(lines):
    """A report that is gntdev's looks like none."""
    for i, line in enumerate(lines):
        if CIRCULAR.search(line) and any(GNTDEV.search(t) for t in lines[i + 1:i + 12]):
            lines[i] = CIRCULAR.sub("known: gntdev's circular locking", line)
    return lines


def make(guest):
    """The class for the transport; guest is the module that the tool is."""
    BenchError, say = guest.BenchError, guest.say   # noqa: N806

    class XenGuest(guest.Guest):
        def __init__(self, o):
            super().__init__(o)
            self.log0 = self.log + ".dom0"
            open(self.log0, "w").close()
            self.dom0 = None            # our end of its first port
            self.xen = None             # our end of Xen's UART
            self.sel = selectors.DefaultSelector()
            self.answers = {}
            self.answered = threading.Condition()
            self.numbers = itertools.count(1)
            self.dom0_serves = False
            self.store = o.mode == "xenstore"
            self.domu = o.mode == "domu"
            self.link = dict(w.partition("=")[::2] for w in o.link.split(",") if w)
            bad = set(self.link) - {"dynamic"}
            if bad:
                raise BenchError(f"--link {bad.pop()}: with --transport xen it is \"dynamic\"")
            if o.share:
                raise BenchError("--share needs PCI, which the domain has not: use --add")

        # -- what is booted ----------------------------------------------

        def prepare(self):
            super().prepare()       # of domU1
            need = os.path.join(guest.CACHE, "xen")
            if not os.path.exists(os.path.join(need, "key")):
                self.fetch("xen")
            # Without a store there are tools as well if a domain may be destroyed.
            with_tools = self.store or self.domu
            if with_tools and not os.path.exists(os.path.join(guest.CACHE, "xen-tools/key")):
                self.fetch("xen-tools")
            with open(os.path.join(need, "version")) as f:
                say(f"Xen {f.read().strip()}")
            self.xen_image = os.path.join(need, "image")
            pieces = [initramfs.userland(guest.CACHE)]
            if self.domu:
                self.dom2_initrd = self.pack("dom2", pieces, self.fill_dom2)
            else:
                if not os.path.exists(os.path.join(guest.CACHE, "backends/key")):
                    self.fetch("backends")
                pieces.append(initramfs.backends(guest.CACHE))
            if with_tools:
                pieces.append(tools(guest.CACHE))
            self.dom0_initrd = self.pack("dom0", pieces, self.fill_dom0)

        def fetch(self, part):
            subprocess.run([os.path.join(guest.BENCH, "fetch"), part], check=True)

        def pack(self, name, pieces, fill):
            pieces = pieces + [
                initramfs.modules(guest.CACHE, self.o.kernel, None),
                initramfs.run_archive(self.path(name + ".cpio"), fill)]
            out = self.path(name + ".initrd")
            with open(out, "wb") as f:
                for p in pieces:
                    with open(p, "rb") as i:
                        shutil.copyfileobj(i, f, 1 << 20)
            return out

        def on(self):
            """Where vmsgd finds the driver side."""
            if self.store:
                return "xen:1,xenstore"
            port = "" if "dynamic" in self.link else f",port={PORT_BACK}"
            return f"xen:1,ref={REF}{port}"

        def base(self, cpio, conf, command):
            """What every domain but the one under test has."""
            rest = {"OURS": "", "SHARE": "", "DISKS": 0, "DAEMON": "", "EXPORTS": 0,
                    "UPLINK": "", "WAIT": 120, "INTERACTIVE": "", "KMEMLEAK": "",
                    "MUX": "", "LOG": "", "EXPECT": 0}
            conf = {**rest, **conf}
            cpio.file("init", os.path.join(guest.BENCH, "guest-init"), 0o755)
            for name in ("vmsgd", "vmsgctl"):
                cpio.file("usr/local/bin/" + name, self.tool("arm64/" + name), 0o755)
            cpio.data("vmsg/conf", "".join(f"{k}={shlex.quote(str(v))}\n"
                                           for k, v in conf.items()))
            cpio.data("vmsg/env", "")
            cpio.data("vmsg/cmd", command)
            for path in guest.guest_programs():
                if os.path.basename(path).startswith("xen"):
                    cpio.file("usr/local/bin/" + os.path.basename(path), path)

        def fill_dom0(self, cpio):
            daemon = not self.domu
            net = self.o.net and daemon
            # It also says which directories are needed.
            argv = self.guest_daemon() if daemon else []
            exports = len(self.exports) if daemon else 0
            self.base(cpio, {
                "LOAD": "xen_evtchn xen_gntdev xen_gntalloc xen_privcmd xenfs 9pnet_virtio "
                        "9p virtio_net ext4",
                "EXPECT": exports + net, "EXPORTS": exports, "DAEMON": "1" if daemon else "",
                "UPLINK": "1" if net else "", "STORE": "1" if self.store else "",
                "LOG": "/dev/ttyS3",
            }, "xen-dom0 serve")
            cpio.file("usr/local/bin/xen-dom0", os.path.join(guest.BENCH, "guest-xen-dom0"), 0o755)
            cpio.file("usr/local/bin/host-daemon", os.path.join(guest.BENCH, "guest-daemon"),
                      0o755)
            if daemon:
                for name, words in (("args", argv), ("link", [""]),
                                    ("wire", [self.o.wire]), ("on", [self.on()])):
                    cpio.data("vmsg/daemon/" + name, "".join(w + "\n" for w in words))

        def fill_dom2(self, cpio):
            argv = ["vmsgd", "--on", self.on(), "--wire", self.o.wire]
            for s in self.specs():
                if s[0] not in ("rng",):
                    raise BenchError(f"{s[0]}: there are no files and no network in the other "
                                     "domain; use --dev ramblk,size=16M, --rng")
                argv += ["--dev", s[0]]
            for spec in self.o.dev:
                argv += ["--dev", spec]
            # Its ports lead nowhere; what it has to say is in its kernel log.
            self.base(cpio, {"LOAD": "xen_evtchn xen_gntdev xen_gntalloc", "MUX": "none"},
                      f"{shlex.join(argv)} >/dev/kmsg 2>&1")

        def fill(self, cpio):
            super().fill(cpio)
            # Also for a test that loads it again.
            cpio.data("etc/modprobe.d/virtio-msg.conf", "options virtio_msg_xen "
                      f"segment_kib={self.mib(self.o.window, '--window') * 1024}\n")

        # -- the machine -------------------------------------------------

        def machine(self):
            return ["-M", "virt,virtualization=on,gic-version=3,highmem=off,"
                    "memory-backend=ram",
                    "-object", f"memory-backend-memfd,id=ram,size={RAM}M,share=on",
                    "-m", str(RAM), "-cpu", "cortex-a57", "-smp", "1",
                    "-nodefaults", "-display", "none"]

        def size(self, path):
            return os.stat(path).st_size

        def dtc(self, text, out):
            try:
                subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", out],
                               input=text, text=True, check=True)
            except (OSError, subprocess.CalledProcessError) as e:
                raise BenchError(f"no device tree {os.path.basename(out)}: {e}") from e
            return out

        def device_tree(self):
            argv = [self.o.qemu, *self.machine(), "-serial", "null", "-serial", "null"]
            argv[2] += f",dumpdtb={self.path('virt.dtb')}"
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            dts = subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts",
                                  self.path("virt.dtb")], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
            static = not self.store and "dynamic" not in self.link
            back = 2 if self.domu else 0
            node = f"""
        virtio-msg {{
            compatible = "virtio,msg-xen";
            xen,remote-domid = <{back}>;
            xen,grant-ref = <{REF}>;
            {f'xen,evtchn-port = <{PORT_FRONT}>;' if static else ''}
        }};
"""
            self.dtc(PARTIAL_TREE.format(nodes=UART + ("" if self.store else node)),
                     self.path("partial.dtb"))
            common = {"kernel": KERNEL, "kernel_size": self.size(self.image),
                      "enhanced": "enabled" if self.store else "no-xenstore"}
            front = f"""event_front: evtchn@1 {{
                compatible = "xen,evtchn-v1";
                xen,evtchn = <{PORT_FRONT} &event_back>;
            }};"""
            other = f"""event_back: evtchn@1 {{
                compatible = "xen,evtchn-v1";
                xen,evtchn = <{PORT_BACK} &event_front>;
            }};"""
            domains = DOMAIN.format(
                n=1, memory=self.memory() * 1024, ramdisk=DOMU_RAMDISK,
                ramdisk_size=self.size(self.initrd), partial=PARTIAL,
                partial_size=self.size(self.path("partial.dtb")),
                event=front if static else "",
                args="console=ttyAMA0 loglevel=7 panic=-1 oops=panic rdinit=/init "
                     f"hung_task_panic=0 {self.o.append}".strip(), **common)
            if self.domu:
                self.dtc(PARTIAL_TREE.format(nodes=""), self.path("partial2.dtb"))
                domains += DOMAIN.format(
                    n=2, memory=320 * 1024, ramdisk=DOM2_RAMDISK,
                    ramdisk_size=self.size(self.dom2_initrd), partial=PARTIAL2,
                    partial_size=self.size(self.path("partial2.dtb")),
                    event=other if static else "",
                    args="console=ttyAMA0 loglevel=7 panic=-1 oops=panic rdinit=/init",
                    **common)
            return self.dtc(dts + HOST_TREE.format(
                dom0_mem=DOM0_MEM, xen_args=" xsm=dummy" if self.domu else "",
                # Its whole log goes to a port of the card (guest-init).
                dom0_args="earlycon=xenboot console=hvc0 loglevel=5 panic=-1 "
                          "oops=panic rdinit=/init hung_task_panic=0",
                dom0_ramdisk=DOM0_RAMDISK, dom0_ramdisk_size=self.size(self.dom0_initrd),
                back_event=other if static and not self.domu else "", domains=domains,
                **{k: common[k] for k in ("kernel", "kernel_size")}), self.path("xen.dtb"))

        def mib(self, text, option):
            m = re.fullmatch(r"(\d+)([MG])", text)
            if not m:
                raise BenchError(f"{option} {text}: a number and M or G, please")
            return int(m[1]) * (1024 if m[2] == "G" else 1)

        def memory(self):
            size = self.mib(self.o.mem, "--mem")
            if size > RAM - DOM0_MEM - 400:
                raise BenchError(f"--mem {self.o.mem}: the domain may have up to "
                                 f"{RAM - DOM0_MEM - 400}M")
            return size

        def attach(self):
            args = []
            if self.domu:
                return args
            for path, n in self.exports.items():
                args += ["-fsdev", f"local,id=img{n},path={path.replace(',', ',,')},"
                         "security_model=none", "-device",
                         f"virtio-9p-pci,fsdev=img{n},mount_tag=img{n}"]
            if self.o.net:
                args += ["-netdev", "user,id=uplink", "-device",
                         "virtio-net-pci,netdev=uplink,romfile="]
            return args

        def qemu(self, args, ports):
            o = self.o
            names = ("xen", "uart", "out0", "err0", "ctl0", "log0")
            pairs = {n: socket.socketpair() for n in names}
            argv = [o.qemu, *self.machine(), "-accel", "tcg,thread=multi", "-no-reboot",
                    "-kernel", self.xen_image, "-dtb", self.device_tree()]
            for path, where in ((self.image, KERNEL), (self.dom0_initrd, DOM0_RAMDISK),
                                (self.initrd, DOMU_RAMDISK), (self.path("partial.dtb"), PARTIAL),
                                *([(self.dom2_initrd, DOM2_RAMDISK),
                                   (self.path("partial2.dtb"), PARTIAL2)] if self.domu else [])):
                argv += ["-device", f"loader,file={path.replace(',', ',,')},"
                         f"addr=0x{where:x},force-raw=on"]
            for n, (_, theirs) in pairs.items():
                argv += ["-chardev", f"socket,id={n},fd={theirs.fileno()}"]
            argv += ["-serial", "chardev:xen", "-serial", "chardev:uart", "-device",
                     "pci-serial-4x,chardev1=out0,chardev2=err0,chardev3=ctl0,chardev4=log0"]
            argv += args + o.qemu_arg
            if o.verbose:
                say(shlex.join(argv))
            with open(self.path("qemu.log"), "w") as log:
                try:
                    self.procs["qemu"] = subprocess.Popen(
                        argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                        pass_fds=[t.fileno() for _, t in pairs.values()],
                        preexec_fn=guest.die_with_parent)
                except OSError as e:
                    raise BenchError(f"cannot start {o.qemu}: {e.strerror}") from e
            for _, theirs in pairs.values():
                theirs.close()
            self.xen, self.dom0 = pairs["xen"][0], pairs["out0"][0]
            # The threads' own, because the caller closes its.
            self.ports = [s.dup() for s in ports if s]
            threading.Thread(target=self.pump, args=({n: p[0] for n, p in pairs.items()},),
                             daemon=True).start()

        # -- the lines ---------------------------------------------------

        def pump(self, lines):
            """Everything that comes from QEMU, and what goes to domU1."""
            logs = {"xen": open(self.log, "ab", buffering=0),
                    "log0": open(self.log0, "ab", buffering=0),
                    "err0": open(self.path("dom0.log"), "ab", buffering=0)}
            for n, s in lines.items():
                self.sel.register(s, selectors.EVENT_READ, (n, None))
            for n, s in enumerate(self.ports):
                self.sel.register(s, selectors.EVENT_READ, ("port", n))
            pieces, pending, greeted, crashed = b"", {"out0": b"", "ctl0": b""}, False, None
            last = b""
            alive = set(lines)
            while alive:
                if crashed and time.monotonic() > crashed + 3:
                    self.procs["qemu"].kill()
                for key, _ in self.sel.select(1):
                    name, n = key.data
                    try:
                        data = key.fileobj.recv(4096)
                    except OSError:
                        data = b""
                    if not data:
                        self.sel.unregister(key.fileobj)
                        alive.discard(name)
                        continue
                    if name in logs:
                        logs[name].write(data)
                        # A domain that panicked does not end the machine.
                        if name == "xen":
                            last = last[-20:] + data
                            if b"Kernel panic" in last and not crashed:
                                crashed = time.monotonic()
                    elif name == "port":
                        for i in range(0, len(data), PIECE):
                            part = data[i:i + PIECE]
                            try:
                                lines["uart"].sendall(bytes((n, len(part))) + part)
                            except OSError:
                                break       # QEMU has ended
                    elif name == "uart":
                        pieces += data
                        if not greeted and HELLO in pieces:
                            pieces = pieces.split(HELLO, 1)[1]
                            greeted = True
                        while greeted and len(pieces) > 1 and len(pieces) >= 2 + pieces[1]:
                            if pieces[0] < len(self.ports):
                                self.ports[pieces[0]].sendall(pieces[2:2 + pieces[1]])
                            pieces = pieces[2 + pieces[1]:]
                    else:
                        *text, pending[name] = (pending[name] + data).split(b"\n")
                        for line in text:
                            self.from_dom0(name, line.decode(errors="replace").strip("\r"))
            for s in self.ports:
                s.close()
            with self.answered:
                self.dom0 = None
                self.answered.notify_all()

        def from_dom0(self, port, line):
            if port == "ctl0":
                # Only that it could not be set up is of interest.
                if line == "@fail":
                    say("dom0 could not be set up")
                    self.failed = True
                    self.rc = 125
                return
            with self.answered:
                if line == "@dom0":
                    self.dom0_serves = True
                elif line[:1] in (".", "="):
                    number, _, text = line[1:].partition(" ")
                    got = self.answers.get(number)
                    if got is not None and line[0] == ".":
                        got[1].append(text)
                    elif got is not None:
                        got[0] = int(text)
                self.answered.notify_all()

        def ask_dom0(self, words, limit=180):
            """Have something done there; its status and what it printed."""
            if any("\n" in w for w in words):
                return 2, "a request to dom0 is one line"
            end = time.monotonic() + limit
            number = str(next(self.numbers))
            with self.answered:
                while not self.dom0_serves and time.monotonic() < end:
                    self.answered.wait(1)
                if not self.dom0 or not self.dom0_serves:
                    return 125, "dom0 does not answer"
                got = self.answers[number] = [None, []]
                # The shell there reads lines.
                self.dom0.sendall(f"{number} {shlex.join(words)}\n".encode())
                while got[0] is None and self.dom0 and time.monotonic() < end:
                    self.answered.wait(1)
                del self.answers[number]
            if got[0] is None:
                return 125, "dom0 did not answer"
            return got[0], "\n".join(got[1])

        def xen_key(self, key, last=None):
            """What Xen prints when a key is pressed on its console, up to last."""
            def wait(what, start):
                end = time.monotonic() + 20
                while time.monotonic() < end:
                    with open(self.log, errors="replace") as f:
                        f.seek(start)
                        text = f.read()
                    if what(text):
                        return text
                    time.sleep(0.1)
                return None

            for _ in range(6):
                at = os.path.getsize(self.log)
                self.xen.sendall(b"\x01\x01\x01")
                text = wait(lambda t: "Serial input to" in t and t.rstrip().endswith(")"), at)
                if text and "input to Xen" in text:
                    break
            else:
                return 1, "Xen's console does not listen"
            at = os.path.getsize(self.log)
            self.xen.sendall(key.encode())
            text, end = "", time.monotonic() + 20
            while not (last and last in text) and time.monotonic() < end:
                time.sleep(0.1)
                with open(self.log, errors="replace") as f:
                    f.seek(at)
                    new = f.read()
                if new != text:
                    text, end = new, time.monotonic() + 1
            lines = (line for line in text.replace("\r", "").splitlines()
                     if XEN_PREFIX.match(line) and not DOM_PREFIX.match(line))
            return 0, "\n".join(XEN_PREFIX.sub("", line) for line in lines)

        def grants(self):
            """How many grants of each domain are mapped, as Xen counts them."""
            done = "gnttab_usage_print_all ] done"
            rc, text = self.xen_key("g", done)
            if rc or done not in text:
                return 1, text[-500:]
            count, owner = {}, None
            for line in text.splitlines():
                m = re.search(r"grant-table for remote d(\d+)", line)
                if m:
                    owner = m[1]
                    count[owner] = 0
                elif owner and re.match(r"\[0x[0-9a-f]+\]", line.strip()):
                    count[owner] += 1
            return 0, "".join(f"domain {d}: {n} grants are mapped\n"
                              for d, n in count.items())

        def host(self, words):
            verb, *args = words or ["help"]
            if verb == "helper":
                return super().host(words)
            if verb == "xen-key" and len(args) == 1 and len(args[0]) == 1:
                return self.xen_key(args[0])
            if verb == "xen-key":
                return 2, "xen-key KEY"
            if verb == "grants":
                return self.grants()
            rc, text = self.ask_dom0([verb, *args])
            if rc == 120:
                return 2, "verbs: add SPEC, remove NUM, list, stats, kill, stop, start, " \
                    "pause, continue, wire REVISION, link OPTION,..., arg ARG..., pid, " \
                    "dom0 COMMAND, device DOMID NUM, xen-key KEY, grants"
            return rc, text

        # -- the end -----------------------------------------------------

        def talk(self, line, ctl):
            super().talk(line, ctl)
            if line.partition(" ")[0] in ("@bye", "@fail"):
                # Its machine ends with dom0.
                threading.Thread(target=self.end, daemon=True).start()

        def end(self):
            time.sleep(0.3)
            try:
                self.dom0.sendall(b"0 quit\n")
                self.procs["qemu"].wait(20)
            except (OSError, AttributeError, subprocess.TimeoutExpired):
                self.procs["qemu"].kill()

        def console(self):
            lines = []
            for line in super().console():
                own = DOM_PREFIX.match(line)
                if own:
                    lines.append(f"domU{own[2]}: " + line[own.end():])
                elif XEN_PREFIX.match(line):
                    # Its own warnings are about how it was configured.
                    lines.append(line.replace("WARNING: ", "warning: "))
                else:
                    lines.append(line)
            with open(self.log0, errors="replace") as f:
                lines += ["dom0: " + t for t in f.read().replace("\r", "").split("\n") if t]
            return known(lines)

        def splats(self):
            return super().splats() + [
                line for line in self.console()
                if XEN_PREFIX.match(line) and XEN_SPLAT.search(line)]

        def show_end(self, lines=40):
            all_lines = self.console()
            for who, keep in (("Xen and its domains", [t for t in all_lines if t[:6] != "dom0: "]),
                              ("dom0", [t for t in all_lines if t[:6] == "dom0: "])):
                say(f"the end of the log of {who}"
                    f"{' (' + (self.log0 if who == 'dom0' else self.log) + ')' if self.o.log else ''}:")
                for line in keep[-lines:]:
                    print("  " + line, file=sys.stderr)
            if self.tail("dom0"):
                say("dom0 said on its error port:\n" + self.tail("dom0"))
            if self.dom0_serves and self.procs["qemu"].poll() is None:
                rc, text = self.ask_dom0(["dom0", "tail -n 15 /run/vmsgd.log"], 20)
                if not rc and text:
                    say("the end of the log of vmsgd:\n  " + text.replace("\n", "\n  "))

        def close(self):
            super().close()
            for f in ("dom0.cpio", "dom0.initrd", "dom2.cpio", "dom2.initrd"):
                if self.keep and os.path.exists(self.path(f)):
                    os.unlink(self.path(f))

    return XenGuest


# Xen's own tools for dom0, with their libraries and their loader.
TOOLS = ["xenstored", "init-dom0less", "xl", "xenstore-read", "xenstore-write",
         "xenstore-chmod", "xenstore-ls", "xenstore-list", "xenstore-rm", "xenstore-exists",
         "xenstore-watch"]


def elf(path):
    """What Debian has in /usr/sbin are wrappers that look for the version."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def tools(cache):
    root = os.path.join(cache, "xen-tools")
    with open(root + "/key") as f:
        key = initramfs._key(f.read(), TOOLS, 1)
    out = os.path.join(cache, "initramfs", f"xen-tools-{key}.cpio")
    if os.path.exists(out):
        return out
    found, libs = {}, {}
    for base, _, files in os.walk(root):
        for f in files:
            path = os.path.join(base, f)
            if f in TOOLS and elf(path):
                found.setdefault(f, path)
            elif ".so" in f:
                libs.setdefault(f, path)
    missing = set(TOOLS) - set(found) - {"xenstore-exists"}
    if missing:
        raise FileNotFoundError(f"Xen's tools lack {', '.join(sorted(missing))}")

    def fill(cpio):
        ld = "ld-linux-aarch64.so.1"
        todo, done = [ld], set()
        for name, path in sorted(found.items()):
            real = os.path.realpath(path)
            cpio.file("opt/xen/bin/" + name, real, 0o755)
            cpio.data("usr/local/bin/" + name, "#!/bin/sh\n"
                      f"exec /opt/xen/lib/{ld} --library-path /opt/xen/lib --argv0 {name} "
                      f"/opt/xen/bin/{name} \"$@\"\n", 0o755)
            todo += initramfs._needed(real)
        # What pthread_cancel() asks for at run time.
        todo.append("libgcc_s.so.1")
        while todo:
            lib = todo.pop()
            if lib in done:
                continue
            done.add(lib)
            if lib not in libs:
                raise FileNotFoundError(f"library {lib} is in no package of Xen's tools")
            real = os.path.realpath(libs[lib])
            if not os.path.exists(real):
                real = os.path.join(os.path.dirname(libs[lib]), os.path.basename(real))
            cpio.file("opt/xen/lib/" + lib, real, 0o755)
            todo += initramfs._needed(real)

    return initramfs._pack(out, fill)
