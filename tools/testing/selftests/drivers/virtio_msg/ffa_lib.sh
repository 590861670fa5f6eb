# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What the tests over FF-A share. Sourced, not run.
#
# The guest was booted with "--transport ffa": a partition of the secure world has
# an entropy source, a console that sends back what it gets, and a disk of 8 MiB.
# "host sp COMMAND" gives it a command by a serial port of its own.

# shellcheck disable=SC2034
TRANSPORT=virtio_msg_ffa
. ./lib.sh
. ./acks_lib.sh

DRIVER=/sys/bus/arm_ffa/drivers/virtio_msg_ffa
# Device numbers of the partition
# shellcheck disable=SC2034
SP_RNG=1 SP_DISK=3

if ! [ -e /sys/bus/arm_ffa ] || ! host sp help >/dev/null 2>&1; then
	echo "1..0 # SKIP this guest has no partition"
	exit 4
fi

sp()
{
	host sp "$@" >/tmp/sp.out || die "the partition does not do it: $* ($(cat /tmp/sp.out))"
}

# stat_of NAME: a number of the partition's
stat_of()
{
	host sp stats | sed -n "s/^$1 //p"
}

# What the partition manager's table says: how many shares there are
shares()
{
	host sp shares | sed -n 's/^shares //p'
}

retrieved()
{
	host sp shares | grep -c ' retrieved$'
}

# Without them there is no console, see ffa.rst.
kicks_by_notification()
{
	grep -q '^ffa kicks: notifications' $DBG/bus
}

has_console()
{
	has_driver "$(name_of "$(num_of $CONSOLE)")"
}

ffa_ready()
{
	bus_is running || return 1
	DISK=$(disk_of "$(num_of $BLK)") || return 1
	[ -n "$DISK" ] && has_driver "$(name_of "$(num_of $RNG)")" &&
		{ has_console || ! kicks_by_notification; }
}

# Until all three devices are there; sets DISK.
wait_ffa()
{
	wait_for "the devices of the partition" ffa_ready || {
		sed 's/^/# /' $DBG/devices $DBG/bus 2>/dev/null
		host sp stats | sed 's/^/# sp: /'
		die "the bus is $(bus_state)"
	}
	ffa_ready
}

unload()
{
	bounded "rmmod $TRANSPORT" rmmod $TRANSPORT || die "rmmod: $?"
	[ -z "$(ls /sys/class/virtio-msg)" ] || die "a bus is left"
	no_devices || die "devices are left: $(ls $VIRTIO)"
}

# reload [PARAMETER=VALUE...]
reload()
{
	[ ! -e /sys/module/$TRANSPORT ] || unload
	modprobe $TRANSPORT "$@" || die "modprobe $TRANSPORT $*: $?"
}

# The first partition that the driver could have
bound()
{
	ls -d $DRIVER/arm-ffa-* >/dev/null 2>&1
}

# kept: what was acknowledged is there.
kept()
{
	wait_ffa
	acknowledged
}

# works: everything does.
works()
{
	wait_ffa
	verify -t 4 -n 20
	rng_read 512 || exit 1
	check_counters
}
