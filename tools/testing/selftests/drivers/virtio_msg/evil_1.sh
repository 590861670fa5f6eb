#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Evil behaviours 1 to 12: enumeration and framing.
#
# KERNELS: debug
# GUEST: --transport ivshmem --neighbour --dev ramblk,size=16M,num=1 --dev ramblk,size=8M,num=2 --dev rng,num=3 --dev console,pty,num=4

cd "$(dirname "$0")" || exit 1
. ./lib.sh
. ./evil_lib.sh

run_evil 1:idle:1 2:probe:1 3:idle:1 4:idle:1 5:probe:1 6:loaded:1 7:idle:1 8:probe:1 \
	9:probe:1 10:probe:1 11:loaded:1 12:loaded:1
