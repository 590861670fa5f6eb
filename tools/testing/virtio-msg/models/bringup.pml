/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bring-up and restart of a segment: vmsg_seg_step(), vmsg_seg_ready() and
 * vmsg_seg_restart() in segment.c; handshake(), enter_ready() and peer_lost() in
 * device/vmsg_seg.c. Either side may be killed before any load or store and begin
 * again. Both poll, so no doorbell is needed.
 *
 * Stores and loads happen in the order that the barriers of the sources keep;
 * each NO_ switch takes a barrier away (what it separates changes places) or a
 * check.
 *
 * Safety: a message is received by the incarnation for which it was sent, and what
 * an instance vouches for belongs to it. Liveness: at the end both are up.
 */
mtype = { INIT, READY, RUN, SHUTDOWN };

#define LAST	7	/* instances 1 .. LAST, one after the other */

mtype drv_status = INIT, dev_status = INIT;
byte drv_instance, drv_seen, drv_field;
byte dev_instance, dev_seen, dev_field;
bool tail, head_known;
byte stamp_drv, stamp_dev;

bool kill_drv, kill_dev;
byte drv_kills, dev_kills;
bool drv_up, dev_up;
byte up_drv, up_drv_peer;		/* who is up, with whom */
byte shaken_dev, shaken_drv;		/* what the device side said RUN to last */

byte last_drv, last_dev;	/* instances that were used last */

/* Never 0, never what is found there or in the peer's seen field. */
inline NEW(last, found, seen, x)
{
	atomic {
		x = last;
		do
		:: x = (x % LAST) + 1;
			if
			:: x != found && x != seen -> break
			:: else
			fi
		od;
		last = x
	}
}

/* vmsg_seg_ready(): step 3; the instance was read before the status. */
inline DRV_READY()
{
	tail = 0;
#ifdef NO_DRV_STATUS_WMB
	drv_status = READY;
#endif
	field = dev_field;
	if
	:: fresh -> NEW(last_drv, drv_instance, dev_seen, own); fresh = false
	:: else
	fi;
	/* The field depends on what the device side offers: it is of one answer. */
#ifdef NO_DRV_SEEN_WMB
	drv_seen = inst;
	drv_field = inst;
	drv_instance = own;
#else
#ifdef NO_DRV_INSTANCE_WMB
	drv_instance = own;
	drv_field = inst;
#else
	drv_field = inst;
	drv_instance = own;
#endif
	drv_seen = inst;
#endif
	peer = inst;
	drv_status = READY;
	state = READY
}

active proctype driver()
{
	byte own, peer, inst, field;
	mtype state, st;
	bool fresh, sent;

again:	{
	fresh = true;
	drv_status = INIT;
	state = INIT;
	do
	:: state == INIT ->
#ifdef NO_DRV_INSTANCE_RMB
		st = dev_status;
		inst = dev_instance;
#else
		inst = dev_instance;
		st = dev_status;
#endif
		if
		:: st == READY -> DRV_READY()
		:: else
		fi
	:: state == READY ->
		inst = dev_instance;
		st = dev_status;
		if
#ifndef NO_DRV_READY_INSTANCE
		:: inst != peer ->
			if
			:: st == READY -> DRV_READY()
			:: else
			fi
		:: inst == peer && st == RUN ->
#else
		:: st == RUN ->
#endif
			if
#ifndef NO_DRV_SEEN
			:: dev_seen != own
			:: dev_seen == own ->
#else
			:: true ->
#endif
				drv_status = RUN;
				state = RUN;
				sent = false;
				atomic {
					/* What was read under the instance is its own. */
					assert(field == peer);
					/* It was us whom it answered. */
					assert(shaken_drv == own && shaken_dev == peer);
					up_drv = own;
					up_drv_peer = peer;
					drv_up = true
				}
			fi
		:: else
		fi
	:: state == RUN ->
		inst = dev_instance;
		st = dev_status;
		if
#ifndef NO_DRV_RUN_INSTANCE
		:: inst != peer || st != RUN ->
#else
		:: st != RUN ->
#endif
			drv_up = false;
			drv_status = SHUTDOWN;
			/* Devices are cleaned up, then vmsg_seg_restart(). */
			fresh = true;
			drv_status = INIT;
			state = INIT
		:: else ->
			if
			:: !sent ->
				atomic { stamp_drv = own; stamp_dev = peer };
				tail = 1;
				sent = true
			:: true
			fi
		fi
	od
	} unless {
		atomic {
			kill_drv -> kill_drv = false; drv_up = false;
			own = 0; peer = 0; inst = 0; field = 0; fresh = false; sent = false;
			state = INIT; st = INIT;
			goto again
		}
	}
}

active proctype device()
{
	byte own, peer, inst, seen, field;
	mtype state, st;
	bool half, head;

again:	{
	dev_status = INIT;
	state = INIT;
	do
	:: state == INIT ->
#ifndef NO_DEV_INIT_WAITS
		if
		:: drv_status == RUN
		:: drv_status != RUN ->
#else
		if
		:: true ->
#endif
			head = 0;
			NEW(last_dev, dev_instance, drv_seen, own);
#ifdef NO_DEV_INSTANCE_WMB
			dev_instance = own;
			dev_field = own;
#else
			dev_field = own;
			dev_instance = own;
#endif
			dev_status = READY;
			state = READY
		fi
	:: state == READY ->
#ifdef NO_DEV_INSTANCE_RMB
		st = drv_status;
		inst = drv_instance;
		seen = drv_seen;
		field = drv_field;
#else
#ifdef NO_DEV_FIELD_RMB
		field = drv_field;
#endif
		inst = drv_instance;
		st = drv_status;
		seen = drv_seen;
#ifndef NO_DEV_FIELD_RMB
		field = drv_field;
#endif
#endif
		if
#ifndef NO_DEV_SEEN
		:: st == READY && seen == own && inst != 0 ->
#else
		:: st == READY && inst != 0 ->
#endif
			peer = inst;
			dev_seen = inst;
			atomic { dev_status = RUN; shaken_drv = peer; shaken_dev = own };
			state = RUN;
			half = true
		:: else
		fi
	:: state == RUN ->
		inst = drv_instance;
		st = drv_status;
		if
#ifndef NO_DEV_RUN_INSTANCE
		:: inst != peer || !(st == RUN || (half && st == READY)) ->
#else
		:: !(st == RUN || (half && st == READY)) ->
#endif
			dev_up = false;
			dev_status = SHUTDOWN;
			dev_status = INIT;
			state = INIT
		:: else ->
			if
			:: half && st == RUN ->
				half = false;
				atomic {
					assert(field == own);
					assert(!drv_up || (up_drv == peer && up_drv_peer == own));
					dev_up = true
				}
			:: else
			fi;
			if
			:: !half && tail != head ->
				head = 1;
				assert(stamp_drv == peer && stamp_dev == own)
			:: else
			fi
		fi
	od
	} unless {
		atomic {
			kill_dev -> kill_dev = false; dev_up = false;
			own = 0; peer = 0; inst = 0; seen = 0; field = 0; half = false; head = 0;
			state = INIT; st = INIT;
			goto again
		}
	}
}

active proctype killer()
{
end:	do
	:: atomic { drv_kills < DRV_KILLS && !kill_drv -> drv_kills++; kill_drv = true }
	:: atomic { dev_kills < DEV_KILLS && !kill_dev -> dev_kills++; kill_dev = true }
	od
}

#define BOTH_UP	(drv_up && dev_up && !kill_drv && !kill_dev)
ltl live { <>[] BOTH_UP }
