# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts of the bench share: where things are kept, how they speak,
# and how they ask apt. Sourced, not run.

set -euo pipefail

BENCH=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$BENCH/../../.." && pwd)
CACHE=${VIRTIO_MSG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtio-msg}
CROSS=aarch64-linux-gnu-
JOBS=${JOBS:-$(nproc)}
export BENCH TOP CACHE CROSS JOBS

mkdir -p "$CACHE/logs" "$CACHE/deb" "$CACHE/lock"

# Everything a person reads goes to stderr; stdout is for results.
say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "error: $*"
	exit 1
}

# refuse WORD WHAT: the caller's word is not understood, and WHAT would have been.
refuse()
{
	say "error: '$1': expected is $2; see ${0##*/} --help"
	exit 2
}

# need_value OPTION [VALUE...]: what is left of the command line begins with both.
need_value()
{
	[ $# -ge 2 ] && [ -n "$2" ] || refuse "$1" "a value behind this option"
}

# only_help WORD...: for programs that have no other option, and take no words.
only_help()
{
	case ${1:-} in
	'') ;;
	--help | -h)
		usage
		exit 0
		;;
	*) refuse "$1" "no argument" ;;
	esac
}

# The kernels that are built here, by name: architecture, compiler and arguments of make
arch_of()
{
	case $1 in
	x86_64 | kmsan) echo x86_64 ;;
	*) echo arm64 ;;
	esac
}

compiler_of()
{
	case $1 in
	kmsan) echo clang-19 ;;
	x86_64) echo gcc ;;
	*) echo "${CROSS}gcc" ;;
	esac
}

tools_of()
{
	case $1 in
	kmsan) printf '%s\n' CROSS_COMPILE= CC=clang-19 ;;
	x86_64) echo CROSS_COMPILE= ;;
	*) echo "CROSS_COMPILE=$CROSS" ;;
	esac
}

# need_kernel WORD...: the kernels that the bench boots, but for those that only
# selftest and kunit know
need_kernel()
{
	local k

	for k; do
		case $k in
		debian | debian-lts | mainline | debug) ;;
		*) refuse "$k" "debian, debian-lts, mainline or debug" ;;
		esac
	done
}

# lock NAME: hold a lock in the cache until this script ends. A child inherits
# the descriptor only if it is told so; background helpers must close it.
lock()
{
	exec {LOCK_FD}>"$CACHE/lock/$1"
	if ! flock -n "$LOCK_FD"; then
		say "waiting for another run that uses $1"
		flock "$LOCK_FD"
	fi
}

unlock()
{
	[ -n "${LOCK_FD:-}" ] || return 0
	exec {LOCK_FD}>&-
	LOCK_FD=
}

# lock_source DIR: have our tree grafted into the kernel source, and hold it so
# until unlock. Builds of the same tree go on side by side.
lock_source()
{
	exec {LOCK_FD}>"$CACHE/lock/src"
	flock -s "$LOCK_FD"
	"$BENCH/graft" --check "$1" && return
	flock -u "$LOCK_FD"
	if ! flock -n -x "$LOCK_FD"; then
		say "waiting for a build of another state of our source"
		flock -x "$LOCK_FD"
	fi
	"$BENCH/graft" "$1"
	flock -s "$LOCK_FD"
}

# run_logged LOG COMMAND...: run quietly; on failure show the end of the log.
run_logged()
{
	local log=$1 rc=0

	shift
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	if [ "$rc" -ne 0 ]; then
		say "failed ($rc): $*"
		say "the end of $log:"
		tail -n 40 "$log" >&2
	fi
	return "$rc"
}

hash_of()
{
	sha256sum | cut -c1-12
}

is_debian_12()
{
	(
		. /etc/os-release 2>/dev/null
		[ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ]
	)
}

# The Debian mirror that this machine's apt already uses; $1 = -security for
# that of the security suite.
debian_mirror()
{
	local uri

	# shellcheck disable=SC2016
	uri=$(apt-get indextargets --format \
		'$(CODENAME) $(REPO_URI) $(ORIGIN)' 'Created-By: Packages' |
		awk -v want="${1:-}" '$3 == "Debian" && !uri {
			sec = $1 ~ /-security$/ ? "-security" : ""
			if (sec == want)
				uri = $2
		}
		END { print uri }')
	echo "${uri:-http://deb.debian.org/debian${1:-}}"
}

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# apt_conf NAME ARCH STATUS SUITE...: write a private apt configuration, so
# that neither the sources nor the package set of the machine change. STATUS
# is "host" (the machine's own package set) or "none". Prints the file name.
apt_conf()
{
	local name=$1 arch=$2 status=$3 d=$CACHE/apt/$1 suite uri

	shift 3
	mkdir -p "$d/lists/partial" "$d/cache/archives/partial" "$d/prefs"
	: >"$d/sources.list"
	for suite; do
		case $suite in
		*-security) uri=$(debian_mirror -security) ;;
		*) uri=$(debian_mirror) ;;
		esac
		echo "deb [signed-by=$KEYRING] $uri $suite main" >>"$d/sources.list"
	done
	if [ "$status" = host ]; then
		status=/var/lib/dpkg/status
	else
		: >"$d/status"
		status=$d/status
	fi
	cat >"$d/apt.conf" <<-END
	Dir::Etc::sourcelist "$d/sources.list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "$d/prefs";
	Dir::State::lists "$d/lists";
	Dir::State::status "$status";
	Dir::Cache "$d/cache";
	APT::Architecture "$arch";
	APT::Architectures { "$arch"; };
	APT::Sandbox::User "root";
	Acquire::Languages "none";
	Acquire::Retries "3";
	APT::Install-Recommends "false";
	END
	echo "$d/apt.conf"
}

# apt_fresh CONF: read the package lists, at most once in twelve hours.
apt_fresh()
{
	local stamp=${1%/*}/updated

	if [ -z "${REFRESH:-}" ] && [ -n "$(find "$stamp" -mmin -720 2>/dev/null)" ] &&
	   cmp -s "${1%/*}/sources.list" "${1%/*}/sources.list.used"; then
		return 0
	fi
	say "reading the package lists ($(basename "${1%/*}"))"
	if ! apt-get -c "$1" -q update >"$CACHE/logs/apt-update.log" 2>&1; then
		# Off line, what was fetched before still serves.
		[ -e "$stamp" ] || { tail -n 20 "$CACHE/logs/apt-update.log" >&2; return 1; }
		say "apt-get update failed, going on with the lists of $(date -r "$stamp")"
		return 0
	fi
	cp "${1%/*}/sources.list" "${1%/*}/sources.list.used"
	touch "$stamp"
}

# wait_with_progress PID LOG NAME: wait for a build; say once a minute how far
# it is, and on failure show its errors.
wait_with_progress()
{
	local pid=$1 log=$2 name=$3 rc=0 last=$SECONDS

	# An interrupt must take the build with it.
	trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		if [ $((SECONDS - last)) -ge 60 ]; then
			last=$SECONDS
			say "$name: $(grep -c -E '^  (CC|AS|LD|AR)' "$log") objects so far"
		fi
		sleep 0.5
	done
	wait "$pid" || rc=$?
	trap - INT TERM
	if [ "$rc" -ne 0 ]; then
		grep -n -E 'error|Error|undefined' "$log" | head -n 20 >&2
		tail -n 20 "$log" >&2
	fi
	return "$rc"
}

# unshare_root ROOT COMMAND...: run a command in another root, with a mount
# namespace of its own, so that nothing stays mounted whatever happens. BIND lists
# what else it sees, as OUTSIDE:INSIDE.
unshare_root()
{
	local root=$1 user=

	shift
	[ "$(id -u)" -eq 0 ] || user=--map-root-user
	# shellcheck disable=SC2016
	BIND=${BIND:-} unshare $user --mount --pid --fork --kill-child sh -ec '
		root=$1; shift
		mount --bind "$root" "$root"
		mkdir -p "$root/proc" "$root/dev"
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		for d in $BIND; do
			mkdir -p "$root${d#*:}"
			mount --bind "${d%%:*}" "$root${d#*:}"
		done
		PATH=/usr/bin:/usr/sbin exec chroot "$root" "$@"' - "$root" "$@"
}
