# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# RPMsg by the kernel's own drivers, over whatever transport: virtio_rpmsg_bus
# takes the device, and rpmsg_char makes a file of the service that it announces,
# an echo. Its callbacks sleep. Sourced, not run.

# The file of the endpoint
rpmsg_file()
{
	local name f

	name=$(name_of "$NUM") || return 1
	for f in "$VIRTIO/$name"/*/rpmsg/rpmsg*; do
		f=/dev/${f##*/}
		[ -c "$f" ] && echo "$f"
	done | grep .
}

# add_rpmsg: sets NUM and FILE
add_rpmsg()
{
	modprobe virtio_rpmsg_bus && modprobe rpmsg_char || die "modprobe: $?"
	NUM=$(host add rpmsg | tail -n 1)
	[ "${NUM:-0}" -gt 0 ] || die "host add rpmsg: $NUM"
	wait_for "a service is announced" rpmsg_file || {
		sed 's/^/# /' $DBG/devices
		exit 1
	}
	FILE=$(rpmsg_file)
}

rpmsg_gone()
{
	[ -z "$(field "$NUM" 1)" ] && ! [ -e "$FILE" ]
}

remove_rpmsg()
{
	host remove "$NUM" >/dev/null || die "host remove $NUM: $?"
	wait_for "the device and its file are gone" rpmsg_gone || exit 1
}

# echoes COUNT DEPTH
echoes()
{
	bounded "an echo of $1 messages" rpmsg_echo "$FILE" "$1" "$2" >/tmp/rpmsg.out 2>&1 ||
		die "rpmsg_echo: exit status $?: $(cat /tmp/rpmsg.out)"
	note "$2 at a time: $(cat /tmp/rpmsg.out)"
}

# talk_on: messages until the endpoint goes
talk_on()
{
	background rpmsg_echo "$FILE" 0 8 >/tmp/rpmsg.talk 2>&1
	TALKER=$JOB
	sleep 0.5
	kill -0 "$TALKER" 2>/dev/null || die "rpmsg_echo: $(cat /tmp/rpmsg.talk)"
}

# talk_ended: it has, after at least one message and by an error of the kernel's
talk_ended()
{
	ended "a process that talks to an endpoint that is gone" "$TALKER" ||
		die "rpmsg_echo: exit status $?: $(cat /tmp/rpmsg.talk)"
	note "$(head -n 1 /tmp/rpmsg.talk)"
	grep -q '^[1-9][0-9]* messages' /tmp/rpmsg.talk && grep -q '^then: ' /tmp/rpmsg.talk ||
		die "$(cat /tmp/rpmsg.talk)"
}

rpmsg_echo_test()
{
	add_rpmsg
	[ "$(cat /sys/class/rpmsg/"${FILE#/dev/}"/name)" = rpmsg-raw ] || die "another service"
	# All sizes there are
	echoes 496 1
	# More than there are buffers of one direction
	echoes 600 200
	[ "$(kicks_of "$NUM")" -gt 0 ] && [ "$(used_of "$NUM")" -gt 0 ] ||
		die "neither kicks nor used events were counted"
	remove_rpmsg
	check_counters
}

# The driver goes and comes back, while its callbacks have work to do.
rpmsg_rebound()
{
	local name left

	add_rpmsg
	left=$(rounds 3)
	while [ "$left" -gt 0 ]; do
		left=$((left - 1))
		talk_on
		name=$(name_of "$NUM")
		bounded "unbind" sh -c "echo $name >/sys/bus/virtio/drivers/virtio_rpmsg_bus/unbind" ||
			die "unbind: $?"
		talk_ended
		echo "$name" >/sys/bus/virtio/drivers/virtio_rpmsg_bus/bind || die "it cannot be bound"
		wait_for "a service is announced" rpmsg_file || exit 1
		FILE=$(rpmsg_file)
		echoes 64 8
	done
	remove_rpmsg
	check_counters
}

rpmsg_unplugged()
{
	add_rpmsg
	talk_on
	remove_rpmsg
	talk_ended
	check_counters
}

# The device side dies; its successor knows nothing of an endpoint.
rpmsg_killed()
{
	add_rpmsg
	talk_on
	host kill || die "host kill: $?"
	talk_ended
	wait_for "the file is gone" rpmsg_gone || exit 1
	host start || die "host start: $?"
	wait_ready
	add_rpmsg
	echoes 200 8
	remove_rpmsg
	check_counters
}

# A process is killed while it waits for a buffer, which no signal ends in this
# driver. So it has to end when the device side is given up. What it waits for is a
# condition that takes a mutex, at which a kernel with DEBUG_ATOMIC_SLEEP warns.
rpmsg_stuck()
{
	[ ! -e /proc/lockdep ] || skip "the driver sleeps where it waits; this kernel would say so"
	add_rpmsg
	host pause || die "host pause: $?"
	background rpmsg_echo -b "$FILE" 0 200 >/tmp/rpmsg.talk 2>&1
	TALKER=$JOB
	sleep 1
	kill -9 "$TALKER"
	sleep 0.5
	note "killed, its state is $(sed -n 's/^State:[^A-Z]*//p' "/proc/$TALKER/status")"
	wait_for "the file is gone" rpmsg_gone || exit 1
	ended "a process that was killed" "$TALKER"
	[ $? -eq 137 ] || die "rpmsg_echo: $(cat /tmp/rpmsg.talk)"
	host continue || die "host continue: $?"
	wait_ready
	wait_for "a service is announced" rpmsg_file || exit 1
	FILE=$(rpmsg_file)
	echoes 64 8
	remove_rpmsg
}

# Without the transport there is no device; and nothing keeps the modules.
rpmsg_unloaded()
{
	add_rpmsg
	talk_on
	bounded "rmmod" rmmod $TRANSPORT || die "rmmod: $?"
	talk_ended
	rmmod virtio_rpmsg_bus rpmsg_ns rpmsg_char || die "rmmod: $?"
	modprobe $TRANSPORT || die "modprobe: $?"
	wait_ready
	modprobe virtio_rpmsg_bus && modprobe rpmsg_char || die "modprobe: $?"
	wait_for "a service is announced" rpmsg_file || exit 1
	FILE=$(rpmsg_file)
	echoes 64 8
	remove_rpmsg
	check_counters
}
