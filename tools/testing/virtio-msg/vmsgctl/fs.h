/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgctl: files of sysfs and debugfs; --root puts another tree in their place
 */
#ifndef VMSGCTL_FS_H
#define VMSGCTL_FS_H

#include <stdbool.h>
#include <stddef.h>

/* The name below --root, in a buffer of the caller's; exits if it is too long. */
#define FS_PATH	512
const char *fs_path(char *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What a file holds, without its last newline; NULL and errno if it cannot be read. */
char *fs_read(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same with a text in place of nothing. Never NULL. */
char *fs_read_or(const char *otherwise, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool fs_exists(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Last part of what a symbolic link names; NULL if it is none. */
char *fs_link(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Names in a directory that begin so, in order of the number behind it, then by name. */
struct fs_list {
	char **name;
	size_t num;
};

struct fs_list fs_list(const char *prefix, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void fs_list_free(struct fs_list *l);

#endif
