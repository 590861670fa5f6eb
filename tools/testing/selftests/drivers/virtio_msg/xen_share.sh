#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Buffers that are granted one by one, beside those that are bounced: what the
# other side copies by grants is what was written.
#
# The event channel is one that the driver publishes, too.
#
# GUEST: --transport xen --link dynamic --dev ramblk,size=16M --rng
# ON-REQUEST

cd "$(dirname "$0")" || exit 1
. ./xen_lib.sh

copies()
{
	host stats | sed -n 's/.*grant copies \([0-9]*\).*/\1/p'
}

# cost WHAT: grant operations and events of 500 reads of 4 KiB
cost()
{
	local c ios sent got grants ended bytes

	bytes=$(sed -n 's/^bounced: //p' $DBG/window)
	c=$(copies)
	grants=$(bus_line grants)
	ended=$(bus_line "grants ended")
	ios=$(ios_of "$DISK")
	sent=$(bus_line "events sent")
	got=$(bus_line events)
	bounded "reads" dd if="$DISK" of=/dev/null bs=4k count=500 iflag=direct 2>/dev/null ||
		die "dd: $?"
	COPIES=$(($(copies) - c))
	note "$1: $(($(ios_of "$DISK") - ios)) reads," \
		"$(($(bus_line "events sent") - sent)) events sent," \
		"$(($(bus_line events) - got)) received;" \
		"$(($(bus_line grants) - grants)) pages granted," \
		"$(($(bus_line "grants ended") - ended)) ended, $COPIES grant copies;" \
		"$(($(sed -n 's/^bounced: //p' $DBG/window) - bytes)) bytes bounced"
	[ "$(bus_line grants)" -eq "$(bus_line "grants ended")" ] &&
		[ "$(bus_line "grants kept")" -eq 0 ] ||
		die "$(bus_line grants) grants, $(bus_line "grants ended") of them ended"
}

bounced()
{
	verify -t 8 -n 40 -m 16
	cost "window"
	[ "$COPIES" -eq 0 ] || die "$COPIES grants were copied"
	check_counters
}

granted()
{
	reload share_pages=1024
	wait_ready
	verify -t 8 -n 40 -m 16
	cost "grant per buffer"
	[ "$COPIES" -ge 500 ] || die "of 500 buffers $COPIES were granted"
	rng_read 1024 || exit 1
	check_counters
	sed 's/^/# /' $DBG/window
}

# Both kinds at once, and every size
mixed_sizes()
{
	local f=/tmp/mixed

	dd if=/dev/urandom of=$f bs=1k count=3000 2>/dev/null
	for bs in 512 1536 4096 12288 65536 200704; do
		bounded "write in pieces of $bs" dd if=$f of="$DISK" bs=$bs conv=fsync 2>/dev/null ||
			die "dd: $?"
		echo 3 >/proc/sys/vm/drop_caches
		head -c 3072000 "$DISK" | cmp - $f || die "$bs: other bytes came back"
	done
	rm -f $f
	check_counters
}

# Fewer references than buffers: what finds none goes through the window.
few_references()
{
	local full c

	reload share_pages=4
	wait_ready
	c=$(copies)
	verify -t 8 -n 40 -m 16
	full=$(sed -n 's/^slots full: //p' $DBG/window)
	[ "${full:-0}" -gt 0 ] || die "four references were enough"
	[ "$(copies)" -gt "$c" ] || die "none of them was used"
	note "$full times there was none"
	check_counters
}

killed_and_restarted()
{
	begin
	host kill || die "host kill: $?"
	failed
	wait_for "the devices are gone" no_devices || exit 1
	host start || die "host start: $?"
	# A RAM disk forgets.
	wait_ready
	verify -t 4 -n 20
	check_counters
}

no_grant_is_left()
{
	bounded "rmmod" rmmod $TRANSPORT || die "rmmod: $?"
	wait_for "no grant is mapped" grants_are 0 || die "$(cat /tmp/grants)"
	! dmesg | grep -q 'still in use' || die "$(dmesg | grep 'still in use')"
	modprobe $TRANSPORT || die "modprobe: $?"
	wait_ready
	verify -t 4 -n 10
}

wait_ready
run_tests bounced granted mixed_sizes few_references killed_and_restarted no_grant_is_left
