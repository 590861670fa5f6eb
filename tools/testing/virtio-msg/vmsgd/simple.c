// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: entropy, console, RAM disk, I2C adapter
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "vmsgd.h"
#include "../device/vmsg_devs.h"

/* ----------------------------------------------------------------- rng */

struct rng {
	struct device d;
	struct vmsg_rng r;
};

static void fill(struct vmsg_rng *r, uint8_t *buf, uint32_t len)
{
	(void)r;
	get_random(buf, len);
}

static void rng_destroy(struct device *d)
{
	free(container_of(d, struct rng, d));
}

static struct device *rng_create(struct spec *spec, char **err)
{
	struct rng *r = xzalloc(sizeof(*r));

	(void)spec;
	(void)err;
	vmsg_rng_init(&r->r);
	r->r.fill = fill;
	r->d.vd = &r->r.dev;
	r->d.identity = xstrdup("rng");
	return &r->d;
}

static void open_at_once(struct device *d)
{
	device_ready(d);
}

const struct device_type rng_type = {
	.name = "rng",
	.help = "rng",
	.create = rng_create,
	.open = open_at_once,
	.destroy = rng_destroy,
};

/* -------------------------------------------------------------- ramblk */

struct ramblk {
	struct device d;
	struct vmsg_ramblk b;
	void *mem;
	size_t size;
};

static void ramblk_destroy(struct device *d)
{
	struct ramblk *b = container_of(d, struct ramblk, d);

	if (b->mem)
		munmap(b->mem, b->size);
	free(b);
}

static struct device *ramblk_create(struct spec *spec, char **err)
{
	struct ramblk *b = xzalloc(sizeof(*b));
	bool ro = spec_bool(spec, "ro", false, err);

	b->size = spec_number(spec, "size", 64 << 20, 512, 1ULL << 36, err);
	if (!*err && b->size % 512)
		*err = xasprintf("size=%zu must be a multiple of 512", b->size);
	if (!*err) {
		b->mem = mmap(NULL, b->size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (b->mem == MAP_FAILED) {
			b->mem = NULL;
			*err = xasprintf("size=%zu: no such memory: %s", b->size, strerror(errno));
		}
	}
	if (*err) {
		ramblk_destroy(&b->d);
		return NULL;
	}
	vmsg_ramblk_init(&b->b, b->mem, b->size / 512, ro);
	b->d.vd = &b->b.dev;
	b->d.identity = xasprintf("ramblk:%zu", b->size);
	b->d.volatile_state = true;
	return &b->d;
}

const struct device_type ramblk_type = {
	.name = "ramblk",
	.help = "ramblk[,size=64M][,ro=on]",
	.create = ramblk_create,
	.open = open_at_once,
	.destroy = ramblk_destroy,
};

/* ----------------------------------------------------------------- i2c */

/* An adapter with an EEPROM at 0x50 and a temperature sensor at 0x48. */
struct i2c {
	struct device d;
	struct vmsg_i2c i;
	struct vmsg_24c02 eeprom;
	struct vmsg_lm75 sensor;
	uint8_t data[256];
};

static void i2c_destroy(struct device *d)
{
	free(container_of(d, struct i2c, d));
}

static struct device *i2c_create(struct spec *spec, char **err)
{
	uint64_t temp = spec_number(spec, "temp", 42500, 0, 127500, err);
	struct i2c *i;

	if (!*err && temp % 500)
		*err = xasprintf("temp=%llu must be a multiple of 500", (unsigned long long)temp);
	if (*err)
		return NULL;
	i = xzalloc(sizeof(*i));
	vmsg_i2c_init(&i->i);
	vmsg_24c02_init(&i->eeprom, 0x50, i->data);
	vmsg_lm75_init(&i->sensor, 0x48, (int16_t)(temp / 500));
	vmsg_i2c_add(&i->i, &i->eeprom.chip);
	vmsg_i2c_add(&i->i, &i->sensor.chip);
	i->d.vd = &i->i.dev;
	i->d.identity = xstrdup("i2c");
	return &i->d;
}

const struct device_type i2c_type = {
	.name = "i2c",
	.help = "i2c[,temp=42500]",
	.create = i2c_create,
	.open = open_at_once,
	.destroy = i2c_destroy,
};

/* ------------------------------------------------------------- console */

/*
 * The other end is a terminal (pty), a client of a Unix socket, or our own
 * standard input and output.  While nobody is at a socket, output is dropped
 * and not kept for whoever comes: a guest must not stop because nobody listens.
 */
struct console {
	struct device d;
	struct vmsg_console c;
	struct source in;
	struct source out;	/* stdio only: fd 1 */
	struct source listener;
	char *path;		/* of a socket, or a link to the terminal */
	bool is_pty;
	bool is_stdio;
	bool restore;
	struct termios saved;
	bool want_out;
	bool polled;		/* stdin may be a file, which epoll refuses */
	bool reading;
	struct timer retry;
	size_t len;
	uint8_t buf[4096];
};

static void console_watch(struct console *c)
{
	if (c->in.fd < 0 || !c->polled)
		return;
	loop_mod(&c->in, (c->reading ? EPOLLIN : 0) |
		 (c->want_out && !c->is_stdio ? EPOLLOUT : 0));
}

static void console_close(struct console *c)
{
	if (c->in.fd < 0)
		return;
	if (c->polled)
		loop_del(&c->in);
	if (!c->is_stdio)
		close(c->in.fd);
	c->in.fd = -1;
	c->len = 0;
	c->want_out = false;
	vmsg_console_resume(&c->c);
}

static void console_feed(struct console *c)
{
	uint32_t took;

	if (!c->len)
		return;
	took = vmsg_console_input(&c->c, c->buf, (uint32_t)c->len);
	memmove(c->buf, c->buf + took, c->len - took);
	c->len -= took;
}

static void console_in(struct console *c)
{
	ssize_t n;

	while (c->in.fd >= 0) {
		console_feed(c);
		if (c->len) {
			/* No buffers: the rest waits here, more waits there. */
			c->reading = false;
			break;
		}
		c->reading = true;
		n = read(c->in.fd, c->buf, sizeof(c->buf));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		/* A terminal that nobody has opened says EIO. */
		if (n < 0 && errno == EIO && c->is_pty) {
			c->reading = false;
			timer_arm(&c->retry, 200);
			break;
		}
		if (n <= 0) {
			console_close(c);
			return;
		}
		c->len = (size_t)n;
	}
	console_watch(c);
}

static void console_on_retry(struct timer *t)
{
	console_in(t->priv);
}

static void console_event(struct source *src, uint32_t events)
{
	struct console *c = src->priv;

	if (events & EPOLLOUT) {
		c->want_out = false;
		vmsg_console_resume(&c->c);
	}
	if (c->in.fd < 0)
		return;
	if (events & EPOLLHUP && c->is_pty && !(events & EPOLLIN)) {
		/* Level triggered for ever: ask now and then instead. */
		c->reading = false;
		loop_del(&c->in);
		c->polled = false;
		timer_arm(&c->retry, 200);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		console_in(c);
	else
		console_watch(c);
}

static void console_pty_retry(struct timer *t)
{
	struct console *c = t->priv;

	if (!c->polled && c->in.fd >= 0) {
		if (loop_add(&c->in, EPOLLIN) == 0)
			c->polled = true;
	}
	console_on_retry(t);
}

static uint32_t console_write(struct vmsg_console *vc, const uint8_t *buf,
			      uint32_t len)
{
	struct console *c = container_of(vc, struct console, c);
	int fd = c->is_stdio ? 1 : c->in.fd;
	ssize_t n;

	if (fd < 0)
		return len;
	n = c->is_stdio || c->is_pty ? write(fd, buf, len) :
		send(fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0)
		return (uint32_t)n;
	if (errno != EAGAIN && errno != EINTR)
		return len;
	/* A terminal without a reader is full for ever. */
	if (c->is_pty && !c->polled)
		return len;
	c->want_out = true;
	if (c->is_stdio)
		loop_mod(&c->out, EPOLLOUT | EPOLLONESHOT);
	else
		console_watch(c);
	return 0;
}

static void console_out_event(struct source *src, uint32_t events)
{
	struct console *c = src->priv;

	(void)events;
	c->want_out = false;
	vmsg_console_resume(&c->c);
}

static void console_restart(struct vmsg_console *vc, bool running)
{
	struct console *c = container_of(vc, struct console, c);

	if (running)
		console_in(c);
}

static void console_accept(struct source *src, uint32_t events)
{
	struct console *c = src->priv;
	int fd = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (c->in.fd >= 0) {
		/* One at a time; the one that is there was first. */
		close(fd);
		return;
	}
	c->in.fd = fd;
	c->polled = loop_add(&c->in, EPOLLIN) == 0;
	c->reading = true;
}

static void console_destroy(struct device *d)
{
	struct console *c = container_of(d, struct console, d);

	timer_cancel(&c->retry);
	if (c->in.fd >= 0 && c->polled)
		loop_del(&c->in);
	if (c->in.fd >= 0 && !c->is_stdio)
		close(c->in.fd);
	if (c->out.fd >= 0)
		loop_del(&c->out);
	if (c->restore)
		tcsetattr(0, TCSANOW, &c->saved);
	if (c->listener.fd >= 0) {
		loop_del(&c->listener);
		close(c->listener.fd);
	}
	if (c->path && (c->listener.fd >= 0 || c->is_pty))
		unlink(c->path);
	free(c->path);
	free(c);
}

static int open_pty(struct console *c)
{
	struct termios t;
	int fd, slave;

	fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	/* No echo of what the guest prints, before anybody opens it. */
	slave = open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave >= 0) {
		if (!tcgetattr(slave, &t)) {
			cfmakeraw(&t);
			tcsetattr(slave, TCSANOW, &t);
		}
		close(slave);
	}
	if (c->path) {
		unlink(c->path);
		if (symlink(ptsname(fd), c->path) < 0) {
			close(fd);
			return -1;
		}
	}
	return fd;
}

static struct device *console_create(struct spec *spec, char **err)
{
	const char *path = spec_get(spec, "path");
	const char *pty = spec_get(spec, "pty");
	bool stdio = spec_get(spec, "stdio");
	struct console *c;
	struct termios t;

	if (!!path + !!pty + stdio != 1) {
		*err = xasprintf("console needs one of path=SOCKET, pty[=LINK], stdio");
		return NULL;
	}
	c = xzalloc(sizeof(*c));
	c->in.fd = -1;
	c->out.fd = -1;
	c->listener.fd = -1;
	c->in.fn = console_event;
	c->in.priv = c;
	c->retry.fn = console_pty_retry;
	c->retry.priv = c;
	c->is_pty = pty;
	c->is_stdio = stdio;
	c->reading = true;
	if (path) {
		c->path = xstrdup(path);
		c->listener.fd = unix_listen(path);
		c->listener.fn = console_accept;
		c->listener.priv = c;
		if (c->listener.fd < 0 || loop_add(&c->listener, EPOLLIN) < 0) {
			*err = xasprintf("path=%s: no socket can be made there: %s",
					 path, strerror(errno));
			if (c->listener.fd >= 0)
				close(c->listener.fd);
			c->listener.fd = -1;
		}
	} else if (pty) {
		c->path = *pty ? xstrdup(pty) : NULL;
		c->in.fd = open_pty(c);
		if (c->in.fd < 0 || loop_add(&c->in, EPOLLIN) < 0)
			*err = xasprintf("pty=%s: no terminal can be made: %s",
					 pty, strerror(errno));
		else
			c->polled = true;
		if (!*err)
			info("console: %s", ptsname(c->in.fd));
	} else {
		c->in.fd = 0;
		set_nonblock(0);
		c->polled = loop_add(&c->in, EPOLLIN) == 0;
		c->out.fd = 1;
		c->out.fn = console_out_event;
		c->out.priv = c;
		if (loop_add(&c->out, 0) == 0)
			set_nonblock(1);
		else
			c->out.fd = -1;
		if (!tcgetattr(0, &c->saved)) {
			c->restore = true;
			t = c->saved;
			t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
			tcsetattr(0, TCSANOW, &t);
		}
	}
	if (*err) {
		console_destroy(&c->d);
		return NULL;
	}
	vmsg_console_init(&c->c);
	c->c.write = console_write;
	c->c.restart = console_restart;
	c->d.vd = &c->c.dev;
	c->d.identity = xasprintf("console:%s", c->path ? c->path :
				  stdio ? "stdio" : "pty");
	return &c->d;
}

const struct device_type console_type = {
	.name = "console",
	.help = "console,path=SOCKET\nconsole,pty[=LINK]\nconsole,stdio",
	.create = console_create,
	.open = open_at_once,
	.destroy = console_destroy,
};
