// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: a remote processor that echoes RPMsg messages
 *
 * A service of the name "rpmsg-raw" is what the kernel's rpmsg_char makes a
 * /dev/rpmsgN of.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "vmsgd.h"
#include "../device/vmsg_devs.h"

struct rpmsg {
	struct device d;
	struct vmsg_rpmsg r;
	char *name;
};

static void rpmsg_destroy(struct device *d)
{
	struct rpmsg *r = container_of(d, struct rpmsg, d);

	free(r->name);
	free(r);
}

static struct device *rpmsg_create(struct spec *spec, char **err)
{
	const char *name = spec_get(spec, "name");
	struct rpmsg *r;

	if (name && (!*name || strlen(name) > 31)) {
		*err = xasprintf("name=%s: from 1 to 31 characters", name);
		return NULL;
	}
	r = xzalloc(sizeof(*r));
	r->name = xstrdup(name ? name : "rpmsg-raw");
	vmsg_rpmsg_init(&r->r, r->name);
	r->d.vd = &r->r.dev;
	r->d.identity = xasprintf("rpmsg:%s", r->name);
	return &r->d;
}

static void rpmsg_open(struct device *d)
{
	device_ready(d);
}

const struct device_type rpmsg_type = {
	.name = "rpmsg",
	.help = "rpmsg[,name=rpmsg-raw]",
	.create = rpmsg_create,
	.open = rpmsg_open,
	.destroy = rpmsg_destroy,
};
