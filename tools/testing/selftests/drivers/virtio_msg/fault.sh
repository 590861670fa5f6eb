#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# GUEST-ALONE
#
# Faults on purpose, by debugfs: messages fail, get lost, late, doubled or changed,
# there is no room, allocations fail. Each of it is noticed and got over.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

FAULT=$DBG/fault
# No path from a bind to its end has more allocations of ours.
MOST_ALLOCS=60
RNG_DRIVER=/sys/bus/virtio/drivers/virtio_rng

# once KIND [SKIP]: the next chance, or the one after SKIP more
once()
{
	echo "${2:-0}" >"$FAULT/$1/skip"
	echo 1 >"$FAULT/$1/count"
	echo 1000 >"$FAULT/$1/probability"
}

# often KIND PROBABILITY: of a thousand, for ever
often()
{
	echo -1 >"$FAULT/$1/count"
	echo "$2" >"$FAULT/$1/probability"
}

calm()
{
	local p

	for p in "$FAULT"/*/probability; do
		echo 0 >"$p"
	done
}

need_faults()
{
	[ -d "$FAULT" ] || skip "no $FAULT: the modules are without CONFIG_VIRTIO_MSG_FAULT_INJECTION"
	# A test before this one may have ended in the middle.
	calm
	wait_ready
}

hits()
{
	cat "$FAULT/$1/hits"
}

# Once: where one read of a file fails, cat tries another.
ping_peer()
{
	local ns

	# shellcheck disable=SC2034
	read -r ns 2>/dev/null <$CLASS/ping
}

# quiet MS: nothing is sent that the test does not send, and it waits so long for an answer
quiet()
{
	echo 0 >$CLASS/keepalive_ms
	echo "$1" >$CLASS/timeout_ms
}

each_kind_once()
{
	local unknown k

	need_faults
	quiet 2000
	ping_peer || die "no answer to a PING"
	once fail
	! ping_peer || die "a PING that could not be sent was answered"
	once drop
	! ping_peer || die "a PING that was lost was answered"
	once delay
	ping_peer || die "an answer that was a little late was not taken"
	unknown=$(counter rx_unknown_id)
	once duplicate
	ping_peer || die "an answer that came twice was not taken"
	[ "$(counter rx_unknown_id)" -gt "$unknown" ] || die "the second answer was not counted"
	once exhaust
	ping_peer || die "a PING that found no room was not sent later"
	once corrupt
	ping_peer
	ping_peer || die "no answer after all of this"
	for k in fail drop delay duplicate exhaust corrupt; do
		[ "$(hits $k)" -eq 1 ] || die "$k has happened $(hits $k) times"
	done
}

# What is not a message does not care, and a full window only takes longer. Not so for
# virtio_rng, which counts on room for its only buffer (the window guarantees that) and
# waits for ever for one that it could not add.
io_under_faults()
{
	local current=/sys/class/misc/hw_random/rng_current rng

	need_faults
	read -r rng <$current
	echo none >$current || die "the entropy source does not rest"
	often exhaust 50
	often duplicate 100
	often delay 50
	verify -t 16 -n "$(rounds 40)"
	calm
	note "exhaust $(hits exhaust), duplicate $(hits duplicate), delay $(hits delay)"
	[ "$(hits exhaust)" -gt 1 ] || die "there was room all the time"
	verify -n 20
	echo "$rng" >$current
	rng_read 2048 || die "the entropy source"
}

# The entropy source has its driver; one whose probe function failed is tried again.
rng_bound()
{
	local name

	name=$(name_of "$(num_of $RNG)") || return 1
	has_driver "$name" && return
	echo "$name" >$RNG_DRIVER/bind 2>/dev/null
	return 1
}

# bind_without_memory: each allocation between unbind and bind of a driver fails once.
bind_without_memory()
{
	local name before n=0 malformed mismatch

	need_faults
	quiet 5000
	malformed=$(counter rx_malformed)
	mismatch=$(counter rx_mismatch)
	while [ $n -lt $MOST_ALLOCS ]; do
		# It may be another device by now: one that could not be started.
		wait_for "the entropy source has its driver" rng_bound || exit 1
		name=$(name_of "$(num_of $RNG)")
		before=$(hits nomem)
		once nomem $n
		echo "$name" >$RNG_DRIVER/unbind 2>/dev/null
		echo "$name" >$RNG_DRIVER/bind 2>/dev/null
		echo 0 >"$FAULT/nomem/probability"
		[ "$(hits nomem)" -gt "$before" ] || break
		n=$((n + 1))
	done
	note "$n allocations failed, one at a time"
	[ $n -gt 10 ] && [ $n -lt $MOST_ALLOCS ] || die "that is not all of them"
	wait_for "the entropy source has its driver" rng_bound || exit 1
	wait_ready
	rng_read 1024 || die "the entropy source"
	[ "$(counter rx_malformed)" -eq "$malformed" ] &&
		[ "$(counter rx_mismatch)" -eq "$mismatch" ] || die "answers were not understood"
}

run_tests each_kind_once io_under_faults bind_without_memory
