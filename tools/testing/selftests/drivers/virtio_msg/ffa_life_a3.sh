#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# A partition is reset and misbehaves, over FF-A 1.2, in a partition manager of our own.
#
# GUEST: --transport ffa=a3
# ON-REQUEST

cd "$(dirname "$0")" || exit 1
. ./ffa_life_tests.sh

run_tests reloaded reloaded_under_io forgotten said_reset released busy busy_for_long garbage \
	wrong_size silent indirect ring storm spurious unloaded_while_silent share_busy \
	share_refused version_refused unshare_refused not_relinquished
