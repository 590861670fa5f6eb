// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl: look at the driver side of this machine, or talk to a vmsgd
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmsgctl.h"

struct options opt = { .bus = -1, .buffer_kb = 4096, .words = true };
volatile sig_atomic_t stopped;

enum {
	O_CONTROL = 256, O_JSON, O_ROOT, O_BUS, O_DURATION, O_BUFFER, O_NO_WORDS, O_WATCH,
	O_WRITE = 'w', O_COUNT = 'c',
};

/* Which options a command takes, beside --control; the order is that of names below. */
#define T_JSON		0x001
#define T_ROOT		0x002
#define T_WRITE		0x004
#define T_BUS		0x008
#define T_COUNT		0x010
#define T_DURATION	0x020
#define T_BUFFER	0x040
#define T_NO_WORDS	0x080
#define T_WATCH		0x100

#define T_EVENTS	(T_BUS | T_COUNT | T_DURATION | T_BUFFER | T_NO_WORDS)

static const char * const takes_names[] = {
	"json", "root", "write", "bus", "count", "duration", "buffer", "no-words", "watch",
};

struct command {
	const char *name;
	bool daemon;		/* with --control, or without it */
	const char *arg;	/* what the argument is, NULL for none; [BUS]: it may be there */
	unsigned int takes;
	int (*run)(void);
};

static const struct command commands[] = {
	{ "list", false, NULL, T_JSON | T_ROOT, cmd_list },
	{ "show", false, "BUS|DEVICE", T_JSON | T_ROOT, cmd_show },
	{ "stats", false, "[BUS]", T_JSON | T_ROOT | T_WATCH | T_COUNT, cmd_stats },
	{ "trace", false, NULL, T_JSON | T_EVENTS, cmd_trace },
	{ "capture", false, NULL, T_WRITE | T_EVENTS, cmd_capture },
	{ "doctor", false, NULL, T_JSON | T_ROOT, cmd_doctor },
	{ "add", true, "SPEC", 0, cmd_daemon },
	{ "remove", true, "NUM", 0, cmd_daemon },
	{ "list", true, NULL, T_JSON, cmd_daemon },
	{ "stats", true, NULL, T_JSON, cmd_daemon },
	{ "ping", true, NULL, 0, cmd_daemon },
	{ "evil", true, "[N[,SEED[,DEVICE]]]", 0, cmd_daemon },
	{ "crash", true, "K", 0, cmd_daemon },
	{ "churn", true, "N[,SEED]", 0, cmd_daemon },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct argp_option options[] = {
	{ "control", O_CONTROL, "PATH", 0, "Talk to the vmsgd with this control socket", 1 },
	{ "json", O_JSON, NULL, 0, "Print JSON (list, show, stats, trace, doctor)", 1 },
	{ "root", O_ROOT, "DIR", 0,
	  "Look at the files below DIR in place of / (list, show, stats, doctor)", 1 },
	{ "watch", O_WATCH, "SECONDS", OPTION_ARG_OPTIONAL,
	  "stats: rates, again and again (every second)", 1 },
	{ "count", O_COUNT, "N", 0, "End after N packets, lines or looks", 1 },
	{ NULL, 0, NULL, 0, "Options of trace and capture:", 2 },
	{ "write", O_WRITE, "FILE", 0, "capture: where to; - is stdout", 2 },
	{ "bus", O_BUS, "N", 0, "Only virtio-msgN", 2 },
	{ "duration", O_DURATION, "SECONDS", 0, "End after so long", 2 },
	{ "buffer", O_BUFFER, "KIB", 0, "Buffer of each processor (4096)", 2 },
	{ "no-words", O_NO_WORDS, NULL, 0,
	  "Leave out kicks and used events that are no messages", 2 },
	{ 0 }
};

static unsigned int given;	/* T_* of the options that were seen */

void complain(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("vmsgctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("vmsgctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void *xrealloc(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		die("no memory for %zu bytes", size);
	return p;
}

uint64_t mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* number() - an option's value, whole, within bounds */
static long number(struct argp_state *state, const char *name, const char *arg, long min,
		   long max)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(arg, &end, 10);
	if (errno || end == arg || *end || v < min || v > max)
		argp_error(state, "--%s '%s': a number from %ld to %ld is expected", name, arg,
			   min, max);
	return v;
}

static const struct command *find(struct argp_state *state)
{
	const struct command *other = NULL;
	size_t i;

	for (i = 0; i < N_COMMANDS; i++) {
		if (strcmp(opt.command, commands[i].name))
			continue;
		if (commands[i].daemon == !!opt.control)
			return &commands[i];
		other = &commands[i];
	}
	if (!other)
		argp_error(state, "unknown command '%s'", opt.command);
	else if (other->daemon)
		argp_error(state, "'%s' is for a vmsgd: give its socket with --control PATH",
			   opt.command);
	else
		argp_error(state, "'%s' looks at the driver side of this machine: leave --control out",
			   opt.command);
	exit(2);	/* argp_error() does not return, which it does not declare */
}

static const struct command *chosen;

static void check(struct argp_state *state)
{
	const struct command *c;
	unsigned int i;

	if (!opt.command || !strcmp(opt.command, "help")) {
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		exit(0);
	}
	c = find(state);
	if (c->arg && *c->arg != '[' && !opt.arg)
		argp_error(state, "%s needs an argument %s", c->name, c->arg);
	if (!c->arg && opt.arg)
		argp_error(state, "%s takes no argument '%s'", c->name, opt.arg);
	for (i = 0; i < sizeof(takes_names) / sizeof(takes_names[0]); i++)
		if (given & ~c->takes & 1U << i)
			argp_error(state, "%s takes no --%s", c->name, takes_names[i]);
	if ((c->takes & T_WRITE) && !opt.write)
		argp_error(state, "%s needs -w FILE (- for stdout)", c->name);
	if (opt.count && c->run == cmd_stats && !opt.watch)
		argp_error(state, "--count of stats needs --watch");
	chosen = c;
}

static double seconds(struct argp_state *state, const char *name, const char *arg)
{
	char *end;
	double v = strtod(arg, &end);

	if (end == arg || *end || !(v > 0 && v < 1e9))
		argp_error(state, "--%s '%s': seconds are expected, more than 0", name, arg);
	return v;
}

static error_t parse_argument(struct argp_state *state, char *arg)
{
	if (!opt.command)
		opt.command = arg;
	else if (!opt.arg)
		opt.arg = arg;
	else
		argp_error(state, "unexpected argument '%s'", arg);
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case O_CONTROL:
		opt.control = arg;
		break;
	case O_JSON:
		opt.json = true;
		given |= T_JSON;
		break;
	case O_ROOT:
		opt.root = arg;
		given |= T_ROOT;
		break;
	case O_WRITE:
		opt.write = arg;
		given |= T_WRITE;
		break;
	case O_BUS:
		if (!strncmp(arg, "virtio-msg", 10))
			arg += 10;
		opt.bus = number(state, "bus", arg, 0, INT32_MAX);
		given |= T_BUS;
		break;
	case O_COUNT:
		opt.count = number(state, "count", arg, 1, INT32_MAX);
		given |= T_COUNT;
		break;
	case O_DURATION:
		opt.duration = seconds(state, "duration", arg);
		given |= T_DURATION;
		break;
	case O_BUFFER:
		opt.buffer_kb = number(state, "buffer", arg, 64, 1 << 20);
		given |= T_BUFFER;
		break;
	case O_NO_WORDS:
		opt.words = false;
		given |= T_NO_WORDS;
		break;
	case O_WATCH:
		opt.watch = arg ? seconds(state, "watch", arg) : 1;
		given |= T_WATCH;
		break;
	case ARGP_KEY_ARG:
		return parse_argument(state, arg);
	case ARGP_KEY_END:
		check(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

const char *argp_program_version = "vmsgctl " VMSG_VERSION;

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "list|doctor|trace\nshow BUS|DEVICE\nstats [BUS]\ncapture -w FILE\n"
		    "--control PATH add SPEC|remove NUM|list|stats|ping|evil [N]|crash K|churn N\nhelp",
	.doc = "Look at the driver side of this machine or, with --control, talk to a vmsgd.\v"
	"The driver side, through sysfs, debugfs and tracefs; all but list need root:\n"
	"  list         buses and their devices\n"
	"  show NAME    all that is known of a bus (virtio-msgN) or a device (virtioN)\n"
	"  stats [BUS]  counters; with --watch what they gain per second\n"
	"  trace        print what goes over the buses, a line each\n"
	"  capture      write it to a pcapng file for Wireshark\n"
	"  doctor       say what is well and what is not, and what helps\n\n"
	"A vmsgd:\n"
	"  add SPEC     wait until the device is ready and print its number; SPEC is\n"
	"               that of vmsgd --dev\n"
	"  remove NUM   return when the device is gone\n"
	"  list, stats  its devices; what went over its bus\n"
	"  ping         is the driver side there?\n"
	"  evil [N]     for tests of drivers: see vmsgd --help; 0 ends it. Prints what has\n"
	"               been done\n"
	"  crash K      it kills itself K crash points from now; 0: it does not\n"
	"  churn N      N devices come and go, at numbers 100 to 163, each as soon as its\n"
	"               driver has reached some stage\n\n"
	"Examples:\n"
	"  vmsgctl doctor\n"
	"  vmsgctl stats --watch=5\n"
	"  vmsgctl capture -w bus.pcapng --bus 0 --duration 10\n"
	"  ssh root@board vmsgctl capture -w - | wireshark -k -i -\n"
	"  vmsgctl --control /run/vm.ctl add blk,file=disk.img\n"
	"  vmsgctl --control /run/vm.ctl stats --json\n",
};

static void stop(int sig)
{
	stopped = sig;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = stop };

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!chosen->daemon) {
		/* Not restarted: who waits shall see it. */
		sigaction(SIGINT, &sa, NULL);
		sigaction(SIGTERM, &sa, NULL);
		signal(SIGPIPE, SIG_IGN);
	}
	return chosen->run();
}
