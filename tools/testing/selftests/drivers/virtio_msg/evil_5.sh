#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Evil behaviour 20: shared memory that is elsewhere. The one driver that asks for it
# is that of virtio-fs, in kernels with FUSE_DAX.
#
# KERNELS: debian
# GUEST: --transport ivshmem --neighbour --dev ramblk,size=16M,num=1 --dev ramblk,size=8M,num=2 --dev rng,num=3 --dev console,pty,num=4

cd "$(dirname "$0")" || exit 1
. ./lib.sh
. ./evil_lib.sh

run_evil 20:probe:0:4 20:probe:1:4
