// SPDX-License-Identifier: GPL-2.0-only
/*
 * The simulator: the driver's own sources, the device side's library, and
 * everything that can go wrong between them, in one thread and in an order that
 * a seed decides. See --help.
 */
#include <getopt.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sim.h"

/* What main.c of the module has. */
struct workqueue_struct *vmsg_wq;
unsigned int vmsg_timeout_ms;
unsigned int vmsg_max_devices = 4096;
unsigned int vmsg_keepalive_ms = 2000;
unsigned int vmsg_recover_s;

bool sim_verbose;
struct sim_totals sim_totals;
static struct sim_totals *shared;	/* with the processes of single seeds */

static u64 seed;
static bool done;
static u64 starts, ends;
static u32 sweep;			/* so manieth allocation fails, and nothing else */
static u64 run_steps;

/* ------------------------------------------------------------ invariants */

/* I1: as many as were submitted, and whoever ends is not under way any more. */
void shim_trace_vmsg_xfer_start(struct virtio_msg_bus *bus, const struct vmsg_xfer *x)
{
	(void)bus;
	(void)x;
	starts++;
}

void shim_trace_vmsg_xfer_end(struct virtio_msg_bus *bus, const struct vmsg_xfer *x)
{
	(void)bus;
	SHIM_MUST(x->state == VMSG_XFER_DONE);
	SHIM_MUST(list_empty(&x->node) && !x->hash.pprev);
	ends++;
}

static void show_frame(struct virtio_msg_bus *bus, const struct vmsg_hdr *h,
		       const char *what, int ret)
{
	if (sim_verbose)
		printf("# %10llu us %s: %s %s%s device %u id %#x, %d\n",
		       (unsigned long long)shim_now() / 1000, dev_name(&bus->ctx.dev), what,
		       h ? vmsg_msg_name(h->type & VIRTIO_MSG_TYPE_BUS, h->msg_id) : "nonsense",
		       h && h->type & VIRTIO_MSG_TYPE_RESPONSE ? " response" : "",
		       h ? h->dev_num : 0, h ? h->xid : 0, ret);
}

void shim_trace_vmsg_rx(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
			const struct vmsg_hdr *h, const void *frame, size_t len, int ret,
			u64 begin, u64 end)
{
	show_frame(bus, h, "got", ret);
}

void shim_trace_vmsg_tx(struct virtio_msg_bus *bus, const struct vmsg_wire *wire,
			const struct vmsg_hdr *h, const void *frame, size_t len, int ret,
			u64 begin, u64 end)
{
	show_frame(bus, h, "sent", ret);
}

void shim_trace_vmsg_bus_state(struct virtio_msg_bus *bus, unsigned int from,
			       unsigned int to)
{
	unsigned int i;

	/* So that one over a segment is known, too. */
	for (i = 0; from == VMSG_BUS_NEW && i < SIM_BUSES; i++)
		if (bus->ctx.dev.parent == &sim_buses[i].parent)
			sim_buses[i].bus = bus;
	if (sim_verbose)
		printf("# %10llu us %s: %s -> %s\n", (unsigned long long)shim_now() / 1000,
		       dev_name(&bus->ctx.dev), vmsg_bus_state_name(from),
		       vmsg_bus_state_name(to));
}

/* Buses made so far: each may say as much as any other. */
static u64 binds;

/* After every step. */
static bool check(void)
{
	static u64 second, lines, bound;
	unsigned int i;

	run_steps++;
	for (i = 0; i < SIM_BUSES; i++) {
		const struct sim_bus *b = &sim_buses[i];

		if (!b->bus)
			continue;
		shim_check_engine(&b->bus->engine);
		if (run_steps % 8 == i)
			shim_check_window(b->bus->win);
	}
	/* I11: two buses; a second's lines, and those of the one that ends in it. */
	if (shim_now() / 1000000000 != second) {
		second = shim_now() / 1000000000;
		lines = shim_log_lines();
		bound = binds;
	}
	SHIM_MUST(shim_log_lines() - lines <=
		  (2 * SIM_BUSES + binds - bound) * VMSG_LOG_BURST + 20);
	/* I10 */
	SHIM_MUST(shim_allocated() < 8 << 20);
	return done;
}

/* I12: what happens to the other bus does not count here. */
static void check_clean(const struct sim_bus *b)
{
	static const enum vmsg_counter none[] = {
		VMSG_C_TX_ERROR, VMSG_C_RX_REFUSED, VMSG_C_RX_MALFORMED,
		VMSG_C_RX_UNKNOWN_ID, VMSG_C_RX_MISMATCH, VMSG_C_RX_UNEXPECTED,
		VMSG_C_RX_OVERRUN, VMSG_C_TIMEOUT, VMSG_C_PEER_LOST, VMSG_C_PEER_AWAY,
		VMSG_C_DRAINED, VMSG_C_TRACK_LOST, VMSG_C_BROKEN,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(none); i++)
		SHIM_MUST(!atomic64_read(&b->bus->stats.c[none[i]]));
	SHIM_MUST(!sim_apps_errors(b));
}

/* ---------------------------------------------------------------- script */

static bool is_settled(const struct sim_bus *b)
{
	struct vmsg_slot *slot;
	struct vmsg_device *vd;
	unsigned int i;

	if (!b->bus || b->bus->state != VMSG_BUS_RUNNING || atomic_read(&b->bus->busy))
		return false;
	for (i = 0; i < PEER_DEVS; i++) {
		slot = xa_load(&b->bus->slots, i);
		vd = slot ? slot->vd : NULL;
		if (!peer_has(b->n, i)) {
			if (vd)
				return false;
		} else if (!vd || !test_bit(VMSG_DEV_LIVE, &vd->flags) ||
			   test_bit(VMSG_DEV_DEAD, &vd->flags) || !vd->vdev.priv) {
			return false;
		}
	}
	return true;
}

static bool is_dead(const struct sim_bus *b)
{
	return b->bus->state == VMSG_BUS_DEAD;
}

static void rebind(struct sim_bus *b)
{
	sim_log(b, "the transport is bound anew");
	sim_link_unbind(b);
	shim_sleep(shim_rnd(10 * SIM_MS));
	sim_link_bind(b);
	binds++;
}

/* Wait until all is as it should be, for so many seconds. */
static bool settle(unsigned int seconds)
{
	u64 end = shim_now() + seconds * 1000000000ULL;
	bool was[SIM_BUSES] = {};
	unsigned int i;
	bool ok;

	while (shim_now() < end) {
		ok = true;
		for (i = 0; i < SIM_BUSES; i++) {
			struct sim_bus *b = &sim_buses[i];

			/* As its last message says, by somebody who can read. */
			if (is_dead(b)) {
				shim_sleep(250 * SIM_MS);
				rebind(b);
			}
			if (!is_settled(b)) {
				was[i] = false;
				ok = false;
				continue;
			}
			if (!was[i])
				sim_apps_mark(b);
			was[i] = true;
			/* And everybody gets on. */
			ok &= sim_apps_moved(b);
		}
		if (ok)
			return true;
		shim_sleep(20 * SIM_MS);
	}
	return false;
}

static void restart(struct sim_bus *b)
{
	bool away = b->may_return && shim_chance(2, 3);

	if (shim_chance(1, 4)) {
		/* It ends as it should. */
		b->cmd_stop = true;
		shim_sleep(shim_rnd(5 * SIM_MS));
	}
	sim_peer_kill(b);
	sim_log(b, "the peer is killed");
	if (b->seg && b->now.corrupt && shim_chance(1, 2))
		sim_scribble(b);
	shim_sleep(shim_rnd(50 * SIM_MS));
	sim_peer_lose(b, away);
	shim_sleep(shim_rnd(shim_chance(1, 10) ? 2000 * SIM_MS : 30 * SIM_MS));
	/* And again, before its successor has done anything. */
	b->continues = away && shim_chance(3, 4);
	sim_log(b, "its successor starts%s", b->continues ? " and goes on" : "");
	sim_peer_start(b, b->seg && shim_chance(1, 8));
}

static void plug(struct sim_bus *b)
{
	unsigned int dev = shim_rnd(PEER_DEVS);

	sim_totals.hotplugs++;
	if (b->cfg.present >> dev & 1) {
		sim_log(b, "device %u goes", dev);
		b->cmd_unplug |= 1 << dev;
		b->cfg.present &= ~(1 << dev);
	} else {
		if (shim_chance(1, 2))
			b->cfg.identity[dev]++;
		sim_log(b, "device %u comes", dev);
		b->cmd_plug |= 1 << dev;
		b->cfg.present |= 1 << dev;
	}
}

static bool happens(u32 of)
{
	return of && !shim_rnd(of);
}

static void one_step(struct sim_bus *b)
{
	if (happens(b->now.restart))
		restart(b);
	if (happens(b->now.plug))
		plug(b);
	if (happens(b->now.config))
		b->cmd_config |= 1 << shim_rnd(PEER_DEVS);
	if (happens(b->now.broken))
		b->cmd_break |= 1 << shim_rnd(PEER_DEVS);
	if (b->seg && happens(b->now.corrupt / 64))
		sim_scribble(b);
	if (is_dead(b) || happens(b->now.rebind))
		rebind(b);
	if (!shim_rnd(8))
		b->cmd_ping = get_random_u32() | 1;
	if (!shim_rnd(16))
		virtio_msg_rescan(b->bus);
}

/* The last word on what devices there are. */
static void heal(struct sim_bus *b)
{
	unsigned int i;

	memset(&b->now, 0, sizeof(b->now));
	shim_fail_alloc(0);
	if (is_dead(b))
		rebind(b);
	for (i = 0; i < PEER_DEVS; i++) {
		b->cfg.present |= 1 << i;
		b->cmd_plug |= 1 << i;
	}
	virtio_msg_rescan(b->bus);
}

static void relink(struct sim_bus *b)
{
	sim_log(b, "the link is made anew");
	sim_peer_kill(b);
	sim_peer_lose(b, false);
	b->continues = false;
	sim_peer_start(b, b->seg);
}

/* Where frames got lost or changed it may take a new link to heal all. */
static bool needs_relink(const struct sim_bus *b)
{
	return b->f.drop || b->f.corrupt || b->f.reorder || b->f.broken || b->f.late ||
	       b->f.nomem || b->f.dup || b->tainted;
}

static void script(void *arg)
{
	struct sim_bus *b = &sim_buses[0];
	unsigned int i, steps = 10 + shim_rnd(20);	/* or else those of @sweep */

	(void)arg;
	for (i = 0; i < SIM_BUSES; i++) {
		if (shim_chance(3, 4))
			sim_peer_start(&sim_buses[i], true);
		sim_link_bind(&sim_buses[i]);
		shim_sleep(shim_rnd(30 * SIM_MS));
		if (!sim_buses[i].alive)
			sim_peer_start(&sim_buses[i], true);
	}
	shim_fail_alloc(b->f.nomem);
	sim_apps_start();
	if (sweep) {
		/* All that there is, one after the other. */
		shim_sleep(100 * SIM_MS);
		restart(b);
		shim_sleep(200 * SIM_MS);
		plug(b);
		shim_sleep(100 * SIM_MS);
		plug(b);
		shim_sleep(100 * SIM_MS);
		rebind(b);
		shim_sleep(100 * SIM_MS);
		sim_totals.swept = shim_end_nth();
		steps = 0;
	}
	while (steps--) {
		shim_sleep(shim_rnd(shim_chance(1, 10) ? 500 * SIM_MS : 20 * SIM_MS));
		one_step(b);
	}
	sim_log(b, "from here on nothing goes wrong");
	heal(b);
	if (!settle(needs_relink(b) ? 8 : 90)) {
		SHIM_MUST(needs_relink(b) && "it heals by itself");
		relink(b);
		/* A driver that finds no memory does not try again. */
		if (b->f.nomem)
			relink(&sim_buses[1]);
		heal(b);
		SHIM_MUST(settle(90) && "a new link heals it");
	}
	SHIM_MUST(b->f.nomem || settle(10));
	if (!b->f.nomem)
		check_clean(&sim_buses[1]);
	sim_apps_stop();
	while (!sim_apps_ended())
		shim_sleep(SIM_MS);
	for (i = 0; i < SIM_BUSES; i++)
		sim_link_unbind(&sim_buses[i]);
	for (i = 0; i < SIM_BUSES; i++)
		shim_kill_peer(i);
	done = true;
}

/* ------------------------------------------------------------------ runs */

static u32 maybe(u32 chance, u32 lo, u32 hi)
{
	return shim_chance(1, chance) ? lo + shim_rnd(hi - lo) : 0;
}

static void plan(struct sim_bus *b, unsigned int n)
{
	static u8 *mem[SIM_BUSES], *disk[SIM_BUSES][PEER_DEVS];
	static u32 *outstanding[SIM_BUSES];
	static const unsigned int words[] = { 0, 1, 2, 8 };
	unsigned int i;

	if (!mem[n]) {
		mem[n] = aligned_alloc(4096, 512 * 1024);
		outstanding[n] = calloc(65536, sizeof(u32));
		for (i = 0; i < PEER_DEVS; i++)
			disk[n][i] = malloc(PEER_SECTORS * 512);
	}
	memset(b, 0, sizeof(*b));
	memset(mem[n], 0, 512 * 1024);
	b->n = n;
	b->outstanding = outstanding[n];
	b->seg = shim_chance(1, 2);
	b->wire = shim_rnd(VIRTIO_MSG_WIRE_COUNT);
	if (shim_chance(1, 2))
		b->wire = VIRTIO_MSG_WIRE_XID32;
	b->max_msg = 64 << shim_rnd(5);
	b->timeout = n ? 20000 : 50 + shim_rnd(400);
	b->may_return = shim_chance(1, 2);
	b->desc.flags = VIRTIO_MSG_T_NEEDS_WINDOW;
	if (shim_chance(3, 4))
		b->desc.flags |= VIRTIO_MSG_T_ATOMIC_SEND;
	b->cfg.mem = mem[n];
	b->cfg.size = 512 * 1024;
	b->cfg.seg = b->seg;
	b->cfg.wires = 1 << b->wire;
	b->cfg.max_msg = b->max_msg;
	b->cfg.num_notif = words[shim_rnd(ARRAY_SIZE(words))];
	b->cfg.num_elems = 2 + shim_rnd(shim_chance(1, 2) ? 6 : 60);
	b->cfg.present = n ? 7 : shim_rnd(8);
	for (i = 0; i < PEER_DEVS; i++) {
		b->cfg.disk[i] = disk[n][i];
		memset(disk[n][i], 0, PEER_SECTORS * 512);
	}
	if (sweep) {
		/* Nearly never, for all that asks; and then the one. */
		b->f.nomem = ~0U;
		b->now.nomem = ~0U;
		return;
	}
	if (n)
		return;
	b->f.restart = maybe(2, 2, 20);
	b->f.plug = maybe(2, 1, 10);
	b->f.config = maybe(3, 1, 10);
	b->f.broken = maybe(5, 5, 20);
	b->f.rebind = maybe(4, 5, 30);
	b->f.drop = maybe(3, 10, 200);
	b->f.late = maybe(4, 20, 200);
	b->f.full = maybe(3, 2, 30);
	b->f.corrupt = maybe(5, 64, 400);
	b->f.nomem = maybe(8, 20, 400);
	if (!b->seg && b->wire != VIRTIO_MSG_WIRE_RFC2) {
		/* Nothing in that revision would tell. */
		b->f.dup = maybe(3, 5, 100);
		b->f.reorder = maybe(4, 5, 100);
	}
	b->now = b->f;
}

static void say_seed(void)
{
	unsigned int i;

	for (i = 0; i < SIM_BUSES; i++) {
		printf("#   bus%u: %s\n", i, sim_buses[i].bus ?
		       vmsg_bus_state_name(sim_buses[i].bus->state) : "none");
		sim_apps_show(&sim_buses[i]);
	}
	if (sweep)
		printf("# allocation %u fails\n", sweep);
	printf("not ok - seed %llu; \"sim --seed %llu --verbose\" does it again\n",
	       (unsigned long long)seed, (unsigned long long)seed);
}

static void one_seed(u64 s)
{
	static const u32 windows[] = { 3, 8, 30, 150 };
	struct shim_opts opts = {
		.seed = s,
		.verbose = sim_verbose,
		.fail_nth = sweep,
		.bug = say_seed,
	};
	size_t before = shim_allocated();
	unsigned int i;

	seed = s;
	shim_start(&opts);
	opts.window = windows[shim_rnd(ARRAY_SIZE(windows))];
	shim_start(&opts);
	sim_apps_reset();
	for (i = 0; i < SIM_BUSES; i++)
		plan(&sim_buses[i], i);
	if (sim_verbose) {
		for (i = 0; i < SIM_BUSES; i++) {
			struct sim_faults *f = &sim_buses[i].f;

			printf("# bus%u: %s wire %u max %u timeout %u return %d; 1 of: drop %u dup %u reorder %u late %u corrupt %u full %u restart %u plug %u config %u broken %u rebind %u nomem %u\n",
			       i, sim_buses[i].seg ? "segment" : "frames",
			       sim_buses[i].wire, sim_buses[i].max_msg,
			       sim_buses[i].timeout, sim_buses[i].may_return, f->drop,
			       f->dup, f->reorder, f->late, f->corrupt, f->full,
			       f->restart, f->plug, f->config, f->broken, f->rebind,
			       f->nomem);
		}
	}
	done = false;
	starts = 0;
	ends = 0;
	run_steps = 0;
	vmsg_wq = alloc_workqueue("virtio_msg", 0, 0);
	shim_spawn("script", 0, script, NULL);
	shim_run(SHIM_FOREVER, check);
	/* Nobody waits for what does not come. */
	SHIM_MUST(done);
	/* What is on its way arrives, and finds nobody. */
	done = false;
	shim_run(shim_now() + 3600 * 1000000000ULL, NULL);
	for (i = 0; i < SIM_BUSES; i++)
		sim_link_clear(&sim_buses[i]);
	destroy_workqueue(vmsg_wq);
	shim_finish();
	/* I1 */
	SHIM_MUST(starts == ends);
	SHIM_MUST(shim_allocated() == before);
	sim_totals.steps += shim_steps();
}

static const char help[] =
"Usage: sim [OPTION]...\n"
"\n"
"Runs the driver's core (transactions, bus, devices, window, segment) against the\n"
"bench's device side in one thread, under faults that a seed decides: frames and\n"
"doorbells that are lost, doubled, late, reordered, changed; shared memory that is\n"
"scribbled over; device sides that are killed between any two of their steps and\n"
"come back, devices that come and go, transports that are bound anew, memory that\n"
"runs out. After every step the invariants of testing.rst are looked at; at the end\n"
"everything has to work again, and nothing may be left.\n"
"\n"
"  --seed N     run this one seed\n"
"  --from N     run from this seed on (1)\n"
"  --seeds N    so many of them (1000)\n"
"  --jobs N     in so many processes (1)\n"
"  --seconds N  or as many as this takes\n"
"  --sweep      instead of faults by chance each allocation fails once, in a run\n"
"               with a restart, hotplug and a rebind; for each seed\n"
"  --nth N      only the Nth allocation\n"
"  --verbose    tell what happens\n"
"  --help\n"
"\n"
"The same seed does the same again, as long as the sources are the same. Prints KTAP\n"
"diagnostics, and \"not ok\" with the seed if something went wrong.\n";

static void totals(u64 seeds)
{
	printf("# %llu seeds, %llu steps, %llu restarts, %llu links, %llu hotplugs, %llu resumed, %llu replayed, %llu drained\n",
	       (unsigned long long)seeds, (unsigned long long)sim_totals.steps,
	       (unsigned long long)sim_totals.restarts,
	       (unsigned long long)sim_totals.links,
	       (unsigned long long)sim_totals.hotplugs,
	       (unsigned long long)sim_totals.resumed,
	       (unsigned long long)sim_totals.replayed,
	       (unsigned long long)sim_totals.drained);
	printf("# %llu requests (%llu errors), %llu pings, %llu time-outs; %llu frames: %llu dropped, %llu doubled, %llu late; %llu corruptions\n",
	       (unsigned long long)sim_totals.requests,
	       (unsigned long long)sim_totals.errors,
	       (unsigned long long)sim_totals.pings,
	       (unsigned long long)sim_totals.timeouts,
	       (unsigned long long)sim_totals.frames,
	       (unsigned long long)sim_totals.dropped,
	       (unsigned long long)sim_totals.duplicated,
	       (unsigned long long)sim_totals.late,
	       (unsigned long long)sim_totals.corrupted);
}

/*
 * A process for each seed: so it finds the same world whatever ran before, and one
 * that crashes has a name.
 */
static bool isolated(u64 s)
{
	u64 *sum = (u64 *)&sim_totals, *part = (u64 *)shared;
	unsigned int i;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	SHIM_MUST(pid >= 0);
	if (!pid) {
		memset(&sim_totals, 0, sizeof(sim_totals));
		one_seed(s);
		*shared = sim_totals;
		fflush(stdout);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status) {
		if (!WIFEXITED(status))
			printf("# signal %d\nnot ok - seed %llu\n", WTERMSIG(status),
			       (unsigned long long)s);
		return false;
	}
	for (i = 0; i < sizeof(sim_totals) / sizeof(u64); i++)
		sum[i] += part[i];
	return true;
}

static void share(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	SHIM_MUST(shared != MAP_FAILED);
}

/* Each seed until there is no allocation more; processes take turns at them. */
static int sweep_all(u64 from, u64 seeds, unsigned int first, unsigned int stride)
{
	u64 s, n = 0;

	share();
	for (s = 0; s < seeds; s++) {
		sweep = 1 + first;
		do {
			if (!isolated(from + s))
				return 1;
			n += shared->swept;
			sweep += stride;
		} while (shared->swept);
	}
	printf("# %llu seeds, %llu allocations of them failed, one in each run\n",
	       (unsigned long long)seeds, (unsigned long long)n);
	fflush(stdout);
	return 0;
}

static int run(u64 from, u64 seeds, unsigned int first, unsigned int stride,
	       unsigned int seconds)
{
	time_t end = time(NULL) + seconds;
	u64 s, n = 0;

	share();
	for (s = first; seconds ? time(NULL) < end : s < seeds; s += stride) {
		if (!isolated(from + s))
			return 1;
		n++;
	}
	totals(n);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "from", required_argument, NULL, 'f' },
		{ "seeds", required_argument, NULL, 'n' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "seconds", required_argument, NULL, 't' },
		{ "sweep", no_argument, NULL, 'w' },
		{ "nth", required_argument, NULL, 'N' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	u64 from = 1, seeds = 1000;
	unsigned int jobs = 1, seconds = 0, i;
	bool sweeping = false;
	int c, status, bad = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 's':
			from = strtoull(optarg, NULL, 0);
			seeds = 1;
			break;
		case 'f':
			from = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			seeds = strtoull(optarg, NULL, 0);
			break;
		case 'j':
			jobs = strtoul(optarg, NULL, 0);
			break;
		case 't':
			seconds = strtoul(optarg, NULL, 0);
			break;
		case 'w':
			sweeping = true;
			break;
		case 'N':
			sweep = strtoul(optarg, NULL, 0);
			break;
		case 'v':
			sim_verbose = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fputs(help, stderr);
			return 2;
		}
	}
	if (optind != argc || !jobs) {
		fputs(help, stderr);
		return 2;
	}
	if (jobs == 1)
		return sweeping ? sweep_all(from, seeds, 0, 1) :
				  run(from, seeds, 0, 1, seconds);
	fflush(stdout);
	for (i = 0; i < jobs; i++)
		if (!fork())
			return sweeping ? sweep_all(from, seeds, i, jobs) :
					  run(from, seeds, i, jobs, seconds);
	while (wait(&status) > 0)
		bad |= status;
	return !!bad;
}
