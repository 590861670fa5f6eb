#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Without notification words kicks and used events are messages, and the kicks
# carry NOTIFICATION_DATA where the device has it.
#
# GUEST: --words 0 --dev ramblk,size=16M

cd "$(dirname "$0")" || exit 1
. ./lib.sh

NOTIFICATION_DATA=38
PACKED=34

# The built-in devices' queues are packed, those of the disk are split.
kicks_are_messages()
{
	local n messages

	grep -q "kicks by: message" $DBG/bus || die "$(cat $DBG/bus)"
	for n in $(num_of $NET) $(num_of $RNG) $(num_of $CONSOLE); do
		feature "$n" $PACKED || die "device $n is built in and has no packed ring"
		feature "$n" $NOTIFICATION_DATA ||
			die "device $n is built in and has no NOTIFICATION_DATA"
	done
	messages=$(counter kick_message)
	verify -t 4 -n 100
	rng_read 4096 || exit 1
	[ "$(counter kick_message)" -gt "$messages" ] || die "no kick was a message"
	# A kick is counted before its message.  Others may come between the two
	# reads, so the messages are read first, and totals compared.
	messages=$(counter kick_message)
	[ "$(counter kick)" -ge "$messages" ] || die "more messages than kicks"
	[ "$(counter rx_event)" -gt 0 ] || die "no used event was a message"
	check_counters
}

# The device side compares what each kick says with the ring.
what_kicks_say_is_right()
{
	local stray

	stray=$(host stats --json | tr ',{' '\n\n' | sed -n 's/.*"stray": *\([0-9]*\).*/\1/p' | head -n 1)
	[ -n "$stray" ] || die "the daemon does not count stray messages"
	[ "$stray" -eq 0 ] || die "stray messages at the device side: $stray"
}

# A queue whose device may wait for a successor is none of the packed ones: the
# bus has to be brought up anew, now that none does.
modprobe -r $TRANSPORT virtio_msg && load
wait_ready
run_tests kicks_are_messages what_kicks_say_is_right
