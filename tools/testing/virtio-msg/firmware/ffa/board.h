/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The board: QEMU's "virt" machine with a secure world and a GICv3
 *
 * tools/testing/virtio-msg/guest_ffa.py reads the lines of this file that begin
 * with "#define", so that each number stands here alone.
 */
#ifndef BOARD_H
#define BOARD_H

/* Where Trusted Firmware-A starts the kernel, and where its initramfs lies. */
#define KERNEL_BASE	0x60000000
#define INITRD_BASE	0x70000000

/* Memory that only the secure world sees; from here on, all is the partition's. */
#define FW_BASE		0x0e100000
#define FW_SIZE		0x00600000
#define DISK_BASE	0x0e700000
#define DISK_SIZE	0x00800000

/* The second serial port, of the secure world: log and commands of the bench. */
#define UART_BASE	0x09040000
#define UART_IRQ	40

#define GICD_BASE	0x08000000
#define GICR_BASE	0x080a0000
#define GICR_STRIDE	0x00020000

/* The secure EL2 timer of a core. */
#define TIMER_IRQ	20
/* Tells Linux to look for notifications; not one of those that it uses itself. */
#define SRI_IRQ		8

/* Processors that may enter; QEMU counts them in the lowest affinity field. */
#define MAX_CPUS	8

/* Virtual addresses at which shared areas appear, each in a slot of its own. */
#define AREA_VA		0x80000000
#define AREA_SLOT_SIZE	0x04000000
#define AREA_SLOTS	8
/* Behind them: the message buffers that the partition manager shares with Linux. */
#define RXTX_VA		0xa0000000
#define RXTX_PAGES	16

/* Endpoints */
#define SPMC_ID		0x8000
#define PARTITION_ID	0x8001

#endif /* BOARD_H */
