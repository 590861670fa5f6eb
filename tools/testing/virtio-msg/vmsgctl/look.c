// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl: buses and devices
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "look.h"
#include "vmsgctl.h"

static const struct {
	unsigned long id;
	const char *name;
} device_names[] = {
	{ 1, "net" }, { 2, "block" }, { 3, "console" }, { 4, "entropy" }, { 5, "balloon" },
	{ 7, "rpmsg" }, { 8, "scsi" }, { 9, "9p" }, { 16, "gpu" }, { 17, "rtc" },
	{ 18, "input" }, { 19, "vsock" }, { 20, "crypto" }, { 23, "iommu" }, { 24, "mem" },
	{ 25, "sound" }, { 26, "fs" }, { 27, "pmem" }, { 32, "scmi" }, { 34, "i2c" },
	{ 41, "gpio" },
};

const char *device_name(unsigned long id)
{
	static char other[32];
	size_t i;

	for (i = 0; i < sizeof(device_names) / sizeof(device_names[0]); i++)
		if (device_names[i].id == id)
			return device_names[i].name;
	snprintf(other, sizeof(other), "id %lu", id);
	return other;
}

const char *status_names(unsigned long status)
{
	static const struct {
		unsigned long bit;
		const char *name;
	} names[] = {
		{ 0x01, "ACKNOWLEDGE" }, { 0x02, "DRIVER" }, { 0x08, "FEATURES_OK" },
		{ 0x04, "DRIVER_OK" }, { 0x40, "NEEDS_RESET" }, { 0x80, "FAILED" },
	};
	static char buf[96];
	size_t i, n = 0;

	buf[0] = 0;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (status & names[i].bit)
			n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s%s", n ? " " : "",
					      names[i].name);
	return n ? buf : "none";
}

static unsigned long number(const char *text)
{
	return text ? strtoul(text, NULL, 0) : 0;
}

static unsigned long read_number(const char *bus, const char *dev, const char *file)
{
	char *text = fs_read(CLASS "/%s/%s/%s", bus, dev, file);
	unsigned long v = number(text);

	free(text);
	return v;
}

/* The lines of debugfs: number id status uuid messages kicks used max_mapping name */
static void add_details(struct look_bus *b)
{
	char *text = fs_read(DEBUG "/%s/devices", b->name), *line, *rest = text;

	while (text && (line = strsep(&rest, "\n"))) {
		unsigned long num, id, status;
		long long messages, kicks, used, max;
		char uuid[40], name[32];
		size_t i;

		if (sscanf(line, "%lu %lu %lx %39s %lld %lld %lld %lld %31s", &num, &id, &status,
			   uuid, &messages, &kicks, &used, &max, name) != 9)
			continue;
		for (i = 0; i < b->num; i++) {
			struct look_device *d = &b->dev[i];

			if (strcmp(d->name, name))
				continue;
			d->detailed = true;
			d->number = num;
			d->uuid = strdup(uuid);
			d->messages = messages;
			d->kicks = kicks;
			d->used = used;
			d->max_mapping = max;
		}
	}
	free(text);
}

static void add_devices(struct look_bus *b)
{
	struct fs_list names = fs_list("virtio", CLASS "/%s", b->name);
	size_t i;

	b->dev = xrealloc(NULL, (names.num + 1) * sizeof(*b->dev));
	for (i = 0; i < names.num; i++) {
		struct look_device *d = &b->dev[b->num++];

		memset(d, 0, sizeof(*d));
		d->name = strdup(names.name[i]);
		d->driver = fs_link(CLASS "/%s/%s/driver", b->name, d->name);
		d->features = fs_read_or("", CLASS "/%s/%s/features", b->name, d->name);
		d->id = read_number(b->name, d->name, "device");
		d->vendor = read_number(b->name, d->name, "vendor");
		d->status = read_number(b->name, d->name, "status");
	}
	fs_list_free(&names);
	add_details(b);
}

struct look look(void)
{
	struct fs_list names = fs_list("virtio-msg", CLASS);
	struct look l = { .module = fs_exists(CLASS) };
	size_t i;

	l.bus = xrealloc(NULL, (names.num + 1) * sizeof(*l.bus));
	for (i = 0; i < names.num; i++) {
		struct look_bus *b = &l.bus[l.num++];
		const char *n = names.name[i];

		memset(b, 0, sizeof(*b));
		b->name = strdup(n);
		b->state = fs_read_or("?", CLASS "/%s/state", n);
		b->transport = fs_read_or("?", CLASS "/%s/transport", n);
		b->wire = fs_read(CLASS "/%s/wire", n);
		b->parent = fs_link(CLASS "/%s/device", n);
		b->driver = fs_link(CLASS "/%s/device/driver", n);
		b->timeout_ms = fs_read_or("?", CLASS "/%s/timeout_ms", n);
		b->keepalive_ms = fs_read_or("?", CLASS "/%s/keepalive_ms", n);
		add_devices(b);
	}
	fs_list_free(&names);
	return l;
}

void look_free(struct look *l)
{
	size_t i, j;

	for (i = 0; i < l->num; i++) {
		struct look_bus *b = &l->bus[i];

		for (j = 0; j < b->num; j++) {
			free(b->dev[j].name);
			free(b->dev[j].driver);
			free(b->dev[j].features);
			free(b->dev[j].uuid);
		}
		free(b->dev);
		free(b->name);
		free(b->state);
		free(b->transport);
		free(b->wire);
		free(b->parent);
		free(b->driver);
		free(b->timeout_ms);
		free(b->keepalive_ms);
	}
	free(l->bus);
}

struct counter *read_counters(const char *bus, size_t *num)
{
	char *text = fs_read(DEBUG "/%s/counters", bus), *line, *rest = text;
	struct counter *c = NULL;

	*num = 0;
	if (!text)
		return NULL;
	c = xrealloc(NULL, sizeof(*c));
	while ((line = strsep(&rest, "\n"))) {
		c = xrealloc(c, (*num + 1) * sizeof(*c));
		if (sscanf(line, "%31s %lld", c[*num].name, &c[*num].value) == 2)
			(*num)++;
	}
	free(text);
	return c;
}

long long counter(const struct counter *c, size_t num, const char *name)
{
	size_t i;

	for (i = 0; i < num; i++)
		if (!strcmp(c[i].name, name))
			return c[i].value;
	return 0;
}

const char *debugfs_advice(void)
{
	if (errno == EACCES || errno == EPERM)
		return "debugfs is root's; run this as root";
	if (!fs_exists("/sys/kernel/debug"))
		return "this kernel has no debugfs (CONFIG_DEBUG_FS)";
	return "mount debugfs: mount -t debugfs none /sys/kernel/debug";
}
