# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# A partition of the secure world is reset, refuses, answers nonsense or nothing at
# all. What was acknowledged must be there afterwards, what was not must fail, and
# nothing may hang; and the partition manager must have no more shares in its table
# than there are buses. Sourced by ffa_life_a1.sh and ffa_life_a3.sh.

. ./ffa_lib.sh

ROUNDS=$(rounds 1)

# What the driver says when it leaves memory to the partition
LEFT='bytes (handle .*) stay with the partition'

# Shares that are never reclaimed, because the partition did not let go: the tests
# that make it so come last.
LOST=0

no_share_left()
{
	[ "$(shares)" -eq $LOST ] || die "the partition manager knows $(shares) shares: $(host sp shares)"
}

reloaded()
{
	local i

	for i in $(seq $((ROUNDS * 2))); do
		unload
		no_share_left
		reload
		# Every other time in the middle of probing
		[ $((i % 2)) -eq 0 ] || works
	done
	works
	[ "$(retrieved)" -eq 1 ] || die "the partition has $(retrieved) areas"
}

reloaded_under_io()
{
	for _ in $(seq "$ROUNDS"); do
		begin
		background head -c 100000000 /dev/hwrng >/dev/null 2>&1
		unload
		failed
		no_share_left
		reload
		kept
		works
	done
}

# lost_and_back HOW COMMAND...: the bus notices, and everything comes back.
lost_and_back()
{
	local lost how=$1

	shift
	for _ in $(seq "$ROUNDS"); do
		lost=$(counter peer_lost)
		begin
		sp "$@"
		failed
		kept
		[ "$(counter peer_lost)" -gt "$lost" ] || die "$how: the loss was not counted"
		works
		[ "$(shares)" -eq 1 ] || die "$how: the partition manager knows $(shares) shares"
	done
}

# It has lost its memory: the driver finds out by the answer to its next message.
forgotten()
{
	lost_and_back "crash" forget
	# Nobody does anything: then by asking for events.
	lost=$(counter peer_lost)
	sp forget
	wait_for "the loss is noticed" sh -c "
		awk '\$1 == \"peer_lost\" { exit !(\$2 > $lost) }' $DBG/counters" || exit 1
	works
}

said_reset()
{
	lost_and_back "event RESET" event-reset
}

released()
{
	lost_and_back "event AREA_RELEASE" release
}

# Few at a time: nobody notices.
busy()
{
	local n

	n=$(stat_of busy)
	background ioverify -q -t 4 -m 16 -s 3600 -z 8M "$DISK"
	writer=$JOB
	for _ in 1 2 3; do
		sp busy 4
		sleep 0.2
	done
	kill -0 $writer 2>/dev/null || die "I/O failed"
	kill -9 $writer
	ended "I/O" $writer 2>/dev/null
	works
	[ "$(stat_of busy)" -gt "$n" ] || die "it was never busy"
}

# for_a_while COMMAND COMMAND: between the two nothing is served.
for_a_while()
{
	local timeout

	read -r timeout <$CLASS/timeout_ms
	echo 500 >$CLASS/timeout_ms
	begin
	# shellcheck disable=SC2086
	sp $1
	sleep 1.5
	# shellcheck disable=SC2086
	sp $2
	if kill -0 $writer 2>/dev/null; then
		sleep 0.3
		kill -9 $writer
		ended "I/O" $writer 2>/dev/null
	fi
	wait_ffa
	echo "$timeout" >$CLASS/timeout_ms
	kept
	verify -t 4 -n 20
	rng_read 512 || exit 1
}

busy_for_long()
{
	for_a_while "busy 100000" "busy 0"
}

silent()
{
	for_a_while "silent on" "silent off"
}

# nonsense COMMAND: a few answers that mean nothing.
nonsense()
{
	for _ in $(seq $((ROUNDS * 2))); do
		begin
		sp "$1" 3
		sleep 0.3
		sp "$1" 0
		if kill -0 $writer 2>/dev/null; then
			kill -9 $writer
			ended "I/O" $writer 2>/dev/null
		fi
		kept
		verify -t 4 -n 20
		rng_read 512 || exit 1
	done
	[ "$(shares)" -eq 1 ] || die "the partition manager knows $(shares) shares"
	# With counters that know nothing of this
	reload
	works
}

garbage()
{
	nonsense garbage
}

wrong_size()
{
	nonsense size
}

# The same, and a partition that is busy, where messages are indirect
indirect()
{
	reload mode=indirect
	works
	nonsense size
	reload mode=indirect
	works
	for_a_while "busy 100000" "busy 0"
	lost_and_back "crash" forget
	reload
	works
}

# And where all is in a ring, over notifications
ring()
{
	reload mode=ring
	works
	lost_and_back "crash" forget
	for_a_while "silent on" "silent off"
	reload
	works
}

# Notifications for nothing, one each millisecond, beside I/O
storm()
{
	background ioverify -q -t 4 -m 16 -s 3600 -z 8M "$DISK"
	writer=$JOB
	n=$(stat_of notifications)
	sp storm 300
	wait_for "the storm is over" sh -c \
		"[ \$(host sp stats | sed -n 's/^notifications //p') -ge $((n + 300)) ]" || exit 1
	kill -0 $writer 2>/dev/null || die "I/O failed"
	kill -9 $writer
	ended "I/O" $writer 2>/dev/null
	works
}

spurious()
{
	for _ in 1 2 3; do
		sp storm 1
		sleep 0.1
	done
	works
}

# It says nothing while the module goes: each step times out, and the memory is kept.
unloaded_while_silent()
{
	echo 300 >$CLASS/timeout_ms
	sp silent on
	unload
	sp silent off
	reload
	works
	unload
	# What could not be asked for was not given back.
	LOST=$(shares)
	note "shares that the driver had to leave: $LOST"
	[ "$LOST" -le 1 ] || die "the partition manager knows $LOST shares"
	[ "$LOST" -eq 0 ] || dmesg | grep -q "$LEFT" || die "the driver did not say that it left memory"
	reload
	works
}

share_busy()
{
	unload
	sp busy-share 3
	reload
	works
}

# probe_fails: no bus, no share, and a reason in the log.
probe_fails()
{
	local lines

	lines=$(dmesg | grep -c arm-ffa)
	reload
	! bound || die "the driver took a partition that $1"
	[ "$(dmesg | grep -c arm-ffa)" -gt "$lines" ] || die "nobody was told that it $1"
	[ "$(shares)" -eq "$BEFORE" ] || die "a share is left: $(host sp shares)"
}

share_refused()
{
	unload
	BEFORE=$(shares)
	sp refuse-share 1000
	probe_fails "refuses to share"
	sp refuse-share 0
	reload
	works
}

version_refused()
{
	unload
	BEFORE=$(shares)
	sp version 1000
	probe_fails "speaks another version"
	sp version 0
	reload
	works
}

# Refused politely: RESET makes it let go all the same.
unshare_refused()
{
	unload
	BEFORE=$(shares)
	reload
	works
	sp refuse-unshare 100
	unload
	sp refuse-unshare 0
	[ "$(shares)" -eq "$BEFORE" ] || die "a share is left: $(host sp shares)"
	reload
	works
}

# Whatever it is told, it keeps the memory: that must never be used again.
not_relinquished()
{
	unload
	BEFORE=$(shares)
	reload
	works
	sp keep on
	dmesg -c >/dev/null
	unload
	[ "$(shares)" -eq $((BEFORE + 1)) ] || die "where is the memory? $(host sp shares)"
	dmesg | grep -q "$LEFT" || die "the driver did not say that it left memory"
	sp keep off
	reload
	works
	unload
	[ "$(shares)" -eq $((BEFORE + 1)) ] || die "the second window is left, too: $(host sp shares)"
	reload
	works
}

wait_ffa
