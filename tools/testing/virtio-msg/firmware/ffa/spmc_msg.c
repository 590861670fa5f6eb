// SPDX-License-Identifier: GPL-2.0-only
/*
 * The partition manager: indirect messages, through the client's buffers
 *
 * A message of the client's is handed to the partition at once.  One for the
 * client waits in its receive buffer, which holds one; a notification of the
 * framework tells that it is there.
 */
#include "spmc.h"

/* The partition had something to send while the buffer was full. */
static bool refused;

/*
 * FFA_MSG_SEND2: flags.  The lock is not held: the partition's is taken, and what
 * it does may take ours.
 */
void msg_send(struct ffa_regs *r)
{
	uint8_t frame[INDIRECT_SIZE];
	struct ffa_indirect h;
	int ret = FFA_INVALID;

	lock_take(&spmc_lock);
	if (client.rxtx_pages) {
		/* Copied once; what is checked and used is the copy. */
		memcpy(&h, client_tx(), sizeof(h));
		if (h.ids == PARTITION_ID && h.size && h.size <= sizeof(frame) &&
		    h.offset >= offsetof(struct ffa_indirect, uuid) &&
		    h.offset <= client.rxtx_pages * FFA_PAGE - h.size) {
			memset(frame, 0, sizeof(frame));
			memcpy(frame, client_tx() + h.offset, h.size);
			ret = 0;
		}
	}
	lock_drop(&spmc_lock);
	if (!ret)
		ret = spmc_deliver(frame, sizeof(frame));
	if (ret)
		spmc_error(r, ret);
	else
		spmc_success(r, 0, 0);
}

/* FFA_RX_RELEASE */
void msg_release(struct ffa_regs *r)
{
	if (!client.rx_full) {
		spmc_error(r, FFA_DENIED);
		return;
	}
	client.rx_full = false;
	spmc_success(r, 0, 0);
	if (refused) {
		refused = false;
		home.alarm(0);
	}
}

/* By the partition, for the client. */
int msg_client(const uint8_t *frame, uint32_t len)
{
	struct ffa_indirect h = {
		.offset = sizeof(h),
		.ids = (uint32_t)PARTITION_ID << 16,
		.size = len,
	};
	int ret = FFA_BUSY;

	memcpy(h.uuid, spmc_uuid, sizeof(h.uuid));
	lock_take(&spmc_lock);
	refused = client.rx_full;
	if (client.rxtx_pages && !client.rx_full) {
		memcpy(client_rx(), &h, sizeof(h));
		memcpy(client_rx() + sizeof(h), frame, len);
		client.rx_full = true;
		notify_message();
		ret = 0;
	}
	lock_drop(&spmc_lock);
	return ret;
}
