#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# A network card whose packets go through dom0: vmsgd and passt there, and from there
# to the host.  passt wants namespaces, which not all kernels of the bench have.
#
# GUEST: --transport xen --blk %DIR%/disk.img --net --rng
# KERNELS: debian debian-lts
# ON-REQUEST

cd "$(dirname "$0")" || exit 1
. ./xen_lib.sh

all_ready()
{
	bus_is running || return 1
	DISK=$(disk_of "$(num_of $BLK)") || return 1
	IF=$(net_of "$(num_of $NET)") || return 1
	[ -n "$DISK" ] && [ -n "$IF" ] && rng_ready
}

network_through_dom0()
{
	need_net
	net_traffic 300000 || exit 1
	check_counters
}

disk_beside_it()
{
	local job

	need_net
	background ioverify -q -z 4M -t 4 -n 40 "$DISK"
	job=$JOB
	net_traffic 200000 || exit 1
	ended "I/O" "$job" || die "ioverify: $?"
	check_counters
}

killed_and_restarted()
{
	host kill || die "host kill: $?"
	wait_for "the devices are gone" no_devices || exit 1
	host start || die "host start: $?"
	wait_ready
	need_net
	net_traffic 100000 || exit 1
	verify -t 4 -n 10
	check_counters
}

reloaded()
{
	reload
	wait_ready
	need_net
	net_traffic 100000 || exit 1
	check_counters
	bounded "rmmod" rmmod $TRANSPORT || die "rmmod: $?"
	wait_for "no grant is mapped" grants_are 0 || die "$(cat /tmp/grants)"
	modprobe $TRANSPORT || die "modprobe: $?"
	wait_ready
}

wait_ready
run_tests network_through_dom0 disk_beside_it killed_and_restarted reloaded
