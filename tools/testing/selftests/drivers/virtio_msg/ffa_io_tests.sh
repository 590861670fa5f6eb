# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The devices of a partition of the secure world. Sourced by ffa_io_a1.sh and
# ffa_io_a3.sh, which say in which home.

. ./ffa_lib.sh

OPS=$(rounds 60)

COUNTS="messages polls kicks notifications"

count()
{
	local name

	for name in $COUNTS; do
		eval "$name=$(stat_of "$name")"
	done
}

# per_io WHAT: how often each thing happened for an I/O, since count, in $IOS of them
per_io()
{
	local name before text=

	for name in $COUNTS; do
		eval "before=\$$name"
		text="$text, $name $(awk "BEGIN { printf \"%.3f\", ($(stat_of "$name") - $before) / $IOS }")"
	done
	note "$1, $IOS I/Os; for each${text}"
}

disk_depth_1()
{
	local i

	bounded "a first read" head -c 65536 "$DISK" >/dev/null
	i=$(ios_of "$DISK")
	count
	verify -t 1 -n "$OPS" -z 4M
	IOS=$(($(ios_of "$DISK") - i))
	[ $IOS -gt 0 ] || die "no I/O was done"
	per_io "queue depth 1"
	check_counters
}

disk_deep()
{
	local i

	i=$(ios_of "$DISK")
	count
	verify -t 16 -n $((OPS / 4)) -m 32 -z 8M
	IOS=$(($(ios_of "$DISK") - i))
	[ $IOS -gt 0 ] || die "no I/O was done"
	per_io "queue depth 16"
	verify -t 4 -n $((OPS / 4)) -z 4M -f 4
	check_counters
}

entropy()
{
	local k

	k=$(kicks_of "$(num_of $RNG)")
	rng_read 4096 || exit 1
	[ "$(kicks_of "$(num_of $RNG)")" -gt "$k" ] || die "the entropy source was not read"
	check_counters
}

# It sends back what it gets; or it is refused, where its driver would hang.
console()
{
	local f

	if ! kicks_by_notification; then
		! has_console || die "there is a console, and its kicks need a worker"
		dmesg | grep -q 'its driver would hang the system' || die "nobody said why"
		return
	fi
	f=$(mktemp /tmp/con.XXXXXX)
	head -c 6144 /dev/urandom | base64 | tr -d '\n' | head -c 8192 >"$f"
	exec 7<>/dev/hvc0
	stty -F /dev/hvc0 raw -echo || die "stty: $?"
	background cat "$f" >&7
	bounded "the echo" head -c 8192 <&7 >"$f.back" || die "the echo: $?"
	exec 7<&-
	cmp "$f" "$f.back" || die "the console sent back something else"
	rm -f "$f" "$f.back"
}

gone()
{
	[ -z "$(field "$1" 1)" ]
}

# Devices go and come while others work.
hotplug()
{
	local i

	for i in $(seq "$(rounds 1)"); do
		background ioverify -q -t 4 -m 16 -s 3600 -z 8M "$DISK"
		writer=$JOB
		sp unplug $SP_RNG
		wait_for "the entropy source is gone" gone $SP_RNG || exit 1
		sp plug $SP_RNG
		wait_for "the entropy source is back" ffa_ready || exit 1
		kill -0 $writer 2>/dev/null || die "round $i: I/O on the disk failed"
		kill -9 $writer
		ended "I/O" $writer 2>/dev/null
	done
	begin
	sp unplug $SP_DISK
	failed
	wait_for "the disk is gone" gone $SP_DISK || exit 1
	sp plug $SP_DISK
	kept
	works
}

# Memory of which each page lies elsewhere: its description has many fragments.
fragments()
{
	reload chunk=4
	works
	[ "$(retrieved)" -ge 1 ] || die "the partition has no memory"
	verify -t 8 -n 30 -m 32 -z 8M
	reload
	works
}

# A window with little room
small_window()
{
	reload window=2048
	works
	verify -t 8 -n 20 -m 32 -z 8M
	reload
	works
}

wires()
{
	local w

	for w in v2 v1 rfc2 xid32; do
		reload wire=$w
		wait_ffa
		verify -t 4 -n 10
		check_counters
		seen
	done
	reload
	works
}

# way WHAT [PARAMETER=VALUE...]: one way to pass messages, kicks and events
way()
{
	local i what=$1

	shift
	reload "$@"
	works
	i=$(ios_of "$DISK")
	count
	verify -t 1 -n "$OPS" -z 4M
	IOS=$(($(ios_of "$DISK") - i))
	[ $IOS -gt 0 ] || die "no I/O was done"
	per_io "$what"
	verify -t 8 -n 10 -m 32 -z 8M
}

# Each that both sides have; where there is but the ring and polling, none is left.
ways()
{
	way "ring" mode=ring
	[ "$(stat_of ring)" = 1 ] || die "the ring is not used"
	way "indirect messages" mode=indirect
	sp no-kicks on
	way "ring, kicks by calls" mode=ring
	way "kicks by messages"
	[ "$(stat_of ring)" = 0 ] || die "the ring is used"
	sp no-events on
	way "kicks by messages, events polled"
	way "ring, kicks by calls, events polled" mode=ring
	sp no-kicks off
	sp no-events off
	reload
	works
}

calls_of_a_probe()
{
	local before

	unload
	before=$(stat_of messages)
	reload
	works
	unload
	note "messages from loading to unloading, with a little I/O: $(($(stat_of messages) - before))"
	reload
	works
}

wait_ffa
