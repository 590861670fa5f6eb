#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# RPMsg from one domain to another, as to an RTOS there. Debian's kernels have no
# virtio_rpmsg_bus.
#
# GUEST: --transport xen --blk %DIR%/disk.img --rng
# KERNELS: mainline debug
# ON-REQUEST

cd "$(dirname "$0")" || exit 1
. ./xen_lib.sh
. ./rpmsg_tests.sh

# What a message there and back costs; for the reader, no limit is set.
events_per_message()
{
	local sent got

	add_rpmsg
	sent=$(bus_line "events sent")
	got=$(bus_line events)
	echoes 500 1
	sent=$(($(bus_line "events sent") - sent))
	got=$(($(bus_line events) - got))
	[ "$sent" -gt 0 ] && [ "$got" -gt 0 ] || die "$sent events sent, $got received"
	note "500 messages there and back: $sent events sent, $got received"
	remove_rpmsg
}

wait_ready
run_tests rpmsg_echo_test events_per_message rpmsg_rebound rpmsg_unplugged rpmsg_killed \
	rpmsg_stuck rpmsg_unloaded
