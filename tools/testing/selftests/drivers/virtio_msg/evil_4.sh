#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Evil behaviours 32 to 40: requests, the window, liveness.
#
# KERNELS: debug
# GUEST: --transport ivshmem --neighbour --dev ramblk,size=16M,num=1 --dev ramblk,size=8M,num=2 --dev rng,num=3 --dev console,pty,num=4

cd "$(dirname "$0")" || exit 1
. ./lib.sh
. ./evil_lib.sh

run_evil 32:loaded:1 33:loaded:1 34:loaded:1 35:loaded:1 36:remove:1 37:idle:0 38:idle:1 39:loaded:1 \
	40:loaded:0
