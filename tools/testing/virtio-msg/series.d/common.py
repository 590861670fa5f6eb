# SPDX-License-Identifier: GPL-2.0-only
"""What tools/testing/virtio-msg/series and its proofs share."""

import os
import signal
import subprocess
import sys

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(BENCH)))
CACHE = os.environ.get("VIRTIO_MSG_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "virtio-msg")
MSG = "drivers/virtio/msg/"
# Files of the kernel that patches change.
UPSTREAM = [
    "MAINTAINERS", "drivers/virtio/Kconfig", "drivers/virtio/Makefile",
    "Documentation/driver-api/virtio/index.rst", "Documentation/userspace-api/index.rst",
    "Documentation/userspace-api/ioctl/ioctl-number.rst", "tools/testing/selftests/Makefile",
]


def say(text):
    print(f"series: {text}", file=sys.stderr, flush=True)


class SeriesError(Exception):
    """Something does not fit together; the text says what."""


def run(*cmd, cwd=None, log=None, env=None):
    """In a group of its own, so that nothing of it is left if this is interrupted."""
    with subprocess.Popen(cmd, cwd=cwd, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, **(env or {})}, start_new_session=True) as p:
        try:
            out, err = p.communicate()
        except BaseException:
            os.killpg(p.pid, signal.SIGKILL)
            raise
    done = subprocess.CompletedProcess(cmd, p.returncode, out, err)
    if log:
        with open(log, "a") as f:
            f.write(f"$ {' '.join(cmd)}\n{done.stdout}{done.stderr}")
    return done


def must(*cmd, **kw):
    done = run(*cmd, **kw)
    if done.returncode:
        raise SeriesError(f"{' '.join(cmd)}: status {done.returncode}\n"
                          f"{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def read(path):
    with open(path) as f:
        return f.read()


def write(root, path, text, mode=0o644):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    if os.path.exists(full):
        os.unlink(full)
    with open(full, "w") as f:
        f.write(text)
    os.chmod(full, mode)
