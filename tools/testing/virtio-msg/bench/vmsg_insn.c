// SPDX-License-Identifier: GPL-2.0-only
/*
 * A TCG plugin of QEMU that counts guest instructions in windows
 *
 * The guest begins a window with "hint #100" and ends it with "hint #101", both
 * of which do nothing on any arm64 processor.  Each window is a line in the file
 * that out= names: how many instructions all processors have executed in it.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <qemu-plugin.h>

#define BEGIN	100
#define END	101
#define HINT(n)	(0xd503201fU | (n) << 5)

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static qemu_plugin_u64 count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* of all below */
static uint64_t base;
static FILE *out;

static void on_mark(unsigned int vcpu, void *what)
{
	uint64_t now = qemu_plugin_u64_sum(count);

	(void)vcpu;
	pthread_mutex_lock(&lock);
	if ((uintptr_t)what == BEGIN) {
		base = now;
	} else {
		fprintf(out, "%" PRIu64 "\n", now - base);
		fflush(out);
	}
	pthread_mutex_unlock(&lock);
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							  count, n);
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uintptr_t mark;
		uint32_t op;

		if (qemu_plugin_insn_data(insn, &op, sizeof(op)) != sizeof(op))
			continue;
		for (mark = BEGIN; mark <= END; mark++)
			if (op == HINT(mark))
				qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark,
								       QEMU_PLUGIN_CB_NO_REGS,
								       (void *)mark);
	}
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	(void)info;
	out = stderr;
	if (argc == 1 && !strncmp(argv[0], "out=", 4)) {
		out = fopen(argv[0] + 4, "w");
		if (!out) {
			perror(argv[0] + 4);
			return 1;
		}
	} else if (argc) {
		fprintf(stderr, "vmsg_insn: the only option is out=FILE\n");
		return 1;
	}
	count = (qemu_plugin_u64){ qemu_plugin_scoreboard_new(sizeof(uint64_t)), 0 };
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
	return 0;
}
