#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The device tree of an AMP guest.

QEMU's own tree, in source form, less one processor, plus what the firmware's
board.h says: the carve-outs, the remote core with its mailbox, the links.
"""

import os
import re
import sys

BOARD = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     "firmware/amp/board.h")
SPI = 32        # the device tree counts shared interrupts from here

TREE = """
	reserved-memory {{
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
{regions}	}};

	remote_core: remote-core {{
		compatible = "virtio-msg-test,remote";
		memory-region = <&mem_fw>, <&mem_control>;
		cpu = <{cpu}>;
		interrupts = {interrupts};
		#mbox-cells = <1>;
	}};
{links}}};
"""

REGION = """
		mem_{name}: {name}@{base:x} {{
			reg = <0x0 0x{base:x} 0x0 0x{size:x}>;
			no-map;
		}};
"""

LINK = """
	virtio-msg-{n} {{
		compatible = "virtio,msg-mbox";
		memory-region = <&mem_link{n}>;
		mboxes = <&remote_core {tx}>, <&remote_core {rx}>;
		mbox-names = "tx", "rx";
		{coherent};
	}};
"""


def board(path=BOARD):
    """The numbers of a board.h."""
    out = {}
    with open(path) as f:
        for line in f:
            m = re.match(r"#define\s+(\w+)\s+(0x[0-9a-fA-F]+|\d+)\b", line)
            if m:
                out[m[1]] = int(m[2], 0)
    return out


def patch(dts, cpu):
    """The source of QEMU's tree with processor number @cpu as remote core."""
    b = board()
    dts, n = re.subn(r"\n\t\tcpu@%x \{.*?\n\t\t\};\n" % cpu, "\n", dts, flags=re.S)
    if n != 1:
        raise ValueError(f"the device tree has no processor {cpu}")
    # It names the processor that is gone.
    dts = re.sub(r"\n\t\tcpu-map \{.*?\n\t\t\};\n", "\n", dts, flags=re.S)
    v2m = 'compatible = "arm,gic-v2m-frame";'
    if v2m not in dts:
        raise ValueError("the device tree has no GICv2m frame")
    dts = dts.replace(v2m, f"{v2m}\n\t\t\tarm,msi-base-spi = <{b['MSI_BASE']}>;"
                           f"\n\t\t\tarm,msi-num-spis = <{b['MSI_COUNT']}>;")

    names = [k[:-5] for k in b if k.endswith("_BASE") and k[:-5] + "_SIZE" in b]
    regions = "".join(REGION.format(name=k.lower(), base=b[k + "_BASE"],
                                    size=b[k + "_SIZE"]) for k in names)
    nlinks = sum(1 for k in b if re.fullmatch(r"LINK\d+_DOORBELL", k))
    irqs, links = [], ""
    for n in range(nlinks):
        irqs += [b[f"LINK{n}_DOORBELL"], b[f"LINK{n}_ANSWER"]]
        links += LINK.format(n=n, tx=2 * n, rx=2 * n + 1, coherent="dma-coherent"
                             if b[f"LINK{n}_COHERENT"] else "dma-noncoherent")
    irqs += [b["COMMAND_IRQ"], b["DIED_IRQ"]]
    # Shared, this one, rising edge
    interrupts = ", ".join(f"<0 {i - SPI} 1>" for i in irqs)
    end = dts.rstrip().rindex("};")
    return dts[:end] + TREE.format(regions=regions, cpu=cpu, interrupts=interrupts,
                                   links=links)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit("usage: amp_dt.py CPU <QEMU-DTS; CPU is the processor that Linux does not get")
    sys.stdout.write(patch(sys.stdin.read(), int(sys.argv[1])))
