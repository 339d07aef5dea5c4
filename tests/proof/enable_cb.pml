/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enable_cb against a completion (VIRTIO 1.4, 2.7.7, 2.8.22). The device uses one or two buffers, tells so
 * in the ring and interrupts if the driver asked for it; the driver takes back what it finds, asks for
 * an interrupt, looks once more and sleeps. Shown: the driver never reads an entry that was not
 * written, and never sleeps for ever beside a used buffer.
 *
 * Memory as in publish.pml: the driver's accesses happen in any order that barriers and dependencies
 * allow. -DNO_RMB, -DNO_WMB, -DNO_MB take a barrier away; -DPACKED, -DEVENT choose format and event index;
 * -DREARM: get_buf asks anew after each buffer, with callbacks on; -DDELAYED: enable_cb_delayed.
 */
#define RING	2
#define TOTAL	5
#define START	6
#define MOD(x)	((x) & 7)
#define NEED_EVENT(event, new, old) (MOD((new) - (event) - 1) < MOD((new) - (old)))
#define ROUND(n) (1 - ((n) / RING) % 2)
#define WANTED	0
#define DISABLED 1
#define DESC	2

#ifdef NO_WMB
#define AFTER_WMB(done) true
#else
#define AFTER_WMB(done) (done)
#endif
#ifdef NO_MB
#define AFTER_MB(done) true
#else
#define AFTER_MB(done) (done)
#endif
#ifdef NO_RMB
#define AFTER_RMB(done) true
#else
#define AFTER_RMB(done) (done)
#endif

/* Written by the device. */
byte entry[RING];
#ifdef PACKED
byte round[RING];
#define USED(n) (round[(n) % RING] == ROUND(n))
#else
byte idx = START;
/* idx may be ahead by RING at most */
#define USED(n) (idx != MOD(START + (n)))
#endif

/* Written by the driver: what it asks for, and where. At first it asks for the first buffer. */
#if defined(PACKED) && defined(EVENT)
byte suppress = DESC;
#else
byte suppress = WANTED;
#endif
#ifdef PACKED
byte event_at = 0, event_round = 1;
#else
byte event_at = START;
#endif

bool interrupt = false;
byte back = 0; /* buffers that the driver has taken back, and offered again */

proctype device()
{
	byte used = 0, n, i;
	bool wanted;

	do
	:: used == TOTAL -> break
	:: used < TOTAL && used - back < RING ->
		n = 1;
		if
		:: used + 2 <= TOTAL && used + 2 - back <= RING -> n = 2
		:: true
		fi;
		i = 0;
		do
		:: i < n ->
			entry[(used + i) % RING] = used + i + 1;
#ifdef PACKED
			round[(used + i) % RING] = ROUND(used + i);
#endif
			i++
		:: i == n -> break
		od;
		used = used + n;
#ifndef PACKED
		idx = MOD(START + used);
#endif
#if defined(PACKED) && defined(EVENT)
		if
		:: suppress == DISABLED -> wanted = false
		:: suppress == DESC -> atomic {
			wanted = NEED_EVENT(MOD(event_at - (event_round != ROUND(used) -> RING : 0)),
					    used % RING, MOD(used % RING - n))
		   }
		fi;
#elif defined(EVENT)
		wanted = NEED_EVENT(event_at, MOD(START + used), MOD(START + used - n));
#else
		wanted = (suppress == WANTED);
#endif
		if
		:: wanted -> interrupt = true
		:: else
		fi
	od
}

bool wrote_event, wrote_flags, looked, more;
byte saw, wish;

/* Asks for an interrupt when the buffer number @wish is used, then looks whether it is already. */
inline wish_and_look()
{
	wrote_event = false; wrote_flags = false; looked = false;
	do
	:: !wrote_event -> atomic {
#ifdef EVENT
#ifdef PACKED
		event_at = wish % RING; event_round = ROUND(wish);
#else
		event_at = MOD(START + wish);
#endif
#endif
		wrote_event = true
	   }
	:: !wrote_flags && AFTER_WMB(wrote_event) -> atomic {
#if defined(PACKED) && defined(EVENT)
		suppress = DESC;
#elif !defined(EVENT)
		suppress = WANTED;
#endif
		wrote_flags = true
	   }
	:: !looked && AFTER_MB(wrote_event && wrote_flags) -> atomic {
#ifdef PACKED
		more = USED(back);
#else
		more = MOD(idx - START - back) > wish - back;
#endif
		looked = true
	   }
	:: wrote_event && wrote_flags && looked -> break
	od
}

proctype driver()
{
	bool is_used, read_index, read_entry;

sleep:
	atomic { interrupt -> interrupt = false };
#ifndef REARM
again:
#ifdef PACKED
	suppress = DISABLED;
#else
#ifdef EVENT
	event_at = MOD(START + back - 1);
#else
	suppress = DISABLED;
#endif
#endif
#endif
	do
	:: true -> /* get_buf */
		read_index = false; read_entry = false;
		do
		:: !read_index -> atomic { is_used = USED(back); read_index = true }
		:: !read_entry && AFTER_RMB(read_index) -> atomic {
			saw = entry[back % RING]; read_entry = true
		   }
		:: read_index && read_entry -> break
		od;
		if
		:: !is_used -> break
		:: is_used
		fi;
		assert(saw == back + 1); /* the entry had been written */
		back++;
#ifdef REARM
		wish = back;
		wish_and_look();
		if
		:: !more -> break /* this look is the next get_buf's */
		:: more
		fi
#endif
	od;
#ifndef REARM
#ifdef DELAYED
	wish = (back + RING <= TOTAL -> back + RING - 1 : back);
#else
	wish = back;
#endif
	wish_and_look();
	if
	:: more -> goto again
	:: !more
	fi;
#endif
	goto sleep
}

init {
	atomic { run driver(); run device() };
	timeout -> assert(back == TOTAL)
}
