#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The modules are loaded and unloaded, idle and in use, with and without a peer.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

ROUNDS=10
[ -z "${VMSG_SOAK:-}" ] || ROUNDS=100
ROUNDS=${VMSG_ROUNDS:-$ROUNDS}
# What takes longer: as often, where there is time for it.
FEW=$ROUNDS
[ -n "${VMSG_SOAK:-}" ] || FEW=$((ROUNDS / 10))

nothing_left()
{
	! [ -e /sys/class/virtio-msg ] && ! [ -e /sys/kernel/debug/virtio-msg ] &&
		! [ -e /sys/module/virtio_msg ] && ! [ -e /sys/module/$TRANSPORT ] &&
		[ -z "$(ls $VIRTIO)" ] && ! grep -q virtio_msg /proc/interrupts /proc/iomem &&
		! [ -e /sys/kernel/tracing/events/virtio_msg ]
}

unload()
{
	bounded "modprobe -r $TRANSPORT" modprobe -r $TRANSPORT || die "modprobe -r $TRANSPORT: $?"
	# Busybox removes what nobody uses any more along with it.
	! [ -e /sys/module/virtio_msg ] ||
		bounded "modprobe -r virtio_msg" modprobe -r virtio_msg ||
		die "modprobe -r virtio_msg: $?"
	nothing_left || die "something is left: $(ls -d /sys/class/virtio-msg \
		/sys/kernel/debug/virtio-msg /sys/module/virtio_msg* 2>/dev/null)" \
		"$(ls $VIRTIO) $(grep virtio_msg /proc/interrupts /proc/iomem)"
}

loaded_and_unloaded()
{
	local i

	for i in $(seq "$ROUNDS"); do
		unload
		load || die "modprobe: $? in round $i"
		# Every other time in the middle of probing.
		[ $((i % 2)) -eq 0 ] || wait_ready
	done
	wait_ready
	verify -t 4 -n 20
	check_counters
}

# The transport alone: the core stays.
transport_alone()
{
	for _ in 1 2; do
		bounded "rmmod $TRANSPORT" rmmod $TRANSPORT || die "rmmod: $?"
		[ -e /sys/module/virtio_msg ] || die "the core is gone too"
		[ -z "$(ls /sys/class/virtio-msg)" ] || die "a bus is left"
		modprobe $TRANSPORT || die "modprobe: $?"
		wait_ready
	done
}

core_in_use()
{
	! rmmod virtio_msg 2>/dev/null || die "rmmod of the core in use succeeded"
	wait_ready
}

unloaded_under_io()
{
	local i rc acks seed net

	acks=/tmp/acks.modules
	seed=$(new_seed)
	rm -f $acks
	for i in $(seq "$((ROUNDS / 5))"); do
		wait_ready
		# Not once the disk has the CPU.
		net=0
		net_up || net=$?
		background ioverify -x -r $acks -S "$seed" -t 16 -m 16 -z 16M -s 3600 "$DISK" \
			>/tmp/ioverify.out 2>&1
		writer=$JOB
		background head -c 100000000 /dev/hwrng >/dev/null 2>&1
		reader=$JOB
		[ $net -ne 0 ] || background wget -q -O /dev/null "$HTTP/data/200000000"
		sleep 0.5
		unload
		ended "I/O on a disk whose driver is gone" "$writer"
		rc=$?
		[ $rc -eq 0 ] || die "round $i: ioverify: exit status $rc: $(cat /tmp/ioverify.out)"
		ended "the reader of /dev/hwrng" "$reader"
		kill_jobs
		load || die "modprobe: $?"
		wait_ready
		bounded "check" ioverify -c -r $acks -S "$seed" -t 16 -z 16M "$DISK" >/tmp/ioverify.out 2>&1 ||
			die "round $i: acknowledged data is lost: $(tail -n 5 /tmp/ioverify.out)"
	done
	check_counters
	rm -f $acks
}

# Also with I/O that nobody will ever answer.
unloaded_without_peer()
{
	for _ in $(seq "$FEW"); do
		wait_ready
		background ioverify -x -t 4 -s 3600 "$DISK" >/tmp/ioverify.out 2>&1
		writer=$JOB
		sleep 0.2
		host kill
		unload
		ended "I/O" "$writer" || die "$(cat /tmp/ioverify.out)"
		load || die "modprobe: $?"
		bus_is waiting || die "the bus is $(bus_state) without a peer"
		unload
		load || die "modprobe: $?"
		host start || die "host start: $?"
		wait_ready
	done
	verify -t 4 -n 20
	check_counters
}

# The peer sleeps, so every step of the removal times out.
unloaded_while_peer_sleeps()
{
	echo 300 >$CLASS/timeout_ms
	host pause || die "host pause: $?"
	bounded "modprobe -r" modprobe -r $TRANSPORT || die "modprobe -r: $?"
	host continue || die "host continue: $?"
	load || die "modprobe: $?"
	wait_ready
	verify -t 4 -n 20
}

# The peer rings as often as it can, or sends answers to nobody.
unloaded_while_flooded()
{
	local n

	for _ in $(seq "$FEW"); do
		for n in 39,0 14,0; do
			wait_ready
			host evil "$n" >/dev/null || die "host evil $n: $?"
			unload
			load || die "modprobe: $?"
			sleep 0.3
			unload
			load || die "modprobe: $?"
			host evil 0 >/dev/null || die "host evil 0: $?"
		done
	done
	wait_ready
	verify -t 4 -n 20
}

wait_ready
run_tests loaded_and_unloaded transport_alone core_in_use unloaded_under_io \
	unloaded_without_peer unloaded_while_peer_sleeps unloaded_while_flooded
