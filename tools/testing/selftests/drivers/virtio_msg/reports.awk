# SPDX-License-Identifier: GPL-2.0-only
#
# A kernel log with the reports of KCSAN and KMSAN sorted out: those that concern us
# stay as they are, any other becomes one line "elsewhere: TITLE", because the rest of
# the kernel is not clean under either of them.
#
# A data race is ours if one of the two functions on top of either stack is of our
# modules or of the virtqueues: further down there is the scheduler or the block layer,
# which we only called. But nothing may ever be uninitialised that came by us.

function top_is_ours(line)
{
	return line ~ /\[virtio_msg|[ _](virtqueue|vring)_/
}

function done()
{
	if (ours)
		printf "%s", text
	else
		print "elsewhere: " title
	text = ""
}

/BUG: K[CM]SAN: / {
	if (text != "")
		done()
	title = $0
	sub(/^.*BUG: /, "", title)
	race = /KCSAN/
	text = $0 "\n"
	ours = top_is_ours($0)
	depth = 0
	next
}
text == "" { print; next }
{
	text = text $0 "\n"
	if (/=====================================/) {
		done()
	} else if (/ by (task|interrupt)|race at unknown origin|^(\[[^]]*\] ?)?$/) {
		depth = 0
	} else if (/\+0x[0-9a-f]+\/0x/) {
		depth++
		if ((!race || depth <= 2) && top_is_ours($0))
			ours = 1
	}
}
# One that does not end is not judged, nor is what stands behind it.
END { printf "%s", text }
