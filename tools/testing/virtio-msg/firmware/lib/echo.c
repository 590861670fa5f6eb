// SPDX-License-Identifier: GPL-2.0-only
/*
 * A console that sends back what it is sent
 */
#include "echo.h"

#define ECHO_SIZE	4096	/* a power of two */

/* What was printed and is to be sent back; indices run on, and wrap. */
static uint8_t echo[ECHO_SIZE];
static uint32_t echo_in, echo_out;

static void echo_more(struct vmsg_console *con)
{
	while (echo_out != echo_in) {
		uint32_t at = echo_out % ECHO_SIZE, n = echo_in - echo_out, took;

		if (n > ECHO_SIZE - at)
			n = ECHO_SIZE - at;
		took = vmsg_console_input(con, echo + at, n);
		echo_out += took;
		if (took < n)
			return;
	}
}

static uint32_t console_write(struct vmsg_console *con, const uint8_t *buf, uint32_t len)
{
	uint32_t n = 0;

	while (n < len && echo_in - echo_out < ECHO_SIZE)
		echo[echo_in++ % ECHO_SIZE] = buf[n++];
	echo_more(con);
	return n;
}

static void console_restart(struct vmsg_console *con, bool running)
{
	if (!running) {
		echo_out = echo_in;
		return;
	}
	echo_more(con);
	if (echo_in - echo_out < ECHO_SIZE)
		vmsg_console_resume(con);
}

void echo_init(struct vmsg_console *con)
{
	vmsg_console_init(con);
	con->write = console_write;
	con->restart = console_restart;
}
