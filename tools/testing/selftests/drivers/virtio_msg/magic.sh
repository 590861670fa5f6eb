#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# A function without the segment's magic number is left to others, quietly; with
# wait=1 the driver stays and finds the segment when somebody formats it.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

gone()
{
	! [ -e $CLASS ] && [ -z "$(ls $VIRTIO)" ]
}

bound()
{
	[ -e "/sys/bus/pci/devices/$PCI/driver" ]
}

bind()
{
	bounded "bind of $PCI" sh -c "echo $PCI >$DRIVER/bind" 2>/dev/null
}

unbind()
{
	bounded "unbind of $PCI" sh -c "echo $PCI >$DRIVER/unbind" || die "unbind of $PCI failed"
	wait_for "the devices are gone" gone || die "left: $(ls $VIRTIO)"
}

# The first four bytes: magic and length, as one number.
first_word()
{
	host helper word "$@" || die "host helper word: $?"
}

# A living device side restores what is its own.
spoil()
{
	host stop || die "host stop: $?"
	WORD=$(first_word)
	[ "$((WORD & 0xffff))" -eq $((0x4c4f)) ] || die "the magic is $WORD"
	trap "restore; kill_jobs" EXIT
	first_word "$1"
}

restore()
{
	[ -n "$WORD" ] || return
	first_word "$WORD"
	host start
	WORD=
}

no_magic_no_driver()
{
	local lines

	unbind
	spoil 0
	lines=$(dmesg | wc -l)
	! bind || die "bound to memory without the magic"
	! bound || die "bound to memory without the magic"
	[ "$(dmesg | wc -l)" -eq "$lines" ] || die "not quiet: $(dmesg | tail -n 3)"
	restore
	bind || die "not bound to memory with the magic"
	wait_ready
	verify -t 2 -n 20
}

wrong_layout_is_said()
{
	unbind
	# The right magic, and a length that is not 64.
	spoil $((0x4c4f | 63 << 16))
	! bind || die "bound to a wrong layout"
	dmesg | tail -n 5 | grep -q "layout" || die "nothing is said of the layout"
	restore
	bind || die "not bound to the right layout"
	wait_ready
}

waits_for_the_magic()
{
	unbind
	bounded "modprobe -r" modprobe -r $TRANSPORT || die "modprobe -r: $?"
	spoil 0
	modprobe $TRANSPORT wait=1 || die "modprobe wait=1: $?"
	bound || die "wait=1 does not stay bound"
	bus_is waiting || die "the bus is $(bus_state)"
	[ -z "$(ls $VIRTIO)" ] || die "devices without a segment: $(ls $VIRTIO)"
	restore
	wait_ready
	verify -t 2 -n 20
	unbind
	bounded "modprobe -r" modprobe -r $TRANSPORT || die "modprobe -r: $?"
	load || die "modprobe: $?"
	wait_ready
	check_counters
}

wait_ready
PCI=$(pci_function)
DRIVER=$(readlink -f "/sys/bus/pci/devices/$PCI/driver")
run_tests no_magic_no_driver wrong_layout_is_said waits_for_the_magic
