// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenevil ROUNDS: a driver side that grants pages to dom0 and lies in page 0.
 *
 * Prints "ref N", the grant of page 0.  Each round it writes a page 0 that is
 * right but for a few bytes, or not at all, lets the other side look at it, and
 * goes on writing while it is mapped.  What it has to be is that vmsgd survives.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint16_t domid_t;
typedef uint32_t grant_ref_t;
#include <xen/evtchn.h>
#include <xen/gntalloc.h>

#define PAGES	64

static uint8_t *mem;
static uint32_t refs[PAGES];
static uint32_t port;

static void put16(unsigned int at, uint16_t v)
{
	memcpy(mem + at, &v, 2);
}

static void put32(unsigned int at, uint32_t v)
{
	memcpy(mem + at, &v, 4);
}

static void put64(unsigned int at, uint64_t v)
{
	memcpy(mem + at, &v, 8);
}

/* As it should be. */
static void format(void)
{
	unsigned int i;

	put16(0, 0);
	memset(mem + 2, 0, 4094);
	put16(2, 64);
	put16(4, 1);
	mem[8] = 64;
	mem[9] = 8;
	put16(10, 16);
	put16(12, 512);
	put64(16, 2048);
	put64(24, 1920);
	put64(32, 4096);
	put64(40, 3072);
	put64(48, 1984);
	put64(56, 12288);
	put32(64, 0x58534d56);
	put16(68, 64);
	put16(70, 1);
	put64(80, 8 * 4096);
	put64(88, (PAGES - 8) * 4096);
	put16(104, 0xffff);
	put16(106, 0xffff);
	put32(128, 0x564e4558);
	put16(132, 64);
	put16(134, 1);
	put32(136, 1);
	put32(140, port);
	put32(144, PAGES);
	put32(148, PAGES - 1);
	put32(152, refs[8]);
	put32(156, 8);
	for (i = 1; i < PAGES; i++) {
		put32(192 + 8 * (i - 1), refs[i]);
		put32(196 + 8 * (i - 1), 1);
	}
	put16(1920, 0x514f);
	put16(1984, 0x514f);
}

static void spoil(unsigned int round)
{
	static const uint32_t evil[] = {
		0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x10001, 216,
	};
	unsigned int n, i;

	switch (round % 4) {
	case 0:
		/* One of the fields that say where everything is */
		put32(140 + 4 * (random() % 5), evil[random() % 8]);
		break;
	case 1:
		put32(192 + 4 * (random() % 126), evil[random() % 8]);
		break;
	case 2:
		/* The layout of the segment */
		mem[2 + random() % 110] = (uint8_t)random();
		break;
	default:
		n = random() % 64;
		for (i = 0; i < n; i++)
			mem[2 + random() % 1918] = (uint8_t)random();
	}
}

int main(int argc, char **argv)
{
	struct ioctl_evtchn_bind_unbound_port b = { .remote_domain = 0 };
	struct ioctl_gntalloc_alloc_gref *a;
	unsigned int rounds, r, i, looked = 0;
	int ga, ev, p;

	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "Usage: xenevil ROUNDS\n");
		return 2;
	}
	rounds = strtoul(argv[1], NULL, 0);
	ev = open("/dev/xen/evtchn", O_RDWR);
	ga = open("/dev/xen/gntalloc", O_RDWR);
	if (ev < 0 || ga < 0) {
		fprintf(stderr, "xenevil: /dev/xen/evtchn, gntalloc: %s\n", strerror(errno));
		return 1;
	}
	p = ioctl(ev, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &b);
	a = calloc(1, sizeof(*a) + PAGES * sizeof(a->gref_ids[0]));
	a->domid = 0;
	a->flags = GNTALLOC_FLAG_WRITABLE;
	a->count = PAGES;
	if (p < 0 || ioctl(ga, IOCTL_GNTALLOC_ALLOC_GREF, a) < 0) {
		fprintf(stderr, "xenevil: %s\n", strerror(errno));
		return 1;
	}
	port = (uint32_t)p;
	memcpy(refs, a->gref_ids, sizeof(refs));
	mem = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ga, a->index);
	if (mem == MAP_FAILED) {
		fprintf(stderr, "xenevil: mmap: %s\n", strerror(errno));
		return 1;
	}
	srandom(4711);
	printf("ref %u\n", refs[0]);
	fflush(stdout);
	for (r = 0; r < rounds; r++) {
		struct ioctl_evtchn_notify n = { .port = port };

		format();
		if (r % 8)
			spoil(r);
		__sync_synchronize();
		put16(0, 0x4c4f);
		/* Every eighth is right: then it is mapped, and lied to. */
		usleep(r % 8 ? 30000 : 300000);
		for (i = 0; i < 200; i++) {
			mem[1984 + random() % 8] = (uint8_t)random();
			mem[2 + random() % 126] = (uint8_t)random();
			mem[3072 + random() % 512] = (uint8_t)random();
			mem[12288 + random() % 8192] = (uint8_t)random();
			ioctl(ev, IOCTL_EVTCHN_NOTIFY, &n);
			if (i % 20 == 19)
				usleep(1000);
		}
		/* Device side instance: it was there. */
		looked += *(volatile uint32_t *)(mem + 96) != 0;
		put32(136, 2);
		usleep(20000);
	}
	put16(0, 0);
	printf("%u rounds, in %u of them it was mapped\n", rounds, looked);
	return 0;
}
