// SPDX-License-Identifier: GPL-2.0-only
/*
 * The FIFOs of an AMP card, on plain pointers: all that is not PCI
 *
 * Each FIFO is a bus: a pair of raw SPSC queues, or a self-describing segment.
 * The card reaches all of memory, so when one bus loses its peer the whole card
 * is cut off before buffers are given back to their drivers, and with it the
 * other buses.  It may reach memory again when the last of them has cleaned up
 * and has seen its devices reset; never, if one is dead: what its devices were
 * given may still be written.
 */

#include <linux/device.h>
#include <linux/err.h>
#include <linux/math64.h>
#include <linux/random.h>
#include <linux/virtio_msg.h>
#include <kunit/visibility.h>

#include "amp_fifo.h"

#define VMSG_AMP_PAGE		4096
#define VMSG_AMP_GONE		0xffffffffU	/* what nobody answers reads as */

/* Behind a bare layout there is nothing that tells how much a ring holds. */
#define VMSG_AMP_SEG_INFLIGHT	16

const struct vmsg_amp_card vmsg_amp_9038 = {
	.name = "amp-pci (9038)",
	.stride = 2 * VMSG_AMP_PAGE,
	.tx = 0,
	.rx = VMSG_AMP_PAGE,
	.max_fifos = 4,
	.wire = VIRTIO_MSG_WIRE_RFC2,
	.quirks = VIRTIO_MSG_Q_SHORT | VIRTIO_MSG_Q_ONE_DEVICE |
		  VIRTIO_MSG_Q_NO_SHM | VIRTIO_MSG_Q_CONFIG_U64 |
		  VIRTIO_MSG_Q_FEATURES_U64 | VIRTIO_MSG_Q_LATE_KICK |
		  VIRTIO_MSG_Q_NO_KEEPALIVE,
};
EXPORT_SYMBOL_IF_KUNIT(vmsg_amp_9038);

const struct vmsg_amp_card vmsg_amp_9039 = {
	.name = "amp-pci",
	.stride = 4 * VMSG_AMP_PAGE,
	.tx = VMSG_AMP_PAGE,
	.rx = 2 * VMSG_AMP_PAGE,
	.max_fifos = 8,
	.segment = true,
	.wire = VIRTIO_MSG_WIRE_V1,
	.quirks = VIRTIO_MSG_Q_SHORT | VIRTIO_MSG_Q_BUS_TOKEN0 |
		  VIRTIO_MSG_Q_DEVICES_32 | VIRTIO_MSG_Q_NO_SHM |
		  VIRTIO_MSG_Q_LATE_KICK,
};
EXPORT_SYMBOL_IF_KUNIT(vmsg_amp_9039);

/* Memory of FIFO @n at @off.  What the card can write is read once. */
static u8 *vmsg_amp_at(const struct vmsg_amp *amp, unsigned int n, u32 off)
{
	return (u8 *)amp->mem + (size_t)n * amp->card->stride + off;
}

static u32 vmsg_amp_load(const struct vmsg_amp *amp, unsigned int n, u32 off)
{
	return le32_to_cpu(READ_ONCE(*(__le32 *)vmsg_amp_at(amp, n, off)));
}

static void vmsg_amp_store(struct vmsg_amp *amp, unsigned int n, u32 off, u32 val)
{
	WRITE_ONCE(*(__le32 *)vmsg_amp_at(amp, n, off), cpu_to_le32(val));
	/* Before it is looked for elsewhere. */
	mb();
}

static bool vmsg_amp_is_segment(const struct vmsg_amp *amp, unsigned int n)
{
	/* Magic number and length */
	return amp->card->segment &&
	       vmsg_amp_load(amp, n, amp->card->tx) ==
	       (VIRTIO_MSG_SEG_LENGTH << 16 | VIRTIO_MSG_SEG_MAGIC);
}

/*
 * One public card maps the memory of its first FIFO for every other.  So write
 * to where FIFO 0 will put its next message, which is nobody else's business,
 * and see whether it appears elsewhere, twice.  Of others nothing is written.
 */
static bool vmsg_amp_alias(struct vmsg_amp *amp, unsigned int n)
{
	u32 head = vmsg_amp_load(amp, 0, amp->card->tx + VIRTIO_MSG_SPSC_HEAD);
	u32 slots = (VMSG_AMP_PAGE - VIRTIO_MSG_SPSC_SLOTS) / VIRTIO_MSG_SPSC_SLOT_SIZE;
	u32 off, i, nonce;

	if (head >= slots)
		return false;
	off = amp->card->tx + VIRTIO_MSG_SPSC_SLOTS + head * VIRTIO_MSG_SPSC_SLOT_SIZE;
	for (i = 0; i < 2; i++) {
		do {
			nonce = get_random_u32();
		} while (nonce == vmsg_amp_load(amp, n, off));
		vmsg_amp_store(amp, 0, off, nonce);
		if (vmsg_amp_load(amp, n, off) != nonce)
			return false;
	}
	return true;
}

/**
 * vmsg_amp_survey() - see what a card has
 * @amp: the card, its callbacks and memory set
 * @vectors: interrupts, one for each FIFO
 *
 * Context: may sleep.
 * Return: how many FIFOs can be used; -ENODEV for a card of another version, or
 * without a FIFO.
 */
int vmsg_amp_survey(struct vmsg_amp *amp, unsigned int vectors)
{
	u32 version = amp->read(amp, VMSG_AMP_VERSION);
	unsigned int n;

	if (version != 1) {
		dev_err(amp->dev, "version %#x is not known\n", version);
		return -ENODEV;
	}
	mutex_init(&amp->lock);
	amp->num = min3(amp->card->max_fifos, vectors,
			(unsigned int)min(div_u64(amp->size, amp->card->stride),
					  (u64)VMSG_AMP_MAX_FIFOS));
	if (!amp->num) {
		dev_err(amp->dev, "no FIFO\n");
		return -ENODEV;
	}
	for (n = 1; n < amp->num; n++) {
		if (vmsg_amp_is_segment(amp, 0) || !vmsg_amp_alias(amp, n))
			continue;
		dev_info(amp->dev, "FIFO %u has the memory of FIFO 0: %u of %u FIFOs used\n",
			 n, n, amp->num);
		amp->num = n;
	}
	for (n = 0; n < amp->num; n++) {
		amp->fifo[n].amp = amp;
		amp->fifo[n].n = n;
		amp->fifo[n].started = false;
		amp->fifo[n].cut = false;
	}
	return amp->num;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_amp_survey);

static void vmsg_amp_ring(void *priv)
{
	struct vmsg_amp_fifo *f = priv;

	f->amp->write(f->amp, VMSG_AMP_NOTIFY(f->n), 1);
}

static void vmsg_amp_ring_peer(void *priv, u16 peer)
{
	vmsg_amp_ring(priv);
}

static bool vmsg_amp_present(void *priv)
{
	struct vmsg_amp_fifo *f = priv;

	return f->amp->read(f->amp, VMSG_AMP_VERSION) != VMSG_AMP_GONE;
}

static void vmsg_amp_fifo_lost(struct vmsg_amp_fifo *f, const char *why)
{
	/* Pairs with the release in vmsg_amp_start(). */
	struct virtio_msg_spsc *spsc = smp_load_acquire(&f->spsc);
	/* As above. */
	struct virtio_msg_segment *segment = smp_load_acquire(&f->segment);

	if (spsc)
		virtio_msg_spsc_lost(spsc, why);
	if (segment)
		virtio_msg_segment_lost(segment, why);
}

/* A bus is about to give buffers back that the card may still write. */
static void vmsg_amp_cut(void *priv)
{
	struct vmsg_amp_fifo *f = priv;
	struct vmsg_amp *amp = f->amp;
	unsigned int n;

	mutex_lock(&amp->lock);
	if (f->cut) {
		mutex_unlock(&amp->lock);
		return;
	}
	amp->master(amp, false);
	for (n = 0; n < amp->num; n++)
		amp->fifo[n].cut |= amp->fifo[n].started;
	f->cut = true;
	mutex_unlock(&amp->lock);
	for (n = 0; n < amp->num; n++)
		if (n != f->n)
			vmsg_amp_fifo_lost(&amp->fifo[n], "the card was cut off");
}

/*
 * A bus has cleaned up, and its devices are reset; or it has just begun.  Who
 * is not the last waits for the others.
 */
static bool vmsg_amp_uncut(void *priv)
{
	struct vmsg_amp_fifo *f = priv;
	struct vmsg_amp *amp = f->amp;
	bool last = true, back;
	unsigned int n;

	mutex_lock(&amp->lock);
	back = f->cut;
	f->cut = false;
	for (n = 0; n < amp->num; n++)
		last &= !amp->fifo[n].cut;
	if (last)
		amp->master(amp, true);
	mutex_unlock(&amp->lock);
	for (n = 0; last && back && n < amp->num; n++) {
		struct vmsg_amp_fifo *other = &amp->fifo[n];
		/* Pairs with the release in vmsg_amp_start(). */
		struct virtio_msg_spsc *spsc = smp_load_acquire(&other->spsc);
		/* As above. */
		struct virtio_msg_segment *seg = smp_load_acquire(&other->segment);

		if (spsc)
			virtio_msg_spsc_rescan(spsc);
		if (seg)
			virtio_msg_segment_rescan(seg);
	}
	return last;
}

static int vmsg_amp_add_spsc(struct vmsg_amp_fifo *f)
{
	struct vmsg_amp *amp = f->amp;
	const struct virtio_msg_spsc_desc desc = {
		.name = amp->card->name,
		.owner = amp->owner,
		.tx = vmsg_amp_at(amp, f->n, amp->card->tx),
		.tx_size = VMSG_AMP_PAGE,
		.rx = vmsg_amp_at(amp, f->n, amp->card->rx),
		.rx_size = VMSG_AMP_PAGE,
		.wire = amp->card->wire,
		.flags = VIRTIO_MSG_T_DMA,
		.quirks = amp->card->quirks,
		.ring = vmsg_amp_ring,
		.present = vmsg_amp_present,
		.cut = vmsg_amp_cut,
		.uncut = vmsg_amp_uncut,
		.priv = f,
	};
	struct virtio_msg_spsc *spsc = virtio_msg_spsc_register(amp->dev, &desc);

	if (IS_ERR(spsc))
		return PTR_ERR(spsc);
	/* What the interrupt will look at is written before. */
	smp_store_release(&f->spsc, spsc);
	return 0;
}

static int vmsg_amp_add_segment(struct vmsg_amp_fifo *f)
{
	struct vmsg_amp *amp = f->amp;
	struct virtio_msg_segment_desc desc = {
		.name = amp->card->name,
		.owner = amp->owner,
		.va = vmsg_amp_at(amp, f->n, amp->card->tx),
		.phys = ~(phys_addr_t)0,
		/* To the next FIFO's, or to the end. */
		.size = amp->num > 1 ? amp->card->stride - amp->card->tx :
				       amp->size - amp->card->tx,
		.own_peer = VIRTIO_MSG_PEER_NONE,
		.ring = vmsg_amp_ring_peer,
		.flags = VIRTIO_MSG_T_DMA,
		.cut = vmsg_amp_cut,
		.uncut = vmsg_amp_uncut,
		.priv = f,
	};
	struct virtio_msg_segment *segment;

	/* The card's own layout; one with our extension speaks for itself. */
	if (vmsg_amp_load(amp, f->n, amp->card->tx + VIRTIO_MSG_SEG_LENGTH) !=
	    VIRTIO_MSG_EXT_MAGIC) {
		desc.wire_mask = BIT(amp->card->wire);
		desc.quirks = amp->card->quirks;
		desc.max_inflight = VMSG_AMP_SEG_INFLIGHT;
	} else {
		desc.wire_mask = BIT(VIRTIO_MSG_WIRE_COUNT) - 1;
	}
	if (amp->wire_mask)
		desc.wire_mask = amp->wire_mask;
	segment = virtio_msg_segment_register(amp->dev, &desc);
	if (IS_ERR(segment))
		return PTR_ERR(segment);
	/* As for the raw queues. */
	smp_store_release(&f->segment, segment);
	return 0;
}

static void vmsg_amp_set_started(struct vmsg_amp_fifo *f, bool started)
{
	mutex_lock(&f->amp->lock);
	f->started = started;
	f->cut &= started;
	mutex_unlock(&f->amp->lock);
}

static bool vmsg_amp_is_cut(struct vmsg_amp_fifo *f)
{
	bool cut;

	mutex_lock(&f->amp->lock);
	cut = f->cut;
	mutex_unlock(&f->amp->lock);
	return cut;
}

/**
 * vmsg_amp_start() - make the buses of a card
 * @amp: the card, surveyed; vmsg_amp_interrupt() is called from now on
 *
 * A FIFO that is of no use does not keep the others from being used.
 *
 * Context: may sleep.
 * Return: 0, or the errno of the first FIFO if there is none that can be used.
 */
int vmsg_amp_start(struct vmsg_amp *amp)
{
	unsigned int n, used = 0;
	int ret, first = 0;

	for (n = 0; n < amp->num; n++) {
		struct vmsg_amp_fifo *f = &amp->fifo[n];

		/* Its devices may come before we know the bus. */
		vmsg_amp_set_started(f, true);
		ret = vmsg_amp_is_segment(amp, n) ? vmsg_amp_add_segment(f) :
						    vmsg_amp_add_spsc(f);
		if (ret) {
			vmsg_amp_set_started(f, false);
			dev_err(amp->dev, "FIFO %u is of no use: %d\n", n, ret);
			first = first ?: ret;
			continue;
		}
		used++;
		if (vmsg_amp_is_cut(f))
			vmsg_amp_fifo_lost(f, "the card was cut off");
		/* What was rung in between. */
		vmsg_amp_interrupt(f);
	}
	return used ? 0 : first;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_amp_start);

/**
 * vmsg_amp_interrupt() - the card has rung
 * @f: the FIFO
 *
 * Context: any; meant for its interrupt.
 */
void vmsg_amp_interrupt(struct vmsg_amp_fifo *f)
{
	/* Pairs with the release in vmsg_amp_start(). */
	struct virtio_msg_spsc *spsc = smp_load_acquire(&f->spsc);
	/* As above. */
	struct virtio_msg_segment *segment = smp_load_acquire(&f->segment);

	/* Neither: rung before we are ready, the queues are looked at then. */
	if (spsc)
		virtio_msg_spsc_interrupt(spsc);
	else if (segment)
		virtio_msg_segment_interrupt(segment);
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_amp_interrupt);

/**
 * vmsg_amp_stop() - end the buses of a card
 * @amp: the card
 *
 * The first half: the devices are removed, which takes interrupts.
 *
 * Context: may sleep.
 */
void vmsg_amp_stop(struct vmsg_amp *amp)
{
	bool gone = amp->read(amp, VMSG_AMP_VERSION) == VMSG_AMP_GONE;
	unsigned int n;

	for (n = 0; n < amp->num; n++) {
		struct vmsg_amp_fifo *f = &amp->fifo[n];

		/* Pulled out: nobody waits for answers. */
		if (gone)
			vmsg_amp_fifo_lost(f, "the card is gone");
		if (f->spsc)
			virtio_msg_spsc_stop(f->spsc);
		if (f->segment)
			virtio_msg_segment_stop(f->segment);
	}
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_amp_stop);

/**
 * vmsg_amp_free() - free what was stopped
 * @amp: the card; no interrupt knows it any more
 *
 * Context: may sleep.
 */
void vmsg_amp_free(struct vmsg_amp *amp)
{
	unsigned int n;

	for (n = 0; n < amp->num; n++) {
		if (amp->fifo[n].spsc)
			virtio_msg_spsc_free(amp->fifo[n].spsc);
		if (amp->fifo[n].segment)
			virtio_msg_segment_free(amp->fifo[n].segment);
		amp->fifo[n].spsc = NULL;
		amp->fifo[n].segment = NULL;
	}
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_amp_free);

static int vmsg_amp_resume_fifo(struct vmsg_amp_fifo *f)
{
	if (f->spsc)
		return virtio_msg_spsc_resume(f->spsc);
	return f->segment ? virtio_msg_segment_resume(f->segment) : 0;
}

/**
 * vmsg_amp_suspend() - freeze the devices of a card
 * @amp: the card
 *
 * Context: may sleep.
 * Return: 0, or the errno of the bus that could not be; none is frozen then.
 */
int vmsg_amp_suspend(struct vmsg_amp *amp)
{
	unsigned int n;
	int ret = 0;

	for (n = 0; n < amp->num && !ret; n++) {
		struct vmsg_amp_fifo *f = &amp->fifo[n];

		if (f->spsc)
			ret = virtio_msg_spsc_suspend(f->spsc);
		else if (f->segment)
			ret = virtio_msg_segment_suspend(f->segment);
	}
	if (!ret)
		return 0;
	for (n--; n--;)
		vmsg_amp_resume_fifo(&amp->fifo[n]);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_amp_suspend);

/**
 * vmsg_amp_resume() - thaw them
 * @amp: the card
 *
 * Context: may sleep.
 * Return: 0, or the errno of the first bus that could not be.
 */
int vmsg_amp_resume(struct vmsg_amp *amp)
{
	int ret, first = 0;
	unsigned int n;

	for (n = 0; n < amp->num; n++) {
		ret = vmsg_amp_resume_fifo(&amp->fifo[n]);
		first = first ?: ret;
	}
	return first;
}
EXPORT_SYMBOL_IF_KUNIT(vmsg_amp_resume);
