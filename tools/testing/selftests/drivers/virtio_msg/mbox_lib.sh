# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What the tests of the AMP guest share. Sourced, not run.
#
# The guest was booted with "--transport mbox": a processor that Linux does not
# know runs firmware with devices on two links. On link 0 are an entropy source,
# a console and a disk, on link 1 an I2C adapter and another entropy source.

# shellcheck disable=SC2034
TRANSPORT=virtio_msg_mbox
. ./lib.sh

REMOTE=/sys/bus/platform/devices/remote-core
I2C=34

[ -e $REMOTE ] || {
	echo "1..0 # SKIP this guest has no remote core"
	exit 4
}

# link N: what lib.sh has to say is said of the bus of this link.
link()
{
	local b

	BUS=none
	for b in /sys/class/virtio-msg/*; do
		[ "$(basename "$(readlink -f "$b/device")")" != "virtio-msg-$1" ] ||
			BUS=${b##*/}
	done
	CLASS=/sys/class/virtio-msg/$BUS
	DBG=/sys/kernel/debug/virtio-msg/$BUS
}

# rproc VERB: start or stop the remote core.
rproc()
{
	bounded "$1 of the remote core" sh -c "echo $1 >/sys/class/remoteproc/remoteproc0/state"
}

rproc_state()
{
	local state=

	read -r state </sys/class/remoteproc/remoteproc0/state
	echo "$state"
}

rproc_is()
{
	[ "$(rproc_state)" = "$1" ]
}

command()
{
	echo "$1" >$REMOTE/command
}

# The two doorbells of a link: to the remote core, and from there
rung()
{
	local n count

	while read -r n count; do
		[ "$n" -ne $((2 * $1)) ] || to=$count
		[ "$n" -ne $((2 * $1 + 1)) ] || from=$count
	done <$REMOTE/doorbells
}

has_i2c()
{
	[ -d /sys/bus/virtio/drivers/i2c_virtio ]
}

link_ready()
{
	link "$1"
	bus_is running || return 1
	case $1 in
	0)
		DISK=$(disk_of "$(num_of $BLK)") || return 1
		[ -n "$DISK" ] && has_driver "$(name_of "$(num_of $CONSOLE)")" &&
			has_driver "$(name_of "$(num_of $RNG)")"
		;;
	1)
		has_driver "$(name_of "$(num_of $RNG)")" || return 1
		! has_i2c || has_driver "$(name_of "$(num_of $I2C)")"
		;;
	esac
}

# Until both links have all their devices; sets DISK, and leaves link 0 chosen.
wait_links()
{
	local n

	for n in 1 0; do
		wait_for "the devices of link $n" link_ready $n || {
			sed 's/^/# /' $DBG/devices $DBG/bus 2>/dev/null
			die "link $n is $(bus_state), the remote core $(rproc_state)"
		}
	done
	link_ready 0
}

check_links()
{
	link 1
	check_counters
	link 0
	check_counters
}
