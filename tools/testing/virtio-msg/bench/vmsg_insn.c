// SPDX-License-Identifier: GPL-2.0-only
/*
 * A TCG plugin of QEMU that counts guest instructions in windows
 *
 * The guest begins a window with "hint #100" and ends it with "hint #101", both
 * of which do nothing on any arm64 processor.  Each window is a line in the file
 * that out= names: how many instructions all processors have executed in it, of all
 * worlds; with smc=on, how often a kernel has called its firmware by SMC; and for
 * each at=ADDRESS, how often they came to that address.
 *
 * profile=FILE has, for each window, a line "window" and then "ADDRESS COUNT" lines:
 * how many instructions were executed in translation blocks that begin there.  Those
 * of user space are one line, of address 0.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

#define BEGIN	100
#define END	101
#define SMC	0xd4000003U
#define HINT(n)	(0xd503201fU | (n) << 5)

#define ADD	QEMU_PLUGIN_INLINE_ADD_U64
#define PLACES	16

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

#define BLOCKS	524288			/* of kernels, that are told apart */

static qemu_plugin_u64 count, calls;
static struct place {
	uint64_t addr;
	qemu_plugin_u64 count;
	uint64_t base;			/* under the lock */
} places[PLACES];
static unsigned int num_places;
static bool count_calls;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* of all below */
static uint64_t base, calls_base;
static FILE *out, *profile;
static struct qemu_plugin_scoreboard *executed;	/* instructions, by place in block_at */
static uint64_t block_at[BLOCKS];		/* a hash table; 0 is free, or user space */
static uint64_t block_base[BLOCKS];

static uint64_t block_count(unsigned int i)
{
	qemu_plugin_u64 n = { executed, i * sizeof(uint64_t) };

	return qemu_plugin_u64_sum(n);
}

/* Called under the lock. */
static void profile_begin(void)
{
	unsigned int i;

	for (i = 0; i < BLOCKS; i++)
		if (!i || block_at[i])
			block_base[i] = block_count(i);
}

/* Called under the lock. */
static void profile_end(void)
{
	unsigned int i;
	uint64_t n;

	fprintf(profile, "window\n");
	for (i = 0; i < BLOCKS; i++) {
		n = !i || block_at[i] ? block_count(i) - block_base[i] : 0;
		if (n)
			fprintf(profile, "%" PRIx64 " %" PRIu64 "\n", block_at[i], n);
	}
	fflush(profile);
}

static void on_mark(unsigned int vcpu, void *what)
{
	uint64_t now = qemu_plugin_u64_sum(count);
	unsigned int i;

	(void)vcpu;
	pthread_mutex_lock(&lock);
	if ((uintptr_t)what == BEGIN) {
		for (i = 0; i < num_places; i++)
			places[i].base = qemu_plugin_u64_sum(places[i].count);
		base = now;
		calls_base = qemu_plugin_u64_sum(calls);
		if (profile)
			profile_begin();
	} else {
		fprintf(out, "%" PRIu64, now - base);
		if (count_calls)
			fprintf(out, " %" PRIu64, qemu_plugin_u64_sum(calls) - calls_base);
		for (i = 0; i < num_places; i++)
			fprintf(out, " %" PRIu64,
				qemu_plugin_u64_sum(places[i].count) - places[i].base);
		fprintf(out, "\n");
		fflush(out);
		if (profile)
			profile_end();
	}
	pthread_mutex_unlock(&lock);
}

/* Where in block_at a block is counted. */
static unsigned int block_place(uint64_t addr)
{
	unsigned int i, tries;

	if (!(addr >> 63))
		return 0;
	i = (addr >> 2) * 2654435761U % BLOCKS;
	for (tries = 0; tries < BLOCKS; tries++, i = (i + 1) % BLOCKS) {
		if (!i)
			continue;
		if (!block_at[i])
			block_at[i] = addr;
		if (block_at[i] == addr)
			return i;
	}
	fprintf(stderr, "vmsg_insn: more than %u blocks\n", BLOCKS);
	exit(1);
}

static void add_block(struct qemu_plugin_tb *tb, size_t n)
{
	qemu_plugin_u64 at = { executed, 0 };

	pthread_mutex_lock(&lock);
	at.offset = block_place(qemu_plugin_tb_vaddr(tb)) * sizeof(uint64_t);
	pthread_mutex_unlock(&lock);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, ADD, at, n);
}

static void on_insn(struct qemu_plugin_insn *insn)
{
	uint64_t addr = qemu_plugin_insn_vaddr(insn);
	uintptr_t mark;
	unsigned int i;
	uint32_t op;

	for (i = 0; i < num_places; i++)
		if (places[i].addr == addr)
			qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, ADD,
									    places[i].count, 1);
	if (qemu_plugin_insn_data(insn, &op, sizeof(op)) != sizeof(op))
		return;
	/* Kernels are in the upper half of addresses, firmware is not. */
	if (op == SMC && addr >> 63)
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, ADD, calls, 1);
	for (mark = BEGIN; mark <= END; mark++)
		if (op == HINT(mark))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark,
							       QEMU_PLUGIN_CB_NO_REGS,
							       (void *)mark);
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, ADD, count, n);
	if (profile)
		add_block(tb, n);
	for (i = 0; i < n; i++)
		on_insn(qemu_plugin_tb_get_insn(tb, i));
}

static qemu_plugin_u64 counter(void)
{
	return (qemu_plugin_u64){ qemu_plugin_scoreboard_new(sizeof(uint64_t)), 0 };
}

static int option(const char *arg)
{
	if (!strncmp(arg, "out=", 4)) {
		out = fopen(arg + 4, "w");
		if (!out)
			perror(arg + 4);
		return !out;
	}
	if (!strncmp(arg, "at=", 3) && num_places < PLACES) {
		places[num_places].addr = strtoull(arg + 3, NULL, 16);
		places[num_places++].count = counter();
		return 0;
	}
	if (!strcmp(arg, "smc=on")) {
		count_calls = true;
		return 0;
	}
	if (!strncmp(arg, "profile=", 8)) {
		profile = fopen(arg + 8, "w");
		if (!profile)
			perror(arg + 8);
		executed = qemu_plugin_scoreboard_new(BLOCKS * sizeof(uint64_t));
		return !profile;
	}
	fprintf(stderr, "vmsg_insn: %s: the options are out=FILE, smc=on, profile=FILE and up to %d of at=ADDRESS\n",
		arg, PLACES);
	return 1;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	int i;

	(void)info;
	out = stderr;
	for (i = 0; i < argc; i++)
		if (option(argv[i]))
			return 1;
	count = counter();
	calls = counter();
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
	return 0;
}
