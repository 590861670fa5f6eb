#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Evil behaviours 13 to 22, without 20: IDs, sizes, features.
#
# KERNELS: debug
# GUEST: --transport ivshmem --neighbour --dev ramblk,size=16M,num=1 --dev ramblk,size=8M,num=2 --dev rng,num=3 --dev console,pty,num=4

cd "$(dirname "$0")" || exit 1
. ./lib.sh
. ./evil_lib.sh

run_evil 13:idle:1 14:loaded:1 15:idle:1 16:idle:1 17:probe:1 18:probe:4 19:probe:0 \
	21:probe:1 22:probe:1
