#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Devices come and go while others, and they themselves, are in use. Beside the
# disk of the guest lie extra0.img and extra1.img.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

ROUNDS=$(rounds 4)

# add SPEC: sets NUM, and waits for the driver.
add()
{
	host add "$1" >/tmp/add 2>&1 || die "host add $1: $(cat /tmp/add)"
	NUM=$(grep -o '[0-9][0-9]*' /tmp/add | head -n 1)
	[ -n "$NUM" ] || die "host add $1: no number: $(cat /tmp/add)"
}

bound()
{
	has_driver "$(name_of "$1")"
}

add_disk()
{
	add "$1"
	wait_for "device $NUM is a disk" disk_of "$NUM" || exit 1
	EXTRA=$(disk_of "$NUM")
}

absent()
{
	[ -z "$(field "$1" 1)" ]
}

remove()
{
	bounded "host remove $1" host remove "$1" >/tmp/remove 2>&1 ||
		die "host remove $1: $(cat /tmp/remove)"
	wait_for "device $1 is gone" absent "$1" || exit 1
}

# Other devices must not notice.
start_other_io()
{
	background ioverify -q -t 4 -s 3600 "$DISK"
	OTHER=$JOB
}

check_other_io()
{
	kill -0 "$OTHER" 2>/dev/null || die "I/O on another disk has failed"
	kill -9 "$OTHER"
	ended "I/O on another disk" "$OTHER" 2>/dev/null
	verify -t 4 -n 20
}

add_and_remove()
{
	local i

	start_other_io
	for i in $(seq $ROUNDS); do
		add_disk blk,file=extra0.img
		bounded "write" dd if=/dev/urandom of="$EXTRA" bs=64k count=4 oflag=direct 2>/dev/null ||
			die "write to the new disk failed in round $i"
		remove "$NUM"
		! [ -e "$EXTRA" ] || die "$EXTRA is still there"
	done
	check_other_io
	check_counters
}

all_kinds()
{
	local spec

	for spec in rng ramblk,size=8M; do
		add $spec
		wait_for "device $NUM has a driver" bound "$NUM" || exit 1
		remove "$NUM"
	done
}

remove_under_io()
{
	local i rc

	for i in $(seq $((ROUNDS / 2))); do
		start_other_io
		add_disk blk,file=extra0.img
		background ioverify -x -t 16 -m 32 -s 3600 "$EXTRA"
		writer=$JOB
		sleep 0.5
		bounded "host remove" host remove "$NUM" >/dev/null || die "host remove: $?"
		ended "I/O on a removed disk" "$writer"
		rc=$?
		[ $rc -eq 0 ] || die "I/O on a removed disk: exit status $rc"
		wait_for "device $NUM is gone" absent "$NUM" || exit 1
		check_other_io
	done
	check_counters
}

remove_mounted()
{
	local dir

	dir=$(mktemp -d /tmp/mnt.XXXXXX)
	add_disk blk,file=extra0.img
	bounded "mkfs" mkfs.ext4 -q -F "$EXTRA" || die "mkfs.ext4: $?"
	bounded "mount" mount -t ext4 "$EXTRA" "$dir" || die "mount: $?"
	background sh -c "while dd if=/dev/urandom of=$dir/f bs=64k count=8 conv=fsync 2>/dev/null
		do :; done"
	writer=$JOB
	sleep 0.5
	bounded "host remove" host remove "$NUM" >/dev/null || die "host remove: $?"
	ended "the writer on a removed disk" "$writer"
	# A write that was acknowledged although nobody has it would be worse.
	! bounded "a write with fsync" dd if=/dev/zero of="$dir/g" bs=4k count=1 conv=fsync \
		2>/dev/null || die "a write to a removed disk succeeded"
	bounded "umount" umount "$dir" || die "umount: $?"
	rmdir "$dir"
	wait_for "device $NUM is gone" absent "$NUM" || exit 1
	verify -t 4 -n 20
}

# The number alone does not say which device it is.
same_number_other_device()
{
	local first

	add_disk blk,file=extra0.img,num=40
	first=$(field 40 4)
	echo first | dd of="$EXTRA" bs=512 conv=sync 2>/dev/null
	bounded "flush" blockdev --flushbufs "$EXTRA"
	host remove 40 >/dev/null || die "host remove: $?"
	add blk,file=extra1.img,num=40
	wait_for "device 40 is another one" other_uuid "$first" || exit 1
	wait_for "device 40 is a disk" disk_of 40 || exit 1
	EXTRA=$(disk_of 40)
	[ "$(head -c 5 "$EXTRA" | tr -d '\0')" != first ] || die "it is still the first disk"
	remove 40
}

other_uuid()
{
	local uuid

	uuid=$(field 40 4)
	[ -n "$uuid" ] && [ "$uuid" != "$1" ]
}

# The guest is not waited for: only the outcome counts.
faster_than_the_guest()
{
	local i

	for i in $(seq $ROUNDS); do
		add rng,num=50
		host remove 50 >/dev/null || die "host remove: $?"
	done
	wait_for "device 50 is gone" absent 50 || exit 1
	for i in $(seq $ROUNDS); do
		add rng,num=50
		[ "$i" -eq "$ROUNDS" ] || host remove 50 >/dev/null || die "host remove: $?"
	done
	wait_for "device 50 has a driver" bound 50 || exit 1
	remove 50
	verify -t 4 -n 20
	check_counters
}

many_devices()
{
	local i

	for i in $(seq 100 111); do
		add rng,num="$i"
	done
	for i in $(seq 100 111); do
		wait_for "device $i has a driver" bound "$i" || exit 1
	done
	for i in $(seq 100 111); do
		host remove "$i" >/dev/null || die "host remove $i: $?"
	done
	for i in $(seq 100 111); do
		wait_for "device $i is gone" absent "$i" || exit 1
	done
	wait_ready
}

wait_ready
run_tests add_and_remove all_kinds remove_under_io remove_mounted \
	same_number_other_device faster_than_the_guest many_devices
