// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl: the tracepoints of virtio_msg
 *
 * Their fields are found by what the kernel says of their format, so that
 * neither BTF nor the headers of that kernel are needed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <traceevent/event-parse.h>
#include <tracefs/tracefs.h>
#include <unistd.h>

#include "events.h"
#include "vmsgctl.h"

#define SYSTEM		"virtio_msg"
#define INSTANCE	"vmsgctl-"

struct events {
	struct tracefs_instance *instance;
	struct tep_handle *tep;
	uint64_t lost;
	bool bad;		/* an event lacks a field */
	void (*fn)(const struct ev *ev, void *priv);
	void *priv;
};

/* Whatever ends this program takes its instance along. */
static struct tracefs_instance *ours;

static void remove_ours(void)
{
	if (ours)
		tracefs_instance_destroy(ours);
	ours = NULL;
}

/* An instance whose owner was killed records for ever: remove it. */
static int remove_stale(const char *name, void *unused)
{
	struct tracefs_instance *i;
	char *end;
	long pid;

	(void)unused;
	if (strncmp(name, INSTANCE, strlen(INSTANCE)))
		return 0;
	pid = strtol(name + strlen(INSTANCE), &end, 10);
	if (*end || pid <= 0 || !kill((pid_t)pid, 0) || errno != ESRCH)
		return 0;
	i = tracefs_instance_create(name);
	if (i) {
		tracefs_instance_destroy(i);
		tracefs_instance_free(i);
	}
	return 0;
}

static uint64_t number(struct events *e, struct tep_event *event, struct tep_record *rec,
		       const char *name)
{
	struct tep_format_field *f = tep_find_field(event, name);
	unsigned long long v = 0;

	if (!f || tep_read_number_field(f, rec->data, &v)) {
		if (!e->bad)
			complain("the tracepoint %s has no field '%s': is the module older than this program?",
				 event->name, name);
		e->bad = true;
	}
	return v;
}

static int on_frame(struct events *e, struct tep_event *event, struct tep_record *rec,
		    struct ev *ev)
{
	uint64_t took = number(e, event, rec, "took");
	uint64_t begin = number(e, event, rec, "begin");
	int len = 0;

	ev->kind = EV_FRAME;
	ev->dir = !strcmp(event->name, "vmsg_tx") ? DIR_TO_DEVICE : DIR_TO_DRIVER;
	/* The trace's clock is CLOCK_MONOTONIC, too. */
	if (begin && begin < ev->ns)
		ev->ns = begin;
	ev->took = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	ev->wire = (uint8_t)number(e, event, rec, "wire");
	ev->result = (int32_t)number(e, event, rec, "ret");
	ev->len = (uint32_t)number(e, event, rec, "len");
	ev->data = tep_get_field_raw(NULL, event, "frame", rec, &len, 0);
	if (!ev->data || len < 0) {
		e->bad = true;
		return 0;
	}
	ev->data_len = (uint32_t)len;
	ev->header = ev->dir == DIR_TO_DEVICE || !ev->result;
	ev->type = (uint8_t)number(e, event, rec, "type");
	ev->msg_id = (uint8_t)number(e, event, rec, "msg_id");
	ev->dev = (uint16_t)number(e, event, rec, "dev");
	ev->xid = (uint32_t)number(e, event, rec, "xid");
	ev->refusal = (uint16_t)number(e, event, rec, "result");
	return 1;
}

static int on_event(struct tep_event *event, struct tep_record *rec, int cpu, void *priv)
{
	struct events *e = priv;
	struct ev ev = { .dir = DIR_NONE, .ns = rec->ts };
	int want = 1;

	(void)cpu;
	ev.bus = (uint32_t)number(e, event, rec, "bus");
	if (!strcmp(event->name, "vmsg_tx") || !strcmp(event->name, "vmsg_rx")) {
		want = on_frame(e, event, rec, &ev);
	} else if (!strcmp(event->name, "vmsg_kick") || !strcmp(event->name, "vmsg_used")) {
		ev.kind = EV_QUEUE;
		ev.dir = !strcmp(event->name, "vmsg_kick") ? DIR_TO_DEVICE : DIR_TO_DRIVER;
		ev.dev = (uint16_t)number(e, event, rec, "dev");
		ev.vq = (uint16_t)number(e, event, rec, "vq");
		/* As a message it is a frame, too. */
		want = !number(e, event, rec, "message");
	} else if (!strcmp(event->name, "vmsg_bus_state")) {
		ev.kind = EV_STATE;
		ev.from = (uint8_t)number(e, event, rec, "from");
		ev.to = (uint8_t)number(e, event, rec, "to");
	} else if (!strcmp(event->name, "vmsg_xfer_end")) {
		ev.kind = EV_END;
		ev.type = (uint8_t)number(e, event, rec, "type");
		ev.msg_id = (uint8_t)number(e, event, rec, "msg_id");
		ev.dev = (uint16_t)number(e, event, rec, "dev");
		ev.xid = (uint32_t)number(e, event, rec, "xid");
		ev.age = number(e, event, rec, "ns");
		ev.result = (int32_t)number(e, event, rec, "status");
		want = ev.result < 0;
	} else {
		want = 0;
	}
	if (e->bad)
		return 1;
	if (want)
		e->fn(&ev, e->priv);
	return 0;
}

static int on_missed(struct tep_event *event, struct tep_record *rec, int cpu, void *priv)
{
	struct events *e = priv;

	(void)event;
	(void)cpu;
	/* Negative: some, the kernel does not know how many. */
	e->lost += rec->missed_events > 0 ? (uint64_t)rec->missed_events : 1;
	return 0;
}

static void set_up(struct events *e, const char *file, const char *value)
{
	if (tracefs_instance_file_write(e->instance, file, value) < 0)
		die("%s/%s: cannot write '%s': %m", tracefs_instance_get_name(e->instance), file,
		    value);
}

static void enable(struct events *e, const char *event, const char *filter)
{
	if (filter && tracefs_event_file_write(e->instance, SYSTEM, event, "filter", filter) < 0)
		die("the tracepoint %s takes no filter '%s': %m", event, filter);
	if (tracefs_event_enable(e->instance, SYSTEM, event))
		die("the tracepoint %s:%s cannot be enabled: %m", SYSTEM, event);
}

static const char *tracing_dir(void)
{
	const char *dir = tracefs_tracing_dir();
	char *path;

	if (geteuid())
		die("user %u: tracefs is root's; run this as root", geteuid());
	if (!dir)
		die("/sys/kernel/tracing: no tracefs; mount it (mount -t tracefs none /sys/kernel/tracing), if the kernel has CONFIG_TRACING");
	if (asprintf(&path, "%s/events/" SYSTEM, dir) < 0)
		die("no memory");
	if (access(path, F_OK))
		die("%s: %m; the tracepoints are the module's: modprobe virtio_msg", path);
	free(path);
	return dir;
}

struct events *events_open(long bus, bool words, long buffer_kb)
{
	static const char * const systems[] = { SYSTEM, NULL };
	struct events *e = xrealloc(NULL, sizeof(*e));
	const char *dir = tracing_dir();
	char name[40], filter[40], *which = NULL;

	memset(e, 0, sizeof(*e));
	tracefs_instances_walk(remove_stale, NULL);
	snprintf(name, sizeof(name), INSTANCE "%d", getpid());
	e->tep = tracefs_local_events_system(dir, systems);
	if (!e->tep)
		die("%s/events/" SYSTEM ": the formats of the events cannot be read: %m", dir);
	e->instance = tracefs_instance_create(name);
	if (!e->instance)
		die("%s/instances/%s: cannot be made: %m", dir, name);
	ours = e->instance;
	atexit(remove_ours);
	if (bus >= 0) {
		snprintf(filter, sizeof(filter), "bus == %ld", bus);
		which = filter;
	}
	set_up(e, "tracing_on", "0");
	set_up(e, "trace_clock", "mono");
	if (tracefs_instance_set_buffer_size(e->instance, (size_t)buffer_kb, -1))
		die("a buffer of %ld KiB for each processor: %m; choose less (--buffer)",
		    buffer_kb);
	enable(e, "vmsg_tx", which);
	enable(e, "vmsg_rx", which);
	enable(e, "vmsg_bus_state", which);
	enable(e, "vmsg_xfer_end", which);
	if (words) {
		enable(e, "vmsg_kick", which);
		enable(e, "vmsg_used", which);
	}
	tracefs_follow_missed_events(e->instance, on_missed, e);
	set_up(e, "tracing_on", "1");
	return e;
}

bool events_read(struct events *e, void (*fn)(const struct ev *ev, void *priv), void *priv)
{
	e->fn = fn;
	e->priv = priv;
	tracefs_iterate_raw_events(e->tep, e->instance, NULL, 0, on_event, e);
	return !e->bad;
}

void events_stop(struct events *e)
{
	tracefs_trace_off(e->instance);
}

uint64_t events_lost(struct events *e)
{
	return e->lost;
}

void events_close(struct events *e)
{
	remove_ours();
	tracefs_instance_free(e->instance);
	tep_free(e->tep);
	free(e);
}
