/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgctl: write pcapng, as wide as a capture of buses needs it
 */
#ifndef VMSGCTL_PCAPNG_H
#define VMSGCTL_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

enum pcap_direction { PCAP_UNKNOWN, PCAP_IN, PCAP_OUT };

/* All return 0, or -1 with errno set. */
int pcapng_begin(FILE *f, const char *application);
/* The first interface of a file is number 0, the next is number 1. */
int pcapng_interface(FILE *f, const char *name, const char *description);
/* @ns since 1970; the packet is @head and then @data. */
int pcapng_packet(FILE *f, uint32_t interface, uint64_t ns, enum pcap_direction dir,
		  const void *head, uint32_t head_len, const void *data, uint32_t data_len,
		  uint32_t orig_len);

#endif
