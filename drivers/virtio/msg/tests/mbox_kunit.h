/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of virtio_msg_mbox see of it
 */
#ifndef _DRIVERS_VIRTIO_MSG_TESTS_MBOX_KUNIT_H
#define _DRIVERS_VIRTIO_MSG_TESTS_MBOX_KUNIT_H

struct device;
struct virtio_msg_segment_desc;

int vmsg_mbox_map(struct device *dev, struct virtio_msg_segment_desc *desc);

#endif /* _DRIVERS_VIRTIO_MSG_TESTS_MBOX_KUNIT_H */
