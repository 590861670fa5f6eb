/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The board: what the device tree tells Linux, firmware knows by heart
 *
 * QEMU's "virt" machine with a GICv2.  tools/testing/virtio-msg/amp_dt.py reads
 * the lines of this file that begin with "#define", and makes the device tree of
 * them: so this is the one place for these numbers.
 */
#ifndef BOARD_H
#define BOARD_H

/* Memory of the firmware: code, data, stack.  One block of the page tables. */
#define FW_BASE		0x70000000
#define FW_SIZE		0x00200000
/* The control block, shared with whoever starts us; cached by nobody. */
#define CONTROL_BASE	0x70200000
#define CONTROL_SIZE	0x00200000
/* The segment of each link. */
#define LINK0_BASE	0x70400000
#define LINK0_SIZE	0x00400000
#define LINK0_COHERENT	1
#define LINK1_BASE	0x70800000
#define LINK1_SIZE	0x00200000
#define LINK1_COHERENT	0
/* What outlives a restart: the disk, and behind it the EEPROM. */
#define DISK_BASE	0x71000000
#define DISK_SIZE	0x01000000
#define NVRAM_BASE	0x72000000
#define NVRAM_SIZE	0x00200000

/*
 * Interrupts, as the distributor counts them.  Those to us stand in sixteen of
 * their own, because their trigger is set in a register that sixteen share.
 */
#define LINK0_DOORBELL	112	/* to us */
#define LINK1_DOORBELL	113
#define COMMAND_IRQ	114
#define LINK0_ANSWER	128	/* from us */
#define LINK1_ANSWER	129
#define DIED_IRQ	130

/* Left to the PCI host's message interrupts: the rest of QEMU's GICv2m frame. */
#define MSI_BASE	80
#define MSI_COUNT	32

#define GICD_BASE	0x08000000
#define GICC_BASE	0x08010000
/* The virtual timer's interrupt of this core. */
#define TIMER_IRQ	27

#endif /* BOARD_H */
