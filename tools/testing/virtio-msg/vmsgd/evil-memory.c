// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: evil behaviours in shared memory, and of time: queues, the window,
 * liveness, restarts
 *
 * The comments say what a driver side has to make of each.  Those about queues
 * are for victims whose rings are worked on here, not by a back end.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "evil.h"

#define KEPT		256
#define LINGER_MS	20	/* until a buffer that was given back is written */
#define ZOMBIE_MS	2000	/* how long a writer outlives its process */
#define LATE_MS		250	/* just in time for a driver that waits 300 ms */
#define FOR_EVER_MS	3600000
#define ASLEEP_S	4

/* Buffers of chains, to be written when they should not be. */
static struct kept {
	struct vmsg_sg sg;
	uint64_t due;
} kept[KEPT];

static unsigned int nkept;

static void keep(const struct vmsg_chain *c, uint32_t least, unsigned int ms)
{
	unsigned int i;

	for (i = c->nout; i < (unsigned int)c->nout + c->nin && nkept < KEPT; i++) {
		if (c->sg[i].len < least)
			continue;
		kept[nkept].sg = c->sg[i];
		kept[nkept++].due = now_ms() + ms;
	}
}

static void scribble(uint8_t *p, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		((volatile uint8_t *)p)[i] = (uint8_t)evil_random();
}

static void forget(void)
{
	nkept = 0;
}

/* ------------------------------------------------------------- queues */

/* 28: the queue is broken, and its device */
static bool odd_used_id(struct vmsg_vq *vq, const struct vmsg_chain *chain, uint32_t len)
{
	struct vmsg_chain c = *chain;

	evil_breaks(UINT64_MAX);
	if (!evil_more())
		return false;
	switch (evil.seed % 3) {
	case 0:		/* there is none */
		c.id = (uint16_t)(vq->size + 5);
		break;
	case 1:		/* not the driver's */
		c.id = (uint16_t)((c.id + vq->size / 2U) % vq->size);
		break;
	default:	/* twice */
		vmsg_vq_push(vq, chain, len);
		c.ndesc = 0;
		break;
	}
	vmsg_vq_push(vq, &c, len);
	return true;
}

/* 29: likewise */
static bool used_jumps(struct vmsg_vq *vq, const struct vmsg_chain *chain, uint32_t len)
{
	evil_breaks(UINT64_MAX);
	vmsg_vq_push(vq, chain, len);
	if (!vq->packed && evil_more())
		vmsg_st16(vq->device + 2, (uint16_t)(vq->used_idx + vq->size + 5));
	return true;
}

/* 30: no more is copied than was mapped */
static bool odd_used_len(struct vmsg_vq *vq, const struct vmsg_chain *chain, uint32_t len)
{
	const uint32_t lens[] = { 0, UINT32_MAX, chain->in_len + 1000, 1U << 31 };

	(void)len;
	evil.done++;
	vmsg_vq_push(vq, chain, lens[evil_random() % 4]);
	return true;
}

/*
 * The ring code of Linux 7.3 and before believes one bit that the device side can
 * write: while a descriptor of a used chain has NEXT, it goes on with the next free
 * one, maybe without end.  What writes over descriptors leaves their flags alone,
 * unless the seed says that the driver side has that repaired.
 */
#define BELIEVES_NOTHING	1000

static void write_descriptor(struct vmsg_vq *vq, unsigned int i)
{
	uint8_t *d = vq->desc + 16 * (i % vq->size);

	/* Packed: id and flags are what the device side is to write. */
	scribble(d, vq->packed ? 8 : 12);
	if (!vq->packed)
		scribble(d + 14, 2);
	if (evil.seed >= BELIEVES_NOTHING)
		scribble(d + 12, 2);
}

/*
 * 31: the driver has what it needs in its own memory.  With an odd seed anything
 * is written over, otherwise what belongs to the chain.
 */
static bool write_descriptors(struct vmsg_vq *vq, const struct vmsg_chain *chain,
			      uint32_t len)
{
	evil_breaks(UINT64_MAX);
	vmsg_vq_push(vq, chain, len);
	evil.done++;
	write_descriptor(vq, chain->id);
	if (evil.seed & 1) {
		write_descriptor(vq, evil_random());
		if (!vq->packed)
			scribble(vq->driver + 4 + 2 * (evil_random() % vq->size), 2);
	}
	return true;
}

/* 32: an I/O error, never success */
static bool complete_unwritten(struct vmsg_vq *vq, struct vmsg_chain *chain)
{
	evil.done++;
	vmsg_vq_push(vq, chain, 0);
	vmsg_vq_flush(vq);
	return false;
}

/* 33: it does not reach whoever has read */
static bool write_later(struct vmsg_vq *vq, const struct vmsg_chain *chain, uint32_t len)
{
	keep(chain, 512, LINGER_MS);
	vmsg_vq_push(vq, chain, len);
	return true;
}

static void write_now(void)
{
	unsigned int i, left = 0;

	for (i = 0; i < nkept; i++) {
		if (kept[i].due > now_ms()) {
			kept[left++] = kept[i];
			continue;
		}
		scribble(kept[i].sg.ptr, kept[i].sg.len);
		evil.done++;
	}
	nkept = left;
}

/* ------------------------------------------------------------- window */

/* 34: its devices break, or the link; nothing outside it notices */
static bool has_window(void)
{
	unsigned int i;

	for (i = 0; i < EC_COUNT; i++)
		evil_any(i);
	return bus.nareas;
}

/* Is it in a table of descriptors?  See above. */
static bool forbidden(const uint8_t *p)
{
	struct vmsg_dev *d;
	uint32_t q;

	for (d = bus.devs; d && evil.seed < BELIEVES_NOTHING; d = d->next)
		for (q = 0; q < d->nvqs; q++)
			if (d->vqs[q].enabled && p + 64 > d->vqs[q].desc &&
			    p < d->vqs[q].desc + 16U * d->vqs[q].size)
				return true;
	return false;
}

static void write_anywhere(void)
{
	const struct vmsg_area *a = &bus.areas[0];
	unsigned int i;
	uint8_t *p;

	for (i = 0; bus.up && i < 2000; i++) {
		p = a->ptr + (((uint64_t)evil_random() << 6) % (a->len - 64));
		if (!forbidden(p))
			scribble(p, 64);
	}
	evil.done++;
}

/*
 * 35: a process that is dead but writes on, as queued I/O does.  It has the lock,
 * so that no successor comes before it is gone; but the driver side learns of the
 * death at once, and may not use those buffers for anything else.
 */
static struct {
	volatile bool stop;
	volatile unsigned int n;
	struct vmsg_sg sg[KEPT];
} *zombie;

/* A child has what its parent had: who waits for the end of it must not wait. */
static void let_go(int but)
{
	int fd;

	for (fd = 3; fd < 1024; fd++)
		if (fd != but)
			close(fd);
}

static void zombie_main(pid_t parent)
{
	uint64_t until;
	unsigned int i;

	while (getppid() == parent && !zombie->stop)
		usleep(2000);
	if (zombie->stop)
		_exit(0);
	until = now_ms() + ZOMBIE_MS;
	while (now_ms() < until) {
		for (i = 0; i < zombie->n; i++)
			scribble(zombie->sg[i].ptr, zombie->sg[i].len);
		usleep(1000);
	}
	_exit(0);
}

static bool make_zombie(void)
{
	pid_t self = getpid();
	pid_t pid;

	zombie = mmap(NULL, sizeof(*zombie), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (zombie == MAP_FAILED)
		return false;
	pid = fork();
	if (pid)
		return pid > 0;
	let_go(lock_fd);
	zombie_main(self);
	return true;
}

static bool keep_for_zombie(struct vmsg_vq *vq, struct vmsg_chain *chain)
{
	unsigned int i;

	(void)vq;
	if (evil_random() & 1)
		return true;
	for (i = chain->nout; i < (unsigned int)chain->nout + chain->nin &&
	     zombie->n < KEPT; i++) {
		zombie->sg[zombie->n] = chain->sg[i];
		zombie->n = zombie->n + 1;
	}
	evil.done++;
	return false;
}

static void end_zombie(void)
{
	zombie->stop = true;
}

/* 36: it is not reset; what it has stays in quarantine, and is written on */
static bool keep_all(struct vmsg_vq *vq, struct vmsg_chain *chain)
{
	(void)vq;
	keep(chain, 1, 0);
	evil.done++;
	return false;
}

static void write_kept(void)
{
	unsigned int i;

	for (i = 0; i < nkept; i++)
		scribble(kept[i].sg.ptr, kept[i].sg.len);
}

static bool refuse_release(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	evil_breaks(UINT64_MAX);
	if (len >= 4 && (evil_about(h, VIRTIO_MSG_SET_DEVICE_STATUS) ||
			 evil_about(h, VIRTIO_MSG_GET_DEVICE_STATUS)) &&
	    !vmsg_get32(p) && nkept)
		vmsg_put32(p, VMSG_S_ACKNOWLEDGE);
	return true;
}

/* ----------------------------------------------------------- liveness */

/* 37: requests time out; if nothing is answered at all, the link is lost */
static bool no_answer(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	bool ping = h->type & VIRTIO_MSG_TYPE_BUS && h->msg_id == VIRTIO_MSG_BUS_PING;

	(void)p;
	(void)len;
	switch (evil.seed % 3) {
	case 0:		/* one */
		if (evil.done || (!ping && h->dev_num != evil.dev))
			return true;
		evil_book(EC_TIMEOUT, 1);
		evil_breaks(1);
		break;
	case 1:		/* all */
		evil_any(EC_TIMEOUT);
		evil_any(EC_PEER_LOST);
		evil_breaks(UINT64_MAX);
		break;
	default:	/* all but PING */
		if (ping)
			return true;
		evil_any(EC_TIMEOUT);
		evil_breaks(UINT64_MAX);
		break;
	}
	evil.done++;
	return false;
}

/* 38: slow, but it works; whoever wants to remove it can */
static bool slow_answer(struct vmsg_hdr *h, uint8_t *p, uint32_t len)
{
	evil.done++;
	evil_hold(h, p, len, LATE_MS);
	/* The driver side is slow, too. */
	evil_any(EC_TIMEOUT);
	evil_breaks(UINT64_MAX);
	return false;
}

/* 39: it costs time, or takes time; nothing else */
static void (*true_doorbell)(struct vmsg_seg *seg, uint16_t peer);

static void no_doorbell(struct vmsg_seg *s, uint16_t peer)
{
	(void)s;
	(void)peer;
	evil.done++;
}

static bool doorbells(void)
{
	true_doorbell = seg.doorbell;
	if (evil.seed & 1)
		seg.doorbell = no_doorbell;
	return true;
}

static void storm(void)
{
	unsigned int i;

	if (evil.seed & 1)
		return;
	for (i = 0; i < 2000; i++)
		evil_ring();
	evil.done += i;
}

static void true_doorbells(void)
{
	seg.doorbell = true_doorbell;
}

/* 40: lost and found; who is given up may come back, but not as it was */
static uint32_t (*true_random)(struct vmsg_seg *seg);
static uint32_t epoch;

static uint32_t backwards(struct vmsg_seg *s)
{
	(void)s;
	return --epoch;
}

static bool restarts(void)
{
	evil_any(EC_PEER_LOST);
	evil_any(EC_TIMEOUT);
	evil_breaks(UINT64_MAX);
	evil_any(EC_UNEXPECTED);
	true_random = seg.random;
	epoch = seg.device_instance;
	if (evil.seed % 3 == 1)
		seg.random = backwards;
	return true;
}

static void sleep_on(void)
{
	pid_t self = getpid(), pid = fork();

	if (!pid) {
		let_go(-1);
		sleep(ASLEEP_S);
		kill(self, SIGCONT);
		_exit(0);
	}
	if (pid > 0)
		raise(SIGSTOP);
}

static void restart(void)
{
	static uint64_t next;

	if (now_ms() < next)
		return;
	switch (evil.seed % 3) {
	case 0:
	case 1:
		next = now_ms() + (evil.seed % 3 ? 50 : 10);
		vmsg_seg_stop(&seg);
		vmsg_seg_start(&seg, now_ms());
		evil.done++;
		break;
	default:
		if (evil_more())
			sleep_on();
		next = now_ms() + FOR_EVER_MS;
		break;
	}
}

static void true_epochs(void)
{
	seg.random = true_random;
}

const struct behaviour evil_memory[13] = {
	{ .name = "used ids that are impossible, foreign or twice", .limit = 1,
	  .push = odd_used_id },
	{ .name = "the used index jumps", .limit = 1, .push = used_jumps },
	{ .name = "impossible used lengths", .push = odd_used_len },
	{ .name = "descriptors and the avail ring are written over",
	  .push = write_descriptors },
	{ .name = "requests end without a status", .popped = complete_unwritten },
	{ .name = "buffers are written after they were given back",
	  .push = write_later, .tick = write_now, .end = forget },
	{ .name = "the whole window is written over at random",
	  .begin = has_window, .tick = write_anywhere },
	{ .name = "a writer that outlives its process", .begin = make_zombie,
	  .popped = keep_for_zombie, .end = end_zombie },
	{ .name = "buffers are kept and written, the device does not reset",
	  .popped = keep_all, .tick = write_kept, .answer = refuse_release,
	  .end = forget },
	{ .name = "no answer to one request, all, or all but PING",
	  .answer = no_answer },
	{ .name = "each answer just before the deadline", .answer = slow_answer },
	{ .name = "a storm of doorbells, or none at all", .segment = true,
	  .begin = doorbells, .tick = storm, .end = true_doorbells },
	{ .name = "restarts without end, epochs that go backwards, sleep",
	  .limit = 1, .segment = true, .begin = restarts, .tick = restart,
	  .end = true_epochs },
};
