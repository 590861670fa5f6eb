#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Pack the initramfs of a guest: programs, stock modules, our modules.

It is made of pieces that are simply put behind each other, as the kernel
allows: what changes seldom is packed once and kept in the cache.
"""

import hashlib
import lzma
import os
import re
import shutil
import stat
import subprocess
import tempfile

# Modules a guest may need, with all they depend on. Absent ones are built in.
STOCK_MODULES = """
    virtio_blk virtio_net virtio_rng virtio_console virtio_mmio virtio_input
    virtio_balloon virtio_scsi sd_mod virtio_rtc
    9p 9pnet_virtio ext4 loop crc32c_generic crc32c_cryptoapi
    vmw_vsock_virtio_transport vsock vsock_loopback virtiofs
    gpio_virtio i2c_virtio i2c_dev at24 lm75 evdev kunit uio uio_pci_generic
    vfio vfio_pci vfio_iommu_type1 ffa_core ffa_module mailbox_test rpmsg_char
    virtio_rpmsg_bus xen_evtchn xen_gntdev xen_gntalloc xen_privcmd xenfs
""".split()

# Programs beside busybox; their libraries are found by themselves.
PROGRAMS = """
    bin/dash bin/bash sbin/mke2fs sbin/e2fsck sbin/tune2fs sbin/resize2fs sbin/dumpe2fs
    sbin/ip bin/ip bin/ss sbin/ethtool usr/sbin/ethtool sbin/blkdiscard
    sbin/blockdev bin/lsblk usr/bin/lspci usr/bin/flock bin/findmnt
""".split()

# Where libraries are, what loads them, and where programs look for that.
TRIPLET = {"arm64": "aarch64-linux-gnu", "x86_64": "x86_64-linux-gnu"}
LOADER = {"arm64": "ld-linux-aarch64.so.1", "x86_64": "ld-linux-x86-64.so.2"}
LOADER_DIR = {"arm64": "usr/lib", "x86_64": "usr/lib64"}
LIBRARY_DIRS = {a: [d + t for d in ("lib/", "usr/lib/")] for a, t in TRIPLET.items()}
# The directory of the cache with the programs of a guest
USERLAND = {"arm64": "userland", "x86_64": "userland-amd64"}


class Cpio:
    """A cpio archive in the kernel's "newc" format."""

    def __init__(self, out):
        self.out = out
        self.ino = 0
        self.dirs = set()

    def _entry(self, name, mode, data=b""):
        self.ino += 1
        raw = name.encode() + b"\0"
        head = "070701" + "".join(
            f"{v:08x}" for v in (self.ino, mode, 0, 0, 1, 0, len(data),
                                 0, 0, 0, 0, len(raw), 0))
        for part in (head.encode() + raw, data):
            self.out.write(part + b"\0" * (-len(part) % 4))

    def directory(self, name):
        name = name.strip("/")
        if name in self.dirs or not name:
            return
        if "/" in name:
            self.directory(os.path.dirname(name))
        self.dirs.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def data(self, name, data, mode=0o644):
        name = name.strip("/")
        self.directory(os.path.dirname(name))
        if isinstance(data, str):
            data = data.encode()
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        name = name.strip("/")
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def file(self, name, path, mode=None):
        with open(path, "rb") as f:
            self.data(name, f.read(), mode or os.stat(path).st_mode & 0o777)

    def tree(self, name, path):
        """Everything below a directory."""
        for root, dirs, files in os.walk(path):
            dirs.sort()
            rel = os.path.relpath(root, path)
            base = name if rel == "." else os.path.join(name, rel)
            self.directory(base)
            for f in sorted(files):
                src = os.path.join(root, f)
                if os.path.islink(src):
                    self.link(os.path.join(base, f), os.readlink(src))
                else:
                    self.file(os.path.join(base, f), src)

    def close(self):
        self._entry("TRAILER!!!", 0)
        # Each archive starts at a multiple of four.
        self.out.write(b"\0" * (-self.out.tell() % 512))


def _pack(path, fill):
    """Write an archive under its final name only when it is complete."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd, tmp = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with os.fdopen(fd, "wb") as out:
            cpio = Cpio(out)
            fill(cpio)
            cpio.close()
        os.rename(tmp, path)
    except BaseException:
        os.unlink(tmp)
        raise
    return path


def _key(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(str(p).encode() + b"\0")
    return h.hexdigest()[:12]


def _read(path):
    with open(path) as f:
        return f.read()


def _needed(path):
    out = subprocess.run(["readelf", "-d", path], capture_output=True,
                         text=True, check=False).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", out)


def userland(cache, arch="arm64"):
    """Busybox and the programs, with their libraries."""
    root = os.path.join(cache, USERLAND[arch])
    out = os.path.join(cache, "initramfs", "%s-%s.cpio" %
                       (USERLAND[arch], _key(_read(root + "/key"), PROGRAMS, 2)))
    if os.path.exists(out):
        return out

    def fill(cpio):
        for d in ("dev", "proc", "sys", "tmp", "run", "mnt/share", "root",
                  "etc", "usr/bin", "usr/sbin", "var"):
            cpio.directory(d)
        for d in ("bin", "sbin"):
            cpio.link(d, "usr/" + d)
        cpio.directory("usr/lib")
        cpio.link("lib", "usr/lib")
        if LOADER_DIR[arch] != "usr/lib":
            cpio.directory(LOADER_DIR[arch])
            cpio.link(os.path.basename(LOADER_DIR[arch]), LOADER_DIR[arch])
        cpio.link("var/run", "/run")
        cpio.file("usr/bin/busybox", root + "/bin/busybox")
        # Not busybox: its shell prefers its own applets to the programs below.
        cpio.link("usr/bin/sh", "dash")
        todo, done = [], set()
        for p in PROGRAMS:
            src = os.path.join(root, p)
            if not os.path.lexists(src):
                continue
            name = p if p.startswith("usr/") else "usr/" + p
            if os.path.islink(src):
                cpio.link(name, os.readlink(src).replace("/bin/ip", "/usr/bin/ip"))
                continue
            cpio.file(name, src)
            todo += _needed(src)
        for alias in ("mkfs.ext4", "mkfs.ext2", "fsck.ext4"):
            cpio.link("usr/sbin/" + alias,
                      "mke2fs" if alias.startswith("mk") else "e2fsck")
        if os.path.exists(root + "/etc/mke2fs.conf"):
            cpio.file("etc/mke2fs.conf", root + "/etc/mke2fs.conf")
        while todo:
            lib = todo.pop()
            if lib in done:
                continue
            done.add(lib)
            for d in LIBRARY_DIRS[arch]:
                src = os.path.realpath(os.path.join(root, d, lib))
                if os.path.exists(src):
                    cpio.file(f"usr/lib/{TRIPLET[arch]}/{lib}", src)
                    todo += _needed(src)
                    break
            else:
                raise FileNotFoundError(f"library {lib} is in no package")
        ld = LOADER[arch]
        if ld not in done:
            cpio.file(f"usr/lib/{TRIPLET[arch]}/{ld}", os.path.realpath(
                os.path.join(root, LIBRARY_DIRS[arch][0], ld)))
        cpio.link(f"{LOADER_DIR[arch]}/{ld}", f"/usr/lib/{TRIPLET[arch]}/{ld}")
        cpio.data("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        cpio.data("etc/group", "root:x:0:\n")
        cpio.data("etc/hosts", "127.0.0.1 localhost\n")

    return _pack(out, fill)


# Back ends of a vmsgd inside the guest.
BACKENDS = ["usr/bin/qemu-storage-daemon", "usr/bin/passt"]


def backends(cache):
    """They have a newer libc than the guest, so they bring their loader."""
    root = os.path.join(cache, "backends")
    out = os.path.join(cache, "initramfs", "backends-%s.cpio" %
                       _key(_read(root + "/key"), BACKENDS, 4))
    if os.path.exists(out):
        return out

    def fill(cpio):
        ld = LOADER["arm64"]
        todo, done = [ld], set()
        for p in BACKENDS:
            src, name = os.path.join(root, p), os.path.basename(p)
            cpio.file("opt/backends/bin/" + name, src, 0o755)
            run = (f"/opt/backends/lib/{ld} --library-path /opt/backends/lib "
                   f"/opt/backends/bin/{name}")
            if name == "passt":
                # Its way out is not in the guest's own network.  It makes a
                # user namespace and pivots away from its root; neither can be
                # done from the first root of all, nor in a chroot.
                run = ("exec ip netns exec uplink sh -c 'cd /run/uplink && "
                       "busybox mount -o move . / && exec busybox chroot . "
                       f"{run} --no-map-gw --runas 0 \"$@\"' - \"$@\"")
            else:
                run = f"exec {run} \"$@\""
            cpio.data("usr/local/bin/" + name, f"#!/bin/sh\n{run}\n", 0o755)
            todo += _needed(src)
        while todo:
            lib = todo.pop()
            if lib in done:
                continue
            done.add(lib)
            for d in LIBRARY_DIRS["arm64"]:
                src = os.path.realpath(os.path.join(root, d, lib))
                if os.path.exists(src):
                    cpio.file("opt/backends/lib/" + lib, src, 0o755)
                    todo += _needed(src)
                    break
            else:
                raise FileNotFoundError(f"library {lib} is in no package")

    return _pack(out, fill)


def _name(path):
    return re.sub(r"\.ko(\.\w+)?$", "", os.path.basename(path)).replace("-", "_")


def _closure(moddir):
    """The wanted stock modules and what they depend on, as paths."""
    deps, soft = {}, {}
    for line in open(moddir + "/modules.dep"):
        path, _, need = line.partition(":")
        deps[_name(path)] = (path, [_name(n) for n in need.split()])
    for line in open(moddir + "/modules.softdep"):
        m = re.match(r"softdep (\S+) pre: (.*)", line)
        if m:
            soft.setdefault(m[1].replace("-", "_"), []).extend(
                n.replace("-", "_") for n in m[2].split())
    todo, found = list(STOCK_MODULES), {}
    while todo:
        n = todo.pop()
        if n in deps and n not in found:
            found[n] = deps[n][0]
            todo += deps[n][1] + soft.get(n, [])
    return sorted(found.values())


def modules(cache, kernel, ours):
    """Stock modules of a kernel and ours, with a modules.dep of their own.

    ours is a directory with .ko files, or None."""
    base = os.path.join(cache, "kernel", kernel)
    version = _read(base + "/version").strip()
    moddir = os.path.join(base, "base/lib/modules", version)
    kos = sorted(os.path.join(ours, f) for f in os.listdir(ours)) if ours else []
    key = _key(_read(base + "/key"), STOCK_MODULES, 2,
               *[hashlib.sha256(open(k, "rb").read()).hexdigest() for k in kos])
    out = os.path.join(cache, "initramfs", f"{kernel}-{key}.cpio")
    if os.path.exists(out):
        return out
    # Older ones of this kernel have had their day.
    if os.path.isdir(os.path.dirname(out)):
        for f in os.listdir(os.path.dirname(out)):
            full = os.path.join(os.path.dirname(out), f)
            if re.fullmatch(re.escape(kernel) + r"-[0-9a-f]{12}\.cpio", f) and \
               os.path.getmtime(full) < os.path.getmtime(base) + 1:
                os.unlink(full)

    with tempfile.TemporaryDirectory() as tmp:
        dest = os.path.join(tmp, "lib/modules", version)
        for path in _closure(moddir):
            to = os.path.join(dest, re.sub(r"\.xz$", "", path))
            os.makedirs(os.path.dirname(to), exist_ok=True)
            src = os.path.join(moddir, path)
            if path.endswith(".xz"):
                with lzma.open(src) as i, open(to, "wb") as o:
                    shutil.copyfileobj(i, o)
            else:
                shutil.copy(src, to)
        os.makedirs(dest + "/updates", exist_ok=True)
        for k in kos:
            shutil.copy(k, dest + "/updates")
        for f in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
            if os.path.exists(os.path.join(moddir, f)):
                shutil.copy(os.path.join(moddir, f), dest)
            else:
                open(os.path.join(dest, f), "w").close()
        subprocess.run(["depmod", "-b", tmp, version], check=True)
        return _pack(out, lambda cpio: cpio.tree("usr/lib/modules/" + version, dest))


def run_archive(path, fill):
    """The piece that belongs to one run."""
    return _pack(path, fill)
