#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The device side dies, ends, or sleeps while it is in use. What was acknowledged
# must be there afterwards; what was not must fail, and nothing may hang.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

ROUNDS=$(rounds 2)

# end_by VERB: end the daemon under I/O, start it again, look at the disk.
end_by()
{
	local verb=$1 acks seed i rc errors total=0 acked=0 out lost

	acks=/tmp/acks.$verb
	seed=$(new_seed)
	rm -f "$acks"
	for i in $(seq "$ROUNDS"); do
		wait_ready
		lost=$(counter peer_lost)
		out=/tmp/ioverify.out
		background ioverify -x -r "$acks" -S "$seed" -t 16 -m 16 -z 16M -s 3600 "$DISK" >$out 2>&1
		writer=$JOB
		sleep "0.$((i % 7 + 2))"
		bounded "host $verb" host "$verb" || die "host $verb: $?"
		# The daemon is not back yet: nobody else can end these requests.
		ended "I/O on a disk whose device side is gone" "$writer"
		rc=$?
		[ $rc -eq 0 ] || die "round $i: ioverify: exit status $rc: $(cat $out)"
		errors=$(sed -n 's/.* \([0-9]*\) I\/O errors.*/\1/p' $out)
		[ "${errors:-0}" -gt 0 ] ||
			die "round $i: no error reached the application: $(cat $out)"
		total=$((total + errors))
		acked=$((acked + $(sed -n 's/.*: \([0-9]*\) writes,.*/\1/p' $out)))
		bounded "host start" host start || die "host start: $?"
		wait_for "the loss was noticed" later_than "$lost" || exit 1
		wait_ready
		bounded "check" ioverify -c -r "$acks" -S "$seed" -t 16 -z 16M "$DISK" >$out 2>&1 ||
			die "round $i: acknowledged data is lost: $(tail -n 5 $out)"
	done
	note "$ROUNDS rounds: $acked writes acknowledged, $total errors, nothing lost;" \
		"$(counter drained) requests drained"
	check_counters
	rm -f "$acks"
}

later_than()
{
	[ "$(counter peer_lost)" -gt "$1" ]
}

killed_under_io()
{
	end_by kill
}

ended_under_io()
{
	end_by stop
}

# Killed and started before the guest could look.
killed_and_started_at_once()
{
	local i lost

	for i in $(seq "$ROUNDS"); do
		wait_ready
		lost=$(counter peer_lost)
		background ioverify -x -t 8 -s 3600 "$DISK" >/tmp/ioverify.out 2>&1
		writer=$JOB
		sleep 0.3
		host kill
		host start || die "host start: $?"
		ended "I/O" "$writer" || die "round $i: $(cat /tmp/ioverify.out)"
		wait_for "the loss was noticed" later_than "$lost" || exit 1
	done
	wait_ready
	verify -t 8 -n 20
	check_counters
}

# Killed again while the devices are being probed.
killed_during_probe()
{
	local i

	for i in $(seq "$((ROUNDS * 2))"); do
		host kill
		host start || die "host start: $?"
		sleep "0.$((i % 5))"
	done
	wait_ready
	verify -t 8 -n 20
	rng_read 512 || exit 1
	check_counters
}

mounted()
{
	local dir i n=0

	dir=$(mktemp -d /tmp/mnt.XXXXXX)
	wait_ready
	bounded "mkfs" mkfs.ext4 -q -F "$DISK" || die "mkfs.ext4: $?"
	for i in $(seq "$((ROUNDS / 2))"); do
		wait_ready
		bounded "mount" mount -t ext4 "$DISK" "$dir" || die "mount: $?"
		: >/tmp/acked
		# A name is written down when its file has been synced.
		background sh -c "n=0; while dd if=/dev/urandom of=$dir/f$i.\$n bs=16k count=2 \
			conv=fsync 2>/dev/null && s=\$(sha256sum <$dir/f$i.\$n) && sync $dir 2>/dev/null; do
			echo \"\$s f$i.\$n\" >>/tmp/acked; n=\$((n + 1)); done"
		writer=$JOB
		sleep 1
		bounded "host kill" host kill || die "host kill: $?"
		ended "the writer" "$writer"
		! bounded "a write with fsync" dd if=/dev/zero of="$dir/no" bs=4k count=1 \
			conv=fsync 2>/dev/null || die "a write succeeded without a device side"
		bounded "umount" umount "$dir" || die "umount: $?"
		bounded "host start" host start || die "host start: $?"
		wait_ready
		bounded "e2fsck" e2fsck -p "$DISK" >/tmp/fsck 2>&1
		[ $? -le 1 ] || die "e2fsck: $(cat /tmp/fsck)"
		bounded "mount" mount -t ext4 "$DISK" "$dir" || die "mount: $?"
		while read -r sum _ name; do
			[ "$(sha256sum <"$dir/$name" | cut -d ' ' -f 1)" = "$sum" ] ||
				die "$name was synced and is lost"
			n=$((n + 1))
		done </tmp/acked
		bounded "umount" umount "$dir" || die "umount: $?"
	done
	note "$n synced files survived"
	rmdir "$dir"
}

other_devices()
{
	wait_ready
	background head -c 100000000 /dev/hwrng >/dev/null 2>&1
	reader=$JOB
	sleep 0.3
	host kill
	wait_for "the bus has lost its peer" bus_is waiting || die "the bus is $(bus_state)"
	ended "the reader of /dev/hwrng" "$reader"
	[ -z "$(ls $VIRTIO)" ] || die "devices without a device side: $(ls $VIRTIO)"
	! cat $CLASS/ping >/dev/null 2>&1 || die "who answers this PING?"
	host start || die "host start: $?"
	wait_ready
	rng_read 2048 || exit 1
	console_echo 2048 || [ $? -eq 4 ] || die "the console failed"
	net_up
	case $? in
	0) net_traffic 50000 || exit 1 ;;
	4) ;;
	*) die "no network" ;;
	esac
	check_counters
}

# Asleep for longer than a transaction may take, and nobody asks whether the peer
# is alive: a transaction times out, what is queued waits, and nothing is lost.
asleep()
{
	local old alive timeouts lost

	old=$(cat $CLASS/timeout_ms)
	alive=$(cat $CLASS/keepalive_ms)
	timeouts=$(counter timeout)
	lost=$(counter peer_lost)
	background ioverify -q -t 8 -n 200 -m 16 -z 16M "$DISK"
	writer=$JOB
	echo 0 >$CLASS/keepalive_ms
	echo 300 >$CLASS/timeout_ms
	host pause || die "host pause: $?"
	! cat $CLASS/ping >/dev/null 2>&1 || die "who answers this PING?"
	[ "$(counter timeout)" -gt "$timeouts" ] || die "no time-out was counted"
	! cat $CLASS/ping >/dev/null 2>&1 || die "who answers this PING?"
	host continue || die "host continue: $?"
	echo "$old" >$CLASS/timeout_ms
	echo "$alive" >$CLASS/keepalive_ms
	wait_for "the peer answers again" cat $CLASS/ping || exit 1
	ended "I/O" "$writer" || die "I/O failed: $?"
	wait_ready
	verify -t 4 -n 20
	[ "$(counter peer_lost)" -eq "$lost" ] || die "the peer was lost"
	note "late answers: $(counter rx_late)"
	check_counters
}

# Asleep for so long that it is given up, and then it wakes up.
asleep_too_long()
{
	local old alive acks seed lost out rc

	out=/tmp/ioverify.out
	acks=/tmp/acks.asleep
	seed=$(new_seed)
	rm -f $acks
	old=$(cat $CLASS/timeout_ms)
	alive=$(cat $CLASS/keepalive_ms)
	lost=$(counter peer_lost)
	background ioverify -x -r $acks -S "$seed" -t 8 -z 8M -s 3600 "$DISK" >$out 2>&1
	writer=$JOB
	sleep 0.5
	echo 300 >$CLASS/keepalive_ms
	echo 300 >$CLASS/timeout_ms
	host pause || die "host pause: $?"
	wait_for "the peer is given up" later_than "$lost" || exit 1
	echo "$old" >$CLASS/timeout_ms
	echo "$alive" >$CLASS/keepalive_ms
	ended "I/O" "$writer"
	rc=$?
	[ $rc -eq 0 ] || die "ioverify: exit status $rc: $(cat $out)"
	wait_for "the bus waits" bus_is waiting || die "the bus is $(bus_state)"
	host continue || die "host continue: $?"
	wait_ready
	bounded "check" ioverify -c -r $acks -S "$seed" -t 8 -z 8M "$DISK" >$out 2>&1 ||
		die "acknowledged data is lost: $(tail -n 5 $out)"
	verify -t 4 -n 20
	rng_read 512 || exit 1
	check_counters
}

killed_asleep()
{
	background ioverify -x -t 8 -s 3600 "$DISK" >/tmp/ioverify.out 2>&1
	writer=$JOB
	host pause || die "host pause: $?"
	sleep 0.5
	host kill || die "host kill: $?"
	ended "I/O" "$writer" || die "$(cat /tmp/ioverify.out)"
	host start || die "host start: $?"
	wait_ready
	verify -t 4 -n 20
	check_counters
}

wait_ready
run_tests killed_under_io ended_under_io killed_and_started_at_once killed_during_probe \
	mounted other_devices asleep \
	asleep_too_long killed_asleep
