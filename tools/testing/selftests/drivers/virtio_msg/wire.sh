#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Each wire revision in turn: the device side is restarted with another one.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

speaks()
{
	bus_is running && [ "$(cat $CLASS/wire)" = "$1" ]
}

restart_with()
{
	bounded "host wire" host wire "$1" || die "the host refuses $1"
	bounded "the daemon's end" host stop || die "the daemon did not end"
	wait_for "the bus has lost its peer" bus_is waiting || die "the bus is $(bus_state)"
	bounded "the daemon's start" host start || die "the daemon did not start"
	wait_for "the bus speaks $1" speaks "$1" || die "it speaks $(cat $CLASS/wire)"
	wait_ready
}

use_all()
{
	local n

	for n in $(num_of $BLK) $(num_of $NET) $(num_of $RNG) $(num_of $CONSOLE); do
		note "$1: messages per probe: device type $(field "$n" 2): $(($(messages_of "$n") + 1))"
	done
	verify -t 4 -n 30
	rng_read 2048 || exit 1
	cat $CLASS/ping >/dev/null || die "no answer to a PING"
	if net_up; then
		net_traffic 50000 || exit 1
	elif [ -n "${VMSG_HTTP:-}" ]; then
		die "no network"
	fi
	check_counters
	[ "$(counter timeout)" -eq 0 ] || die "time-outs: $(counter timeout)"
	seen
}

one_revision()
{
	restart_with "$1"
	use_all "$1"
}

wire_rfc2() { one_revision rfc2; }
wire_v1() { one_revision v1; }
wire_v2() { one_revision v2; }
wire_xid32() { one_revision xid32; }

# The driver's parameter limits what it accepts: the device side offers all.
accept_only()
{
	local w

	for w in v2 rfc2; do
		bounded "modprobe -r" modprobe -r $TRANSPORT || die "modprobe -r: $?"
		modprobe $TRANSPORT wire=xid32,$w || die "modprobe wire=$w: $?"
		# The daemon speaks xid32 alone now.
		wait_for "the bus speaks xid32" speaks xid32 || exit 1
	done
	bounded "modprobe -r" modprobe -r $TRANSPORT || die "modprobe -r: $?"
	! modprobe $TRANSPORT wire=nonsense 2>/dev/null ||
		! [ -e $CLASS ] || die "wire=nonsense was accepted"
	modprobe -r $TRANSPORT
	load
	wait_ready
}

wait_ready
run_tests wire_rfc2 wire_v1 wire_v2 wire_xid32 accept_only
