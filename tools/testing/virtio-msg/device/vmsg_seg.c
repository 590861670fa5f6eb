// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg device side: the self-describing shared-memory segment
 *
 * Layout, the states of bring-up and restart, message rings and notification
 * words.  The driver side may write anything at any time: what it owns is read
 * once into a local variable, checked, and then used; what we own is kept in
 * private memory and never read back.
 */
#include "vmsg.h"

#define QH_MAGIC	0
#define QH_STATUS	2
#define QH_TAIL		4
#define QH_HEAD		6

#define HDR(field)	offsetof(struct virtio_msg_seg_hdr, field)
#define EXT(field)	(VIRTIO_MSG_EXT_OFFSET + \
			 offsetof(struct virtio_msg_seg_ext, field))

#define PAGE		4096ULL
#define HOLD_MS		1000
#define STATUS_MS	1000	/* in RUN */
#define IDLE_MS		50	/* while a peer is waited for */
#define BUSY_MS		10	/* while something is about to happen */
#define PASSES		16	/* rounds before other work gets its turn */

static uint64_t align_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) & ~(a - 1);
}

/**
 * vmsg_seg_format - initialise fresh memory
 * @mem: the segment
 * @size: its size
 * @p: how to divide it
 *
 * Both sides are in INIT and absent afterwards.  The magic is written last, so
 * that who looks early sees no segment instead of half of one.
 *
 * Return: 0, or -VMSG_EINVAL if @p makes no sense or does not fit.
 */
int vmsg_seg_format(void *mem, uint64_t size, const struct vmsg_seg_params *p)
{
	uint64_t notif = 16ULL * p->num_notif;
	uint64_t elems = (uint64_t)p->num_elems * p->elem_size;
	uint64_t off = p->bare ? 64 : 128;
	uint64_t dn, dh, de, rn, rh, re, win, win_len;
	uint8_t *m = mem;

	if (p->num_notif > VIRTIO_MSG_SEG_MAX_NOTIF || p->num_elems < 2 ||
	    p->num_elems > 65535 || p->elem_size < 64 || p->elem_size % 8 ||
	    p->elem_size > 65528)
		return -VMSG_EINVAL;
	switch (p->vq_per_dev) {
	case 1: case 2: case 4: case 8: case 16:
		break;
	default:
		return -VMSG_EINVAL;
	}

	/* Each side's fields in cache lines of their own. */
	dh = off = align_up(off, 64);
	rh = off = align_up(off + sizeof(struct virtio_msg_qhead), 64);
	dn = off = align_up(off + sizeof(struct virtio_msg_qhead), 64);
	rn = off = align_up(off + notif, 64);
	de = off = align_up(off + notif, 64);
	re = off = align_up(off + elems, 64);
	off += elems;

	win = p->window_offset;
	if (!win)
		win = align_up(off, PAGE);
	if (win % PAGE || win < off || win >= size)
		return -VMSG_EINVAL;
	win_len = p->window_length;
	if (!win_len)
		win_len = (size - win) & ~(PAGE - 1);
	if (!win_len || win_len % PAGE || win_len > size - win)
		return -VMSG_EINVAL;

	vmsg_st16(m + HDR(magic), 0);
	vmsg_wmb();
	memset(m + 2, 0, (size_t)(off - 2));

	vmsg_st16(m + HDR(length), VIRTIO_MSG_SEG_LENGTH);
	vmsg_st16(m + HDR(version), VIRTIO_MSG_SEG_VERSION);
	m[HDR(num_notif)] = (uint8_t)p->num_notif;
	m[HDR(vq_notif_per_dev)] = (uint8_t)p->vq_per_dev;
	vmsg_st16(m + HDR(num_elems), (uint16_t)p->num_elems);
	vmsg_st16(m + HDR(elem_size), (uint16_t)p->elem_size);
	vmsg_st64(m + HDR(dev_notif), dn);
	vmsg_st64(m + HDR(dev_head), dh);
	vmsg_st64(m + HDR(dev_elems), de);
	vmsg_st64(m + HDR(drv_notif), rn);
	vmsg_st64(m + HDR(drv_head), rh);
	vmsg_st64(m + HDR(drv_elems), re);
	if (!p->bare) {
		vmsg_st32(m + EXT(magic), VIRTIO_MSG_EXT_MAGIC);
		vmsg_st16(m + EXT(length), VIRTIO_MSG_EXT_LENGTH);
		vmsg_st16(m + EXT(version), VIRTIO_MSG_EXT_VERSION);
		vmsg_st64(m + EXT(window_offset), win);
		vmsg_st64(m + EXT(window_length), win_len);
		vmsg_st16(m + EXT(device_peer), VIRTIO_MSG_PEER_NONE);
		vmsg_st16(m + EXT(driver_peer), VIRTIO_MSG_PEER_NONE);
	}
	vmsg_st16(m + dh + QH_MAGIC, VIRTIO_MSG_QHEAD_MAGIC);
	vmsg_st16(m + rh + QH_MAGIC, VIRTIO_MSG_QHEAD_MAGIC);
	vmsg_wmb();
	vmsg_st16(m + HDR(magic), VIRTIO_MSG_SEG_MAGIC);
	return 0;
}

static bool overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return alen && blen && a < b + blen && b < a + alen;
}

/**
 * vmsg_seg_check - validate a layout and keep a private copy
 * @mem: the segment
 * @size: its size
 * @l: filled in
 *
 * Return: 0; -VMSG_ENOENT if there is no segment; -VMSG_EINVAL if its layout is
 * impossible.
 */
int vmsg_seg_check(const void *mem, uint64_t size, struct vmsg_seg_layout *l)
{
	const uint8_t *m = mem;
	uint64_t at[8], len[8];
	unsigned int i, j, n;

	memset(l, 0, sizeof(*l));
	if (size < 128 || vmsg_ld16(m + HDR(magic)) != VIRTIO_MSG_SEG_MAGIC)
		return -VMSG_ENOENT;
	vmsg_rmb();
	if (vmsg_ld16(m + HDR(length)) != VIRTIO_MSG_SEG_LENGTH ||
	    vmsg_ld16(m + HDR(version)) != VIRTIO_MSG_SEG_VERSION)
		return -VMSG_EINVAL;
	l->bare = vmsg_ld32(m + EXT(magic)) != VIRTIO_MSG_EXT_MAGIC;
	l->num_notif = vmsg_ld8(m + HDR(num_notif));
	l->vq_per_dev = vmsg_ld8(m + HDR(vq_notif_per_dev));
	l->num_elems = vmsg_ld16(m + HDR(num_elems));
	l->elem_size = vmsg_ld16(m + HDR(elem_size));
	l->dev_notif = vmsg_ld64(m + HDR(dev_notif));
	l->dev_head = vmsg_ld64(m + HDR(dev_head));
	l->dev_elems = vmsg_ld64(m + HDR(dev_elems));
	l->drv_notif = vmsg_ld64(m + HDR(drv_notif));
	l->drv_head = vmsg_ld64(m + HDR(drv_head));
	l->drv_elems = vmsg_ld64(m + HDR(drv_elems));
	if (!l->bare) {
		if (vmsg_ld16(m + EXT(length)) != VIRTIO_MSG_EXT_LENGTH ||
		    vmsg_ld16(m + EXT(version)) != VIRTIO_MSG_EXT_VERSION)
			return -VMSG_EINVAL;
		l->window_offset = vmsg_ld64(m + EXT(window_offset));
		l->window_length = vmsg_ld64(m + EXT(window_length));
		if (!l->window_length || l->window_offset % PAGE ||
		    l->window_length % PAGE)
			return -VMSG_EINVAL;
	}
	if (l->num_notif > VIRTIO_MSG_SEG_MAX_NOTIF || l->num_elems < 2 ||
	    l->elem_size < 48 || l->elem_size % 8)
		return -VMSG_EINVAL;
	if (l->num_notif && (!l->vq_per_dev || l->vq_per_dev > 16 ||
			     l->vq_per_dev & (l->vq_per_dev - 1)))
		return -VMSG_EINVAL;

	n = 0;
	at[n] = 0;
	len[n++] = l->bare ? 64 : 128;
	at[n] = l->dev_notif;
	len[n++] = 16ULL * l->num_notif;
	at[n] = l->drv_notif;
	len[n++] = 16ULL * l->num_notif;
	at[n] = l->dev_head;
	len[n++] = sizeof(struct virtio_msg_qhead);
	at[n] = l->drv_head;
	len[n++] = sizeof(struct virtio_msg_qhead);
	at[n] = l->dev_elems;
	len[n++] = (uint64_t)l->num_elems * l->elem_size;
	at[n] = l->drv_elems;
	len[n++] = (uint64_t)l->num_elems * l->elem_size;
	at[n] = l->window_offset;
	len[n++] = l->window_length;
	for (i = 0; i < n; i++) {
		if (len[i] && (at[i] % 8 || at[i] > size ||
			       len[i] > size - at[i]))
			return -VMSG_EINVAL;
		for (j = 0; j < i; j++)
			if (overlap(at[i], len[i], at[j], len[j]))
				return -VMSG_EINVAL;
	}
	return 0;
}

/* -------------------------------------------------------------- doorbell */

static void ring(struct vmsg_seg *seg)
{
	uint16_t peer = seg->driver_peer;

	/* Before a handshake the peer is whoever the field names just now. */
	if (seg->state != VMSG_SEG_HALF && seg->state != VMSG_SEG_RUN)
		peer = seg->l.bare ? VIRTIO_MSG_PEER_NONE :
			vmsg_ld16(seg->mem + EXT(driver_peer));
	seg->doorbells_out++;
	if (seg->doorbell)
		seg->doorbell(seg, peer);
}

static void say(struct vmsg_seg *seg, uint16_t status)
{
	vmsg_wmb();
	vmsg_st16(seg->mem + seg->l.dev_head + QH_STATUS, status);
	vmsg_mb();
	ring(seg);
}

static uint16_t peer_status(const struct vmsg_seg *seg)
{
	return vmsg_ld16(seg->mem + seg->l.drv_head + QH_STATUS) &
		(uint16_t)~VIRTIO_MSG_ST_DEBUGGABLE;
}

static void note(struct vmsg_seg *seg, const char *what, uint32_t value)
{
	if (seg->bus->log)
		seg->bus->log(seg->bus, NULL, what, value);
}

/*
 * Toggle a bit of a word unless the peer has not yet acknowledged the last
 * toggle, in which case it is going to look anyway.
 */
static bool toggle(struct vmsg_seg *seg, unsigned int word, unsigned int bit)
{
	uint64_t rx;

	vmsg_mb();
	rx = vmsg_ld64(seg->mem + seg->l.drv_notif + 8ULL * seg->l.num_notif +
		       8ULL * word);
	if (((seg->tx_bits[word] ^ rx) >> bit) & 1)
		return false;
	seg->tx_bits[word] ^= 1ULL << bit;
	vmsg_st64(seg->mem + seg->l.dev_notif + 8ULL * word, seg->tx_bits[word]);
	return true;
}

/* ------------------------------------------------------------------ link */

/* Model: ring.pml. */
static int seg_send(struct vmsg_bus *bus, const uint8_t *frame, uint32_t len)
{
	struct vmsg_seg *seg = bus->link_priv;
	uint16_t n = seg->l.num_elems, next, head;
	uint8_t *elem;

	if (seg->state != VMSG_SEG_RUN || len > seg->l.elem_size)
		return -VMSG_ENOTCONN;
	next = (uint16_t)((seg->tail + 1U) % n);
	head = vmsg_ld16(seg->mem + seg->l.drv_head + QH_HEAD);
	if (next == head) {
		/* It rings when it takes one of a full ring: look once more. */
		vmsg_mb();
		head = vmsg_ld16(seg->mem + seg->l.drv_head + QH_HEAD);
	}
	if (next == head || head >= n) {
		seg->tx_full = true;
		return -VMSG_EAGAIN;
	}
	/* The slot may be written only after the peer is seen to be done. */
	vmsg_mb();
	elem = seg->mem + seg->l.dev_elems + (uint64_t)seg->tail * seg->l.elem_size;
	vmsg_crash_point();
	memcpy(elem, frame, len);
	memset(elem + len, 0, seg->l.elem_size - len);
	vmsg_crash_point();
	vmsg_wmb();
	seg->tail = next;
	vmsg_st16(seg->mem + seg->l.dev_head + QH_TAIL, next);
	vmsg_mb();
	if (!seg->l.num_notif || toggle(seg, 0, 0))
		ring(seg);
	return 0;
}

/* Model: words.pml. */
static bool seg_used(struct vmsg_bus *bus, uint16_t dev_num, uint16_t queue)
{
	struct vmsg_seg *seg = bus->link_priv;
	unsigned int per = seg->l.vq_per_dev, word;
	uint32_t i;

	if (!seg->l.num_notif)
		return false;
	i = dev_num * per + (queue < per ? queue : per - 1);
	word = 1 + i / 64;
	if (word >= seg->l.num_notif)
		return false;
	if (toggle(seg, word, i % 64)) {
		vmsg_mb();
		if (toggle(seg, 0, word))
			ring(seg);
	}
	return true;
}

const struct vmsg_link_ops vmsg_seg_link = {
	.send = seg_send,
	.used = seg_used,
};

/* ---------------------------------------------------------------- states */

static void lose(struct vmsg_seg *seg, const char *why, uint32_t value)
{
	note(seg, why, value);
	seg->state = VMSG_SEG_CLEANUP;
	seg->drops++;
	say(seg, VIRTIO_MSG_ST_SHUTDOWN);
	vmsg_bus_link_down(seg->bus);
}

static void enter_init(struct vmsg_seg *seg)
{
	seg->state = VMSG_SEG_INIT;
	say(seg, VIRTIO_MSG_ST_INIT);
}

/*
 * What the layout says is ours, but a driver side that ran wild may have written
 * over it.  Whoever comes next, maybe after a reboot, finds it as it was.
 */
static void restore_layout(struct vmsg_seg *seg)
{
	const struct vmsg_seg_layout *l = &seg->l;
	uint8_t *m = seg->mem;

	vmsg_st16(m + HDR(length), VIRTIO_MSG_SEG_LENGTH);
	vmsg_st16(m + HDR(version), VIRTIO_MSG_SEG_VERSION);
	vmsg_st16(m + HDR(features), 0);
	vmsg_st16(m + HDR(num_notif), l->num_notif |
		  (uint16_t)(l->vq_per_dev << 8));
	vmsg_st16(m + HDR(num_elems), l->num_elems);
	vmsg_st16(m + HDR(elem_size), l->elem_size);
	vmsg_st64(m + HDR(dev_notif), l->dev_notif);
	vmsg_st64(m + HDR(dev_head), l->dev_head);
	vmsg_st64(m + HDR(dev_elems), l->dev_elems);
	vmsg_st64(m + HDR(drv_notif), l->drv_notif);
	vmsg_st64(m + HDR(drv_head), l->drv_head);
	vmsg_st64(m + HDR(drv_elems), l->drv_elems);
	if (!l->bare) {
		vmsg_st32(m + EXT(magic), VIRTIO_MSG_EXT_MAGIC);
		vmsg_st16(m + EXT(length), VIRTIO_MSG_EXT_LENGTH);
		vmsg_st16(m + EXT(version), VIRTIO_MSG_EXT_VERSION);
		vmsg_st64(m + EXT(window_offset), l->window_offset);
		vmsg_st64(m + EXT(window_length), l->window_length);
	}
	vmsg_st16(m + l->dev_head + QH_MAGIC, VIRTIO_MSG_QHEAD_MAGIC);
	vmsg_wmb();
	vmsg_st16(m + HDR(magic), VIRTIO_MSG_SEG_MAGIC);
}

/* Is what we said last still there to be read? */
static bool intact(const struct vmsg_seg *seg, uint16_t status)
{
	const uint8_t *m = seg->mem;
	struct vmsg_seg_layout l;

	if (vmsg_ld16(m + seg->l.dev_head + QH_STATUS) != status)
		return false;
	if (status == VIRTIO_MSG_ST_INIT)
		return true;
	if (vmsg_seg_check(m, seg->size, &l) || l.bare != seg->l.bare ||
	    vmsg_ld16(m + HDR(features)) ||
	    l.num_notif != seg->l.num_notif ||
	    l.vq_per_dev != seg->l.vq_per_dev ||
	    l.num_elems != seg->l.num_elems ||
	    l.elem_size != seg->l.elem_size ||
	    l.dev_notif != seg->l.dev_notif || l.drv_notif != seg->l.drv_notif ||
	    l.dev_head != seg->l.dev_head || l.drv_head != seg->l.drv_head ||
	    l.dev_elems != seg->l.dev_elems || l.drv_elems != seg->l.drv_elems)
		return false;
	return l.bare ||
		(l.window_offset == seg->l.window_offset &&
		 l.window_length == seg->l.window_length &&
		 vmsg_ld32(m + EXT(wire_offered)) == seg->wire_offered &&
		 vmsg_ld16(m + EXT(device_peer)) == seg->device_peer &&
		 vmsg_ld32(m + EXT(device_flags)) == seg->device_flags &&
		 vmsg_ld32(m + EXT(device_instance)) == seg->device_instance);
}

/* Step 2 of the bring-up: clean slate, then a new instance, then READY. Model: bringup.pml. */
static void enter_ready(struct vmsg_seg *seg)
{
	uint8_t *m = seg->mem;
	uint32_t instance, found, seen;
	unsigned int i;

	restore_layout(seg);
	seg->tail = 0;
	seg->head = 0;
	seg->tx_full = false;
	vmsg_st16(m + seg->l.dev_head + QH_TAIL, 0);
	vmsg_st16(m + seg->l.dev_head + QH_HEAD, 0);
	for (i = 0; i < seg->l.num_notif; i++) {
		seg->tx_bits[i] = 0;
		seg->rx_bits[i] = 0;
		vmsg_st64(m + seg->l.dev_notif + 8ULL * i, 0);
		vmsg_st64(m + seg->l.dev_notif + 8ULL * (seg->l.num_notif + i), 0);
	}
	if (!seg->l.bare) {
		vmsg_st32(m + EXT(wire_offered), seg->wire_offered);
		vmsg_st16(m + EXT(device_peer), seg->device_peer);
		vmsg_st32(m + EXT(device_flags), seg->device_flags);
		found = vmsg_ld32(m + EXT(device_instance));
		seen = vmsg_ld32(m + EXT(driver_seen));
		do {
			instance = seg->random(seg);
		} while (!instance || instance == found || instance == seen ||
			 instance == seg->device_instance);
		seg->device_instance = instance;
		vmsg_wmb();
		vmsg_st32(m + EXT(device_instance), instance);
	}
	seg->state = VMSG_SEG_READY;
	say(seg, VIRTIO_MSG_ST_READY);
}

static bool handshake_bare(struct vmsg_seg *seg)
{
	uint16_t status = peer_status(seg);

	if (status != VIRTIO_MSG_ST_READY && status != VIRTIO_MSG_ST_RUN)
		return false;
	seg->driver_peer = VIRTIO_MSG_PEER_NONE;
	seg->bus->wire = (uint8_t)seg->bare_wire;
	seg->state = VMSG_SEG_HALF;
	say(seg, VIRTIO_MSG_ST_RUN);
	return true;
}

/* Step 4: the order of these reads is that of the driver's writes, reversed. Model: bringup.pml. */
static bool handshake(struct vmsg_seg *seg)
{
	uint32_t instance, seen, wire;
	uint16_t status, peer;
	uint8_t *m = seg->mem;
	unsigned int bit;

	if (seg->l.bare)
		return handshake_bare(seg);
	instance = vmsg_ld32(m + EXT(driver_instance));
	vmsg_rmb();
	status = peer_status(seg);
	vmsg_rmb();
	seen = vmsg_ld32(m + EXT(driver_seen));
	vmsg_rmb();
	wire = vmsg_ld32(m + EXT(wire_selected));
	peer = vmsg_ld16(m + EXT(driver_peer));
	if (status != VIRTIO_MSG_ST_READY || seen != seg->device_instance ||
	    !instance)
		return false;
	if (!wire || wire & (wire - 1) || wire & ~seg->wire_offered) {
		note(seg, "impossible wire selected", wire);
		seg->state = VMSG_SEG_HOLD;
		seg->hold_until = seg->now + HOLD_MS;
		say(seg, VIRTIO_MSG_ST_SHUTDOWN);
		return true;
	}
	for (bit = 0; !(wire >> bit & 1); bit++)
		;
	seg->driver_instance = instance;
	seg->driver_peer = peer;
	seg->bus->wire = (uint8_t)bit;
	seg->state = VMSG_SEG_HALF;
	vmsg_st32(m + EXT(device_seen), instance);
	say(seg, VIRTIO_MSG_ST_RUN);
	return true;
}

/* Is the peer, shaken hands with, still the same and where it should be? Model: bringup.pml. */
static bool peer_lost(struct vmsg_seg *seg, uint16_t *status)
{
	uint32_t instance = 0;

	if (!seg->l.bare)
		instance = vmsg_ld32(seg->mem + EXT(driver_instance));
	vmsg_rmb();
	*status = peer_status(seg);
	if (!seg->l.bare && instance != seg->driver_instance) {
		lose(seg, "the driver side started anew", instance);
		return true;
	}
	if (*status == VIRTIO_MSG_ST_RUN ||
	    (*status == VIRTIO_MSG_ST_READY && seg->state == VMSG_SEG_HALF))
		return false;
	lose(seg, "the driver side left, its status is now", *status);
	return true;
}

/* --------------------------------------------------------------- traffic */

/* Return: whether anything came. Model: ring.pml. */
static bool receive(struct vmsg_seg *seg)
{
	uint8_t *m = seg->mem, *buf = seg->bus->frame + seg->bus->frame_size;
	uint16_t n = seg->l.num_elems, size = seg->l.elem_size;
	unsigned int budget = n, hl = vmsg_hdr_len(seg->bus->wire);
	bool any = false;

	while (budget-- && seg->state == VMSG_SEG_RUN) {
		uint16_t tail, old = seg->head;
		struct vmsg_hdr h;
		uint32_t len;
		uint8_t *elem;

		if (!vmsg_bus_can_receive(seg->bus) &&
		    !vmsg_bus_flush(seg->bus) &&
		    !vmsg_bus_can_receive(seg->bus))
			break;
		tail = vmsg_ld16(m + seg->l.drv_head + QH_TAIL);
		if (tail == seg->head)
			break;
		if (tail >= n) {
			lose(seg, "impossible ring index", tail);
			break;
		}
		vmsg_rmb();
		/*
		 * The header comes first, and with it how much more there is.
		 * Both parts are copied once; the copy is what counts.
		 */
		elem = m + seg->l.drv_elems + (uint64_t)seg->head * size;
		memcpy(buf, elem, hl);
		vmsg_hdr_get(seg->bus->wire, buf, &h);
		len = h.size < size ? h.size : size;
		if (len > hl)
			memcpy(buf + hl, elem + hl, len - hl);
		else
			len = hl;

		seg->head = (uint16_t)((seg->head + 1U) % n);
		vmsg_mb();
		vmsg_st16(m + seg->l.dev_head + QH_HEAD, seg->head);
		vmsg_mb();
		tail = vmsg_ld16(m + seg->l.drv_head + QH_TAIL);
		if (tail < n && (tail + 1U) % n == old)
			ring(seg);
		any = true;
		vmsg_bus_receive(seg->bus, buf, len);
	}
	return any;
}

/* Return: whether any bit was pending. Model: words.pml. */
static bool scan_words(struct vmsg_seg *seg)
{
	unsigned int n = seg->l.num_notif, per = seg->l.vq_per_dev, w;
	uint8_t *tx = seg->mem + seg->l.drv_notif;
	uint8_t *rx = seg->mem + seg->l.dev_notif + 8ULL * n;
	uint64_t word, pending, bits;

	if (!n)
		return false;
	word = vmsg_ld64(tx);
	pending = word ^ seg->rx_bits[0];
	if (!pending)
		return false;
	seg->rx_bits[0] = word;
	vmsg_st64(rx, word);
	vmsg_mb();
	for (w = 1; w < n && pending >> w; w++) {
		if (!(pending >> w & 1))
			continue;
		word = vmsg_ld64(tx + 8ULL * w);
		bits = word ^ seg->rx_bits[w];
		seg->rx_bits[w] = word;
		vmsg_st64(rx + 8ULL * w, word);
		vmsg_mb();
		while (bits) {
			uint32_t i = (w - 1) * 64 + (unsigned int)__builtin_ctzll(bits);
			uint16_t q = (uint16_t)(i % per);

			bits &= bits - 1;
			/* A device's last bit stands for all queues from there. */
			vmsg_bus_kick(seg->bus, (uint16_t)(i / per), q,
				      q == per - 1 ? VMSG_MAX_VQS - 1 : q);
		}
	}
	return true;
}

static unsigned int traffic(struct vmsg_seg *seg)
{
	unsigned int pass;
	bool more = true;

	for (pass = 0; more && pass < PASSES; pass++) {
		more = scan_words(seg);
		more |= receive(seg);
		if (seg->state != VMSG_SEG_RUN)
			return 0;
		more |= vmsg_bus_run(seg->bus);
		if (seg->tx_full) {
			seg->tx_full = false;
			vmsg_bus_flush(seg->bus);
		}
	}
	if (more)
		return 0;
	return seg->tx_full ? BUSY_MS : STATUS_MS;
}

/* ------------------------------------------------------------------- API */

/**
 * vmsg_seg_init - look at the segment
 * @seg: its first part filled in
 *
 * Return: 0 or what vmsg_seg_check() says.  @seg->l.elem_size tells how large
 * the frames of the bus must be.
 */
int vmsg_seg_init(struct vmsg_seg *seg)
{
	unsigned int w;
	int ret;

	ret = vmsg_seg_check(seg->mem, seg->size, &seg->l);
	if (ret)
		return ret;
	if (seg->l.bare) {
		seg->l.window_offset = seg->bare_window_offset;
		seg->l.window_length = seg->bare_window_length;
		if (seg->l.window_offset > seg->size ||
		    seg->l.window_length > seg->size - seg->l.window_offset)
			return -VMSG_EINVAL;
	}
	for (w = 0; w < VIRTIO_MSG_WIRE_COUNT; w++)
		if (seg->l.elem_size < vmsg_wire_min(w))
			seg->wire_offered &= ~(1U << w);
	if (!seg->wire_offered)
		return -VMSG_EINVAL;
	seg->area.id = VIRTIO_MSG_AREA_SEGMENT;
	seg->area.start = seg->l.window_offset;
	seg->area.len = seg->l.window_length;
	seg->area.ptr = seg->mem + seg->l.window_offset;
	seg->bus->areas = &seg->area;
	seg->bus->nareas = 1;
	seg->bus->link = &vmsg_seg_link;
	seg->bus->link_priv = seg;
	seg->state = VMSG_SEG_STOPPED;
	seg->driver_peer = VIRTIO_MSG_PEER_NONE;
	return 0;
}

/**
 * vmsg_seg_start - begin the bring-up
 * @seg: the segment, after vmsg_seg_init()
 * @now_ms: a monotonic clock
 */
void vmsg_seg_start(struct vmsg_seg *seg, uint64_t now_ms)
{
	seg->now = now_ms;
	enter_init(seg);
}

/**
 * vmsg_seg_poll - do what there is to do
 * @seg: the segment
 * @now_ms: a monotonic clock
 *
 * To be called at each doorbell, and when the returned time has passed.
 *
 * Return: milliseconds until the next call; 0 means that there is more to do.
 */
unsigned int vmsg_seg_poll(struct vmsg_seg *seg, uint64_t now_ms)
{
	unsigned int turns = 0, delay;
	uint16_t status;

	seg->now = now_ms;
	while (turns++ < PASSES) {
		switch (seg->state) {
		case VMSG_SEG_STOPPED:
			return STATUS_MS;
		case VMSG_SEG_CLEANUP:
			/* Devices may still write where the driver reuses. */
			if (!vmsg_bus_quiet(seg->bus))
				return BUSY_MS;
			enter_init(seg);
			break;
		case VMSG_SEG_HOLD:
			if (now_ms < seg->hold_until)
				return (unsigned int)(seg->hold_until - now_ms);
			enter_init(seg);
			break;
		case VMSG_SEG_INIT:
			if (peer_status(seg) != VIRTIO_MSG_ST_RUN) {
				enter_ready(seg);
				break;
			}
			if (!intact(seg, VIRTIO_MSG_ST_INIT))
				enter_init(seg);
			return IDLE_MS;
		case VMSG_SEG_READY:
			if (handshake(seg))
				break;
			if (!intact(seg, VIRTIO_MSG_ST_READY))
				enter_init(seg);
			return IDLE_MS;
		case VMSG_SEG_HALF:
			if (peer_lost(seg, &status))
				break;
			if (status != VIRTIO_MSG_ST_RUN)
				return BUSY_MS;
			seg->state = VMSG_SEG_RUN;
			vmsg_bus_link_up(seg->bus, seg->bus->wire,
					 seg->l.elem_size);
			note(seg, "running, wire", seg->bus->wire);
			break;
		case VMSG_SEG_RUN:
			if (peer_lost(seg, &status))
				break;
			delay = traffic(seg);
			if (seg->state == VMSG_SEG_RUN)
				return delay;
			break;
		}
	}
	return 0;
}

/**
 * vmsg_seg_peer_gone - something told us that a peer does not exist any more
 * @seg: the segment
 * @peer: its id
 * @now_ms: a monotonic clock
 *
 * Its status field stays as it left it, for nobody is there to change it.
 */
void vmsg_seg_peer_gone(struct vmsg_seg *seg, uint16_t peer, uint64_t now_ms)
{
	seg->now = now_ms;
	if ((seg->state == VMSG_SEG_HALF || seg->state == VMSG_SEG_RUN) &&
	    peer == seg->driver_peer)
		lose(seg, "the driver side's peer vanished", peer);
}

/**
 * vmsg_seg_stop - leave for good
 * @seg: the segment
 *
 * The devices are reset; wait for vmsg_bus_quiet() before the memory goes.
 */
void vmsg_seg_stop(struct vmsg_seg *seg)
{
	if (seg->state == VMSG_SEG_STOPPED)
		return;
	say(seg, VIRTIO_MSG_ST_SHUTDOWN);
	seg->state = VMSG_SEG_STOPPED;
	vmsg_bus_link_down(seg->bus);
}
