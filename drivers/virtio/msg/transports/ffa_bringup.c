// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-msg over FF-A: bring-up and end of a bus
 *
 * VERSION, AREA_SHARE, EVENT_CONFIGURE; at the end AREA_UNSHARE and RESET.  All
 * of it is said again to a partition that has forgotten us, about the same
 * memory, which stays shared meanwhile.
 */

#include <linux/arm_ffa.h>
#include <linux/idr.h>
#include <linux/slab.h>

#include "ffa.h"

/* Rounds of VERSION: two are needed. */
#define VMSG_FFA_ROUNDS		4

/* Area 1 is a segment; others tell the windows of all buses apart. */
#define VMSG_FFA_AREA_FIRST	2
#define VMSG_FFA_AREA_LAST	0x7fff

static DEFINE_IDA(areas);

/* Once for each time that there is trouble. */
static void __printf(2, 3) vmsg_ffa_err(struct vmsg_ffa *f, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	if (!f->told)
		dev_err(f->dev, "%pV", &vaf);
	WRITE_ONCE(f->told, true);
	va_end(args);
}

/* One VERSION, one answer. */
static int version(struct vmsg_ffa *f, enum vmsg_ffa_form form,
		   const struct vmsg_ffa_version *ask, struct vmsg_ffa_version *said)
{
	u8 frame[VMSG_FFA_REGS];
	u16 token = ++f->xid;
	int n;

	n = vmsg_ffa_put_version(frame, form, ask, token);
	n = vmsg_ffa_ask(f, frame, n);
	if (n < 0)
		return n;
	return vmsg_ffa_get_version(frame, n, form, token, said);
}

static int negotiate(struct vmsg_ffa *f, enum vmsg_ffa_form form)
{
	struct vmsg_ffa_version said, ask = {
		.ffa_version = f->fdev->ops->info_ops->api_version_get(),
		.bus_features = VMSG_FFA_F_DIRECT_TX | VMSG_FFA_F_NOTIFY_RX |
				VMSG_FFA_F_NOTIFY_TX,
	};
	unsigned int round;
	const char *why;
	int ret;

	for (round = 0; round < VMSG_FFA_ROUNDS; round++) {
		ret = version(f, form, &ask, &said);
		if (ret)
			return ret;
		ret = vmsg_ffa_agree(form, f->wire_mask, &ask, &said, &ask,
				     &f->wire, &why);
		if (ret < 0) {
			vmsg_ffa_err(f, "no agreement with the partition: %s; it says bus version %#x, revision %#x\n",
				     why, said.bus_version, said.revision);
			return ret;
		}
		if (ret) {
			f->form = form;
			f->peer = said;
			return 0;
		}
	}
	vmsg_ffa_err(f, "no agreement with the partition: it never repeats what it said itself (revision %#x)\n",
		     said.revision);
	return -EPROTO;
}

static int hello(struct vmsg_ffa *f)
{
	unsigned int form;
	int ret = -EBADMSG;

	for (form = 0; form < VMSG_FFA_FORMS; form++) {
		/* Where nothing else tells how long a header is. */
		if (form == VMSG_FFA_FORM_OLD && !f->regs)
			break;
		ret = negotiate(f, form);
		/* The firmware has no direct messages of FF-A 1.2. */
		if (ret == -EOPNOTSUPP && f->regs == VMSG_FFA_REGS &&
		    ffa_partition_supports_direct_recv(f->fdev)) {
			f->regs = VMSG_FFA_REGS_1_1;
			ret = negotiate(f, form);
		}
		if (ret != -EBADMSG && ret != -EBUSY && ret != -ETIMEDOUT)
			break;
	}
	if (ret == -EBUSY)
		vmsg_ffa_err(f, "the partition is busy for more than %u ms; bind it again when it is not\n",
			     VMSG_FFA_PATIENCE_MS);
	else if (ret == -EBADMSG)
		vmsg_ffa_err(f, "the partition answers no form of VERSION: is it a virtio-msg device side?\n");
	else if (ret && ret != -EPROTO)
		vmsg_ffa_err(f, "VERSION cannot be sent by FF-A to partition %#x: %d; see whether the firmware log names the partition\n",
			     f->fdev->vm_id, ret);
	return ret;
}

static int choose_mode(struct vmsg_ffa *f)
{
	u32 features = f->peer.bus_features;
	const u32 both = VMSG_FFA_F_INDIRECT_RX | VMSG_FFA_F_INDIRECT_TX;
	/* Who says nothing of itself answered a direct message all the same. */
	bool direct = f->regs == VMSG_FFA_REGS &&
		      (!features || features & VMSG_FFA_F_DIRECT_RX);
	bool indirect = ffa_partition_supports_indirect_msg(f->fdev) &&
			(features & both) == both;
	enum vmsg_ffa_mode mode = f->asked_mode;

	if (mode == VMSG_FFA_AUTO) {
		if (direct)
			mode = VMSG_FFA_DIRECT;
		else if (indirect && !(features & VMSG_FFA_F_DIRECT_RX))
			mode = VMSG_FFA_INDIRECT;
		else
			mode = VMSG_FFA_RING;
	}
	if ((mode == VMSG_FFA_DIRECT && !direct) ||
	    (mode == VMSG_FFA_INDIRECT && !indirect) ||
	    (mode == VMSG_FFA_RING && !f->regs)) {
		vmsg_ffa_err(f, "no way to pass messages: mode=%s, the partition has properties %#x, bus features %#x; registers carry %u bytes (direct needs %u, ring any, indirect a partition that sends and takes them)\n",
			     vmsg_ffa_mode_name(f->asked_mode), f->fdev->properties,
			     features, f->regs, VMSG_FFA_REGS);
		return -EOPNOTSUPP;
	}
	/* It decides on the kind of the bus, which is there already. */
	if (f->mode != VMSG_FFA_AUTO && f->mode != mode) {
		vmsg_ffa_err(f, "the partition comes back with bus features %#x, which do not go with mode %s; bind it again\n",
			     features, vmsg_ffa_mode_name(f->mode));
		return -EOPNOTSUPP;
	}
	f->mode = mode;
	return 0;
}

static int set_area(struct vmsg_ffa *f)
{
	int id;

	if (f->area)
		return 0;
	if (f->mode == VMSG_FFA_RING) {
		f->area = VIRTIO_MSG_AREA_SEGMENT;
		return 0;
	}
	id = ida_alloc_range(&areas, VMSG_FFA_AREA_FIRST, VMSG_FFA_AREA_LAST,
			     GFP_KERNEL);
	if (id < 0)
		return id;
	f->area = id;
	return 0;
}

/* A message with @f->xid, and its answer.  Bytes of @payload, or an errno. */
static int ask(struct vmsg_ffa *f, u8 *frame, unsigned int len, u8 msg_id,
	       const u8 **payload)
{
	int n = vmsg_ffa_ask(f, frame, len);

	return n < 0 ? n : vmsg_ffa_match(frame, n, f->wire, msg_id, f->xid, payload);
}

static int area_share(struct vmsg_ffa *f)
{
	struct vmsg_ffa_patience patience = { };
	u8 frame[VMSG_FFA_REGS];
	const u8 *payload;
	int n;

	do {
		n = vmsg_ffa_put_share(frame, f->wire, ++f->xid, f->area,
				       f->mem.handle, f->mem.size / FFA_PAGE_SIZE);
		n = ask(f, frame, n, VMSG_FFA_MSG_SHARE, &payload);
		if (n >= 0)
			n = vmsg_ffa_area_result(payload, n, f->area);
	} while (n == -EAGAIN && vmsg_ffa_patient(&patience));
	return n == -EAGAIN ? -EBUSY : n;
}

static int offer(struct vmsg_ffa *f)
{
	int ret = 0;

	if (!f->mem.shared)
		ret = vmsg_ffa_mem_share(f->fdev, &f->mem);
	if (!ret) {
		ret = area_share(f);
		f->taken = !ret;
		return ret;
	}
	vmsg_ffa_err(f, "FF-A does not share %zu bytes in %u pieces with partition %#x: %d; try a smaller window=\n",
		     f->mem.size, f->mem.sgt.nents, f->fdev->vm_id, ret);
	return ret;
}

static int share_window(struct vmsg_ffa *f)
{
	bool before = f->mem.shared;
	int ret;

	if (!f->peer.max_areas) {
		vmsg_ffa_err(f, "the partition takes no memory (0 areas), and needs some\n");
		return -ENOSPC;
	}
	ret = set_area(f);
	if (ret)
		return ret;
	ret = offer(f);
	/* It may not want a handle from before it was reset: so a new one. */
	if (ret == -EACCES && before && !vmsg_ffa_mem_reclaim(f->fdev, &f->mem))
		ret = offer(f);
	if (ret)
		vmsg_ffa_err(f, "the partition does not take area %u, %zu bytes, handle %#llx: %d\n",
			     f->area, f->mem.size, f->mem.handle, ret);
	return ret;
}

static int configure_as(struct vmsg_ffa *f, u8 method, u16 id, u16 *kick)
{
	struct vmsg_ffa_patience patience = { };
	u8 frame[VMSG_FFA_REGS];
	const u8 *payload;
	int n;

	do {
		n = vmsg_ffa_put_configure(frame, f->wire, ++f->xid, method, id);
		n = ask(f, frame, n, VMSG_FFA_MSG_CONFIGURE, &payload);
		if (n >= 0)
			n = vmsg_ffa_configure_result(payload, n, kick);
	} while (n == -EAGAIN && vmsg_ffa_patient(&patience));
	return n;
}

/* Notifications where there are any; without them, events are polled. */
static int configure(struct vmsg_ffa *f)
{
	u16 kick = VMSG_FFA_NO_NOTIFY;
	int kick_id = -1;

	if (f->mode == VMSG_FFA_INDIRECT) {
		/* What else should it do: a refusal says that it knows no other. */
		configure_as(f, VMSG_FFA_EVENTS_MESSAGE, 0, &kick);
		return 0;
	}
	if (f->peer.bus_features & VMSG_FFA_F_NOTIFY_TX)
		vmsg_ffa_notify_on(f);
	if (f->notify_id >= 0 &&
	    configure_as(f, VMSG_FFA_EVENTS_NOTIFY, f->notify_id, &kick))
		vmsg_ffa_notify_off(f);
	if (f->notify_id < 0)
		configure_as(f, VMSG_FFA_EVENTS_POLL, 0, &kick);
	if (f->peer.bus_features & VMSG_FFA_F_NOTIFY_RX && kick < 64)
		kick_id = kick;
	/* A segment was told so when it was registered: drivers rely on it. */
	if (f->seg && f->kick_id >= 0 && kick_id < 0) {
		vmsg_ffa_err(f, "the partition comes back and takes no kicks by notification any more; bind it again\n");
		return -EOPNOTSUPP;
	}
	WRITE_ONCE(f->kick_id, kick_id);
	return 0;
}

/**
 * vmsg_ffa_bring_up() - say everything that is to be said before messages flow
 * @f: the partition, @talk held, not up
 *
 * Context: may sleep, for some seconds where the partition is busy.
 * Return: 0 or a negative errno; the reason has been logged, once until the
 * caller clears @told.
 */
int vmsg_ffa_bring_up(struct vmsg_ffa *f)
{
	int ret;

	lockdep_assert_held(&f->talk);
	if (!f->regs) {
		ret = vmsg_ffa_messages_on(f);
		if (ret) {
			vmsg_ffa_err(f, "the partition takes indirect messages only, and this kernel does not get its answers: %d\n",
				     ret);
			return ret;
		}
	}
	ret = hello(f);
	if (ret)
		return ret;
	ret = choose_mode(f);
	if (ret)
		return ret;
	if (f->mode == VMSG_FFA_INDIRECT) {
		ret = vmsg_ffa_messages_on(f);
		if (ret) {
			vmsg_ffa_err(f, "no indirect messages from the partition: %d\n", ret);
			return ret;
		}
	}
	ret = share_window(f);
	if (ret)
		return ret;
	ret = configure(f);
	if (ret)
		return ret;
	dev_dbg(f->dev, "mode %s, wire %s, bus features %#x\n",
		vmsg_ffa_mode_name(f->mode), virtio_msg_wire_name(f->wire),
		f->peer.bus_features);
	return 0;
}

/**
 * vmsg_ffa_reset() - let the partition forget us
 * @f: the partition, @talk held
 *
 * Its devices are reset, and it has let go of the memory.  One that does not
 * know the message does nothing.
 *
 * Context: may sleep.
 */
void vmsg_ffa_reset(struct vmsg_ffa *f)
{
	u8 frame[VMSG_FFA_REGS];
	int n;

	lockdep_assert_held(&f->talk);
	f->taken = false;
	n = vmsg_ffa_put(frame, f->wire, VMSG_FFA_MSG_RESET, ++f->xid, 0);
	n = vmsg_ffa_ask(f, frame, n);
	if (n < 0)
		dev_dbg(f->dev, "RESET: %d\n", n);
}

static int area_unshare(struct vmsg_ffa *f)
{
	struct vmsg_ffa_patience patience = { };
	u8 frame[VMSG_FFA_REGS];
	const u8 *payload;
	int n;

	do {
		n = vmsg_ffa_put_unshare(frame, f->wire, ++f->xid, f->area);
		n = ask(f, frame, n, VMSG_FFA_MSG_UNSHARE, &payload);
		if (n >= 0)
			n = vmsg_ffa_area_result(payload, n, f->area);
	} while (n == -EAGAIN && vmsg_ffa_patient(&patience));
	return n == -EAGAIN ? -EBUSY : n;
}

/**
 * vmsg_ffa_take_down() - end what vmsg_ffa_bring_up() began
 * @f: the partition, not up; no device uses the memory any more
 *
 * The memory is free after this, or lost.
 *
 * Context: may sleep, for some seconds where the partition is busy.
 */
void vmsg_ffa_take_down(struct vmsg_ffa *f)
{
	int ret;

	mutex_lock(&f->talk);
	if (f->taken) {
		ret = area_unshare(f);
		if (ret)
			dev_warn(f->dev, "the partition does not let go of area %u: %d; it is reset\n",
				 f->area, ret);
	}
	if (f->peer.bus_version)
		vmsg_ffa_reset(f);
	if (f->mem.shared) {
		ret = vmsg_ffa_mem_reclaim(f->fdev, &f->mem);
		if (ret)
			dev_warn(f->dev, "FF-A does not give back the memory with handle %#llx: %d\n",
				 f->mem.handle, ret);
	}
	mutex_unlock(&f->talk);
	vmsg_ffa_mem_free(f->fdev, &f->mem);
	if (f->area >= VMSG_FFA_AREA_FIRST)
		ida_free(&areas, f->area);
	f->area = 0;
}
