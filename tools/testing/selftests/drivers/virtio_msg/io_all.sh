#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# All devices at once, with everything that is read checked; and how many kicks
# and used events an I/O takes.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

OPS=$(rounds 200)

# measure DEPTH OPS [OPTION...]: verified I/O at this queue depth
measure()
{
	local depth=$1 ops=$2 n k u i

	shift 2
	n=$(num_of $BLK)
	# So that reading the partition table and such is over.
	bounded "a first read" head -c 65536 "$DISK" >/dev/null
	k=$(kicks_of "$n") u=$(used_of "$n") i=$(ios_of "$DISK")
	verify -t "$depth" -n "$ops" "$@"
	k=$(($(kicks_of "$n") - k)) u=$(($(used_of "$n") - u)) i=$(($(ios_of "$DISK") - i))
	[ $i -gt 0 ] || die "no I/O was done"
	note "queue depth $depth: $i I/Os, kicks per I/O $(awk "BEGIN { printf \"%.3f\", $k / $i }")," \
		"used events per I/O $(awk "BEGIN { printf \"%.3f\", $u / $i }")"
	# More than one of either for one I/O is for nothing.
	[ $k -le $((i + 8)) ] || die "$k kicks for $i I/Os"
	[ $u -le $((i + 8)) ] || die "$u used events for $i I/Os"
	check_counters
}

queue_depth_1()
{
	measure 1 $OPS -z 4M
}

queue_depth_32()
{
	measure 32 $((OPS / 4)) -z 16M
}

indirect_descriptors()
{
	feature "$(num_of $BLK)" 28 || skip "no indirect descriptors"
	# Up to 256 KiB in one request: dozens of segments.
	measure 16 $((OPS / 4)) -m 64 -z 16M
}

flushes()
{
	measure 4 $OPS -z 4M -f 4
}

file_system()
{
	local dir

	dir=$(mktemp -d /tmp/mnt.XXXXXX)
	bounded "mkfs" mkfs.ext4 -q -F "$DISK" || die "mkfs.ext4: $?"
	bounded "mount" mount -t ext4 "$DISK" "$dir" || die "mount: $?"
	head -c 1000000 /dev/urandom >/tmp/data
	bounded "copy" cp /tmp/data "$dir/a"
	bounded "sync" sync
	bounded "umount" umount "$dir" || die "umount: $?"
	echo 3 >/proc/sys/vm/drop_caches
	bounded "e2fsck" e2fsck -n -f "$DISK" >/tmp/fsck 2>&1 || die "e2fsck: $(cat /tmp/fsck)"
	bounded "mount" mount -t ext4 "$DISK" "$dir" || die "mount: $?"
	bounded "compare" cmp /tmp/data "$dir/a" || die "what was read is not what was written"
	bounded "umount" umount "$dir" || die "umount: $?"
	rm -f /tmp/data
	rmdir "$dir"
}

entropy()
{
	rng_read 16384 || exit 1
}

console()
{
	console_echo 4096
	case $? in
	0) ;;
	4) skip "the host has no other end for it" ;;
	*) die "the console failed" ;;
	esac
}

network()
{
	need_net
	net_traffic 400000 || exit 1
	ethtool -i "$IF" | grep -q virtio_net || die "$IF is not ours"
}

loop_net()
{
	for _ in 1 2; do
		net_traffic 300000 || return 1
	done
}

loop_rng()
{
	for _ in 1 2 3 4; do
		rng_read 4096 || return 1
	done
}

everything_at_once()
{
	local disk net rng con rc=0

	need_net
	background ioverify -q -t 8 -n $((OPS / 2)) -m 32 -z 16M "$DISK"
	disk=$JOB
	background loop_net
	net=$JOB
	background loop_rng
	rng=$JOB
	background console_echo 8192
	con=$JOB
	ended "the disk" "$disk" || { note "disk: $?"; rc=1; }
	ended "the network" "$net" || { note "network: $?"; rc=1; }
	ended "the entropy source" "$rng" || { note "entropy source: $?"; rc=1; }
	ended "the console" "$con" || [ $? -eq 4 ] || { note "console: $?"; rc=1; }
	check_counters
	[ $rc -eq 0 ] || die "not all was well"
	[ ! -s $DBG/inflight ] || [ "$(wc -l <$DBG/inflight)" -eq 1 ] ||
		die "transactions are left: $(cat $DBG/inflight)"
}

many_configuration_reads()
{
	local i

	# Serial number and cache mode go to the device, not only to a snapshot.
	for i in $(seq 20); do
		cat "/sys/block/${DISK#/dev/}/serial" "/sys/block/${DISK#/dev/}/cache_type" \
			$CLASS/ping >/dev/null || die "failed in round $i"
	done
	check_counters
	[ "$(counter timeout)" -eq 0 ] || die "time-outs: $(counter timeout)"
}

wait_ready
run_tests queue_depth_1 queue_depth_32 indirect_descriptors flushes file_system entropy \
	console network everything_at_once many_configuration_reads
