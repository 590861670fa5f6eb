#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# As crash.sh, where a successor goes on with the rings of a process that was killed:
# no request may fail, and nothing is lost. One whose write cache died with it must not
# go on.
#
# KERNELS: debian
# GUEST: --transport user --rng

cd "$(dirname "$0")" || exit 1
. ./lib.sh
. ./user_lib.sh

KILLS=${VMSG_KILLS:-25}
# Each run has another seed, so that it does not know what an earlier one has left.
SEED=${VMSG_SEED:-1}
LINK=name=crash,recover=60000,take-over

# In memory of the guest: what a process that was killed had begun to write to 9p, QEMU
# may still take out of the window's pages. A new one has other contents.
IMAGE=/tmp/crash.img

a_disk()
{
	disk_of 2 >/dev/null
}

# daemon ARG...: another one, which takes nothing over
daemon()
{
	host stop >/dev/null 2>&1
	bounded "rmmod" rmmod virtio_msg_user || die "rmmod: $?"
	modprobe virtio_msg_user || die "modprobe: $?"
	truncate -s 16M $IMAGE || die "$IMAGE: $?"
	host link "$LINK" && host arg "$@" || die "host arg: $?"
	host start || die "host start: $?"
	wait_for "a disk is there" a_disk || exit 1
}

# Random kills, with a durable cache and a successor that goes on
killed_at_random()
{
	daemon --dev fileblk,file=$IMAGE,num=2
	crashcheck -r -z 16M -n "$KILLS" -2 30 -t 16 -S "$((SEED * 10 + 5))" >/tmp/cc 2>&1 ||
		die "crashcheck: $?: $(cat /tmp/cc)"
	sed 's/^/# /' /tmp/cc
	note "resumed $(counter resumed), replayed $(counter replayed), drained $(counter drained)"
	[ "$(counter resumed)" -ge "$KILLS" ] || die "resumed only $(counter resumed) times"
}

# A volatile cache: it says that it is gone, and its devices are drained.
killed_with_a_cache()
{
	daemon --volatile-cache --dev fileblk,file=$IMAGE,num=2
	crashcheck -w -f -z 16M -n "$((KILLS / 5))" -t 16 -S "$((SEED * 10 + 6))" >/tmp/cc 2>&1 ||
		die "crashcheck: $?: $(cat /tmp/cc)"
	sed 's/^/# /' /tmp/cc
	[ "$(counter resumed)" -eq 0 ] || die "it went on $(counter resumed) times"
}

# The control: it has lost its cache, and claims that nothing is lost.
lies_are_found()
{
	daemon --dev fileblk,file=$IMAGE,num=2,cache=lies
	! crashcheck -r -f -z 16M -n 3 -t 16 -S "$((SEED * 10 + 7))" >/tmp/cc 2>&1 ||
		die "it lost what was flushed, and nobody noticed: $(cat /tmp/cc)"
	grep -q '[1-9][0-9]* lost' /tmp/cc || die "$(cat /tmp/cc)"
}

# Crash points
killed_at_each_point()
{
	[ -n "${VMSG_POINTS:-}" ] || skip "it takes long, and crash.sh does it, too"
	daemon --dev fileblk,file=$IMAGE,num=2
	crashcheck -r -z 16M -p "$VMSG_POINTS" -S "$((SEED * 10 + 8))" >/tmp/cc 2>&1 ||
		die "crashcheck: $?: $(cat /tmp/cc)"
	sed 's/^/# /' /tmp/cc
}

run_tests killed_at_random killed_with_a_cache lies_are_found killed_at_each_point
