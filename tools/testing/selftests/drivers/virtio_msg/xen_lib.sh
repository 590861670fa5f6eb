# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# For the tests in a Xen domain: its devices are served by a vmsgd in dom0, which
# "host" starts and ends, and "host dom0 COMMAND" looks into. Sourced, not run.

# shellcheck disable=SC2034
TRANSPORT=virtio_msg_xen
. ./lib.sh
. ./acks_lib.sh

ACKS_SIZE=4M

grep -q xen /sys/hypervisor/type 2>/dev/null || {
	echo "1..0 # SKIP this is no Xen domain"
	exit 4
}

all_ready() { disk_and_rng; }

daemon_log()
{
	host dom0 'tail -n 10 /run/vmsgd.log' | sed 's/^/# vmsgd: /'
}

# Grants of this domain that are mapped by another just now, as Xen itself sees it
active_grants()
{
	host grants >/tmp/grants || die "Xen's console: $(cat /tmp/grants)"
	sed -n 's/^domain 1: \([0-9]*\) .*/\1/p' /tmp/grants | grep . || die "$(cat /tmp/grants)"
}

grants_are()
{
	[ "$(active_grants)" -eq "$1" ]
}

# A line of the transport in debugfs: bus_line "events sent"
bus_line()
{
	sed -n "s/^$1: //p" $DBG/bus
}

# kept: what was acknowledged is there, and new I/O works.
kept()
{
	wait_ready
	acknowledged
	verify -t 4 -n 20
	check_counters
}

# mounted: a file system on the disk, with a file that survives
mounted()
{
	local sum

	mkfs.ext4 -q -F "$DISK" || die "mkfs: $?"
	mkdir -p /tmp/mnt
	mount -t ext4 "$DISK" /tmp/mnt || die "mount: $?"
	dd if=/dev/urandom of=/tmp/mnt/file bs=64k count=96 2>/dev/null || die "dd: $?"
	sum=$(sha256sum </tmp/mnt/file)
	umount /tmp/mnt || die "umount: $?"
	mount -t ext4 "$DISK" /tmp/mnt || die "mount: $?"
	[ "$(sha256sum </tmp/mnt/file)" = "$sum" ] || die "another file came back"
	umount /tmp/mnt || die "umount: $?"
	e2fsck -f -n "$DISK" >/tmp/fsck 2>&1 || die "fsck: $(cat /tmp/fsck)"
}

# at PATTERN: seconds since the kernel of this domain started, of its first such line
at()
{
	dmesg | sed -n "s/^\[ *\([0-9.]*\)\].*$1.*/\1/p" | head -n 1
}

# boot_to_device: for the reader, no limit is set.
boot_to_device()
{
	[ -n "$(at '\[vda\]')" ] || die "the log knows of no disk"
	note "s since the kernel's start: init $(at 'Run \/init'), link $(at 'virtio_msg_xen.*pages for')," \
		"disk $(at '\[vda\]')"
}

# reload [PARAMETER...]: the module, at rest in between
reload()
{
	bounded "rmmod" rmmod $TRANSPORT || die "rmmod: $?"
	[ ! -e $CLASS ] || die "$BUS is still there"
	modprobe $TRANSPORT "$@" || die "modprobe: $?"
}
