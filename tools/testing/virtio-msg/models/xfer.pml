/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a transaction: vmsg_xfer_submit(), vmsg_pump_request(),
 * vmsg_engine_match(), vmsg_engine_reap(), vmsg_xfer_cancel(), vmsg_engine_open() and
 * vmsg_engine_close() in xfer.c, with few IDs, so that they come round, and
 * quarantine, as in the 16-bit revisions. Answers come in any order, late, or never;
 * a hostile one carries the right ID and another message number.
 *
 * Each atomic step is what the source does under engine.lock; complete() is called
 * behind it. Every submitted transaction ends exactly once, with its own answer or
 * with an error; without a link, nothing is under way.
 */
#define T	2			/* users */
#define NONE	255

mtype = { IDLE, QUEUED, SENT, DONE };

mtype state[T] = IDLE;
byte xid[T] = NONE;
byte kind[T], serial[T], xepoch[T];
byte ended[T];				/* calls of complete() */
bool again[T];				/* send() said -EAGAIN; the lock is not taken yet */
bool taken[IDS];
bool open = true;
byte epoch, relinks, next_serial;

/* Requests with the device side, or answers on their way. */
chan answers = [4] of { byte, byte, byte };

#if IDS > 2
#define ID_FREE	(!taken[0] || !taken[1] || !taken[2])
#else
#define ID_FREE	(!taken[0] || !taken[1])
#endif

inline FINISH(t)
{
	atomic { ended[t]++; assert(ended[t] == 1) }
}

inline FREE_ID(t)
{
	if
	:: xid[t] != NONE -> taken[xid[t]] = false
	:: else
	fi
}

active [T] proctype user()
{
	byte round, mine;

	do
	:: round == ROUNDS -> break
	:: else ->
		/* vmsg_xfer_alloc() notes the link. */
		mine = epoch;
		if
		:: atomic {
#ifndef NO_OPEN
			open &&
#endif
#ifndef NO_EPOCH
			mine == epoch ->
#else
			true ->
#endif
			ended[_pid] = 0;
			xepoch[_pid] = mine;
			kind[_pid] = round % 2;
			serial[_pid] = next_serial;
			next_serial++;
			state[_pid] = QUEUED
			}
			if
			:: ended[_pid] == 1
			/* vmsg_xfer_cancel() */
			:: atomic {
				(state[_pid] == QUEUED || state[_pid] == SENT) ->
				state[_pid] = DONE
				};
				FINISH(_pid)
			fi;
			/* Nobody may touch it after its end. */
			assert(ended[_pid] == 1);
			atomic { again[_pid] == false -> state[_pid] = IDLE; xid[_pid] = NONE }
		:: !(open && mine == epoch)
		fi;
		round++
	od
}

/* vmsg_pump_request(): one context at a time; the lock is not held over send(). */
active proctype pump()
{
	byte t;

end:	do
	:: atomic {
		open && (state[0] == QUEUED || state[1] == QUEUED) && ID_FREE ->
		if
		:: state[0] == QUEUED -> t = 0
		:: state[1] == QUEUED -> t = 1
		fi;
		if
		:: !taken[0] -> xid[t] = 0
		:: taken[0] && !taken[1] -> xid[t] = 1
#if IDS > 2
		:: taken[0] && taken[1] && !taken[2] -> xid[t] = 2
#endif
		fi;
		taken[xid[t]] = true;
		state[t] = SENT;
		assert(xepoch[t] == epoch)
		};
		if
		:: atomic {
			nfull(answers) && state[t] == SENT && xepoch[t] == epoch ->
			answers!xid[t], kind[t], serial[t]
			}
		/* The transport is full. */
		:: again[t] = true;
			atomic {
				if
#ifndef NO_RECHECK
				:: state[t] == SENT && xepoch[t] == epoch ->
#else
				:: true ->
#endif
					FREE_ID(t);
					xid[t] = NONE;
					state[t] = QUEUED
				:: state[t] != SENT || xepoch[t] != epoch
				fi;
				again[t] = false
			}
		:: state[t] != SENT || xepoch[t] != epoch
		fi
	od
}

inline DELIVER(id, k, s)
{
	if
#ifndef NO_KIND
	:: state[0] == SENT && xid[0] == id && kind[0] == k -> who = 0
	:: state[1] == SENT && xid[1] == id && kind[1] == k -> who = 1
#else
	:: state[0] == SENT && xid[0] == id -> who = 0
	:: state[1] == SENT && xid[1] == id -> who = 1
#endif
	:: else -> who = NONE
	fi;
	if
	:: who != NONE ->
		/* Its own answer, and no other. */
		assert(kind[who] == k && serial[who] == s);
		taken[id] = false;
		state[who] = DONE
	/* Late: the token comes home; a mismatch leaves all as it is. */
	:: who == NONE && !(state[0] == SENT && xid[0] == id) &&
	   !(state[1] == SENT && xid[1] == id) -> taken[id] = false
	:: else
	fi
}

/* vmsg_engine_response() */
active proctype receive()
{
	byte id, k, s, who;

end:	do
	:: atomic { answers??id, k, s -> DELIVER(id, k, s) };
		if
		:: who != NONE -> FINISH(who)
		:: else
		fi
	/* It never comes. */
	:: atomic { answers??id, k, s -> skip }
	/* The right ID, and an answer to something else. */
	:: atomic {
		state[0] == SENT && xid[0] != NONE ->
		id = xid[0]; k = 1 - kind[0]; s = serial[0];
		DELIVER(id, k, s)
		}
		if
		:: who != NONE -> FINISH(who)
		:: else
		fi
	od
}

inline REAP(t)
{
	/* An ID that timed out stays taken until its answer comes. */
#ifdef NO_QUARANTINE
	FREE_ID(t);
#endif
#ifndef NO_DONE
	state[t] = DONE
#else
	skip
#endif
}

/* vmsg_engine_reap(): time-outs, and the end of a link that is out of IDs. */
active proctype reaper()
{
end:	do
	:: atomic { state[0] == SENT -> REAP(0) }
		FINISH(0)
	:: atomic { state[0] == QUEUED -> state[0] = DONE }
		FINISH(0)
	:: atomic { state[1] == SENT -> REAP(1) }
		FINISH(1)
	:: atomic { state[1] == QUEUED -> state[1] = DONE }
		FINISH(1)
	od
}

active proctype link()
{
	bool was[T];

end:	do
	:: atomic {
		/* vmsg_engine_close() */
		open && relinks < RELINKS ->
		relinks++;
		open = false;
#ifndef NO_CLOSE
		was[0] = (state[0] == SENT || state[0] == QUEUED);
		was[1] = (state[1] == SENT || state[1] == QUEUED);
		if
		:: was[0] -> state[0] = DONE
		:: else
		fi;
		if
		:: was[1] -> state[1] = DONE
		:: else
		fi
#endif
		};
		if
		:: was[0] -> FINISH(0)
		:: else
		fi;
		if
		:: was[1] -> FINISH(1)
		:: else
		fi;
		was[0] = false;
		was[1] = false;
		atomic {
			/* vmsg_engine_open(); the transport has dropped what was on its way */
			epoch++;
			taken[0] = false;
			taken[1] = false;
#if IDS > 2
			taken[2] = false;
#endif
#ifndef NO_DROP
			do
			:: nempty(answers) -> answers?_, _, _
			:: empty(answers) -> break
			od;
#endif
			open = true
		}
	od
}
