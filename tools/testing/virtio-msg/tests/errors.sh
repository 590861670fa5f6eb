#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# errors.sh DIR: what vmsgd, vmsgctl and vmsg-ivshmem say of what makes no sense. It has
# to name it with its value, and to say what is expected or can be done about it.

dir=${1:?usage: errors.sh DIR, with the programs}
tmp=$(mktemp -d /tmp/vmsg-errors.XXXXXX)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
n=0
bad=0

# says REGEX PROGRAM ARG...: one line of what it says is so, and it fails with 1, 2 or 64.
says()
{
	want=$1 program=$2
	shift 2
	n=$((n + 1))
	timeout 20 "$dir/$program" "$@" >"$tmp/out" 2>&1 </dev/null
	rc=$?
	case $rc in
	1 | 2 | 64) grep -q -e "$want" "$tmp/out" && rc=0 ;;
	0) rc=none ;;
	esac
	if [ "$rc" = 0 ]; then
		echo "ok $n - $program $*"
	else
		bad=$((bad + 1))
		echo "not ok $n - $program $*: status $rc, expected '$want'"
		sed 's/^/# /' "$tmp/out"
	fi
}

# A device of vmsgd, on memory that is there
dev()
{
	want=$1
	says "--dev $2: $want" vmsgd --ivshmem "$tmp/iv" --dev "$2"
}

echo "KTAP version 1"
echo "# what the programs say of what makes no sense"

says "'12' must be a power of two from 64K on" vmsg-ivshmem --socket "$tmp/x" --size 12
says "'12x' is not a number such as 4096" vmsg-ivshmem --socket "$tmp/x" --size 12x
says "'99' must be 1 to 64" vmsg-ivshmem --socket "$tmp/x" --vectors 99
says "--mem $tmp/no/x: No such file.*expected is a file" vmsg-ivshmem --socket "$tmp/x" --mem "$tmp/no/x"
says "--socket $tmp/no/x: no socket can be made" vmsg-ivshmem --socket "$tmp/no/x"
says "--socket PATH is required" vmsg-ivshmem
says "window must follow the rings and fit" vmsg-ivshmem --socket "$tmp/x" --window 4K

says "--ivshmem SOCKET or --on LINK is required" vmsgd
says "'rfc9' is none of xid32, v2, v1, rfc2" vmsgd --ivshmem "$tmp/x" --wire rfc9
says "'x' is neither ivshmem:PATH nor vfio:ADDRESS" vmsgd --on x
says "$tmp/x: No such file.*is vmsg-ivshmem running" vmsgd --ivshmem "$tmp/x" --dev rng
says "$tmp/x: No such file.*virtio_msg_user loaded" vmsgd --on "$tmp/x" --dev rng
says "'abc' is no domain id: a number" vmsgd --on xen:abc,ref=1 --dev rng
says "without xenstore it takes DOMID,ref=REF" vmsgd --on xen:1 --dev rng
says "'2' is not the address of a PCI function, like" vmsgd --on vfio:2 --dev rng
says "/dev/null: .*this is not /dev/virtio-msg" vmsgd --on /dev/null --dev rng

"$dir/vmsg-ivshmem" --socket "$tmp/iv" >"$tmp/server" 2>&1 &
server=$!
for _ in $(seq 100); do
	[ ! -S "$tmp/iv" ] || break
	sleep 0.1
done
says "--control $tmp/no/x: no socket can be made" vmsgd --ivshmem "$tmp/iv" --control "$tmp/no/x"
dev "unknown kind of device 'frob': it must be" frob
dev "'frob' is not an option of ramblk, which has ramblk.*size=" ramblk,frob=1
dev "size=abc is not a number from 512 to" ramblk,size=abc
dev "size=513 must be a multiple of 512" ramblk,size=513
dev "num=70000 is not a number from 0 to 65535" rng,num=70000
dev "ro=maybe must be on or off" "blk,file=$tmp/server,ro=maybe"
dev "blk needs either file=PATH" blk
dev "file=$tmp/no: No such file.*it must be a file" "blk,file=$tmp/no"
dev "fileblk needs file=PATH" fileblk
dev "file=$tmp/server: its size, [0-9]*, must be a multiple of" "fileblk,file=$tmp/server"
dev "cache=x is none of durable, volatile, lies" fileblk,file=/dev/null,cache=x
dev "mac=zz is not the address of a card" net,mac=zz
dev "temp=7 must be a multiple of 500" i2c,temp=7
dev "console needs one of path=SOCKET" console
dev "path=$tmp/no/x: no socket can be made" "console,path=$tmp/no/x"
dev "name=: from 1 to 31 characters" rpmsg,name=

says "unknown command 'frob'" vmsgctl frob
says "'abc': a number from 1 to" vmsgctl capture -w "$tmp/x" --count abc
says "capture needs -w FILE" vmsgctl capture
says "'x': seconds are expected" vmsgctl stats --watch=x
says "$tmp/x: No such file.*is vmsgd running" vmsgctl --control "$tmp/x" list

echo "1..$n"
echo "# pass:$((n - bad)) fail:$bad"
[ $bad -eq 0 ]
