# SPDX-License-Identifier: GPL-2.0-only
"""Patches that "series" has made, applied one after the other to a clean kernel.

The short proof builds modules against a kernel that the bench has anyway. The long
ones, each a piece that is run by itself, build a small kernel of their own with each
step in it, and look at headers, bindings and pages as the kernel's own make does.
"""

import fcntl
import glob
import os
import re
import shutil
import time

from common import (BENCH, CACHE, MSG, TOP, UPSTREAM, must, read, run, say, write)

WHO = ("-c", "user.name=x", "-c", "user.email=x@x")
# Directories with nothing but ours.
OURS = (MSG, "Documentation/driver-api/virtio/virtio-msg", "tools/testing/virtio-msg")
UAPI = "linux/virtio_msg.h"
BAD = re.compile(r"warning:|error:|undefined reference", re.I)
OUR_NAME = re.compile(r"virtio[-_]msg")
PIECES = ["arm64-m", "arm64-y", "x86_64-m", "x86_64-y", "bindings", "pages"]


class Source:
    """A clean tree of the kernel, in git as far as patches change it; it is kept."""

    def __init__(self, name, log):
        self.dir = os.path.join(CACHE, name)
        self.src = os.path.join(self.dir, "src")
        self.log = log
        open(log, "w").close()

    def clean(self, base, ours, key):
        """As it was before all patches; true if it had to be made anew."""
        real = os.path.realpath(os.path.join(CACHE, "src/linux"))
        key = f"{os.path.basename(real)} {key}"
        anew = not os.path.exists(self.dir + "/key") or read(self.dir + "/key") != key
        if anew:
            say("making a clean tree of the kernel")
            shutil.rmtree(self.dir, ignore_errors=True)
            os.makedirs(self.dir)
            with open(os.path.join(CACHE, "lock/src"), "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH)
                # Links, not copies: git and patch replace files, they do not write into them.
                must("cp", "-al", real, self.src)
            for f in ours:
                # An empty directory would be in the way of nothing.
                if os.path.exists(os.path.join(self.src, f)):
                    os.unlink(os.path.join(self.src, f))
            for d in OURS:
                shutil.rmtree(os.path.join(self.src, d), ignore_errors=True)
            for path, text in base.items():
                write(self.src, path, text)
            must("git", "init", "-q", "-b", "base", cwd=self.src)
            must("git", "add", "-f", *UPSTREAM, cwd=self.src)
            must("git", *WHO, "commit", "-q", "-m", "base", cwd=self.src)
            must("git", "tag", "base", cwd=self.src)
            write(self.dir, "key", key)
        # Of a git that was ended; nobody else is here.
        if os.path.exists(self.src + "/.git/index.lock"):
            os.unlink(self.src + "/.git/index.lock")
        run("git", "am", "--abort", cwd=self.src)
        must("git", "checkout", "-q", "-f", "--detach", "refs/tags/base", cwd=self.src)
        must("git", "clean", "-q", "-f", "-d", "-x", "--", *OURS, cwd=self.src)
        return anew

    def apply(self, patch):
        """Returns the files that the patch changes, and what is wrong or None."""
        done = run("git", *WHO, "am", "-q", patch, cwd=self.src, log=self.log)
        if done.returncode:
            return [], f"git am: {done.stderr[-1500:]}"
        return must("git", "diff", "--name-only", "HEAD~1", cwd=self.src).split(), None

    def options(self, value):
        """Our options in Kconfig, with the value for those that can be modules."""
        # Faults on purpose are in debugfs.
        return {"DEBUG_FS": "y", **{name: "y" if kind == "bool" else value for name, kind in re.findall(
            r"^(?:menu)?config (VIRTIO_MSG\w*)\n\t(\w+)",
            read(os.path.join(self.src, MSG, "Kconfig")), re.M)}}


def with_options(config, options):
    return "".join(line for line in config.splitlines(True)
                   if "VIRTIO_MSG" not in line and not re.search(r"CONFIG_DEBUG_FS\b", line)) + "".join(
        f"CONFIG_{s}={v}\n" for s, v in options.items())


def without_effect(config, options):
    missing = [s for s, v in options.items() if f"CONFIG_{s}={v}\n" not in config]
    return f"these options did not take effect: {', '.join(missing)}" if missing else None


class Short(Source):
    """For arm64, as modules, with W=1, against the bench's kernel."""

    def __init__(self):
        super().__init__("series", os.path.join(CACHE, "logs/series.log"))
        self.out = os.path.join(self.dir, "out")
        must(os.path.join(BENCH, "build-kernel"), "mainline")
        self.kernel = os.path.realpath(os.path.join(CACHE, "kernel/mainline/build"))

    def make(self, *args):
        return run("nice", "make", "-C", self.src, f"O={self.out}", "ARCH=arm64",
                   "CROSS_COMPILE=aarch64-linux-gnu-", f"-j{os.cpu_count()}", *args, log=self.log)

    def begin(self, base, ours):
        if not self.clean(base, ours, f"{os.path.basename(self.kernel)} 1") and \
                os.path.exists(self.out + "/Module.symvers"):
            return None
        os.makedirs(self.out, exist_ok=True)
        write(self.out, ".config", with_options(read(os.path.join(self.kernel, ".config")), {}))
        done = self.make("olddefconfig", "modules_prepare")
        if done.returncode:
            return f"modules_prepare: {done.stderr[-2000:]}"
        shutil.copy(os.path.join(self.kernel, "Module.symvers"), self.out)
        return None

    def step(self, patch):
        changed, wrong = self.apply(patch)
        if wrong:
            return wrong
        options = self.options("m")
        write(self.out, ".config", with_options(read(self.out + "/.config"), options))
        done = self.make("olddefconfig", "modules_prepare")
        if done.returncode:
            return f"olddefconfig: {(done.stdout + done.stderr)[-1500:]}"
        wrong = without_effect(read(self.out + "/.config"), options)
        if wrong:
            return wrong
        done = self.make("W=1", f"M={self.src}/{MSG.rstrip('/')}", "modules")
        text = done.stdout + done.stderr
        built = set(re.findall(r"^  (?:CC|LD) \[M\]\s+(\S+)", text, re.M))
        # What the Makefile does not name yet must compile by itself.
        alone = [os.path.relpath(f, MSG)[:-2] + ".o" for f in changed
                 if f.startswith(MSG) and f.endswith(".c")]
        alone = [a for a in alone if not any(b.endswith(a) for b in built)]
        if alone and not done.returncode:
            more = self.make("W=1", f"M={self.src}/{MSG.rstrip('/')}", *alone)
            text += more.stdout + more.stderr
            done.returncode = more.returncode
        warnings = [line for line in text.splitlines() if BAD.search(line)]
        if done.returncode or warnings:
            return "\n".join(warnings[:15]) or text[-1500:]
        if "virtio_msg.ko" not in text and not os.path.exists(
                os.path.join(self.src, MSG, "virtio_msg.ko")):
            return f"there is no virtio_msg.ko; {text[-500:]}"
        return None

    def end(self):
        return None


class Built(Source):
    """For one architecture, built in or as modules, with W=1: a whole kernel, linked.

    The kernel is as small as it can be with all that our options depend on. The headers
    for user space are compiled on the way, and kernel-doc looks at what a step changes.
    """

    def __init__(self, piece):
        super().__init__("series-long", os.path.join(CACHE, f"logs/series-{piece}.log"))
        self.arch, self.value = piece.split("-")
        self.out = os.path.join(self.dir, f"out-{self.arch}")
        self.known = set()

    def make(self, *args):
        cross = {"arm64": "aarch64-linux-gnu-", "x86_64": "" if os.uname().machine == "x86_64"
                 else "x86_64-linux-gnu-"}[self.arch]
        # The kernel has warnings of its own in what kernel-doc reads; ours are read below.
        return run("nice", "make", "-C", self.src, f"O={self.out}", f"ARCH={self.arch}",
                   f"CROSS_COMPILE={cross}", "W=1", "KERNELDOC=/dev/null",
                   f"-j{os.cpu_count()}", *args, log=self.log)

    def begin(self, base, ours):
        self.clean(base, ours, "1")
        fragment = "".join(read(os.path.join(BENCH, "config", f"series{a}.fragment"))
                           for a in ("", "." + self.arch))
        saved = os.path.join(self.out, "base")
        if not os.path.exists(saved + "/fragment") or read(saved + "/fragment") != fragment:
            # What was interrupted goes on.
            if not os.path.exists(saved + "/new") or read(saved + "/new") != fragment:
                shutil.rmtree(self.out, ignore_errors=True)
            write(saved, "new", fragment)
            done = self.make(f"KCONFIG_ALLCONFIG={saved}/new", "allnoconfig")
            options = dict(re.findall(r"^CONFIG_(\w+)=([^n\n].*)$", fragment, re.M))
            wrong = done.stderr[-1500:] if done.returncode else without_effect(
                read(self.out + "/.config"), options)
            if wrong:
                return f"allnoconfig: {wrong}"
            say(f"building a small kernel for {self.arch}")
            done = self.make("vmlinux", "modules")
            if done.returncode:
                return f"the kernel without us does not build: {done.stderr[-1500:]}"
            shutil.copy(self.out + "/.config", saved + "/config")
            # What each link says again of the kernel itself.
            os.unlink(self.out + "/vmlinux")
            done = self.make("vmlinux", "modules")
            write(saved, "warnings", done.stdout + done.stderr)
            write(saved, "fragment", fragment)
        self.known = set(read(saved + "/warnings").splitlines())
        return None

    def object(self, path):
        """Was this source compiled since it came?"""
        made = os.path.join(self.out, path[:-2] + ".o")
        return os.path.exists(made) and \
            os.path.getmtime(made) >= os.path.getmtime(os.path.join(self.src, path))

    def linked(self):
        """Is what was built where it belongs?"""
        name = "built-in.a" if self.value == "y" else "virtio_msg.ko"
        part = os.path.join(self.out, MSG, name)
        if not os.path.exists(part):
            return f"there is no {part}"
        whole = os.path.join(self.out, "vmlinux")
        if self.value == "y" and os.path.getmtime(whole) < os.path.getmtime(part):
            return f"{whole} is older than {part}"
        header = os.path.join(self.out, "usr/include", UAPI)
        tested = header[:-2] + ".hdrtest"
        if not os.path.exists(tested) or os.path.getmtime(tested) < os.path.getmtime(header):
            return f"{header} was not compiled"
        return None

    def kernel_doc(self, changed):
        files = [f for f in changed if f.endswith((".c", ".h")) and f.startswith(
            (MSG, "include/"))]
        if not files:
            return None
        done = run("tools/docs/kernel-doc", "-none", "-Wall", *files, cwd=self.src, log=self.log)
        text = done.stdout + done.stderr
        return f"kernel-doc: {text[-1500:]}" if done.returncode or text.strip() else None

    def step(self, patch):
        changed, wrong = self.apply(patch)
        if wrong:
            return wrong
        options = self.options(self.value)
        write(self.out, ".config", with_options(read(self.out + "/base/config"), options))
        done = self.make("olddefconfig")
        wrong = done.stderr[-1500:] if done.returncode else without_effect(
            read(self.out + "/.config"), options)
        if wrong:
            return f"olddefconfig: {wrong}"
        done = self.make("vmlinux", "modules")
        text = done.stdout + done.stderr
        # What the Makefile does not name yet must compile by itself.
        alone = [f[:-2] + ".o" for f in changed
                 if f.startswith(MSG) and f.endswith(".c") and not self.object(f)]
        if alone and not done.returncode:
            more = self.make(*alone)
            text += more.stdout + more.stderr
            done.returncode = more.returncode
        warnings = [line for line in text.splitlines()
                    if BAD.search(line) and line not in self.known]
        if done.returncode or warnings:
            return "\n".join(warnings[:15]) or text[-1500:]
        left = [a for a in alone if not self.object(a[:-2] + ".c")]
        if left:
            return f"these were not compiled: {', '.join(left)}"
        return self.linked() or self.kernel_doc(changed)

    def end(self):
        return None


class Docs(Source):
    """What Sphinx and dt-schema say, as Debian packages them, in a tree of their own."""

    def __init__(self, piece):
        super().__init__("series-long", os.path.join(CACHE, f"logs/series-{piece}.log"))
        self.out = os.path.join(self.dir, f"out-{piece}")

    def make(self, *args):
        os.makedirs(self.out, exist_ok=True)
        # Of a make that was ended: the next one has the same process ID in there.
        for f in glob.glob(os.path.join(self.out, "GMfifo*")):
            os.unlink(f)
        return run("bash", "-c", '. "$0/lib.sh"; unshare_root "$CACHE/docs" "$@"', BENCH,
                   "make", "-C", "/src", "O=/out", "ARCH=x86_64", "DT_MK_SCHEMA=python3 "
                   "/series.d/dt_mk_schema.py", f"-j{os.cpu_count()}",
                   *args, log=self.log, env={
                       "BIND": f"{self.src}:/src {self.out}:/out {BENCH}/series.d:/series.d",
                       "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": "/out"})

    def tools(self):
        if not os.path.exists(os.path.join(CACHE, "docs/key")):
            must(os.path.join(BENCH, "fetch"), "docs")


class Bindings(Docs):
    """make dt_binding_check, of our bindings."""

    YAML = "Documentation/devicetree/bindings/virtio/"

    def __init__(self):
        super().__init__("bindings")
        self.ours = []

    def begin(self, base, ours):
        self.tools()
        self.clean(base, ours, "1")
        return None

    def check(self):
        """What it says beside its progress; its status says nothing."""
        done = self.make("dt_binding_check", "DT_SCHEMA_FILES=virtio,msg")
        said = [line for line in (done.stdout + done.stderr).splitlines()
                if not re.match(r"make(\[\d+\])?: (Entering|Leaving)|  [A-Z]+ |$", line)
                # Of the kernel itself: see dt_mk_schema.py.
                and not ("multiple incompatible types" in line and "virtio,msg" not in line)]
        return said, set(re.findall(r"^  DTC \[C\] (\S+)\.example\.dtb$", done.stdout, re.M))

    def step(self, patch):
        changed, wrong = self.apply(patch)
        self.ours += [f for f in changed if f.startswith(self.YAML) and f.endswith(".yaml")]
        return wrong

    def end(self):
        """All of them at once: most of the time goes into reading those of the kernel."""
        if not self.ours:
            return "no patch has a binding"
        said, made = self.check()
        if said:
            return "\n".join(said)[:1500]
        for f in self.ours:
            if f[:-5] not in made:
                return f"the example of {f} was not compiled and checked: {made}"
        return self.planted()

    def planted(self):
        """A property that the schema wants is missing in each example: that must be found."""
        wanted = []
        for f in self.ours:
            path = os.path.join(self.src, f)
            head, example = read(path).split("\nexamples:\n")
            want = [p for p in re.findall(r"^  - (\S+)$", head[head.index("\nrequired:\n"):], re.M)
                    if p != "compatible"][0]
            wanted.append(want)
            then = os.stat(path).st_mtime
            write(self.src, f, head + "\nexamples:\n" + re.sub(
                rf"^( *){want} =", rf"\1x-{want} =", example, flags=re.M))
            # The schemas are the same, they need not be read again.
            os.utime(path, (then, then))
            for kind in ("dts", "dtb"):
                os.unlink(os.path.join(self.out, f"{f[:-5]}.example.{kind}"))
        said, _ = self.check()
        left = [w for w in wanted if not any(f"'{w}' is a required property" in s for s in said)]
        return f"examples without {left} pass: {said}" if left else None


class Pages(Docs):
    """make htmldocs of the directories with our pages: no warning that was not there before."""

    DIRS = ["driver-api/virtio", "userspace-api"]

    def __init__(self):
        super().__init__("pages")
        self.before = {}

    def begin(self, base, ours):
        self.tools()
        self.clean(base, ours, "1")
        for d in self.DIRS:
            self.before[d], wrong = self.html(d, True)
            if wrong:
                return wrong
            say(f"{d}: {len(self.before[d])} warnings without us")
        return None

    def html(self, directory, anew):
        """The warnings, without line numbers, as lines that we insert move others."""
        if anew:
            shutil.rmtree(os.path.join(self.out, "Documentation/output"), ignore_errors=True)
        # Hundreds of pages about cameras, which say nothing of us, and take minutes.
        done = self.make("htmldocs", f"SPHINXDIRS={directory}",
                         "SPHINXOPTS=-D exclude_patterns=media/**")
        text = done.stdout + done.stderr
        if done.returncode or not os.path.exists(os.path.join(
                self.out, "Documentation/output", directory, "index.html")):
            return set(), f"htmldocs of {directory}: {text[-1500:]}"
        # Pages that name files of sysfs have all files of the kernel about them read.
        return {re.sub(r":\d+:", ":", line) for line in text.splitlines() if BAD.search(line) and
                (not re.search(r" is defined \d+ times", line) or OUR_NAME.search(line))}, None

    def new(self, directory, anew=False):
        found, wrong = self.html(directory, anew)
        if wrong:
            return wrong
        return "\n".join(sorted(found - self.before[directory])[:15]) or None

    def references(self):
        """Pages and comments that name files which are not there; ABI files as they must be."""
        text = ""
        for cmd in (("tools/docs/documentation-file-ref-check",),
                    ("tools/docs/get_abi.py", "--dir", "Documentation/ABI", "validate")):
            done = run(*cmd, cwd=self.src, log=self.log)
            text += "".join(line for line in (done.stdout + done.stderr).splitlines(True)
                            if OUR_NAME.search(line))
        return text[:1500] or None

    def step(self, patch):
        changed, wrong = self.apply(patch)
        for d in self.DIRS:
            if not wrong and any(f.startswith(f"Documentation/{d}/") for f in changed):
                wrong = self.new(d)
                say(f"{d}: {wrong or 'no new warning'}")
        return wrong

    def end(self):
        return self.references() or self.new(self.DIRS[0], True) or self.unsent() or self.planted()

    def unsent(self):
        """The same pages as they are here, with those that are not sent."""
        page = "Documentation/driver-api/virtio/virtio-msg"
        for d in (page, "tools/testing/virtio-msg/examples"):
            shutil.rmtree(os.path.join(self.src, d), ignore_errors=True)
            shutil.copytree(os.path.join(TOP, d), os.path.join(self.src, d))
        wrong = self.new(self.DIRS[0], True)
        say(f"pages that are not sent: {wrong or 'no new warning'}")
        return wrong

    def planted(self):
        page = "Documentation/driver-api/virtio/virtio-msg/overview.rst"
        write(self.src, page, read(os.path.join(self.src, page)) + "\nSee :doc:`no-such-page`.\n")
        wrong = self.new(self.DIRS[0]) or ""
        return None if "no-such-page" in wrong else f"a link to nothing is not found: {wrong}"


def run_proof(proof, patches, base, ours):
    """Apply and build; returns how many steps were good and bad."""
    good = 0
    with open(os.path.join(CACHE, "lock", os.path.basename(proof.dir)), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wrong = proof.begin(base, ours)
        if wrong:
            say(f"FAILED: {wrong}\n(see {proof.log})")
            return 0, 1
        for name, files in patches:
            for f in files:
                start = time.monotonic()
                wrong = proof.step(f)
                if wrong:
                    say(f"FAILED: {name}: {os.path.basename(f)}: {wrong}\n(see {proof.log})")
                    return good, 1
                good += 1
                say(f"applied and built: {name}: {os.path.basename(f)} "
                    f"({time.monotonic() - start:.0f} s)")
        wrong = proof.end()
        if wrong:
            say(f"FAILED: {wrong}\n(see {proof.log})")
            return good, 1
    return good, 0


def piece(name):
    if name == "bindings":
        return Bindings()
    return Pages() if name == "pages" else Built(name)
