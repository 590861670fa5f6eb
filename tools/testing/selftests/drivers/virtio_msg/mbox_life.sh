#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The remote core is stopped, dies, hangs, and is started again, under I/O.  What
# was acknowledged must be there afterwards; what was not must fail, and nothing
# may hang.
#
# GUEST: --transport mbox

cd "$(dirname "$0")" || exit 1
. ./mbox_lib.sh
. ./acks_lib.sh

ROUNDS=$(rounds 2)

# kept: what was acknowledged is there.
kept()
{
	wait_links
	acknowledged
	verify -t 4 -n 20
	rng_read 512 || exit 1
	check_links
}

uptime_ms()
{
	awk '{ printf "%d", $1 * 1000 }' /proc/uptime
}

stopped_and_started()
{
	local i t best=

	for i in $(seq "$ROUNDS"); do
		begin
		rproc stop || die "round $i: stop: $?"
		failed
		wait_for "the devices are gone" no_devices || exit 1
		rproc_is offline || die "the remote core is $(rproc_state)"
		t=$(uptime_ms)
		rproc start || die "round $i: start: $?"
		until link_ready 0; do
			[ $(($(uptime_ms) - t)) -lt ${LIMIT}000 ] || break
			sleep 0.01
		done
		t=$(($(uptime_ms) - t))
		[ -n "$best" ] && [ "$best" -lt $t ] || best=$t
		kept
	done
	note "from its start to a disk that can be used: $best ms at best"
}

# It says nothing: the bus must find out by itself, and so does nobody else.
killed()
{
	local i lost

	for i in $(seq "$ROUNDS"); do
		link 0
		lost=$(counter peer_lost)
		begin
		command crash || die "crash: $?"
		failed
		wait_for "the devices are gone" no_devices || exit 1
		link 0
		[ "$(counter peer_lost)" -gt "$lost" ] || die "round $i: the loss was not counted"
		rproc_is running || die "who told that the core died? $(rproc_state)"
		rproc stop || die "round $i: stop: $?"
		rproc start || die "round $i: start: $?"
		kept
	done
}

# Dead for so short a time that nobody could see it.
killed_and_started_at_once()
{
	local lost

	link 0
	lost=$(counter peer_lost)
	begin
	command crash
	rproc stop
	rproc start || die "start: $?"
	failed
	kept
	[ "$(counter peer_lost)" -gt "$lost" ] || die "the loss was not counted"
}

# The watchdog ends the firmware, and remoteproc starts it anew.
hung()
{
	local lost

	link 0
	lost=$(counter peer_lost)
	begin
	command hang || die "hang: $?"
	failed
	kept
	[ "$(counter peer_lost)" -gt "$lost" ] || die "the loss was not counted"
	dmesg | grep -q 'crash detected in amp: type watchdog' ||
		die "the watchdog was not what found out"
}

# Somebody writes over the segment: the driver lets go of it and takes it again.
spoilt()
{
	local lost what

	host helper 2>&1 | grep -q memory || skip "the host cannot write to this memory"
	# The device side's ring head, its status, the magic and the window.
	for what in "tail 0xffff" "status 0x1234" "magic 0" "instance 7"; do
		link 0
		lost=$(counter peer_lost)
		begin
		# shellcheck disable=SC2086
		host helper memory $what || die "$what: $?"
		if [ "${what%% *}" = magic ]; then
			# Nobody looks at it while the link is up.
			rproc stop || die "stop: $?"
			rproc start || die "start: $?"
		fi
		failed
		kept
		[ "$(counter peer_lost)" -gt "$lost" ] || die "$what: nobody noticed"
	done
}

all_unloaded()
{
	local m

	rmmod $TRANSPORT || die "rmmod: $?"
	rmmod virtio_msg_test_remote || die "rmmod: $?"
	! grep -q virtio_msg /proc/interrupts || die "interrupts are left"
	for m in virtio_msg_mbox virtio_msg_test_remote; do
		# The first one waits for the mailbox of the second.
		modprobe $m || die "modprobe $m: $?"
	done
	wait_links
	verify -t 4 -n 20
	check_links
}

wait_links
run_tests stopped_and_started killed killed_and_started_at_once hung spoilt all_unloaded
