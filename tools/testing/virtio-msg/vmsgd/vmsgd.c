// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: virtio-msg devices, behind an IVSHMEM segment, a Xen domain's grants or
 * /dev/virtio-msg
 *
 * One thread, one loop: the library is called from here alone.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "evil.h"
#include "vmsgd.h"

#define SETTLE_MS	15000	/* for the first devices to be ready */
#define BACKLOG		512

static const struct device_type *const types[] = {
	&blk_type, &net_type, &rng_type, &console_type, &ramblk_type, &i2c_type,
	&rpmsg_type, &fileblk_type,
};

#define NTYPES (sizeof(types) / sizeof(types[0]))

static const char *const wire_names[VIRTIO_MSG_WIRE_COUNT] = {
	"rfc2", "v1", "v2", "xid32",
};

static struct {
	const struct link_ops *link;
	const char *where;
	const char *control;
	const char *evil;
	const char *dev[4096];
	int ndev;
} opt;

int shm_fd = -1, alive_fd = -1;
int ram_fd = -1;
uint64_t ram_start, ram_length;
uint64_t shm_size, window_offset, window_length;
uint32_t wires = 0xf;
struct vmsg_bus bus;

static struct device *devices;
static bool stopping;
static bool started;
static int exit_status;

/* ------------------------------------------------------ specifications */

const char *spec_next(struct spec *s, const char *key, int *pos)
{
	int i;

	for (i = *pos; i < s->n; i++) {
		if (strcmp(s->key[i], key))
			continue;
		s->used[i] = true;
		*pos = i + 1;
		return s->value[i] ? s->value[i] : "";
	}
	return NULL;
}

const char *spec_get(struct spec *s, const char *key)
{
	int pos = 0;

	return spec_next(s, key, &pos);
}

bool spec_bool(struct spec *s, const char *key, bool dflt, char **err)
{
	const char *v = spec_get(s, key);

	if (!v)
		return dflt;
	if (!*v || !strcmp(v, "on") || !strcmp(v, "yes") || !strcmp(v, "1"))
		return true;
	if (!strcmp(v, "off") || !strcmp(v, "no") || !strcmp(v, "0"))
		return false;
	if (!*err)
		*err = xasprintf("%s=%s must be on or off", key, v);
	return dflt;
}

uint64_t spec_number(struct spec *s, const char *key, uint64_t dflt,
		     uint64_t min, uint64_t max, char **err)
{
	const char *v = spec_get(s, key);
	unsigned long long n;
	unsigned int shift = 0;
	char *end;

	if (!v)
		return dflt;
	errno = 0;
	n = strtoull(v, &end, 0);
	switch (*end) {
	case 'G': case 'g':
		shift += 10;
		/* fall through */
	case 'M': case 'm':
		shift += 10;
		/* fall through */
	case 'K': case 'k':
		shift += 10;
		end++;
	}
	if (errno || end == v || *end || *v == '-' ||
	    n > (UINT64_MAX >> shift) || n << shift < min || n << shift > max) {
		if (!*err)
			*err = xasprintf("%s=%s is not a number from %llu to %llu",
					 key, v, (unsigned long long)min,
					 (unsigned long long)max);
		return dflt;
	}
	return n << shift;
}

/* Commas part it; two in a row are one that belongs to a value. */
static bool spec_parse(const char *text, struct spec *s, char **err)
{
	char *in, *out, *start;

	memset(s, 0, sizeof(*s));
	s->text = xstrdup(text);
	s->kind = s->text;
	in = s->text;
	out = in;
	start = in;
	for (;; in++) {
		char *eq;

		if (*in == ',' && in[1] == ',') {
			*out++ = ',';
			in++;
			continue;
		}
		if (*in && *in != ',') {
			*out++ = *in;
			continue;
		}
		if (start != s->text) {
			if (s->n == (int)(sizeof(s->key) / sizeof(s->key[0]))) {
				*err = xasprintf("more than %zu options in '%s'",
						 sizeof(s->key) / sizeof(s->key[0]), text);
				return false;
			}
			if (out == start) {
				*err = xasprintf("an empty option in '%s': two commas stand for one of a value",
						 text);
				return false;
			}
		}
		{
			bool last = !*in;

			*out++ = 0;
			if (start != s->text) {
				eq = strchr(start, '=');
				if (eq)
					*eq = 0;
				s->key[s->n] = start;
				s->value[s->n++] = eq ? eq + 1 : NULL;
			}
			if (last)
				return true;
			/* Behind what was read: @out never passes @in. */
			start = out;
		}
	}
}

static void spec_free(struct spec *s)
{
	free(s->text);
}

/* --------------------------------------------------------------- devices */

static struct device *device_by_num(int num)
{
	struct device *d;

	for (d = devices; d; d = d->next)
		if (d->num == num)
			return d;
	return NULL;
}

static void tell_waiter(struct device *d, const char *err)
{
	void (*waiter)(void *, const char *) = d->waiter;

	d->waiter = NULL;
	if (waiter)
		waiter(d->waiter_priv, err);
}

static void device_free(struct device *d)
{
	struct device **p;

	for (p = &devices; *p; p = &(*p)->next)
		if (*p == d) {
			*p = d->next;
			break;
		}
	tell_waiter(d, NULL);
	debug("device %d: gone", d->num);
	free(d->spec);
	free(d->identity);
	d->type->destroy(d);
}

static void on_release(struct vmsg_dev *vd)
{
	struct device *d;

	for (d = devices; d; d = d->next)
		if (d->vd == vd) {
			device_free(d);
			return;
		}
}

/* The same device has the same UUID whenever it comes: FNV-1a, twice. */
static void make_uuid(struct device *d)
{
	static const uint64_t basis[2] = { 0xcbf29ce484222325, 0x84222325cbf29ce4 };
	char *name = xasprintf("%s#%d", d->identity, d->num);
	const char *p;
	int i;

	for (i = 0; i < 2; i++) {
		uint64_t h = basis[i];

		for (p = name; *p; p++)
			h = (h ^ (uint8_t)*p) * 0x100000001b3ULL;
		h ^= h >> 29;
		memcpy(d->vd->uuid + 8 * i, &h, 8);
	}
	/* Version 8: made in a way of its own. */
	d->vd->uuid[6] = (uint8_t)((d->vd->uuid[6] & 0x0f) | 0x80);
	d->vd->uuid[8] = (uint8_t)((d->vd->uuid[8] & 0x3f) | 0x80);
	free(name);
}

void device_ready(struct device *d)
{
	d->vd->num = (uint16_t)d->num;
	d->vd->vendor_id = 0x1af4;
	d->vd->release = on_release;
	make_uuid(d);
	if (vmsg_bus_add(&bus, d->vd)) {
		device_failed(d, "its number is taken");
		return;
	}
	d->announced = true;
	info("device %d: %s is ready", d->num, d->spec);
	tell_waiter(d, NULL);
}

void device_failed(struct device *d, const char *fmt, ...)
{
	char *why;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&why, fmt, ap) < 0)
		exit(1);
	va_end(ap);
	info("device %d: %s: %s", d->num, d->spec, why);
	tell_waiter(d, why);
	if (started) {
		d->leaving = true;	/* freed from the main loop */
	} else {
		exit_status = 1;
		stopping = true;
	}
	free(why);
}

struct device *device_create(const char *text, char **err)
{
	struct device *d = NULL, **p;
	struct spec s;
	uint64_t num;
	size_t t;
	int i;

	*err = NULL;
	if (!spec_parse(text, &s, err))
		goto out;
	for (t = 0; t < NTYPES; t++)
		if (!strcmp(types[t]->name, s.kind))
			break;
	if (t == NTYPES) {
		*err = xasprintf("unknown kind of device '%s': it must be blk, net, rng, console, ramblk, i2c, rpmsg or fileblk",
				 s.kind);
		goto out;
	}
	num = spec_number(&s, "num", UINT64_MAX, 0, 65535, err);
	if (*err)
		goto out;
	if (num == UINT64_MAX) {
		for (num = 1; device_by_num((int)num); num++)
			;
		if (num > 65535) {
			*err = xasprintf("no device number is free: all of 1 to 65535 are in use");
			goto out;
		}
	} else if (device_by_num((int)num)) {
		*err = xasprintf("num=%d is in use: vmsgctl list shows which, without num= one is chosen",
				 (int)num);
		goto out;
	}
	d = types[t]->create(&s, err);
	if (!d)
		goto out;
	d->type = types[t];
	d->num = (int)num;
	d->spec = xstrdup(text);
	for (i = 0; i < s.n && !*err; i++)
		if (!s.used[i])
			*err = xasprintf("'%s' is not an option of %s, which has %s", s.key[i],
					 s.kind, d->type->help);
	if (*err) {
		free(d->spec);
		free(d->identity);
		d->type->destroy(d);
		d = NULL;
		goto out;
	}
	for (p = &devices; *p; p = &(*p)->next)
		;
	*p = d;
out:
	spec_free(&s);
	return d;
}

void device_open(struct device *d)
{
	d->type->open(d);
}

void device_remove(struct device *d, void (*waiter)(void *priv, const char *err),
		   void *priv)
{
	d->leaving = true;
	d->waiter = waiter;
	d->waiter_priv = priv;
	if (d->announced)
		vmsg_bus_remove(&bus, d->vd);
}

/* Devices that failed to open are freed here, where nobody stands on them. */
static void sweep(void)
{
	struct device *d, *next;

	for (d = devices; d; d = next) {
		next = d->next;
		if (d->leaving && !d->announced)
			device_free(d);
	}
}

/* --------------------------------------------------------------- library */

void get_random(void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n <= 0)
			continue;
		p += n;
		len -= (size_t)n;
	}
}

uint32_t random32(void)
{
	uint32_t v;

	get_random(&v, sizeof(v));
	return v;
}

static void bus_log(struct vmsg_bus *b, struct vmsg_dev *dev, const char *what,
		    uint32_t value)
{
	(void)b;
	if (dev)
		info("device %u: %s (%u, 0x%x)", dev->num, what, value, value);
	else
		info("bus: %s (%u, 0x%x)", what, value, value);
}

void bus_init(uint32_t frame_size)
{
	bus.require = VMSG_F_VERSION_1 | VMSG_F_ACCESS_PLATFORM;
	bus.frame_size = frame_size;
	bus.frame = xzalloc(2 * (size_t)bus.frame_size);
	bus.backlog_slots = BACKLOG;
	bus.backlog = xzalloc(BACKLOG * ((size_t)bus.frame_size + 8));
	bus.random = random32();
	bus.log = bus_log;
}

void link_ended(const char *why)
{
	info("%s", why);
	exit_status = 1;
	stopping = true;
}

/* What was acknowledged outlives us, in all devices. */
bool devices_intact(void)
{
	struct device *d;

	for (d = devices; d; d = d->next)
		if (d->volatile_state)
			return false;
	return true;
}

bool link_eventfd(struct vmsg_dev *dev, uint16_t vq, int kick, int call)
{
	return opt.link->eventfd && opt.link->eventfd(dev, vq, kick, call);
}

/* A descriptor for a back end, to be closed here. */
int link_window(uint64_t *offset)
{
	if (opt.link->window)
		return opt.link->window(offset);
	*offset = window_offset;
	return fcntl(shm_fd, F_DUPFD_CLOEXEC, 0);
}

/* --------------------------------------------------------------- control */

static const char *const transport_names[256] = {
	[VIRTIO_MSG_GET_DEVICE_INFO] = "GET_DEVICE_INFO",
	[VIRTIO_MSG_GET_DEVICE_FEATURES] = "GET_DEVICE_FEATURES",
	[VIRTIO_MSG_SET_DRIVER_FEATURES] = "SET_DRIVER_FEATURES",
	[VIRTIO_MSG_GET_CONFIG] = "GET_CONFIG",
	[VIRTIO_MSG_SET_CONFIG] = "SET_CONFIG",
	[VIRTIO_MSG_GET_DEVICE_STATUS] = "GET_DEVICE_STATUS",
	[VIRTIO_MSG_SET_DEVICE_STATUS] = "SET_DEVICE_STATUS",
	[VIRTIO_MSG_GET_VQUEUE] = "GET_VQUEUE",
	[VIRTIO_MSG_SET_VQUEUE] = "SET_VQUEUE",
	[VIRTIO_MSG_RESET_VQUEUE] = "RESET_VQUEUE",
	[VIRTIO_MSG_GET_SHM] = "GET_SHM",
	[VIRTIO_MSG_EVENT_CONFIG] = "EVENT_CONFIG",
	[VIRTIO_MSG_EVENT_AVAIL] = "EVENT_AVAIL",
	[VIRTIO_MSG_EVENT_USED] = "EVENT_USED",
};

static const char *const bus_names[256] = {
	[VIRTIO_MSG_BUS_GET_DEVICES] = "GET_DEVICES",
	[VIRTIO_MSG_BUS_PING] = "PING",
	[VIRTIO_MSG_BUS_EVENT_DEVICE] = "EVENT_DEVICE",
};

static void print_messages_json(FILE *f, const uint64_t n[2][256])
{
	bool first = true;
	int b, i;

	fputc('{', f);
	for (b = 0; b < 2; b++)
		for (i = 0; i < 256; i++) {
			const char *name = b ? bus_names[i] : transport_names[i];

			if (!n[b][i])
				continue;
			fprintf(f, "%s\"", first ? "" : ",");
			first = false;
			if (name)
				fputs(name, f);
			else
				fprintf(f, "%s_0x%02x", b ? "BUS" : "TRANSPORT", i);
			fprintf(f, "\":%llu", (unsigned long long)n[b][i]);
		}
	fputc('}', f);
}

static void print_uuid(FILE *f, const uint8_t *u)
{
	int i;

	for (i = 0; i < 16; i++)
		fprintf(f, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ?
			"-" : "", u[i]);
}

static void print_bus(FILE *f, bool json)
{
	const struct vmsg_bus_stats *st = &bus.stats;
	const char *wire = bus.up ? wire_names[bus.wire] : "none";

	if (json) {
		fprintf(f, "\"bus\":{\"link\":\"%s\",\"state\":\"%s\",\"wire\":\"%s\",",
			opt.link->name, opt.link->state(), wire);
		opt.link->print(f, true);
		fprintf(f, "\"links\":%llu,\"malformed\":%llu,\"refused\":%llu,\"stray\":%llu,\"backlogged\":%llu,\"received\":",
			(unsigned long long)st->links,
			(unsigned long long)st->malformed,
			(unsigned long long)st->refused,
			(unsigned long long)st->stray,
			(unsigned long long)st->backlogged);
		print_messages_json(f, st->rx);
		fputs(",\"sent\":", f);
		print_messages_json(f, st->tx);
		fputc('}', f);
		return;
	}
	fprintf(f, "bus: %s, wire %s, came up %llu times\n", opt.link->state(),
		wire, (unsigned long long)st->links);
	opt.link->print(f, false);
	fprintf(f, "malformed %llu, refused %llu, stray %llu, backlogged %llu\n",
		(unsigned long long)st->malformed,
		(unsigned long long)st->refused, (unsigned long long)st->stray,
		(unsigned long long)st->backlogged);
}

static void print_message_table(FILE *f)
{
	int b, i;

	fprintf(f, "%-24s %12s %12s\n", "message", "received", "sent");
	for (b = 1; b >= 0; b--)
		for (i = 0; i < 256; i++) {
			const char *name = b ? bus_names[i] : transport_names[i];
			char other[24];

			if (!bus.stats.rx[b][i] && !bus.stats.tx[b][i])
				continue;
			if (!name) {
				snprintf(other, sizeof(other), "%s 0x%02x",
					 b ? "bus" : "transport", (unsigned int)i);
				name = other;
			}
			fprintf(f, "%-24s %12llu %12llu\n", name,
				(unsigned long long)bus.stats.rx[b][i],
				(unsigned long long)bus.stats.tx[b][i]);
		}
}

static void print_devices(FILE *f, bool json, bool stats)
{
	struct device *d;
	bool first = true;

	if (json)
		fputs("\"devices\":[", f);
	else if (stats)
		fprintf(f, "%5s %-8s %9s %9s %9s %9s %12s %12s %6s %6s\n", "num",
			"device", "messages", "kicks", "used", "requests",
			"from driver", "to driver", "resets", "faults");
	else
		fprintf(f, "%5s %-8s %3s %6s %6s %-36s %s\n", "num", "device",
			"id", "queues", "status", "uuid", "specification");
	for (d = devices; d; d = d->next) {
		const struct vmsg_dev *v = d->vd;
		const struct vmsg_dev_stats *s = &v->stats;

		if (json) {
			fprintf(f, "%s{\"num\":%d,\"type\":\"%s\",\"device_id\":%u,\"queues\":%u,\"status\":%u,\"ready\":%s,\"uuid\":\"",
				first ? "" : ",", d->num, d->type->name,
				v->device_id, v->nvqs, v->status,
				d->announced ? "true" : "false");
			print_uuid(f, v->uuid);
			fputs("\",\"spec\":", f);
			json_string(f, d->spec);
			if (stats)
				fprintf(f, ",\"messages\":%llu,\"kicks\":%llu,\"used_events\":%llu,\"requests\":%llu,\"bytes_in\":%llu,\"bytes_out\":%llu,\"resets\":%llu,\"faults\":%llu",
					(unsigned long long)s->messages,
					(unsigned long long)s->kicks,
					(unsigned long long)s->used_events,
					(unsigned long long)s->requests,
					(unsigned long long)s->bytes_in,
					(unsigned long long)s->bytes_out,
					(unsigned long long)s->resets,
					(unsigned long long)s->faults);
			fputc('}', f);
			first = false;
		} else if (stats) {
			fprintf(f, "%5d %-8s %9llu %9llu %9llu %9llu %12llu %12llu %6llu %6llu\n",
				d->num, d->type->name,
				(unsigned long long)s->messages,
				(unsigned long long)s->kicks,
				(unsigned long long)s->used_events,
				(unsigned long long)s->requests,
				(unsigned long long)s->bytes_in,
				(unsigned long long)s->bytes_out,
				(unsigned long long)s->resets,
				(unsigned long long)s->faults);
		} else {
			fprintf(f, "%5d %-8s %3u %6u   0x%02x ", d->num,
				d->type->name, v->device_id, v->nvqs, v->status);
			print_uuid(f, v->uuid);
			fprintf(f, " %s%s\n", d->spec, !d->announced ?
				" (not ready)" : d->leaving ? " (leaving)" : "");
		}
	}
	if (json)
		fputc(']', f);
}

struct client {
	struct source src;
	char line[4096];
	size_t len;
	bool waiting;		/* an answer is owed: a device or a ping */
	bool ping;
	struct device *device;
	struct client *next;
};

static struct client *clients;
static struct source control_listener = { .fd = -1 };

static void client_close(struct client *c)
{
	struct client **p;

	for (p = &clients; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			break;
		}
	if (c->device && c->device->waiter_priv == c)
		c->device->waiter = NULL;
	churn_forget(c);
	loop_del(&c->src);
	close(c->src.fd);
	free(c);
}

static void answer(struct client *c, const char *text, size_t len)
{
	size_t done = 0;

	/* Short enough for any socket buffer; a client that reads not loses. */
	while (done < len) {
		ssize_t n = send(c->src.fd, text + done, len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	client_close(c);
}

static void answer_error(struct client *c, const char *why)
{
	char *s = xasprintf("error %s\n", why);

	answer(c, s, strlen(s));
	free(s);
}

static void on_device_settled(void *priv, const char *err)
{
	struct client *c = priv;
	char *s;

	if (err) {
		c->device = NULL;
		answer_error(c, err);
		return;
	}
	s = xasprintf("ok\n%d\n", c->device->num);
	c->device = NULL;
	answer(c, s, strlen(s));
	free(s);
}

static void on_pong(struct vmsg_bus *b, uint32_t value)
{
	static const char text[] = "ok\nthe driver side answered\n";
	struct client *c, *next;

	(void)b;
	(void)value;
	for (c = clients; c; c = next) {
		next = c->next;
		if (c->ping)
			answer(c, text, sizeof(text) - 1);
	}
}

static void cmd_add(struct client *c, const char *spec)
{
	struct device *d;
	char *err;

	d = device_create(spec, &err);
	if (!d) {
		answer_error(c, err);
		free(err);
		return;
	}
	c->waiting = true;
	c->device = d;
	d->waiter = on_device_settled;
	d->waiter_priv = c;
	device_open(d);
}

static void cmd_remove(struct client *c, const char *arg)
{
	struct device *d;
	char *end;
	long num = strtol(arg, &end, 0);

	d = end != arg && !*end ? device_by_num((int)num) : NULL;
	if (!d || d->leaving || (!d->announced && d->waiter)) {
		char *s = xasprintf("there is no device '%s'; list shows their numbers", arg);

		answer_error(c, s);
		free(s);
		return;
	}
	c->waiting = true;
	c->device = d;
	device_remove(d, on_device_settled, c);
}

static void cmd_print(struct client *c, const char *cmd, bool json)
{
	bool stats = !strcmp(cmd, "stats");
	size_t len;
	char *out;
	FILE *f = open_memstream(&out, &len);

	if (!f)
		exit(1);
	fputs(json ? "ok\n{" : "ok\n", f);
	if (stats) {
		print_bus(f, json);
		if (json)
			fputc(',', f);
		else
			print_message_table(f);
	}
	print_devices(f, json, stats);
	if (json)
		fputs("}\n", f);
	fclose(f);
	answer(c, out, len);
	free(out);
}

static void cmd_evil(struct client *c, const char *arg)
{
	char *err = NULL, *out;
	size_t len;
	FILE *f;

	if (*arg && !evil_set(arg, &err)) {
		answer_error(c, err);
		free(err);
		return;
	}
	f = open_memstream(&out, &len);
	if (!f)
		exit(1);
	fputs("ok\n", f);
	evil_print(f);
	fclose(f);
	answer(c, out, len);
	free(out);
}

static void cmd_crash(struct client *c, const char *arg)
{
	char *s;

	if (!crash_set(*arg ? arg : "0")) {
		answer_error(c, "crash needs a number of points");
		return;
	}
	s = xasprintf("ok\n%llu\n", (unsigned long long)crash_passed());
	answer(c, s, strlen(s));
	free(s);
}

static void on_churned(void *priv)
{
	size_t len;
	char *out;
	FILE *f = open_memstream(&out, &len);

	if (!f)
		exit(1);
	fputs("ok\n", f);
	churn_print(f);
	fclose(f);
	answer(priv, out, len);
	free(out);
}

static void cmd_churn(struct client *c, const char *arg)
{
	c->waiting = true;
	if (!churn_start(arg, on_churned, c))
		answer_error(c, "churn needs N[,SEED], and one at a time");
}

static void client_command(struct client *c)
{
	char *arg = strchr(c->line, ' ');

	if (arg)
		*arg++ = 0;
	else
		arg = c->line + strlen(c->line);
	if (!strcmp(c->line, "add")) {
		cmd_add(c, arg);
	} else if (!strcmp(c->line, "remove")) {
		cmd_remove(c, arg);
	} else if (!strcmp(c->line, "list") || !strcmp(c->line, "stats")) {
		cmd_print(c, c->line, !strcmp(arg, "json"));
	} else if (!strcmp(c->line, "evil")) {
		cmd_evil(c, arg);
	} else if (!strcmp(c->line, "crash")) {
		cmd_crash(c, arg);
	} else if (!strcmp(c->line, "churn")) {
		cmd_churn(c, arg);
	} else if (!strcmp(c->line, "ping")) {
		c->ping = true;
		c->waiting = true;
		if (vmsg_bus_ping(&bus, random32()))
			answer_error(c, "the bus is not up, or full");
	} else {
		answer_error(c, "unknown command");
	}
}

static void on_client(struct source *src, uint32_t events)
{
	struct client *c = container_of(src, struct client, src);
	char *nl;
	ssize_t n;

	(void)events;
	n = recv(src->fd, c->line + c->len, sizeof(c->line) - 1 - c->len,
		 MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(c);
		return;
	}
	if (c->waiting)
		return;
	c->len += (size_t)n;
	c->line[c->len] = 0;
	nl = strchr(c->line, '\n');
	if (nl) {
		*nl = 0;
		client_command(c);
	} else if (c->len == sizeof(c->line) - 1) {
		answer_error(c, "too long");
	}
}

static void on_control(struct source *src, uint32_t events)
{
	struct timeval tv = { .tv_sec = 1 };
	struct client *c;
	int fd;

	(void)events;
	fd = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	c = xzalloc(sizeof(*c));
	c->src.fd = fd;
	c->src.fn = on_client;
	if (loop_add(&c->src, EPOLLIN) < 0) {
		close(fd);
		free(c);
		return;
	}
	c->next = clients;
	clients = c;
}

/* --------------------------------------------------------------- options */

enum {
	O_IVSHMEM = 256, O_ON, O_CONTROL, O_WIRE, O_DEV, O_RAM, O_EVIL,
	O_CRASH, O_VOLATILE
};

static const struct argp_option options[] = {
	{ "ivshmem", O_IVSHMEM, "PATH", 0,
	  "Socket of the ivshmem server", 1 },
	{ "on", O_ON, "LINK", 0,
	  "Where the driver side is, see below; this or --ivshmem is required", 1 },
	{ "control", O_CONTROL, "PATH", 0,
	  "Socket for vmsgctl", 1 },
	{ "wire", O_WIRE, "REV[,REV]...", 0,
	  "Wire revisions to offer: xid32, v2, v1, rfc2 (all of them)", 1 },
	{ "dev", O_DEV, "SPEC", 0,
	  "A device; may be given several times, see below", 1 },
	{ "driver-ram", O_RAM, "FILE@ADDRESS", 0,
	  "Memory of the driver side, for one that does not confine us to the window: "
	  "a file that QEMU has for it, and the physical address where it begins", 1 },
	{ "evil", O_EVIL, "N[,SEED[,DEVICE]]", 0,
	  "For tests of drivers: be wrong or hostile in way N, about device number "
	  "DEVICE (1), see below", 2 },
	{ "crash-at", O_CRASH, "K", 0,
	  "For tests of drivers: kill this process at crash point K, one before and one "
	  "behind each store that others can see", 2 },
	{ "volatile-cache", O_VOLATILE, NULL, 0,
	  "For tests of drivers: a fileblk loses what was not flushed when this process "
	  "is killed", 2 },
	{ "verbose", 'v', NULL, 0, "Tell more, and let back ends speak", 2 },
	{ 0 }
};

static uint32_t parse_wire(char *arg, struct argp_state *state)
{
	char *save, *tok;
	uint32_t set = 0;
	int i;

	for (tok = strtok_r(arg, ",", &save); tok; tok = strtok_r(NULL, ",", &save)) {
		for (i = 0; i < VIRTIO_MSG_WIRE_COUNT; i++)
			if (!strcmp(tok, wire_names[i]))
				break;
		if (i == VIRTIO_MSG_WIRE_COUNT)
			argp_error(state, "--wire: '%s' is none of xid32, v2, v1, rfc2",
				   tok);
		else
			set |= 1U << i;
	}
	if (!set)
		argp_error(state, "--wire needs a revision: xid32, v2, v1 or rfc2");
	return set;
}

static void parse_ram(char *arg, struct argp_state *state)
{
	char *at = strrchr(arg, '@'), *end;
	struct stat st;
	void *p;

	if (!at) {
		argp_error(state, "--driver-ram: '%s' is not FILE@ADDRESS", arg);
		return;
	}
	*at = 0;
	ram_start = strtoull(at + 1, &end, 0);
	if (!at[1] || *end || ram_start >> VIRTIO_MSG_AREA_SHIFT)
		argp_error(state, "--driver-ram: '%s' is no address of at most %d bits",
			   at + 1, VIRTIO_MSG_AREA_SHIFT);
	ram_fd = open(arg, O_RDWR | O_CLOEXEC);
	if (ram_fd < 0 || fstat(ram_fd, &st) < 0)
		argp_failure(state, 1, errno, "--driver-ram: %s", arg);
	ram_length = (uint64_t)st.st_size;
	p = mmap(NULL, ram_length, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd, 0);
	if (p == MAP_FAILED)
		argp_failure(state, 1, errno, "--driver-ram: %s", arg);
	bus.ram.id = VIRTIO_MSG_AREA_DRIVER_PHYS;
	bus.ram.start = ram_start;
	bus.ram.len = ram_length;
	bus.ram.ptr = p;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case O_IVSHMEM:
	case O_ON:
		if (opt.link)
			argp_error(state, "'%s': only one --ivshmem or --on can be given", arg);
		opt.link = &ivshmem_link;
		opt.where = arg;
		if (key == O_IVSHMEM)
			break;
		if (!strncmp(arg, "ivshmem:", 8)) {
			opt.where = arg + 8;
		} else if (!strncmp(arg, "vfio:", 5)) {
			opt.link = &vfio_link;
			opt.where = arg + 5;
		} else if (!strncmp(arg, "xen:", 4)) {
			opt.where = arg + 4;
			opt.link = &xen_link;
		} else if (arg[0] == '/') {
			opt.link = &user_link;
		} else {
			argp_error(state, "--on: '%s' is neither ivshmem:PATH nor vfio:ADDRESS nor xen:DOMID,... nor the path of a device",
				   arg);
		}
		break;
	case O_CONTROL:
		opt.control = arg;
		break;
	case O_WIRE:
		wires = parse_wire(arg, state);
		break;
	case O_DEV:
		if (opt.ndev == (int)(sizeof(opt.dev) / sizeof(opt.dev[0])))
			argp_error(state, "--dev %s: that is one more than the %d that are possible",
				   arg, opt.ndev);
		else
			opt.dev[opt.ndev++] = arg;
		break;
	case O_CRASH:
		if (!crash_set(arg))
			argp_error(state, "--crash-at: '%s' is no number of points to pass", arg);
		break;
	case O_VOLATILE:
		volatile_cache = true;
		break;
	case O_EVIL:
		opt.evil = arg;
		break;
	case O_RAM:
		parse_ram(arg, state);
		break;
	case 'v':
		verbose = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		break;
	case ARGP_KEY_END:
		if (!opt.link)
			argp_error(state, "--ivshmem SOCKET or --on LINK is required: what the driver side is on");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static char *help_filter(int key, const char *text, void *input)
{
	size_t len, t;
	char *out;
	FILE *f;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	f = open_memstream(&out, &len);
	if (!f)
		return (char *)text;
	fputs("LINK is one of these:\n\n"
	      "  ivshmem:PATH\n"
	      "    the same as --ivshmem PATH\n"
	      "  vfio:ADDRESS\n"
	      "    an IVSHMEM function of this machine, like vfio:0000:00:02.0, that is\n"
	      "    bound to vfio-pci. Linux 7.x must be booted with iomem=relaxed.\n"
	      "  xen:DOMID,ref=REF[,port=PORT]\n"
	      "    a Xen domain that grants its bootstrap page as REF, 2 to 7; PORT is our end\n"
	      "    of a static event channel, without it the page names the other end.\n"
	      "  xen:DOMID,xenstore[=NUM]\n"
	      "  xen:any,xenstore\n"
	      "    device NUM (0) of type vmsg that the store has for that domain, or whichever\n"
	      "    comes first. In both cases a domain that is not there yet is waited for.\n"
	      "  /dev/virtio-msg[,name=NAME][,recover=MS][,take-over][,window=64M][,kickfd=off]\n"
	      "    this kernel itself. With recover= the devices wait so long for a\n"
	      "    successor when the daemon is killed; take-over makes it one, if a\n"
	      "    bus of that name waits. kickfd=off: all kicks are messages.\n\n", f);
	fputs("Each SPEC is one of these; num=N in it chooses the device number, "
	      "otherwise the lowest free one from 1 on is taken. A comma inside a "
	      "value is written twice.\n\n", f);
	for (t = 0; t < NTYPES; t++) {
		const char *p = types[t]->help;

		fputs("  ", f);
		for (; *p; p++) {
			fputc(*p, f);
			if (*p == '\n')
				fputs("  ", f);
		}
		fputc('\n', f);
	}
	fputc('\n', f);
	evil_help(f);
	fputs("Examples:\n"
	      "  vmsgd --ivshmem /run/vm.ivshmem --dev blk,file=disk.img --dev rng\n"
	      "  vmsgd --ivshmem /run/vm.ivshmem --control /run/vm.ctl --dev net &\n"
	      "  vmsgctl --control /run/vm.ctl add blk,file=more.img,ro=on\n"
	      "  vmsgd --on /dev/virtio-msg,name=disks,recover=10000,take-over \\\n"
	      "        --dev blk,file=disk.img\n"
	      "  vmsgd --on vfio:0000:00:02.0 --dev blk,file=/dev/vda --dev rng\n"
	      "  vmsgd --on xen:1,ref=2,port=20 --dev blk,file=disk.img --dev net\n\n"
	      "It may be killed and started again: the devices come back. "
	      "SIGTERM ends it and its back ends.\n", f);
	fclose(f);
	return out;
}

const char *argp_program_version = "vmsgd " VMSG_VERSION;

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Provide virtio devices as messages: to a guest, through the shared memory of an ivshmem server (vmsg-ivshmem) or of an IVSHMEM function (VFIO), to a Xen domain, through its grants, or to this kernel, through /dev/virtio-msg.\v",
	.help_filter = help_filter,
};

/* ------------------------------------------------------------------ main */

static void on_signal(struct source *src, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)events;
	while (read(src->fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			children_reap();
		else
			stopping = true;
	}
}

static bool all_settled(void)
{
	struct device *d;

	for (d = devices; d; d = d->next)
		if (!d->announced)
			return false;
	return true;
}

static void finish(void)
{
	uint64_t until;

	opt.link->stop();
	/* Let back ends complete what they have begun, but not for ever. */
	until = now_ms() + 1500;
	while (!vmsg_bus_quiet(&bus) && now_ms() < until)
		loop_round(10);
	if (opt.link->leave)
		opt.link->leave();
	while (devices)
		device_free(devices);
	children_end(2000);
	while (clients)
		client_close(clients);
	if (control_listener.fd >= 0)
		unlink(opt.control);
}

/* Return: 0, or the status to exit with. */
static int join(const char *text)
{
	struct spec where;
	char *err = NULL;
	int i, ret = 2;

	if (!spec_parse(text, &where, &err)) {
		info("--on %s: %s", text, err);
		free(err);
		goto out;
	}
	if (!opt.link->join(&where)) {
		ret = 1;
		goto out;
	}
	ret = 0;
	for (i = 0; i < where.n && !ret; i++)
		if (!where.used[i]) {
			info("--on %s: '%s' is no option of this link; see --help",
			     text, where.key[i]);
			ret = 2;
		}
out:
	spec_free(&where);
	return ret;
}

int main(int argc, char **argv)
{
	struct source signals = { .fn = on_signal };
	uint64_t settle;
	sigset_t set;
	char *err;
	int i;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	loop_init();
	signal(SIGPIPE, SIG_IGN);
	i = join(opt.where);
	if (i)
		return i;
	bus.pong = on_pong;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals.fd < 0 || loop_add(&signals, EPOLLIN) < 0) {
		info("signalfd: %m");
		return 1;
	}
	if (opt.control) {
		control_listener.fd = unix_listen(opt.control);
		control_listener.fn = on_control;
		if (control_listener.fd < 0 ||
		    loop_add(&control_listener, EPOLLIN) < 0) {
			info("--control %s: no socket can be made there: %m", opt.control);
			return 1;
		}
	}
	for (i = 0; i < opt.ndev; i++) {
		if (!device_create(opt.dev[i], &err)) {
			info("--dev %s: %s", opt.dev[i], err);
			free(err);
			stopping = true;
			exit_status = 2;
			break;
		}
	}
	if (!stopping) {
		struct device *d, *next;

		for (d = devices; d; d = next) {
			next = d->next;
			d->type->open(d);
		}
	}

	/*
	 * The driver is let in when the devices are there.  So it finds all of
	 * them at once, and no back end of ours still works for our predecessor.
	 */
	settle = now_ms() + SETTLE_MS;
	while (!stopping && !all_settled()) {
		loop_round(100);
		if (now_ms() > settle) {
			info("not all devices are ready after %d s: going on without, they come when they are",
			     SETTLE_MS / 1000);
			break;
		}
	}
	if (!stopping) {
		started = true;
		if (opt.evil && !evil_set(opt.evil, &err)) {
			info("--%s", err);
			free(err);
			exit_status = 2;
			stopping = true;
		} else if (!opt.link->start()) {
			exit_status = 1;
			stopping = true;
		}
	}
	while (!stopping) {
		unsigned int delay = opt.link->poll();

		loop_round((int)delay);
		sweep();
	}
	finish();
	info("ended");
	return exit_status;
}
