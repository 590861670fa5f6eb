# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# For the tests of /dev/virtio-msg: the device side is a process of this guest,
# which "host" starts and ends. Sourced after lib.sh, not run.

# shellcheck disable=SC2034
TRANSPORT=virtio_msg_user
NODE=/dev/virtio-msg

[ -c $NODE ] || {
	echo "1..0 # SKIP there is no $NODE"
	exit 4
}

all_ready() { disk_and_rng; }

daemon_log()
{
	sed 's/^/# vmsgd: /' /run/vmsgd.log | tail -n 20
}

# The devices are gone, and the bus with them.
no_bus()
{
	[ ! -e /sys/class/virtio-msg/$BUS ]
}

# restart_with LINK [ARG...]: the daemon, with other options.
restart_with()
{
	local link=$1

	shift
	host stop || die "host stop: $?"
	# One that would wait for a successor ends with the module.
	if grep -q '^recovery: [1-9]' $DBG/bus 2>/dev/null; then
		bounded "rmmod" rmmod virtio_msg_user || die "rmmod: $?"
		modprobe virtio_msg_user || die "modprobe: $?"
	fi
	wait_for "the bus has ended" no_bus || exit 1
	host link "$link"
	host arg "$@"
	host start || die "host start: $?"
	wait_ready
}

# Another bus, whose device side is a child of the test: serve PROGRAM ARG...
# Its output is in $OUT, the name of the bus in SECOND.
serve()
{
	local n before

	OUT=$(mktemp /tmp/serve.XXXXXX)
	before=$(ls /sys/class/virtio-msg)
	background "$@" >"$OUT" 2>&1
	SERVER=$JOB
	SECOND=
	wait_for "another bus" other_bus "$before" || {
		sed 's/^/# server: /' "$OUT"
		exit 1
	}
	for n in /sys/class/virtio-msg/*; do
		n=${n##*/}
		case " $(echo "$before" | tr '\n' ' ')" in
		*" $n "*) ;;
		*) SECOND=$n ;;
		esac
	done
}

other_bus()
{
	[ "$(ls /sys/class/virtio-msg)" != "$1" ]
}

# look_at NAME: from now on the functions of lib.sh look at that bus.
look_at()
{
	BUS=$1
	CLASS=/sys/class/virtio-msg/$BUS
	DBG=/sys/kernel/debug/virtio-msg/$BUS
}

# Requests of a disk that are under way
inflight_of()
{
	local r w

	read -r r w 2>/dev/null <"/sys/block/${1#/dev/}/inflight" || return 1
	echo $((r + w))
}

busy_with()
{
	[ "$(inflight_of "$1")" -ge "$2" ]
}
