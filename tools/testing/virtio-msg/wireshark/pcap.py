# SPDX-License-Identifier: GPL-2.0-only
"""Make captures of virtio-msg for tests: packets as "vmsgctl capture" writes them."""

import os
import re
import struct

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../..")
GOLDEN = os.path.join(TOP, "drivers/virtio/msg/tests/wire_golden.h")

WIRES = ["rfc2", "v1", "v2", "xid32"]
FRAME, QUEUE, STATE, END = range(4)
TO_DEVICE, TO_DRIVER, NONE = range(3)


def head(kind=FRAME, direction=TO_DEVICE, wire=3, bus=0, ret=0, length=0, took=0,
         cut=0, version=1, head_len=24):
    """The header of a packet, see tracing.rst."""
    return struct.pack("<BBBBBBHIiII", version, head_len, kind, direction, wire, cut, 0,
                       bus, ret, length, took)


def packet(frame, **kw):
    """A packet with a frame, or with what is in its place."""
    kw.setdefault("length", len(frame))
    return head(**kw) + frame


class Writer:
    """A pcapng file with one interface, a packet every 100 us."""

    def __init__(self, path):
        self.out = open(path, "wb")
        self.time = 1_000_000_000
        self._block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
        # if_tsresol is 9: nanoseconds.
        self._block(1, struct.pack("<HHI", 147, 0, 0) +
                    struct.pack("<HHB3x", 9, 1, 9) + struct.pack("<HH", 0, 0))

    def _block(self, kind, body):
        body += b"\0" * (-len(body) % 4)
        self.out.write(struct.pack("<II", kind, len(body) + 12) + body +
                       struct.pack("<I", len(body) + 12))

    def packet(self, data, after_us=100):
        self.time += after_us * 1000
        self._block(6, struct.pack("<IIIII", 0, self.time >> 32, self.time & 0xffffffff,
                                   len(data), len(data)) + data)

    def close(self):
        self.out.close()


def vectors():
    """The golden vectors of KUnit: {name: [frame of each wire revision]}."""
    with open(GOLDEN) as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    found = {}
    for name, body in re.findall(
            r"struct vmsg_golden golden_(\w+)\[\] = \{(.*?)\n\};", text, re.S):
        frames = [None] * 4
        for wire, size, data in re.findall(
                r"\[VIRTIO_MSG_WIRE_(\w+)\] = \{ (\d+), \{(.*?)\} \}", body, re.S):
            frame = bytes(int(b, 16) for b in re.findall(r"0x[0-9a-f]{2}", data))
            assert len(frame) == int(size), f"golden_{name}: {wire}"
            frames[WIRES.index(wire.lower())] = frame
        found[name] = frames
    assert len(found) >= 30 and all(None not in f for f in found.values()), found.keys()
    return found


def set_xid(frame, wire, xid):
    """A frame with another transaction ID, where its revision has one."""
    frame = bytearray(frame)
    if wire in (1, 2):
        struct.pack_into("<H", frame, 4, xid & 0xffff)
    elif wire == 3:
        struct.pack_into("<I", frame, 8, xid)
    return bytes(frame)
