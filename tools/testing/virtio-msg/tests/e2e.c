// SPDX-License-Identifier: GPL-2.0-only
/*
 * End to end on one machine: vmsg-ivshmem, vmsgd with real back ends, and this
 * program as one more peer that plays the driver side.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "drv.h"

static const char *bin;
static char dir[64], iv[96], ctl[96], img[96];
static pid_t server_pid, daemon_pid;

/* ------------------------------------------------------------ processes */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static pid_t start(const char *prog, ...)
{
	char path[256], *argv[32];
	va_list ap;
	int n = 0;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", bin, prog);
	argv[n++] = path;
	va_start(ap, prog);
	while ((argv[n] = va_arg(ap, char *)))
		n++;
	va_end(ap);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(2, 1);
		execv(path, argv);
		_exit(127);
	}
	return pid;
}

static int wait_for(pid_t pid, double seconds)
{
	double until = now() + seconds;
	int status;

	while (now() < until) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) :
				-WTERMSIG(status);
		usleep(2000);
	}
	return -1000;
}

/* Output of a vmsgctl command; the exit status is returned. */
static int ctl_run(char *out, size_t len, const char *cmd)
{
	char line[512];
	size_t n;
	FILE *f;

	snprintf(line, sizeof(line), "%s/vmsgctl --control %s %s 2>&1", bin, ctl, cmd);
	f = popen(line, "r");
	n = fread(out, 1, len - 1, f);
	out[n] = 0;
	return WEXITSTATUS(pclose(f));
}

static void start_server(const char *words)
{
	server_pid = start("vmsg-ivshmem", "--socket", iv, "--size", "16M",
			   "--words", words, "--elems", "16", NULL);
	while (access(iv, F_OK))
		usleep(1000);
}

/* ----------------------------------------------------------------- peer */

struct ivpeer {
	int sock;
	int own;		/* our eventfd */
	int fds[64];		/* of the others, by id modulo 64 */
	int ids[64];
};

static struct ivpeer ivp;

static int iv_read(int64_t *v, int *fd, int flags)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { v, 8 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *cm;

	*fd = -1;
	if (recvmsg(ivp.sock, &msg, flags | MSG_WAITALL) != 8)
		return -1;
	cm = CMSG_FIRSTHDR(&msg);
	if (cm)
		memcpy(fd, CMSG_DATA(cm), sizeof(int));
	return 0;
}

static void iv_handle(struct drv *d, int64_t v, int fd)
{
	if (v == d->peer) {
		ivp.own = fd;
		fcntl(fd, F_SETFL, O_NONBLOCK);
	} else {
		if (ivp.fds[v % 64] >= 0)
			close(ivp.fds[v % 64]);
		ivp.fds[v % 64] = fd;
		ivp.ids[v % 64] = (int)v;
	}
}

static void iv_doorbell(struct drv *d)
{
	uint16_t peer = vmsg_ld16(d->mem + 64 +
				  offsetof(struct virtio_msg_seg_ext, device_peer));
	uint64_t one = 1;
	ssize_t n;

	if (peer != VIRTIO_MSG_PEER_NONE && ivp.fds[peer % 64] >= 0 &&
	    ivp.ids[peer % 64] == peer) {
		n = write(ivp.fds[peer % 64], &one, 8);
		(void)n;
	}
}

static void iv_wait(struct drv *d)
{
	struct pollfd p[2] = {
		{ .fd = ivp.own, .events = POLLIN },
		{ .fd = ivp.sock, .events = POLLIN },
	};
	int64_t v;
	ssize_t n;
	int fd;

	poll(p, 2, 10);
	n = read(ivp.own, &v, 8);
	(void)n;
	while (!iv_read(&v, &fd, MSG_DONTWAIT))
		iv_handle(d, v, fd);
}

static void iv_join(struct drv *d)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;
	int64_t v;
	int fd, i;

	memset(d, 0, sizeof(*d));
	for (i = 0; i < 64; i++)
		ivp.fds[i] = -1;
	ivp.own = -1;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", iv);
	ivp.sock = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(ivp.sock, (struct sockaddr *)&a, sizeof(a)) < 0) {
		perror(iv);
		exit(1);
	}
	CHECK(!iv_read(&v, &fd, 0) && v == 0 && fd < 0);
	CHECK(!iv_read(&v, &fd, 0) && v >= 0 && fd < 0);
	d->peer = (uint16_t)v;
	CHECK(!iv_read(&v, &fd, 0) && v == -1 && fd >= 0);
	CHECK(!fstat(fd, &st) && st.st_size == 16 << 20);
	CHECK(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK);
	d->size = (uint64_t)st.st_size;
	d->mem = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	while (ivp.own < 0 && !iv_read(&v, &fd, 0))
		iv_handle(d, v, fd);
	d->doorbell = iv_doorbell;
	d->wait = iv_wait;
	d->patience = 500;	/* of 10 ms */
	drv_init(d);
}

static void iv_leave(struct drv *d)
{
	int i;

	munmap(d->mem, d->size);
	close(ivp.sock);
	close(ivp.own);
	for (i = 0; i < 64; i++)
		if (ivp.fds[i] >= 0)
			close(ivp.fds[i]);
}

/* --------------------------------------------------------------- devices */

static int find_device(struct drv *d, uint32_t id, uint16_t from)
{
	uint8_t out[512];
	uint16_t n;

	for (n = from; n < DRV_DEVS; n++) {
		int len = drv_request(d, false, n, VIRTIO_MSG_GET_DEVICE_INFO,
				      "", 0, out);

		if (len >= 24 && vmsg_get32(out) == id)
			return n;
	}
	return -1;
}

struct disk {
	struct drv *d;
	struct drv_vq vq;
	uint16_t dev;
	uint64_t head, data, status;
};

static int disk_open(struct drv *d, struct disk *k, uint16_t dev, uint64_t want)
{
	uint64_t got;
	int ret;

	memset(k, 0, sizeof(*k));
	k->d = d;
	k->dev = dev;
	ret = drv_negotiate(d, dev, want, &got);
	if (ret)
		return ret;
	ret = drv_vq_setup(d, &k->vq, dev, 0, 64, got);
	if (ret < 0)
		return ret;
	k->head = drv_alloc(d, 16, 16);
	k->data = drv_alloc(d, 4096, 4096);
	k->status = drv_alloc(d, 16, 16);
	return drv_set_status(d, dev, 0xf) == 0xf ? 0 : -200;
}

/* One request; its status byte, or a negative number. */
static int disk_io(struct disk *k, uint32_t type, uint64_t sector, uint32_t len,
		   uint32_t *written)
{
	struct drv *d = k->d;
	struct drv_sg sg[3] = {
		{ drv_addr(k->head), 16, false },
		{ drv_addr(k->data), len, type == 0 || type == 8 },
		{ drv_addr(k->status), 1, true },
	};

	vmsg_put32(drv_ptr(d, k->head), type);
	vmsg_put32(drv_ptr(d, k->head) + 4, 0);
	vmsg_put64(drv_ptr(d, k->head) + 8, sector);
	*drv_ptr(d, k->status) = 0xff;
	if (!len)
		sg[1] = sg[2];
	if (drv_vq_add(&k->vq, sg, len ? 3 : 2) < 0)
		return -300;
	if (drv_vq_need_kick(&k->vq))
		drv_kick(d, k->dev, 0);
	if (drv_vq_wait(&k->vq, written) < 0)
		return -301;
	return *drv_ptr(d, k->status);
}

static void test_disk(struct drv *d, int dev, uint64_t want, const char *what,
		      bool is_img)
{
	uint8_t pattern[4096], buf[4096];
	struct disk k;
	uint32_t len = 0;
	int ret, fd, i;

	ret = disk_open(d, &k, (uint16_t)dev, want);
	ok(!ret, "%s: set up (%d)", what, ret);
	if (ret)
		return;
	for (i = 0; i < 4096; i++)
		pattern[i] = (uint8_t)(rand() >> 8);
	memcpy(drv_ptr(d, k.data), pattern, 4096);
	ok(disk_io(&k, 1, 16, 4096, &len) == 0, "%s: write", what);
	ok(disk_io(&k, 4, 0, 0, &len) == 0, "%s: flush", what);
	memset(drv_ptr(d, k.data), 0xee, 4096);
	ok(disk_io(&k, 0, 16, 4096, &len) == 0, "%s: read", what);
	ok(len == 4097, "%s: used.len %u", what, len);
	ok(!memcmp(drv_ptr(d, k.data), pattern, 4096), "%s: what was written is read",
	   what);
	ret = disk_io(&k, 0, 1ULL << 40, 4096, &len);
	ok(ret == 1, "%s: reading past the end is an I/O error (%d)", what, ret);
	ret = disk_io(&k, 77, 0, 4096, &len);
	ok(ret == 2, "%s: an unknown request is unsupported (%d)", what, ret);
	for (i = 0; i < 300 && !(ret = disk_io(&k, i & 1, (uint64_t)(i % 64) * 8,
					       4096, &len)); i++)
		;
	ok(i == 300, "%s: 300 requests (%d, %d)", what, i, ret);
	if (is_img) {
		memcpy(drv_ptr(d, k.data), pattern, 4096);
		disk_io(&k, 1, 16, 4096, &len);
		fd = open(img, O_RDONLY);
		ok(pread(fd, buf, 4096, 16 * 512) == 4096 &&
		   !memcmp(buf, pattern, 4096), "%s: it is in the image", what);
		close(fd);
	}
	ret = drv_set_status(d, (uint16_t)dev, 0);
	ok(ret == 0, "%s: reset (%d)", what, ret);
}

static void test_rng(struct drv *d, int dev)
{
	static const uint8_t zero[64];
	struct drv_sg sg = { .len = 64, .write = true };
	struct drv_vq vq;
	uint32_t len = 0;
	uint64_t buf;

	ok(!drv_negotiate(d, (uint16_t)dev, 0, NULL), "rng: negotiate");
	ok(drv_vq_setup(d, &vq, (uint16_t)dev, 0, 8, 0) >= 0, "rng: queue");
	ok(drv_set_status(d, (uint16_t)dev, 0xf) == 0xf, "rng: runs");
	buf = drv_alloc(d, 64, 64);
	sg.addr = drv_addr(buf);
	drv_vq_add(&vq, &sg, 1);
	drv_kick(d, (uint16_t)dev, 0);
	ok(drv_vq_wait(&vq, &len) == 0 && len == 64 &&
	   memcmp(drv_ptr(d, buf), zero, 64), "rng: 64 bytes");
	ok(d->used[dev][0] > 0, "rng: used event");
	drv_set_status(d, (uint16_t)dev, 0);
}

#define SPLIT	0ULL
#define MODERN	(VMSG_F_EVENT_IDX | VMSG_F_INDIRECT_DESC)
#define PACKED	(MODERN | VMSG_F_RING_PACKED)

static void test_wire(unsigned int wire, const char *words)
{
	static const char *const names[] = { "rfc2", "v1", "v2", "xid32" };
	uint8_t in[4], out[512];
	char text[8192];
	struct drv d;
	int blk, ram, rng, n;

	printf("# wire %s, %s words\n", names[wire], words);
	start_server(words);
	daemon_pid = start("vmsgd", "--ivshmem", iv, "--control", ctl, "--dev",
			   "rng,num=3", "--dev", "ramblk,size=1M,num=7", "--dev",
			   "blk", NULL);
	ok(wait_for(daemon_pid, 5) == 2, "a wrong specification ends it with 2");
	snprintf(text, sizeof(text), "blk,file=%s", img);
	daemon_pid = start("vmsgd", "--ivshmem", iv, "--control", ctl, "--dev",
			   text, "--dev", "rng,num=3", "--dev",
			   "ramblk,size=1M,num=7", NULL);
	iv_join(&d);
	CHECK(drv_up(&d, 1u << wire));
	ok(d.wire == wire, "wire revision %s selected", names[wire]);

	vmsg_put16(in, 0);
	vmsg_put16(in + 2, 64);
	n = drv_request(&d, true, 0, VIRTIO_MSG_BUS_GET_DEVICES, in, 4, out);
	ok(n == (wire == 3 ? 12 : 14) && out[n - 8] == 0x8a, "three devices (%d)", n);
	CHECK(drv_request(&d, true, 0, VIRTIO_MSG_BUS_PING, "abcd", 4, out) == 4 &&
	      !memcmp(out, "abcd", 4));
	blk = find_device(&d, 2, 0);
	ram = find_device(&d, 2, (uint16_t)(blk + 1));
	rng = find_device(&d, 4, 0);
	ok(blk == 1 && ram == 7 && rng == 3, "devices %d %d %d", blk, ram, rng);
	test_disk(&d, blk, MODERN, "qsd", true);
	test_disk(&d, blk, SPLIT, "qsd, plain rings", true);
	test_disk(&d, ram, SPLIT, "ramblk", false);
	test_disk(&d, ram, MODERN, "ramblk event_idx indirect", false);
	test_disk(&d, ram, PACKED, "ramblk packed", false);
	test_rng(&d, rng);
	ok(!ctl_run(text, sizeof(text), "stats"), "stats");
	{
		char *p = text, *nl;

		while ((nl = strchr(p, '\n'))) {
			*nl = 0;
			printf("# %s\n", p);
			p = nl + 1;
		}
	}
	ok(!ctl_run(text, sizeof(text), "stats --json") && text[0] == '{', "stats --json");

	kill(daemon_pid, SIGTERM);
	n = wait_for(daemon_pid, 5);
	ok(n == 0, "SIGTERM ends vmsgd (%d)", n);
	ok(access(ctl, F_OK), "its control socket is gone");
	iv_leave(&d);
	kill(server_pid, SIGTERM);
	n = wait_for(server_pid, 5);
	ok(n == 0, "SIGTERM ends vmsg-ivshmem (%d)", n);
	ok(access(iv, F_OK), "its socket is gone");
}

static pid_t find_child(const char *name)
{
	char line[128];
	pid_t pid = 0;
	FILE *f;

	snprintf(line, sizeof(line), "pgrep -P %d %s", (int)daemon_pid, name);
	f = popen(line, "r");
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	pclose(f);
	return pid;
}

/* A process that nobody has waited for yet is as dead as one that is gone. */
static bool alive(pid_t pid)
{
	char path[64], state = 'Z';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(f);
	return state != 'Z' && state != 'X';
}

static void spin(struct drv *d, double seconds)
{
	double until = now() + seconds;

	while (now() < until) {
		iv_wait(d);
		drv_poll(d);
	}
}

static uint32_t device_flags(struct drv *d)
{
	return vmsg_ld32(d->mem + 64 + offsetof(struct virtio_msg_seg_ext, device_flags));
}

static void test_restart(void)
{
	char text[8192], spec[128];
	uint8_t out[512], uuid[16];
	uint32_t inst, len;
	uint16_t peer;
	struct disk k;
	struct drv d;
	pid_t qsd;
	int n, i;

	printf("# restarts and faults\n");
	start_server("64");
	snprintf(spec, sizeof(spec), "blk,file=%s", img);
	daemon_pid = start("vmsgd", "--ivshmem", iv, "--control", ctl, "--dev",
			   spec, "--dev", "rng", NULL);
	iv_join(&d);
	CHECK(drv_up(&d, 8));
	CHECK(device_flags(&d) == 0);
	CHECK(drv_request(&d, false, 1, VIRTIO_MSG_GET_DEVICE_INFO, "", 0, out) == 44);
	memcpy(uuid, out + 8, 16);
	CHECK(!disk_open(&d, &k, 1, MODERN));
	CHECK(disk_io(&k, 0, 0, 4096, &len) == 0);
	/* Or the driver would not flush what its back end caches. */
	ok(!drv_get_config(&d, 1, 32, out, 1, NULL) && out[0] == 1,
	   "the disk says that it has a write cache (%u)", out[0]);

	/* hotplug */
	ok(!ctl_run(text, sizeof(text), "add ramblk,size=64K") && atoi(text) == 3,
	   "add: %s", text);
	spin(&d, 0.05);
	ok(d.ready[3] == 1, "EVENT_DEVICE ready");
	ok(!ctl_run(text, sizeof(text), "remove 3"), "remove");
	spin(&d, 0.05);
	ok(d.removed[3] == 1, "EVENT_DEVICE removed");
	CHECK(drv_get_status(&d, 3) == -VIRTIO_MSG_RESULT_NO_DEVICE);
	ok(ctl_run(text, sizeof(text), "remove 3") == 1, "remove again: %s", text);
	ok(ctl_run(text, sizeof(text), "add foo") == 1, "add foo: %s", text);
	ok(ctl_run(text, sizeof(text), "add rng,x=1") == 1, "add rng,x=1: %s", text);
	ok(ctl_run(text, sizeof(text), "add blk,file=/nonexistent") == 1,
	   "add: %s", text);
	ok(ctl_run(text, sizeof(text), "add blk,file=/dev/zero,format=qcow2") == 1,
	   "add: %s", text);
	{
		/* vmsgctl waits for the answer that only we can give. */
		pid_t p = start("vmsgctl", "--control", ctl, "ping", NULL);

		for (i = 0; i < 300 && !d.pings; i++)
			spin(&d, 0.01);
		spin(&d, 0.05);
		ok(wait_for(p, 3) == 0 && d.pings == 1, "ping of the driver side");
	}

	/* the back end dies while idle: nobody notices */
	qsd = find_child("qemu-storage-");
	CHECK(qsd > 0);
	kill(qsd, SIGKILL);
	for (i = 0; i < 300 && (n = find_child("qemu-storage-"), !n || n == qsd); i++)
		usleep(10000);
	n = disk_io(&k, 0, 0, 4096, &len);
	ok(n == 0, "a read after the idle back end was killed (%d)", n);
	ok(find_child("qemu-storage-") != qsd, "there is a new one");

	/* a bad descriptor */
	{
		struct drv_sg sg[2] = {
			{ drv_addr(k.head), 16, false },
			{ drv_addr(d.size) + 4096, 4096, true },
		};
		unsigned int before = d.config[1];

		drv_vq_add(&k.vq, sg, 2);
		drv_kick(&d, 1, 0);
		for (i = 0; i < 500 && d.config[1] == before; i++)
			spin(&d, 0.01);
		ok(d.config[1] == before + 1 && d.config_status[1] & 0x40,
		   "a bad descriptor ends in NEEDS_RESET (%d0 ms)", i);
		ok(drv_get_status(&d, 1) & 0x40, "the status says so");
	}
	CHECK(drv_get_status(&d, 2) == 0);
	n = disk_open(&d, &k, 1, MODERN);
	ok(n == 0, "set up again after it (%d)", n);
	n = disk_io(&k, 0, 0, 4096, &len);
	ok(n == 0, "and read (%d)", n);

	/* the driver side goes and comes, by itself and without a word */
	drv_down(&d);
	CHECK(drv_up(&d, 8));
	CHECK(drv_get_status(&d, 1) == 0);
	CHECK(!disk_open(&d, &k, 1, MODERN) && disk_io(&k, 0, 0, 4096, &len) == 0);
	peer = d.peer;
	iv_leave(&d);
	usleep(100000);
	iv_join(&d);
	ok(d.peer != peer, "a new peer id");
	CHECK(drv_up(&d, 8));
	CHECK(!disk_open(&d, &k, 1, MODERN) && disk_io(&k, 0, 0, 4096, &len) == 0);

	/* the daemon is killed with requests in flight */
	qsd = find_child("qemu-storage-");
	inst = d.dev_instance;
	for (i = 0; i < 10; i++) {
		struct drv_sg sg[3] = {
			{ drv_addr(k.head), 16, false },
			{ drv_addr(k.data), 4096, true },
			{ drv_addr(k.status), 1, true },
		};

		drv_vq_add(&k.vq, sg, 3);
	}
	drv_kick(&d, 1, 0);
	kill(daemon_pid, SIGKILL);
	wait_for(daemon_pid, 5);
	usleep(50000);
	ok(qsd > 0 && !alive(qsd), "its back end died with it");
	daemon_pid = start("vmsgd", "--ivshmem", iv, "--control", ctl, "--dev",
			   spec, "--dev", "rng", NULL);
	for (i = 0; i < 500 && drv_step(&d, 8); i++)
		iv_wait(&d);
	ok(i < 500, "the driver side sees that it was restarted");
	CHECK(drv_up(&d, 8));
	ok(d.dev_instance != inst, "a new device instance");
	CHECK(drv_request(&d, false, 1, VIRTIO_MSG_GET_DEVICE_INFO, "", 0, out) == 44);
	ok(!memcmp(out + 8, uuid, 16), "the same UUID");
	CHECK(!disk_open(&d, &k, 1, MODERN) && disk_io(&k, 0, 0, 4096, &len) == 0);
	/* All that it acknowledged is in files. */
	CHECK(device_flags(&d) == VIRTIO_MSG_DEV_F_CONTINUES);
	CHECK(!ctl_run(text, sizeof(text), "add ramblk,size=64K"));
	kill(daemon_pid, SIGKILL);
	wait_for(daemon_pid, 5);
	daemon_pid = start("vmsgd", "--ivshmem", iv, "--control", ctl, "--dev",
			   spec, "--dev", "rng", "--dev", "ramblk,size=64K", NULL);
	for (i = 0; i < 500 && drv_step(&d, 8); i++)
		iv_wait(&d);
	CHECK(drv_up(&d, 8));
	ok(device_flags(&d) == 0, "who has a RAM disk does not say that nothing was lost");
	CHECK(!disk_open(&d, &k, 1, MODERN) && disk_io(&k, 0, 0, 4096, &len) == 0);

	/* a second daemon on the same memory */
	n = start("vmsgd", "--ivshmem", iv, NULL);
	ok(wait_for(n, 15) == 1, "a second vmsgd is refused");
	CHECK(disk_io(&k, 0, 0, 4096, &len) == 0);

	kill(daemon_pid, SIGTERM);
	CHECK(wait_for(daemon_pid, 5) == 0);
	CHECK(!drv_step(&d, 8) && d.status == VIRTIO_MSG_ST_SHUTDOWN);
	iv_leave(&d);
	kill(server_pid, SIGTERM);
	CHECK(wait_for(server_pid, 5) == 0);
}

/*
 * A daemon that was killed is gone for the driver side only when nobody is left
 * that could write the driver's buffers to a disk: they are used again then.
 */
static void test_last_writer(void)
{
	char text[512], path[128], spec[128], *old = strdup(getenv("PATH"));
	struct drv d;
	int holder = 0, i;
	FILE *f;

	printf("# the last writer\n");
	snprintf(path, sizeof(path), "%s/bin", dir);
	CHECK(!mkdir(path, 0700));
	snprintf(text, sizeof(text), "%s:%s", path, old);
	setenv("PATH", text, 1);
	snprintf(path, sizeof(path), "%s/bin/qemu-storage-daemon", dir);
	f = fopen(path, "w");
	CHECK(f);
	/* It does not die with the others, so that the test has time to look. */
	fprintf(f, "#!/bin/sh\nsleep 60 &\necho $! >%s/holder\nPATH=%s\nexec qemu-storage-daemon \"$@\"\n",
		dir, old);
	CHECK(!fchmod(fileno(f), 0700) && !fclose(f));
	start_server("64");
	snprintf(spec, sizeof(spec), "blk,file=%s", img);
	daemon_pid = start("vmsgd", "--ivshmem", iv, "--dev", spec, NULL);
	iv_join(&d);
	CHECK(drv_up(&d, 8));
	snprintf(path, sizeof(path), "%s/holder", dir);
	f = fopen(path, "r");
	CHECK(f && fscanf(f, "%d", &holder) == 1 && !fclose(f) && holder > 0);
	kill(daemon_pid, SIGKILL);
	wait_for(daemon_pid, 5);
	for (i = 0; i < 30 && drv_step(&d, 8); i++)
		iv_wait(&d);
	ok(i == 30, "the device side is there as long as it has a writer (%d)", i);
	kill(holder, SIGKILL);
	for (i = 0; i < 500 && drv_step(&d, 8); i++)
		iv_wait(&d);
	ok(i < 500 && d.status == VIRTIO_MSG_ST_SHUTDOWN, "and then it is gone");
	iv_leave(&d);
	kill(server_pid, SIGTERM);
	CHECK(wait_for(server_pid, 5) == 0);
	setenv("PATH", old, 1);
	free(old);
}

static void test_options(void)
{
	char text[8192], spec[128];
	uint64_t f = 0;
	uint32_t len;
	struct disk k;
	struct drv d;
	pid_t qsd;
	int n, i, bad = 0, lost = 0;

	printf("# read-only, queues, in-flight record, wire offer\n");
	start_server("64");
	snprintf(spec, sizeof(spec), "blk,file=%s,inflight=on,queues=2", img);
	daemon_pid = start("vmsgd", "--ivshmem", iv, "--control", ctl, "--wire",
			   "v2,xid32", "--dev", spec, NULL);
	iv_join(&d);
	CHECK(drv_up(&d, 15) && d.wire == VIRTIO_MSG_WIRE_XID32);
	CHECK(vmsg_ld32(d.mem + 72) == 0xc);
	CHECK(!disk_open(&d, &k, 1, MODERN));
	for (i = 0; i < 20; i++) {
		struct drv_sg sg[3] = {
			{ drv_addr(k.head), 16, false },
			{ drv_addr(k.data), 4096, true },
			{ drv_addr(k.status), 1, true },
		};
		int j, id, got = 0;

		memset(drv_ptr(&d, k.head), 0, 16);
		for (j = 0; j < 20; j++)
			drv_vq_add(&k.vq, sg, 3);
		drv_kick(&d, 1, 0);
		usleep((useconds_t)(rand() % 2000));
		qsd = find_child("qemu-storage-");
		if (qsd > 0)
			kill(qsd, SIGKILL);
		while (got < 20 && (id = drv_vq_wait(&k.vq, &len)) >= 0)
			got++;
		if (id == -2)
			bad++;
		if (got != 20)
			lost++;
	}
	ok(!bad && !lost, "20 kills of the back end under load: %d double, %d lost",
	   bad, lost);
	n = drv_get_status(&d, 1);
	ok(n == 0xf, "the device was not touched by it (0x%x)", n);
	ok(!ctl_run(text, sizeof(text), "remove 1"), "remove");
	snprintf(spec, sizeof(spec), "add blk,file=%s,ro=on,num=9", img);
	ok(!ctl_run(text, sizeof(text), spec), "add read-only: %s", text);
	CHECK(!drv_get_features(&d, 9, &f));
	ok(f & 0x20, "F_RO is offered");
	CHECK(!disk_open(&d, &k, 9, MODERN));
	CHECK(disk_io(&k, 0, 0, 4096, &len) == 0);
	n = disk_io(&k, 1, 0, 4096, &len);
	ok(n == 1, "a write to it is refused (%d)", n);
	ok(!ctl_run(text, sizeof(text), "list --json"), "list --json: %s", text);
	/* a driver that knows nothing of what is offered */
	drv_down(&d);
	d.patience = 30;
	CHECK(!drv_up(&d, 1));
	d.patience = 500;
	drv_down(&d);
	CHECK(drv_up(&d, 4) && d.wire == VIRTIO_MSG_WIRE_V2);
	CHECK(drv_get_status(&d, 9) == 0);
	iv_leave(&d);
	kill(daemon_pid, SIGTERM);
	CHECK(wait_for(daemon_pid, 5) == 0);
	kill(server_pid, SIGTERM);
	CHECK(wait_for(server_pid, 5) == 0);
}

static pid_t start_qsd(const char *socket)
{
	char bd[192], ex[256];
	pid_t pid;

	snprintf(bd, sizeof(bd), "driver=file,node-name=d,filename=%s", img);
	snprintf(ex, sizeof(ex), "type=vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=%s,writable=on,num-queues=2",
		 socket);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("qemu-storage-daemon", "qemu-storage-daemon", "--blockdev", bd,
		       "--export", ex, NULL);
		_exit(127);
	}
	while (access(socket, F_OK))
		usleep(1000);
	return pid;
}

/* A back end that somebody else runs, with two queues. */
static void test_foreign(void)
{
	char text[8192], spec[160], path[128];
	struct drv_vq second;
	struct disk k;
	uint32_t len;
	struct drv d;
	uint64_t f;
	pid_t qsd;
	int n, i;

	printf("# a back end of somebody else\n");
	start_server("64");
	snprintf(path, sizeof(path), "%s/qsd", dir);
	snprintf(spec, sizeof(spec), "blk,socket=%s", path);
	daemon_pid = start("vmsgd", "--ivshmem", iv, "--control", ctl, NULL);
	iv_join(&d);
	CHECK(drv_up(&d, 8));
	/* it comes after it was asked for */
	{
		pid_t p = start("vmsgctl", "--control", ctl, "add", spec, NULL);

		usleep(300000);
		qsd = start_qsd(path);
		for (i = 0; i < 300 && !d.ready[1]; i++)
			spin(&d, 0.01);
		ok(wait_for(p, 5) == 0 && d.ready[1] == 1, "added when it came");
	}
	CHECK(!drv_negotiate(&d, 1, MODERN | VMSG_F(12), &f));
	ok(f & VMSG_F(12), "F_MQ");
	memset(&k, 0, sizeof(k));
	k.d = &d;
	k.dev = 1;
	CHECK(drv_vq_setup(&d, &k.vq, 1, 0, 64, f) >= 0);
	CHECK(drv_vq_setup(&d, &second, 1, 1, 128, f) >= 0);
	k.head = drv_alloc(&d, 16, 16);
	k.data = drv_alloc(&d, 4096, 4096);
	k.status = drv_alloc(&d, 16, 16);
	CHECK(drv_set_status(&d, 1, 0xf) == 0xf);
	n = disk_io(&k, 1, 8, 4096, &len);
	ok(n == 0, "queue 0 (%d)", n);
	{
		struct drv_sg sg[3] = {
			{ drv_addr(k.head), 16, false },
			{ drv_addr(k.data), 4096, true },
			{ drv_addr(k.status), 1, true },
		};

		vmsg_put32(drv_ptr(&d, k.head), 0);
		*drv_ptr(&d, k.status) = 0xff;
		drv_vq_add(&second, sg, 3);
		drv_kick(&d, 1, 1);
		CHECK(drv_vq_wait(&second, &len) >= 0);
		ok(*drv_ptr(&d, k.status) == 0 && len == 4097 && d.used[1][1] > 0, "queue 1");
	}

	/* it dies with a request in hand, and stays away for a while */
	kill(qsd, SIGKILL);
	wait_for(qsd, 3);
	{
		struct drv_sg sg[3] = {
			{ drv_addr(k.head), 16, false },
			{ drv_addr(k.data), 4096, true },
			{ drv_addr(k.status), 1, true },
		};
		unsigned int before = d.config[1];

		drv_vq_add(&k.vq, sg, 3);
		drv_kick(&d, 1, 0);
		for (i = 0; i < 300 && d.config[1] == before; i++)
			spin(&d, 0.01);
		n = drv_get_status(&d, 1);
		/* Which of the two was first decides whether it can be resumed. */
		ok(n & 0x40 || (n == 0xf && i == 300), "status 0x%x without a back end", n);
		n = drv_set_status(&d, 1, 0);
		ok(n == 0, "a reset needs no back end (%d)", n);
	}
	n = disk_open(&d, &k, 1, MODERN);
	ok(n == 0, "set up without a back end (%d)", n);
	qsd = start_qsd(path);
	n = disk_io(&k, 0, 8, 4096, &len);
	ok(n == 0, "it goes on when it comes (%d)", n);
	ok(ctl_run(text, sizeof(text), "add rng,num=1") == 1, "number in use: %s", text);
	CHECK(!ctl_run(text, sizeof(text), "remove 1"));
	iv_leave(&d);
	kill(daemon_pid, SIGTERM);
	CHECK(wait_for(daemon_pid, 5) == 0);
	ok(alive(qsd), "it outlives vmsgd");
	kill(qsd, SIGTERM);
	CHECK(wait_for(qsd, 5) == 0);
	kill(server_pid, SIGTERM);
	CHECK(wait_for(server_pid, 5) == 0);
}

/* An ARP request to passt, and a text through a console's socket. */
static void test_net_console(void)
{
	static const uint8_t arp[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x76, 0x6d, 0x73, 0x67, 0x01,
		0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01,
		0x02, 0x76, 0x6d, 0x73, 0x67, 0x01, 192, 0, 2, 7,
		0, 0, 0, 0, 0, 0, 192, 0, 2, 1,
	};
	struct drv_vq rx, tx, crx, ctx;
	char text[8192], path[128], spec[160], buf[64];
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct drv_sg sg;
	uint64_t mem, got;
	uint32_t len = 0;
	struct drv d;
	int i, id, con, n;

	printf("# network and console\n");
	start_server("64");
	snprintf(path, sizeof(path), "%s/con", dir);
	snprintf(spec, sizeof(spec), "console,path=%s", path);
	daemon_pid = start("vmsgd", "--ivshmem", iv, "--control", ctl, "--dev",
			   "net,arg=--address,arg=192.0.2.7,arg=--gateway,arg=192.0.2.1",
			   "--dev", spec, "--dev", "console,pty,num=8", NULL);
	iv_join(&d);
	CHECK(drv_up(&d, 8));
	CHECK(!drv_negotiate(&d, 1, MODERN | VMSG_F(5), &got));
	CHECK(drv_vq_setup(&d, &rx, 1, 0, 16, got) >= 0);
	CHECK(drv_vq_setup(&d, &tx, 1, 1, 16, got) >= 0);
	CHECK(drv_set_status(&d, 1, 0xf) == 0xf);
	mem = drv_alloc(&d, 2048 * 16, 2048);
	for (i = 0; i < 8; i++) {
		sg = (struct drv_sg){ drv_addr(mem + 2048u * (unsigned int)i), 1526, true };
		drv_vq_add(&rx, &sg, 1);
	}
	drv_kick(&d, 1, 0);
	memcpy(drv_ptr(&d, mem + 2048 * 8 + 12), arp, sizeof(arp));
	sg = (struct drv_sg){ drv_addr(mem + 2048 * 8), 12 + sizeof(arp), false };
	drv_vq_add(&tx, &sg, 1);
	drv_kick(&d, 1, 1);
	ok(drv_vq_wait(&tx, &len) >= 0, "net: frame taken");
	for (i = 0; i < 20; i++) {
		const uint8_t *f;

		id = drv_vq_wait(&rx, &len);
		if (id < 0)
			break;
		f = drv_ptr(&d, mem + 2048u * (unsigned int)id + 12);
		if (len >= 54 && f[12] == 8 && f[13] == 6 && f[21] == 2 &&
		    !memcmp(f + 28, arp + 38, 4))
			break;
	}
	ok(id >= 0 && i < 20, "net: passt answers an ARP request");

	CHECK(!drv_negotiate(&d, 2, MODERN, &got));
	CHECK(drv_vq_setup(&d, &crx, 2, 0, 8, got) >= 0);
	CHECK(drv_vq_setup(&d, &ctx, 2, 1, 8, got) >= 0);
	CHECK(drv_set_status(&d, 2, 0xf) == 0xf);
	snprintf(a.sun_path, sizeof(a.sun_path), "%.*s",
		 (int)sizeof(a.sun_path) - 1, path);
	con = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(!connect(con, (struct sockaddr *)&a, sizeof(a)));
	spin(&d, 0.05);
	mem = drv_alloc(&d, 4096, 64);
	memcpy(drv_ptr(&d, mem), "hello host", 10);
	sg = (struct drv_sg){ drv_addr(mem), 10, false };
	drv_vq_add(&ctx, &sg, 1);
	drv_kick(&d, 2, 1);
	CHECK(drv_vq_wait(&ctx, NULL) >= 0);
	n = (int)recv(con, buf, sizeof(buf), 0);
	ok(n == 10 && !memcmp(buf, "hello host", 10), "console: output");
	CHECK(send(con, "hello guest", 11, 0) == 11);
	spin(&d, 0.05);
	sg = (struct drv_sg){ drv_addr(mem + 64), 64, true };
	drv_vq_add(&crx, &sg, 1);
	drv_kick(&d, 2, 0);
	ok(drv_vq_wait(&crx, &len) >= 0 && len == 11 &&
	   !memcmp(drv_ptr(&d, mem + 64), "hello guest", 11), "console: input that had to wait");
	close(con);
	spin(&d, 0.05);
	sg = (struct drv_sg){ drv_addr(mem), 10, false };
	drv_vq_add(&ctx, &sg, 1);
	drv_kick(&d, 2, 1);
	ok(drv_vq_wait(&ctx, NULL) >= 0, "console: nobody listens, nobody waits");
	con = socket(AF_UNIX, SOCK_STREAM, 0);
	ok(!connect(con, (struct sockaddr *)&a, sizeof(a)), "console: the next client");
	close(con);
	CHECK(!ctl_run(text, sizeof(text), "remove 1"));
	CHECK(!ctl_run(text, sizeof(text), "remove 2"));
	ok(access(path, F_OK), "console: the socket is gone");
	CHECK(!ctl_run(text, sizeof(text), "remove 8"));
	iv_leave(&d);
	kill(daemon_pid, SIGTERM);
	CHECK(wait_for(daemon_pid, 5) == 0);
	kill(server_pid, SIGTERM);
	CHECK(wait_for(server_pid, 5) == 0);
}

int main(int argc, char **argv)
{
	char cmd[256];
	int wire, fd;

	bin = argc > 1 ? argv[1] : ".";
	if (system("command -v qemu-storage-daemon >/dev/null")) {
		printf("KTAP version 1\n1..0 # SKIP no qemu-storage-daemon\n");
		return 0;
	}
	snprintf(dir, sizeof(dir), "%s", "/tmp/vmsg-e2e-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(iv, sizeof(iv), "%s/iv", dir);
	snprintf(ctl, sizeof(ctl), "%s/ctl", dir);
	snprintf(img, sizeof(img), "%s/disk.img", dir);
	fd = open(img, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, 8 << 20) < 0)
		return 1;
	close(fd);
	signal(SIGPIPE, SIG_IGN);
	plan("end to end");
	for (wire = 3; wire >= 0; wire--)
		test_wire((unsigned int)wire, wire & 1 ? "64" : "0");
	test_restart();
	test_last_writer();
	test_options();
	test_foreign();
	if (system("command -v passt >/dev/null"))
		printf("# network not tested: no passt\n");
	else
		test_net_console();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd))
		perror(dir);
	return done();
}
