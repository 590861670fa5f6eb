# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What the tests of virtio-msg share. Sourced, not run.
#
# The tests run in a guest that "tools/testing/virtio-msg/guest" has booted. The
# guest has a disk, a network card, an entropy source and a console on one bus;
# the command "host" speaks with the host, "ioverify" does I/O that it checks.
# A test whose guest must be another one says so in a line "# GUEST: OPTION...".
#
# A test is a function. It runs in a subshell and passes if that ends with 0; it
# calls die or skip otherwise.

# Without them there is nothing to test with.
for tool in host ioverify; do
	if ! command -v $tool >/dev/null; then
		echo "1..0 # SKIP there is no program $tool: not in a guest of the bench?"
		exit 4
	fi
done

BUS=${BUS:-virtio-msg0}
# shellcheck disable=SC2034
CLASS=/sys/class/virtio-msg/$BUS
DBG=/sys/kernel/debug/virtio-msg/$BUS
VIRTIO=/sys/bus/virtio/devices
TRANSPORT=${TRANSPORT:-virtio_msg_ivshmem}

# Seconds that anything may take. It only has to be long enough for the slowest
# kernel on a busy machine: nothing here measures time.
LIMIT=120

# Device types of virtio
# shellcheck disable=SC2034
NET=1 BLK=2 CONSOLE=3 RNG=4

SPLAT='WARNING: |BUG: |Oops|Internal error:|KASAN|UBSAN|circular locking|recursive locking'
SPLAT="$SPLAT|inconsistent lock|suspicious RCU|sleeping function|scheduling while atomic"
SPLAT="$SPLAT|corruption|ODEBUG|blocked for more than|stall|lockup|refcount_t"

# What KCSAN and KMSAN say of others is not counted.
REPORTS=$PWD/reports.awk
[ -r "$REPORTS" ] || {
	echo "# $REPORTS is missing: source lib.sh in its directory"
	exit 1
}

note()
{
	echo "# $*"
}

die()
{
	note "$*"
	exit 1
}

skip()
{
	note "skipped: $*"
	exit 4
}

# ---------------------------------------------------------------- running

BG=

# Start something in the background that ends with the test at the latest. It
# keeps its standard input, of which the shell would deprive it.
background()
{
	"$@" <&3 3<&- &
	JOB=$!
	BG="$BG $JOB"
} 3<&0

kill_jobs()
{
	local p

	for p in $BG; do
		kill -9 "$p" 2>/dev/null
	done
}

# report MARK: what a test has left that failed: the kernel's log since the mark,
# and what the driver has to say.
report()
{
	dmesg | sed "1,/$1/d" | tail -n 40 | sed 's/^/# log: /'
	sed 's/^/# devices: /' $DBG/devices 2>/dev/null
	sed 's/^/# queues: /' $DBG/queues 2>/dev/null
	sed -n '/ 0$/!s/^/# counter: /p' $DBG/counters 2>/dev/null
}

# The disk that was found before, by the name that it has got since.
same_disk()
{
	local now

	[ -n "${DISK:-}" ] || return
	now=$(disk_of "$(num_of $BLK)" 2>/dev/null)
	DISK=${now:-$DISK}
}

# run_tests FUNCTION...: run them as one KTAP document and exit.
run_tests()
{
	local t n=0 bad=0 ok=0 rc mark splats

	echo "KTAP version 1"
	echo "1..$#"
	for t; do
		n=$((n + 1))
		mark="selftest-mark-$$-$n"
		echo "$mark $t" >/dev/kmsg
		(
			trap kill_jobs EXIT
			same_disk
			"$t"
		)
		rc=$?
		splats=$(dmesg | sed "1,/$mark/d" | awk -f "$REPORTS" | grep -E "$SPLAT")
		if [ -n "$splats" ]; then
			echo "$splats" | head -n 20 | sed 's/^/# kernel: /'
			rc=1
		fi
		case $rc in
		0)
			echo "ok $n $t"
			ok=$((ok + 1))
			;;
		4) echo "ok $n $t # SKIP" ;;
		*)
			echo "not ok $n $t"
			bad=$((bad + 1))
			report "$mark"
			;;
		esac
	done
	[ $bad -eq 0 ] || exit 1
	[ $ok -gt 0 ] || exit 4
	exit 0
}

# wait_for WHAT COMMAND...: until the command is true.
wait_for()
{
	local what=$1 left=$((LIMIT * 10))

	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || {
			note "in $LIMIT s it did not happen: $what"
			return 1
		}
		sleep 0.1
	done
}

# ended WHAT PID: wait for the end of a process and return its status; 124 if it
# does not end.
ended()
{
	local left=$((LIMIT * 10))

	while kill -0 "$2" 2>/dev/null; do
		left=$((left - 1))
		[ $left -gt 0 ] || {
			note "in $LIMIT s it did not end: $1"
			sed 's/^/# stack: /' "/proc/$2/stack" 2>/dev/null
			echo w >/proc/sysrq-trigger
			return 124
		}
		sleep 0.1
	done
	wait "$2"
}

# bounded WHAT COMMAND...: run it, but do not wait for ever.
bounded()
{
	local what=$1

	shift
	background "$@"
	ended "$what" "$JOB"
}

# How often a test repeats what it does; many times in a soak test, or an Nth of that.
rounds()
{
	echo $(($1 * (1 + 49 * ${VMSG_SOAK:-0} / ${VMSG_SCALE:-1})))
}

# ------------------------------------------------------------------ state

bus_state()
{
	local state=

	[ ! -e $CLASS/state ] || read -r state <$CLASS/state
	echo "$state"
}

bus_is()
{
	[ "$(bus_state)" = "$1" ]
}

# These are called often, so they start no programs: a process takes long in a
# kernel with all checks.

counter()
{
	local name value

	while read -r name value; do
		if [ "$name" = "$1" ]; then
			echo "$value"
			return
		fi
	done 2>/dev/null <$DBG/counters
	echo 0
}

# Whatever happened, the two sides must have understood each other.
check_counters()
{
	local c

	for c in rx_malformed rx_mismatch; do
		[ "$(counter $c)" -eq 0 ] || die "the counter $c stands at $(counter $c)"
	done
	# The answer to a transaction that timed out comes to nobody.
	[ "$(counter rx_unknown_id)" -le "$(counter timeout)" ] ||
		die "$(counter rx_unknown_id) unknown answers, $(counter timeout) time-outs"
}

# Columns of the table of devices: field NUMBER COLUMN
field()
{
	local row want=$1 column=$2

	while read -r row; do
		# shellcheck disable=SC2086
		set -- $row
		if [ "$1" = "$want" ]; then
			shift $((column - 1))
			echo "$1"
			return
		fi
	done 2>/dev/null <$DBG/devices
}

messages_of() { field "$1" 5; }
kicks_of() { field "$1" 6; }
used_of() { field "$1" 7; }

# The name (virtioN) of a device number
name_of()
{
	local name

	name=$(field "$1" 9)
	case $name in
	'' | -) return 1 ;;
	esac
	echo "$name"
}

# The number of the first device of a type; prints nothing if there is none.
num_of()
{
	local num type rest

	# shellcheck disable=SC2034
	while read -r num type rest; do
		if [ "$type" = "$1" ]; then
			echo "$num"
			return
		fi
	done 2>/dev/null <$DBG/devices
}

# seen: what there is, into the kernel log, for whoever makes tables of it
seen()
{
	local d names=

	for d in "$CLASS"/virtio*/driver; do
		[ ! -e "$d" ] || names="$names $(basename "$(readlink "$d")")"
	done
	echo "bench: seen $(cat $CLASS/transport) $(cat $CLASS/wire)$names" >/dev/kmsg
}

has_driver()
{
	[ -e "$VIRTIO/$1/driver" ]
}

# The disk (/dev/vdX) of a device number
disk_of()
{
	local name d size=0

	name=$(name_of "$1") || return 1
	for d in "$VIRTIO/$name/block"/*; do
		read -r size 2>/dev/null <"$d/size" || return 1
		d=/dev/${d##*/}
	done
	[ "$size" -gt 0 ] && [ -b "$d" ] && echo "$d"
}

net_of()
{
	local name d

	name=$(name_of "$1") || return 1
	for d in "$VIRTIO/$name/net"/*; do
		[ -e "$d" ] || return 1
		echo "${d##*/}"
	done
}

# feature NUMBER BIT: was it negotiated?
feature()
{
	[ "$(cut -c $(($2 + 1)) "$VIRTIO/$(name_of "$1")/features")" = 1 ]
}

rng_ready()
{
	local rng=

	read -r rng 2>/dev/null </sys/class/misc/hw_random/rng_current
	case $rng in
	virtio_rng*) ;;
	*) return 1 ;;
	esac
}

# A disk and an entropy source are there, with drivers, and usable.
disk_and_rng()
{
	bus_is running || return 1
	DISK=$(disk_of "$(num_of $BLK)") || return 1
	[ -n "$DISK" ] && rng_ready
}

# All devices are: of a guest with four.
all_ready()
{
	disk_and_rng || return 1
	IF=$(net_of "$(num_of $NET)") || return 1
	[ -n "$IF" ] && has_driver "$(name_of "$(num_of $CONSOLE)")"
}

# What the device side has to say, where it can be had
daemon_log() { :; }

# wait_ready: until they are; sets DISK and IF.
wait_ready()
{
	wait_for "all devices are there" all_ready || {
		sed 's/^/# /' $DBG/devices 2>/dev/null
		daemon_log
		die "the bus is $(bus_state)"
	}
	all_ready
}

load()
{
	modprobe virtio_msg recover_s="$RECOVER" && modprobe $TRANSPORT
}

# recover SECONDS: how long devices wait for a successor of their peer. Most tests
# want to see what happens when there is none: it is 0 for them.
recover()
{
	local f

	RECOVER=$1
	for f in /sys/module/virtio_msg/parameters/recover_s /sys/class/virtio-msg/*/recover_s; do
		[ ! -e "$f" ] || echo "$1" >"$f"
	done
}
recover 0

# The PCI function of the bus
pci_function()
{
	basename "$(readlink -f "$CLASS/device")"
}

# -------------------------------------------------------------------- I/O

# verify [OPTION...]: checked I/O on the first part of the disk: all of it is read
# at the end.
verify()
{
	bounded "ioverify $* $DISK" ioverify -q -z 4M "$@" "$DISK" ||
		die "ioverify $* $DISK: exit status $?"
}

# What other tests have left on the disk is not taken for ours.
new_seed()
{
	od -A n -N 4 -t u4 /dev/urandom | tr -d ' '
}

# Requests that a disk has completed: reads, writes, discards, flushes
ios_of()
{
	awk '{ print $1 + $5 + $12 + $16 }' "/sys/block/${1#/dev/}/stat"
}

# The card gets an address, and HTTP becomes the address of the host's server.
net_up()
{
	local gw

	[ -n "${VMSG_HTTP:-}" ] || return 4
	IF=$(net_of "$(num_of $NET)")
	ip link set "$IF" up
	bounded "udhcpc -i $IF" udhcpc -i "$IF" -n -q -t 30 -T 1 >/tmp/udhcpc.out 2>&1 || {
		sed 's/^/# udhcpc: /' /tmp/udhcpc.out
		return 1
	}
	gw=$(ip route | sed -n 's/^default via \([^ ]*\).*/\1/p' | head -n 1)
	HTTP=http://$gw:$VMSG_HTTP
}

need_net()
{
	net_up
	case $? in
	0) ;;
	4) skip "there is no server on the host (VMSG_HTTP)" ;;
	*) die "the network card got no address" ;;
	esac
}

# net_traffic BYTES: there and back, with checksums; needs net_up before. Returns
# 1 if a transfer failed, 2 if data is wrong.
net_traffic()
{
	local f want got

	f=$(mktemp /tmp/net.XXXXXX)
	bounded "download of $1 bytes" wget -q -O "$f" "$HTTP/data/$1" ||
		{ note "the download failed: $?"; return 1; }
	bounded "checksum of the download" wget -q -O "$f.sum" "$HTTP/sum/$1" ||
		{ note "the checksum cannot be had: $?"; return 1; }
	want=$(cat "$f.sum")
	got=$(sha256sum <"$f" | cut -d ' ' -f 1)
	[ "$got" = "$want" ] || { note "downloaded $got, wanted $want"; return 2; }
	# The other way; text, because of wget.
	base64 <"$f" >"$f.txt"
	bounded "upload" wget -q -O "$f.sum" --post-file="$f.txt" "$HTTP/" ||
		{ note "the upload failed: $?"; return 1; }
	want=$(sha256sum <"$f.txt" | cut -d ' ' -f 1)
	got=$(cat "$f.sum")
	[ "$got" = "$want" ] || { note "uploaded $want, there arrived $got"; return 2; }
	rm -f "$f" "$f.sum" "$f.txt"
}

# rng_read BYTES: it delivers, and not twice the same, and no zeroes.
rng_read()
{
	local f

	f=$(mktemp /tmp/rng.XXXXXX)
	bounded "read of $1 bytes of /dev/hwrng" head -c "$1" /dev/hwrng >"$f" 2>/dev/null ||
		{ note "/dev/hwrng: exit status $?"; return 1; }
	gzip -c "$f" >"$f.gz"
	[ "$(wc -c <"$f")" -eq "$1" ] && [ "$(wc -c <"$f.gz")" -ge "$1" ] ||
		{ note "/dev/hwrng gave what can be compressed, or too little"; return 1; }
	rm -f "$f" "$f.gz"
}

# console_echo BYTES: the host sends back what it got.
console_echo()
{
	local f

	f=$(mktemp /tmp/con.XXXXXX)
	host helper 2>&1 | grep -q console || return 4
	head -c $(($1 * 3 / 4)) /dev/urandom | base64 | tr -d '\n' | head -c "$1" >"$f"
	# The settings last until it is closed.
	exec 7<>/dev/hvc0
	stty -F /dev/hvc0 raw -echo || return 1
	host helper console "$1" >"$f.host" 2>&1 &
	# The first line says that somebody listens.
	bounded "the console's other end" head -n 1 <&7 >/dev/null || return 1
	background cat "$f" >&7
	bounded "the echo of the console" head -c "$1" <&7 >"$f.back" || return 1
	exec 7<&-
	cmp "$f" "$f.back" || { note "the console: $(cat "$f.host")"; return 1; }
	rm -f "$f" "$f.back" "$f.host"
}
