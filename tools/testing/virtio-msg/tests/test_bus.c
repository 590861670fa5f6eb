// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dispatch: requests and answers byte by byte, written from the description of
 * the wire and not by any packer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drv.h"

#define RFC2	1
#define V1	2
#define V2	4
#define XID	8

static struct vmsg_bus bus;
static struct vmsg_dev dev, extra[4];
static struct vmsg_vq vqs[3], extra_vq[4];
static uint8_t config[12];
static uint8_t frames[2 * 512], backlog[4 * 520];
static uint8_t memory[65536] __attribute__((aligned(4096)));
static struct vmsg_area area = { .id = 1, .start = 0x1000, .len = 0x8000,
				 .ptr = memory };
static uint8_t sent[64][512];
static uint32_t sent_len[64];
static unsigned int nsent, room = 64;
static unsigned int kicks, started, resets, released;
static bool slow_reset, refuse_start;

static int send(struct vmsg_bus *b, const uint8_t *f, uint32_t len)
{
	(void)b;
	if (nsent >= room)
		return -VMSG_EAGAIN;
	memcpy(sent[nsent], f, len);
	sent_len[nsent++] = len;
	return 0;
}

static const struct vmsg_link_ops link_ops = { .send = send };

static int dev_start(struct vmsg_dev *d)
{
	(void)d;
	started++;
	return refuse_start ? -1 : 0;
}

static bool dev_reset(struct vmsg_dev *d)
{
	(void)d;
	resets++;
	return !slow_reset;
}

static void dev_kick(struct vmsg_dev *d, struct vmsg_vq *vq)
{
	(void)d;
	(void)vq;
	kicks++;
}

static void dev_queue_reset(struct vmsg_dev *d, struct vmsg_vq *vq)
{
	(void)d;
	(void)vq;
}

static bool dev_set_config(struct vmsg_dev *d, uint32_t off, const uint8_t *data,
			   uint32_t len)
{
	if (data[0] == 0xbd)
		return false;
	memcpy(d->config + off, data, len);
	return true;
}

static bool dev_get_shm(struct vmsg_dev *d, uint32_t id, uint64_t *addr, uint64_t *len)
{
	(void)d;
	*addr = 0x11223344;
	*len = 0x1000;
	return id == 2;
}

static const struct vmsg_dev_ops ops = {
	.start = dev_start, .reset = dev_reset, .kick = dev_kick,
	.queue_reset = dev_queue_reset, .set_config = dev_set_config,
	.get_shm = dev_get_shm,
};

static void on_release(struct vmsg_dev *d)
{
	(void)d;
	released++;
}

static void setup(unsigned int wire, uint32_t max)
{
	unsigned int i;

	memset(&bus, 0, sizeof(bus));
	memset(&dev, 0, sizeof(dev));
	memset(extra, 0, sizeof(extra));
	memset(vqs, 0, sizeof(vqs));
	bus.link = &link_ops;
	bus.areas = &area;
	bus.nareas = 1;
	bus.require = VMSG_F_VERSION_1 | VMSG_F_ACCESS_PLATFORM;
	bus.frame = frames;
	bus.frame_size = 512;
	bus.backlog = backlog;
	bus.backlog_slots = 4;
	for (i = 0; i < 12; i++)
		config[i] = (uint8_t)(0x10 + i);
	dev.ops = &ops;
	dev.num = 5;
	dev.device_id = 0x2a;
	dev.vendor_id = 0x1af4;
	for (i = 0; i < 16; i++)
		dev.uuid[i] = (uint8_t)(0xa0 + i);
	dev.features = 0x21 | VMSG_F_RING_RESET;
	dev.config = config;
	dev.config_len = 12;
	dev.vqs = vqs;
	dev.nvqs = 3;
	dev.generation = 0x77;
	dev.release = on_release;
	vqs[0].max_size = 256;
	vqs[2].max_size = 16;
	nsent = 0;
	room = 64;
	kicks = 0;
	started = 0;
	resets = 0;
	released = 0;
	slow_reset = false;
	refuse_start = false;
	vmsg_bus_add(&bus, &dev);
	vmsg_bus_link_up(&bus, wire, max);
}

/* "01 2a ..." to bytes; blanks anywhere. */
static uint32_t hex(const char *s, uint8_t *out)
{
	uint32_t n = 0;
	unsigned int v;

	while (sscanf(s, " %2x", &v) == 1) {
		out[n++] = (uint8_t)v;
		s += strspn(s, " ") + 2;
	}
	return n;
}

static bool same(const char *want, unsigned int i)
{
	uint8_t w[512];
	uint32_t n = hex(want, w), k;

	if (i < nsent && sent_len[i] == n && !memcmp(sent[i], w, n))
		return true;
	printf("# want %s\n# got ", want);
	for (k = 0; i < nsent && k < sent_len[i]; k++)
		printf(" %02x", sent[i][k]);
	printf("\n");
	return false;
}

/*
 * A request's payload and its answer's in all revisions that are named; the
 * headers are put around them here, from the table in the description.
 */
static void header(char *s, unsigned int wire, uint8_t type, uint8_t id,
		   unsigned int num, unsigned int len, unsigned int result)
{
	static const unsigned int hl[] = { 6, 8, 8, 12 };
	unsigned int size = hl[wire] + len;

	if (wire == 0)
		sprintf(s, "%02x %02x %02x %02x %02x %02x ", type, id, num & 0xff,
			num >> 8, size & 0xff, size >> 8);
	else if (wire == 3)
		sprintf(s, "%02x %02x %02x %02x %02x %02x %02x 00 ef be ad de ",
			type, id, num & 0xff, num >> 8, size & 0xff, size >> 8, result);
	else
		sprintf(s, "%02x %02x %02x %02x 34 12 %02x %02x ", type, id,
			num & 0xff, num >> 8, size & 0xff, size >> 8);
}

static void feed(unsigned int wire, uint8_t type, uint8_t id, unsigned int num,
		 const char *in)
{
	uint8_t f[512], *exact;
	char s[2048];
	uint32_t n;

	header(s, wire, type, id, num, hex(in, f), 0);
	strcat(s, in);
	n = hex(s, f);
	/* In memory of its own, so that reading past the end is caught. */
	exact = malloc(n);
	memcpy(exact, f, n);
	vmsg_bus_receive(&bus, exact, n);
	free(exact);
}

static void exchange(unsigned int wires, const char *what, uint8_t type, uint8_t id,
		     unsigned int num, const char *in, const char *out,
		     unsigned int result)
{
	uint8_t b[512];
	char s[2048];
	unsigned int w;

	for (w = 0; w < 4; w++) {
		if (!(wires >> w & 1))
			continue;
		if (bus.wire != w)
			continue;
		nsent = 0;
		feed(w, type, id, num, in);
		header(s, w, type | 1, id, num, hex(out, b), result);
		strcat(s, out);
		ok(nsent == 1 && same(s, 0), "wire %u: %s", w, what);
	}
}

static void golden(unsigned int wire)
{
	const unsigned int all = RFC2 | V1 | V2 | XID;
	const unsigned int old = RFC2 | V1 | V2;

	setup(wire, 128);
	exchange(RFC2 | V1, "GET_DEVICE_INFO", 0, 2, 5, "",
		 "2a 00 00 00 f4 1a 00 00 40 00 00 00 0c 00 00 00 03 00 00 00 00 00 00 00", 0);
	exchange(V2 | XID, "GET_DEVICE_INFO", 0, 2, 5, "",
		 "2a 00 00 00 f4 1a 00 00 a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
		 "02 00 00 00 0c 00 00 00 03 00 00 00 00 00 00 00 00 00 00 00", 0);
	exchange(RFC2 | V1, "GET_DEVICE_INFO of nobody", 0, 2, 6, "",
		 "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", 0);
	exchange(XID, "GET_DEVICE_INFO of nobody", 0, 2, 6, "", "", 1);
	exchange(old, "GET_DEVICE_FEATURES", 0, 3, 5, "00 00 00 00 02 00 00 00",
		 "00 00 00 00 02 00 00 00 21 00 00 00 03 01 00 00", 0);
	exchange(XID, "GET_DEVICE_FEATURES", 0, 3, 5, "00 00 00 00 02 00 00 00",
		 "00 00 00 00 21 00 00 00 03 01 00 00", 0);
	exchange(XID, "GET_DEVICE_FEATURES, blocks that are not there", 0, 3, 5,
		 "01 00 00 00 03 00 00 00",
		 "01 00 00 00 03 01 00 00 00 00 00 00 00 00 00 00", 0);
	exchange(XID, "GET_DEVICE_FEATURES, index wraps", 0, 3, 5,
		 "ff ff ff ff 02 00 00 00", "ff ff ff ff 00 00 00 00 00 00 00 00", 0);
	exchange(XID, "GET_DEVICE_FEATURES, more than fits", 0, 3, 5,
		 "00 00 00 00 ff ff ff ff", "", 3);
	exchange(old, "GET_DEVICE_FEATURES, more than fits", 0, 3, 5,
		 "00 00 00 00 ff ff ff ff", "", 0);
	exchange(XID, "GET_DEVICE_FEATURES, none", 0, 3, 5, "00 00 00 00 00 00 00 00", "", 3);
	exchange(old, "GET_CONFIG", 0, 5, 5, "04 00 00 00 03 00 00 00",
		 "77 00 00 00 04 00 00 00 03 00 00 00 14 15 16", 0);
	exchange(XID, "GET_CONFIG", 0, 5, 5, "04 00 00 00 03 00 00 00",
		 "77 00 00 00 04 00 00 00 14 15 16", 0);
	exchange(XID, "GET_CONFIG of nothing", 0, 5, 5, "0c 00 00 00 00 00 00 00",
		 "77 00 00 00 0c 00 00 00", 0);
	exchange(XID, "GET_CONFIG past the end", 0, 5, 5, "0a 00 00 00 03 00 00 00", "", 3);
	exchange(XID, "GET_CONFIG, sum wraps", 0, 5, 5, "08 00 00 00 fc ff ff ff", "", 3);
	exchange(old, "GET_CONFIG, sum wraps", 0, 5, 5, "08 00 00 00 fc ff ff ff", "", 0);
	exchange(RFC2 | V1, "SET_CONFIG", 0, 6, 5,
		 "77 00 00 00 01 00 00 00 02 00 00 00 c1 c2",
		 "77 00 00 00 01 00 00 00 02 00 00 00 c1 c2", 0);
	exchange(V2, "SET_CONFIG", 0, 6, 5,
		 "00 00 00 00 01 00 00 00 02 00 00 00 c1 c2",
		 "77 00 00 00 01 00 00 00 02 00 00 00 c1 c2", 0);
	exchange(XID, "SET_CONFIG", 0, 6, 5, "77 00 00 00 01 00 00 00 c1 c2",
		 "77 00 00 00 01 00 00 00 c1 c2", 0);
	exchange(RFC2 | V1, "SET_CONFIG, old generation", 0, 6, 5,
		 "76 00 00 00 01 00 00 00 01 00 00 00 c3",
		 "77 00 00 00 01 00 00 00 00 00 00 00", 0);
	exchange(XID, "SET_CONFIG, old generation", 0, 6, 5,
		 "76 00 00 00 01 00 00 00 c3", "77 00 00 00 01 00 00 00", 0);
	exchange(XID, "SET_CONFIG, disliked by the device", 0, 6, 5,
		 "77 00 00 00 01 00 00 00 bd", "77 00 00 00 01 00 00 00", 0);
	exchange(XID, "SET_CONFIG past the end", 0, 6, 5,
		 "77 00 00 00 0b 00 00 00 c3 c4", "", 3);
	exchange(old, "SET_CONFIG with a length that lies", 0, 6, 5,
		 "77 00 00 00 01 00 00 00 08 00 00 00 c3", "", 0);
	exchange(all, "GET_CONFIG after it", 0, 5, 5, "00 00 00 00 00 00 00 00",
		 wire == 3 ? "77 00 00 00 00 00 00 00" :
		 "77 00 00 00 00 00 00 00 00 00 00 00", 0);
	ok(config[1] == 0xc1 && config[2] == 0xc2 && config[3] == 0x13,
	   "wire %u: configuration as written", wire);
	exchange(all, "GET_DEVICE_STATUS", 0, 7, 5, "", "00 00 00 00", 0);
	exchange(all, "SET_DEVICE_STATUS", 0, 8, 5, "03 00 00 00", "03 00 00 00", 0);
	exchange(XID, "SET_VQUEUE before FEATURES_OK", 0, 0x0a, 5,
		 "00 00 00 00 01 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 4);
	exchange(all, "FEATURES_OK without features", 0, 8, 5, "0b 00 00 00",
		 "03 00 00 00", 0);
	exchange(old, "SET_DRIVER_FEATURES", 0, 4, 5,
		 "00 00 00 00 02 00 00 00 01 00 00 00 03 01 00 00", "", 0);
	exchange(XID, "SET_DRIVER_FEATURES", 0, 4, 5,
		 "00 00 00 00 01 00 00 00 03 01 00 00", "", 0);
	exchange(XID, "SET_DRIVER_FEATURES, half a block", 0, 4, 5,
		 "00 00 00 00 01 00 00 00 03 01", "", 3);
	exchange(XID, "SET_DRIVER_FEATURES, no block", 0, 4, 5, "00 00 00 00", "", 3);
	exchange(all, "FEATURES_OK", 0, 8, 5, "0b 00 00 00", "0b 00 00 00", 0);
	exchange(XID, "SET_DRIVER_FEATURES too late", 0, 4, 5,
		 "00 00 00 00 00 00 00 00", "", 4);
	exchange(RFC2, "GET_VQUEUE", 0, 9, 5, "00 00 00 00",
		 "00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
		 "00 00 00 00 00 00 00 00 00 00 00 00", 0);
	exchange(V1 | V2 | XID, "GET_VQUEUE", 0, 9, 5, "00 00 00 00",
		 "00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
		 "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", 0);
	exchange(XID, "GET_VQUEUE of a queue that is not there", 0, 9, 5, "ff ff ff ff",
		 "ff ff ff ff 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
		 "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", 0);
	exchange(RFC2, "SET_VQUEUE", 0, 0x0a, 5,
		 "00 00 00 00 00 00 00 00 10 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 0);
	exchange(V1, "SET_VQUEUE", 0, 0x0a, 5,
		 "00 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 0);
	exchange(V2 | XID, "SET_VQUEUE", 0, 0x0a, 5,
		 "00 00 00 00 01 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 0);
	exchange(RFC2, "GET_VQUEUE after it", 0, 9, 5, "00 00 00 00",
		 "00 00 00 00 00 01 00 00 10 00 00 00 00 10 00 00 00 00 01 00 00 20 00 00 "
		 "00 00 01 00 00 30 00 00 00 00 01 00", 0);
	exchange(V1, "GET_VQUEUE after it", 0, 9, 5, "00 00 00 00",
		 "00 00 00 00 00 01 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", 0);
	exchange(V2 | XID, "GET_VQUEUE after it", 0, 9, 5, "00 00 00 00",
		 "00 00 00 00 00 01 00 00 10 00 00 00 01 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", 0);
	exchange(XID, "SET_VQUEUE of an enabled queue", 0, 0x0a, 5,
		 "00 00 00 00 01 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 4);
	exchange(XID, "SET_VQUEUE, no such queue", 0, 0x0a, 5,
		 "03 00 00 00 01 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 3);
	exchange(XID, "SET_VQUEUE, a queue of max_size 0", 0, 0x0a, 5,
		 "01 00 00 00 01 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 3);
	exchange(XID, "SET_VQUEUE, larger than max_size", 0, 0x0a, 5,
		 "02 00 00 00 01 00 00 00 20 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 3);
	exchange(XID, "SET_VQUEUE, not a power of two", 0, 0x0a, 5,
		 "02 00 00 00 01 00 00 00 0c 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 3);
	exchange(XID, "SET_VQUEUE, ring outside the window", 0, 0x0a, 5,
		 "02 00 00 00 01 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 80 8f 00 00 00 00 01 00", "", 3);
	exchange(XID, "SET_VQUEUE, another area", 0, 0x0a, 5,
		 "02 00 00 00 01 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 02 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 3);
	exchange(XID, "SET_VQUEUE, not aligned", 0, 0x0a, 5,
		 "02 00 00 00 01 00 00 00 10 00 00 00 00 00 00 00 08 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 3);
	exchange(XID, "SET_VQUEUE, unknown operation", 0, 0x0a, 5,
		 "02 00 00 00 02 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 3);
	exchange(all, "DRIVER_OK", 0, 8, 5, "0f 00 00 00", "0f 00 00 00", 0);
	ok(started == 1, "wire %u: started", wire);
	exchange(all, "RESET_VQUEUE", 0, 0x0b, 5, "00 00 00 00", "", 0);
	ok(!vqs[0].enabled, "wire %u: queue off", wire);
	exchange(XID, "RESET_VQUEUE, no such queue", 0, 0x0b, 5, "40 00 00 00", "", 3);
	exchange(RFC2 | V1, "GET_SHM", 0, 0x0c, 5, "02 00 00 00",
		 "02 00 00 00 00 10 00 00 44 33 22 11", 0);
	exchange(V2 | XID, "GET_SHM", 0, 0x0c, 5, "02 00 00 00",
		 "02 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00 44 33 22 11 00 00 00 00", 0);
	exchange(V2 | XID, "GET_SHM, none", 0, 0x0c, 5, "01 00 00 00",
		 "01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", 0);
	exchange(XID, "a status bit is never taken back", 0, 8, 5, "01 00 00 00",
		 "0f 00 00 00", 0);
	exchange(all, "reset", 0, 8, 5, "00 00 00 00", "00 00 00 00", 0);
	exchange(XID, "DRIVER_OK before FEATURES_OK", 0, 8, 5, "07 00 00 00",
		 "03 00 00 00", 0);
	exchange(XID, "SET_DEVICE_STATUS of more than a byte", 0, 8, 5, "00 01 00 00",
		 "", 3);
	exchange(XID, "unknown message", 0, 0x3f, 5, "", "", 2);
	exchange(old, "unknown message", 0, 0x3f, 5, "", "", 0);
	exchange(XID, "reserved message 0", 0, 0, 5, "", "", 2);
	exchange(XID, "implementation request", 0, 0x80, 5, "", "", 2);
	exchange(XID, "no such device", 0, 7, 0xffff, "", "", 1);
	exchange(old, "no such device", 0, 7, 0xffff, "", "", 0);
	exchange(XID, "too short", 0, 8, 5, "00 00 00", "", 3);
	exchange(XID, "too long", 0, 8, 5, "00 00 00 00 00", "", 3);
	exchange(old, "too short", 0, 8, 5, "00 00 00", "", 0);
	exchange(old, "longer than needed", 0, 7, 5, "00 00 00", "00 00 00 00", 0);

	exchange(all, "PING", 2, 3, 0, "de c0 ad 0b", "de c0 ad 0b", 0);
	exchange(XID, "PING too long", 2, 3, 0, "de c0 ad 0b 00", "", 3);
	exchange(XID, "bus message with a device", 2, 3, 5, "de c0 ad 0b", "", 3);
	exchange(XID, "unknown bus message", 2, 4, 0, "", "", 2);
	exchange(RFC2 | V1, "GET_DEVICES", 2, 2, 0, "00 00 10 00",
		 "00 00 10 00 00 00 20 00", 0);
	exchange(V2, "GET_DEVICES", 2, 2, 0, "00 00 10 00", "00 00 00 00 10 00 20 00", 0);
	exchange(XID, "GET_DEVICES", 2, 2, 0, "00 00 10 00", "00 00 00 00 20 00", 0);
	exchange(XID, "GET_DEVICES, odd offset", 2, 2, 0, "04 00 10 00", "", 3);
	exchange(XID, "GET_DEVICES, odd count", 2, 2, 0, "00 00 0c 00", "", 3);
	exchange(XID, "GET_DEVICES, nothing wanted", 2, 2, 0, "00 00 00 00", "", 3);
}

static void windows(void)
{
	static const uint16_t num[4] = { 300, 0, 65535, 2000 };
	unsigned int i;

	setup(3, 64);
	for (i = 0; i < 4; i++) {
		extra[i].ops = &ops;
		extra[i].num = num[i];
		extra[i].vqs = &extra_vq[i];
		extra[i].nvqs = 1;
		extra[i].release = on_release;
		vmsg_bus_add(&bus, &extra[i]);
	}
	CHECK(vmsg_bus_add(&bus, &extra[0]) == -VMSG_EEXIST);
	CHECK(nsent == 4);
	ok(same("02 40 00 00 10 00 00 00 00 00 00 00 2c 01 01 00", 0), "EVENT_DEVICE ready");
	/* 64 bytes hold 48 of bitmap: 384 numbers, though more are asked for */
	exchange(XID, "first window", 2, 2, 0, "00 00 f8 ff",
		 "00 00 d0 07 "
		 "21 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
		 "00 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00 00 00 00", 0);
	exchange(XID, "second window", 2, 2, 0, "d0 07 08 00", "d0 07 f8 ff 01", 0);
	exchange(XID, "last window", 2, 2, 0, "f8 ff f8 ff", "f8 ff 00 00 80", 0);

	nsent = 0;
	vmsg_bus_remove(&bus, &extra[3]);
	ok(nsent == 1 && released == 1 &&
	   same("02 40 00 00 10 00 00 00 00 00 00 00 d0 07 02 00", 0), "EVENT_DEVICE removed");
	/* no room for the event: the device leaves when it was told */
	room = 1;
	vmsg_bus_remove(&bus, &extra[0]);
	CHECK(nsent == 1 && released == 1 && !vmsg_bus_find(&bus, 300));
	CHECK(vmsg_bus_add(&bus, &extra[0]) == -VMSG_EEXIST);
	room = 64;
	CHECK(vmsg_bus_flush(&bus) && nsent == 2 && released == 2);
	/* a slow reset: not told before it is over */
	slow_reset = true;
	vmsg_bus_remove(&bus, &extra[1]);
	CHECK(nsent == 2 && released == 2);
	vmsg_dev_reset_done(&extra[1]);
	CHECK(nsent == 3 && released == 3);
	slow_reset = false;
	/* the link goes: nobody to tell */
	vmsg_bus_remove(&bus, &extra[2]);
	vmsg_bus_link_down(&bus);
	CHECK(released == 4 && bus.ndevs == 1);
}

static void bring_up(bool queue)
{
	exchange(XID, "driver", 0, 8, 5, "03 00 00 00", "03 00 00 00", 0);
	exchange(XID, "features", 0, 4, 5, "00 00 00 00 00 00 00 00 03 01 00 00", "", 0);
	exchange(XID, "features ok", 0, 8, 5, "0b 00 00 00", "0b 00 00 00", 0);
	if (queue)
		exchange(XID, "queue", 0, 0x0a, 5,
			 "00 00 00 00 01 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
			 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 0);
	exchange(XID, "driver ok", 0, 8, 5, "0f 00 00 00", "0f 00 00 00", 0);
}

static void states(void)
{
	unsigned int i;

	setup(3, 128);
	/* kicks before and outside DRIVER_OK, with bad indices, for nobody */
	feed(3, 0, 0x41, 5, "00 00 00 00 00 00 00 00");
	CHECK(!kicks);
	bring_up(true);
	CHECK(bus.kicks_pending && !vmsg_bus_run(&bus) && kicks == 1);
	bus.stats.stray = 0;
	feed(3, 0, 0x41, 5, "00 00 00 00 00 00 00 00");
	/* an event with an ID other than 0 is no event */
	CHECK(bus.stats.stray == 1 && kicks == 1);
	{
		uint8_t f[20] = { 0, 0x41, 5, 0, 20 };

		vmsg_bus_receive(&bus, f, 20);
		CHECK(kicks == 2);
		f[12] = 3;
		vmsg_bus_receive(&bus, f, 20);
		f[12] = 0;
		f[15] = 0x80;
		vmsg_bus_receive(&bus, f, 20);
		f[15] = 0;
		f[2] = 6;
		vmsg_bus_receive(&bus, f, 20);
		f[2] = 5;
		f[4] = 19;
		vmsg_bus_receive(&bus, f, 20);
		f[1] = 0x7f;
		vmsg_bus_receive(&bus, f, 20);
		CHECK(kicks == 2 && bus.stats.stray == 6);
	}
	vmsg_bus_kick(&bus, 5, 0, 63);
	CHECK(kicks == 3);

	/* used events with no room coalesce, and are not lost */
	nsent = 0;
	room = 1;
	vmsg_dev_used(&dev, 0);
	vmsg_dev_used(&dev, 0);
	vmsg_dev_used(&dev, 0);
	CHECK(nsent == 1);
	room = 64;
	CHECK(vmsg_bus_flush(&bus) && nsent == 2);
	ok(same("00 42 05 00 10 00 00 00 00 00 00 00 00 00 00 00", 1), "EVENT_USED");
	nsent = 0;
	vmsg_dev_config_changed(&dev);
	ok(nsent == 1 && same("00 40 05 00 18 00 00 00 00 00 00 00 0f 00 00 00 78 00 00 00 "
			      "00 00 00 00", 0), "EVENT_CONFIG");

	/* responses with no room wait; after that nothing more is taken */
	nsent = 0;
	room = 0;
	for (i = 0; i < 4; i++) {
		CHECK(vmsg_bus_can_receive(&bus));
		feed(3, 2, 3, 0, i == 0 ? "00 00 00 00" : i == 1 ? "01 00 00 00" :
		     i == 2 ? "02 00 00 00" : "03 00 00 00");
	}
	CHECK(!vmsg_bus_can_receive(&bus));
	vmsg_dev_used(&dev, 0);
	room = 2;
	CHECK(!vmsg_bus_flush(&bus) && nsent == 2 && vmsg_bus_can_receive(&bus));
	room = 64;
	CHECK(vmsg_bus_flush(&bus) && nsent == 5);
	for (i = 0; i < 4; i++)
		ok(sent[i][12] == i, "response %u in its turn", i);
	ok(sent[4][1] == 0x42, "then the event");

	/* a fault */
	nsent = 0;
	vmsg_dev_fault(&dev, "test", 0);
	vmsg_dev_fault(&dev, "test", 0);
	ok(nsent == 1 && sent[0][1] == 0x40 && sent[0][12] == 0x4f, "NEEDS_RESET is told once");
	kicks = 0;
	vmsg_bus_kick(&bus, 5, 0, 0);
	CHECK(!kicks);
	/* a reset that takes its time */
	slow_reset = true;
	exchange(XID, "reset begins", 0, 8, 5, "00 00 00 00", "4f 00 00 00", 0);
	exchange(XID, "meanwhile busy", 0, 9, 5, "00 00 00 00", "", 5);
	exchange(XID, "status meanwhile", 0, 7, 5, "", "4f 00 00 00", 0);
	exchange(XID, "no status but 0 meanwhile", 0, 8, 5, "01 00 00 00", "4f 00 00 00", 0);
	CHECK(resets == 1);
	vmsg_dev_reset_done(&dev);
	exchange(XID, "reset is over", 0, 7, 5, "", "00 00 00 00", 0);
	slow_reset = false;

	bring_up(false);
	CHECK(!vmsg_bus_run(&bus));
	ok(true, "DRIVER_OK before queues");
	exchange(XID, "queue after DRIVER_OK, with RING_RESET", 0, 0x0a, 5,
		 "00 00 00 00 01 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
		 "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00", "", 0);
	exchange(XID, "reset", 0, 8, 5, "00 00 00 00", "00 00 00 00", 0);
	refuse_start = true;
	exchange(XID, "driver", 0, 8, 5, "03 00 00 00", "03 00 00 00", 0);
	exchange(XID, "features", 0, 4, 5, "00 00 00 00 00 00 00 00 03 00 00 00", "", 0);
	exchange(XID, "a device that cannot start", 0, 8, 5, "0b 00 00 00", "0b 00 00 00", 0);
	nsent = 0;
	feed(3, 0, 8, 5, "0f 00 00 00");
	ok(sent[nsent - 1][12] == 0x4f, "it says NEEDS_RESET");

	/* features nobody offered, and those above bit 127 */
	setup(3, 128);
	exchange(XID, "driver", 0, 8, 5, "03 00 00 00", "03 00 00 00", 0);
	exchange(XID, "a foreign feature", 0, 4, 5, "00 00 00 00 02 00 00 00 03 00 00 00", "", 0);
	exchange(XID, "is refused", 0, 8, 5, "0b 00 00 00", "03 00 00 00", 0);
	exchange(XID, "far away", 0, 4, 5, "09 00 00 00 01 00 00 00", "", 0);
	exchange(XID, "good ones", 0, 4, 5, "00 00 00 00 01 00 00 00 03 00 00 00", "", 0);
	exchange(XID, "still refused", 0, 8, 5, "0b 00 00 00", "03 00 00 00", 0);

	/* older revisions tell a refused queue by the status */
	setup(1, 128);
	feed(1, 0, 0x0a, 5, "00 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00 00 10 00 00 00 00 01 00 "
	     "00 20 00 00 00 00 01 00 00 30 00 00 00 00 01 00");
	CHECK(dev.status == 0x40);
}

static void frames_bad(void)
{
	uint8_t f[64] = { 0 };
	unsigned int w, i;

	for (w = 0; w < 4; w++) {
		setup(w, 128);
		for (i = 0; i < vmsg_hdr_len(w); i++)
			vmsg_bus_receive(&bus, f, i);
		ok(!nsent && bus.stats.malformed == vmsg_hdr_len(w),
		   "wire %u: less than a header", w);
		memset(f, 0, sizeof(f));
		f[1] = 7;
		f[2] = 5;
		f[8] = 1;
		f[w == 1 || w == 2 ? 6 : 4] = (uint8_t)(vmsg_hdr_len(w) - 1);
		vmsg_bus_receive(&bus, f, 64);
		ok(nsent == 1, "wire %u: msg_size below the header is answered", w);
		f[w == 1 || w == 2 ? 6 : 4] = 65;
		vmsg_bus_receive(&bus, f, 64);
		ok(nsent == 2, "wire %u: msg_size above the frame is answered", w);
		f[0] = 0xfc;
		f[w == 1 || w == 2 ? 6 : 4] = (uint8_t)vmsg_hdr_len(w);
		vmsg_bus_receive(&bus, f, 64);
		ok(nsent == 3 && sent[2][0] == 1 && sent_len[2] == vmsg_hdr_len(w) + 4,
		   "wire %u: reserved type bits are ignored, padding too", w);
		f[0] = 1;
		vmsg_bus_receive(&bus, f, 64);
		ok(nsent == 3 && bus.stats.stray == 1, "wire %u: a response nobody waits for", w);
	}
	setup(3, 128);
	memset(f, 0, sizeof(f));
	f[1] = 7;
	f[2] = 5;
	f[4] = 12;
	vmsg_bus_receive(&bus, f, 64);
	ok(!nsent, "a request with ID 0 cannot be answered");
	f[8] = 1;
	f[6] = 1;
	vmsg_bus_receive(&bus, f, 64);
	ok(nsent == 1 && sent[0][6] == 3, "a request with a result is bad");
}

static uint32_t ponged;

static void on_pong(struct vmsg_bus *b, uint32_t v)
{
	(void)b;
	ponged = v;
}

static void pings(void)
{
	unsigned int w, i;

	for (w = 0; w < 4; w++) {
		setup(w, 128);
		bus.pong = on_pong;
		bus.random = 0xfffe;
		for (i = 0; i < 4; i++) {
			unsigned int hl = vmsg_hdr_len(w);
			struct vmsg_hdr h;

			nsent = 0;
			ponged = 0;
			CHECK(!vmsg_bus_ping(&bus, 0x1000 + i) && nsent == 1);
			vmsg_hdr_get(w, sent[0], &h);
			ok(h.type == 2 && h.msg_id == 3 && h.size == hl + 4 &&
			   (!w || h.xid > 1), "wire %u: ping %u, xid 0x%x", w, i, h.xid);
			sent[0][0] = 3;
			sent[0][hl] ^= 1;
			vmsg_bus_receive(&bus, sent[0], hl + 4);
			ok(!ponged, "wire %u: another value is no answer", w);
			sent[0][hl] ^= 1;
			vmsg_bus_receive(&bus, sent[0], hl + 4);
			ok(ponged == 0x1000 + i, "wire %u: answered", w);
			ponged = 0;
			vmsg_bus_receive(&bus, sent[0], hl + 4);
			ok(!ponged, "wire %u: once", w);
		}
	}
}

static void noise(void)
{
	unsigned int w, i, k;
	uint8_t f[128];

	srand(1);
	for (w = 0; w < 4; w++) {
		setup(w, 128);
		for (i = 0; i < 200000; i++) {
			uint32_t len = (uint32_t)rand() % 129;
			uint8_t *exact = malloc(len ? len : 1);

			for (k = 0; k < len; k++)
				f[k] = (uint8_t)(rand() >> 7);
			if (len > 12 && i & 3) {
				/* mostly plausible */
				f[0] &= 2;
				f[1] &= 15;
				f[2] = 5;
				f[3] = 0;
				k = w == 1 || w == 2 ? 6 : 4;
				f[k] = (uint8_t)len;
				f[k + 1] = 0;
				if (w == 3) {
					f[6] = 0;
					f[7] = 0;
				}
				for (k = vmsg_hdr_len(w); k < len; k++)
					f[k] &= i & 4 ? 0x0f : (k & 3) ? 0 : 0x3f;
			}
			memcpy(exact, f, len);
			nsent = 0;
			if (vmsg_bus_can_receive(&bus))
				vmsg_bus_receive(&bus, exact, len);
			vmsg_bus_run(&bus);
			free(exact);
		}
		ok(true, "wire %u: noise (%llu refused, %llu malformed)", w,
		   (unsigned long long)bus.stats.refused,
		   (unsigned long long)bus.stats.malformed);
	}
}

int main(void)
{
	unsigned int w;

	plan("dispatch");
	for (w = 0; w < 4; w++)
		golden(w);
	windows();
	states();
	frames_bad();
	pings();
	noise();
	return done();
}
