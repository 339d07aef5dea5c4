/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that outlives its owner: what is removed while somebody in thread context may still point to it (a
 * device that is unplugged in the middle of a command) is freed only once nobody does. Who works with such pointers
 * across a wait brackets that with reclaim_hold() and reclaim_release(). Lists are left with list_del(), which
 * keeps the links of what is removed: whoever stands on it finds back to the list.
 */
#ifndef LIB_RECLAIM_H
#define LIB_RECLAIM_H

/* Part of what is to be freed. Need not be initialised. */
struct reclaim {
	struct reclaim *next;
	void (*fn)(struct reclaim *reclaim);
};

/* From here to reclaim_release() nothing is freed that is there now. They nest. Thread context. */
void reclaim_hold(void);
void reclaim_release(void);

/* Calls @fn, which frees: now, or by the last reclaim_release(). Nobody can find the object any more. Thread context. */
void reclaim_later(struct reclaim *reclaim, void (*fn)(struct reclaim *reclaim));

#endif
