#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The guest is suspended and resumed while its devices are in use.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

ROUNDS=$(rounds 2)

can_freeze()
{
	grep -qw freeze /sys/power/state 2>/dev/null || skip "this kernel cannot suspend"
}

# test_level LEVEL [SECONDS]: suspend up to here, and come back by itself
test_level()
{
	can_freeze
	grep -qw "$1" /sys/power/pm_test 2>/dev/null || skip "no CONFIG_PM_DEBUG"
	echo "${2:-1}" >/sys/module/suspend/parameters/pm_test_delay 2>/dev/null
	echo "$1" >/sys/power/pm_test
	bounded "suspend" sh -c 'echo freeze >/sys/power/state'
	rc=$?
	echo none >/sys/power/pm_test
	[ $rc -eq 0 ] || die "suspend failed: $rc"
}

# meanwhile VERB...: the host does that while the devices are suspended. It counts the
# time itself: all processes of the guest are frozen before its devices are.
meanwhile()
{
	host later 4 "$@" || die "host later: $?"
}

# sleep_meanwhile: suspend the devices while the host does what meanwhile() has ordered
sleep_meanwhile()
{
	local start at

	read -r start _ </proc/uptime
	test_level devices 7
	at=$(dmesg | sed -n 's/^\[ *\([0-9]*\)\..*suspend debug: Waiting.*/\1/p' | tail -n 1)
	[ -n "$at" ] || die "the kernel does not say when the devices were suspended"
	[ "$at" -le $((${start%.*} + 3)) ] || die "suspended $at, ordered at $start: too late"
}

# done_meanwhile: what came of the next order; its answer is in ANSWER
done_meanwhile()
{
	ANSWER=$(host later) || die "the host's part: $ANSWER"
}

use_all()
{
	wait_ready
	verify -t 4 -n 20
	rng_read 512 || exit 1
	if net_up; then
		net_traffic 50000 || exit 1
	fi
	check_counters
}

pm_test_devices()
{
	for _ in $(seq $((ROUNDS / 2))); do
		test_level devices
		use_all
	done
}

pm_test_under_io()
{
	local i

	background ioverify -q -t 16 -m 16 -s 3600 "$DISK"
	writer=$JOB
	for i in $(seq $ROUNDS); do
		test_level devices
		sleep 0.3
		kill -0 $writer 2>/dev/null || die "I/O failed in round $i"
	done
	kill -9 $writer
	ended "I/O" $writer 2>/dev/null
	use_all
}

# The daemon is another one when the guest wakes up.
peer_restarts_meanwhile()
{
	grep -qw devices /sys/power/pm_test 2>/dev/null || skip "no CONFIG_PM_DEBUG"
	lost=$(counter peer_lost)
	meanwhile kill
	sleep_meanwhile
	done_meanwhile
	host start || die "host start: $?"
	use_all
	[ "$(counter peer_lost)" -gt "$lost" ] || die "the loss was not noticed"
}

# It is dead when the guest goes to sleep, or dies then, and stays so.
peer_dead_meanwhile()
{
	grep -qw devices /sys/power/pm_test 2>/dev/null || skip "no CONFIG_PM_DEBUG"
	wait_ready
	background ioverify -x -t 4 -m 4 -s 3600 "$DISK" >/tmp/ioverify.out 2>&1
	writer=$JOB
	meanwhile kill
	sleep_meanwhile
	done_meanwhile
	ended "I/O" "$writer" || die "ioverify: $?: $(cat /tmp/ioverify.out)"
	wait_for "the bus has lost its peer" bus_is waiting || die "the bus is $(bus_state)"
	test_level devices
	bus_is waiting || die "the bus is $(bus_state)"
	host start || die "host start: $?"
	use_all
}

absent()
{
	[ -z "$(field "$1" 1)" ]
}

# A disk in use goes, and another one comes, while nobody is awake to hear of it.
disk_changes_meanwhile()
{
	local first second

	grep -qw devices /sys/power/pm_test 2>/dev/null || skip "no CONFIG_PM_DEBUG"
	wait_ready
	first=$(host add ramblk,size=8M | grep -o '[0-9][0-9]*' | head -n 1)
	wait_for "device $first is a disk" disk_of "$first" || exit 1
	background ioverify -x -t 4 -m 4 -s 3600 "$(disk_of "$first")" >/tmp/ioverify.out 2>&1
	writer=$JOB
	meanwhile remove "$first"
	meanwhile add ramblk,size=4M
	sleep_meanwhile
	done_meanwhile
	done_meanwhile
	ended "I/O on a disk that is gone" "$writer" || die "ioverify: $?: $(cat /tmp/ioverify.out)"
	second=$(echo "$ANSWER" | grep -o '[0-9][0-9]*' | head -n 1)
	[ "$first" = "$second" ] || wait_for "device $first is gone" absent "$first" || exit 1
	wait_for "device $second is a disk" disk_of "$second" || exit 1
	bounded "check" ioverify -q -t 2 -n 20 -z 1M "$(disk_of "$second")" || die "device $second"
	host remove "$second" >/dev/null || die "host remove: $?"
	wait_for "device $second is gone" absent "$second" || exit 1
	use_all
}

# For real; the clock wakes the guest.
suspend_to_idle()
{
	local alarm=/sys/class/rtc/rtc0/wakealarm

	can_freeze
	[ -w $alarm ] || skip "no clock that can wake the guest"
	background ioverify -q -t 4 -m 16 -s 3600 "$DISK"
	writer=$JOB
	echo 0 >$alarm
	echo +2 >$alarm || skip "the clock's alarm cannot be set"
	bounded "suspend" sh -c 'echo freeze >/sys/power/state' || die "suspend failed: $?"
	kill -0 $writer 2>/dev/null || die "I/O failed"
	kill -9 $writer
	ended "I/O" $writer 2>/dev/null
	use_all
}

wait_ready
run_tests pm_test_devices pm_test_under_io peer_restarts_meanwhile \
	peer_dead_meanwhile disk_changes_meanwhile suspend_to_idle
