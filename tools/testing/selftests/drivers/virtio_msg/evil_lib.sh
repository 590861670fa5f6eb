# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# A device side that is wrong or hostile: "vmsgd --evil", behaviours 1 to 40. Sourced
# after lib.sh, not run.
#
# Device 1 of bus virtio-msg0 is the victim: it does evil. Device 2 of that bus, and
# the disk of virtio-msg1, whose daemon is another one, must not notice: all the time
# there is I/O on them that is checked. After each run the modules are unloaded.
#
# VMSG_EVIL, in the environment: other runs than the usual, "N:PHASE:SEED[:DEVICE]"...

NEAR=virtio-msg0
FAR=virtio-msg1
VICTIM=1
MATE=2

# Counters of the driver side that tell of mistakes of its peer
REJECTS="rx_malformed rx_unknown_id rx_late rx_mismatch rx_unexpected rx_stale_event
	timeout broken peer_lost"

on_bus()
{
	BUS=$1
	CLASS=/sys/class/virtio-msg/$BUS
	DBG=/sys/kernel/debug/virtio-msg/$BUS
}

# The specification of the victim of a kind
spec_of()
{
	case $1 in
	1) echo ramblk,size=16M,num=1 ;;
	3) echo rng,num=3 ;;
	4) echo console,pty,num=4 ;;
	5) echo net,num=5 ;;
	esac
}

far_disk()
{
	on_bus $FAR
	disk_of 1
}

both_ready()
{
	on_bus $FAR
	bus_is running && FAR_DISK=$(disk_of 1) || return 1
	on_bus $NEAR
	bus_is running && MATE_DISK=$(disk_of $MATE) && disk_of 1 >/dev/null &&
		has_driver "$(name_of "$VICTIM")"
}

# All is well, and the daemon is honest.
begin()
{
	if [ -n "$DIRTY" ]; then
		host pid >/dev/null && host kill
		host start || die "host start: $?"
		DIRTY=
	fi
	[ -e /sys/module/$TRANSPORT ] || load || die "modprobe: $?"
	wait_for "both buses are there" both_ready || {
		sed 's/^/# /' /sys/kernel/debug/virtio-msg/*/devices
		exit 1
	}
	both_ready
}

nothing_left()
{
	! [ -e /sys/class/virtio-msg ] && ! [ -e /sys/module/virtio_msg ] &&
		[ -z "$(ls $VIRTIO)" ] && ! grep -q virtio_msg /proc/interrupts /proc/iomem
}

unload()
{
	bounded "modprobe -r" modprobe -r $TRANSPORT || die "modprobe -r $TRANSPORT: $?"
	! [ -e /sys/module/virtio_msg ] || bounded "modprobe -r" modprobe -r virtio_msg ||
		die "modprobe -r virtio_msg: $?"
	nothing_left || die "something is left: $(ls $VIRTIO)"
}

# Into the kernel log, beside what that does meanwhile
log()
{
	echo "evil: $*" >/dev/kmsg
}

# snapshot PREFIX: the counters of the bus, as variables
snapshot()
{
	local name value

	while read -r name value; do
		eval "$1_$name=$value"
	done <$DBG/counters
}

# moved FROM NAME: MOVED is by how much that counter went up until the snapshot "now".
# No process is started: that takes long here.
moved()
{
	eval "MOVED=\$((now_$2 - $1_$2))"
}

# Has that counter gone up since the snapshot "before"?
went_up()
{
	snapshot now
	moved before "$1"
	[ $MOVED -gt 0 ]
}

# Which of a victim's neighbours on its own bus may suffer with it
takes_bus_along()
{
	case $N in
	11 | 34 | 35 | 40) return 0 ;;
	37) [ $((SEED % 3)) -eq 1 ] ;;
	*) return 1 ;;
	esac
}

# Something happens to the victim: I/O of its kind, for as long as it lasts
use_victim()
{
	local d

	case $VICTIM in
	1)
		d=$(disk_of 1) || return
		if [ "$N" -eq 33 ]; then
			background ioverify -x -t 1 -m 1 -l 60 -s 3600 "$d" >/tmp/victim.out 2>&1
		else
			background ioverify -x -t 8 -m 4 -s 3600 "$d" >/tmp/victim.out 2>&1
		fi
		;;
	3) background head -c 1000000 /dev/hwrng >/dev/null 2>&1 ;;
	4) background sh -c 'while echo x >/dev/hvc0; do :; done' 2>/dev/null ;;
	5)
		d=$(net_of 5) || return
		ip link set "$d" up 2>/dev/null
		background udhcpc -i "$d" -n -q -t 5 -T 1 >/dev/null 2>&1
		;;
	esac
	USER=$JOB
}

# unbind COMMAND: the victim's driver leaves it; then COMMAND, which has both as $n and
# $drv, is run.
unbind()
{
	local n drv

	n=$(name_of "$VICTIM") || return 0
	drv=$(readlink -f "$VIRTIO/$n/driver") || return 0
	[ -e "$drv/unbind" ] || return 0
	background sh -c "n=$n drv=$drv; echo $n >$drv/unbind; $1" >/dev/null 2>&1
	REBIND=$JOB
}

rebind()
{
	# shellcheck disable=SC2016
	unbind 'echo $n >$drv/bind'
}

arm()
{
	host evil "$N,$SEED,$VICTIM" >/tmp/evil.armed 2>&1 ||
		die "host evil $N,$SEED,$VICTIM: $(cat /tmp/evil.armed)"
	log "armed"
}

# Give the other side something to be evil about.
stir()
{
	background cat $CLASS/ping >/dev/null 2>&1
	echo 1 >$CLASS/rescan
}

act()
{
	case $PHASE in
	probe)
		host remove "$VICTIM" >/dev/null || die "host remove: $?"
		wait_for "device $VICTIM is gone" absent || exit 1
		arm
		background host add "$(spec_of "$VICTIM")" >/tmp/add 2>&1
		stir
		sleep 0.4
		use_victim
		;;
	idle)
		arm
		stir
		sleep 0.2
		rebind
		;;
	loaded)
		use_victim
		arm
		stir
		sleep 0.3
		rebind
		;;
	remove)
		use_victim
		arm
		stir
		sleep 0.2
		unbind "host remove $VICTIM"
		;;
	esac
	case $N in
	# Longer than a driver waits for a reset
	26 | 36) sleep 6 ;;
	*) sleep "${EVIL_SECONDS:-0.5}" ;;
	esac
	DIRTY=1
}

absent()
{
	[ -z "$(field "$VICTIM" 1)" ]
}

# The daemon dies, and something of it writes on; the next one comes when that ends.
after_death()
{
	local q=

	host kill || die "host kill: $?"
	wait_for "the loss is noticed" went_up peer_lost || exit 1
	! grep -q '^quarantined: 0$' $DBG/window || q=no
	host start || die "host start: $?"
	[ -z "$q" ] || [ "$PHASE" = idle ] || [ "$PHASE" = remove ] ||
		die "no buffer of a dead writer was in quarantine"
}

# Has all been counted that was injected?
booked()
{
	local name least most

	snapshot now
	while read -r name least most; do
		[ "$name" != injected ] || continue
		moved before "$name"
		[ $MOVED -ge "$least" ] || return 1
	done </tmp/evil.books
}

check_books()
{
	local name least most bad=''

	wait_for "what was injected was counted" booked || bad=1
	snapshot now
	while read -r name least most; do
		[ "$name" != injected ] || continue
		moved before "$name"
		[ "$most" != - ] || most=$MOVED
		if [ $MOVED -lt "$least" ] || [ $MOVED -gt "$most" ]; then
			note "$name went up by $MOVED, wanted $least to $most"
			bad=1
		fi
	done </tmp/evil.books
	[ -z "$bad" ]
}

injected()
{
	host evil >/tmp/evil.books 2>&1 || die "host evil: $(cat /tmp/evil.books)"
	read -r _ INJECTED </tmp/evil.books
	[ "$INJECTED" -gt 0 ]
}

disarm()
{
	if [ "$N" -eq 35 ]; then
		after_death
		INJECTED=1
		return
	fi
	# A busy machine may not have come to it yet; others may never.
	[ -n "${VMSG_EVIL:-}" ] || wait_for "something is injected" injected || exit 1
	host evil 0 >/tmp/evil.books 2>&1 || die "host evil 0: $(cat /tmp/evil.books)"
	read -r _ INJECTED </tmp/evil.books
	if [ "$INJECTED" -eq 0 ]; then
		# Not every behaviour has something to be evil about in every phase.
		[ -z "${VMSG_EVIL:-}" ] || IDLE=1
		[ -n "$IDLE" ] || die "nothing was injected"
	fi
	check_books || die "the driver's counters are not what was injected ($INJECTED times)"
}

# A device that keeps what it has been given keeps its driver from leaving it, too.
has_left()
{
	local i=0

	while kill -0 "$REBIND" 2>/dev/null; do
		i=$((i + 1))
		[ $i -le 100 ] || return 1
		sleep 0.1
	done
}

# What is particular
particular()
{
	case $N in
	26 | 36)
		# One that is gone before its reset was given up is not broken, nor one
		# whose driver still waits for the buffers that it keeps.
		[ "$PHASE" = loaded ] || return 0
		[ "$N" -eq 26 ] || ! kill -0 "$REBIND" 2>/dev/null || return 0
		wait_for "a device that does not reset is broken" went_up broken || exit 1
		;;
	25) cat /sys/block/*/cache_type /sys/block/*/queue/* /sys/class/net/*/mtu >/dev/null 2>&1 ;;
	32)
		# In other phases there has been I/O before.
		[ "$PHASE" != probe ] || [ "$VICTIM" -ne 1 ] || [ ! -s /tmp/victim.out ] ||
			grep -q ' 0 writes, 0 reads' /tmp/victim.out ||
			die "success without a status: $(cat /tmp/victim.out)"
		;;
	esac
}

# evil N:PHASE:SEED[:DEVICE]
evil()
{
	local far mate c start end

	read -r start _ </proc/uptime

	IFS=: read -r N PHASE SEED VICTIM <<-END
	$1
	END
	VICTIM=${VICTIM:-1}
	USER='' REBIND='' IDLE=''
	begin
	: >/tmp/victim.out
	on_bus $FAR
	snapshot far
	on_bus $NEAR
	snapshot before
	# Where answers are kept back. All others come: not even on a busy machine may one
	# be taken for lost.
	case $N in
	9 | 10 | 15 | 16 | 37) echo 1000 >$CLASS/timeout_ms ;;
	# Of these the time-outs are not counted.
	11 | 34 | 35 | 38 | 40) echo 300 >$CLASS/timeout_ms ;;
	esac
	case $N:$((SEED % 3)) in
	15:* | 16:* | 38:* | 37:[02]) echo 0 >$CLASS/keepalive_ms ;;
	esac
	background ioverify -q -t 2 -m 4 -s 3600 "$FAR_DISK"
	far=$JOB
	background ioverify -q -t 2 -m 4 -s 3600 -z 4M "$MATE_DISK"
	mate=$JOB

	log "there is I/O"
	act
	particular
	log "enough"
	disarm
	log "counted"
	# Nobody waits for ever, once the device is taken away.
	if [ -n "$REBIND" ]; then
		has_left || host remove "$VICTIM" >/dev/null 2>&1
		ended "unbind and bind" "$REBIND"
		[ $? -ne 124 ] || die "the driver of device $VICTIM does not leave it"
	fi
	takes_bus_along || kill -0 "$mate" 2>/dev/null || die "device $MATE, which is honest, suffered"
	kill -9 "$mate" 2>/dev/null
	kill -0 "$far" 2>/dev/null || die "the other bus suffered"
	kill -9 "$far"
	ended "I/O on the other bus" "$far" 2>/dev/null
	bounded "check" ioverify -q -t 2 -n 5 -z 1M "$FAR_DISK" || die "the other bus: wrong data"
	# What was written into its window, or its rings, may keep a device from ever
	# answering; then unloading takes half a minute.
	if takes_bus_along; then
		[ -n "${VMSG_SOAK:-}" ] || host kill || die "host kill: $?"
	else
		ended "I/O on device $MATE" "$mate" 2>/dev/null
	fi
	takes_bus_along || bounded "check" ioverify -q -t 2 -n 5 -z 1M "$MATE_DISK" ||
		die "device $MATE: wrong data"
	on_bus $FAR
	snapshot now
	for c in $REJECTS; do
		moved far "$c"
		[ $MOVED -eq 0 ] || die "on the other bus $c went up by $MOVED"
	done
	on_bus $NEAR
	log "neighbours are well"
	unload
	log "unloaded"
	ended "I/O on device $MATE" "$mate" 2>/dev/null
	[ $? -ne 124 ] || die "who used device $MATE hangs"
	if [ -n "$USER" ]; then
		kill -9 "$USER" 2>/dev/null
		ended "who used device $VICTIM" "$USER" 2>/dev/null
		[ $? -ne 124 ] || die "a user of device $VICTIM hangs"
		! grep -q 'wrong data\|holds block' /tmp/victim.out || [ "$N" -eq 34 ] ||
			[ "$N" -eq 33 ] || [ "$N" -eq 30 ] || [ "$N" -eq 28 ] ||
			die "wrong data: $(cat /tmp/victim.out)"
		! grep -q 'changed later' /tmp/victim.out ||
			die "what was read changed later: $(cat /tmp/victim.out)"
	fi
	read -r end _ </proc/uptime
	[ -z "$IDLE" ] || skip "$N $PHASE seed $SEED: there was nothing to be evil about"
	note "$N $PHASE seed $SEED device $VICTIM: $INJECTED times, $((${end%.*} - ${start%.*})) s"
}

# No leak of ours, since the last look
no_leaks()
{
	local k=/sys/kernel/debug/kmemleak

	[ -w $k ] || skip "this kernel does not look for leaks"
	echo scan >$k
	sleep 5
	echo scan >$k
	! grep -E '\[virtio_msg|^ +(\[<?)?(0x)?[0-9a-f]{16}\b' $k | head -n 20 | sed 's/^/# leak: /' |
		grep . || die "memory leaks"
	echo clear >$k
}

# run_evil RUN...: as tests of their own, and then a look for leaks
run_evil()
{
	local r names=

	[ ! -w /proc/sys/kernel/panic_on_warn ] || echo 1 >/proc/sys/kernel/panic_on_warn
	for r in ${VMSG_EVIL:-"$@"}; do
		r=$(echo "$r" | tr : _)
		eval "evil_$r() { evil $(echo "$r" | tr _ :); }"
		names="$names evil_$r"
	done
	DIRTY=1
	# shellcheck disable=SC2086
	run_tests $names no_leaks
}
