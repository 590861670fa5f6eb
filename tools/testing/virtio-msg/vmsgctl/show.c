// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl list, show and stats
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs.h"
#include "json.h"
#include "look.h"
#include "vmsgctl.h"

static void need_module(const struct look *l)
{
	if (!l->module)
		die(CLASS ": is not there, and with it no bus; load the driver (modprobe virtio_msg and a transport), or ask vmsgctl doctor");
}

static void json_device(const struct look_device *d)
{
	json_object(NULL);
	json_string("name", d->name);
	json_number("id", (long long)d->id);
	json_string("type", device_name(d->id));
	json_number("vendor", (long long)d->vendor);
	json_string("driver", d->driver);
	json_number("status", (long long)d->status);
	json_string("features", d->features);
	if (d->detailed) {
		json_number("number", (long long)d->number);
		json_string("uuid", d->uuid);
		json_number("messages", d->messages);
		json_number("kicks", d->kicks);
		json_number("used", d->used);
		json_number("max_mapping", d->max_mapping);
	}
	json_end();
}

static void json_bus(const char *key, const struct look_bus *b)
{
	size_t i;

	json_object(key);
	json_string("name", b->name);
	json_string("transport", b->transport);
	json_string("state", b->state);
	json_string("wire", b->wire);
	json_string("parent", b->parent);
	json_string("driver", b->driver);
	json_number("timeout_ms", atoll(b->timeout_ms));
	json_number("keepalive_ms", atoll(b->keepalive_ms));
	json_array("devices");
	for (i = 0; i < b->num; i++)
		json_device(&b->dev[i]);
	json_end();
	json_end();
}

static void print_bus(const struct look_bus *b)
{
	printf("%s: %s%s%s, %s%s%s, %zu device%s\n", b->name, b->transport, b->parent ? " " : "",
	       b->parent ? b->parent : "", b->state, b->wire ? ", " : "", b->wire ? b->wire : "",
	       b->num, b->num == 1 ? "" : "s");
}

static void print_device(const struct look_device *d)
{
	char num[24] = "";

	if (d->detailed)
		snprintf(num, sizeof(num), "%lu", d->number);
	printf("  %-10s %5s  %-9s %-16s %s\n", d->name, num, device_name(d->id),
	       d->driver ? d->driver : "(no driver)",
	       d->status & 0x80 ? "failed" : d->status & 0x40 ? "needs reset" :
	       d->status & 0x04 ? "in use" : "idle");
}

/**
 * cmd_list() - buses and their devices
 *
 * Return: the exit status.
 */
int cmd_list(void)
{
	struct look l = look();
	size_t i, j;

	need_module(&l);
	if (opt.json) {
		json_array(NULL);
		for (i = 0; i < l.num; i++)
			json_bus(NULL, &l.bus[i]);
		json_end();
	}
	for (i = 0; i < l.num && !opt.json; i++) {
		print_bus(&l.bus[i]);
		for (j = 0; j < l.bus[i].num; j++)
			print_device(&l.bus[i].dev[j]);
	}
	if (!l.num && !opt.json)
		printf("no bus; vmsgctl doctor says what is missing\n");
	look_free(&l);
	return 0;
}

/* A file of debugfs, each line indented. */
static void print_file(const char *bus, const char *file, const char *title)
{
	char *text = fs_read(DEBUG "/%s/%s", bus, file), *line, *rest = text;

	if (!text) {
		printf("%s: not known (%s)\n", title, debugfs_advice());
		return;
	}
	if (*text)
		printf("%s:\n", title);
	while ((line = strsep(&rest, "\n")))
		if (*line && *line != '#')
			printf("  %s\n", line);
	free(text);
}

/* "name: value" lines become members, what else there is becomes "lines". */
static void json_file(const char *key, const char *bus, const char *file)
{
	char *text = fs_read(DEBUG "/%s/%s", bus, file), *line, *rest = text;

	if (!text) {
		json_string(key, NULL);
		return;
	}
	json_array(key);
	while ((line = strsep(&rest, "\n")))
		if (*line && *line != '#')
			json_string(NULL, line);
	json_end();
	free(text);
}

static void show_bus(const struct look_bus *b)
{
	size_t i;

	if (opt.json) {
		json_object(NULL);
		json_bus("bus", b);
		json_file("link", b->name, "bus");
		json_file("window", b->name, "window");
		json_file("inflight", b->name, "inflight");
		json_end();
		return;
	}
	print_bus(b);
	printf("parent: %s, driver %s\n", b->parent ? b->parent : "none",
	       b->driver ? b->driver : "none");
	printf("time-out: %s ms\nkeepalive: %s ms\n", b->timeout_ms, b->keepalive_ms);
	print_file(b->name, "bus", "link");
	print_file(b->name, "window", "window");
	print_file(b->name, "inflight", "in flight (id, device, message, state, age)");
	printf("devices:\n");
	for (i = 0; i < b->num; i++)
		print_device(&b->dev[i]);
}

static void show_device(const struct look_bus *b, const struct look_device *d)
{
	const char *sep = "";
	size_t i;

	if (opt.json) {
		json_object(NULL);
		json_string("bus", b->name);
		json_array("device");
		json_device(d);
		json_end();
		json_end();
		return;
	}
	printf("%s: %s on %s\n", d->name, device_name(d->id), b->name);
	printf("driver: %s\n", d->driver ? d->driver : "none");
	printf("virtio id: %lu, vendor %#lx\n", d->id, d->vendor);
	printf("status: %#lx (%s)\n", d->status, status_names(d->status));
	printf("features:");
	for (i = 0; d->features[i]; i++) {
		if (d->features[i] == '1') {
			printf("%s %zu", sep, i);
			sep = ",";
		}
	}
	printf("\n");
	if (!d->detailed)
		return;
	printf("number: %lu\nuuid: %s\nmessages: %lld\nkicks: %lld\nused events: %lld\n", d->number,
	       d->uuid, d->messages, d->kicks, d->used);
	printf("largest mapping: %lld bytes\n", d->max_mapping);
}

static const struct look_bus *find_bus(const struct look *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->num; i++)
		if (!strcmp(l->bus[i].name, name) ||
		    (!strncmp(l->bus[i].name, "virtio-msg", 10) &&
		     !strcmp(l->bus[i].name + 10, name)))
			return &l->bus[i];
	return NULL;
}

/**
 * cmd_show() - all that is known of one bus or one device
 *
 * Return: the exit status.
 */
int cmd_show(void)
{
	struct look l = look();
	const struct look_bus *b;
	size_t i, j;

	need_module(&l);
	b = find_bus(&l, opt.arg);
	if (b) {
		show_bus(b);
		look_free(&l);
		return 0;
	}
	for (i = 0; i < l.num; i++) {
		for (j = 0; j < l.bus[i].num; j++) {
			if (!strcmp(l.bus[i].dev[j].name, opt.arg)) {
				show_device(&l.bus[i], &l.bus[i].dev[j]);
				look_free(&l);
				return 0;
			}
		}
	}
	complain("show %s: no bus and no device of a bus has this name; expected is virtio-msgN or virtioN as vmsgctl list prints them",
		 opt.arg);
	look_free(&l);
	return 1;
}

struct sample {
	char *bus;
	struct counter *c;
	size_t num;
};

struct samples {
	struct sample *s;
	size_t num;
	uint64_t ns;
};

static struct samples take(void)
{
	struct fs_list names = fs_list("virtio-msg", CLASS);
	struct samples all = { .ns = mono_ns() };
	size_t i;

	for (i = 0; i < names.num; i++) {
		const char *n = names.name[i];
		struct sample s = { 0 };

		if (opt.arg && strcmp(opt.arg, n) && strcmp(opt.arg, n + 10))
			continue;
		s.c = read_counters(n, &s.num);
		/* It may have gone in the meantime. */
		if (!s.c && !fs_exists(CLASS "/%s", n))
			continue;
		if (!s.c)
			die(DEBUG "/%s/counters: %m; %s", n, debugfs_advice());
		s.bus = strdup(n);
		all.s = xrealloc(all.s, (all.num + 1) * sizeof(*all.s));
		all.s[all.num++] = s;
	}
	fs_list_free(&names);
	return all;
}

static void samples_free(struct samples *all)
{
	while (all->num) {
		free(all->s[--all->num].bus);
		free(all->s[all->num].c);
	}
	free(all->s);
}

static double rate(const struct sample *s, const struct sample *before, double seconds,
		   const char *name)
{
	long long was = before ? counter(before->c, before->num, name) : 0;

	return (double)(counter(s->c, s->num, name) - was) / seconds;
}

static const struct sample *same_bus(const struct samples *all, const char *bus)
{
	size_t i;

	for (i = 0; i < all->num; i++)
		if (!strcmp(all->s[i].bus, bus))
			return &all->s[i];
	return NULL;
}

static void json_samples(const struct samples *now, const struct samples *before)
{
	size_t i, j;

	json_object(NULL);
	json_number("time_ns", (long long)now->ns);
	json_array("buses");
	for (i = 0; i < now->num; i++) {
		const struct sample *s = &now->s[i];
		const struct sample *b = before ? same_bus(before, s->bus) : NULL;

		json_object(NULL);
		json_string("bus", s->bus);
		json_object("counters");
		for (j = 0; j < s->num; j++)
			json_number(s->c[j].name, s->c[j].value);
		json_end();
		if (b) {
			json_object("rates");
			for (j = 0; j < s->num; j++)
				json_real(s->c[j].name,
					  rate(s, b, (double)(now->ns - before->ns) / 1e9,
					       s->c[j].name));
			json_end();
		}
		json_end();
	}
	json_end();
	json_end();
}

static void print_samples(const struct samples *now)
{
	size_t i, j;

	for (i = 0; i < now->num; i++) {
		printf("%s\n", now->s[i].bus);
		for (j = 0; j < now->s[i].num; j++)
			if (now->s[i].c[j].value)
				printf("  %-16s %12lld\n", now->s[i].c[j].name,
				       now->s[i].c[j].value);
	}
}

static void print_rates(const struct samples *now, const struct samples *before)
{
	static const char * const columns[] = {
		"tx_request", "rx_response", "tx_event", "rx_event", "kick", "used",
	};
	static unsigned int lines;
	double seconds = (double)(now->ns - before->ns) / 1e9;
	size_t i, j;

	if (lines++ % 20 == 0)
		printf("%-14s %10s %10s %10s %10s %10s %10s %9s %9s\n", "per second", "requests",
		       "responses", "events out", "events in", "kicks", "used", "time-outs",
		       "malformed");
	for (i = 0; i < now->num; i++) {
		const struct sample *s = &now->s[i];
		const struct sample *b = same_bus(before, s->bus);

		printf("%-14s", s->bus);
		for (j = 0; j < sizeof(columns) / sizeof(columns[0]); j++)
			printf(" %10.1f", b ? rate(s, b, seconds, columns[j]) : 0);
		/* Of these not the rate: one is worth knowing. */
		printf(" %9lld %9lld\n", counter(s->c, s->num, "timeout"),
		       counter(s->c, s->num, "rx_malformed"));
	}
}

/**
 * cmd_stats() - counters, once, or their rates again and again
 *
 * Return: the exit status.
 */
int cmd_stats(void)
{
	struct samples now = take(), before;
	struct look l = look();
	long n;

	need_module(&l);
	if (opt.arg && !find_bus(&l, opt.arg))
		die("stats %s: no bus has this name; expected is virtio-msgN as vmsgctl list prints it",
		    opt.arg);
	look_free(&l);
	if (!opt.watch || opt.json) {
		if (opt.json)
			json_samples(&now, NULL);
		else
			print_samples(&now);
	}
	for (n = 0; opt.watch && !stopped && (!opt.count || n < opt.count); n++) {
		struct timespec nap = { .tv_sec = (time_t)opt.watch };

		nap.tv_nsec = (long)((opt.watch - (double)nap.tv_sec) * 1e9);
		fflush(stdout);
		if (ferror(stdout) || (nanosleep(&nap, NULL) && stopped))
			break;
		before = now;
		now = take();
		if (opt.json)
			json_samples(&now, &before);
		else
			print_rates(&now, &before);
		samples_free(&before);
	}
	samples_free(&now);
	return fflush(stdout) ? 1 : 0;
}
