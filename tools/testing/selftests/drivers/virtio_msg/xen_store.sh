#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The same peer, found by xenbus: a toolstack makes the device, both ends write
# their states to the store.
#
# GUEST: --transport xen=xenstore --blk %DIR%/disk.img --rng
# ON-REQUEST

cd "$(dirname "$0")" || exit 1
. ./xen_lib.sh

FE=/local/domain/1/device/vmsg/0
BE=/local/domain/0/backend/vmsg/1/0

store()
{
	host dom0 "xenstore-read $1"
}

state_is()
{
	[ "$(store "$1/state")" = "$2" ]
}

connected()
{
	wait_for "both ends are connected" state_is $BE 4 && wait_for "both ends are connected" \
		state_is $FE 4 || die "the front end is in state $(store $FE/state), the back end $(store $BE/state)"
}

# A driver of a xenbus device pins its module as long as it has the device.
unload()
{
	bounded "unbind" sh -c 'echo vmsg-0 >/sys/bus/xen/drivers/virtio_msg_xen/unbind' ||
		die "unbind: $?"
	bounded "rmmod" rmmod $TRANSPORT || die "rmmod: $?"
	[ ! -e $CLASS ] || die "$BUS is still there"
}

all_devices()
{
	connected
	boot_to_device
	[ "$(store $FE/protocol)" = virtio-msg-1 ] || die "protocol $(store $FE/protocol)"
	note "ring-ref $(store $FE/ring-ref), event-channel $(store $FE/event-channel)"
	verify -t 8 -n 40 -m 16
	rng_read 2048 || exit 1
	check_counters
}

killed_and_restarted()
{
	begin
	host kill || die "host kill: $?"
	failed
	wait_for "the devices are gone" no_devices || exit 1
	host start || die "host start: $?"
	kept
	connected
}

reloaded()
{
	local old

	old=$(store $FE/event-channel)
	unload
	modprobe $TRANSPORT || die "modprobe: $?"
	wait_ready
	connected
	verify -t 4 -n 10
	check_counters
	note "event-channel $old, then $(store $FE/event-channel)"
}

unloaded_is_closed()
{
	unload
	wait_for "the front end is closed" state_is $FE 6 || die "it is $(store $FE/state)"
	wait_for "the back end is closed" state_is $BE 6 || die "it is $(store $BE/state)"
	wait_for "no grant is mapped" grants_are_few || die "$(cat /tmp/grants)"
	modprobe $TRANSPORT || die "modprobe: $?"
	wait_ready
	connected
	verify -t 4 -n 10
}

# The store's own page is one that stays.
grants_are_few()
{
	[ "$(active_grants)" -le 2 ]
}

# The toolstack takes the device away, and brings it back.
unplugged()
{
	host dom0 "xenstore-write $BE/online 0" || die "online: $?"
	wait_for "the devices are gone" no_devices || exit 1
	wait_for "the back end is closed" state_is $BE 6 || die "it is $(store $BE/state)"
	wait_for "the front end is closed" state_is $FE 6 || die "it is $(store $FE/state)"
	wait_for "no grant is mapped" grants_are_few || die "$(cat /tmp/grants)"
	host dom0 "xenstore-write $BE/online 1" || die "online: $?"
	wait_ready
	connected
	verify -t 4 -n 10
	check_counters
}

wait_ready
run_tests all_devices mounted killed_and_restarted reloaded unloaded_is_closed unplugged
