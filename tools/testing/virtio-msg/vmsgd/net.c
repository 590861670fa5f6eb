// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: network devices
 *
 * Frames go to a stream socket as QEMU's "-netdev stream" does it: 32 bits of
 * length, most significant byte first, then the frame.  By default a passt of
 * our own is at the other end of a socketpair: it ends when the socket does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmsgd.h"
#include "../device/vmsg_devs.h"

#define MAX_ARGS	24
#define IN_SIZE		(256 * 1024)
#define OUT_SIZE	(256 * 1024)
#define PIPE_SIZE	(4 * 1024 * 1024)

struct net {
	struct device d;
	struct vmsg_net n;
	char *stream;			/* NULL: passt */
	char *args[MAX_ARGS];
	int nargs;
	unsigned int mtu;
	struct source conn;
	bool reading;
	bool announced_failure;
	bool own_mac;
	struct timer retry;
	struct child *child;
	unsigned int failures;
	uint64_t started;
	size_t in_len, out_pos, out_len;
	uint8_t in[IN_SIZE];
	uint8_t out[OUT_SIZE];
};

static void watch(struct net *n)
{
	if (n->conn.fd >= 0)
		loop_mod(&n->conn, (n->reading ? EPOLLIN : 0) |
			 (n->out_len > n->out_pos ? EPOLLOUT : 0));
}

static void lost(struct net *n, const char *why)
{
	if (n->conn.fd < 0)
		return;
	info("device %d: network: %s", n->d.num, why);
	loop_del(&n->conn);
	close(n->conn.fd);
	n->conn.fd = -1;
	n->in_len = 0;
	n->out_pos = 0;
	n->out_len = 0;
	vmsg_net_link(&n->n, false);
	/* Frames sent meanwhile go where frames go without a cable. */
	vmsg_net_resume(&n->n);
	timer_arm(&n->retry, 200);
}

/* Hand what was received to the driver, as long as it has buffers. */
static bool deliver(struct net *n)
{
	size_t pos = 0;

	n->reading = true;
	while (n->in_len - pos >= 4) {
		const uint8_t *p = n->in + pos;
		uint32_t len = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
			       (uint32_t)p[2] << 8 | p[3];

		if (len > VMSG_NET_MAX_FRAME) {
			vmsg_net_flush(&n->n);
			lost(n, "a frame of impossible length");
			return false;
		}
		if (n->in_len - pos - 4 < len)
			break;
		if (!vmsg_net_receive(&n->n, p + 4, len)) {
			n->reading = false;
			break;
		}
		pos += 4 + len;
	}
	vmsg_net_flush(&n->n);
	memmove(n->in, n->in + pos, n->in_len - pos);
	n->in_len -= pos;
	return true;
}

static void flush(struct net *n)
{
	while (n->out_pos < n->out_len) {
		ssize_t r = send(n->conn.fd, n->out + n->out_pos,
				 n->out_len - n->out_pos,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == EAGAIN)
			return;
		if (r <= 0) {
			lost(n, "connection lost");
			return;
		}
		n->out_pos += (size_t)r;
	}
	n->out_pos = 0;
	n->out_len = 0;
}

static void on_conn(struct source *src, uint32_t events)
{
	struct net *n = src->priv;
	ssize_t r;

	if (events & EPOLLOUT) {
		flush(n);
		if (n->conn.fd < 0)
			return;
		if (!n->out_len)
			vmsg_net_resume(&n->n);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		r = recv(src->fd, n->in + n->in_len, sizeof(n->in) - n->in_len,
			 MSG_DONTWAIT);
		if (!r || (r < 0 && errno != EAGAIN && errno != EINTR)) {
			lost(n, "connection closed");
			return;
		}
		if (r > 0)
			n->in_len += (size_t)r;
		if (!deliver(n))
			return;
	}
	watch(n);
}

static void rx_ready(struct vmsg_net *vn)
{
	struct net *n = container_of(vn, struct net, n);

	if (n->conn.fd >= 0 && deliver(n))
		watch(n);
}

static bool may_transmit(struct vmsg_net *vn)
{
	struct net *n = container_of(vn, struct net, n);

	return n->conn.fd < 0 ||
		sizeof(n->out) - n->out_len >= VMSG_NET_MAX_FRAME + 4;
}

static bool transmit(struct vmsg_net *vn, const uint8_t *frame, uint32_t len)
{
	struct net *n = container_of(vn, struct net, n);
	uint8_t *p = n->out + n->out_len;

	if (n->conn.fd < 0)
		return false;
	p[0] = (uint8_t)(len >> 24);
	p[1] = (uint8_t)(len >> 16);
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	memcpy(p + 4, frame, len);
	n->out_len += 4 + len;
	flush(n);
	if (n->out_len)
		watch(n);
	return true;
}

static void connected(struct net *n, int fd)
{
	set_nonblock(fd);
	n->conn.fd = fd;
	n->conn.fn = on_conn;
	n->conn.priv = n;
	n->reading = true;
	if (loop_add(&n->conn, EPOLLIN) < 0) {
		close(fd);
		n->conn.fd = -1;
		timer_arm(&n->retry, 1000);
		return;
	}
	if (n->d.announced)
		vmsg_net_link(&n->n, true);
	else
		device_ready(&n->d);
}

static void on_exit_child(struct child *c, int status)
{
	struct net *n = c->priv;

	info("device %d: passt ended with status %d", n->d.num,
	     WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	free(c);
	n->child = NULL;
	n->failures = now_ms() - n->started > 2000 ? 0 : n->failures + 1;
	lost(n, "passt ended");
	if (n->failures >= 5)
		timer_arm(&n->retry, 2000);
}

static void spawn(struct net *n)
{
	char *argv[MAX_ARGS + 16], *fd, *mtu;
	int sv[2], argc = 0, i, ret, room = PIPE_SIZE;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0) {
		timer_arm(&n->retry, 1000);
		return;
	}
	/*
	 * passt drops what does not fit while the driver has no buffers, and all of
	 * that is sent again.
	 */
	if (setsockopt(sv[1], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
		setsockopt(sv[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	fd = xasprintf("%d", sv[1]);
	mtu = xasprintf("%u", n->mtu);
	argv[argc++] = "passt";
	argv[argc++] = "--foreground";
	argv[argc++] = verbose ? "--stderr" : "--quiet";
	argv[argc++] = "--mtu";
	argv[argc++] = mtu;
	for (i = 0; i < n->nargs; i++)
		argv[argc++] = n->args[i];
	argv[argc++] = "--fd";
	argv[argc++] = fd;
	argv[argc] = NULL;
	n->child = xzalloc(sizeof(*n->child));
	n->child->exited = on_exit_child;
	n->child->priv = n;
	n->child->quiet = true;
	n->started = now_ms();
	ret = child_start(n->child, argv, &sv[1], 1);
	free(fd);
	free(mtu);
	close(sv[1]);
	if (ret < 0) {
		close(sv[0]);
		free(n->child);
		n->child = NULL;
		timer_arm(&n->retry, 1000);
		return;
	}
	connected(n, sv[0]);
}

static void on_retry(struct timer *t)
{
	struct net *n = t->priv;
	int fd;

	if (n->conn.fd >= 0)
		return;
	if (!n->stream) {
		if (!n->child)
			spawn(n);
		return;
	}
	fd = unix_connect(n->stream);
	if (fd >= 0) {
		n->announced_failure = false;
		connected(n, fd);
		return;
	}
	if (!n->d.announced && ++n->failures >= 50) {
		device_failed(&n->d, "%s: %s", n->stream, strerror(errno));
		return;
	}
	if (!n->announced_failure)
		info("device %d: %s: %m", n->d.num, n->stream);
	n->announced_failure = true;
	timer_arm(&n->retry, 200);
}

static void net_open(struct device *d)
{
	struct net *n = container_of(d, struct net, d);

	if (!n->own_mac)
		n->n.config[5] = (uint8_t)d->num;
	on_retry(&n->retry);
}

static void child_free(struct child *c, int status)
{
	(void)status;
	free(c);
}

static void net_destroy(struct device *d)
{
	struct net *n = container_of(d, struct net, d);
	int i;

	timer_cancel(&n->retry);
	if (n->conn.fd >= 0) {
		loop_del(&n->conn);
		close(n->conn.fd);
	}
	if (n->child) {
		n->child->exited = child_free;
		child_kill(n->child, SIGTERM);
	}
	for (i = 0; i < n->nargs; i++)
		free(n->args[i]);
	free(n->stream);
	free(n);
}

static bool parse_mac(const char *s, uint8_t mac[6])
{
	unsigned int v[6];
	char end;
	int i;

	if (sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%c", &v[0], &v[1], &v[2], &v[3],
		   &v[4], &v[5], &end) != 6)
		return false;
	for (i = 0; i < 6; i++)
		mac[i] = (uint8_t)v[i];
	return !(mac[0] & 1);
}

static struct device *net_create(struct spec *spec, char **err)
{
	/* Locally administered; the last byte becomes the device number. */
	uint8_t mac[6] = { 0x02, 0x76, 0x6d, 0x73, 0x67, 0x00 };
	const char *stream = spec_get(spec, "stream");
	const char *m = spec_get(spec, "mac"), *arg;
	struct net *n = xzalloc(sizeof(*n));
	int pos = 0;

	n->conn.fd = -1;
	n->retry.fn = on_retry;
	n->retry.priv = n;
	n->own_mac = m;
	n->mtu = (unsigned int)spec_number(spec, "mtu", 1500, 68, 65520, err);
	if (!*err && m && !parse_mac(m, mac))
		*err = xasprintf("mac=%s is not the address of a card", m);
	if (stream && !*err)
		n->stream = xstrdup(stream);
	while (!*err && (arg = spec_next(spec, "arg", &pos))) {
		if (stream || n->nargs == MAX_ARGS)
			*err = xasprintf("arg= is for passt, %d times at most",
					 MAX_ARGS);
		else
			n->args[n->nargs++] = xstrdup(arg);
	}
	if (*err) {
		net_destroy(&n->d);
		return NULL;
	}
	vmsg_net_init(&n->n, mac, (uint16_t)n->mtu);
	n->n.transmit = transmit;
	n->n.may_transmit = may_transmit;
	n->n.rx_ready = rx_ready;
	n->d.vd = &n->n.dev;
	n->d.identity = stream ? xasprintf("net:%s", stream) : xstrdup("net");
	return &n->d;
}

const struct device_type net_type = {
	.name = "net",
	.help = "net[,mac=MAC][,mtu=1500][,arg=PASST-ARGUMENT]...\n"
		"net,stream=SOCKET[,mac=MAC][,mtu=1500]",
	.create = net_create,
	.open = net_open,
	.destroy = net_destroy,
};
