#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The devices of a remote core, over shared memory and a mailbox.
#
# GUEST: --transport mbox

cd "$(dirname "$0")" || exit 1
. ./mbox_lib.sh

ORDER_PLATFORM=36
OPS=$(rounds 200)

disk_depth_1()
{
	local n k u m i to=0 from=0 to0 from0

	n=$(num_of $BLK)
	bounded "a first read" head -c 65536 "$DISK" >/dev/null
	k=$(kicks_of "$n") u=$(used_of "$n") m=$(messages_of "$n") i=$(ios_of "$DISK")
	rung 0
	to0=$to from0=$from
	verify -t 1 -n "$OPS" -z 4M
	rung 0
	k=$(($(kicks_of "$n") - k)) u=$(($(used_of "$n") - u)) m=$(($(messages_of "$n") - m))
	i=$(($(ios_of "$DISK") - i)) to=$((to - to0)) from=$((from - from0))
	[ $i -gt 0 ] || die "no I/O was done"
	note "queue depth 1, $i I/Os; for each: $(awk "BEGIN { printf \"kicks %.3f, used events %.3f, \
messages %.3f, interrupts to the remote core %.3f, from it %.3f\", \
		$k / $i, $u / $i, $m / $i, $to / $i, $from / $i }")"
	[ $to -le $((i + 40)) ] || die "$to doorbells for $i I/Os"
	[ $from -le $((i + 40)) ] || die "$from interrupts for $i I/Os"
	[ "$m" -eq 0 ] || die "$m messages for $i I/Os"
	check_links
}

disk_deep()
{
	verify -t 16 -n $((OPS / 4)) -m 32 -z 12M
	verify -t 4 -n $((OPS / 4)) -z 4M -f 4
	check_links
}

# Each link's source in turn: the driver core reads the one that is chosen.
entropy()
{
	local n k rng

	for n in 0 1; do
		link $n
		k=$(kicks_of "$(num_of $RNG)")
		for rng in $(cat /sys/class/misc/hw_random/rng_available); do
			[ "${rng#virtio_rng}" != "$rng" ] || continue
			echo "$rng" >/sys/class/misc/hw_random/rng_current
			rng_read 2048 || exit 1
		done
		[ "$(kicks_of "$(num_of $RNG)")" -gt "$k" ] ||
			die "the entropy source of link $n was not read"
	done
	check_links
}

# It sends back what it gets.
console()
{
	local f

	f=$(mktemp /tmp/con.XXXXXX)
	head -c 12288 /dev/urandom | base64 | tr -d '\n' | head -c 16384 >"$f"
	exec 7<>/dev/hvc0
	stty -F /dev/hvc0 raw -echo || die "stty: $?"
	background cat "$f" >&7
	bounded "the echo" head -c 16384 <&7 >"$f.back" || die "the echo: $?"
	exec 7<&-
	cmp "$f" "$f.back" || die "the console sent back something else"
	rm -f "$f" "$f.back"
}

# The device of the link whose peer is not coherent asks for our barriers.
barriers()
{
	link 0
	! feature "$(num_of $BLK)" $ORDER_PLATFORM || die "link 0 is coherent"
	link 1
	feature "$(num_of $RNG)" $ORDER_PLATFORM ||
		die "link 1 is not coherent, and ORDER_PLATFORM is not in force"
}

# One link goes and comes while the other works.
links_are_apart()
{
	local i driver=/sys/bus/platform/drivers/virtio_msg_mbox

	background ioverify -q -t 4 -m 16 -s 3600 -z 8M "$DISK"
	writer=$JOB
	for i in 1 2 3; do
		bounded "unbind" sh -c "echo virtio-msg-1 >$driver/unbind"
		link 1
		[ $BUS = none ] || die "round $i: the bus of link 1 is still there"
		bounded "bind" sh -c "echo virtio-msg-1 >$driver/bind"
		wait_links
		kill -0 $writer 2>/dev/null || die "round $i: I/O on link 0 failed"
	done
	kill -9 $writer
	ended "I/O" $writer 2>/dev/null
	rng_read 512 || exit 1
	check_links
}

unloaded()
{
	local acks seed rc

	acks=/tmp/acks.mbox
	seed=$(new_seed)
	rm -f $acks
	background ioverify -x -r $acks -S "$seed" -t 8 -m 16 -z 8M -s 3600 "$DISK" >/tmp/ioverify.out 2>&1
	writer=$JOB
	sleep 0.3
	bounded "rmmod" rmmod $TRANSPORT || die "rmmod: $?"
	ended "I/O on a disk whose driver is gone" $writer
	rc=$?
	[ $rc -eq 0 ] || die "ioverify: exit status $rc: $(cat /tmp/ioverify.out)"
	[ -z "$(ls /sys/class/virtio-msg)" ] || die "a bus is left"
	modprobe $TRANSPORT || die "modprobe: $?"
	wait_links
	bounded "check" ioverify -c -r $acks -S "$seed" -t 8 -z 8M "$DISK" >/tmp/ioverify.out 2>&1 ||
		die "acknowledged data is lost: $(tail -n 5 /tmp/ioverify.out)"
	check_links
}

suspended()
{
	grep -qw freeze /sys/power/state 2>/dev/null || skip "this kernel cannot suspend"
	grep -qw devices /sys/power/pm_test 2>/dev/null || skip "no CONFIG_PM_DEBUG"
	background ioverify -q -t 4 -m 16 -s 3600 -z 8M "$DISK"
	writer=$JOB
	echo 1 >/sys/module/suspend/parameters/pm_test_delay 2>/dev/null
	echo devices >/sys/power/pm_test
	bounded "suspend" sh -c 'echo freeze >/sys/power/state' || die "suspend: $?"
	echo none >/sys/power/pm_test
	sleep 0.3
	kill -0 $writer 2>/dev/null || die "I/O failed"
	kill -9 $writer
	ended "I/O" $writer 2>/dev/null
	wait_links
	verify -t 4 -n 20
	check_links
}

wait_links
run_tests disk_depth_1 disk_deep entropy console barriers links_are_apart unloaded suspended
