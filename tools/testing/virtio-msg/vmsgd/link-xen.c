// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: the grants of a Xen domain as the link
 *
 * The driver side's domain has made the segment, out of pages of its own, and
 * granted them to us; page 0 says which they are.  How we come to page 0 is known
 * beforehand (a reference that a device tree names) or comes from xenstore.  All
 * of it is mapped by gntdev, the doorbell is an event channel: no other privilege
 * is needed, and nothing of the domain is reached that it has not granted.
 *
 * What page 0 says is the other side's: it is read once, checked, and our copy is
 * what is used.  The rings are mapped; buffers may also be granted one by one
 * (bit 63 of an address): these are copied by the hypervisor.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint16_t domid_t;
typedef uint32_t grant_ref_t;
#include <xen/evtchn.h>
#include <xen/gntdev.h>

#include "segment.h"
#include "xenstore.h"

/* Not in all headers yet. */
#ifndef IOCTL_EVTCHN_BIND_STATIC
#define IOCTL_EVTCHN_BIND_STATIC \
	_IOC(_IOC_NONE, 'E', 7, sizeof(struct ioctl_evtchn_bind))
struct ioctl_evtchn_bind {
	unsigned int port;
};
#endif
#define GNTCOPY_SOURCE_GREF	1
#define GNTCOPY_DEST_GREF	2

#define PAGE		4096U
#define FRAME_MAX	4096U		/* longest element of a ring */
#define PAGES_MAX	65536U		/* of a segment */
#define TRY_MS		100		/* until a domain is there */
#define BAD_MS		1000		/* until a page that was wrong is looked at again */

/* Page 0, behind the two headers of the segment; the driver side's. */
#define BOOT_MAGIC	128
#define BOOT_LENGTH	132
#define BOOT_VERSION	134
#define BOOT_STATE	136
#define BOOT_PORT	140
#define BOOT_PAGES	144
#define BOOT_RANGES	148
#define BOOT_SHARE_REF	152
#define BOOT_SHARE_COUNT 156
#define BOOT_TABLE	192
#define BOOT_RANGES_MAX	216U
#define BOOT_IS_MAGIC	0x564e4558U	/* "XENV" */
#define BOOT_OPEN	1

/* States of a device in xenstore */
#define ST_INIT_WAIT	2
#define ST_INITIALISED	3
#define ST_CONNECTED	4
#define ST_CLOSING	5
#define ST_CLOSED	6

static struct {
	/* where */
	domid_t domid;
	bool any;
	bool store;
	uint32_t num;			/* of the device in the store */
	uint32_t ref;			/* of page 0 */
	uint32_t static_port;		/* 0: none */
	uint32_t store_port;		/* the other end, as the store has it */

	enum { IDLE, UP, DRAIN } state;
	uint64_t next_try;
	char said[160];			/* why it does not work, the last time */

	int gntdev;
	struct source evtchn;
	bool unmask;			/* an event was taken, and is still masked */
	uint32_t port;			/* ours; 0: not bound */
	uint32_t *refs;			/* of all pages */
	uint32_t pages;
	uint64_t index;			/* of the mapping at gntdev */
	uint32_t share_ref, share_count;
	uint32_t window_page;

	/* the store */
	char *fe, *be;
	uint32_t fe_state;
	uint32_t our_state;
	uint32_t online;
	bool offered;			/* we are new to a front end that may be closed */
	bool wanted;			/* the other side has set it up */

	uint64_t events_in;
	uint64_t connects;
	uint64_t maps, unmaps;		/* pages */
	uint64_t copies;		/* pages or parts of them */
} x = { .gntdev = -1, .evtchn.fd = -1 };

/* Why it does not work: said when it is not what was said last. */
static void __attribute__((format(printf, 1, 2))) complain(const char *fmt, ...)
{
	char text[sizeof(x.said)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!strcmp(text, x.said))
		return;
	strcpy(x.said, text);
	info("domain %u: %s", x.domid, text);
}

/* ---------------------------------------------------------------- grants */

/* Return: the index of a mapping yet to be made by mmap(), or -1. */
static int64_t map_refs(int fd, const uint32_t *refs, uint32_t n)
{
	struct ioctl_gntdev_map_grant_ref *m;
	int64_t index;
	uint32_t i;

	m = xzalloc(sizeof(*m) + n * sizeof(m->refs[0]));
	m->count = n;
	for (i = 0; i < n; i++) {
		m->refs[i].domid = x.domid;
		m->refs[i].ref = refs[i];
	}
	index = ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, m) < 0 ? -1 : (int64_t)m->index;
	free(m);
	return index;
}

static void unmap_index(uint64_t index, uint32_t n)
{
	struct ioctl_gntdev_unmap_grant_ref u = { .index = index, .count = n };

	if (ioctl(x.gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u) < 0)
		info("IOCTL_GNTDEV_UNMAP_GRANT_REF: %m");
}

static void *map_pages(const uint32_t *refs, uint32_t n, uint64_t *index)
{
	int64_t at = map_refs(x.gntdev, refs, n);
	void *p;
	int e;

	if (at < 0)
		return NULL;
	p = mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, x.gntdev, at);
	if (p == MAP_FAILED) {
		e = errno;
		unmap_index((uint64_t)at, n);
		errno = e;
		return NULL;
	}
	*index = (uint64_t)at;
	x.maps += n;
	return p;
}

static void unmap_pages(void *p, uint32_t n, uint64_t index)
{
	munmap(p, (size_t)n * PAGE);
	unmap_index(index, n);
	x.unmaps += n;
}

/* The window for a back end, which maps it by itself. */
static int xen_window(uint64_t *offset)
{
	uint32_t n = (uint32_t)(window_length / PAGE);
	int64_t index;
	int fd, e;

	fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	index = map_refs(fd, x.refs + x.window_page, n);
	if (index < 0) {
		e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	*offset = (uint64_t)index;
	return fd;
}

/* --------------------------------------------- buffers granted one by one */

#define COPIES		64	/* at a time */
#define FOREIGN_MAX	(16U << 20)	/* bytes of one chain */

struct foreign_buf {
	uint8_t *mem;
	uint8_t *window;	/* it is there and not behind a grant */
	uint32_t ref;
	uint32_t offset;
	uint32_t len;
	uint32_t at;		/* first byte among what the chain lets us write */
	bool write;
};

struct foreign {
	uint32_t handle;
	uint32_t bytes;
	unsigned int n;
	struct foreign_buf buf[VMSG_MAX_SG + 1];	/* and an indirect table */
	struct foreign *next;
};

static struct foreign *foreigns;

static bool copy_segments(struct gntdev_grant_copy_segment *seg, unsigned int n)
{
	struct ioctl_gntdev_grant_copy c = { .count = n, .segments = seg };
	unsigned int i;

	if (ioctl(x.gntdev, IOCTL_GNTDEV_GRANT_COPY, &c) < 0)
		return false;
	x.copies += n;
	for (i = 0; i < n; i++)
		if (seg[i].status)
			return false;
	return true;
}

static bool copy_foreign(struct foreign_buf *b, uint32_t len, bool out)
{
	struct gntdev_grant_copy_segment seg[COPIES];
	uint32_t done = 0, ref = b->ref, off = b->offset;
	unsigned int n = 0;

	memset(seg, 0, sizeof(seg));
	while (done < len) {
		uint32_t part = PAGE - off < len - done ? PAGE - off : len - done;
		struct gntdev_grant_copy_segment *s = &seg[n++];

		if (out) {
			s->source.virt = b->mem + done;
			s->dest.foreign.ref = ref;
			s->dest.foreign.offset = (uint16_t)off;
			s->dest.foreign.domid = x.domid;
		} else {
			s->dest.virt = b->mem + done;
			s->source.foreign.ref = ref;
			s->source.foreign.offset = (uint16_t)off;
			s->source.foreign.domid = x.domid;
		}
		s->len = (uint16_t)part;
		s->flags = out ? GNTCOPY_DEST_GREF : GNTCOPY_SOURCE_GREF;
		done += part;
		off = 0;
		ref++;
		if ((n == COPIES || done == len) && !copy_segments(seg, n))
			return false;
		if (n == COPIES)
			n = 0;
	}
	return true;
}

static struct foreign *foreign_find(uint32_t handle)
{
	struct foreign *f;

	for (f = foreigns; f; f = f->next)
		if (f->handle == handle)
			return f;
	return NULL;
}

static void foreign_free(struct foreign *f)
{
	struct foreign **p;
	unsigned int i;

	for (p = &foreigns; *p; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			break;
		}
	for (i = 0; i < f->n; i++)
		free(f->buf[i].mem);
	free(f);
}

static void *xen_foreign(struct vmsg_bus *b, struct vmsg_chain *chain, uint64_t addr,
			 uint32_t len, bool write)
{
	uint64_t ref = (addr & ~(1ULL << 63)) / PAGE;
	uint32_t off = (uint32_t)(addr % PAGE);
	uint64_t pages = ((uint64_t)off + len + PAGE - 1) / PAGE;
	static uint32_t last_handle;
	uint8_t *window = NULL;
	struct foreign *f;
	struct foreign_buf *buf;

	if (!(addr >> 63)) {
		window = vmsg_map(b, addr, len);
		if (!window)
			return NULL;
	} else if (!len || ref < x.share_ref || ref - x.share_ref > x.share_count ||
		   pages > x.share_count - (ref - x.share_ref)) {
		return NULL;
	}
	f = chain->foreign ? foreign_find(chain->foreign) : NULL;
	if (!f) {
		f = xzalloc(sizeof(*f));
		while (!++last_handle || foreign_find(last_handle))
			;
		f->handle = last_handle;
		f->next = foreigns;
		foreigns = f;
		chain->foreign = f->handle;
	}
	if (f->n == VMSG_MAX_SG + 1 || len > FOREIGN_MAX - f->bytes)
		return NULL;
	buf = &f->buf[f->n];
	buf->mem = calloc(1, len);
	if (!buf->mem)
		return NULL;
	f->n++;
	f->bytes += len;
	buf->ref = (uint32_t)ref;
	buf->offset = off;
	buf->len = len;
	buf->at = chain->in_len;
	buf->write = write;
	buf->window = window;
	if (window) {
		memcpy(buf->mem, window, len);
	} else if (!write && !copy_foreign(buf, len, false)) {
		debug("grant %u: cannot be read", buf->ref);
		return NULL;
	}
	return buf->mem;
}

static void xen_foreign_end(struct vmsg_bus *b, uint32_t handle, uint32_t len)
{
	struct foreign *f = foreign_find(handle);
	unsigned int i;

	(void)b;
	if (!f)
		return;
	for (i = 0; len && i < f->n; i++) {
		struct foreign_buf *buf = &f->buf[i];
		uint32_t n;

		/* In order: the status of a request comes after its data. */
		if (buf->window) {
			vmsg_wmb();
			memcpy(buf->window, buf->mem, buf->len);
			continue;
		}
		if (!buf->write || len <= buf->at)
			continue;
		n = len - buf->at < buf->len ? len - buf->at : buf->len;
		/* The driver side took it back: it is not told what it has not got. */
		if (!copy_foreign(buf, n, true))
			debug("grant %u: cannot be written", buf->ref);
	}
	foreign_free(f);
}

/* -------------------------------------------------------- event channels */

static void doorbell(struct vmsg_seg *s, uint16_t peer)
{
	struct ioctl_evtchn_notify n = { .port = x.port };

	(void)s;
	(void)peer;
	if (x.port && ioctl(x.evtchn.fd, IOCTL_EVTCHN_NOTIFY, &n) < 0)
		debug("event channel %u: %m", x.port);
}

/*
 * What it is about is in the segment, which is looked at anyway.  It is let
 * through again only after that, so a storm waits for us.
 */
static void on_event(struct source *src, uint32_t events)
{
	uint32_t port[16];
	ssize_t n;

	(void)events;
	n = read(src->fd, port, sizeof(port));
	if (n > 0) {
		x.events_in += (uint64_t)n / sizeof(port[0]);
		x.unmask = true;
	}
}

static void unmask(void)
{
	uint32_t port = x.port;

	if (!x.unmask)
		return;
	x.unmask = false;
	if (port && write(x.evtchn.fd, &port, sizeof(port)) < 0)
		debug("event channel %u: %m", port);
}

static bool bind_port(uint32_t remote)
{
	struct ioctl_evtchn_bind_interdomain b = {
		.remote_domain = x.domid, .remote_port = remote,
	};
	struct ioctl_evtchn_bind s = { .port = x.static_port };
	int ret;

	if (x.port)
		return true;
	ret = x.static_port ? ioctl(x.evtchn.fd, IOCTL_EVTCHN_BIND_STATIC, &s) :
	      ioctl(x.evtchn.fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &b);
	if (ret < 0) {
		complain("no event channel to its port %u: %s",
			 x.static_port ? x.static_port : remote, strerror(errno));
		return false;
	}
	x.port = x.static_port ? x.static_port : (uint32_t)ret;
	return true;
}

/* A static one stays: closed, it would be gone for good. */
static void unbind_port(void)
{
	struct ioctl_evtchn_unbind u = { .port = x.port };

	if (!x.port || x.static_port)
		return;
	if (ioctl(x.evtchn.fd, IOCTL_EVTCHN_UNBIND, &u) < 0)
		info("event channel %u: %m", x.port);
	x.port = 0;
	x.unmask = false;
}

/* -------------------------------------------------------------- page 0 */

/* Return: 0 with x.refs and so on filled in; 1 not set up yet; -1 it is wrong. */
static int read_page(const uint8_t *p, uint32_t *remote)
{
	uint32_t pages, ranges, sum = 1, i, n;

	if (vmsg_ld16(p) != VIRTIO_MSG_SEG_MAGIC ||
	    vmsg_ld32(p + BOOT_MAGIC) != BOOT_IS_MAGIC ||
	    vmsg_ld32(p + BOOT_STATE) != BOOT_OPEN)
		return 1;
	vmsg_rmb();
	if (vmsg_ld16(p + BOOT_LENGTH) != 64 || vmsg_ld16(p + BOOT_VERSION) != 1) {
		complain("its page 0 has version %u and length %u, not 1 and 64",
			 vmsg_ld16(p + BOOT_VERSION), vmsg_ld16(p + BOOT_LENGTH));
		return -1;
	}
	*remote = vmsg_ld32(p + BOOT_PORT);
	pages = vmsg_ld32(p + BOOT_PAGES);
	ranges = vmsg_ld32(p + BOOT_RANGES);
	if (pages < 2 || pages > PAGES_MAX || !ranges || ranges > BOOT_RANGES_MAX) {
		complain("its page 0 has %u pages in %u ranges, not 2 to %u in 1 to %u",
			 pages, ranges, PAGES_MAX, BOOT_RANGES_MAX);
		return -1;
	}
	if (x.store ? *remote != x.store_port : !*remote != !!x.static_port) {
		complain("its page 0 has port %u, where %s", *remote,
			 x.store ? "the store has another" :
			 x.static_port ? "a static one was to be used" :
			 "one was to be published");
		return -1;
	}
	free(x.refs);
	x.refs = xzalloc(pages * sizeof(x.refs[0]));
	x.refs[0] = x.ref;
	for (i = 0; i < ranges; i++) {
		uint32_t first = vmsg_ld32(p + BOOT_TABLE + 8 * i);

		n = vmsg_ld32(p + BOOT_TABLE + 8 * i + 4);
		if (!n || n > pages - sum || first > UINT32_MAX - n) {
			complain("range %u of its page 0, %u grants from %u on, is impossible",
				 i, n, first);
			return -1;
		}
		while (n--)
			x.refs[sum++] = first++;
	}
	if (sum != pages) {
		complain("the ranges of its page 0 have %u pages, not %u", sum, pages);
		return -1;
	}
	x.pages = pages;
	x.share_ref = vmsg_ld32(p + BOOT_SHARE_REF);
	x.share_count = x.share_ref ? vmsg_ld32(p + BOOT_SHARE_COUNT) : 0;
	if (x.share_count > UINT32_MAX - x.share_ref) {
		complain("its pool of %u grants from %u on is impossible",
			 x.share_count, x.share_ref);
		return -1;
	}
	return 0;
}

static uint32_t seg_random(struct vmsg_seg *s)
{
	(void)s;
	return random32();
}

/* When we are killed, the driver side finds INIT and hears of it. */
static void set_notify(void)
{
	struct ioctl_gntdev_unmap_notify n = {
		.index = x.index + seg.l.dev_head + 2,
		.action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT,
		.event_channel_port = x.port,
	};

	if (ioctl(x.gntdev, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &n) < 0)
		info("IOCTL_GNTDEV_SET_UNMAP_NOTIFY: %m: that we end is noticed late");
}

static bool look_at_segment(void)
{
	static struct vmsg_link_ops ops;

	memset(&seg, 0, sizeof(seg));
	seg.bus = &bus;
	seg.mem = NULL;
	seg.size = (uint64_t)x.pages * PAGE;
	seg.wire_offered = wires;
	seg.device_peer = VIRTIO_MSG_PEER_NONE;
	seg.doorbell = doorbell;
	seg.random = seg_random;
	seg.mem = map_pages(x.refs, x.pages, &x.index);
	if (!seg.mem) {
		complain("its %u pages cannot be mapped: %s", x.pages, strerror(errno));
		return false;
	}
	if (vmsg_seg_init(&seg) || seg.l.bare || seg.l.elem_size > FRAME_MAX ||
	    !seg.l.window_length) {
		complain("the layout of its segment is impossible");
		unmap_pages(seg.mem, x.pages, x.index);
		seg.mem = NULL;
		bus.nareas = 0;
		return false;
	}
	ops = vmsg_seg_link;
	if (x.share_count) {
		ops.foreign = xen_foreign;
		ops.foreign_end = xen_foreign_end;
	}
	bus.link = &ops;
	window_offset = seg.l.window_offset;
	window_length = seg.l.window_length;
	x.window_page = (uint32_t)(window_offset / PAGE);
	return true;
}

static void unmap_segment(void)
{
	while (foreigns)
		foreign_free(foreigns);
	if (seg.mem) {
		bus.nareas = 0;
		unmap_pages(seg.mem, x.pages, x.index);
		seg.mem = NULL;
	}
	unbind_port();
}

/* Return: 0; or milliseconds until it is worth trying again. */
static unsigned int try_connect(void)
{
	uint64_t index;
	uint32_t remote;
	uint8_t *p;
	int ret;

	p = map_pages(&x.ref, 1, &index);
	if (!p) {
		/* Most likely it is not there yet. */
		debug("domain %u, grant %u: %m", x.domid, x.ref);
		return TRY_MS;
	}
	ret = read_page(p, &remote);
	unmap_pages(p, 1, index);
	if (ret)
		return ret < 0 ? BAD_MS : TRY_MS;
	if (!bind_port(remote))
		return BAD_MS;
	if (!look_at_segment()) {
		unbind_port();
		return BAD_MS;
	}
	set_notify();
	x.connects++;
	x.said[0] = 0;
	info("domain %u, grant %u: %u KiB, port %u%s", x.domid, x.ref, x.pages * 4, x.port,
	     x.share_count ? ", buffers by grants of their own" : "");
	segment_begin();
	return 0;
}

/* ---------------------------------------------------------------- store */

static char *below(const char *dir, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void set_state(uint32_t state)
{
	char text[12];

	if (x.our_state == state)
		return;
	snprintf(text, sizeof(text), "%u", state);
	if (store_write(below(x.be, "state"), text))
		x.our_state = state;
	else
		complain("%s/state: %s", x.be, strerror(errno));
}

/* The first device of any domain. */
static bool find_device(const char *own)
{
	char *domains = store_list(below(own, "backend/vmsg")), *d;
	bool found = false;

	for (d = domains; d && *d && !found; d += strlen(d) + 1) {
		char *path = xasprintf("%s/backend/vmsg/%s", own, d);
		char *nums = store_list(path);

		if (nums && *nums) {
			x.domid = (domid_t)atoi(d);
			x.num = (uint32_t)atoi(nums);
			x.any = false;
			found = true;
		}
		free(nums);
		free(path);
	}
	free(domains);
	return found;
}

/* What a toolstack wrote for the device: false if that is not there yet. */
static bool find_paths(void)
{
	uint32_t own = 0, id;
	char *home, *fe;

	store_number("domid", &own);
	home = xasprintf("/local/domain/%u", own);
	if (x.any && !find_device(home)) {
		free(home);
		return false;
	}
	x.be = xasprintf("%s/backend/vmsg/%u/%u", home, x.domid, x.num);
	free(home);
	fe = store_read(below(x.be, "frontend"));
	if (!fe || !*fe || !store_number(below(x.be, "frontend-id"), &id) ||
	    id != (uint32_t)x.domid) {
		if (fe)
			complain("%s/frontend-id is not %u", x.be, x.domid);
		free(fe);
		free(x.be);
		x.be = NULL;
		return false;
	}
	x.fe = fe;
	store_number(below(x.be, "state"), &x.our_state);
	store_watch(x.be);
	store_watch(below(x.fe, "state"));
	return true;
}

static void read_keys(void)
{
	uint32_t ref, port;
	char *protocol;

	if (!store_number(below(x.fe, "ring-ref"), &ref) ||
	    !store_number(below(x.fe, "event-channel"), &port)) {
		complain("%s has no ring-ref or no event-channel", x.fe);
		return;
	}
	protocol = store_read(below(x.fe, "protocol"));
	if (!protocol || strcmp(protocol, "virtio-msg-1")) {
		complain("%s/protocol is '%s', not 'virtio-msg-1'", x.fe,
			 protocol ? protocol : "");
		free(protocol);
		return;
	}
	free(protocol);
	/* Others than those that are in use: it was set up anew. */
	if (x.state == UP && (ref != x.ref || port != x.store_port))
		return;
	x.ref = ref;
	x.store_port = port;
	x.wanted = true;
}

/* Look at everything that matters, whatever it was that changed. */
static void look(void)
{
	uint32_t online = 1;

	if (!x.be && !find_paths())
		return;
	if (!store_number(below(x.fe, "state"), &x.fe_state))
		x.fe_state = ST_CLOSED;
	store_number(below(x.be, "online"), &online);
	if (!online)
		x.offered = false;
	else if (!x.online)
		x.offered = true;
	x.online = online;
	x.wanted = false;
	switch (x.fe_state) {
	case ST_INITIALISED:
	case ST_CONNECTED:
		if (x.state != DRAIN)
			read_keys();
		break;
	case ST_CLOSING:
	case ST_CLOSED:
		/* Offered anew, it sets itself up when it sees that. */
		if (x.state == IDLE)
			set_state(x.offered ? ST_INIT_WAIT : ST_CLOSED);
		break;
	default:
		if (x.state == IDLE)
			set_state(ST_INIT_WAIT);
	}
	/* The toolstack takes the device away. */
	if (!online && x.our_state == ST_CONNECTED)
		set_state(ST_CLOSING);
}

/* ------------------------------------------------------------------ link */

static char *lock_name(void)
{
	if (x.store)
		return xasprintf("/run/virtio-msg.xen-%u-store-%u.lock", x.domid, x.num);
	return xasprintf("/run/virtio-msg.xen-%u-%u.lock", x.domid, x.ref);
}

static bool parse(struct spec *where)
{
	const char *store = spec_get(where, "xenstore");
	char *end, *err = NULL;
	unsigned long domid;

	x.store = store;
	x.any = !strcmp(where->kind, "any");
	domid = strtoul(where->kind, &end, 10);
	if (!x.any && (end == where->kind || *end || domid > 0x7fef))
		err = xasprintf("'%s' is no domain id: a number, or any with xenstore",
				where->kind);
	x.domid = x.any ? 0 : (domid_t)domid;
	if (store && *store)
		x.num = (uint32_t)spec_number(where, "xenstore", 0, 0, UINT32_MAX, &err);
	x.ref = (uint32_t)spec_number(where, "ref", 0, 1, UINT32_MAX, &err);
	x.static_port = (uint32_t)spec_number(where, "port", 0, 1, 131071, &err);
	if (!err && x.store && (x.ref || x.static_port))
		err = xasprintf("ref= and port= are the store's to say: leave them out with xenstore");
	if (!err && !x.store && (x.any || !x.ref))
		err = xasprintf("without xenstore it takes DOMID,ref=REF, as the driver side says them");
	if (err) {
		info("--on xen:%s: %s", where->kind, err);
		free(err);
		return false;
	}
	return true;
}

static bool xen_join(struct spec *where)
{
	if (!parse(where) || !lock_file(lock_name()))
		return false;
	/*
	 * A block back end holds it as long as it lives: the driver side hears
	 * that we have ended when nobody writes to its pages any more.  Opened
	 * after the lock, of two that end together it is closed first.
	 */
	x.gntdev = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	if (x.gntdev < 0) {
		info("/dev/xen/gntdev: %m (is this a Xen domain, and is the module xen-gntdev loaded?)");
		return false;
	}
	alive_fd = x.gntdev;
	x.evtchn.fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	x.evtchn.fn = on_event;
	if (x.evtchn.fd < 0 || loop_add(&x.evtchn, EPOLLIN) < 0) {
		info("/dev/xen/evtchn: %m (is the module xen-evtchn loaded?)");
		return false;
	}
	if (x.static_port && !bind_port(0))
		return false;
	if (x.store && !store_open())
		return false;
	/* Until there is one: nothing can be sent. */
	bus.link = &vmsg_seg_link;
	bus.link_priv = &seg;
	bus_init(FRAME_MAX);
	return true;
}

static bool xen_start(void)
{
	x.state = IDLE;
	if (x.store)
		look();
	return true;
}

/* No driver side any more; the memory goes when the devices are quiet. */
static void leave_segment(const char *why)
{
	info("domain %u: %s", x.domid, why);
	vmsg_seg_stop(&seg);
	x.state = DRAIN;
}

static unsigned int poll_up(void)
{
	if (x.store && !x.wanted) {
		leave_segment("its front end was closed, or set up anew");
		return 0;
	}
	if (vmsg_ld32(seg.mem + BOOT_STATE) != BOOT_OPEN) {
		leave_segment("it took its pages back");
		return 0;
	}
	return vmsg_seg_poll(&seg, now_ms());
}

static unsigned int xen_poll(void)
{
	unsigned int delay = 1000;
	uint64_t now = now_ms();

	if (x.store && store_events())
		look();
	switch (x.state) {
	case IDLE:
		if (x.store && !x.wanted)
			break;
		if (now < x.next_try) {
			delay = (unsigned int)(x.next_try - now);
			break;
		}
		delay = try_connect();
		x.next_try = now + delay;
		if (delay)
			break;
		x.state = UP;
		x.offered = false;
		if (x.store) {
			/* Also when an earlier one has said so already. */
			x.our_state = 0;
			set_state(ST_CONNECTED);
		}
		/* fall through */
	case UP:
		delay = poll_up();
		break;
	case DRAIN:
		if (!vmsg_bus_quiet(&bus)) {
			delay = 10;
			break;
		}
		unmap_segment();
		x.state = IDLE;
		x.next_try = 0;
		if (x.store)
			look();
		delay = 0;
		break;
	}
	unmask();
	return delay;
}

static void xen_stop(void)
{
	if (x.state == UP)
		vmsg_seg_stop(&seg);
}

/* Only now: as long as back ends write, the pages must stay granted. */
static void xen_leave(void)
{
	if (x.state != IDLE)
		unmap_segment();
	x.state = IDLE;
}

static const char *xen_state(void)
{
	return x.state == UP ? segment_state() : x.state == DRAIN ? "cleanup" : "waiting";
}

static void xen_print(FILE *f, bool json)
{
	if (json)
		fprintf(f, "\"domain\":%u,\"reference\":%u,\"port\":%u,\"connects\":%llu,",
			x.domid, x.ref, x.port, (unsigned long long)x.connects);
	else
		fprintf(f, "xen: domain %u, grant %u, port %u, connected %llu times, ",
			x.domid, x.ref, x.port, (unsigned long long)x.connects);
	fprintf(f, json ? "\"device_instance\":%u,\"driver_instance\":%u,\"losses\":%u," :
		"instances %u and %u, lost %u times, ",
		seg.device_instance, seg.driver_instance, seg.drops);
	fprintf(f, json ? "\"doorbells\":%llu,\"events\":%llu," :
		"events sent %llu, received %llu; ",
		(unsigned long long)seg.doorbells_out, (unsigned long long)x.events_in);
	fprintf(f, json ? "\"pages_mapped\":%llu,\"pages_unmapped\":%llu," :
		"pages mapped %llu, unmapped %llu; ",
		(unsigned long long)x.maps, (unsigned long long)x.unmaps);
	fprintf(f, json ? "\"grant_copies\":%llu," : "grant copies %llu\n",
		(unsigned long long)x.copies);
}

const struct link_ops xen_link = {
	.name = "xen",
	.join = xen_join,
	.start = xen_start,
	.poll = xen_poll,
	.stop = xen_stop,
	.leave = xen_leave,
	.state = xen_state,
	.print = xen_print,
	.window = xen_window,
};
