// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl trace: what goes over the buses, a line each
 */
#include <stdio.h>
#include <string.h>

#include "events.h"
#include "json.h"
#include "order.h"
#include "vmsgctl.h"

static const char * const device_msgs[] = {
	[0x02] = "GET_DEVICE_INFO", [0x03] = "GET_DEVICE_FEATURES",
	[0x04] = "SET_DRIVER_FEATURES", [0x05] = "GET_CONFIG", [0x06] = "SET_CONFIG",
	[0x07] = "GET_DEVICE_STATUS", [0x08] = "SET_DEVICE_STATUS", [0x09] = "GET_VQUEUE",
	[0x0a] = "SET_VQUEUE", [0x0b] = "RESET_VQUEUE", [0x0c] = "GET_SHM",
	[0x40] = "EVENT_CONFIG", [0x41] = "EVENT_AVAIL", [0x42] = "EVENT_USED",
};

static const char * const bus_msgs[] = {
	[0x02] = "GET_DEVICES", [0x03] = "PING", [0x40] = "EVENT_DEVICE",
};

static const char * const states[] = {
	"new", "waiting", "running", "suspended", "away", "lost", "dead", "stopped",
};

static const char * const wires[] = { "rfc2", "v1", "v2", "xid32" };

static const char * const refusals[] = {
	"ok", "no such device", "unknown message", "bad argument", "wrong state", "busy",
};

static const char *pick(const char * const *table, size_t num, unsigned int i,
			const char *other)
{
	return i < num && table[i] ? table[i] : other;
}

#define N(table)	(sizeof(table) / sizeof((table)[0]))

static uint64_t first;
static long shown;

static const char *message(uint8_t type, uint8_t id, char *buf, size_t size)
{
	snprintf(buf, size, "message %#x", id);
	if (type & 0x02)
		return pick(bus_msgs, N(bus_msgs), id, buf);
	return pick(device_msgs, N(device_msgs), id, buf);
}

static void hex(const struct ev *ev, char *buf, size_t size)
{
	const uint8_t *p = ev->data;
	uint32_t i;

	buf[0] = 0;
	for (i = 0; i < ev->data_len && 2 * i + 3 <= size; i++)
		snprintf(buf + 2 * i, 3, "%02x", p[i]);
}

static void json_line(const struct ev *ev)
{
	static const char * const kinds[] = { "frame", "word", "state", "end" };
	char buf[2 * 1024 + 1], name[24];

	json_object(NULL);
	json_number("ns", (long long)ev->ns);
	json_number("bus", ev->bus);
	json_string("kind", kinds[ev->kind]);
	if (ev->dir != DIR_NONE)
		json_string("to", ev->dir == DIR_TO_DEVICE ? "device" : "driver");
	if (ev->kind == EV_STATE) {
		json_string("from", pick(states, N(states), ev->from, "?"));
		json_string("state", pick(states, N(states), ev->to, "?"));
	}
	if ((ev->kind == EV_FRAME && ev->header) || ev->kind == EV_END) {
		json_string("message", message(ev->type, ev->msg_id, name, sizeof(name)));
		json_bool("response", ev->type & 0x01);
		json_number("xid", ev->xid);
	}
	if (ev->kind == EV_QUEUE || ev->kind == EV_END || (ev->kind == EV_FRAME && ev->header))
		json_number("device", ev->dev);
	if (ev->kind == EV_QUEUE)
		json_number("queue", ev->vq);
	if (ev->kind == EV_END)
		json_number("age_ns", (long long)ev->age);
	if (ev->kind == EV_FRAME) {
		json_string("wire", pick(wires, N(wires), ev->wire, "?"));
		json_number("refusal", ev->refusal);
		json_number("took_ns", ev->took);
		json_number("length", ev->len);
		hex(ev, buf, sizeof(buf));
		json_string("frame", buf);
	}
	if (ev->kind == EV_FRAME || ev->kind == EV_END)
		json_number("result", ev->result);
	json_end();
}

static void print_frame(const struct ev *ev)
{
	char name[24], bytes[2 * 64 + 1];

	hex(ev, bytes, sizeof(bytes));
	if (!ev->header) {
		printf("MALFORMED %u bytes: %s\n", ev->len, bytes);
		return;
	}
	if (!(ev->type & 0x02))
		printf("device %u ", ev->dev);
	printf("%s%s", message(ev->type, ev->msg_id, name, sizeof(name)),
	       ev->type & 0x01 ? " response" : "");
	if (ev->xid)
		printf(" #%u", ev->xid);
	if (ev->refusal)
		printf(" REFUSED: %s", pick(refusals, N(refusals), ev->refusal, "?"));
	if (ev->result)
		printf(" NOT SENT: %s", strerror(-ev->result));
	printf(", %s %u bytes: %s%s\n", pick(wires, N(wires), ev->wire, "?"), ev->len, bytes,
	       ev->len > 64 ? "..." : "");
}

static void print_line(const struct ev *ev)
{
	char name[24];

	printf("%12.6f virtio-msg%u %s ", (double)(ev->ns - first) / 1e9, ev->bus,
	       ev->dir == DIR_TO_DEVICE ? "->" : ev->dir == DIR_TO_DRIVER ? "<-" : "--");
	switch (ev->kind) {
	case EV_FRAME:
		print_frame(ev);
		break;
	case EV_QUEUE:
		printf("device %u %s queue %u, by word\n", ev->dev,
		       ev->dir == DIR_TO_DEVICE ? "kick" : "used buffers", ev->vq);
		break;
	case EV_STATE:
		printf("bus %s -> %s\n", pick(states, N(states), ev->from, "?"),
		       pick(states, N(states), ev->to, "?"));
		break;
	case EV_END:
		printf("device %u %s #%u ENDED: %s after %.3f ms\n", ev->dev,
		       message(ev->type, ev->msg_id, name, sizeof(name)), ev->xid,
		       strerror(-ev->result), (double)ev->age / 1e6);
		break;
	}
}

static bool show(const struct ev *ev)
{
	if (!first)
		first = ev->ns;
	if (opt.json)
		json_line(ev);
	else
		print_line(ev);
	return !opt.count || ++shown < opt.count;
}

static bool again(void)
{
	return !fflush(stdout);
}

/**
 * cmd_trace() - print events until there were enough or we are told to stop
 *
 * Return: the exit status.
 */
int cmd_trace(void)
{
	struct events *e = events_open(opt.bus, opt.words, opt.buffer_kb);
	uint64_t lost;
	bool good;

	/* Who waits for it knows by this line that it has begun. */
	if (!opt.json)
		printf("tracing virtio-msg; end with Ctrl-C\n");
	fflush(stdout);
	good = order_run(e, show, again);
	lost = events_lost(e);
	events_close(e);
	if (lost)
		complain("%llu events lost; give more --buffer", (unsigned long long)lost);
	return !good;
}
