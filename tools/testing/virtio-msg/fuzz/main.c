// SPDX-License-Identifier: GPL-2.0-only
/*
 * Feed a fuzzer with inputs that are there, where there is no libFuzzer: for counting
 * what they reach, and for debuggers.
 *
 * Usage: NAME FILE|DIRECTORY...
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include "fuzz.h"

#define MOST_BYTES	(1 << 16)

static unsigned long inputs;

static int one_file(const char *name)
{
	uint8_t *buf = malloc(MOST_BYTES), *exact;
	FILE *f = fopen(name, "rb");
	size_t len;

	if (!f || !buf) {
		perror(name);
		return 1;
	}
	len = fread(buf, 1, MOST_BYTES, f);
	fclose(f);
	/* In a block of just its size: an over-read shows. */
	exact = malloc(len ? len : 1);
	MUST(exact);
	memcpy(exact, buf, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	free(buf);
	inputs++;
	return 0;
}

static int one(const char *name)
{
	struct dirent *e;
	struct stat st;
	char path[4096];
	int bad = 0;
	DIR *d;

	if (stat(name, &st)) {
		perror(name);
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return one_file(name);
	d = opendir(name);
	if (!d) {
		perror(name);
		return 1;
	}
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", name, e->d_name);
		bad |= one_file(path);
	}
	closedir(d);
	return bad;
}

int main(int argc, char **argv)
{
	int i, bad = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE|DIRECTORY...\n", argv[0]);
		return 2;
	}
	for (i = 1; i < argc; i++)
		bad |= one(argv[i]);
	printf("# %lu inputs\n", inputs);
	return bad;
}
