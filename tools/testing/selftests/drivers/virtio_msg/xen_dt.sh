#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# A Xen domain finds its peer by device tree: no store, a fixed grant and a static
# event channel.  Disk and entropy are served by dom0, and
# nothing of that outlives anything it should not.
#
# GUEST: --transport xen --blk %DIR%/disk.img --rng
# ON-REQUEST

cd "$(dirname "$0")" || exit 1
. ./xen_lib.sh

all_devices()
{
	boot_to_device
	verify -t 8 -n 40 -m 16
	rng_read 2048 || exit 1
	check_counters
	[ "$(counter kick_message)" -eq 0 ] || die "kicks were messages"
}

# What an I/O costs; for the reader, no limit is set.
events_per_io()
{
	local sent got ios doors

	sent=$(bus_line "events sent")
	got=$(bus_line events)
	ios=$(ios_of "$DISK")
	doors=$(host stats | sed -n 's/.*events sent \([0-9]*\), received.*/\1/p')
	bounded "reads" dd if="$DISK" of=/dev/null bs=4k count=500 iflag=direct 2>/dev/null ||
		die "dd: $?"
	ios=$(($(ios_of "$DISK") - ios))
	sent=$(($(bus_line "events sent") - sent))
	got=$(($(bus_line events) - got))
	[ "$ios" -ge 500 ] || die "$ios I/Os"
	[ "$sent" -gt 0 ] && [ "$got" -gt 0 ] || die "$sent events sent, $got received"
	note "$ios reads one at a time: $sent events sent, $got received"
	note "sent by vmsgd: $(($(host stats | sed -n 's/.*events sent \([0-9]*\), received.*/\1/p') - doors))"
	note "$(host stats | grep '^xen:')"
}

another_disk()
{
	local n

	n=$(host add blk,file=extra0.img | tail -n 1)
	[ "${n:-0}" -gt 0 ] || die "host add: $n"
	wait_for "a second disk" disk_of "$n" || exit 1
	verify_on "$(disk_of "$n")"
	host remove "$n" >/dev/null || die "host remove: $?"
	wait_for "it is gone" gone "$n" || exit 1
	verify -t 4 -n 10
}

verify_on()
{
	bounded "I/O on $1" ioverify -q -z 4M -t 4 -n 20 "$1" || die "ioverify $1: $?"
}

gone()
{
	[ -z "$(field "$1" 1)" ]
}

killed_and_restarted()
{
	local i lost

	for i in $(seq "$(rounds 2)"); do
		lost=$(counter peer_lost)
		begin
		host kill || die "host kill: $?"
		failed
		wait_for "the devices are gone" no_devices || exit 1
		[ "$(counter peer_lost)" -gt "$lost" ] || die "round $i: the loss was not counted"
		host start || die "host start: $?"
		kept
	done
}

# So soon that nobody could see it.
killed_and_started_at_once()
{
	begin
	host kill
	host start || die "host start: $?"
	failed
	kept
}

bus_is_away()
{
	bus_is away
}

resumed_more()
{
	[ "$(counter resumed)" -gt "$1" ]
}

# Devices wait for the next process, which goes on with their rings.
successors()
{
	local verb lost resumed out=/tmp/ioverify.out

	# They are made for it: on rings that it can go on with.
	recover 60
	reload
	wait_ready
	lost=$(counter peer_lost)
	background ioverify -t 8 -m 16 -z 4M -f 8 -s 3600 "$DISK" >$out 2>&1
	writer=$JOB
	for verb in $(yes "kill stop" | head -n "$(rounds 1)"); do
		resumed=$(counter resumed)
		sleep 0.3
		host "$verb" || die "host $verb: $?"
		wait_for "the loss is noticed" bus_is_away || die "the bus is $(bus_state)"
		[ -b "$DISK" ] || die "$DISK is gone"
		host start || die "host start: $?"
		wait_for "a device goes on" resumed_more "$resumed" || die "the bus is $(bus_state)"
	done
	kill -USR1 "$writer"
	ended "I/O across successors" "$writer" || die "I/O failed: $?: $(tail -n 5 $out)"
	note "$(tail -n 1 $out)"
	[ "$(counter peer_lost)" -eq "$lost" ] || die "the peer counts as lost"
	note "resumed $(counter resumed), replayed $(counter replayed), drained $(counter drained)"
	wait_ready
	rng_read 512 || exit 1
	verify -t 4 -n 10
	check_counters
	recover 0
}

stopped_and_started()
{
	begin
	host stop || die "host stop: $?"
	failed
	wait_for "the devices are gone" no_devices || exit 1
	# Page 0 is what it looks for a new peer with; nobody else has it.
	wait_for "no grant is mapped" grants_are 0 || die "$(cat /tmp/grants)"
	host start || die "host start: $?"
	kept
}

# The port is static: closed once, it would be gone for good.
reloaded()
{
	local i

	for i in $(seq "$(rounds 3)"); do
		reload
		wait_ready
		verify -t 4 -n 10
		rng_read 512 || exit 1
		check_counters
	done
	note "$(host stats | grep '^xen:')"
}

removed_while_mapped()
{
	local n

	host pause || die "host pause: $?"
	bounded "rmmod" rmmod $TRANSPORT || die "rmmod: $?"
	dmesg | tail -n 20 | grep -q 'still has .* pages mapped' ||
		die "the log does not say that pages are still mapped"
	n=$(active_grants)
	[ "$n" -gt 0 ] || die "nothing is mapped by a process that sleeps"
	note "$n grants are mapped by a process that sleeps"
	host continue || die "host continue: $?"
	wait_for "it lets go" grants_are 0 || die "$(cat /tmp/grants)"
	modprobe $TRANSPORT || die "modprobe: $?"
	wait_ready
	verify -t 4 -n 10
	check_counters
}

# Nobody serves, and the event channel does not come to rest.
fires_for_nothing()
{
	local before

	host stop || die "host stop: $?"
	wait_for "the devices are gone" no_devices || exit 1
	before=$(bus_line events)
	host dom0 xenstorm 20 20000 || die "xenstorm: $?"
	[ "$(bus_line events)" -gt "$before" ] || die "no event came"
	note "of 20000 events $(($(bus_line events) - before)) came, spurious: $(bus_line "events spurious")"
	host start || die "host start: $?"
	wait_ready
	verify -t 4 -n 10
	check_counters
}

# A page 0 that says anything: the process that maps it looks for a better one.
hostile_front_end()
{
	local f

	background xenevil 60 >/tmp/evil 2>&1
	wait_for "a grant" grep -q '^ref ' /tmp/evil || die "$(cat /tmp/evil)"
	f=$(sed -n 's/^ref //p' /tmp/evil)
	host dom0 "vmsgd --on xen:1,ref=$f --dev rng --dev ramblk,size=1M >/tmp/evil.log 2>&1 & echo \$! >/tmp/evil.pid" ||
		die "vmsgd: $?"
	ended "a front end that lies" "$JOB" || die "xenevil: $?: $(cat /tmp/evil)"
	host dom0 'kill -0 $(cat /tmp/evil.pid)' || die "vmsgd died: $(host dom0 'tail -n 20 /tmp/evil.log')"
	note "$(host dom0 'grep -c . /tmp/evil.log') lines of complaint"
	note "$(cat /tmp/evil | tail -n 1)"
	host dom0 'kill $(cat /tmp/evil.pid)' || die "vmsgd: $?"
	wait_for "its end" evil_ended || exit 1
	verify -t 4 -n 10
}

evil_ended()
{
	! host dom0 'kill -0 $(cat /tmp/evil.pid)'
}

# The last word is Xen's.
no_grant_is_left()
{
	[ "$(active_grants)" -gt 0 ] || die "a bus that runs has no grant"
	bounded "rmmod" rmmod $TRANSPORT || die "rmmod: $?"
	wait_for "no grant is mapped" grants_are 0 || die "$(cat /tmp/grants)"
	! dmesg | grep -q 'g.e. 0x.* still in use' || die "$(dmesg | grep 'still in use')"
	modprobe $TRANSPORT || die "modprobe: $?"
	wait_ready
	verify -t 4 -n 10
}

wait_ready
run_tests all_devices mounted events_per_io another_disk \
	killed_and_restarted killed_and_started_at_once stopped_and_started successors reloaded \
	removed_while_mapped fires_for_nothing hostile_front_end no_grant_is_left
