// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of the bench, by the serial port
 *
 * A command is a line.  Its answer is lines that begin with "> ", and "= 0", or
 * "= 1" if it could not be done.  None of this is part of the wire format.
 */
#include "body.h"

#define LINE_SIZE	128

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Take the next word off. */
static char *word(char **rest)
{
	char *p = *rest, *w;

	while (*p == ' ')
		p++;
	w = p;
	while (*p && *p != ' ')
		p++;
	if (*p)
		*p++ = 0;
	*rest = p;
	return w;
}

static bool number(const char *w, unsigned int *v)
{
	unsigned int n = 0, digits;

	for (digits = 0; w[digits]; digits++) {
		if (w[digits] < '0' || w[digits] > '9' || digits > 8)
			return false;
		n = n * 10 + (unsigned int)(w[digits] - '0');
	}
	*v = n;
	return digits;
}

static void show(const char *name, uint64_t v)
{
	put_string("> ");
	put_string(name);
	put_string(" ");
	put_dec(v);
	put_string("\n");
}

static void show_device(const struct vmsg_dev *dev)
{
	put_string("> device ");
	put_dec(dev->num);
	put_string(" messages ");
	put_dec(dev->stats.messages);
	put_string(" kicks ");
	put_dec(dev->stats.kicks);
	put_string(" requests ");
	put_dec(dev->stats.requests);
	put_string(" used-events ");
	put_dec(dev->stats.used_events);
	put_string(" resets ");
	put_dec(dev->stats.resets);
	put_string(" faults ");
	put_dec(dev->stats.faults);
	put_string("\n");
}

static bool stats(unsigned int unused)
{
	const struct vmsg_dev *dev;

	(void)unused;
	put_string("> home ");
	put_string(home.name);
	put_string("\n");
	show("messages", body.stats.messages);
	show("polls", body.stats.polls);
	show("poll-events", body.stats.poll_events);
	show("kicks", body.stats.kicks);
	show("notifications", body.stats.notifications);
	show("busy", body.stats.busy);
	show("alarms", body.stats.alarms);
	show("ring", body.ring);
	show("malformed", body.bus.stats.malformed);
	show("refused", body.bus.stats.refused);
	show("stray", body.bus.stats.stray);
	for (dev = body.bus.devs; dev; dev = dev->next)
		show_device(dev);
	home.show_calls();
	return true;
}

static bool shares(unsigned int unused)
{
	(void)unused;
	show("shares", home.show_shares());
	return true;
}

static bool forget(unsigned int unused)
{
	(void)unused;
	body_forget();
	return true;
}

static bool event_reset(unsigned int unused)
{
	(void)unused;
	body_event_reset();
	return body.event_reset;
}

static bool release(unsigned int unused)
{
	(void)unused;
	return body_event_release();
}

static bool storm(unsigned int n)
{
	trouble.storm = n;
	home.alarm(0);
	return body.method == METHOD_NOTIFICATION;
}

static bool plug(unsigned int num)
{
	bool done = devices_plug(&body.bus, num, true);

	body_run();
	return done;
}

static bool unplug(unsigned int num)
{
	bool done = devices_plug(&body.bus, num, false);

	body_run();
	return done;
}

static bool help(unsigned int unused);

/* A command sets a number or a switch, or is a function. */
static const struct command {
	const char *name;
	unsigned int *count;
	bool *on;
	bool (*function)(unsigned int n);
	bool argument;
} commands[] = {
	{ .name = "help", .function = help },
	{ .name = "stats", .function = stats },
	{ .name = "shares", .function = shares },
	{ .name = "busy", .count = &trouble.busy },
	{ .name = "garbage", .count = &trouble.garbage },
	{ .name = "size", .count = &trouble.size },
	{ .name = "version", .count = &trouble.version },
	{ .name = "refuse-share", .count = &trouble.refuse_share },
	{ .name = "busy-share", .count = &trouble.busy_share },
	{ .name = "refuse-unshare", .count = &trouble.refuse_unshare },
	{ .name = "keep", .on = &trouble.keep },
	{ .name = "silent", .on = &trouble.silent },
	{ .name = "no-kicks", .on = &trouble.no_kicks },
	{ .name = "no-events", .on = &trouble.no_events },
	{ .name = "mark", .on = &trouble.mark },
	{ .name = "forget", .function = forget },
	{ .name = "event-reset", .function = event_reset },
	{ .name = "release", .function = release },
	{ .name = "storm", .function = storm, .argument = true },
	{ .name = "plug", .function = plug, .argument = true },
	{ .name = "unplug", .function = unplug, .argument = true },
};

#define NCOMMANDS	(sizeof(commands) / sizeof(commands[0]))

static bool help(unsigned int unused)
{
	unsigned int i;

	(void)unused;
	for (i = 0; i < NCOMMANDS; i++) {
		put_string("> ");
		put_string(commands[i].name);
		put_string(commands[i].on ? " on|off\n" :
			   commands[i].count || commands[i].argument ? " NUMBER\n" : "\n");
	}
	return true;
}

static bool run(const struct command *c, const char *arg)
{
	unsigned int n = 0;

	if (c->on) {
		*c->on = equal(arg, "on");
		return *c->on || equal(arg, "off");
	}
	if (c->count)
		return number(arg, c->count);
	if (c->argument && !number(arg, &n))
		return false;
	return c->function(n);
}

static void line(char *text)
{
	const char *name = word(&text);
	unsigned int i;
	bool done = false;

	for (i = 0; i < NCOMMANDS; i++)
		if (equal(name, commands[i].name))
			break;
	if (i < NCOMMANDS)
		done = run(&commands[i], word(&text));
	put_string(done ? "= 0\n" : "= 1\n");
}

void control_input(void)
{
	static char text[LINE_SIZE];
	static unsigned int len;
	int c;

	while ((c = uart_getc()) >= 0) {
		if (c == '\r')
			continue;
		if (c != '\n') {
			if (len < LINE_SIZE - 1)
				text[len++] = (char)c;
			continue;
		}
		text[len] = 0;
		len = 0;
		line(text);
	}
}
