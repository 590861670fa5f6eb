#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# No acknowledged write is lost when the device side is killed. What was acknowledged
# is known to a program of this guest, which the kills do not touch. The device is
# "fileblk" of vmsgd, whose stores are all in one process.
#
# KERNELS: debian
# GUEST: --transport ivshmem --rng

cd "$(dirname "$0")" || exit 1
. ./lib.sh

KILLS=${VMSG_KILLS:-60}
# Each run has another seed, so that it does not know what an earlier one has left.
SEED=${VMSG_SEED:-1}

# daemon SECONDS ARG...: kill it and start it with this device; so long it may be waited
# for from then on.
daemon()
{
	recover 0
	host kill >/dev/null 2>&1
	wait_for "its devices are gone" no_disk || exit 1
	recover "$1"
	shift
	host arg "$@" || die "host arg: $?"
	host start || die "host start: $?"
	wait_for "a disk is there" a_disk || exit 1
}

no_disk()
{
	! disk_of 2
}

a_disk()
{
	disk_of 2 >/dev/null
}

# Random kills, also while it comes back, with a durable cache
killed_at_random()
{
	daemon 0 --dev fileblk,file=extra1.img,num=2
	crashcheck -z 16M -n "$KILLS" -2 30 -t 16 -S "$((SEED * 10 + 0))" >/tmp/cc 2>&1 ||
		die "crashcheck: $?: $(cat /tmp/cc)"
	sed 's/^/# /' /tmp/cc
}

# The same with a successor that goes on: nothing fails
killed_and_resumed()
{
	local before

	daemon 60 --dev fileblk,file=extra1.img,num=2
	before=$(counter resumed)
	crashcheck -r -z 16M -n "$((KILLS / 3))" -2 30 -t 16 -S "$((SEED * 10 + 9))" >/tmp/cc 2>&1 ||
		die "crashcheck: $?: $(cat /tmp/cc)"
	sed 's/^/# /' /tmp/cc
	note "resumed $(counter resumed), replayed $(counter replayed), drained $(counter drained)"
	[ "$(($(counter resumed) - before))" -ge "$((KILLS / 3))" ] ||
		die "resumed only $(($(counter resumed) - before)) times"
}

# A volatile cache: what was flushed survives its loss
killed_with_a_cache()
{
	daemon 0 --volatile-cache --dev fileblk,file=extra1.img,num=2
	crashcheck -f -z 16M -n "$((KILLS / 5))" -2 30 -t 16 -S "$((SEED * 10 + 1))" >/tmp/cc 2>&1 ||
		die "crashcheck: $?: $(cat /tmp/cc)"
	sed 's/^/# /' /tmp/cc
}

# The control: a device that acknowledges and does not keep its word is found out,
lies_are_found()
{
	daemon 0 --dev fileblk,file=extra1.img,num=2,cache=lies
	! crashcheck -f -z 16M -n 3 -t 16 -S "$((SEED * 10 + 2))" >/tmp/cc 2>&1 ||
		die "it lost what was flushed, and nobody noticed: $(cat /tmp/cc)"
	grep -q '[1-9][0-9]* lost' /tmp/cc || die "$(cat /tmp/cc)"
	sed -n 's/^crashcheck: [0-9]* kills/# found: &/p' /tmp/cc
}

# and so is one that has a cache, if all that was acknowledged must be there.
a_cache_is_found()
{
	daemon 0 --volatile-cache --dev fileblk,file=extra1.img,num=2
	! crashcheck -z 16M -n 3 -t 16 -S "$((SEED * 10 + 3))" >/tmp/cc 2>&1 ||
		die "it lost what was acknowledged, and nobody noticed: $(cat /tmp/cc)"
	grep -q '[1-9][0-9]* lost' /tmp/cc || die "$(cat /tmp/cc)"
}

# Crash points: at each one of short sequences of requests; at the first ones, if there is
# no time for more
killed_at_each_point()
{
	local last=10

	[ -z "${VMSG_POINTS:-}" ] || last=1000
	daemon 0 --dev fileblk,file=extra1.img,num=2
	crashcheck -z 16M -p "${VMSG_POINTS:-1}" -e $last -S "$((SEED * 10 + 4))" >/tmp/cc 2>&1 ||
		die "crashcheck: $?: $(cat /tmp/cc)"
	sed 's/^/# /' /tmp/cc
}

run_tests killed_at_random killed_and_resumed killed_with_a_cache lies_are_found \
	a_cache_is_found killed_at_each_point
