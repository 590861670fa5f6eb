/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared memory between two processors that reorder stores.
 *
 * Each has a buffer of stores that others do not see yet. They leave it in any
 * order, but for those to one place, and for those with a WMB() between them;
 * MB() waits until it is empty. So a load may overtake a store that is before
 * it. Where two loads, or a load and a later store, may change places, the models
 * say so themselves.
 *
 * Includers define PLACES and DEPTH.
 */
byte mem[PLACES];

typedef buffer {
	byte n;
	byte place[DEPTH];
	byte value[DEPTH];
	byte epoch[DEPTH];
	byte now;
};
buffer sb[2];

/* x = what processor p sees in place a */
inline LOAD(p, a, x)
{
	d_step {
		x = mem[a];
		byte li = 0;
		do
		:: li < sb[p].n ->
			if
			:: sb[p].place[li] == a -> x = sb[p].value[li]
			:: else
			fi;
			li++
		:: else -> break
		od;
		li = 0
	}
}

inline STORE(p, a, x)
{
	d_step {
		sb[p].n < DEPTH ->
		sb[p].place[sb[p].n] = a;
		sb[p].value[sb[p].n] = x;
		sb[p].epoch[sb[p].n] = sb[p].now;
		sb[p].n++
	}
}

inline WMB(p)
{
	d_step {
		if
		:: sb[p].n > 0 -> sb[p].now++
		:: else
		fi
	}
}

inline MB(p)
{
	sb[p].n == 0
}

/* Entry e of the buffer of p may leave. */
#define ORDERED(p, i, e) \
	(sb[p].place[i] != sb[p].place[e] && sb[p].epoch[i] == sb[p].epoch[e])
#define MAY_LEAVE(p, e) \
	(sb[p].n > e && (e < 1 || ORDERED(p, 0, e)) && \
	 (e < 2 || ORDERED(p, 1, e)) && (e < 3 || ORDERED(p, 2, e)))

inline LEAVE(p, e)
{
	d_step {
		mem[sb[p].place[e]] = sb[p].value[e];
		byte k = e;
		do
		:: k + 1 < sb[p].n ->
			sb[p].place[k] = sb[p].place[k + 1];
			sb[p].value[k] = sb[p].value[k + 1];
			sb[p].epoch[k] = sb[p].epoch[k + 1];
			k++
		:: else -> break
		od;
		sb[p].n--;
		sb[p].place[sb[p].n] = 0;
		sb[p].value[sb[p].n] = 0;
		sb[p].epoch[sb[p].n] = 0;
		if
		:: sb[p].n == 0 -> sb[p].now = 0
		:: else
		fi;
		k = 0
	}
}

active [2] proctype storebuffer()
{
end:	do
	:: atomic { MAY_LEAVE(_pid, 0) -> LEAVE(_pid, 0) }
	:: atomic { DEPTH > 1 && MAY_LEAVE(_pid, 1) -> LEAVE(_pid, 1) }
	:: atomic { DEPTH > 2 && MAY_LEAVE(_pid, 2) -> LEAVE(_pid, 2) }
	od
}
