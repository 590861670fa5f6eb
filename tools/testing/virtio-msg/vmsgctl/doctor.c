// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgctl doctor: why does a device not come up?
 *
 * Each line is a finding, from the kernel up to the devices. What is not well is
 * said with what to do about it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
#include "json.h"
#include "look.h"
#include "vmsgctl.h"

enum level { OK, WARN, FAIL };

static const char * const level_names[] = { "OK", "WARN", "FAIL" };

static struct {
	enum level worst;
	char release[128];
	char *config;		/* of the kernel, NULL if nobody knows it */
	unsigned int links;	/* ways to a device side that this machine has */
	bool loaded;		/* the core module */
} doc;

static void report(enum level level, const char *check, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* @fix: one command or sentence a line, NULL for none. */
static void report(enum level level, const char *check, const char *fix, const char *fmt, ...)
{
	char text[512], fixes[1024], *line, *rest = fixes;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (level > doc.worst)
		doc.worst = level;
	if (opt.json) {
		json_object(NULL);
		json_string("level", level_names[level]);
		json_string("check", check);
		json_string("text", text);
		json_string("fix", fix);
		json_end();
		return;
	}
	printf("%-5s %s: %s\n", level_names[level], check, text);
	if (!fix)
		return;
	snprintf(fixes, sizeof(fixes), "%s", fix);
	while ((line = strsep(&rest, "\n")))
		printf("        %s\n", line);
}

/* Append as much as there is room for. */
static void append(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *buf, size_t size, const char *fmt, ...)
{
	size_t n = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + n, size - n, fmt, ap);
	va_end(ap);
}

/* ---- the kernel ---- */

static void check_kernel(void)
{
	char *text = fs_read_or("?", "/proc/sys/kernel/osrelease");
	unsigned int major = 0, minor = 0;

	snprintf(doc.release, sizeof(doc.release), "%s", text);
	free(text);
	if (sscanf(doc.release, "%u.%u", &major, &minor) != 2)
		report(WARN, "kernel", NULL, "its release '%s' is no number", doc.release);
	else if (major < 6 || (major == 6 && minor < 12))
		report(FAIL, "kernel", "boot a kernel from 6.12 on", "%s is too old for the driver",
		       doc.release);
	else
		report(OK, "kernel", NULL, "%s", doc.release);
}

static char *unzipped(const char *path)
{
	char *text = NULL;
	size_t have = 0, n;
	char buf[4096];
	FILE *p;

	if (access(path, R_OK))
		return NULL;
	setenv("VMSGCTL_FILE", path, 1);
	p = popen("exec zcat \"$VMSGCTL_FILE\" 2>/dev/null", "r");
	while (p && (n = fread(buf, 1, sizeof(buf), p))) {
		text = xrealloc(text, have + n + 1);
		memcpy(text + have, buf, n);
		have += n;
		text[have] = 0;
	}
	if (p)
		pclose(p);
	return text;
}

static char *kernel_config(void)
{
	char path[FS_PATH], *text;

	text = fs_read("/boot/config-%s", doc.release);
	if (!text)
		text = fs_read("/lib/modules/%s/config", doc.release);
	if (!text)
		text = fs_read("/lib/modules/%s/build/.config", doc.release);
	if (!text)
		text = unzipped(fs_path(path, "/proc/config.gz"));
	return text;
}

/* 'y', 'm' or 0 */
static char config_value(const char *name)
{
	const char *text = doc.config;
	size_t n = strlen(name);

	for (; text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL)
		if (!strncmp(text, name, n) && text[n] == '=')
			return text[n + 1];
	return 0;
}

static void check_config(void)
{
	static const struct {
		const char *name;
		enum level level;
		const char *what;
	} wanted[] = {
		{ "CONFIG_VIRTIO", FAIL, "there are no virtio drivers" },
		{ "CONFIG_PCI_MSI", WARN, "no ivshmem and no amp-pci" },
		{ "CONFIG_MAILBOX", WARN, "no mbox" },
		{ "CONFIG_DEBUG_FS", WARN, "no counters, no stats" },
		{ "CONFIG_EVENT_TRACING", WARN, "no trace, no capture" },
	};
	char missing[400] = "";
	enum level level = OK;
	size_t i;

	doc.config = kernel_config();
	if (!doc.config) {
		report(WARN, "configuration", "install the kernel's configuration as /boot/config-RELEASE",
		       "of %s nothing is known: no /boot/config-%s, no /proc/config.gz",
		       doc.release, doc.release);
		return;
	}
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (config_value(wanted[i].name))
			continue;
		append(missing, sizeof(missing), "%s%s is not set: %s", *missing ? "; " : "",
		       wanted[i].name, wanted[i].what);
		if (wanted[i].level > level)
			level = wanted[i].level;
	}
	report(level, "configuration",
	       level ? "if you need that, build the kernel with these options" : NULL, "%s",
	       *missing ? missing : "all options that matter are set");
}

/* Is it certain that the kernel was built without this option? */
static bool config_lacks(const char *name)
{
	return doc.config && !config_value(name);
}

/* ---- modules ---- */

static bool same_module(const char *path, size_t len, const char *name)
{
	const char *base = memrchr(path, '/', len);
	size_t i, n = strlen(name);

	base = base ? base + 1 : path;
	if (len - (size_t)(base - path) < n + 3)
		return false;
	for (i = 0; i < n; i++)
		if ((base[i] == '-' ? '_' : base[i]) != name[i])
			return false;
	return !strncmp(base + n, ".ko", 3);
}

/* The paths of a module in a list that has one in each line; how many. */
static unsigned int module_paths(const char *list, const char *name, char *buf, size_t size)
{
	unsigned int found = 0;

	buf[0] = 0;
	for (; list && *list; list = strchr(list, '\n') ? strchr(list, '\n') + 1 : NULL) {
		size_t len = strcspn(list, ":\n");

		if (!same_module(list, len, name))
			continue;
		append(buf, size, "%s%.*s", found ? " and " : "", (int)len, list);
		found++;
	}
	return found;
}

static const char * const transports[] = { "ivshmem", "user", "mbox", "amp_pci", "ffa", "xen" };

#define N_TRANSPORTS (sizeof(transports) / sizeof(transports[0]))

static void check_core(const char *dep, const char *builtin)
{
	char *version, paths[400], built_in[400];
	unsigned int found = module_paths(dep, "virtio_msg", paths, sizeof(paths));

	doc.loaded = fs_exists("/sys/module/virtio_msg");
	version = fs_read("/sys/module/virtio_msg/version");
	if (!version)
		version = fs_read("/sys/module/virtio_msg/srcversion");
	if (doc.loaded && module_paths(builtin, "virtio_msg", built_in, sizeof(built_in)))
		report(OK, "module", NULL, "virtio_msg is built into the kernel");
	else if (doc.loaded)
		report(OK, "module", NULL, "virtio_msg is loaded, version %s, from %s",
		       version ? version : "unknown", found ? paths : "no file that depmod knows");
	else if (found)
		report(FAIL, "module", "modprobe virtio_msg", "virtio_msg is not loaded; its file is %s",
		       paths);
	else
		report(FAIL, "module",
		       "install the modules for this kernel: make modules_install\ndepmod -a",
		       "virtio_msg is not loaded, and /lib/modules/%s/modules.dep has none",
		       doc.release);
	if (found > 1)
		report(WARN, "module", "remove one of them, then depmod -a",
		       "there are %u files of virtio_msg: %s", found, paths);
	free(version);
}

static void check_transports(const char *dep)
{
	char loaded[128] = "", there[128] = "", path[FS_PATH];
	size_t i;

	for (i = 0; i < N_TRANSPORTS; i++) {
		char name[40];

		snprintf(name, sizeof(name), "virtio_msg_%s", transports[i]);
		if (fs_exists("/sys/module/%s", name))
			append(loaded, sizeof(loaded), " %s", transports[i]);
		else if (module_paths(dep, name, path, sizeof(path)))
			append(there, sizeof(there), " %s", transports[i]);
	}
	if (*loaded)
		report(OK, "transports", NULL, "loaded:%s%s%s", loaded, *there ? "; not loaded:" : "",
		       there);
	else if (*there)
		report(WARN, "transports", "load the one you need: modprobe virtio_msg_NAME",
		       "none is loaded; there are:%s", there);
	else
		report(doc.loaded ? WARN : FAIL, "transports",
		       "install the modules of the transports, then depmod -a",
		       "none is loaded, and none is installed");
}

static void check_modules(void)
{
	char *dep = fs_read_or("", "/lib/modules/%s/modules.dep", doc.release);
	char *builtin = fs_read_or("", "/lib/modules/%s/modules.builtin", doc.release);

	check_core(dep, builtin);
	check_transports(dep);
	free(dep);
	free(builtin);
}

/* ---- Secure Boot ---- */

#define EFI_GLOBAL	"8be4df61-93ca-11d2-aa0d-00e098032b8c"

/* The last of the variable's five bytes; -1 where there is none. */
static int secure_boot(void)
{
	unsigned char b[5];
	char path[FS_PATH];
	FILE *f;
	int v = -1;

	f = fopen(fs_path(path, "/sys/firmware/efi/efivars/SecureBoot-" EFI_GLOBAL), "r");
	if (f && fread(b, 1, 5, f) == 5)
		v = b[4];
	if (f)
		fclose(f);
	return v;
}

static void check_secure_boot(void)
{
	char *lock = fs_read_or("", "/sys/kernel/security/lockdown");
	char *enforce = fs_read_or("", "/sys/module/module/parameters/sig_enforce");
	int on = secure_boot();
	bool locked = *lock && !strstr(lock, "[none]"), signed_only = *enforce == 'Y';
	char fix[600];

	snprintf(fix, sizeof(fix),
		 "openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=virtio-msg/ -keyout mok.key -outform DER -out mok.der\n"
		 "mokutil --import mok.der    (then reboot, and enrol the key at the blue screen)\n"
		 "/lib/modules/%s/build/scripts/sign-file sha256 mok.key mok.der $(modinfo -n virtio_msg)    (and each transport)",
		 doc.release);
	if (on != 1 && !locked && !signed_only)
		report(OK, "Secure Boot", NULL, "%s; unsigned modules may be loaded",
		       on < 0 ? "there is none" : "off");
	else
		report(doc.loaded ? OK : WARN, "Secure Boot", doc.loaded ? NULL : fix,
		       "%s%s%s; modules must be signed%s", on == 1 ? "on" : "off",
		       locked ? ", the kernel is locked down" : "",
		       signed_only ? ", signatures are enforced" : "",
		       doc.loaded ? ", and ours is loaded" : "");
	free(lock);
	free(enforce);
}

/* ---- what could carry a bus ---- */

static void check_pci_function(const char *bdf, const char *what, const char *module,
			       const char *no_driver)
{
	char *driver = fs_link("/sys/bus/pci/devices/%s/driver", bdf), fix[300];

	doc.links++;
	if (driver && !strncmp(driver, "virtio_msg", 10)) {
		report(OK, what, NULL, "%s, driven by %s", bdf, driver);
	} else if (driver) {
		snprintf(fix, sizeof(fix),
			 "echo %s >/sys/bus/pci/devices/%s/driver/unbind\nmodprobe %s\necho %s >/sys/bus/pci/drivers_probe",
			 bdf, bdf, module, bdf);
		report(WARN, what, fix, "%s belongs to the driver %s", bdf, driver);
	} else {
		snprintf(fix, sizeof(fix), "modprobe %s\n%s", module, no_driver);
		report(FAIL, what, fix, "%s has no driver", bdf);
	}
	free(driver);
}

static void check_pci(void)
{
	struct fs_list l = fs_list("", "/sys/bus/pci/devices");
	unsigned int ivshmem = 0;
	size_t i;

	for (i = 0; i < l.num; i++) {
		char *v = fs_read_or("", "/sys/bus/pci/devices/%s/vendor", l.name[i]);
		char *d = fs_read_or("", "/sys/bus/pci/devices/%s/device", l.name[i]);
		unsigned long id = strtoul(v, NULL, 0) << 16 | strtoul(d, NULL, 0);

		if (id == 0x1af41110) {
			ivshmem++;
			check_pci_function(l.name[i], "IVSHMEM", "virtio_msg_ivshmem",
					   "if that does not help, its memory holds no segment: start vmsg-ivshmem or vmsgd at its other end; dmesg says more");
		} else if (id == 0x10ee9038 || id == 0x10ee9039) {
			check_pci_function(l.name[i], "AMP PCI card", "virtio_msg_amp_pci",
					   "dmesg says more");
		}
		free(v);
		free(d);
	}
	if (!ivshmem)
		report(OK, "IVSHMEM", NULL, "not found: %s",
		       l.num ? "no PCI function is 1af4:1110" : "this machine has no PCI");
	fs_list_free(&l);
}

#define FFA_UUID	"c66028b5-2498-4aa1-9de7-77da6122abf0"

static void check_ffa(void)
{
	struct fs_list l = fs_list("", "/sys/bus/arm_ffa/devices");
	size_t i;
	unsigned int found = 0;

	for (i = 0; i < l.num; i++) {
		char *text = fs_read_or("", "/sys/bus/arm_ffa/devices/%s/modalias", l.name[i]);
		char *driver = fs_link("/sys/bus/arm_ffa/devices/%s/driver", l.name[i]);

		if (strcasestr(text, FFA_UUID)) {
			found++;
			doc.links++;
			report(driver ? OK : FAIL, "FF-A", driver ? NULL : "modprobe virtio_msg_ffa",
			       "partition %s offers virtio-msg; driver: %s", l.name[i],
			       driver ? driver : "none");
		}
		free(text);
		free(driver);
	}
	if (!found && !fs_exists("/sys/bus/arm_ffa") && config_lacks("CONFIG_ARM_FFA_TRANSPORT"))
		report(OK, "FF-A", NULL,
		       "not found: this kernel has no driver for it: CONFIG_ARM_FFA_TRANSPORT is not set");
	else if (!found && !fs_exists("/sys/bus/arm_ffa"))
		report(OK, "FF-A", NULL,
		       "not found: the FF-A driver is not loaded (if the firmware has FF-A: modprobe arm_ffa)");
	else if (!found)
		report(OK, "FF-A", NULL, "not found: %s",
		       l.num ? "no partition has the UUID " FFA_UUID :
		       "there is no partition that Linux may talk to");
	fs_list_free(&l);
}

/* Nodes of a device tree that are for one of our transports. */
static unsigned int check_nodes(const char *compatible, const char *what, const char *module)
{
	struct fs_list l = fs_list("", "/sys/bus/platform/devices");
	unsigned int found = 0;
	char fix[200];
	size_t i;

	for (i = 0; i < l.num; i++) {
		char *text = fs_read_or("", "/sys/bus/platform/devices/%s/of_node/compatible",
					l.name[i]);
		char *driver = fs_link("/sys/bus/platform/devices/%s/driver", l.name[i]);

		if (!strcmp(text, compatible)) {
			found++;
			doc.links++;
			snprintf(fix, sizeof(fix),
				 "modprobe %s\nif that does not help, see what it waits for: cat /sys/kernel/debug/devices_deferred",
				 module);
			report(driver ? OK : FAIL, what, driver ? NULL : fix,
			       "%s of the device tree; driver: %s", l.name[i],
			       driver ? driver : "none");
		}
		free(text);
		free(driver);
	}
	fs_list_free(&l);
	return found;
}

static unsigned int check_xenbus(void)
{
	struct fs_list l = fs_list("vmsg-", "/sys/bus/xen/devices");
	unsigned int found = 0;
	size_t i;

	for (i = 0; i < l.num; i++) {
		char *driver = fs_link("/sys/bus/xen/devices/%s/driver", l.name[i]);

		found++;
		doc.links++;
		report(driver ? OK : FAIL, "Xen", driver ? NULL : "modprobe virtio_msg_xen",
		       "%s of xenstore; driver: %s", l.name[i], driver ? driver : "none");
		free(driver);
	}
	fs_list_free(&l);
	return found;
}

static void check_xen(void)
{
	char *type = fs_read_or("", "/sys/hypervisor/type");
	char *links = fs_read_or("", "/sys/module/virtio_msg_xen/parameters/links");
	bool here = !strcmp(type, "xen");
	unsigned int found = here ? check_nodes("virtio,msg-xen", "Xen", "virtio_msg_xen") : 0;

	found += here ? check_xenbus() : 0;
	if (!here) {
		report(OK, "Xen", NULL, "not found: %s%s", *type ? "the hypervisor is " : "",
		       *type ? type : config_lacks("CONFIG_XEN") ?
		       "this kernel knows nothing of it: CONFIG_XEN is not set" :
		       "/sys/hypervisor/type does not exist");
	} else if (!found) {
		/* "(null)" is how the kernel prints a parameter that nobody gave. */
		if (*links && strcmp(links, "(null)")) {
			doc.links++;
			report(OK, "Xen", NULL, "links by parameter: %s", links);
		} else {
			report(OK, "Xen", NULL,
			       "this is a domain of Xen, but no node of a device tree is compatible with virtio,msg-xen, xenstore has no device vmsg, and links= names no domain");
		}
	}
	free(type);
	free(links);
}

static void check_mbox(void)
{
	if (!check_nodes("virtio,msg-mbox", "mailbox", "virtio_msg_mbox"))
		report(OK, "mailbox", NULL,
		       "not found: no node of a device tree is compatible with virtio,msg-mbox");
}

static void check_links(void)
{
	check_pci();
	check_ffa();
	check_xen();
	check_mbox();
	if (fs_exists("/dev/virtio-msg")) {
		doc.links++;
		report(OK, "user space", NULL, "/dev/virtio-msg is there; a process may serve devices");
	} else {
		report(OK, "user space", NULL,
		       "not found: /dev/virtio-msg is the module virtio_msg_user's");
	}
	if (!doc.links)
		report(FAIL, "links", "give the machine an ivshmem-doorbell function, or what your transport needs",
		       "nothing here leads to a device side");
}

/* ---- buses ---- */

static void check_state(const struct look_bus *b)
{
	char fix[300], *link = fs_read_or("", DEBUG "/%s/bus", b->name);
	char *why = strstr(link, "segment: ");
	const char *sep = why ? "; the last peer: " : "";

	why = why ? why + strlen("segment: ") : link + strlen(link);
	why[strcspn(why, "\n")] = 0;
	if (!strcmp(b->state, "running")) {
		report(OK, b->name, NULL, "running, %s%s%s, %s", b->transport,
		       b->parent ? " at " : "", b->parent ? b->parent : "",
		       b->wire ? b->wire : "wire not known");
	} else if (!strcmp(b->state, "waiting") || !strcmp(b->state, "new")) {
		report(WARN, b->name, "start the device side: vmsgd, the other guest, the firmware\nif it runs, read its log: it may refuse the wire revision or the segment",
		       "there is no peer%s%s", sep, why);
	} else if (!strcmp(b->state, "away")) {
		report(WARN, b->name, "start the successor of the device side",
		       "the peer is gone, its devices wait%s%s", sep, why);
	} else if (!strcmp(b->state, "suspended")) {
		report(OK, b->name, NULL, "suspended");
	} else {
		snprintf(fix, sizeof(fix), "echo %s >" CLASS "/%s/device/driver/unbind, and the same into bind: that starts the link anew",
			 b->parent ? b->parent : "DEVICE", b->name);
		report(FAIL, b->name, fix, "the bus is %s%s%s", b->state, sep, why);
	}
	free(link);
}

static void check_ping(const struct look_bus *b)
{
	char *ns;

	if (strcmp(b->state, "running"))
		return;
	ns = fs_read(CLASS "/%s/ping", b->name);
	if (ns)
		report(OK, b->name, NULL, "the peer answers after %s", ns);
	else if (errno == EACCES)
		report(WARN, b->name, "run this as root", "PING: %s", strerror(errno));
	else
		report(FAIL, b->name, "is the device side stopped, or overloaded? its log, its processor time\nvmsgctl trace shows what still moves",
		       "the peer does not answer a PING: %s", strerror(errno));
	free(ns);
}

static void check_devices(const struct look_bus *b)
{
	size_t i;

	if (!b->num && !strcmp(b->state, "running"))
		report(WARN, b->name,
		       "vmsgctl --control PATH add SPEC at the other side, or its configuration",
		       "the peer has no devices");
	for (i = 0; i < b->num; i++) {
		const struct look_device *d = &b->dev[i];
		char fix[128];

		snprintf(fix, sizeof(fix),
			 "load the driver of a virtio device of id %lu (CONFIG_VIRTIO_...); modprobe $(cat "
			 CLASS "/%s/%s/modalias)", d->id, b->name, d->name);
		if (!d->driver)
			report(WARN, d->name, fix, "%s has no driver", device_name(d->id));
		else if (d->status & 0xc0)
			report(FAIL, d->name, "dmesg says why; bind the driver anew",
			       "%s, driven by %s, has the status %s", device_name(d->id), d->driver,
			       status_names(d->status));
		else
			report(OK, d->name, NULL, "%s, driven by %s", device_name(d->id),
			       d->driver);
	}
}

static void check_counters(const struct look_bus *b)
{
	static const char * const bad[] = {
		"rx_malformed", "rx_mismatch", "rx_overrun", "tx_error", "timeout", "track_lost",
		"broken",
	};
	char text[256] = "";
	struct counter *c;
	size_t num, i;

	c = read_counters(b->name, &num);
	if (!c) {
		report(WARN, b->name, debugfs_advice(), "no counters: %s", strerror(errno));
		return;
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (counter(c, num, bad[i]))
			append(text, sizeof(text), " %s %lld", bad[i], counter(c, num, bad[i]));
	if (*text)
		report(WARN, b->name,
		       "vmsgctl capture -w FILE shows them in Wireshark as they happen; Documentation/ABI/testing/debugfs-virtio-msg has what they mean",
		       "counted since the bus was made:%s", text);
	else
		report(OK, b->name, NULL, "no errors were counted");
	free(c);
}

/* Lines "0x1234 3 PING sent 812 us". */
static void check_inflight(const struct look_bus *b)
{
	char *text = fs_read(DEBUG "/%s/inflight", b->name), *line, *rest = text;
	unsigned long long limit = strtoull(b->timeout_ms, NULL, 10) * 1000 / 2;

	while (text && (line = strsep(&rest, "\n"))) {
		unsigned long long us;
		char name[40];

		if (sscanf(line, "%*s %*s %39s %*s %llu", name, &us) == 2 && us > limit)
			report(WARN, b->name, "if it ends by a time-out, the device side did not answer: its log",
			       "a transaction waits for %llu ms: %s", us / 1000, name);
	}
	free(text);
}

static void check_buses(void)
{
	struct look l = look();
	size_t i;

	for (i = 0; i < l.num; i++) {
		check_state(&l.bus[i]);
		check_ping(&l.bus[i]);
		check_devices(&l.bus[i]);
		check_counters(&l.bus[i]);
		check_inflight(&l.bus[i]);
	}
	if (l.module && !l.num && doc.links)
		report(FAIL, "buses", "load the transport (modprobe virtio_msg_NAME); dmesg | grep virtio.msg says what it did not like",
		       "there are none");
	look_free(&l);
}

/* ---- the kernel log ---- */

#define LAST	5

/* Records are "priority,number,time,flags;text". */
static void check_log(void)
{
	char path[FS_PATH], rec[2048], last[LAST][160];
	unsigned int n = 0, i;
	ssize_t len;
	int fd = open(fs_path(path, "/dev/kmsg"), O_RDONLY | O_NONBLOCK);
	FILE *f = NULL;

	if (fd < 0) {
		report(WARN, "log", "run this as root", "%s: %s", path, strerror(errno));
		return;
	}
	/* A plain file in its place holds all records at once. */
	if (opt.root)
		f = fdopen(fd, "r");
	for (;;) {
		char *text;

		if (f)
			len = fgets(rec, sizeof(rec), f) ? (ssize_t)strlen(rec) : 0;
		else
			len = read(fd, rec, sizeof(rec) - 1);
		if (len < 0 && errno == EPIPE)
			continue;	/* overwritten while we were reading */
		if (len <= 0)
			break;
		rec[len] = 0;
		text = strchr(rec, ';');
		if (!text || (strtoul(rec, NULL, 10) & 7) > 4)
			continue;
		text[strcspn(text, "\n")] = 0;
		/* What the module loader says of modules from outside of the tree. */
		if (strstr(text, "taint"))
			continue;
		if (strstr(text, "virtio_msg") || strstr(text, "virtio-msg"))
			snprintf(last[n++ % LAST], sizeof(last[0]), "%s", text + 1);
	}
	for (i = n > LAST ? n - LAST : 0; i < n; i++)
		report(WARN, "log", NULL, "%s", last[i % LAST]);
	if (!n)
		report(OK, "log", NULL, "no warning and no error of the driver");
	if (f)
		fclose(f);
	else
		close(fd);
}

/**
 * cmd_doctor() - look at everything that a device needs to come up
 *
 * Return: 0 if nothing has failed.
 */
int cmd_doctor(void)
{
	if (opt.json)
		json_array(NULL);
	check_kernel();
	check_config();
	check_modules();
	check_secure_boot();
	check_links();
	check_buses();
	check_log();
	if (opt.json)
		json_end();
	free(doc.config);
	return doc.worst == FAIL;
}
