# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# For tests that take the device side away: I/O that ends with its first error, and
# whether all that was acknowledged is there afterwards. Sourced after lib.sh, not run.

ACKS=/tmp/acks
OUT=/tmp/ioverify.out

# no_devices: no bus has any.
no_devices()
{
	[ -z "$(ls $VIRTIO)" ]
}

# begin: I/O that ends with its first error.
begin()
{
	SEED=$(new_seed)
	rm -f $ACKS
	background ioverify -x -r $ACKS -S "$SEED" -t 8 -m 16 -z "${ACKS_SIZE:-8M}" -s 3600 "$DISK" >$OUT 2>&1
	writer=$JOB
	sleep 0.3
}

# failed: it has ended because of one.
failed()
{
	local rc errors

	ended "I/O on a disk whose device side is gone" "$writer"
	rc=$?
	[ $rc -eq 0 ] || die "ioverify: exit status $rc: $(cat $OUT)"
	errors=$(sed -n 's/.* \([0-9]*\) I\/O errors.*/\1/p' $OUT)
	[ "${errors:-0}" -gt 0 ] || die "no error reached the application: $(cat $OUT)"
}

# acknowledged: what was is there.
acknowledged()
{
	bounded "check" ioverify -c -r $ACKS -S "$SEED" -t 8 -z "${ACKS_SIZE:-8M}" "$DISK" >$OUT 2>&1 ||
		die "acknowledged data is lost: $(tail -n 5 $OUT)"
}
