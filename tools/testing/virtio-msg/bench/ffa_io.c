// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads of a disk, one at a time, for bench-ffa
 *
 * Runs in a guest under the plugin vmsg_insn.  Each window is one line on stdout:
 * the name it was given, and how many reads were in it.  With "event", a window
 * begins in the partition, when it is done with the request.  "begin" and "end NAME"
 * are the two ends of a window of something else.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS	7
#define READS	128
#define SIZE	4096
#define SPAN	(4 << 20)

#if defined(__aarch64__)
#define begin()	__asm__ volatile("hint #100" : : : "memory")
#define end()	__asm__ volatile("hint #101" : : : "memory")
#else
#define begin()	((void)0)
#define end()	((void)0)
#endif

static void read_one(int fd, void *buf, unsigned int n)
{
	if (pread(fd, buf, SIZE, (off_t)n * 7 * SIZE % SPAN) != SIZE) {
		perror("pread");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	unsigned int i, n;
	void *buf;
	int fd;

	if (argc == 2 && !strcmp(argv[1], "begin")) {
		begin();
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "end")) {
		end();
		printf("%s 1\n", argv[2]);
		return 0;
	}
	if (argc != 3 && (argc != 4 || strcmp(argv[3], "event"))) {
		fprintf(stderr, "Usage: ffa_io DISK NAME [event] | begin | end NAME\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_DIRECT);
	if (fd < 0 || posix_memalign(&buf, SIZE, SIZE)) {
		perror(argv[1]);
		return 1;
	}
	for (i = 0; i < READS; i++)
		read_one(fd, buf, i);
	if (argc == 4) {
		for (i = 0; i < READS; i++) {
			read_one(fd, buf, i);
			end();
			printf("%s 1\n", argv[2]);
		}
		return 0;
	}
	for (i = 0; i < ROUNDS; i++) {
		begin();
		for (n = 0; n < READS; n++)
			read_one(fd, buf, n);
		end();
		printf("%s %d\n", argv[2], READS);
	}
	return 0;
}
