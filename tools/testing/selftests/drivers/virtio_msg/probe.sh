#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Devices appear, get their drivers, and can be taken from them and given back.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

ROUNDS=$(rounds 2)

driver_of()
{
	basename "$(readlink "$VIRTIO/$1/driver")"
}

# check NUMBER DRIVER
check()
{
	local name status

	name=$(name_of "$1") || die "no device of number $1"
	[ "$(driver_of "$name")" = "$2" ] || die "$name has driver $(driver_of "$name")"
	status=$(cat "$VIRTIO/$name/status")
	[ $((status)) -eq 15 ] || die "$name: the status is $status"
	[ $(($(field "$1" 3))) -eq 15 ] || die "$name: debugfs has another status"
}

devices_and_drivers()
{
	check "$(num_of $BLK)" virtio_blk
	check "$(num_of $NET)" virtio_net
	check "$(num_of $RNG)" virtio_rng
	check "$(num_of $CONSOLE)" virtio_console
	[ "$(cat $CLASS/transport)" = ivshmem ] || die "another transport"
	grep -q ns $CLASS/ping || die "the peer does not answer a PING"
}

# Set-up: features twice, configuration, five times the status; then two messages
# for each queue. GET_DEVICE_INFO comes before there is a device.
messages_per_probe()
{
	local t n m what queues

	bind_pci_again
	for t in "$BLK blk 1" "$NET net 2" "$RNG rng 1" "$CONSOLE console 2"; do
		# shellcheck disable=SC2086
		set -- $t
		what=$2 queues=$3
		n=$(num_of "$1")
		m=$(messages_of "$n")
		note "messages per probe: $what $((m + 1))"
		[ "$m" -ge 8 ] && [ "$m" -le $((10 + 2 * queues)) ] ||
			die "$what took $m messages to probe"
	done
}

unbind_virtio_drivers()
{
	local t n name driver i

	for i in $(seq $ROUNDS); do
		for t in $BLK $NET $RNG $CONSOLE; do
			n=$(num_of "$t")
			name=$(name_of "$n")
			driver=$(readlink -f "$VIRTIO/$name/driver")
			bounded "unbind of $name" sh -c "echo $name >$driver/unbind" ||
				die "$name: unbind failed in round $i"
			! has_driver "$name" || die "$name still has a driver"
			[ $(($(cat "$VIRTIO/$name/status"))) -le 3 ] ||
				die "$name: status $(cat "$VIRTIO/$name/status") without a driver"
			bounded "bind of $name" sh -c "echo $name >$driver/bind" ||
				die "$name: bind failed in round $i"
			check "$n" "$(basename "$driver")"
		done
		wait_ready
		verify -t 2 -n 20
		rng_read 512 || exit 1
	done
	check_counters
}

gone()
{
	! [ -e $CLASS ] && [ -z "$(ls $VIRTIO)" ]
}

bind_pci_again()
{
	local pci driver

	pci=$(pci_function)
	driver=$(readlink -f "/sys/bus/pci/devices/$pci/driver")
	bounded "unbind of $pci" sh -c "echo $pci >$driver/unbind" || die "unbind of $pci failed"
	wait_for "the devices are gone" gone || die "left: $(ls $VIRTIO /sys/class/virtio-msg)"
	bounded "bind of $pci" sh -c "echo $pci >$driver/bind" || die "bind of $pci failed"
	wait_ready
}

unbind_the_pci_function()
{
	local i

	for i in $(seq $ROUNDS); do
		bind_pci_again
		verify -t 2 -n 20
	done
	check_counters
}

remove_and_rescan_pci()
{
	local pci

	pci=$(pci_function)
	bounded "removal of $pci" sh -c "echo 1 >/sys/bus/pci/devices/$pci/remove"
	wait_for "the devices are gone" gone || die "left: $(ls $VIRTIO)"
	echo 1 >/sys/bus/pci/rescan
	wait_ready
	verify -t 2 -n 20
}

rescan_changes_nothing()
{
	local before after

	before=$(awk '{ print $1, $2, $4, $9 }' $DBG/devices)
	echo 1 >$CLASS/rescan
	cat $CLASS/ping >/dev/null || die "no answer to a PING"
	verify -t 2 -n 20
	after=$(awk '{ print $1, $2, $4, $9 }' $DBG/devices)
	[ "$before" = "$after" ] || die "before: $before, after: $after"
}

reload_modules()
{
	bounded "modprobe -r" modprobe -r $TRANSPORT virtio_msg || die "modprobe -r: $?"
	load || die "modprobe: $?"
	wait_ready
	verify -t 2 -n 20
	check_counters
}

# A disk that is idle has got back all that was added; the console's receive queue
# holds its buffers.
queues_are_shown()
{
	local disk con

	disk=$(num_of $BLK)
	con=$(num_of $CONSOLE)
	verify -t 2 -n 20
	awk -v disk="$disk" -v con="$con" '
		$1 == disk && $4 == 0 && $5 > 0 && $5 == $6 && $6 == $7 && $10 == "runs" { d++ }
		$1 == con && $2 == 0 && $4 > 0 && $4 <= $3 && $10 == "runs" { c++ }
		/lost/ { bad++ }
		END { exit !d || !c || bad }' $DBG/queues || die "$(cat $DBG/queues)"
}

wait_ready
run_tests queues_are_shown devices_and_drivers messages_per_probe unbind_virtio_drivers \
	unbind_the_pci_function remove_and_rescan_pci rescan_changes_nothing reload_modules
