// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmsgd: a segment in an IVSHMEM function of this machine, through VFIO
 *
 * The daemon of a second guest has no socket to the ivshmem server, it has the
 * PCI function.  VFIO gives the doorbells that come in, as an eventfd, and the
 * registers in BAR0: the own peer id and the doorbells that go out.
 *
 * The memory, BAR2, is mapped through the function's file in sysfs instead.
 * VFIO maps it as device memory, where arm64 faults on each access that is not
 * aligned, and memcpy() makes such; resource2_wc is normal memory, not cached.
 * And it is a file with nothing else in it, which a back end can be given.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segment.h"

#define IVSHMEM_VENDOR		0x1af4
#define IVSHMEM_DEVICE		0x1110
#define IVSHMEM_IVPOSITION	8	/* own peer id */
#define IVSHMEM_DOORBELL	12	/* peer id << 16 | vector */
#define IVSHMEM_VECTOR		0	/* all doorbells, both ways */

#define OPEN_MS		5000	/* an earlier daemon may be on its way out */
#define QHEAD_STATUS	offsetof(struct virtio_msg_qhead, status)
#define DRIVER_PEER	(VIRTIO_MSG_EXT_OFFSET + \
			 offsetof(struct virtio_msg_seg_ext, driver_peer))

static struct {
	char address[32];
	int container, group, device;
	off_t config_at, regs_at;	/* offsets in @device */
	volatile uint32_t *regs;	/* or NULL, then by @regs_at */
	struct source irq;
} v = { .container = -1, .group = -1, .device = -1 };

static char *sysfs(const char *what)
{
	return xasprintf("/sys/bus/pci/devices/%s/%s", v.address, what);
}

/* The last part of what a symbolic link of the function points to, or NULL. */
static char *sysfs_link(const char *what)
{
	char *path = sysfs(what), target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	char *slash;

	free(path);
	if (n <= 0)
		return NULL;
	target[n] = 0;
	slash = strrchr(target, '/');
	return xstrdup(slash ? slash + 1 : target);
}

/* ----------------------------------------------------------------- BAR0 */

static uint32_t reg_read(unsigned int offset)
{
	uint32_t le;

	if (v.regs)
		return le32toh(v.regs[offset / 4]);
	if (pread(v.device, &le, sizeof(le), v.regs_at + offset) != sizeof(le))
		return UINT32_MAX;
	return le32toh(le);
}

/* VIRTIO_MSG_PEER_NONE rings nobody: there is no list of who is there. */
static void ring(uint16_t peer)
{
	uint32_t le = htole32((uint32_t)peer << 16 | IVSHMEM_VECTOR);

	if (peer == VIRTIO_MSG_PEER_NONE)
		return;
#ifdef __aarch64__
	/* What the peer will look at is written before: it is no CPU of ours. */
	__asm__ volatile("dsb st" : : : "memory");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
	if (v.regs)
		v.regs[IVSHMEM_DOORBELL / 4] = le;
	else if (pwrite(v.device, &le, sizeof(le),
			v.regs_at + IVSHMEM_DOORBELL) != sizeof(le))
		debug("doorbell of peer %u: %m", peer);
}

static void doorbell(struct vmsg_seg *s, uint16_t id)
{
	(void)s;
	ring(id);
}

static void on_interrupt(struct source *src, uint32_t events)
{
	uint64_t count;
	ssize_t n;

	(void)events;
	/* What it is about is in the segment, which is looked at anyway. */
	n = read(src->fd, &count, sizeof(count));
	(void)n;
}

/* ------------------------------------------------------------------ BAR2 */

/*
 * Newer kernels have vfio-pci claim all BARs, and with IO_STRICT_DEVMEM what is
 * claimed cannot be mapped through sysfs.  Mapping it before does not help: then
 * the mapping is taken away.
 */
static bool map_memory(void)
{
	static const char *const names[] = { "resource2_wc", "resource2" };
	struct stat st;
	unsigned int i;

	for (i = 0; shm_fd < 0 && i < 2; i++) {
		char *path = sysfs(names[i]);

		shm_fd = open(path, O_RDWR | O_CLOEXEC);
		free(path);
	}
	if (shm_fd < 0 || fstat(shm_fd, &st) < 0) {
		info("%s: no BAR2 in sysfs: %m", v.address);
		return false;
	}
	seg.size = (uint64_t)st.st_size;
	seg.mem = mmap(NULL, seg.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       shm_fd, 0);
	if (seg.mem == MAP_FAILED) {
		info("%s: BAR2 cannot be mapped: %m%s", v.address,
		     errno == EINVAL ? " (boot with iomem=relaxed)" :
		     errno == EPERM ? " (is the kernel locked down?)" : "");
		return false;
	}
	return true;
}

/* ------------------------------------------------------------------ VFIO */

static bool open_group(const char *number)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char *path = xasprintf("/dev/vfio/%s", number);
	uint64_t until = now_ms() + OPEN_MS;

	v.container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (v.container < 0) {
		info("/dev/vfio/vfio: %m (are vfio and vfio_iommu_type1 loaded?)");
		goto fail;
	}
	if (ioctl(v.container, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
	    ioctl(v.container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1) {
		info("VFIO has no type 1 IOMMU (is vfio_iommu_type1 loaded?)");
		goto fail;
	}
	/* A group can be open once: that is our lock on the function, too. */
	while ((v.group = open(path, O_RDWR | O_CLOEXEC)) < 0) {
		if (errno != EBUSY || now_ms() > until) {
			info("%s: %m%s", path, errno == EBUSY ? " (another vmsgd has it)" : "");
			goto fail;
		}
		usleep(5000);
	}
	if (ioctl(v.group, VFIO_GROUP_GET_STATUS, &status) < 0 ||
	    !(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		info("%s: all functions of this group must be bound to vfio-pci", path);
		goto fail;
	}
	if (ioctl(v.group, VFIO_GROUP_SET_CONTAINER, &v.container) < 0 ||
	    ioctl(v.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0) {
		info("%s: no IOMMU for it: %m", path);
		goto fail;
	}
	v.device = ioctl(v.group, VFIO_GROUP_GET_DEVICE_FD, v.address);
	if (v.device < 0) {
		info("%s: VFIO does not give it: %m", v.address);
		goto fail;
	}
	fcntl(v.device, F_SETFD, FD_CLOEXEC);
	free(path);
	return true;
fail:
	free(path);
	return false;
}

static bool open_regions(void)
{
	struct vfio_region_info bar = {
		.argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t id[2], command;
	void *p;

	if (ioctl(v.device, VFIO_DEVICE_GET_REGION_INFO, &config) < 0 ||
	    ioctl(v.device, VFIO_DEVICE_GET_REGION_INFO, &bar) < 0 ||
	    bar.size < IVSHMEM_DOORBELL + 4) {
		info("%s: it has no registers", v.address);
		return false;
	}
	v.config_at = (off_t)config.offset;
	v.regs_at = (off_t)bar.offset;
	if (pread(v.device, id, sizeof(id), v.config_at) != sizeof(id) ||
	    le16toh(id[0]) != IVSHMEM_VENDOR || le16toh(id[1]) != IVSHMEM_DEVICE) {
		info("%s: this is no IVSHMEM function: it is %04x:%04x, expected is %04x:%04x",
		     v.address,
		     le16toh(id[0]), le16toh(id[1]), IVSHMEM_VENDOR, IVSHMEM_DEVICE);
		return false;
	}
	/* Without it the doorbell's MSI-X messages do not get out. */
	if (pread(v.device, &command, 2, v.config_at + PCI_COMMAND) != 2)
		return false;
	command |= htole16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (pwrite(v.device, &command, 2, v.config_at + PCI_COMMAND) != 2) {
		info("%s: it cannot be enabled: %m", v.address);
		return false;
	}
	/* It is smaller than a page, and then VFIO maps it only where it can. */
	if (bar.flags & VFIO_REGION_INFO_FLAG_MMAP) {
		p = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 v.device, v.regs_at);
		if (p != MAP_FAILED)
			v.regs = p;
	}
	debug("%s: registers are %s", v.address, v.regs ? "mapped" : "read and written");
	return true;
}

static bool open_interrupt(void)
{
	struct vfio_irq_info irq = {
		.argsz = sizeof(irq), .index = VFIO_PCI_MSIX_IRQ_INDEX,
	};
	union {
		struct vfio_irq_set set;
		char room[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} u = {
		.set = {
			.argsz = sizeof(u),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_MSIX_IRQ_INDEX,
			.start = IVSHMEM_VECTOR,
			.count = 1,
		},
	};
	int32_t fd;

	if (ioctl(v.device, VFIO_DEVICE_GET_IRQ_INFO, &irq) < 0 || !irq.count) {
		info("%s: it has no doorbell; QEMU's device must be ivshmem-doorbell", v.address);
		return false;
	}
	v.irq.fn = on_interrupt;
	v.irq.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (v.irq.fd < 0 || loop_add(&v.irq, EPOLLIN) < 0) {
		info("eventfd: %m");
		return false;
	}
	fd = v.irq.fd;
	memcpy(u.set.data, &fd, sizeof(fd));
	if (ioctl(v.device, VFIO_DEVICE_SET_IRQS, &u.set) < 0) {
		info("%s: no interrupt: %m", v.address);
		return false;
	}
	return true;
}

/* ----------------------------------------------------------------- guard */

/*
 * Should we be killed, nobody would know: the server sees QEMU and not us.  So a
 * process is left behind that does nothing but wait for our end, and says
 * SHUTDOWN then, as a crashing side may.  It keeps the group open so long: who
 * comes next is not taken for dead, and until the last back end is gone the
 * memory of the function, which reads as ones without a user, can be read.
 */
static void start_guard(void)
{
	int end[2];
	pid_t pid;
	char c;

	if (pipe2(end, O_CLOEXEC) < 0) {
		info("pipe: %m");
		return;
	}
	pid = fork();
	if (pid < 0)
		info("fork: %m");
	if (pid) {
		close(end[0]);
		alive_fd = end[1];	/* the guard reads the other end */
		return;
	}
	close(end[1]);
	/* What ends the daemon from a terminal, or by name, does not end this. */
	setsid();
	prctl(PR_SET_NAME, "vmsgd-guard");
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	while (read(end[0], &c, 1) < 0 && errno == EINTR)
		;
	vmsg_wmb();
	vmsg_st16(seg.mem + seg.l.dev_head + QHEAD_STATUS, VIRTIO_MSG_ST_SHUTDOWN);
	vmsg_mb();
	if (!seg.l.bare)
		ring(vmsg_ld16(seg.mem + DRIVER_PEER));
	_exit(0);
}

/* ------------------------------------------------------------------ link */

/* DDDD:BB:SS.F or BB:SS.F, into v.address */
static bool parse_address(const char *text)
{
	unsigned int dom, bus, slot, fn;
	int n = -1;

	if (sscanf(text, "%x:%x:%x.%x%n", &dom, &bus, &slot, &fn, &n) != 4) {
		dom = 0;
		n = -1;
		if (sscanf(text, "%x:%x.%x%n", &bus, &slot, &fn, &n) != 3)
			return false;
	}
	if (n < 0 || text[n] || dom > 0xffff || bus > 255 || slot > 31 || fn > 7)
		return false;
	snprintf(v.address, sizeof(v.address), "%04x:%02x:%02x.%x", dom, bus,
		 slot, fn);
	return true;
}

/*
 * The memory outlives this machine, and with it the traces of a daemon whose files were
 * in a cache that is gone. So the function has a mark that says in which boot it was
 * served last.
 */
static bool same_boot(void)
{
	char *name = xasprintf("/run/virtio-msg.vfio-%s", v.address);
	char id[64] = "", last[64] = "";
	ssize_t n = -1;
	int fd;

	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, id, sizeof(id) - 1);
		close(fd);
	}
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (n > 0 && fd >= 0 && pread(fd, last, sizeof(last) - 1, 0) >= 0 &&
	    strcmp(id, last) && (ftruncate(fd, 0) < 0 || pwrite(fd, id, (size_t)n, 0) != n))
		info("%s: %m: a successor will not know that this machine is the same", name);
	if (fd >= 0)
		close(fd);
	free(name);
	return n > 0 && !strcmp(id, last);
}

static bool join(struct spec *where)
{
	char *group, *driver;
	uint32_t position;
	bool ok = false;

	if (!parse_address(where->kind)) {
		info("'%s' is not the address of a PCI function, like 0000:00:02.0",
		     where->kind);
		return false;
	}
	group = sysfs_link("iommu_group");
	driver = sysfs_link("driver");
	if (!group)
		info("%s: there is no such function, or it is behind no IOMMU (see lspci, and boot with one)",
		     v.address);
	else if (!driver || !strstr(driver, "vfio"))
		info("%s is bound to %s, and must be to vfio-pci (driver_override)", v.address,
		     driver ? driver : "no driver");
	else
		ok = open_group(group) && open_regions() &&
			open_interrupt() && map_memory();
	free(group);
	free(driver);
	if (!ok)
		return false;
	position = reg_read(IVSHMEM_IVPOSITION);
	if (position >= VIRTIO_MSG_PEER_NONE) {
		info("%s: it has no peer id (is the ivshmem server there?)", v.address);
		return false;
	}
	seg.device_peer = (uint16_t)position;
	seg.doorbell = doorbell;
	if (!segment_join(v.address))
		return false;
	segment_intact = same_boot();
	start_guard();
	return true;
}

const struct link_ops vfio_link = {
	.name = "vfio",
	.join = join,
	.start = segment_start,
	.poll = segment_poll,
	.stop = segment_stop,
	.state = segment_state,
	.print = segment_print,
};
