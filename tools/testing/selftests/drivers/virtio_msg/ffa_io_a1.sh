#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The devices of a partition, over FF-A 1.1, in that of Trusted Firmware-A.
#
# GUEST: --transport ffa=a1
# ON-REQUEST

cd "$(dirname "$0")" || exit 1
. ./ffa_io_tests.sh

run_tests disk_depth_1 disk_deep entropy console hotplug fragments small_window wires \
	calls_of_a_probe
