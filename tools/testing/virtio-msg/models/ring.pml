/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The message ring with its doorbells: vmsg_seg_send(), vmsg_seg_tx_space() and
 * vmsg_seg_recv() in segment.c; seg_send() and receive() in device/vmsg_seg.c.
 *
 * Nobody polls: what a poll would find has to be announced. A message that nobody
 * takes, or a producer that waits for room that nobody announces, is an end state
 * that is not valid. WORDS: the ring has its bit in a notification word; else each
 * message rings.
 */
#define N	SLOTS			/* elements; one is always empty */
#define M	MESSAGES

#define TAIL	0
#define HEAD	1
#define TX	2
#define RX	3
#define BELL_C	4			/* the consumer's doorbell */
#define BELL_P	5			/* the producer's */
#define ELEM	6
#define PLACES	(6 + N)
#define DEPTH	3

#include "memory.pml"

#define NEXT(i)	((i + 1) % N)

byte got;

/* A doorbell is ordered behind all stores before it, and is no full barrier. */
inline RING(p, bell)
{
	WMB(p);
	STORE(p, bell, 1)
}

inline WAIT_BELL(p, bell)
{
	atomic { mem[bell] == 1 -> mem[bell] = 0 }
}

active proctype producer()
{
	byte tail, head, sent, tx, rx;

	do
	:: sent == M -> break
	:: else ->
		LOAD(0, HEAD, head);
		if
		:: head == NEXT(tail) ->
#ifndef NO_SEND_FULL
			MB(0);
#endif
			LOAD(0, HEAD, head)
		:: else
		fi;
		if
		:: head == NEXT(tail) ->
			/* -EAGAIN */
			WAIT_BELL(0, BELL_P)
		:: else ->
			sent++;
			STORE(0, ELEM + tail, sent);
#ifndef NO_SEND_WMB
			WMB(0);
#endif
			tail = NEXT(tail);
			STORE(0, TAIL, tail);
#ifdef WORDS
#ifndef NO_SEND_MB
			MB(0);
#endif
			LOAD(0, RX, rx);
			if
			:: tx == rx ->
				tx = 1 - tx;
				STORE(0, TX, tx);
				RING(0, BELL_C)
			:: else
			fi
#else
			RING(0, BELL_C)
#endif
		fi
	od
}

active proctype consumer()
{
	byte tail, head, old, value, tx, rx;

	do
	:: got == M -> break
	:: else ->
#ifdef NO_RECV_RMB
		/* The element may be loaded before the index. */
		LOAD(1, ELEM + head, value);
#endif
		LOAD(1, TAIL, tail);
#ifdef WORDS
		if
		:: tail == head ->
			/* vmsg_seg_ack_ring() */
			LOAD(1, TX, tx);
			if
			:: tx != rx ->
				rx = tx;
				STORE(1, RX, rx);
#ifndef NO_RECV_ACK_MB
				MB(1);
#endif
				LOAD(1, TAIL, tail)
			:: else
			fi
		:: else
		fi;
#endif
		if
		:: tail == head ->
			WAIT_BELL(1, BELL_C)
		:: else ->
			old = head;
			head = NEXT(head);
#ifdef NO_RECV_DMA_MB
			/* The index may be stored before the element is loaded. */
			STORE(1, HEAD, head);
#endif
#ifndef NO_RECV_RMB
			LOAD(1, ELEM + old, value);
#endif
			/* No slot is read before it is written, or after. */
			assert(value == got + 1);
			got++;
#ifndef NO_RECV_DMA_MB
			STORE(1, HEAD, head);
#endif
#ifndef NO_RECV_MB
			MB(1);
#endif
			LOAD(1, TAIL, tail);
			if
			:: NEXT(tail) == old ->
				RING(1, BELL_P)
			:: else
			fi
		fi
	od
}
