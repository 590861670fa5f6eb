#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# /dev/virtio-msg in use: by one process and by two, without and with messages
# for each request, and by a program that a person wrote in an afternoon.
#
# GUEST: --transport user --blk %DIR%/disk.img --rng

cd "$(dirname "$0")" || exit 1
. ./lib.sh
. ./user_lib.sh

FIRST=$BUS

io()
{
	verify -t 8 -n 20 -m 16
	rng_read 2048 || exit 1
	check_counters
}

# The columns kicks and used of a device, as its device side counts them
at_daemon()
{
	host stats | awk -v n="$1" '$1 == n && $2 == "blk" { print $4, $5 }'
}

# The back end of the disk and the driver signal each other, and nobody else.
eventfds_carry_the_io()
{
	local n kicks used before

	n=$(num_of $BLK)
	grep -q '^eventfds: 2$' $DBG/bus || die "$(grep eventfds $DBG/bus)"
	before=$(at_daemon "$n")
	[ -n "$before" ] || die "the daemon does not count kicks of device $n"
	kicks=$(kicks_of "$n")
	used=$(used_of "$n")
	verify -t 8 -n 30
	kicks=$(($(kicks_of "$n") - kicks))
	used=$(($(used_of "$n") - used))
	note "$kicks kicks, $used used events"
	[ "$kicks" -gt 0 ] || die "no kick was counted"
	[ "$used" -gt 0 ] || die "no used event was counted"
	[ "$(at_daemon "$n")" = "$before" ] ||
		die "messages, kicks and used: $before, and now $(at_daemon "$n")"
}

# And without them: every kick is a message, and so is every used event.
messages_carry_it_too()
{
	restart_with "kickfd=off" --dev ramblk,size=16M
	verify -t 4 -n 20
	[ "$(counter kick_message)" -gt 0 ] || die "no kick was a message"
	[ "$(counter rx_event)" -gt 0 ] || die "no used event was a message"
	check_counters
	restart_with "window=64M"
}

two_at_once()
{
	local other a b

	serve vmsgd --on $NODE,window=16M --dev ramblk,size=16M
	look_at "$SECOND"
	wait_for "a disk on $SECOND" has_disk || die "no disk on $SECOND: $(cat "$OUT")"
	other=$(disk_of "$(num_of $BLK)")
	look_at "$FIRST"
	[ "$other" != "$DISK" ] || die "$SECOND has the disk of $BUS"
	background ioverify -q -t 4 -n 40 -z 8M "$other"
	a=$JOB
	background ioverify -q -t 4 -n 40 -z 8M "$DISK"
	b=$JOB
	ended "I/O on the second bus" "$a" || die "ioverify $other: $?"
	ended "I/O on the first bus" "$b" || die "ioverify $DISK: $?"
	# The end of one is nothing to the other.
	background ioverify -x -t 4 -s 3600 -z 8M "$other"
	a=$JOB
	background ioverify -q -t 4 -n 40 -z 8M "$DISK"
	b=$JOB
	sleep 0.5
	kill -9 "$SERVER"
	ended "I/O on a bus that ended" "$a" || die "ioverify $other: $?"
	ended "I/O on the other" "$b" || die "ioverify $DISK: $?"
	wait_for "the second bus is gone" second_gone || exit 1
	check_counters
}

has_disk()
{
	[ -n "$(num_of $BLK)" ] && disk_of "$(num_of $BLK)"
}

second_gone()
{
	[ ! -e "/sys/class/virtio-msg/$SECOND" ]
}

# The module is in use as long as the node is open, and only so long.
rmmod_while_open()
{
	! rmmod virtio_msg_user 2>/dev/null || die "the module went away under its user"
	verify -t 4 -n 10
	host stop || die "host stop: $?"
	wait_for "the bus has ended" no_bus || exit 1
	bounded "rmmod" rmmod virtio_msg_user || die "rmmod: $?"
	[ ! -e $NODE ] || die "the node is still there"
	modprobe virtio_msg_user || die "modprobe: $?"
	host start || die "host start: $?"
	wait_ready
	verify -t 4 -n 10
}

# The example of the documentation: an entropy source in one file.
example_entropy()
{
	local current all f

	command -v entropy >/dev/null || die "the example was not built"
	read -r current </sys/class/misc/hw_random/rng_current
	serve entropy
	wait_for "a second source" two_sources || exit 1
	read -r all </sys/class/misc/hw_random/rng_available
	for f in $all; do
		case $f in
		"$current" | none) ;;
		*) echo "$f" >/sys/class/misc/hw_random/rng_current ;;
		esac
	done
	read -r f </sys/class/misc/hw_random/rng_current
	[ "$f" != "$current" ] || die "still $current of $all"
	rng_read 1024 || exit 1
	look_at "$SECOND"
	[ "$(kicks_of 1)" -gt 0 ] || die "it was not $SECOND that was read"
	check_counters
	look_at "$FIRST"
	grep -q "device 1 of $SECOND" "$OUT" || die "it says $(cat "$OUT")"
	[ "$(wc -l <"$OUT")" -eq 1 ] || die "it says $(cat "$OUT")"
	kill "$SERVER"
	ended "the example" "$SERVER"
	wait_for "the second bus is gone" second_gone || exit 1
	wait_for "the first source is back" rng_ready || exit 1
	rng_read 512 || exit 1
}

two_sources()
{
	[ "$(tr ' ' '\n' </sys/class/misc/hw_random/rng_available | grep -c '^virtio_rng')" -ge 2 ]
}

# Its driver waits with interrupts off, maybe on the CPU that the process needs.
a_console_is_refused()
{
	serve vmsgd --on $NODE,window=16M --dev console,path=/tmp/console --dev rng
	look_at "$SECOND"
	wait_for "a driver for the entropy source" rng_ready || die "$(cat "$OUT")"
	wait_for "the reason in the log" log_has "wait.* with interrupts off" || exit 1
	! has_driver "$(name_of "$(num_of $CONSOLE)")" || die "the console has a driver"
	kill "$SERVER"
	ended "the daemon" "$SERVER"
	look_at "$FIRST"
	wait_for "the second bus is gone" second_gone || exit 1
	verify -t 4 -n 10
}

log_has()
{
	dmesg | tail -n 30 | grep -q "$1"
}

wait_ready
run_tests io eventfds_carry_the_io messages_carry_it_too two_at_once rmmod_while_open \
	example_entropy a_console_is_refused
