#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Are the reports of KCSAN and KMSAN that concern us told from others (reports.awk)?

awk=$(dirname "$(readlink -f "$0")")/../../selftests/drivers/virtio_msg/reports.awk
n=0 bad=0
bar='[1.5] =================================================================='

# says WANT NAME COMMAND...: what is left of a log, with a line before and one behind
says()
{
	want=$1 name=$2
	shift 2
	n=$((n + 1))
	got=$("$@" | awk -f "$awk")
	if echo "$got" | grep -q "$want" && echo "$got" | grep -q before && echo "$got" | grep -q behind; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		echo "$got" | sed 's/^/# /'
		bad=$((bad + 1))
	fi
}

# race TITLE FRAME FRAME FRAME FRAME: the second stack is somebody else's.
race()
{
	echo "[1.4] before"
	echo "$bar"
	echo "[1.5] BUG: KCSAN: data-race in $1"
	echo "[1.5] "
	echo "[1.5] write to 0xffff000004c2d010 of 4 bytes by interrupt on cpu 1:"
	shift
	for f; do
		echo "[1.5]  ${f%% *}+0x38/0x90${f#"${f%% *}"}"
	done
	echo "[1.5] "
	echo "[1.5] read to 0xffff000004c2d010 of 4 bytes by task 71 on cpu 0:"
	echo "[1.5]  a+0x10/0x20"
	echo "[1.5]  b+0x10/0x20"
	echo "[1.5]  c+0x10/0x20 [virtio_msg]"
	echo "[1.5] "
	echo "[1.5] value changed: 0x00000000 -> 0x00000001"
	echo "[1.5] "
	echo "[1.5] Reported by Kernel Concurrency Sanitizer on:"
	echo "[1.5] Comm: x Tainted: G O"
	echo "$bar"
	echo "[1.6] behind"
}

memory()
{
	echo "[1.4] before"
	echo "[1.5] ====================================================="
	echo "[1.5] BUG: KMSAN: uninit-value in a+0x10/0x20"
	for f; do
		echo "[1.5]  ${f%% *}+0x38/0x90${f#"${f%% *}"}"
	done
	echo "[1.5] "
	echo "[1.5] Uninit was created at:"
	echo "[1.5]  kmalloc+0x1/0x2"
	echo "[1.5] ====================================================="
	echo "[1.6] behind"
}

unfinished()
{
	memory a b | head -n 4
	echo "[1.6] behind"
}

echo "KTAP version 1"
echo "1..8"
says 'BUG: KCSAN: .* vmsg_rx' "a race of ours" race 'a / vmsg_rx [virtio_msg]' 'vmsg_rx [virtio_msg]'
says 'BUG: KCSAN: .* xas_load' "one in a helper" race 'a / xas_load' xas_load 'vmsg_rx [virtio_msg]'
says 'BUG: KCSAN: .* virtqueue_poll' "one of the virtqueues" race 'a / virtqueue_poll' virtqueue_poll
says '^elsewhere: KCSAN: data-race in a / wake$' "one of what we called" \
	race 'a / wake' wake complete swake 'vmsg_rx [virtio_msg]'
says '^elsewhere: KCSAN: data-race in a / b$' "one of others" race 'a / b' d e
says 'BUG: KMSAN' "memory that came by us" memory a b c d e 'vmsg_rx [virtio_msg]'
says '^elsewhere: KMSAN: uninit-value in a+0x10/0x20$' "memory that did not" memory a b
says 'BUG: KMSAN' "a report that does not end" unfinished
echo "# pass:$((n - bad)) fail:$bad"
[ $bad -eq 0 ]
