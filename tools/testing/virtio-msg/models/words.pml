/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Notification words: vmsg_seg_kick() and vmsg_seg_scan() in segment.c; seg_used()
 * and scan_words() in device/vmsg_seg.c. Two queues with a bit each in word 1, and
 * bit 1 of word 0 for that word.
 *
 * Nobody polls: at the end the reader has seen all that was published.
 */
#define Q	0			/* and 1: what was published in each queue */
#define TX0	2
#define TX1	3
#define RX0	4
#define RX1	5
#define BELL	6
#define PLACES	7
#define DEPTH	3

#include "memory.pml"

#define EACH	PUBLISHES		/* times, for each queue */

byte seen[2];
bool ready;

inline RING(p, bell)
{
	WMB(p);
	STORE(p, bell, 1)
}

active proctype writer()
{
	byte count[2], tx0, tx1, rx, q, b;

	do
	:: count[0] == EACH && count[1] == EACH -> break
	:: else ->
		if
		:: count[0] < EACH -> q = 0
		:: count[1] < EACH -> q = 1
		fi;
		b = 1 << q;
		count[q]++;
		STORE(0, Q + q, count[q]);
#ifndef NO_KICK_MB
		MB(0);
#endif
		LOAD(0, RX1, rx);
		if
		:: ((tx1 ^ rx) & b) == 0 ->
			tx1 = tx1 ^ b;
			STORE(0, TX1, tx1);
#ifndef NO_KICK_WORD_MB
			MB(0);
#endif
			LOAD(0, RX0, rx);
			if
			:: tx0 == rx ->
				tx0 = 1 - tx0;
				STORE(0, TX0, tx0);
				RING(0, BELL)
			:: else
			fi
		:: else
		fi
	od
}

active proctype reader()
{
	byte rx0, rx1, tx, bits, q;

end:	do
	:: atomic { mem[BELL] == 1 -> mem[BELL] = 0 };
		do
		:: LOAD(1, TX0, tx);
			if
			:: tx == rx0 -> break
			:: else
			fi;
			rx0 = tx;
			STORE(1, RX0, rx0);
#ifndef NO_SCAN_ACK_MB
			MB(1);
#endif
			LOAD(1, TX1, tx);
			bits = tx ^ rx1;
			if
			:: bits ->
				rx1 = tx;
				STORE(1, RX1, rx1);
#ifndef NO_SCAN_MB
				MB(1);
#endif
				q = 0;
				do
				:: q < 2 ->
					if
					:: bits & (1 << q) ->
						LOAD(1, Q + q, tx);
						seen[q] = tx
					:: else
					fi;
					q++
				:: else -> break
				od
			:: else
			fi;
			bits = 0;
			q = 0
		od
	od
}

/* When nothing can happen any more, and the buffers are empty. */
active proctype judge()
{
	timeout -> assert(seen[0] == EACH && seen[1] == EACH)
}
