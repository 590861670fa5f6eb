# SPDX-License-Identifier: GPL-2.0-only
"""A guest with a secure world: firmware, partition, and the talk with it.

QEMU's machine starts Trusted Firmware-A, which loads the partition and enters
the kernel. The secure world has a serial port; what comes out there is kept, and
commands go in.
"""

import os
import queue
import shutil
import socket
import subprocess
import threading

import amp_dt

BENCH = os.path.dirname(os.path.abspath(__file__))
HOMES = ("a3", "a1")
# A processor with S-EL2 where that is used, a small one where it is not. The kernel
# signs its pointers where it can; the algorithm of the architecture is a slow one.
CPUS = {"a3": "neoverse-n2,pauth-impdef=on", "a1": "cortex-a57"}
# Where a kick is a call the console is refused, see ffa.rst.
DEVICES = {"a3": 3, "a1": 2}
BIOS_FIP = 0x40000      # where BL1 looks for the image package
LIMIT = 100             # seconds; a partition answers when it is entered


class FfaError(Exception):
    """The secure world cannot be made."""


def refusal(o):
    """Why there is no such guest, or None."""
    if o.kernel == "debian-lts":
        return "--transport ffa: the stock kernel 6.12 of debian-lts was built without " \
            "CONFIG_ARM_FFA_TRANSPORT; take --kernel debian, mainline or debug"
    cpus = amp_dt.board(os.path.join(BENCH, "firmware/ffa/board.h"))["MAX_CPUS"]
    if o.smp > cpus:
        return f"--transport ffa: the partition knows {cpus} processors, not {o.smp}"
    return None


def machine(o):
    """Arguments of QEMU that say which machine it is."""
    # Without ACPI, for the device tree to be the same with a firmware.
    return ["-M", "virt,secure=on,virtualization=on,gic-version=3,acpi=off,"
            "memory-backend=ram", "-cpu", CPUS[o.mode]]


def _run(argv, **kw):
    try:
        return subprocess.run(argv, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, **kw).stdout
    except OSError as e:
        raise FfaError(f"cannot start {argv[0]}: {e.strerror}") from e
    except subprocess.CalledProcessError as e:
        raise FfaError(f"{os.path.basename(argv[0])} failed:\n{e.output}") from e


def _firmware(home, partition, to):
    """BL1, and behind it the package with our partition in it."""
    out = subprocess.run([os.path.join(BENCH, "build-tfa"), home], check=False,
                         stdout=subprocess.PIPE, text=True)
    if out.returncode:
        raise FfaError("there is no Trusted Firmware-A")
    tfa = out.stdout.strip()
    shutil.copy(os.path.join(tfa, "fip.bin"), to + ".fip")
    _run([os.path.join(tfa, "fiptool"), "update", "--tos-fw", partition, to + ".fip"])
    with open(to, "wb") as f:
        with open(os.path.join(tfa, "bl1.bin"), "rb") as part:
            f.write(part.read())
        if f.tell() > BIOS_FIP:
            raise FfaError("BL1 is larger than the room that there is for it")
        f.seek(BIOS_FIP)
        with open(to + ".fip", "rb") as part:
            f.write(part.read())
    os.unlink(to + ".fip")


def boot(o, path, qemu_machine, partition, image, initrd, cmdline):
    """Arguments of QEMU that start the kernel; path(NAME) is for files."""
    b = amp_dt.board(os.path.join(BENCH, "firmware/ffa/board.h"))
    bios, dtb = path("ffa.bios"), path("ffa.dtb")
    _firmware(o.mode, partition, bios)
    argv = [o.qemu, *qemu_machine]
    argv[2] += f",dumpdtb={dtb}"
    _run(argv)
    start = b["INITRD_BASE"]
    end = start + os.path.getsize(initrd)
    _run(["fdtput", "-t", "s", dtb, "/chosen", "bootargs", cmdline])
    for name, value in (("start", start), ("end", end)):
        _run(["fdtput", "-t", "x", dtb, "/chosen", "linux,initrd-" + name, "0", f"{value:x}"])
    args = ["-bios", bios, "-dtb", dtb]
    for file, addr in ((image, b["KERNEL_BASE"]), (initrd, start)):
        args += ["-device", f"loader,file={file},addr={addr:#x},force-raw=on"]
    return args


class SecureUart:
    """The serial port of the secure world, from the host's side."""

    def __init__(self, log):
        self.ours, self.theirs = socket.socketpair()
        self.log = log
        self.answers = queue.Queue()
        self.lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def args(self):
        return ["-chardev", f"socket,id=secure,fd={self.theirs.fileno()}",
                "-serial", "chardev:secure"]

    def _read(self):
        rest = b""
        with open(self.log, "ab", buffering=0) as log:
            while True:
                try:
                    data = self.ours.recv(4096)
                except OSError:
                    return
                if not data:
                    return
                log.write(data)
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    text = line.decode(errors="replace").strip("\r")
                    if text[:2] in ("> ", "= "):
                        self.answers.put(text)

    def command(self, words):
        """Give a command to the partition.  Its status and what it says."""
        with self.lock:
            while not self.answers.empty():
                self.answers.get()
            # The port takes 16 bytes; more wait until they are read.
            self.ours.sendall((" ".join(words) + "\n").encode())
            text = []
            while True:
                try:
                    line = self.answers.get(timeout=LIMIT)
                except queue.Empty:
                    return 1, "the partition does not answer"
                if line.startswith("= "):
                    return int(line[2:]), "".join(t + "\n" for t in text)
                text.append(line[2:])
