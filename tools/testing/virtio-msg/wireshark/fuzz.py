#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write a capture of frames that make no sense, or nearly some.

usage: fuzz.py SEED COUNT FILE
"""

import random
import struct
import sys

sys.dont_write_bytecode = True
import pcap  # noqa: E402


def numbers(r):
    """A number that somebody may forget to check."""
    return r.choice([0, 1, 2, 3, 5, 7, 11, 12, 0x7f, 0xff, 0x100, 0x7fff, 0x8000, 0xffff,
                     0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff, r.getrandbits(32)])


def mutate(r, frame):
    frame = bytearray(frame)
    for _ in range(r.choice([0, 1, 1, 2, 3])):
        how = r.randrange(6)
        if how == 0 and frame:
            frame[r.randrange(len(frame))] ^= 1 << r.randrange(8)
        elif how == 1:
            del frame[r.randrange(len(frame) + 1):]
        elif how == 2:
            frame += r.randbytes(r.choice([1, 2, 3, 4, 7, 40, 1000]))
        elif how == 3 and len(frame) >= 4:
            struct.pack_into("<I", frame, r.randrange(len(frame) - 3), numbers(r))
        elif how == 4 and len(frame) >= 2:
            struct.pack_into("<H", frame, r.randrange(len(frame) - 1), numbers(r) & 0xffff)
        elif how == 5 and len(frame) >= 8:
            # The header: that what follows is looked at, too.
            at = r.choice([4, 6])
            struct.pack_into("<H", frame, at, len(frame))
    return bytes(frame)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.split("\n\n")[1])
    r, out = random.Random(int(sys.argv[1])), pcap.Writer(sys.argv[3])
    vectors = list(pcap.vectors().values())
    for _ in range(int(sys.argv[2])):
        wire = r.randrange(4)
        frame = r.choice(vectors)[wire]
        how = r.randrange(10)
        if how == 0:
            frame = r.randbytes(r.choice([0, 1, 3, 6, 8, 12, 20, 64, 200]))
        elif how == 1:
            wire = r.randrange(256)
        elif how == 2:
            frame = bytes([r.randrange(4), r.randrange(256)]) + frame[2:]
        else:
            frame = mutate(r, frame)
        kind = pcap.FRAME if r.random() < 0.9 else r.randrange(6)
        data = pcap.packet(frame, wire=wire, kind=kind, direction=r.choice([0, 1, 1, 2, 9]),
                           bus=r.choice([0, 0, 1, 0xffffffff]), took=numbers(r),
                           ret=r.choice([0, 0, 0, 0, -11, -74, -(1 << 31), 5]),
                           cut=r.choice([0, 0, 0, 1, 255]))
        if r.random() < 0.05:
            data = mutate(r, data)
        if r.random() < 0.02:
            data = data[:r.randrange(30)]
        out.packet(data, after_us=r.choice([0, 1, 100, 10_000_000]))
    out.close()


main()
