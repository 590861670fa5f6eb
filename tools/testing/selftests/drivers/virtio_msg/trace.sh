#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What the driver tells about itself: tracepoints, debugfs and sysfs agree.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

T=/sys/kernel/tracing
E=$T/events/virtio_msg

tracepoints_are_there()
{
	local e

	[ -d $T/events ] || skip "no tracing in this kernel"
	for e in tx rx xfer_start xfer_end bus_state kick used; do
		[ -d $E/vmsg_$e ] || die "no tracepoint vmsg_$e"
	done
}

trace_on()
{
	[ -d $E ] || skip "no tracing in this kernel"
	echo 0 >$T/tracing_on
	echo 8192 >$T/buffer_size_kb
	: >$T/trace
	echo 1 >$E/enable
	echo 1 >$T/tracing_on
}

trace_off()
{
	echo 0 >$T/tracing_on
	echo 0 >$E/enable
	cp $T/trace /tmp/trace
}

lines()
{
	grep -c " vmsg_$1: " /tmp/trace
}

# same WHAT COUNTER EVENT BEFORE: the counter has moved as often as was traced.
same()
{
	local moved

	moved=$(($(counter "$1") - $3))
	[ "$moved" -eq "$(lines "$2")" ] ||
		die "the counter $1 moved by $moved, vmsg_$2 was traced $(lines "$2") times"
	note "$2: $moved"
}

tracepoints_and_counters_agree()
{
	local tx rx kick used name driver alive

	# Nobody else may say anything between the two looks.
	ip link set "$IF" down
	alive=$(cat $CLASS/keepalive_ms)
	echo 0 >$CLASS/keepalive_ms
	wait_for "all is quiet" quiet || exit 1
	name=$(name_of "$(num_of $RNG)")
	driver=$(readlink -f "$VIRTIO/$name/driver")
	trace_on
	tx=$(counter tx_request) rx=$(counter rx_response) kick=$(counter kick) used=$(counter used)
	for _ in 1 2 3 4 5; do
		cat $CLASS/ping >/dev/null || die "no answer to a PING"
	done
	echo "$name" >"$driver/unbind"
	echo "$name" >"$driver/bind"
	verify -t 1 -n 50
	wait_for "all is quiet" quiet || exit 1
	trace_off
	same tx_request tx "$tx"
	same rx_response rx "$rx"
	same kick kick "$kick"
	same used used "$used"
	echo "$alive" >$CLASS/keepalive_ms
	[ "$(lines xfer_start)" -gt 10 ] || die "only $(lines xfer_start) transactions"
	[ "$(lines xfer_start)" -eq "$(lines xfer_end)" ] ||
		die "$(lines xfer_start) transactions began, $(lines xfer_end) ended"
	grep -q 'vmsg_tx:.*PING' /tmp/trace || die "the PING is not named"
	! grep 'vmsg_xfer_end' /tmp/trace | grep -v 'status=0' || die "a transaction failed"
}

quiet()
{
	local a b

	a=$(cat $DBG/counters)
	sleep 0.5
	b=$(cat $DBG/counters)
	[ "$a" = "$b" ]
}

changes_of_state_are_traced()
{
	trace_on
	bounded "host stop" host stop || die "host stop: $?"
	wait_for "the bus has lost its peer" bus_is waiting || exit 1
	bounded "host start" host start || die "host start: $?"
	wait_ready
	trace_off
	# lost, waiting, running
	[ "$(lines bus_state)" -eq 3 ] || die "$(grep vmsg_bus_state /tmp/trace)"
}

debugfs_is_complete()
{
	local f

	for f in bus counters inflight devices window; do
		cat $DBG/$f >/tmp/debugfs || die "$f cannot be read"
		[ -s /tmp/debugfs ] || die "$f is empty"
	done
	grep -qx "wire: $(cat $CLASS/wire)" $DBG/bus || die "sysfs has another wire revision"
	grep -qx "state: $(cat $CLASS/state)" $DBG/bus || die "sysfs has another state"
	grep -qx "transport: $(cat $CLASS/transport)" $DBG/bus || die "sysfs has another transport"
	[ "$(grep -c '^[0-9]' $DBG/devices)" -eq "$(ls $VIRTIO | wc -l)" ] ||
		die "debugfs and sysfs have not the same devices"
	[ "$(wc -l <$DBG/inflight)" -eq 1 ] || die "in flight: $(cat $DBG/inflight)"
}

# They may be read at any time.
debugfs_while_things_change()
{
	background sh -c "while :; do cat $DBG/* $CLASS/state $CLASS/wire $CLASS/timeout_ms; done \
		>/dev/null 2>&1"
	for _ in $(seq "$(rounds 1)"); do
		host kill
		host start || die "host start: $?"
		wait_ready
		modprobe -r $TRANSPORT || die "modprobe -r: $?"
		load
		wait_ready
	done
	kill_jobs
}

a_transaction_in_flight_is_shown()
{
	old=$(cat $CLASS/timeout_ms)
	host pause || die "host pause: $?"
	background cat $CLASS/ping >/dev/null 2>&1
	reader=$JOB
	wait_for "a transaction is shown" grep -q PING $DBG/inflight
	rc=$?
	host continue
	ended "the PING" "$reader"
	[ $rc -eq 0 ] || exit 1
	wait_for "nothing is in flight" nothing_in_flight || exit 1
	[ "$(cat $CLASS/timeout_ms)" = "$old" ] || die "the time-out has changed"
}

nothing_in_flight()
{
	[ "$(wc -l <$DBG/inflight)" -eq 1 ]
}

attributes_reject_nonsense()
{
	local v

	for v in 0 -1 x 99999999; do
		! sh -c "echo $v >$CLASS/timeout_ms" 2>/dev/null || die "timeout_ms took $v"
	done
	! sh -c "echo x >$CLASS/rescan" 2>/dev/null || die "rescan took x"
	echo 0 >$CLASS/rescan || die "rescan refused 0"
}

wait_ready
run_tests tracepoints_are_there tracepoints_and_counters_agree changes_of_state_are_traced \
	debugfs_is_complete debugfs_while_things_change a_transaction_in_flight_is_shown \
	attributes_reject_nonsense
