#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write a capture of every message of one wire revision, out of the golden vectors.

usage: vectors.py rfc2|v1|v2|xid32 FILE
"""

import struct
import sys

sys.dont_write_bytecode = True
import pcap  # noqa: E402


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in pcap.WIRES:
        sys.exit(__doc__.split("\n\n")[1])
    wire, out = pcap.WIRES.index(sys.argv[1]), pcap.Writer(sys.argv[2])
    frames = {name: f[wire] for name, f in pcap.vectors().items()}

    def state(a, b):
        out.packet(pcap.packet(bytes([a, b]), kind=pcap.STATE, direction=pcap.NONE, wire=0))

    def send(frame, **kw):
        out.packet(pcap.packet(frame, wire=wire, **kw))

    state(1, 2)
    xid = 0xdeadbeef
    for name, request in frames.items():
        if not name.startswith("req_"):
            continue
        send(pcap.set_xid(request, wire, xid), took=1500)
        # The vectors' own ID is that of the response.
        send(frames["rsp_" + name[4:]], direction=pcap.TO_DRIVER)
    send(frames["evt_avail"])
    for name in ("evt_config", "evt_used", "evt_device"):
        send(frames[name], direction=pcap.TO_DRIVER)
    out.packet(pcap.packet(struct.pack("<HH", 0x1234, 3), kind=pcap.QUEUE, wire=0))
    out.packet(pcap.packet(struct.pack("<HH", 0x1234, 3), kind=pcap.QUEUE, wire=0,
                           direction=pcap.TO_DRIVER))

    # A transport that is full; then one is sent and its answer does not come.
    status = frames["req_get_status"]
    send(pcap.set_xid(status, wire, 0x1001), ret=-11)
    send(pcap.set_xid(status, wire, 0x1001))
    out.packet(pcap.packet(struct.pack("<BBHIQ", 0, 7, 0x1234, 0x1001 if wire else 0,
                                       5_000_000_000),
                           kind=pcap.END, direction=pcap.NONE, wire=0, ret=-110))
    # It comes late.
    send(pcap.set_xid(frames["rsp_get_status"], wire, 0x1001), direction=pcap.TO_DRIVER)
    # A slot that is longer than its message; two in flight, answered the other way
    # round where there are IDs; a PING of the device side.
    send(pcap.set_xid(frames["req_ping"], wire, 0x1002) + bytes(10))
    send(pcap.set_xid(status, wire, 0x1003))
    send(pcap.set_xid(frames["rsp_get_status"], wire, 0x1003), direction=pcap.TO_DRIVER)
    send(pcap.set_xid(frames["rsp_ping"], wire, 0x1002) + bytes(10), direction=pcap.TO_DRIVER)
    send(pcap.set_xid(frames["req_ping"], wire, 0x1002), direction=pcap.TO_DRIVER)
    send(pcap.set_xid(frames["rsp_ping"], wire, 0x1002))

    # What is wrong: too short for a header, a size that lies, a refusal, a payload
    # that is cut off, data that is not there, and a peer that is lost.
    send(frames["rsp_ping"][:5], direction=pcap.TO_DRIVER, ret=-74)
    long = bytearray(frames["rsp_ping"])
    struct.pack_into("<H", long, 6 if wire in (1, 2) else 4, 0xffff)
    send(bytes(long), direction=pcap.TO_DRIVER, ret=-74)
    send(pcap.set_xid(status, wire, 0x1004))
    hdr = {0: 6, 1: 8, 2: 8, 3: 12}[wire]
    refusal = bytearray(pcap.set_xid(frames["rsp_get_status"], wire, 0x1004)[:hdr])
    struct.pack_into("<H", refusal, 6 if wire in (1, 2) else 4, hdr)
    if wire == 3:
        struct.pack_into("<H", refusal, 6, 1)
    send(bytes(refusal), direction=pcap.TO_DRIVER)
    send(pcap.set_xid(frames["req_get_vq"], wire, 0x1005))
    short = bytearray(pcap.set_xid(frames["rsp_get_vq"], wire, 0x1005)[:-6])
    struct.pack_into("<H", short, 6 if wire in (1, 2) else 4, len(short))
    send(bytes(short), direction=pcap.TO_DRIVER)
    send(pcap.set_xid(status, wire, 0x1006))
    state(2, 5)
    out.packet(pcap.packet(frames["evt_used"], wire=4, direction=pcap.TO_DRIVER, ret=-74))
    out.close()


main()
