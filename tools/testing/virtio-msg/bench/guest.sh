# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What the guests of bench-goals share. Sourced, not run.

MSG=/sys/kernel/debug/virtio-msg/virtio-msg0
export VMSG_COUNTERS=$MSG/counters

die()
{
	echo "bench guest: $*" >&2
	exit 1
}

# wait_for WHAT COMMAND...
wait_for()
{
	local i=0 what=$1

	shift
	until "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 600 ] || die "in 60 s it did not happen: $what"
		sleep 0.1
	done
}

# No PING of the keep-alive in a window.
quiet()
{
	local k

	for k in /sys/class/virtio-msg/*/keepalive_ms; do
		echo 0 >"$k" || die "$k"
	done
}

# The function at slot 0x14 is not for virtio_msg_ivshmem, which has taken it.
dma()
{
	local f=0000:00:14.0

	[ -e /sys/bus/pci/devices/$f ] || die "no IVSHMEM function at $f"
	[ ! -e /sys/bus/pci/devices/$f/driver ] ||
		echo $f >/sys/bus/pci/devices/$f/driver/unbind
	echo vmsg_bench >/sys/bus/pci/devices/$f/driver_override
	insmod ./vmsg_bench.ko dma=1 || die "vmsg_bench.ko"
	wait_for "the disk without a window" sh -c "ls -d /sys/bus/pci/devices/$f/virtio-msg/*/virtio*"
	f=$(basename /sys/bus/pci/devices/$f/virtio-msg/*)
	[ -z "$(cat "/sys/kernel/debug/virtio-msg/$f/window")" ] ||
		die "$f has a window: its buffers are copied"
}

# subject PATH: through what is that device reached?
subject()
{
	local path

	path=$(readlink -f "$1")
	case $path in
	*/0000:00:14.0/*) echo virtio-msg-dma ;;
	*/virtio-msg/*)
		# Bit 34: packed rings; bit 28: indirect descriptors
		if [ "$(cut -c 35 "$path/features")" = 1 ]; then
			echo virtio-msg-packed
		elif [ "$(cut -c 29 "$path/features")" = 1 ] || [ ! -d "$path/block" ]; then
			echo virtio-msg
		else
			echo virtio-msg-direct
		fi
		;;
	*/0000:00:10.0/*) echo vhost-user-pci ;;
	*/0000:00:11.0/*) echo virtio-pci ;;
	*/0000:00:12.0/*) echo virtio-pci-packed ;;
	*.virtio_mmio/*) echo virtio-mmio ;;
	*) echo other ;;
	esac
}

# Nothing waits for a successor of the device side: then drivers are offered packed rings.
no_return()
{
	modprobe -r virtio_msg_ivshmem || die "modprobe -r virtio_msg_ivshmem"
	[ ! -e /sys/module/virtio_msg ] || modprobe -r virtio_msg || die "modprobe -r virtio_msg"
	modprobe virtio_msg recover_s=0 && modprobe virtio_msg_ivshmem || die "modprobe"
	wait_for "the bus is running" grep -q running /sys/class/virtio-msg/virtio-msg0/state
}

# disks N: NAME=DISK of all of them, when there are so many
disks()
{
	wait_for "there are $1 disks" sh -c "[ \$(ls -d /sys/block/vd* | wc -l) -ge $1 ]"
	for d in /sys/block/vd*; do
		echo "$(subject "$d/device")=/dev/${d##*/}"
	done
}

# cards N PORT: NAME=CARD,ADDRESS,PORT, each of the N cards in a network of its own. The
# passt behind a card takes what goes to ADDRESS to the host.
cards()
{
	local name net dev

	wait_for "there are $1 cards" sh -c "[ \$(ls -d /sys/class/net/*/device | wc -l) -ge $1 ]"
	for d in /sys/class/net/*; do
		name=$(subject "$d/device")
		dev=${d##*/}
		case $name in
		virtio-msg | virtio-msg-packed) net=10.77.0 ;;
		virtio-pci) net=10.77.1 ;;
		virtio-pci-packed) net=10.77.2 ;;
		virtio-mmio) net=10.77.3 ;;
		*) continue ;;
		esac
		/usr/bin/ip addr add $net.2/24 dev "$dev" || die "$name: no address for $dev"
		/usr/bin/ip link set "$dev" mtu 1500 up || die "$name: $dev does not come up"
		wait_for "$name: $dev has a carrier" grep -q 1 "/sys/class/net/$dev/carrier"
		echo "$name=$dev,$net.1,$2"
	done
}
