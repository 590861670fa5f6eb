/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A revision without transaction IDs: vmsg_engine_untold(), vmsg_engine_resync() and
 * the part of vmsg_engine_match() for them in xfer.c. One request at a time is under
 * way; the link keeps the order, and the device side takes its time. After a
 * time-out everything is dropped until a PING with a new number is echoed.
 *
 * A request never gets the answer to another one.
 */
#define NONE	255

mtype = { GET, PING };

/* The device side: what it was asked, in order, and what it has answered. */
chan link = [4] of { mtype, byte };

byte serial;			/* of requests, and numbers of PINGs */
byte waiting = NONE;		/* the request under way */
mtype what;
bool resync;
byte nonce = NONE;		/* the PING under way */
byte timeouts, answered;
bool dead;

active proctype driver()
{
	mtype m;
	byte s;

	do
	:: answered + timeouts == REQUESTS || dead -> break
	/* vmsg_engine_next() */
	:: atomic {
		answered + timeouts < REQUESTS && !dead && !resync && waiting == NONE && nfull(link) ->
		serial++;
		waiting = serial;
		if
		:: what = GET
		:: what = PING		/* a keep-alive */
		fi;
		link!what, serial
		}
	/* It never answers in time: vmsg_engine_reap() */
	:: atomic {
		waiting != NONE && nfull(link) ->
		waiting = NONE;
		timeouts++;
#ifndef NO_RESYNC
		resync = true;
		serial++;
		nonce = serial;
		link!PING, serial
#endif
		}
	/* An answer */
	:: atomic {
		link?m, s ->
		if
		:: resync ->
			if
#ifndef NO_NONCE
			:: m == PING && s == nonce ->
#else
			:: m == PING ->
#endif
				resync = false;
				nonce = NONE
			:: else	/* dropped */
			fi
		:: !resync && waiting != NONE && m == what ->
			assert(s == waiting);
			waiting = NONE;
			answered++
		:: else	/* nobody waits for it */
		fi
		}
	/* No echo: vmsg_bus_dead() */
	:: atomic { resync && DEAD_TOO -> dead = true }
	od
}
