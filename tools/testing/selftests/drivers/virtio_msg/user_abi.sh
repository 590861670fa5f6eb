#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The interface of /dev/virtio-msg itself: its edges, and random calls of all of it,
# while a disk on another bus is in use.
#
# GUEST: --transport user --blk %DIR%/disk.img --rng

cd "$(dirname "$0")" || exit 1
. ./lib.sh
. ./user_lib.sh

# program NAME ARG...: it speaks KTAP; what it says of itself is shown.
program()
{
	local rc

	command -v "$1" >/dev/null || die "there is no program $1"
	bounded "$*" "$@" >/tmp/program.out 2>&1
	rc=$?
	sed 's/^/# /' /tmp/program.out
	[ $rc -eq 0 ] || die "$*: exit status $rc"
	! grep -q '^not ok' /tmp/program.out || die "$* failed"
	grep -q '^ok' /tmp/program.out || die "$* tested nothing"
}

# It wants to be alone: with the source of entropy, and with the module.
edges()
{
	host stop || die "host stop: $?"
	wait_for "the bus has ended" no_bus || exit 1
	program user_edge
	[ -c $NODE ] || modprobe virtio_msg_user || die "modprobe: $?"
	host start || die "host start: $?"
	wait_ready
}

random_calls()
{
	local n=$((20000 * (1 + 49 * ${VMSG_SOAK:-0})))

	# shellcheck disable=SC2034
	[ -z "${VMSG_SOAK:-}" ] || LIMIT=3000
	background ioverify -t 2 -s 3600 -z 8M "$DISK" >/tmp/ioverify.out 2>&1
	writer=$JOB
	program user_fuzz -n $n -s "$(new_seed)"
	kill -0 "$writer" || die "I/O ended: $(cat /tmp/ioverify.out)"
	kill "$writer"
	verify -t 4 -n 20
	rng_read 512 || exit 1
	check_counters
}

wait_ready
run_tests edges random_calls
