// SPDX-License-Identifier: GPL-2.0-only
/*
 * The links: for each a segment, a bus on it, and a doorbell either way
 */
#include "amp.h"
#include "vmsg.h"

#define ELEMS		32
#define ELEM_SIZE	128
#define BACKLOG		16

static const struct {
	uint8_t *mem;
	uint64_t size;
	bool coherent;
	unsigned int doorbell;
	unsigned int answer;
} board[NLINKS] = {
	{ (uint8_t *)LINK0_BASE, LINK0_SIZE, LINK0_COHERENT, LINK0_DOORBELL, LINK0_ANSWER },
	{ (uint8_t *)LINK1_BASE, LINK1_SIZE, LINK1_COHERENT, LINK1_DOORBELL, LINK1_ANSWER },
};

static struct link {
	struct vmsg_seg seg;
	struct vmsg_bus bus;
	unsigned int answer;
	uint8_t frame[2 * ELEM_SIZE];
	uint8_t backlog[BACKLOG * (ELEM_SIZE + 8)];
} links[NLINKS];

static void doorbell(struct vmsg_seg *seg, uint16_t peer)
{
	struct link *l = seg->priv;

	(void)peer;
	gic_raise(l->answer);
}

static uint32_t instance(struct vmsg_seg *seg)
{
	(void)seg;
	return random32();
}

static void link_init(struct link *l, unsigned int n)
{
	static const struct vmsg_seg_params params = {
		.num_notif = 4, .vq_per_dev = 4,
		.num_elems = ELEMS, .elem_size = ELEM_SIZE,
	};

	l->answer = board[n].answer;
	l->seg.bus = &l->bus;
	l->seg.mem = board[n].mem;
	l->seg.size = board[n].size;
	l->seg.wire_offered = (1U << VIRTIO_MSG_WIRE_COUNT) - 1;
	l->seg.device_peer = VIRTIO_MSG_PEER_NONE;
	l->seg.doorbell = doorbell;
	l->seg.random = instance;
	l->seg.priv = l;
	/*
	 * Linux may know this memory from our predecessor: what is fit for use
	 * stays as it is.  Anything else, and fresh memory, is laid out anew.
	 */
	if (vmsg_seg_init(&l->seg) || l->seg.l.elem_size != ELEM_SIZE) {
		vmsg_seg_format(l->seg.mem, l->seg.size, &params);
		vmsg_seg_init(&l->seg);
	}
	l->bus.frame = l->frame;
	l->bus.frame_size = ELEM_SIZE;
	l->bus.backlog = l->backlog;
	l->bus.backlog_slots = BACKLOG;
	l->bus.random = random32();
	/* Descriptors hold wire addresses, never Linux's own. */
	l->bus.require = VMSG_F_VERSION_1 | VMSG_F_ACCESS_PLATFORM;
	/* Linux must order its accesses as for a device, not as for a CPU. */
	if (!board[n].coherent)
		l->bus.require |= VMSG_F_ORDER_PLATFORM;
	gic_enable(board[n].doorbell);
}

void links_init(void)
{
	unsigned int n;

	for (n = 0; n < NLINKS; n++)
		link_init(&links[n], n);
}

void link_add(unsigned int n, struct vmsg_dev *dev, uint16_t num)
{
	unsigned int i;

	/* The same device each time: a number would do, were it the only board. */
	for (i = 0; i < sizeof(dev->uuid); i++)
		dev->uuid[i] = (uint8_t)("virtio-msg-amp-"[i]);
	dev->uuid[15] = (uint8_t)(n << 4 | num);
	dev->num = num;
	vmsg_bus_add(&links[n].bus, dev);
}

void links_start(void)
{
	unsigned int n;

	for (n = 0; n < NLINKS; n++)
		vmsg_seg_start(&links[n].seg, now_ms());
}

/* Serve all of them.  Return: milliseconds until they want to be served again. */
unsigned int links_poll(void)
{
	unsigned int n, next = ~0U, ms;

	for (n = 0; n < NLINKS; n++) {
		ms = vmsg_seg_poll(&links[n].seg, now_ms());
		if (ms < next)
			next = ms;
	}
	return next;
}

/* Say good-bye, so that nobody has to find out. */
void links_stop(void)
{
	unsigned int n;

	for (n = 0; n < NLINKS; n++) {
		vmsg_seg_stop(&links[n].seg);
		/* Our devices finish each request at once. */
		vmsg_bus_quiet(&links[n].bus);
	}
}
