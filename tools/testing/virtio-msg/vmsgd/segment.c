// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: the segment, wherever its memory comes from
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "segment.h"

struct vmsg_seg seg;
bool segment_intact = true;

static bool running;

/*
 * One daemon at a time, and no writer left over from the last one: its block
 * back ends hold this lock until they are gone.  The memory is opened once more
 * for it, as locks belong to what open() returns, which all clients share.
 */
static bool take_lock(void)
{
	char again[64];

	snprintf(again, sizeof(again), "/proc/self/fd/%d", shm_fd);
	lock_fd = open(again, O_RDWR | O_CLOEXEC);
	if (lock_fd < 0) {
		info("cannot open the memory again to lock it: %m");
		return false;
	}
	return lock_wait("this memory");
}

static uint32_t seg_random(struct vmsg_seg *s)
{
	(void)s;
	return random32();
}

static bool make_segment(const char *where)
{
	int ret;

	seg.bus = &bus;
	seg.wire_offered = wires;
	seg.random = seg_random;
	seg.bare_wire = VIRTIO_MSG_WIRE_V2;
	while (!(wires >> seg.bare_wire & 1))
		seg.bare_wire = (seg.bare_wire + 1) % VIRTIO_MSG_WIRE_COUNT;
	ret = vmsg_seg_init(&seg);
	if (ret == -VMSG_ENOENT) {
		info("no virtio-msg segment in the memory of %s", where);
		return false;
	}
	if (ret) {
		info("the segment's layout is impossible, or too small for the wire revisions asked for");
		return false;
	}
	if (seg.l.bare) {
		/* Nobody says where the window is: all that is left. */
		uint64_t end = seg.l.drv_elems + (uint64_t)seg.l.num_elems *
			       seg.l.elem_size;

		seg.bare_window_offset = (end + 4095) & ~4095ULL;
		seg.bare_window_length = seg.size - seg.bare_window_offset;
		if (vmsg_seg_init(&seg))
			return false;
	}
	window_offset = seg.l.window_offset;
	window_length = seg.l.window_length;
	bus_init(seg.l.elem_size);
	return true;
}

/**
 * segment_join - the memory is there: lock it and look at it
 * @where: what messages call it
 *
 * @seg has the memory, our peer id and the doorbell; shm_fd is its file.
 *
 * Return: false after the reason was said.
 */
bool segment_join(const char *where)
{
	shm_size = seg.size;
	if (!take_lock() || !make_segment(where))
		return false;
	info("peer %u on %s, %llu KiB of memory", seg.device_peer, where,
	     (unsigned long long)shm_size >> 10);
	return true;
}

/* Something told us that a peer does not exist any more. */
void segment_peer_gone(uint16_t id)
{
	if (running)
		vmsg_seg_peer_gone(&seg, id, now_ms());
}

/**
 * segment_begin - the driver side may have us now
 *
 * @seg is initialized, and no predecessor writes to it any more.
 */
void segment_begin(void)
{
	/*
	 * A predecessor has left an instance.  What it acknowledged is in files,
	 * and what it had begun and not finished is done again.
	 */
	if (!seg.l.bare && segment_intact && devices_intact() &&
	    vmsg_ld32(seg.mem + VIRTIO_MSG_EXT_OFFSET +
		      offsetof(struct virtio_msg_seg_ext, device_instance)))
		seg.device_flags = VIRTIO_MSG_DEV_F_CONTINUES;
	vmsg_seg_start(&seg, now_ms());
}

bool segment_start(void)
{
	running = true;
	segment_begin();
	return true;
}

unsigned int segment_poll(void)
{
	return vmsg_seg_poll(&seg, now_ms());
}

void segment_stop(void)
{
	if (running)
		vmsg_seg_stop(&seg);
}

const char *segment_state(void)
{
	static const char *const names[] = {
		[VMSG_SEG_STOPPED] = "stopped", [VMSG_SEG_CLEANUP] = "cleanup",
		[VMSG_SEG_HOLD] = "hold", [VMSG_SEG_INIT] = "init",
		[VMSG_SEG_READY] = "ready", [VMSG_SEG_HALF] = "half",
		[VMSG_SEG_RUN] = "run",
	};

	return names[seg.state];
}

void segment_print(FILE *f, bool json)
{
	int driver = seg.driver_peer == VIRTIO_MSG_PEER_NONE ? -1 : seg.driver_peer;

	if (json)
		fprintf(f, "\"own_peer\":%d,\"driver_peer\":%d,\"device_instance\":%u,\"driver_instance\":%u,\"losses\":%u,\"doorbells\":%llu,",
			seg.device_peer, driver, seg.device_instance,
			seg.driver_instance, seg.drops,
			(unsigned long long)seg.doorbells_out);
	else
		fprintf(f, "ivshmem: our peer id %d, the driver's %d, lost %u times, doorbells rung %llu\n",
			seg.device_peer, driver, seg.drops,
			(unsigned long long)seg.doorbells_out);
}
