// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over /dev/virtio-msg: what can be checked without a process
 */

#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <kunit/visibility.h>

#include "user_check.h"

static_assert(sizeof(struct virtio_msg_user_info) == VMSG_USER_INFO_V1);
static_assert(sizeof(struct virtio_msg_user_setup) == VMSG_USER_SETUP_V1);
static_assert(sizeof(struct virtio_msg_user_take_over) == VMSG_USER_TAKE_OVER_V1);
static_assert(sizeof(struct virtio_msg_user_eventfd) == VMSG_USER_EVENTFD_V1);

/**
 * vmsg_user_check_size() - is that the size of a structure of ours?
 * @size: what the caller says
 * @first: bytes of its first version
 *
 * Context: any.
 * Return: 0; -EINVAL when there is less than the first version had; -E2BIG when
 * it is more than any kernel will ever look at.
 */
int vmsg_user_check_size(u32 size, u32 first)
{
	if (size < first)
		return -EINVAL;
	return size > PAGE_SIZE ? -E2BIG : 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_check_size);

/**
 * vmsg_user_check_name() - is that a name?
 * @name: VIRTIO_MSG_USER_NAME_LEN bytes
 *
 * It stands in log lines and in debugfs: graphic ASCII, and zeroes behind.
 *
 * Context: any.
 * Return: its length, which may be 0, or -EINVAL.
 */
int vmsg_user_check_name(const char *name)
{
	size_t i, len = strnlen(name, VIRTIO_MSG_USER_NAME_LEN);

	if (len == VIRTIO_MSG_USER_NAME_LEN ||
	    memchr_inv(name + len, 0, VIRTIO_MSG_USER_NAME_LEN - len))
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || !isgraph(name[i]))
			return -EINVAL;
	return len;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_check_name);

/* What the longest messages that every bus needs take, see wire.rst. */
static u32 vmsg_user_min_msg(unsigned int wire)
{
	switch (wire) {
	case VIRTIO_MSG_WIRE_RFC2:
		return 44;
	case VIRTIO_MSG_WIRE_V1:
		return 48;
	case VIRTIO_MSG_WIRE_V2:
		return 52;
	default:
		return 64;
	}
}

/**
 * vmsg_user_check_setup() - may there be such a bus?
 * @s: what the caller wants; @s->size has been looked at
 * @lim: what he may have
 *
 * Context: any.
 * Return: 0; -EINVAL for what nobody may have; -EPERM for what this caller may
 * not have.
 */
int vmsg_user_check_setup(const struct virtio_msg_user_setup *s,
			  const struct vmsg_user_limits *lim)
{
	int len = vmsg_user_check_name(s->name);

	if (len < 0)
		return len;
	if (!len && s->recover_ms)
		return -EINVAL;
	if (s->flags & ~VMSG_USER_F_KNOWN || s->reserved)
		return -EINVAL;
	if (s->wire >= VIRTIO_MSG_WIRE_COUNT)
		return -EINVAL;
	if (s->max_msg_size < vmsg_user_min_msg(s->wire) ||
	    s->max_msg_size > VMSG_USER_MAX_MSG)
		return -EINVAL;
	if (s->frames &&
	    (s->frames < VMSG_USER_MIN_FRAMES || s->frames > VMSG_USER_MAX_FRAMES))
		return -EINVAL;
	if (s->recover_ms > VMSG_USER_MAX_RECOVER)
		return -EINVAL;
	if (s->max_devices > VMSG_USER_MAX_DEVICES)
		return -EINVAL;
	if (s->window_size < VMSG_USER_MIN_WINDOW ||
	    s->window_size > VMSG_USER_MAX_WINDOW ||
	    !PAGE_ALIGNED(s->window_size))
		return -EINVAL;

	if (s->max_devices > lim->max_devices || s->window_size > lim->max_window)
		return -EPERM;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_check_setup);

/**
 * vmsg_user_defaults() - choose what the caller left to us
 * @s: a setup that has been checked
 * @lim: what the caller may have
 *
 * Context: any.
 */
void vmsg_user_defaults(struct virtio_msg_user_setup *s,
			const struct vmsg_user_limits *lim)
{
	if (!s->frames)
		s->frames = VMSG_USER_FRAMES;
	if (!s->max_devices)
		s->max_devices = lim->max_devices;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_defaults);

/**
 * vmsg_user_check_take_over() - does that name a bus?
 * @t: what the caller wants; @t->size has been looked at
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int vmsg_user_check_take_over(const struct virtio_msg_user_take_over *t)
{
	if (t->flags & ~VIRTIO_MSG_USER_TAKE_OVER_F_INTACT)
		return -EINVAL;
	return vmsg_user_check_name(t->name) > 0 ? 0 : -EINVAL;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_check_take_over);

/**
 * vmsg_user_check_eventfd() - may there be such an eventfd?
 * @e: what the caller wants; @e->size has been looked at
 * @flags: of the bus, VIRTIO_MSG_USER_F_*
 *
 * Context: any.
 * Return: 0; -EINVAL; -EBADF for a negative descriptor that is not -1.
 */
int vmsg_user_check_eventfd(const struct virtio_msg_user_eventfd *e, u32 flags)
{
	switch (e->what) {
	case VIRTIO_MSG_USER_KICK:
		if (!(flags & VIRTIO_MSG_USER_F_KICKFD))
			return -EINVAL;
		break;
	case VIRTIO_MSG_USER_CALL:
		break;
	default:
		return -EINVAL;
	}
	return e->fd < -1 ? -EBADF : 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_check_eventfd);

/**
 * vmsg_user_may_take() - may the caller go on with a bus of that name?
 * @state: of the bus
 * @owner: he has the effective user ID that set it up
 * @admin: he has CAP_SYS_ADMIN
 *
 * Context: any.
 * Return: 0; -ENOENT when it ends; -EPERM; -EBUSY while somebody has it.
 */
int vmsg_user_may_take(enum vmsg_user_state state, bool owner, bool admin)
{
	if (state == VMSG_USER_ENDING)
		return -ENOENT;
	if (!owner && !admin)
		return -EPERM;
	return state == VMSG_USER_AWAY ? 0 : -EBUSY;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_may_take);

/* Header, and where the length is in it. */
static u32 vmsg_user_header(unsigned int wire, u32 *at)
{
	switch (wire) {
	case VIRTIO_MSG_WIRE_RFC2:
		*at = offsetof(struct virtio_msg_hdr_rfc2, msg_size);
		return sizeof(struct virtio_msg_hdr_rfc2);
	case VIRTIO_MSG_WIRE_XID32:
		*at = offsetof(struct virtio_msg_hdr_xid32, msg_size);
		return sizeof(struct virtio_msg_hdr_xid32);
	default:
		*at = offsetof(struct virtio_msg_hdr_token, msg_size);
		return sizeof(struct virtio_msg_hdr_token);
	}
}

/**
 * vmsg_user_frame() - the first frame of a buffer
 * @wire: wire revision
 * @max: longest frame
 * @buf: the buffer, which the caller cannot write any more
 * @have: its bytes, at least one
 * @last: nothing follows them
 * @len: receives the length of the frame
 *
 * Context: any.
 * Return: bytes to go on by, the zeroes behind the frame included; 0 when more
 * of the buffer is needed; -EINVAL when the lengths do not add up or the bytes
 * behind the frame are not zero.
 */
int vmsg_user_frame(unsigned int wire, u32 max, const u8 *buf, u32 have,
		    bool last, u32 *len)
{
	u32 at, hdr, size, next;

	hdr = vmsg_user_header(wire, &at);
	if (have < hdr)
		return last ? -EINVAL : 0;
	size = get_unaligned_le16(buf + at);
	if (size < hdr || size > max)
		return -EINVAL;
	next = ALIGN(size, VIRTIO_MSG_USER_ALIGN);
	if (have < next) {
		if (!last)
			return 0;
		if (have < size)
			return -EINVAL;
		next = have;
	}
	if (memchr_inv(buf + size, 0, next - size))
		return -EINVAL;
	*len = size;
	return next;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_frame);

/**
 * vmsg_user_stride() - room that one frame may take in the ring
 * @max: longest frame
 *
 * Context: any.
 * Return: bytes.
 */
u32 vmsg_user_stride(u32 max)
{
	return ALIGN(max, VIRTIO_MSG_USER_ALIGN);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_stride);

static u32 vmsg_user_wrap(const struct vmsg_user_ring *r, u32 at)
{
	return at < r->size ? at : at - r->size;
}

/**
 * vmsg_user_ring_put() - add a frame
 * @r: the ring
 * @frame: the frame
 * @len: its bytes
 *
 * Context: any; the caller serialises all changes of the ring.
 * Return: 0; -EAGAIN when there is no room now; -EMSGSIZE when there never is.
 */
int vmsg_user_ring_put(struct vmsg_user_ring *r, const void *frame, u32 len)
{
	u32 room = ALIGN(len, VIRTIO_MSG_USER_ALIGN), at, part;

	if (!len || len > U16_MAX || room > r->size)
		return -EMSGSIZE;
	if (r->count == r->slots || room > r->size - r->used) {
		r->full = true;
		return -EAGAIN;
	}
	at = vmsg_user_wrap(r, r->head + r->used);
	part = min(len, r->size - at);
	memcpy(r->mem + at, frame, part);
	memcpy(r->mem, frame + part, len - part);
	/* Eight bytes that belong together never wrap: the size is a multiple. */
	at = vmsg_user_wrap(r, at + round_down(len, VIRTIO_MSG_USER_ALIGN));
	part = len % VIRTIO_MSG_USER_ALIGN;
	if (part)
		memset(r->mem + at + part, 0, VIRTIO_MSG_USER_ALIGN - part);
	at = r->first + r->count;
	r->len[at < r->slots ? at : at - r->slots] = len;
	r->used += room;
	r->count++;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_ring_put);

/**
 * vmsg_user_ring_peek() - as many frames as fit
 * @r: the ring
 * @room: bytes of the reader's buffer
 * @b: which they are
 *
 * They stay in the ring until vmsg_user_ring_drop(); frames that are added
 * meanwhile do not matter.
 *
 * Context: any; the caller serialises all changes of the ring.
 * Return: 0; -EAGAIN when there is none; -EMSGSIZE when not even one fits.
 */
int vmsg_user_ring_peek(const struct vmsg_user_ring *r, size_t room,
			struct vmsg_user_batch *b)
{
	u32 slot = r->first;

	*b = (struct vmsg_user_batch){ .at = r->head };
	if (!r->count)
		return -EAGAIN;
	while (b->frames < r->count) {
		u32 len = r->len[slot];

		if (room < b->taken || room - b->taken < len)
			break;
		b->bytes = b->taken + len;
		b->taken += ALIGN(len, VIRTIO_MSG_USER_ALIGN);
		b->frames++;
		if (++slot == r->slots)
			slot = 0;
	}
	return b->frames ? 0 : -EMSGSIZE;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_ring_peek);

/**
 * vmsg_user_ring_drop() - the frames have been delivered
 * @r: the ring
 * @b: what vmsg_user_ring_peek() gave; the ring has not been reset since
 *
 * Context: any; the caller serialises all changes of the ring.
 * Return: true if somebody has to be told that there is room now.
 */
bool vmsg_user_ring_drop(struct vmsg_user_ring *r,
			 const struct vmsg_user_batch *b)
{
	bool full = r->full;

	r->head = vmsg_user_wrap(r, r->head + b->taken);
	r->first += b->frames;
	if (r->first >= r->slots)
		r->first -= r->slots;
	r->used -= b->taken;
	r->count -= b->frames;
	r->full = false;
	return full;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_ring_drop);

/**
 * vmsg_user_ring_reset() - forget all frames
 * @r: the ring
 *
 * Context: any; the caller serialises all changes of the ring.
 */
void vmsg_user_ring_reset(struct vmsg_user_ring *r)
{
	r->head = 0;
	r->first = 0;
	r->used = 0;
	r->count = 0;
	r->full = false;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_user_ring_reset);
