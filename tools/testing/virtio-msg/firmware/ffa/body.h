/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The body of the partition: what its files share
 */
#ifndef BODY_H
#define BODY_H

#include "sp.h"
#include "vmsg.h"

/* Private bus messages of the FF-A binding */
#define MSG_VERSION		0x80
#define MSG_AREA_SHARE		0x81
#define MSG_AREA_UNSHARE	0x82
#define MSG_RESET		0x83
#define MSG_EVENT_POLL		0x84
#define MSG_EVENT_CONFIGURE	0x85
#define MSG_ERROR		0x87
#define MSG_AREA_RELEASE	0xc0

#define BUS_VERSION		0x00010000U
#define PUBLIC_REVISION		1U

/* What a partition can do, as VERSION tells it */
#define BUS_F_DIRECT_RX		(1U << 0)
#define BUS_F_INDIRECT_RX	(1U << 2)
#define BUS_F_INDIRECT_TX	(1U << 3)
#define BUS_F_NOTIF_RX		(1U << 4)
#define BUS_F_NOTIF_TX		(1U << 5)

#define METHOD_POLL		0
#define METHOD_NOTIFICATION	1
#define METHOD_INDIRECT		2
#define NO_NOTIFICATION		0xffff

#define AREA_OK			0
#define AREA_ERROR		1
#define AREA_BUSY		2

#define FRAME_SIZE		128

/**
 * struct area - memory that Linux shares with us
 * @used: this slot is taken
 * @id: bits 63:48 of its wire addresses
 * @handle: by which the partition manager knows it
 * @pages: its size
 */
struct area {
	bool used;
	uint16_t id;
	uint64_t handle;
	uint32_t pages;
};

/**
 * struct body - all there is to the partition
 * @bus: the bus and its devices
 * @seg: the segment, while there is one
 * @agreed: VERSION came to its end
 * @ring: messages go through the segment, not in registers
 * @indirect: nor are they direct messages
 * @room: bytes of a direct message
 * @method: how Linux learns of events
 * @notification: by which one
 * @told: it was set, and Linux has not found everything since
 * @kicked: Linux has kicked by notification; set by any processor at any time
 * @event_reset: tell Linux that we have been reset
 * @event_release: tell it that the area in slot N - 1 is to be released
 * @slots: areas, as home.retrieve() placed them
 * @areas: the same for the library
 * @reply: answer of the message at hand
 * @reply_len: its length, 0 as long as there is none
 * @polling: an event may be the answer
 */
struct body {
	struct vmsg_bus bus;
	struct vmsg_seg seg;
	bool agreed;
	bool ring;
	bool indirect;
	uint32_t room;
	uint8_t method;
	uint16_t notification;
	bool told;
	bool kicked;
	bool event_reset;
	unsigned int event_release;
	struct area slots[AREA_SLOTS];
	struct vmsg_area areas[AREA_SLOTS];
	uint8_t reply[FRAME_SIZE];
	uint32_t reply_len;
	bool polling;
	struct {
		uint64_t messages;
		uint64_t polls;
		uint64_t poll_events;
		uint64_t kicks;
		uint64_t notifications;
		uint64_t busy;
		uint64_t alarms;
	} stats;
};

extern struct body body;

/* areas.c */
uint16_t area_share(uint16_t sender, uint16_t id, uint64_t handle, uint64_t tag,
		    uint32_t pages);
uint16_t area_unshare(uint16_t id);
void areas_drop(void);

/* body.c */
void bus_up(void);
void bus_down(bool polite);
void ring_start(unsigned int slot);

/* version.c */
uint32_t version_answer(const uint8_t *frame, uint8_t *reply, bool *agreed,
			unsigned int *wire);

#endif /* BODY_H */
