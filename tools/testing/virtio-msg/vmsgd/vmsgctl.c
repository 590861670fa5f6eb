// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl: talk to a running vmsgd
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
	const char *control;
	int json;
	char *arg[2];
	int narg;
} opt;

enum { O_CONTROL = 256, O_JSON };

static const struct argp_option options[] = {
	{ "control", O_CONTROL, "PATH", 0, "Control socket of vmsgd (required)", 0 },
	{ "json", O_JSON, NULL, 0, "Print list and stats as JSON", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const char *cmd;
	int want;

	switch (key) {
	case O_CONTROL:
		opt.control = arg;
		break;
	case O_JSON:
		opt.json = 1;
		break;
	case ARGP_KEY_ARG:
		if (opt.narg == 2)
			argp_error(state, "unexpected argument '%s'", arg);
		else
			opt.arg[opt.narg++] = arg;
		break;
	case ARGP_KEY_END:
		cmd = opt.narg ? opt.arg[0] : "help";
		if (!strcmp(cmd, "help"))
			argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		if (!strcmp(cmd, "add") || !strcmp(cmd, "remove"))
			want = 2;
		else if (!strcmp(cmd, "list") || !strcmp(cmd, "stats") ||
			 !strcmp(cmd, "ping"))
			want = 1;
		else
			want = 0;
		if (!want)
			argp_error(state, "unknown command '%s'", cmd);
		else if (opt.narg != want)
			argp_error(state, want == 2 ? "%s needs an argument" :
				   "%s takes no argument", cmd);
		if (!opt.control)
			argp_error(state, "--control is required");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "add SPEC\nremove NUM\nlist\nstats\nping\nhelp",
	.doc = "Control a running vmsgd.\v"
	"add SPEC waits until the device is ready and prints its number; SPEC is that of vmsgd --dev.\n"
	"remove NUM returns when the device is gone.\n"
	"list shows the devices, stats what went over the bus.\n"
	"ping asks the driver side whether it is there.\n\n"
	"Examples:\n"
	"  vmsgctl --control /run/vm.ctl add blk,file=disk.img\n"
	"  vmsgctl --control /run/vm.ctl remove 2\n"
	"  vmsgctl --control /run/vm.ctl stats --json\n",
};

int main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval tv = { .tv_sec = 60 };
	char line[4096], *nl;
	char buf[8192];
	size_t have = 0;
	int fd, status = 1, head = 1;
	ssize_t n;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (strlen(opt.control) >= sizeof(a.sun_path)) {
		fprintf(stderr, "vmsgctl: %s: %s\n", opt.control,
			strerror(ENAMETOOLONG));
		return 1;
	}
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", opt.control);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		fprintf(stderr, "vmsgctl: %s: %m (is vmsgd running?)\n",
			opt.control);
		return 1;
	}
	if (!strcmp(opt.arg[0], "ping"))
		tv.tv_sec = 5;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	n = snprintf(line, sizeof(line), "%s%s%s\n", opt.arg[0],
		     opt.arg[1] ? " " : opt.json ? " json" : "",
		     opt.arg[1] ? opt.arg[1] : "");
	if (n >= (ssize_t)sizeof(line) || strchr(line, '\n') != line + n - 1) {
		fprintf(stderr, "vmsgctl: this cannot be sent\n");
		return 1;
	}
	if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n) {
		fprintf(stderr, "vmsgctl: %m\n");
		return 1;
	}

	/* The first line says how it went; the rest is what was asked for. */
	while ((n = recv(fd, buf + have, sizeof(buf) - 1 - have, 0)) > 0) {
		have += (size_t)n;
		buf[have] = 0;
		if (head) {
			nl = strchr(buf, '\n');
			if (!nl && have < sizeof(buf) - 1)
				continue;
			if (nl)
				*nl++ = 0;
			head = 0;
			if (strcmp(buf, "ok")) {
				fprintf(stderr, "vmsgctl: %s\n",
					!strncmp(buf, "error ", 6) ? buf + 6 : buf);
				return 1;
			}
			status = 0;
			have -= (size_t)(nl - buf);
			memmove(buf, nl, have);
		}
		fwrite(buf, 1, have, stdout);
		have = 0;
	}
	if (n < 0) {
		fprintf(stderr, "vmsgctl: %s\n", errno == EAGAIN ? "no answer" :
			strerror(errno));
		return 1;
	}
	if (status)
		fprintf(stderr, "vmsgctl: vmsgd hung up\n");
	return status;
}
