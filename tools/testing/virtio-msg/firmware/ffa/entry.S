/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first instructions, exception vectors, and the way out: SMC
 *
 * Every processor enters here, at S-EL1 or S-EL2, with the MMU off and all
 * interrupts masked; they stay masked.  The first one to come clears .bss.  The
 * others come later, when Linux turns them on, so no two do it at once.
 */
#include "board.h"

#define STACK_SHIFT	14

	.section .text.start, "ax"
	.globl	_start
_start:
	mrs	x20, mpidr_el1
	and	x20, x20, #0xff
	cmp	x20, #MAX_CPUS
	b.hs	halt
	adrp	x3, entered
	add	x3, x3, :lo12:entered
	ldr	x21, [x3]
	cbnz	x21, 2f
	mov	x4, #1
	str	x4, [x3]
	adrp	x1, __bss_start
	add	x1, x1, :lo12:__bss_start
	adrp	x2, __bss_end
	add	x2, x2, :lo12:__bss_end
1:	cmp	x1, x2
	b.hs	2f
	stp	xzr, xzr, [x1], #16
	b	1b
2:	adrp	x1, stacks
	add	x1, x1, :lo12:stacks
	add	x2, x20, #1
	add	x1, x1, x2, lsl #STACK_SHIFT
	mov	sp, x1
	adr	x1, vectors
	mrs	x2, CurrentEL
	cmp	x2, #8
	b.eq	3f
	msr	vbar_el1, x1
	b	4f
3:	msr	vbar_el2, x1
4:	isb
	mov	w0, w20
	cmp	x21, #0
	cset	w1, eq
	bl	main
halt:	wfi
	b	halt

	/* void ffa_smc(struct ffa_regs *r): call, and take what comes back */
	.globl	ffa_smc
ffa_smc:
	stp	x29, x30, [sp, #-32]!
	str	x0, [sp, #16]
	mov	x18, x0
	ldp	x0, x1, [x18]
	ldp	x2, x3, [x18, #16]
	ldp	x4, x5, [x18, #32]
	ldp	x6, x7, [x18, #48]
	ldp	x8, x9, [x18, #64]
	ldp	x10, x11, [x18, #80]
	ldp	x12, x13, [x18, #96]
	ldp	x14, x15, [x18, #112]
	ldp	x16, x17, [x18, #128]
	smc	#0
	ldr	x18, [sp, #16]
	stp	x0, x1, [x18]
	stp	x2, x3, [x18, #16]
	stp	x4, x5, [x18, #32]
	stp	x6, x7, [x18, #48]
	stp	x8, x9, [x18, #64]
	stp	x10, x11, [x18, #80]
	stp	x12, x13, [x18, #96]
	stp	x14, x15, [x18, #112]
	stp	x16, x17, [x18, #128]
	ldp	x29, x30, [sp], #32
	ret

	/* No exception should ever be: say what it was. */
	.balign	2048
vectors:
	.rept	16
	.balign	128
	b	1f
	.endr
1:	mrs	x3, CurrentEL
	cmp	x3, #8
	b.eq	2f
	mrs	x0, esr_el1
	mrs	x1, elr_el1
	mrs	x2, far_el1
	b	fault
2:	mrs	x0, esr_el2
	mrs	x1, elr_el2
	mrs	x2, far_el2
	b	fault

	.data
	.balign	8
entered:
	.quad	0

	.section .stacks, "aw", @nobits
	.balign	16
stacks:	.space	MAX_CPUS << STACK_SHIFT
