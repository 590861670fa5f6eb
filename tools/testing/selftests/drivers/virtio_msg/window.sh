#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# GUEST: --window 4M
#
# A window in which the devices have little room: everything still works, only
# slower, and what does not fit is refused.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

OPS=$(rounds 40)

win()
{
	sed -n "s/^$1: //p" $DBG/window
}

show()
{
	note "window: $(win total) granules, $(win used) used, $(win quarantined) in quarantine," \
		"$(win guaranteed) guaranteed, $(win failures) of $(win maps) mappings failed"
}

is_short()
{
	show
	[ "$(win guaranteed)" -gt $(($(win total) / 3)) ] ||
		skip "there is much room: this guest should have --window 4M"
}

large_requests()
{
	verify -t 32 -n $OPS -m 64 -z 16M
	show
	check_counters
}

# What has gathered in the page cache is written in requests as large as there can be.
from_the_page_cache()
{
	bounded "6 MiB at once" dd if=/dev/urandom of="$DISK" bs=64k count=96 conv=fsync 2>/dev/null ||
		die "dd: $?"
	show
	check_counters
}

flood()
{
	for _ in 1 2; do
		net_traffic 300000 || return 1
	done
}

everything_competes()
{
	local disk net a b rc=0

	need_net
	background ioverify -q -t 32 -n $OPS -m 64 -z 16M "$DISK"
	disk=$JOB
	background flood
	a=$JOB
	background flood
	b=$JOB
	# Small frames as fast as they go, answered or not.
	background ping -q -c 500 -A -s 1000 "${HTTP#http://}" >/dev/null 2>&1
	rng_read 8192 || rc=1
	ended "the disk" "$disk" || { note "disk: $?"; rc=1; }
	for net in "$a" "$b"; do
		ended "the network" "$net" || { note "network: $?"; rc=1; }
	done
	show
	check_counters
	[ $rc -eq 0 ] || die "not all was well"
	[ "$(win used)" -le "$(win total)" ] || die "more is used than there is"
}

exists_or_refused()
{
	[ -n "$(name_of "$1")" ] && has_driver "$(name_of "$1")" && return 0
	dmesg | grep -q "$MARK" && dmesg | sed "1,/$MARK/d" | grep -q "$REFUSED"
}

# Devices are added until one does not fit: that is said once, and the others
# go on; when one is removed, there is room again.
REFUSED='window is too small'
what_does_not_fit_is_refused()
{
	local n=0 num='' lines nums=''

	MARK="window-mark-$$"
	echo $MARK >/dev/kmsg
	while ! dmesg | sed "1,/$MARK/d" | grep -q "$REFUSED"; do
		[ $n -lt 40 ] || die "40 disks fit"
		num=$(host add ramblk,size=4M | grep -o '[0-9][0-9]*' | head -n 1)
		[ -n "$num" ] || die "host add failed"
		nums="$num $nums"
		n=$((n + 1))
		wait_for "device $num is there, or is refused" exists_or_refused "$num" || exit 1
	done
	note "disk $n does not fit"
	cat $CLASS/ping >/dev/null || die "no answer to a PING"
	verify -t 16 -n 20 -m 64 -z 16M
	rng_read 512 || exit 1
	lines=$(dmesg | sed "1,/$MARK/d" | grep -c "$REFUSED")
	[ "$lines" -eq 1 ] || die "the refusal is said $lines times"
	for num in $nums; do
		host remove "$num" >/dev/null || die "host remove $num: $?"
	done
	wait_for "they are gone" only_base || exit 1
	num=$(host add ramblk,size=4M | grep -o '[0-9][0-9]*' | head -n 1)
	wait_for "a disk fits again" disk_of "$num" || exit 1
	host remove "$num" >/dev/null
	wait_for "it is gone" only_base || exit 1
}

only_base()
{
	[ "$(grep -c '^[0-9]' $DBG/devices)" -eq 4 ]
}

idle()
{
	[ "$(win used)" -le "$1" ]
}

nothing_leaks()
{
	local before after

	modprobe -r $TRANSPORT && load
	wait_ready
	before=$(win used)
	for _ in 1 2; do
		verify -t 16 -n 20 -m 64 -z 16M
		host kill
		host start || die "host start: $?"
		wait_ready
	done
	after=$(win used)
	show
	# The network card's buffers come and go in batches.
	wait_for "no more than before is used" idle $((before + before / 2 + 64)) ||
		die "used before $before, now $after"
	[ "$(win quarantined)" -eq 0 ] || die "$(win quarantined) granules in quarantine"
}

wait_ready
run_tests is_short large_requests from_the_page_cache everything_competes \
	what_does_not_fit_is_refused nothing_leaks
