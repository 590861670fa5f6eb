#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Single queues are reset and come back with another size, under traffic.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

ROUNDS=$(rounds 4)

RING_RESET=40

need_reset()
{
	feature "$(num_of $NET)" $RING_RESET || skip "the network card offers no queue reset"
	ethtool -g "$IF" >/dev/null 2>&1 || skip "this driver cannot resize its rings"
}

# current rx|tx: entries of the ring as it is
current()
{
	ethtool -g "$IF" | awk -v w="$(echo "$1" | tr rtx RTX):" \
		'/^Current/ { now = 1 } now && $1 == w { print $2; exit }'
}

# resize rx|tx SIZE
resize()
{
	local got

	# ethtool takes it for an error if there is nothing to change.
	[ "$(current "$1")" -ne "$2" ] || return 0
	bounded "ethtool -G $IF $1 $2" ethtool -G "$IF" "$1" "$2" || die "ethtool -G $1 $2: $?"
	got=$(current "$1")
	[ "$got" -eq "$2" ] || die "asked for $1 $2, got $got"
}

resets()
{
	host stats | awk '$1 == "RESET_VQUEUE" { print $2 }'
}

sizes()
{
	local n

	need_reset
	need_net
	for n in 64 32 256; do
		resize rx $n
		resize tx $n
		net_traffic 50000 || die "no traffic with rings of $n"
	done
	[ "$(resets)" -gt 0 ] || die "the device side has seen no reset of a queue"
	check_counters
}

# Frames may be lost, and a connection that loses too many; but what arrives must
# be right.
loop_net()
{
	while :; do
		net_traffic 200000
		case $? in
		0) echo ok >>/tmp/traffic ;;
		2) return 1 ;;
		esac
	done
}

under_traffic()
{
	local i net

	need_reset
	need_net
	rm -f /tmp/traffic
	background loop_net
	net=$JOB
	for i in $(seq "$ROUNDS"); do
		resize rx $((64 << (i % 3)))
		sleep 0.5
		resize tx $((64 << ((i + 1) % 3)))
		sleep 0.5
		kill -0 "$net" 2>/dev/null || die "wrong data in round $i"
	done
	resize rx 256
	resize tx 256
	wait_for "a transfer while nothing is reset" [ -s /tmp/traffic ] || exit 1
	kill -9 "$net"
	net_traffic 50000 || exit 1
	note "resets of queues: $(resets)"
	check_counters
}

while_down()
{
	need_reset
	ip link set "$IF" down
	resize rx 64
	resize tx 64
	need_net
	net_traffic 50000 || exit 1
	resize rx 256
	resize tx 256
	net_traffic 50000 || exit 1
}

# The peer dies with a queue of another size.
peer_restarts()
{
	need_reset
	need_net
	resize rx 64
	host kill
	host start || die "host start: $?"
	wait_ready
	need_net
	net_traffic 50000 || exit 1
	resize rx 128
	net_traffic 50000 || exit 1
	check_counters
}

wait_ready
run_tests sizes under_traffic while_down peer_restarts
