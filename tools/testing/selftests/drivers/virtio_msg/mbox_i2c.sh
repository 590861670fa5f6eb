#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# An I2C adapter of the remote core, with an EEPROM and a temperature sensor that
# the kernel's own drivers speak with.
#
# GUEST: --transport mbox

cd "$(dirname "$0")" || exit 1
. ./mbox_lib.sh

# The adapter's directory below the virtio device
adapter()
{
	local a name

	link 1
	name=$(name_of "$(num_of $I2C)") || return 1
	for a in "$VIRTIO/$name"/i2c-*; do
		[ -e "$a/new_device" ] && echo "$a" && return
	done
	return 1
}

need_i2c()
{
	has_i2c || skip "this kernel has no driver for I2C adapters of virtio"
	wait_for "the adapter" adapter || die "there is no adapter"
	A=$(adapter)
	N=${A##*/i2c-}
	K=$(kicks_of "$(num_of $I2C)")
}

# new CHIP ADDRESS: tell the kernel of a chip; D becomes its directory.
new()
{
	D=$A/$N-$(printf '%04x' "$2")
	modprobe -q "$3" || skip "this kernel has no driver $3"
	[ -e "$D" ] || echo "$1 $2" >"$A/new_device" || die "new_device: $?"
	wait_for "the driver of $1" [ -e "$D/driver" ] || exit 1
}

eeprom()
{
	need_i2c
	new 24c02 0x50 at24
	[ "$(wc -c <"$D/eeprom")" -eq 256 ] || die "the EEPROM has $(wc -c <"$D/eeprom") bytes"
	head -c 256 /dev/urandom >/tmp/eeprom
	bounded "write" cp /tmp/eeprom "$D/eeprom" || die "write: $?"
	bounded "compare" cmp /tmp/eeprom "$D/eeprom" || die "it holds something else"
	[ "$(kicks_of "$(num_of $I2C)")" -gt "$K" ] || die "the device was not asked"
	# At an offset, a few bytes
	printf 'virtio' | dd of="$D/eeprom" bs=1 seek=123 conv=notrunc 2>/dev/null || die "dd: $?"
	[ "$(dd if="$D/eeprom" bs=1 skip=123 count=6 2>/dev/null)" = virtio ] ||
		die "what was written at 123 is not there"
	check_links
}

sensor()
{
	local t

	need_i2c
	new lm75 0x48 lm75
	t=$(cat "$D"/hwmon/hwmon*/temp1_input) || die "temp1_input: $?"
	[ "$t" -eq 42500 ] || die "it measures $t, not 42500"
	for t in "$D"/hwmon/hwmon*/temp1_max; do
		echo 60000 >"$t" || die "$t cannot be written"
	done
	t=$(cat "$D"/hwmon/hwmon*/temp1_max)
	[ "$t" -eq 60000 ] || die "the limit is $t, not 60000"
	check_links
}

# Nobody answers at this address.
no_chip()
{
	local d

	need_i2c
	modprobe -q at24 || skip "this kernel has no driver at24"
	d=$A/$N-0051
	echo "24c02 0x51" >"$A/new_device" 2>/dev/null
	# The driver reads a byte before it takes the chip.
	[ ! -e "$d/driver" ] || ! cat "$d/eeprom" >/dev/null 2>&1 ||
		die "an EEPROM that does not exist was read"
	[ ! -e "$d" ] || echo 0x51 >"$A/delete_device"
	check_links
}

# It is no use to remember the contents.
eeprom_outlives_the_core()
{
	need_i2c
	new 24c02 0x50 at24
	head -c 256 /dev/urandom >/tmp/eeprom
	cp /tmp/eeprom "$D/eeprom" || die "write: $?"
	command crash
	rproc stop
	rproc start || die "start: $?"
	wait_for "the old adapter is gone" [ ! -e "$D/eeprom" ] || exit 1
	wait_links
	need_i2c
	new 24c02 0x50 at24
	bounded "compare" cmp /tmp/eeprom "$D/eeprom" || die "it holds something else"
	check_links
}

wait_links
run_tests eeprom sensor no_chip eeprom_outlives_the_core
