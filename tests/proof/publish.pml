/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Publish against kick suppression (VIRTIO 1.4, 2.7.13, 2.8.21). The driver adds one or two buffers,
 * publishes them and asks whether the device wants a kick; the device takes what it finds, says
 * that it wants one, looks once more and sleeps. Shown: the device never reads a buffer that was
 * not written, and never sleeps for ever beside a published one.
 *
 * Memory is as weak as Arm's: the accesses of one call to different places happen in any order that the
 * driver's barriers and the dependencies between them allow. -DNO_WMB, -DNO_MB, -DNO_RMB take a barrier away.
 * -DPACKED, -DEVENT choose format and event index. Indices count modulo 8 and wrap on the way.
 */
#define RING	2
#define TOTAL	5
#define START	6
#define MOD(x)	((x) & 7)
#define NEED_EVENT(event, new, old) (MOD((new) - (event) - 1) < MOD((new) - (old)))
#define ROUND(n) (1 - ((n) / RING) % 2) /* packed: of the n-th buffer; memory starts as 0 */
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

/* Written by the driver. */
byte body[RING];
#ifdef PACKED
byte round[RING];
#else
byte idx = START;
#endif

/* Written by the device: what it asks for, and where (split: an index; packed: offset and round). */
#ifdef PACKED
byte suppress = DISABLED;
byte event_at = 0, event_round = 1;
#else
#ifdef EVENT
byte event_at = START;
#else
byte suppress = DISABLED;
#endif
#endif

bool kick = false;
byte taken = 0;

#ifdef PACKED
#define AVAILABLE(n) (round[(n) % RING] == ROUND(n))
#else
#define AVAILABLE(n) (idx != MOD(START + (n)))
#endif

proctype driver()
{
	byte added = 0, n, flags, at, its_round;
	bool wrote, wrote_next, published, saw_flags, saw_event, notify;

	do
	:: added == TOTAL -> break
	:: added < TOTAL && added - taken < RING ->
		n = 1;
		if
		:: added + 2 <= TOTAL && added + 2 - taken <= RING -> n = 2
		:: true
		fi;
		wrote = false; wrote_next = (n == 1); published = false;
		saw_flags = false; saw_event = false;

		do /* in any order that the guards allow */
		:: !wrote -> atomic { body[added % RING] = added + 1; wrote = true }
		:: !wrote_next -> atomic {
			body[(added + 1) % RING] = added + 2;
#ifdef PACKED
			/* shielded by the first, whose flags come last */
			round[(added + 1) % RING] = ROUND(added + 1);
#endif
			wrote_next = true
		   }
		:: !published && AFTER_WMB(wrote && wrote_next) -> atomic {
#ifdef PACKED
			round[added % RING] = ROUND(added);
#else
			idx = MOD(START + added + n);
#endif
			published = true
		   }
		:: !saw_flags && AFTER_MB(published && wrote && wrote_next) -> atomic {
#if defined(PACKED) || !defined(EVENT)
			flags = suppress;
#endif
			saw_flags = true
		   }
		:: !saw_event && AFTER_MB(published && wrote && wrote_next) &&
		   AFTER_RMB(saw_flags) -> atomic {
#if defined(PACKED)
			at = event_at; its_round = event_round;
#elif defined(EVENT)
			at = event_at;
#endif
			saw_event = true
		   }
		:: wrote && wrote_next && published && saw_flags && saw_event -> break
		od;

		added = added + n;
#if defined(PACKED) && defined(EVENT)
		if
		:: flags == DISABLED -> notify = false
		:: flags == WANTED -> notify = true
		:: flags == DESC ->
			notify = NEED_EVENT(MOD(at - (its_round != ROUND(added) -> RING : 0)),
					    added % RING, MOD(added % RING - n))
		fi;
#elif defined(EVENT)
		notify = NEED_EVENT(at, MOD(START + added), MOD(START + added - n));
#else
		notify = (flags == WANTED);
#endif
		if
		:: notify -> kick = true
		:: else
		fi
	od
}

/* A device as the specification has it, each of its accesses after the one before. */
proctype device()
{
	do
	:: AVAILABLE(taken) ->
		assert(body[taken % RING] == taken + 1); /* what was published had been written */
		taken++
	:: !AVAILABLE(taken) ->
#ifdef PACKED
#ifdef EVENT
		atomic { event_at = taken % RING; event_round = ROUND(taken) };
		suppress = DESC;
#else
		suppress = WANTED;
#endif
#else
#ifdef EVENT
		event_at = MOD(START + taken);
#else
		suppress = WANTED;
#endif
#endif
		if
		:: AVAILABLE(taken)
		:: !AVAILABLE(taken) -> atomic { kick -> kick = false } /* sleeps */
		fi;
#if defined(PACKED) || !defined(EVENT)
		suppress = DISABLED
#endif
	od
}

init {
	atomic { run driver(); run device() };
	timeout -> assert(taken == TOTAL) /* nobody can move: nothing may be left */
}
