// SPDX-License-Identifier: GPL-2.0-only
/*
 * Feed a fuzzer with random bytes, the same ones for the same seed.
 *
 * Usage: fuzz_NAME SECONDS [SEED]: at least one round of a fixed number of
 * inputs, then more rounds until the time is over.
 * Usage: fuzz_NAME -f FILE: one input.
 */
#include <string.h>
#include <time.h>
#include "fuzz.h"

#define MAX_INPUT	2048
#define ROUND		20000

static uint64_t state;

static uint32_t rnd(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 33;
}

/*
 * Small numbers, limits and runs are likelier than chance would make them: that
 * is what lengths and indices are made of.
 */
static size_t make_input(uint8_t *buf)
{
	static const uint8_t edge[] = { 0, 1, 2, 4, 8, 0x7f, 0x80, 0xff };
	size_t len = rnd() % 4 ? rnd() % 96 : rnd() % MAX_INPUT;
	uint32_t mode = rnd() % 4;
	size_t i;

	for (i = 0; i < len; i++) {
		switch (mode ? mode : rnd() % 4) {
		case 1:
			buf[i] = rnd() % 4 ? 0 : rnd();
			break;
		case 2:
			buf[i] = edge[rnd() % sizeof(edge)];
			break;
		default:
			buf[i] = rnd();
		}
	}
	return len;
}

static int one_file(const char *name)
{
	uint8_t *buf = malloc(1 << 20);
	FILE *f = fopen(name, "rb");
	size_t len;

	if (!f || !buf) {
		perror(name);
		return 1;
	}
	len = fread(buf, 1, 1 << 20, f);
	fclose(f);
	LLVMFuzzerTestOneInput(buf, len);
	free(buf);
	return 0;
}

int main(int argc, char **argv)
{
	time_t end;
	unsigned long n = 0;
	uint8_t buf[MAX_INPUT];
	uint8_t *exact;
	size_t len;

	if (argc == 3 && !strcmp(argv[1], "-f"))
		return one_file(argv[2]);
	if (argc < 2) {
		fprintf(stderr, "usage: %s SECONDS [SEED] | -f FILE\n",
			argv[0]);
		return 2;
	}
	end = time(NULL) + atoi(argv[1]);
	state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	do {
		unsigned int i;

		for (i = 0; i < ROUND; i++, n++) {
			len = make_input(buf);
			/* In a block of just its size: an over-read shows. */
			exact = malloc(len ? len : 1);
			MUST(exact);
			memcpy(exact, buf, len);
			LLVMFuzzerTestOneInput(exact, len);
			free(exact);
		}
	} while (time(NULL) < end);
	printf("# %lu inputs\n", n);
	return 0;
}
