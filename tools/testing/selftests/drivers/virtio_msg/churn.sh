#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Many devices come and go, at every stage of their drivers' probes and lives, while
# others are in use; numbers are taken again at once by other devices. Afterwards
# nothing is more than it was.
#
# KERNELS: debian debug
# GUEST: --transport ivshmem --dev ramblk,size=16M,num=1 --dev rng,num=2

cd "$(dirname "$0")" || exit 1
. ./lib.sh

# A kernel with all checks takes longer for each.
CYCLES=200
[ "$GUEST_KERNEL" != debug ] || CYCLES=40
CYCLES=${VMSG_CYCLES:-$CYCLES}

ready()
{
	bus_is running && DISK=$(disk_of 1) && rng_ready
}

# What must be as it was: interrupts, buses, devices, their numbers, modules' users
things()
{
	grep -c virtio_msg /proc/interrupts
	ls /sys/class/virtio-msg
	ls $VIRTIO | wc -l
	cut -d ' ' -f 1-3 /proc/modules | grep virtio_msg
	cat $DBG/window | grep -E '^(used|quarantined|guaranteed|ring used)'
}

# Unreclaimable memory of the kernel, after what is freed late has been freed
slab()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	awk '/^SUnreclaim/ { print $2 }' /proc/meminfo
}

# churn N SEED: in pieces, each below the time that the host waits
churn()
{
	local left=$1 seed=$2 n

	while [ "$left" -gt 0 ]; do
		n=$left
		[ "$n" -le 50 ] || n=50
		bounded "host churn" host churn "$n,$seed" >>/tmp/churn || die "host churn: $?"
		left=$((left - n))
		seed=$((seed + 1))
	done
}

none_left()
{
	! grep -q '^1[0-6][0-9] ' $DBG/devices
}

come_and_go()
{
	local before after

	background ioverify -q -t 4 -m 4 -s 3600 "$DISK"
	writer=$JOB
	churn 50 1000
	wait_for "devices are gone" none_left || exit 1
	: >/tmp/churn
	things >/tmp/things.before
	before=$(slab)
	# Asked for devices all the time, too.
	background sh -c "while echo 1 >$CLASS/rescan; do sleep 0.1; done"
	asker=$JOB
	churn "$CYCLES" "${VMSG_SEED:-1}"
	kill -9 "$asker"
	wait_for "devices are gone" none_left || exit 1
	kill -0 "$writer" 2>/dev/null || die "I/O on another disk has failed"
	after=$(slab)
	things >/tmp/things.after
	# The disk is in use, so its buffers come and go.
	grep -v '^used' /tmp/things.before >/tmp/things.1
	grep -v '^used' /tmp/things.after >/tmp/things.2
	cmp -s /tmp/things.1 /tmp/things.2 || die "there was $(cat /tmp/things.1)," \
		"now there is $(cat /tmp/things.2)"
	note "$CYCLES: $(tr '\n' ';' </tmp/churn)"
	note "memory of the kernel: $before KiB before, $after after"
	# Half a KiB per cycle would be a leak; what else the kernel does is less.
	[ "$GUEST_KERNEL" = debug ] || [ $((after - before)) -lt $((2048 + CYCLES / 2)) ] ||
		die "the kernel has $((after - before)) KiB more than before"
	kill -9 "$writer"
	ended "I/O" "$writer" 2>/dev/null
	bounded "check" ioverify -q -t 4 -n 10 "$DISK" || die "ioverify: $?"
	check_counters
}

# The last number that a device had is free again: so are all others.
numbers_are_given_back()
{
	local first last

	host add rng,num=200 >/dev/null || die "host add: $?"
	wait_for "device 200 is there" name_of 200 || exit 1
	first=$(name_of 200)
	host remove 200 >/dev/null || die "host remove: $?"
	churn 20 5
	wait_for "devices are gone" none_left || exit 1
	host add rng,num=200 >/dev/null || die "host add: $?"
	wait_for "device 200 is there" name_of 200 || exit 1
	last=$(name_of 200)
	[ "$first" = "$last" ] || die "it was $first, now it is $last"
	host remove 200 >/dev/null || die "host remove: $?"
}

wait_for "the devices are there" ready || exit 1
ready
run_tests come_and_go numbers_are_given_back
