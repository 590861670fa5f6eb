// SPDX-License-Identifier: GPL-2.0-only
/*
 * The serial port of the secure world: a PL011
 *
 * What the partition says goes out here, and commands of the bench come in.  One
 * processor at a time prints: all that do hold the partition's lock.
 */
#include "sp.h"

#define UART_DR		0x00
#define UART_FR		0x18
#define UART_LCRH	0x2c
#define UART_CR		0x30
#define UART_IFLS	0x34
#define UART_IMSC	0x38
#define UART_ICR	0x44

#define FR_RXFE		0x10
#define FR_TXFF		0x20
#define LCRH_8N1_FIFO	0x70
#define CR_ON		0x301
#define INT_RX		0x10
#define INT_TIMEOUT	0x40

static void put(char c)
{
	while (REG32(UART_BASE + UART_FR) & FR_TXFF)
		;
	REG32(UART_BASE + UART_DR) = (uint8_t)c;
}

int uart_getc(void)
{
	if (REG32(UART_BASE + UART_FR) & FR_RXFE)
		return -1;
	return REG32(UART_BASE + UART_DR) & 0xff;
}

void uart_init(void)
{
	REG32(UART_BASE + UART_LCRH) = LCRH_8N1_FIFO;
	REG32(UART_BASE + UART_CR) = CR_ON;
	REG32(UART_BASE + UART_IFLS) = 0;
	REG32(UART_BASE + UART_ICR) = 0x7ff;
	REG32(UART_BASE + UART_IMSC) = INT_RX | INT_TIMEOUT;
}

void put_string(const char *s)
{
	while (*s)
		put(*s++);
}

void put_hex(uint64_t v)
{
	unsigned int shift = 64;

	put_string("0x");
	while (shift > 4 && !(v >> (shift - 4)))
		shift -= 4;
	for (; shift; shift -= 4)
		put("0123456789abcdef"[v >> (shift - 4) & 15]);
}

void put_dec(uint64_t v)
{
	char buf[21], *p = buf + sizeof(buf) - 1;

	*p = 0;
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put_string(p);
}

void say(const char *what, uint64_t value)
{
	put_string("sp: ");
	put_string(what);
	put_string(" ");
	put_hex(value);
	put_string("\n");
}

/* An exception that should not be: this processor does no more. */
void fault(uint64_t esr, uint64_t elr, uint64_t far)
{
	say("FAULT, syndrome", esr);
	say("FAULT, at", elr);
	say("FAULT, address", far);
	for (;;)
		__asm__ volatile("wfi");
}
