#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The other side is a domain without privileges, too: one domU serves the other.
#
# GUEST: --transport xen=domu --dev ramblk,size=16M --rng
# ON-REQUEST

cd "$(dirname "$0")" || exit 1
. ./xen_lib.sh

served_by_a_domu()
{
	verify -t 8 -n 40 -m 16
	rng_read 1024 || exit 1
	check_counters
	[ "$(active_grants)" -gt 0 ] || die "nothing is granted"
}

reloaded()
{
	reload
	wait_ready
	verify -t 4 -n 20
	check_counters
}

no_grant_is_left()
{
	bounded "rmmod" rmmod $TRANSPORT || die "rmmod: $?"
	wait_for "no grant is mapped" grants_are 0 || die "$(cat /tmp/grants)"
	modprobe $TRANSPORT || die "modprobe: $?"
	wait_ready
	verify -t 4 -n 10
}

# The domain goes with all that it had mapped, and nobody says goodbye.
destroyed()
{
	host dom0 xen-dom0 tools || die "xenstored: $?"
	begin
	host dom0 xl destroy 2 || die "xl destroy: $?"
	failed
	wait_for "the devices are gone" no_devices || exit 1
	[ "$(counter peer_lost)" -gt 0 ] || die "the loss was not counted"
	grants_are 0 || die "a domain that is gone maps grants: $(cat /tmp/grants)"
	bounded "rmmod" rmmod $TRANSPORT || die "rmmod: $?"
	! dmesg | grep -q 'still has .* pages mapped' || die "$(dmesg | grep 'still has')"
}

wait_ready
run_tests served_by_a_domu reloaded no_grant_is_left destroyed
