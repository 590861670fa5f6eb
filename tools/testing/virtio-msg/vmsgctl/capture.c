// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl capture: what goes over the buses, into a pcapng file
 *
 * Each packet has a header of ours before its data, for the tracepoints tell
 * more than the bytes of a frame. It is described in tracing.rst.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "events.h"
#include "fs.h"
#include "order.h"
#include "pcapng.h"
#include "vmsgctl.h"

#define HEAD_VERSION	1
#define HEAD_LEN	24
#define HEAD_F_CUT	0x01

static struct {
	FILE *f;
	uint32_t *buses;	/* interface i of the file is bus buses[i] */
	uint32_t num_buses;
	long written;
	uint64_t wall;		/* realtime minus monotonic */
	int err;		/* of the file */
} cap;

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

/* What stands in place of a frame where there is none. */
static uint32_t body(const struct ev *ev, uint8_t *b)
{
	switch (ev->kind) {
	case EV_QUEUE:
		put16(b, ev->dev);
		put16(b + 2, ev->vq);
		return 4;
	case EV_STATE:
		b[0] = ev->from;
		b[1] = ev->to;
		return 2;
	case EV_END:
		b[0] = ev->type;
		b[1] = ev->msg_id;
		put16(b + 2, ev->dev);
		put32(b + 4, ev->xid);
		put64(b + 8, ev->age);
		return 16;
	default:
		return 0;
	}
}

static int interface_of(uint32_t bus, uint32_t *i)
{
	char name[32], text[80], *transport;

	for (*i = 0; *i < cap.num_buses; (*i)++)
		if (cap.buses[*i] == bus)
			return 0;
	cap.buses = xrealloc(cap.buses, (cap.num_buses + 1) * sizeof(*cap.buses));
	cap.buses[cap.num_buses++] = bus;
	snprintf(name, sizeof(name), "virtio-msg%u", bus);
	transport = fs_read_or("?", "/sys/class/virtio-msg/%s/transport", name);
	snprintf(text, sizeof(text), "virtio-msg bus over %s", transport);
	free(transport);
	return pcapng_interface(cap.f, name, text);
}

/* False once there is enough, or the file cannot be written. */
static bool packet(const struct ev *ev)
{
	uint32_t len = ev->data_len, orig_len = ev->len, i;
	const void *data = ev->data;
	uint8_t b[16], head[HEAD_LEN] = {
		HEAD_VERSION, HEAD_LEN, (uint8_t)ev->kind, (uint8_t)ev->dir, ev->wire,
	};

	if (ev->kind != EV_FRAME) {
		len = orig_len = body(ev, b);
		data = b;
	}
	if (len > orig_len)
		len = orig_len;
	head[5] = len < orig_len ? HEAD_F_CUT : 0;
	put32(head + 8, ev->bus);
	put32(head + 12, (uint32_t)ev->result);
	put32(head + 16, orig_len);
	put32(head + 20, ev->took);
	if (interface_of(ev->bus, &i) ||
	    pcapng_packet(cap.f, i, ev->ns + cap.wall,
			  ev->dir == DIR_TO_DEVICE ? PCAP_OUT :
			  ev->dir == DIR_TO_DRIVER ? PCAP_IN : PCAP_UNKNOWN,
			  head, HEAD_LEN, data, len, orig_len)) {
		cap.err = errno;
		return false;
	}
	cap.written++;
	return !opt.count || cap.written < opt.count;
}

static uint64_t realtime_minus_monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec - mono_ns();
}

static FILE *output(void)
{
	FILE *f;

	if (strcmp(opt.write, "-")) {
		f = fopen(opt.write, "w");
		if (!f)
			die("%s: cannot be written: %m", opt.write);
		return f;
	}
	if (isatty(STDOUT_FILENO))
		die("stdout is a terminal, a pcapng file is not for one; say -w FILE, or pipe it into wireshark -k -i -");
	return stdout;
}

/* Who reads a live capture wants to see it. */
static bool again(void)
{
	/* Of a pipe: it may be long until a packet comes and tells us by EPIPE. */
	struct pollfd p = { .fd = fileno(cap.f) };

	if (fflush(cap.f)) {
		cap.err = errno;
		return false;
	}
	return !(poll(&p, 1, 0) > 0 && (p.revents & POLLERR));
}

/**
 * cmd_capture() - write a capture until it is long enough or we are told to stop
 *
 * Return: the exit status.
 */
int cmd_capture(void)
{
	struct events *e = events_open(opt.bus, opt.words, opt.buffer_kb);
	uint64_t lost;
	bool good;

	cap.f = output();
	cap.wall = realtime_minus_monotonic();
	/* At once: a reader may wait for the beginning. */
	if (pcapng_begin(cap.f, "vmsgctl") || fflush(cap.f))
		die("%s: cannot be written: %m", opt.write);
	good = order_run(e, packet, again);
	if (!cap.err && fflush(cap.f))
		cap.err = errno;
	lost = events_lost(e);
	events_close(e);
	/* Nobody wants more. */
	if (cap.err == EPIPE)
		return 0;
	if (cap.err)
		die("%s: cannot be written: %s; %ld packets are there", opt.write,
		    strerror(cap.err), cap.written);
	complain("%ld packets of %u buses, %llu events lost%s", cap.written, cap.num_buses,
		 (unsigned long long)lost, lost ? "; give more --buffer" : "");
	return !good;
}
