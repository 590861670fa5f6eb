#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The device side dies or ends while it is in use, and its devices wait for a
# successor: nobody who uses them may notice more than that it takes longer.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

ROUNDS=$(rounds 3)

bus_is_away()
{
	[ "$(bus_state)" = away ]
}

resumed_more()
{
	[ "$(counter resumed)" -gt "$1" ]
}

# On the rings that are there, a queue may be packed only if nobody waits.
begin()
{
	[ "$(cat $CLASS/recover_s)" = "$1" ] || recover "$1"
	wait_ready
}

# successors VERB: the daemon and its back end end ROUNDS times under I/O.
successors()
{
	local verb=$1 i resumed lost out=/tmp/ioverify.out

	begin 60
	lost=$(counter peer_lost)
	background ioverify -t 16 -m 16 -z 16M -f 8 -s 3600 "$DISK" >$out 2>&1
	writer=$JOB
	background head -c 100000000 /dev/hwrng >/dev/null
	for i in $(seq "$ROUNDS"); do
		resumed=$(counter resumed)
		sleep "0.$((i % 7 + 2))"
		bounded "host $verb" host "$verb" || die "host $verb: $?"
		wait_for "the loss is noticed" bus_is_away || die "round $i: the bus is $(bus_state)"
		[ -b "$DISK" ] || die "round $i: $DISK is gone"
		kill -0 "$writer" || die "round $i: I/O ended: $(cat $out)"
		bounded "host start" host start || die "host start: $?"
		wait_for "a device goes on" resumed_more "$resumed" || die "the bus is $(bus_state)"
	done
	kill -USR1 "$writer"
	ended "I/O across $ROUNDS successors" "$writer" ||
		die "I/O failed: $?: $(tail -n 5 $out)"
	sed 's/^/# /' $out
	wait_ready
	[ "$(counter peer_lost)" -eq "$lost" ] || die "the peer counts as lost"
	note "resumed $(counter resumed), replayed $(counter replayed), drained $(counter drained)"
	rng_read 512 || exit 1
	verify -t 4 -n 10
	check_counters
}

killed_under_io()
{
	successors kill
}

ended_under_io()
{
	successors stop
}

# The successor dies, too, before or after it was any use.
killed_again()
{
	local i out=/tmp/ioverify.out

	begin 60
	background ioverify -t 8 -m 8 -z 16M -s 3600 "$DISK" >$out 2>&1
	writer=$JOB
	for i in $(seq $((ROUNDS * 2))); do
		host kill
		host start || die "host start: $?"
		sleep "0.$((i % 4))"
	done
	kill -USR1 "$writer"
	ended "I/O" "$writer" || die "I/O failed: $?: $(tail -n 5 $out)"
	wait_ready
	verify -t 4 -n 10
	check_counters
}

# A file system is in use all the time, and loses nothing.
mounted()
{
	local dir i n=0

	begin 60
	dir=$(mktemp -d /tmp/mnt.XXXXXX)
	bounded "mkfs" mkfs.ext4 -q -F "$DISK" || die "mkfs.ext4: $?"
	bounded "mount" mount -t ext4 "$DISK" "$dir" || die "mount: $?"
	for i in $(seq "$ROUNDS"); do
		background sh -c "for n in 1 2 3 4 5 6; do
			head -c 200000 /dev/urandom >$dir/f$i.\$n && sync $dir/f$i.\$n || exit 1
			(cd $dir && sha256sum f$i.\$n) >>/tmp/sums || exit 1
		done"
		writer=$JOB
		sleep 0.3
		host kill
		host start || die "host start: $?"
		ended "the writer" "$writer" || die "a write failed: $?"
	done
	bounded "umount" umount "$dir" || die "umount: $?"
	bounded "e2fsck" e2fsck -fn "$DISK" >/tmp/fsck 2>&1 || die "e2fsck: $(cat /tmp/fsck)"
	bounded "mount" mount -t ext4 "$DISK" "$dir" || die "mount: $?"
	(cd "$dir" && sha256sum -c /tmp/sums >/tmp/sum.out 2>&1) || die "$(cat /tmp/sum.out)"
	n=$(wc -l </tmp/sums)
	note "$n files"
	bounded "umount" umount "$dir" || die "umount: $?"
	rm -f /tmp/sums
	rmdir "$dir"
}

# Frames are lost as on any wire, and nothing else.
network()
{
	local flood

	begin 60
	need_net
	background sh -c 'for _ in 1 2 3 4; do ping -q -c 20 -A -w 5 -s 1000 '"${HTTP#http://}"'; done' >/dev/null 2>&1
	flood=$JOB
	sleep 0.2
	host kill
	host start || die "host start: $?"
	ended "ping" "$flood"
	wait_ready
	net_up || die "no network any more"
	net_traffic 50000 || exit 1
	check_counters
}

# Nobody comes: what was under way ends when the time is over, not before.
nobody_comes()
{
	local out=/tmp/ioverify.out lost

	begin 60
	lost=$(counter peer_lost)
	background ioverify -x -t 16 -m 4 -z 16M -s 3600 "$DISK" >$out 2>&1
	writer=$JOB
	sleep 0.3
	host kill
	wait_for "the loss is noticed" bus_is_away || die "the bus is $(bus_state)"
	sleep 2
	kill -0 "$writer" 2>/dev/null || die "I/O did not wait: $(cat $out)"
	bus_is_away || die "the bus is $(bus_state)"
	# Less time, from the loss on: it is over.
	recover 1
	ended "I/O whose device side never came back" "$writer" || die "$?: $(cat $out)"
	grep -q ' 0 I/O errors' $out && die "no error reached the application: $(cat $out)"
	[ "$(counter peer_lost)" -eq $((lost + 1)) ] || die "lost $(counter peer_lost) times"
	host start || die "host start: $?"
	wait_ready
	verify -t 4 -n 10
	check_counters
}

# Whoever wants the devices gone does not have to wait for anybody.
unloaded_meanwhile()
{
	local out=/tmp/ioverify.out

	begin 60
	recover never
	background ioverify -x -t 8 -m 4 -z 16M -s 3600 "$DISK" >$out 2>&1
	writer=$JOB
	sleep 0.3
	host kill
	wait_for "the loss is noticed" bus_is_away || die "the bus is $(bus_state)"
	bounded "modprobe -r" modprobe -r $TRANSPORT || die "modprobe -r: $?"
	ended "I/O" "$writer" || die "$?: $(cat $out)"
	host start || die "host start: $?"
	recover 60
	load || die "modprobe: $?"
	wait_ready
	verify -t 4 -n 10
}

bad_times_are_refused()
{
	local t

	for t in 601 -1 x 4294967295 ''; do
		! (echo "$t" >$CLASS/recover_s) 2>/dev/null || die "recover_s takes '$t'"
	done
	for t in 0 1 600 never; do
		echo $t >$CLASS/recover_s || die "recover_s refuses $t"
		[ "$(cat $CLASS/recover_s)" = $t ] || die "$t is $(cat $CLASS/recover_s)"
	done
	recover 60
}

# The devices of this bus were made when none could wait.
recover 60
modprobe -r $TRANSPORT virtio_msg && load
wait_ready
run_tests killed_under_io ended_under_io killed_again mounted network nobody_comes \
	unloaded_meanwhile bad_times_are_refused
