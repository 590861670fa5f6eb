#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# RPMsg, beside the other devices. Debian's kernels have no virtio_rpmsg_bus.
#
# KERNELS: mainline debug

cd "$(dirname "$0")" || exit 1
. ./lib.sh
. ./rpmsg_tests.sh

wait_ready
run_tests rpmsg_echo_test rpmsg_rebound rpmsg_unplugged rpmsg_killed rpmsg_stuck rpmsg_unloaded
