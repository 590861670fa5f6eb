/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first instructions, and the exception vectors
 *
 * PSCI starts this core in EL1 with everything off: no MMU, no caches, and
 * interrupts masked.  Whoever loaded the firmware has cleared .bss, too.
 */
	.section .text.start, "ax"
	.globl	_start
_start:
	adrp	x0, __stack_top
	mov	sp, x0
	adr	x0, vectors
	msr	vbar_el1, x0
	isb
	bl	main
	/* main() turns the core off. */
1:	wfi
	b	1b

	/*
	 * Interrupts are taken on the one stack.  The C code uses general
	 * registers only, so these are all that can be lost.
	 */
	.macro	entry handler
	.balign	0x80
	sub	sp, sp, #192
	stp	x0, x1, [sp]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x29, [sp, #144]
	str	x30, [sp, #160]
	bl	\handler
	b	leave
	.endm

leave:
	ldp	x0, x1, [sp]
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x29, [sp, #144]
	ldr	x30, [sp, #160]
	add	sp, sp, #192
	eret

	/* Synchronous, IRQ, FIQ, SError; from EL1 with its own stack: the second four. */
	.balign	0x800
vectors:
	.rept	4
	entry	fault
	.endr
	entry	fault
	entry	interrupt
	entry	fault
	entry	fault
	.rept	8
	entry	fault
	.endr
