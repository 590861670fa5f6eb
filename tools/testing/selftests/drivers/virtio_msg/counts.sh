#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What the driver sends, exactly: requests per probe, and doorbells, used events and
# messages per request at a queue depth of 1. These are equalities. Who makes one
# of them smaller is welcome to write the new number here.
#
# KERNELS: debian

cd "$(dirname "$0")" || exit 1
. ./lib.sh

# No PING may come in between. Whoever makes the bus anew turns it off again.
quiet()
{
	echo 0 >$CLASS/keepalive_ms || die "no keepalive_ms"
}

requests()
{
	counter tx_request
}

# How often the device side has received such a request
received()
{
	host stats | awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }'
}

bound()
{
	has_driver "$(name_of "$1")"
}

usable()
{
	case $2 in
	blk*) disk_of "$1" ;;
	net*) net_of "$1" ;;
	*) bound "$1" ;;
	esac
}

# probe SPEC REQUESTS: a device is added and gets its driver.
probe()
{
	local before status n got

	before=$(requests)
	status=$(received GET_DEVICE_STATUS)
	host add "$1" >/tmp/add 2>&1 || die "host add $1: $(cat /tmp/add)"
	n=$(grep -o '[0-9][0-9]*' /tmp/add | head -n 1)
	[ -n "$n" ] || die "host add $1: no number: $(cat /tmp/add)"
	wait_for "$1 has its driver" bound "$n" || exit 1
	wait_for "$1 can be used" usable "$n" "$1" || exit 1
	# What would come late, such as a second look at the configuration.
	sleep 1
	got=$(($(requests) - before))
	note "requests per probe: ${1%%,*} $got"
	[ "$got" -eq "$2" ] || die "${1%%,*} took $got requests to probe, not $2"
	# Each SET_DEVICE_STATUS is answered with the status.
	got=$(($(received GET_DEVICE_STATUS) - status))
	[ "$got" -eq 0 ] || die "${1%%,*}: $got GET_DEVICE_STATUS"
	host remove "$n" >/dev/null || die "host remove $n"
}

# GET_DEVICE_INFO, features there and back, five times the status, and for each queue
# GET_VQUEUE and SET_VQUEUE; what has a configuration is asked for it once.
requests_per_probe()
{
	quiet
	[ "$(received GET_DEVICE_INFO)" -gt 0 ] || die "the daemon does not count requests"
	probe rng 10
	probe blk,file=extra0.img 11
	probe net 13
}

# Of a whole bus: the same for each device, and one GET_DEVICES. A bus that has heard
# nothing yet when the keep-alive looks first also sends a PING.
requests_per_bus()
{
	local pci driver sum=0 num type status uuid messages rest got pings

	quiet
	pings=$(received PING)
	pci=$(pci_function)
	driver=$(readlink -f "/sys/bus/pci/devices/$pci/driver")
	bounded "unbind of $pci" sh -c "echo $pci >$driver/unbind" || die "unbind of $pci failed"
	bounded "bind of $pci" sh -c "echo $pci >$driver/bind" || die "bind of $pci failed"
	quiet
	wait_ready
	sleep 1
	# shellcheck disable=SC2034
	while read -r num type status uuid messages rest; do
		[ "$num" = "#" ] || sum=$((sum + messages + 1))
	done <$DBG/devices
	got=$(requests)
	pings=$(($(received PING) - pings))
	note "requests of the bus: $got, of its devices: $sum, PING: $pings"
	[ "$pings" -le 1 ] || die "$pings PING"
	[ "$got" -eq $((sum + 1 + pings)) ] ||
		die "the bus took $got requests, its devices $sum, PING $pings"
}

# What the block layer has given to the driver of the disk, one by one. Its statistics
# do not tell: they have a flush twice, as such and as the empty write that asked for it.
TRACE=/sys/kernel/tracing/instances/counts

trace_requests()
{
	local dev

	[ -d ${TRACE%/*} ] || die "no tracing in this kernel"
	mkdir -p $TRACE || die "no $TRACE"
	dev=$(cat "/sys/block/${DISK#/dev/}/dev")
	echo "dev == $((${dev%:*} << 20 | ${dev#*:}))" >$TRACE/events/block/block_rq_issue/filter ||
		die "no filter for requests of $DISK ($dev)"
	echo 4096 >$TRACE/buffer_size_kb
	echo >$TRACE/trace
	echo 1 >$TRACE/events/block/block_rq_issue/enable
}

# Sets ISSUED and FLUSHES.
traced_requests()
{
	echo 0 >$TRACE/events/block/block_rq_issue/enable
	! grep -E '^overrun: [1-9]' $TRACE/per_cpu/cpu*/stats || die "the trace has lost requests"
	ISSUED=$(grep -c 'block_rq_issue:' $TRACE/trace)
	# Of a flush the operation is an F with or without a letter behind it.
	FLUSHES=$(grep -c 'block_rq_issue: [0-9]*,[0-9]* F' $TRACE/trace)
	rmdir $TRACE
}

# one_at_a_time OPTION...: checked I/O of one thread, which makes one request of each
# block, and a flush at the end. What the program has done, what the driver was given,
# doorbells and used events are one number.
one_at_a_time()
{
	local n kicks used c before='' asked

	wait_ready
	quiet
	n=$(num_of $BLK)
	# Whatever looked at the disk when it came is done with it.
	sync "$DISK"
	trace_requests
	for c in tx_request tx_event rx_response rx_event kick_message; do
		before="$before $(counter $c)"
	done
	kicks=$(kicks_of "$n")
	used=$(used_of "$n")
	bounded "ioverify $*" ioverify -z 4M -t 1 -m 1 -n 200 "$@" "$DISK" >/tmp/ioverify ||
		die "ioverify $*: exit status $?"
	kicks=$(($(kicks_of "$n") - kicks))
	used=$(($(used_of "$n") - used))
	traced_requests
	asked=$(sed -n 's/^ioverify: \([0-9]*\) writes, \([0-9]*\) reads,.*/\1 \2/p' /tmp/ioverify)
	[ -n "$asked" ] || die "ioverify: $(cat /tmp/ioverify)"
	asked=$((${asked% *} + ${asked#* } + FLUSHES))
	note "asked for $asked, of these $FLUSHES flushes; requests $ISSUED, doorbells $kicks," \
		"used events $used"
	[ "$asked" -ge 200 ] || die "there were only $asked"
	[ "$ISSUED" -eq "$asked" ] || die "asked for $asked, $ISSUED requests"
	[ "$kicks" -eq "$ISSUED" ] || die "$ISSUED requests, $kicks doorbells"
	[ "$used" -eq "$ISSUED" ] || die "$ISSUED requests, $used used events"
	# shellcheck disable=SC2086
	set -- $before
	for c in tx_request tx_event rx_response rx_event kick_message; do
		[ "$(counter $c)" -eq "$1" ] || die "$c has gone from $1 to $(counter $c)"
		shift
	done
}

a_request_is_a_doorbell_and_no_message()
{
	one_at_a_time
	[ "$FLUSHES" -eq 1 ] || die "$FLUSHES flushes: only the one at the end was asked for"
}

a_flush_is_one_too()
{
	local writes

	one_at_a_time -f 2
	writes=$(sed -n 's/^ioverify: \([0-9]*\) writes.*/\1/p' /tmp/ioverify)
	[ "$FLUSHES" -eq $((writes / 2 + 1)) ] ||
		die "$FLUSHES flushes, after every other one of $writes writes and at the end"
}

wait_ready
run_tests requests_per_probe requests_per_bus a_request_is_a_doorbell_and_no_message \
	a_flush_is_one_too
