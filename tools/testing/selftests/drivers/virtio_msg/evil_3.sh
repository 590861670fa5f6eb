#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Evil behaviours 23 to 31: features, configuration, status, queues.
#
# KERNELS: debug
# GUEST: --transport ivshmem --neighbour --dev ramblk,size=16M,num=1 --dev ramblk,size=8M,num=2 --dev rng,num=3 --dev console,pty,num=4

cd "$(dirname "$0")" || exit 1
. ./lib.sh
. ./evil_lib.sh

run_evil 23:probe:1 24:loaded:1 25:probe:1 25:probe:0 26:remove:1 27:loaded:1 28:loaded:0 29:loaded:1 \
	30:loaded:1:3 31:loaded:1 31:loaded:1001
