// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl: files of sysfs and debugfs
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
#include "vmsgctl.h"

static void path_of(char *buf, const char *fmt, va_list ap)
{
	int n = snprintf(buf, FS_PATH, "%s", opt.root ? opt.root : "");
	int m = n >= FS_PATH ? 0 : vsnprintf(buf + n, FS_PATH - (size_t)n, fmt, ap);

	if (n + m >= FS_PATH)
		die("--root %s: with what is behind it a name has at most %d bytes", opt.root,
		    FS_PATH - 1);
}

const char *fs_path(char *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	path_of(buf, fmt, ap);
	va_end(ap);
	return buf;
}

static char *read_path(const char *path)
{
	size_t have = 0, room = 0;
	char *text = NULL;
	FILE *f = fopen(path, "r");
	int err;

	if (!f)
		return NULL;
	do {
		if (have + 1 >= room) {
			room = room ? 2 * room : 4096;
			text = xrealloc(text, room);
		}
		have += fread(text + have, 1, room - 1 - have, f);
	} while (!feof(f) && !ferror(f));
	err = ferror(f) ? (errno ? errno : EIO) : 0;
	fclose(f);
	if (err) {
		free(text);
		errno = err;
		return NULL;
	}
	text[have] = 0;
	while (have && text[have - 1] == '\n')
		text[--have] = 0;
	return text;
}

char *fs_read(const char *fmt, ...)
{
	char path[FS_PATH];
	va_list ap;

	va_start(ap, fmt);
	path_of(path, fmt, ap);
	va_end(ap);
	return read_path(path);
}

static char *copy(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xrealloc(NULL, n), s, n);
}

char *fs_read_or(const char *otherwise, const char *fmt, ...)
{
	char path[FS_PATH], *text;
	va_list ap;

	va_start(ap, fmt);
	path_of(path, fmt, ap);
	va_end(ap);
	text = read_path(path);
	return text ? text : copy(otherwise);
}

bool fs_exists(const char *fmt, ...)
{
	char path[FS_PATH];
	va_list ap;

	va_start(ap, fmt);
	path_of(path, fmt, ap);
	va_end(ap);
	return !access(path, F_OK);
}

char *fs_link(const char *fmt, ...)
{
	char path[FS_PATH], to[FS_PATH], *slash;
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	path_of(path, fmt, ap);
	va_end(ap);
	n = readlink(path, to, sizeof(to) - 1);
	if (n < 0)
		return NULL;
	to[n] = 0;
	slash = strrchr(to, '/');
	return copy(slash ? slash + 1 : to);
}

static int by_number(const void *a, const void *b)
{
	const char *x = *(char * const *)a, *y = *(char * const *)b;

	return strverscmp(x, y);
}

struct fs_list fs_list(const char *prefix, const char *fmt, ...)
{
	struct fs_list l = { 0 };
	char path[FS_PATH];
	struct dirent *d;
	va_list ap;
	DIR *dir;

	va_start(ap, fmt);
	path_of(path, fmt, ap);
	va_end(ap);
	dir = opendir(path);
	if (!dir)
		return l;
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.' || strncmp(d->d_name, prefix, strlen(prefix)))
			continue;
		l.name = xrealloc(l.name, (l.num + 1) * sizeof(*l.name));
		l.name[l.num++] = copy(d->d_name);
	}
	closedir(dir);
	if (l.num)
		qsort(l.name, l.num, sizeof(*l.name), by_number);
	return l;
}

void fs_list_free(struct fs_list *l)
{
	while (l->num)
		free(l->name[--l->num]);
	free(l->name);
	l->name = NULL;
}
