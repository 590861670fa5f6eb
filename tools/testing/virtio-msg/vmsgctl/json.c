// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl: JSON
 */
#include <stdio.h>

#include "json.h"

#define DEPTH	8

static char closing[DEPTH];
static bool more[DEPTH];	/* something precedes */
static unsigned int depth;

static void put_text(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			/* What is no ASCII cannot be text of ours: byte by byte. */
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void begin(const char *key)
{
	if (depth && more[depth - 1])
		putchar(',');
	if (depth)
		more[depth - 1] = true;
	if (key) {
		put_text(key);
		putchar(':');
	}
}

static void open_with(const char *key, char first, char last)
{
	begin(key);
	putchar(first);
	closing[depth] = last;
	more[depth++] = false;
}

void json_object(const char *key)
{
	open_with(key, '{', '}');
}

void json_array(const char *key)
{
	open_with(key, '[', ']');
}

void json_string(const char *key, const char *value)
{
	begin(key);
	if (value)
		put_text(value);
	else
		fputs("null", stdout);
}

void json_number(const char *key, long long value)
{
	begin(key);
	printf("%lld", value);
}

void json_real(const char *key, double value)
{
	begin(key);
	printf("%.3f", value);
}

void json_bool(const char *key, bool value)
{
	begin(key);
	fputs(value ? "true" : "false", stdout);
}

void json_end(void)
{
	putchar(closing[--depth]);
	if (!depth)
		putchar('\n');
}
