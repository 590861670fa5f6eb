// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl: pcapng
 *
 * Blocks and options of the draft draft-ietf-opsawg-pcapng, in the byte order
 * of this machine, which the section header tells.
 */
#include <string.h>

#include "pcapng.h"

#define BLOCK_SECTION		0x0a0d0d0a
#define BLOCK_INTERFACE		1
#define BLOCK_PACKET		6
#define BYTE_ORDER_MAGIC	0x1a2b3c4d
#define LINKTYPE_USER0		147

#define OPT_END			0
#define OPT_SHB_USERAPPL	4
#define OPT_IF_NAME		2
#define OPT_IF_DESCRIPTION	3
#define OPT_IF_TSRESOL		9
#define OPT_EPB_FLAGS		2

static uint32_t padded(uint32_t len)
{
	return (len + 3) & ~3U;
}

static int put(FILE *f, const void *p, size_t len)
{
	return len && fwrite(p, len, 1, f) != 1 ? -1 : 0;
}

static int put_padded(FILE *f, const void *p, uint32_t len)
{
	static const char zero[4];

	return put(f, p, len) | put(f, zero, padded(len) - len);
}

static int put32(FILE *f, uint32_t v)
{
	return put(f, &v, sizeof(v));
}

static uint32_t option_size(uint32_t len)
{
	return 4 + padded(len);
}

static int option(FILE *f, uint16_t code, const void *p, uint16_t len)
{
	return put(f, &code, 2) | put(f, &len, 2) | put_padded(f, p, len);
}

int pcapng_begin(FILE *f, const char *application)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		int64_t length;
	} body = { BYTE_ORDER_MAGIC, 1, 0, -1 };
	uint16_t n = (uint16_t)strlen(application);
	uint32_t size = 12 + sizeof(body) + option_size(n) + option_size(0);

	return put32(f, BLOCK_SECTION) | put32(f, size) | put(f, &body, sizeof(body)) |
	       option(f, OPT_SHB_USERAPPL, application, n) | option(f, OPT_END, "", 0) |
	       put32(f, size);
}

int pcapng_interface(FILE *f, const char *name, const char *description)
{
	const struct {
		uint16_t link, reserved;
		uint32_t snaplen;
	} body = { LINKTYPE_USER0, 0, 0 };
	const uint8_t nanoseconds = 9;
	uint16_t n = (uint16_t)strlen(name), d = (uint16_t)strlen(description);
	uint32_t size = 12 + sizeof(body) + option_size(n) + option_size(d) +
			option_size(1) + option_size(0);

	return put32(f, BLOCK_INTERFACE) | put32(f, size) | put(f, &body, sizeof(body)) |
	       option(f, OPT_IF_NAME, name, n) | option(f, OPT_IF_DESCRIPTION, description, d) |
	       option(f, OPT_IF_TSRESOL, &nanoseconds, 1) | option(f, OPT_END, "", 0) |
	       put32(f, size);
}

int pcapng_packet(FILE *f, uint32_t interface, uint64_t ns, enum pcap_direction dir,
		  const void *head, uint32_t head_len, const void *data, uint32_t data_len,
		  uint32_t orig_len)
{
	static const char zero[4];
	const uint32_t flags = dir, len = head_len + data_len;
	uint32_t size = 12 + 20 + padded(len) + option_size(4) + option_size(0);

	return put32(f, BLOCK_PACKET) | put32(f, size) | put32(f, interface) |
	       put32(f, (uint32_t)(ns >> 32)) | put32(f, (uint32_t)ns) | put32(f, len) |
	       put32(f, head_len + orig_len) | put(f, head, head_len) | put(f, data, data_len) |
	       put(f, zero, padded(len) - len) | option(f, OPT_EPB_FLAGS, &flags, 4) |
	       option(f, OPT_END, "", 0) | put32(f, size);
}
