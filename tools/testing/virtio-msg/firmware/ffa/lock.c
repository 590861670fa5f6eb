// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lock between processors
 *
 * Interrupts are masked in the secure world, so whoever holds it goes on.
 */
#include "sp.h"

bool lock_try(struct lock *l)
{
	return !__atomic_exchange_n(&l->taken, 1, __ATOMIC_ACQUIRE);
}

void lock_take(struct lock *l)
{
	while (!lock_try(l))
		while (__atomic_load_n(&l->taken, __ATOMIC_RELAXED))
			;
}

void lock_drop(struct lock *l)
{
	__atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE);
}
