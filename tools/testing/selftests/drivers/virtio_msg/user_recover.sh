#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The process behind /dev/virtio-msg dies. Without a successor all that was under
# way ends with errors; with one, nobody who uses the disk notices.
#
# GUEST: --transport user --blk %DIR%/disk.img --rng

cd "$(dirname "$0")" || exit 1
. ./lib.sh
. ./user_lib.sh

# 256 requests, the whole ring: the back end sleeps, so that none of them ends.
full_ring()
{
	local p

	# Its partitions are looked for first: nobody opens it until that is done.
	bounded "a first read" dd if="$DISK" of=/dev/null bs=4k count=1 2>/dev/null ||
		die "$DISK cannot be read"
	# Two that are neighbours would be merged, and then there are only 255.
	echo 2 >"/sys/block/${DISK#/dev/}/queue/nomerges" || die "$DISK: no nomerges"
	for p in /proc/[0-9]*; do
		! grep -q bin/qemu-storage-daemon "$p/cmdline" 2>/dev/null ||
			kill -STOP "${p#/proc/}"
	done
	background ioverify -x -t 256 -m 1 -z 16M -s 3600 "$DISK" >/tmp/ioverify.out 2>&1
	writer=$JOB
	wait_for "256 requests are under way" busy_with "$DISK" 256 || {
		note "$(inflight_of "$DISK") are"
		exit 1
	}
}

killed_with_256_in_flight()
{
	local errors

	wait_ready
	full_ring
	host kill || die "host kill: $?"
	ended "256 requests to a process that is dead" "$writer" ||
		die "ioverify: $?: $(cat /tmp/ioverify.out)"
	errors=$(sed -n 's/.* \([0-9]*\) I\/O errors.*/\1/p' /tmp/ioverify.out)
	[ "${errors:-0}" -ge 256 ] || die "$errors errors: $(cat /tmp/ioverify.out)"
	wait_for "the bus has ended" no_bus || exit 1
	[ ! -b "$DISK" ] || die "$DISK is still there"
	host start || die "host start: $?"
	wait_ready
	verify -t 4 -n 10
	rng_read 512 || exit 1
}

resumed_more()
{
	[ "$(counter resumed)" -gt "$1" ]
}

# Every round the daemon and its back end are killed, and another comes.
successor_under_io()
{
	local i n resumed

	n=$(rounds 3)
	restart_with "name=test,recover=60000,take-over"
	background ioverify -t 16 -m 16 -z 16M -s 3600 "$DISK" >/tmp/ioverify.out 2>&1
	writer=$JOB
	background head -c 100000000 /dev/hwrng >/dev/null
	for i in $(seq "$n"); do
		resumed=$(counter resumed)
		sleep "0.$((i % 7 + 2))"
		host kill || die "host kill: $?"
		# Not before its back end is gone, too.
		wait_for "the loss is noticed" bus_is away || die "round $i: the bus is $(bus_state)"
		sleep 0.3
		host start || die "host start: $?"
		wait_for "the bus runs again" bus_is running || exit 1
		wait_for "a device goes on" resumed_more "$resumed" || die "round $i: $(counter resumed)"
	done
	kill -USR1 "$writer"
	ended "I/O across $n successors" "$writer" ||
		die "I/O failed: $?: $(tail -n 5 /tmp/ioverify.out)"
	sed 's/^/# /' /tmp/ioverify.out
	[ "$(counter peer_lost)" -eq 0 ] || die "the peer counts as lost"
	[ -b "$DISK" ] || die "$DISK is gone"
	note "resumed $(counter resumed), replayed $(counter replayed), drained $(counter drained)"
	rng_read 512 || exit 1
	verify -t 4 -n 10
	check_counters
}

# 256 requests wait for it, and not one is lost.
successor_with_256_in_flight()
{
	restart_with "name=test,recover=60000,take-over"
	full_ring
	host kill || die "host kill: $?"
	sleep 0.5
	[ "$(inflight_of "$DISK")" -ge 256 ] || die "of 256 requests $(inflight_of "$DISK") wait"
	kill -0 "$writer" 2>/dev/null || die "I/O ended: $(cat /tmp/ioverify.out)"
	host start || die "host start: $?"
	wait_for "the bus runs again" bus_is running || exit 1
	wait_for "requests are done" written 1 || exit 1
	kill "$writer"
	ended "I/O" "$writer"
	verify -t 4 -n 10
	check_counters
}

# Of this disk, ever
written()
{
	[ "$(ios_of "$DISK")" -gt "$1" ]
}

# Nobody comes: after the time that was asked for it is over.
nobody_comes()
{
	restart_with "name=test,recover=2000"
	background ioverify -x -t 16 -m 4 -z 16M -s 3600 "$DISK" >/tmp/ioverify.out 2>&1
	writer=$JOB
	sleep 0.3
	host kill || die "host kill: $?"
	sleep 0.5
	kill -0 "$writer" 2>/dev/null || die "I/O did not wait: $(cat /tmp/ioverify.out)"
	ended "I/O whose device side never came back" "$writer" ||
		die "ioverify: $?: $(cat /tmp/ioverify.out)"
	wait_for "the bus has ended" no_bus || exit 1
	host start || die "host start: $?"
	wait_ready
	verify -t 4 -n 10
}

# A RAM disk forgets: what is written to a successor's must not be taken for it.
what_forgets_does_not_go_on()
{
	restart_with "name=test,recover=60000,take-over" --dev ramblk,size=16M
	host kill || die "host kill: $?"
	host start || die "host start: $?"
	wait_ready
	grep -q 'took over test$' /run/vmsgd.log || die "$(tail -n 5 /run/vmsgd.log)"
	[ "$(counter resumed)" -eq 0 ] || die "it went on with a RAM disk that is empty"
	verify -t 4 -n 10
	restart_with "window=64M"
}

wait_ready
run_tests killed_with_256_in_flight successor_under_io successor_with_256_in_flight \
	nobody_comes what_forgets_does_not_go_on
