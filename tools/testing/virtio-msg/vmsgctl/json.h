/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmsgctl: write JSON to stdout, piece by piece
 */
#ifndef VMSGCTL_JSON_H
#define VMSGCTL_JSON_H

#include <stdbool.h>

/* @key is NULL within an array and for the outermost value. */
void json_object(const char *key);
void json_array(const char *key);
void json_string(const char *key, const char *value);	/* NULL: null */
void json_number(const char *key, long long value);
void json_real(const char *key, double value);
void json_bool(const char *key, bool value);
/* End the innermost object or array; a newline follows the outermost. */
void json_end(void);

#endif
