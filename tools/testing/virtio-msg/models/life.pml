/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hotplug, reset and death: vmsg_bus_do_work(), vmsg_bus_hotplug(),
 * vmsg_bus_clean_up() and vmsg_bus_event_device() in bus.c; vmsg_slot_work(),
 * vmsg_slot_next(), vmsg_slot_want(), vmsg_devices_fail() and vmsg_device_broken() in
 * device.c; vmsg_find_vqs() in vq.c. Two device numbers on one bus.
 *
 * Drivers are like virtio_blk: they wait for a request inside their probe function,
 * and before they reset, without a time-out. A device that is there answers, unless
 * its peer dies, it is taken away, or it just does not. Whatever happens: nobody waits
 * for ever, no device is registered twice, and at the end those that the peer has are
 * there, each the one that the peer announced last.
 */
#define D	2
#define NOBODY	0

#ifdef NO_LOSS_FAIL
#define NO_CLEAN_FAIL
#define NO_FLUSH_FAIL
#endif

/* The peer */
bool alive = true;
byte identity[D];		/* 0: no device there */
byte next_identity = 1;
byte deaths, plugs, breaks;
bool quiet;			/* nothing happens to the peer any more */

/* bus.c */
bool running = true, ev_lost, ev_hotplug, ev_scan, ev_up;
bool hot_ready[D], hot_removed[D];

/* device.c, per slot */
bool want[D], recycle[D], verify[D];
byte dev[D];			/* the registered one, by identity */
bool dead[D], broken[D], queues[D];
byte queue_of[D];		/* whom its queues were given to */
bool under_way[D];		/* a buffer is with the device */
bool drained[D];
byte slot_work[D];		/* queued */
bool slot_busy[D], probing[D], removing[D];
byte requests;			/* of applications, to device 0 */
bool failing;

/* Links: a device was found on one of them. */
byte link, dev_link[D];

#define THERE(i) \
	(alive && running && dev_link[i] == link && identity[i] != NOBODY)

#ifdef NO_DEAD_CHECK
#define FAILED(i)	false
#else
#define FAILED(i)	dead[i]
#endif

inline QUEUE_SLOT(i)
{
	slot_work[i] = 1
}

/* vmsg_slot_want() */
inline WANT(i, w, r)
{
	atomic {
		want[i] = w;
		verify[i] = w;
		recycle[i] = recycle[i] || r;
		QUEUE_SLOT(i)
	}
}

/* The peer's side, with the events it sends. */
active proctype peer()
{
	byte i;

	atomic { identity[0] = 1; ev_scan = true };
	do
	:: atomic { plugs < PLUGS && alive && running ->
		plugs++;
		if
		:: i = 0
		:: i = 1
		fi;
		if
		/*
		 * Another one at once, of which no event but "ready" arrives. While a
		 * driver waits for the old one in its probe function nobody would ask
		 * who is there; that is a limit of the source, so it does not happen here.
		 */
		:: identity[i] != NOBODY && !probing[i] ->
			next_identity++;
			identity[i] = next_identity;
			hot_ready[i] = true
		:: identity[i] == NOBODY ->
			next_identity++;
			identity[i] = next_identity;
			/* vmsg_bus_event_device(): ready */
			hot_ready[i] = true
		:: identity[i] != NOBODY ->
			identity[i] = NOBODY;
#ifndef NO_CLEAR_READY
			hot_ready[i] = false;
#endif
			hot_removed[i] = true
		fi;
		ev_hotplug = true
		}
	:: atomic { deaths < DEATHS && alive ->
		deaths++;
		alive = false;
		/* virtio_msg_peer_lost() */
		ev_up = false;
		if
		:: running -> running = false; ev_lost = true
		:: else
		fi
		}
		/* A successor with other devices. */
		atomic {
			alive = true;
			if
			:: identity[0] = NOBODY
			:: next_identity++; identity[0] = next_identity
			:: skip
			fi;
			ev_up = true
		}
	:: atomic { breaks < BREAKS ->
		breaks++;
		/* vmsg_device_broken(), of a device that is registered */
		if
		:: dev[0] != NOBODY && !broken[0] && !dead[0] ->
			broken[0] = true;
			recycle[0] = true;
			ev_hotplug = true;
			QUEUE_SLOT(0)
		:: else
		fi
		}
	:: plugs == PLUGS && deaths == DEATHS && alive -> break
	od;
	quiet = true
}

/* vmsg_devices_fail(): of one slot; its buffers come back unwritten */
inline FAIL(i, all)
{
	atomic {
		if
		:: dev[i] != NOBODY && !dead[i] && (all || !want[i] || recycle[i]) -> dead[i] = true
		:: else
		fi
	}
	atomic {
		if
		:: dead[i] && queues[i] -> under_way[i] = false; drained[i] = true
		:: else
		fi
	}
}

inline FLUSH()
{
	do
	:: !slot_work[0] && !slot_busy[0] && !slot_work[1] && !slot_busy[1] -> break
	:: else ->
#ifndef NO_FLUSH_FAIL
		/* The peer is lost: what was made meanwhile is drained, too. */
		FAIL(0, true);
		FAIL(1, true)
#else
		!slot_work[0] && !slot_busy[0] && !slot_work[1] && !slot_busy[1]
#endif
	od
}

active proctype bus_work()
{
	byte i;

end:	do
	:: ev_lost ->
		ev_lost = false;
		/* vmsg_bus_clean_up() */
#ifndef NO_CLEAN_FAIL
		FAIL(0, true);
		FAIL(1, true);
#endif
		WANT(0, false, false);
		WANT(1, false, false);
		FLUSH();
		hot_ready[0] = false; hot_ready[1] = false;
		hot_removed[0] = false; hot_removed[1] = false
	:: atomic { !ev_lost && ev_up && !running ->
		/* vmsg_bus_bring_up() */
		ev_up = false;
		running = true;
		link++;
		ev_scan = true
		}
	:: running && !ev_lost && ev_hotplug ->
		ev_hotplug = false;
		/* vmsg_bus_hotplug(): removed before ready */
		i = 0;
		do
		:: i < D ->
			if
			:: atomic { hot_removed[i] -> hot_removed[i] = false };
#ifndef NO_RECYCLE
				WANT(i, false, true)
#else
				WANT(i, false, false)
#endif
			:: else
			fi;
			i++
		:: else -> break
		od;
#ifndef NO_HOTPLUG_FAIL
		FAIL(0, false);
		FAIL(1, false);
#endif
		i = 0;
		do
		:: i < D ->
			if
			:: atomic { hot_ready[i] && !hot_removed[i] -> hot_ready[i] = false };
				WANT(i, true, false)
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0
	:: running && !ev_lost && !ev_hotplug && ev_scan ->
		ev_scan = false;
		i = 0;
		do
		:: i < D ->
			/* GET_DEVICES */
			if
			:: alive && running ->
				if
				:: identity[i] == NOBODY -> WANT(i, false, false)
				:: else -> WANT(i, true, false)
				fi
			:: else
			fi;
			i++
		:: else -> break
		od;
		FAIL(0, false);
		FAIL(1, false);
		i = 0
	od
}

/* A request: the device answers, or it is drained, or its peer is not there. */
inline REQUEST(i)
{
	atomic {
		if
		/* No buffer is added to a queue that is condemned. */
		:: dead[i] -> skip
		:: else -> under_way[i] = true
		fi
	};
	!under_way[i]
}

active [D] proctype slot()
{
	byte me, got;
	byte found;

	me = _pid - SLOT_PID;
end:	do
	:: atomic { slot_work[me] -> slot_work[me] = 0; slot_busy[me] = true };
		do
		:: atomic { dev[me] != NOBODY && (!want[me] || recycle[me]) ->
			verify[me] = false;
			removing[me] = true };
			/* REMOVE: the driver waits for its requests, and takes no new ones */
			!under_way[me];
			atomic {
				dev[me] = NOBODY;
				queues[me] = false;
				dead[me] = false;
				broken[me] = false;
				drained[me] = false;
				removing[me] = false;
				recycle[me] = false
			}
		:: atomic { dev[me] == NOBODY && want[me] ->
			verify[me] = false;
			recycle[me] = false };
			/* ADD: GET_DEVICE_INFO, if there is somebody to ask */
			atomic {
				if
				:: alive && running && identity[me] != NOBODY ->
					found = identity[me];
					got = link;
					probing[me] = true
				:: else -> found = NOBODY
				fi
			};
			if
			:: found == NOBODY ->
				atomic {
					if
					:: !verify[me] -> want[me] = false
					:: else
					fi
				}
			:: else ->
				atomic {
					assert(dev[me] == NOBODY);
					dev[me] = found;
					dev_link[me] = got
				};
				/* Its probe function: vmsg_find_vqs(), then a request */
				atomic {
					/* Who is not there refuses the first message. */
					if
					:: THERE(me) && !FAILED(me) ->
						queues[me] = true;
						queue_of[me] = identity[me]
					:: else
					fi
				};
				if
				:: queues[me] ->
#ifndef NO_DEAD_CHECK
					REQUEST(me)
#else
					under_way[me] = true;
					!under_way[me]
#endif
				:: else
				fi;
				probing[me] = false
			fi
		:: atomic { dev[me] != NOBODY && want[me] && !recycle[me] && verify[me] ->
			verify[me] = false };
			/* VERIFY: vmsg_device_is_same() */
			atomic {
				if
#ifndef NO_VERIFY
				:: alive && running && identity[me] != NOBODY &&
				   (identity[me] != dev[me] || dev_link[me] != link || dead[me]) ->
#ifndef NO_VERIFY_FAIL
					ev_hotplug = true;
#endif
					recycle[me] = true
#endif
				:: else
				fi
			}
		:: atomic { !((dev[me] != NOBODY && (!want[me] || recycle[me])) ||
			     (dev[me] == NOBODY && want[me]) ||
			     (dev[me] != NOBODY && verify[me])) ->
			recycle[me] = false;
			verify[me] = false;
			slot_busy[me] = false };
			break
		od
	od
}

/* The device side completes what it has, as long as it is the one that was given it. */
active proctype devices()
{
end:	do
	:: atomic { under_way[0] && alive && running && !broken[0] && !dead[0] &&
		    identity[0] == queue_of[0] && dev_link[0] == link -> under_way[0] = false }
	:: atomic { under_way[1] && alive && running && !broken[1] && !dead[1] &&
		    identity[1] == queue_of[1] && dev_link[1] == link -> under_way[1] = false }
	od
}

active proctype application()
{
end:	do
	:: atomic { requests < 1 && queues[0] && !dead[0] && !probing[0] && !removing[0] ->
		requests++;
		under_way[0] = true }
	od
}

active proctype judge()
{
	timeout ->
	assert(quiet && running);
	assert(dev[0] == identity[0]);
	assert(dev[1] == identity[1])
}
