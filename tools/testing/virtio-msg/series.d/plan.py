# SPDX-License-Identifier: GPL-2.0-only
"""What goes into which patch: the list that tools/testing/virtio-msg/series follows.

A step takes the files of the tree that its patterns match and no earlier pattern of
the list matched; the text of its message is here, too. A file of the driver that no
step takes is an error, so that nothing is left out by accident.
"""

# Never sent: what only older kernels need, and what only the test bench needs.
NOT_SENT = [
    "drivers/virtio/msg/compat/*",
    "drivers/virtio/msg/tests/test_remote.c",
    "Documentation/driver-api/virtio/virtio-msg/device-side.rst",
    "Documentation/driver-api/virtio/virtio-msg/two-systems.rst",
    "Documentation/driver-api/virtio/virtio-msg/testing.rst",
    "Documentation/driver-api/virtio/virtio-msg/tracing.rst",
    "Documentation/driver-api/virtio/virtio-msg/compatibility.rst",
    "Documentation/driver-api/virtio/virtio-msg/maintainer.rst",
]

# Where files of the driver lie; these, and no others, must each be in the list.
ROOTS = [
    "drivers/virtio/msg", "include/linux/virtio_msg.h", "include/uapi/linux/virtio_msg.h",
    "Documentation/driver-api/virtio/virtio-msg", "Documentation/userspace-api/virtio-msg.rst",
    "Documentation/ABI/testing", "Documentation/devicetree/bindings/virtio",
    "tools/testing/selftests/drivers/virtio_msg",
]

# Parts of files that come with a later step than the file: (file, first line, the line
# that ends it and stays, a file of that later step).
CUTS = [
    ("include/uapi/linux/virtio_msg.h", r"^/\*\n \* /dev/virtio-msg: buses whose device",
     r"^#endif /\* _UAPI", "drivers/virtio/msg/transports/user.c"),
    ("include/uapi/linux/virtio_msg.h", r"^#include <linux/ioctl.h>$", r"^#include <linux/types.h>",
     "drivers/virtio/msg/transports/user.c"),
    ("include/linux/virtio_msg.h", r"^/\* Transports whose link is a pair of raw SPSC",
     r"^#endif /\* _LINUX", "drivers/virtio/msg/spsclink.c"),
    *((f"Documentation/driver-api/virtio/virtio-msg/{page}.rst", start, end,
       "drivers/virtio/msg/spsclink.c") for page, start, end in (
        ("writing-a-transport", r"^\* The link is a pair of raw", r"^\* The link is anything"),
        ("writing-a-transport", r"^virtio_msg_spsc_register\(\),", r"^===="),
        ("writing-a-transport", r"\nRaw SPSC queues\n", r"\Z"),
        ("overview", r"^``spsc\.c``", r"^``seglink"),
        ("overview", r"^``spsclink\.c``", r"^``dma"))),
]

# Words that name such a part: (file, text, text without it, a file of the later step).
WORDS = [
    ("include/uapi/linux/virtio_msg.h",
     "of the shared-memory segment, all integers little-endian; and, at the end,\n"
     " * the interface of /dev/virtio-msg.\n",
     "of the shared-memory segment, all integers little-endian.\n",
     "drivers/virtio/msg/transports/user.c"),
    ("include/linux/virtio_msg.h",
     " * A transport whose link is the shared-memory segment, or a pair of raw SPSC\n"
     " * queues, needs even less: see struct virtio_msg_segment_desc and struct\n"
     " * virtio_msg_spsc_desc at the end.\n",
     " * A transport whose link is the shared-memory segment needs even less: see\n"
     " * struct virtio_msg_segment_desc at the end.\n",
     "drivers/virtio/msg/spsclink.c"),
    ("Documentation/driver-api/virtio/virtio-msg/writing-a-transport.rst",
     "There are three ways.", "There are two ways.", "drivers/virtio/msg/spsclink.c"),
]

# What the first page says of names that its readers will not find in the kernel.
NOTE = """
vmsgd and vmsgctl, and all that is called ``tools/testing/virtio-msg/`` on these
pages, are the device side and the test bench of the project that this driver
comes from. They are not a part of the kernel.
"""

# The objects of the core that link by themselves. The others need each other: they are
# named in the Makefile once all of them are there.
ALONE = ["wire.o", "window.o", "segment.o", "spsc.o", "main.o"]
WHOLE = "drivers/virtio/msg/vq.c"


class Step:
    def __init__(self, subject, patterns, text):
        self.subject = subject
        self.patterns = patterns
        self.text = text.strip("\n") + "\n"


MSG = "drivers/virtio/msg/"
DOC = "Documentation/driver-api/virtio/virtio-msg/"
SELF = "tools/testing/selftests/drivers/virtio_msg/"

CORE = [
    Step("virtio-msg: wire formats", [
        "include/uapi/linux/virtio_msg.h", MSG + "wire.[ch]", MSG + "main.c", MSG + "Kconfig",
        MSG + "Makefile"], """
What a virtio driver would read from or write to a register of PCI or MMIO can as
well be a message: to another core, another guest, firmware or a process. Four
revisions of such messages are spoken by device sides that exist; they differ in
header, correlation and payloads.

Begin with the part that knows them: a table with a row for each revision, and
functions that pack, unpack and check every message. It is pure code, without
allocation, lock or device pointer, so that the same file can be fuzzed in user
space. Nothing that a peer sends is trusted: each length is checked against the
bytes that are there before they are used.
"""),
    Step("virtio-msg: a window for rings and buffers", [MSG + "window.[ch]", MSG + "shm.h"], """
The device side seldom sees all of memory. What it does see is a window: memory
of a BAR, a reserved region, pages that were granted. Rings and buffers must lie
in it, so buffers are bounced.

Add the allocator of a window: granules for buffers, taken and given back in
atomic context; pages for rings. What a queue was promised cannot be taken by
another one. A buffer that the device writes is filled with 0xff before, so that
neither stale bytes of the window nor a false success reach a driver, and a slot
that a dead peer may still write stays in quarantine.

Memory that the peer can write is read once, through one family of accessors that
sparse can tell from others.
"""),
    Step("virtio-msg: the shared-memory segment", [MSG + "segment.[ch]"], """
IVSHMEM, a mailbox with reserved memory, and pages granted by Xen have one thing
in common: memory that two sides see, and a doorbell. Its first bytes describe the
layout; there are message rings, notification words and, in an extension of
ours, what a restart of either side needs.

Add the driver side of it as pure code: validation of the layout, the states of
the bring-up, rings and words. Each field that the peer can write is read once,
and checked before it is used.
"""),
    Step("virtio-msg: transactions", [
        "include/linux/virtio_msg.h", MSG + "internal.h", MSG + "fault.h", MSG + "dma.h",
        MSG + "map_ops.h", MSG + "share.h", MSG + "trace.h", MSG + "xfer.c"], """
Add requests that wait for their responses: many at once, answered in any order,
each with an ID of its own where the wire revision has one. A response must match
by ID, device, message and least length; whatever does not is counted and dropped,
so that neither a late nor a forged one completes another request. A transaction
ends exactly once, by its response, a time-out, a signal or the loss of the peer.

Nothing is sent with a lock held. A transport that is full keeps no one waiting:
the frame stays, and is sent when the transport announces space.

The headers describe all of the core, and include/linux/virtio_msg.h is the one a
transport is written against. The file compiles by itself, and links with those
of the next patches.
"""),
    Step("virtio-msg: buffers that are shared where they are", [MSG + "share.c"], """
Some transports can open a single page to the device side and close it again, in
atomic context: a grant of Xen, for one. A buffer then need not be copied into the
window and back.

Settle which of a fixed number of slots has which buffer. The device side sees all of
a slot, so only buffers that fill theirs are shared; all else, and what finds no
slot, goes through the window as before. If the device side does not let go of a page,
the page is kept from being freed, the peer is given up, and nothing is shared on
that bus any more.

A transport without the operations for it has no slots, and nothing changes for it.
"""),
    Step("virtio-msg: buses and devices", [
        MSG + "bus.c", MSG + "device.c", MSG + "debugfs.c", MSG + "sysfs.c", MSG + "quirks.c",
        MSG + "resume.c", "Documentation/ABI/testing/sysfs-class-virtio-msg",
        "Documentation/ABI/testing/debugfs-virtio-msg"], """
A bus is one link to a peer: it finds the peer's devices, registers a virtio
device for each, follows hotplug, and copes with the loss of the peer. What was
queued is then either gone on with by a successor, if both sides can, or given back
to the drivers as errors before the queues break: a driver like virtio_blk would
wait for ever otherwise.

A device that misbehaves is removed and made anew a few times; other devices of
the bus are not touched. Attributes are in sysfs, counters and the transactions
under way in debugfs.
"""),
    Step("virtio-msg: configuration and queues", [
        MSG + "config_ops.c", MSG + "vq.c", MSG + "track.c", MSG + "dma.c", MSG + "fault.c",
        MSG + "map_ops.c", MSG + "vdev_glue.c"], """
Add struct virtio_config_ops over transactions, the virtqueues, and struct
virtio_map_ops, which puts rings and buffers into the window. ACCESS_PLATFORM is
required where there is a window, for without it the virtio core would hand raw
addresses to the peer.

A kick never sleeps, never waits and never fails: it is a bit in a notification
word, or EVENT_AVAIL, of which at most one waits for each queue. A queue's
descriptors are followed from our side, so that what the device did not do can be
given back when it is gone.

With this the core links, and is built.
"""),
    Step("virtio-msg: links that are a segment", [MSG + "seglink.c"], """
Tie the segment to a bus: a transport gives memory and a function that rings the
doorbell, and calls virtio_msg_segment_interrupt() when its own rings. Bring-up,
restart of either side, suspend and the polling that makes a lost interrupt
harmless are done here, for all of them.
"""),
    Step("virtio-msg: IVSHMEM transport", [
        MSG + "transports/ivshmem.c", MSG + "transports/Makefile",
        MSG + "transports/.kunitconfig"], """
The doorbell variant of QEMU's inter-VM shared memory device (PCI 1af4:1110) has
all that a link needs: memory in BAR 2, doorbells with MSI-X vectors, and a peer
ID. The device side is a process of the host, or another guest.

Functions whose memory does not begin with the magic number of a segment are left
to other drivers.
"""),
    Step("virtio-msg: KUnit tests", [
        MSG + "tests/Makefile", MSG + "tests/main_kunit.c", MSG + "tests/bus_kunit.c",
        MSG + "tests/device_kunit.c", MSG + "tests/drain_kunit.c",
        MSG + "tests/fake_transport.[ch]", MSG + "tests/segment_kunit.c",
        MSG + "tests/share_kunit.c",
        MSG + "tests/window_kunit.c", MSG + "tests/wire_kunit.c", MSG + "tests/wire_golden.h",
        MSG + "tests/xfer_kunit.c", MSG + "tests/fault_kunit.c", MSG + ".kunitconfig"], """
Test wire formats against vectors that were written by hand from the
specification; transactions, buses and devices against a transport that plays a
peer by script, well behaved or not; and window and segment by themselves.

  ./tools/testing/kunit/kunit.py run --kunitconfig=drivers/virtio/msg
"""),
    Step("selftests: virtio-msg", [
        SELF + "Makefile", SELF + "config", SELF + "settings", SELF + "lib.sh",
        SELF + "acks_lib.sh", SELF + "reports.awk", SELF + "probe.sh",
        SELF + "io_all.sh", SELF + "wire.sh", SELF + "hotplug.sh", SELF + "restart.sh",
        SELF + "modules.sh", SELF + "window.sh", SELF + "vq_reset.sh", SELF + "suspend.sh",
        SELF + "trace.sh", SELF + "magic.sh", SELF + "ring_kick.sh", SELF + "fault.sh",
        SELF + "resume.sh", SELF + "counts.sh", SELF + "churn.sh", SELF + "crash*.sh",
        SELF + "evil_*.sh", SELF + "rpmsg*"], """
Real drivers on a real bus: probe, I/O that is verified, hotplug, every wire
revision, loss and return of the device side, reset of queues, a window that is
full, suspend, loading and unloading of modules under load, and whether
tracepoints and counters agree.

The tests need a device side at the other end, and a command "host" that
controls it; where there is none they are skipped.
"""),
    Step("Documentation: virtio-msg", [
        DOC + "index.rst", DOC + "overview.rst", DOC + "writing-a-transport.rst",
        DOC + "wire.rst", DOC + "segment.rst", DOC + "locking.rst", DOC + "security.rst",
        DOC + "reliability.rst", DOC + "performance.rst"], """
Describe what the core promises and to whom, the wire revisions byte by byte, the
segment and its bring-up, how a transport is written, which lock guards what, and what
is done against a peer that is hostile, and what is not.
"""),
]

# Series that follow the first one. What a name owns: its objects in
# transports/Makefile, tests, selftests, bindings and pages that carry it.
FOLLOW = {
    "amp_pci": [
        Step("virtio-msg: links that are two raw queues", [MSG + "spsc.[ch]", MSG + "spsclink.c",
             MSG + "tests/spsc_kunit.c"], """
The older public device sides have no segment, only a queue each way in a page of
its own, with one producer and one consumer. Add these as a link of their own,
beside the segment.
"""),
        Step("virtio-msg: AMP PCI transport", [
            MSG + "transports/amp_*.[ch]", MSG + "tests/amp_pci_kunit.c", DOC + "amp-pci.rst",
            SELF + "amp_*"], """
Cards with a processor of their own (PCI 10ee:9038 and 10ee:9039) that serve
virtio devices through FIFOs in a BAR, and reach memory by DMA.
"""),
    ],
    "mbox": [
        Step("dt-bindings: virtio: add a message link over mailboxes", [
            "Documentation/devicetree/bindings/virtio/virtio,msg-mbox.yaml"], """
A remote core that runs firmware can serve virtio devices: through memory that
both see, with mailbox channels as doorbells.
"""),
        Step("virtio-msg: mailbox transport", [
            MSG + "transports/mbox.c", MSG + "tests/mbox_kunit.[ch]", DOC + "amp.rst",
            SELF + "mbox_*"], """
Messages through the shared-memory segment in a reserved-memory region, with
mailbox channels as doorbells, for chips whose other cores run firmware.
"""),
    ],
    "xen": [
        Step("dt-bindings: virtio: add a message link between domains of Xen", [
            "Documentation/devicetree/bindings/virtio/virtio,msg-xen.yaml"], """
Another domain can serve virtio devices through pages that this one grants to it,
with an event channel as doorbell. Where there is neither xenstore nor a toolstack,
as in systems that Xen starts by the device tree alone, a node says which domain
it is, and which grant and which port are meant.
"""),
        Step("virtio-msg: Xen transport", [
            MSG + "transports/xen*.[ch]", MSG + "tests/xen_kunit.c", DOC + "xen.rst"], """
Messages through the shared-memory segment in pages that are granted once, so
that the other domain sees nothing else, with an event channel as doorbell. The
peer is found by the device tree, by module parameters or by xenstore.

Buffers of whole pages are granted where they are, one by one, as long as there are
grants for it. A page whose grant cannot be taken back is never freed.

Everything that asks the hypervisor is in xen_calls.c, so that the rest can be
tested against one that is played.
"""),
        Step("selftests: virtio-msg: Xen", [SELF + "xen_*"], """
I/O, hotplug, and the loss and return of the device side between two domains of one
Xen, by device tree and by xenstore, and a count of the grants that are left.
"""),
    ],
    "ffa": [
        Step("virtio-msg: FF-A transport", [
            MSG + "transports/ffa*.[ch]", MSG + "tests/ffa_*", DOC + "ffa.rst"], """
A partition of the secure world, or of a hypervisor, can serve virtio devices
through Arm's Firmware Framework: requests are direct messages, whose response
comes with their return, or indirect ones; events come by notifications. One window
of memory is shared with each partition that says by its UUID that it
speaks virtio-msg, and nothing else.

A partition that is busy is asked again, one that does not give the memory back
keeps it: such pages are not freed.
"""),
        Step("selftests: virtio-msg: FF-A", [SELF + "ffa_*"], """
Devices of a partition below two partition managers: I/O, hotplug, every wire
revision and mode, and a partition that is reset, silent, busy, talks nonsense or
refuses to give memory back.
"""),
    ],
}

# Always the last one: an interface for user space is for ever.
USER = [
    Step("virtio-msg: /dev/virtio-msg", [
        MSG + "transports/user*.[ch]", MSG + "tests/user_kunit.c",
        "Documentation/userspace-api/virtio-msg.rst", "Documentation/ABI/testing/dev-virtio-msg"],
         """
A process of this kernel as the device side: frames by read() and write(), rings
and buffers in a sealed memory file that it maps, kicks by eventfd. When it
dies, whatever it owed ends at once, and a successor may take its devices over.
"""),
    Step("selftests: virtio-msg: /dev/virtio-msg", [SELF + "user_*"], """
Every ioctl with every argument that makes no sense, two fuzzers, I/O, and a
device side that is killed and replaced under load.
"""),
]
