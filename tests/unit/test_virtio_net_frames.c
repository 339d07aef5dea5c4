/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that are built in place, in the driver's memory or the sender's: they leave as they were built, each
 * belongs to one at a time, each comes back once, whatever the device does; and a sender who makes a mistake
 * is told so, and harms nobody.
 */
#include "tests/unit/recovery_rig.h"

#define OWN	64u /* frames of ours */
#define OWN_MAX 1514u

static struct {
	uint8_t before[32]; /* nobody's */
	uint8_t bytes[VIRTIO_NET_HEADROOM + OWN_MAX];
	uint8_t after[32];
} memory[OWN];
static struct virtio_net_frame frames[OWN], *list[OWN];

/* What sent() saw. */
static unsigned int told[OWN], all_told, told_lost, depth;
static unsigned int again; /* how often it is to submit the frame anew */
static int again_error;

static void sent(struct virtio_net_frame *frame)
{
	assert_in_range(frame - frames, 0, OWN - 1);
	assert_true(virtio_net_frame_idle(frame));
	assert_int_equal(depth, 0); /* never within itself */
	depth++;
	told[frame - frames]++;
	all_told++;
	told_lost += frame->status == -EIO;
	if (again) {
		again--;
		again_error = virtio_net_submit(net, &frame, 1);
	}
	depth--;
}

static void fill(uint8_t *buf, size_t len, uint32_t seed)
{
	while (len-- > 0)
		*buf++ = (uint8_t)test_random(&seed);
}

/* Frames of ours, 60 bytes long, that all differ. */
static void make_own(virtio_net_sent_t *call)
{
	memset(told, 0, sizeof(told));
	all_told = told_lost = again = 0;
	memset(memory, 0xcc, sizeof(memory));
	for (unsigned int i = 0; i < OWN; i++) {
		list[i] = &frames[i];
		assert_int_equal(virtio_net_frame_init(net, &frames[i], memory[i].bytes,
						       sizeof(memory[i].bytes), call),
				 0);
		assert_int_equal(frames[i].most, OWN_MAX);
		assert_true(virtio_net_frame_idle(&frames[i]));
		fill(frames[i].data, OWN_MAX, i);
		frames[i].len = 60;
	}
}

/* The driver has written nothing but its own. */
static void assert_memory_kept(void)
{
	uint8_t expected[OWN_MAX];

	for (unsigned int i = 0; i < OWN; i++) {
		fill(expected, sizeof(expected), i);
		assert_memory_equal(frames[i].data, expected, sizeof(expected));
		for (unsigned int j = 0; j < 32; j++)
			assert_true(memory[i].before[j] == 0xcc && memory[i].after[j] == 0xcc);
	}
}

static bool all_idle(void)
{
	for (unsigned int i = 0; i < OWN; i++) {
		if (!virtio_net_frame_idle(&frames[i]))
			return false;
	}
	return true;
}

static struct virtqueue *tx_queue(void)
{
	return list_entry(rig.vdev->vqs.prev, struct virtqueue, list);
}

static struct virtio_net_stats stats(void)
{
	struct virtio_net_stats now;

	virtio_net_get_stats(net, &now);
	return now;
}

/* Every kind of ring, through a DMA backend and without. A legacy device cannot see the host's memory. */
#define FOR_EACH_DEVICE(kind)                                                 \
	for (enum kind kind = (rig_direct = false, LEGACY); kind < ALL_KINDS; \
	     kind += rig_direct || kind == LEGACY, rig_direct = kind != LEGACY && !rig_direct)

static unsigned int frames_received, times_ready;

static void receive(void *arg, const uint8_t *frame, unsigned int len)
{
	(void)arg;
	assert_int_equal(len, 60);
	assert_int_equal(frame[59], 0x59);
	frames_received++;
}

static void ready(void *arg)
{
	(void)arg;
	times_ready++;
}

/* @size: of the transmit queue; 0 for the usual. */
static void start(enum kind kind, unsigned int size)
{
	struct refdev *dev = refdev_net_new(kind == LEGACY ? 1 : 2,
					    BIT_ULL(REF_NET_F_MAC) | BIT_ULL(REF_NET_F_STATUS));

	if (size)
		dev->queues[1].size_max = size;
	start_kind(dev, kind, rig_direct);
	net = virtio_net_find(&test_bus, 0);
	assert_non_null(net);
	virtio_net_set_receiver(net, receive, NULL);
	virtio_net_set_tx_ready(net, ready, NULL);
	frames_received = times_ready = 0;
}

/* With frames of ours. */
static void start_own(enum kind kind, unsigned int size, virtio_net_sent_t *call)
{
	start(kind, size);
	make_own(call);
}

static void assert_works(void)
{
	unsigned long leave = refdev_net(rig.dev)->sent + 100;
	unsigned int come = frames_received + 100;

	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(virtio_net_send_wait(net, frame_60(), 60, SECONDS(1)), 0);
		assert_true(refdev_net_deliver(rig.dev, frame_60(), 60));
		run_machine();
	}
	assert_int_equal(refdev_net(rig.dev)->sent, leave);
	assert_int_equal(frames_received, come);
}

static int restore_rig(void **state)
{
	rig_direct = false;
	return port_host_teardown(state);
}

/* --- frames travel -------------------------------------------------------------------------- */

static void lent_frames_leave_as_they_were_built(void **state)
{
	static uint8_t expected[1514];
	struct virtio_net_frame *lent[8];
	unsigned long notified, sent_before;

	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		start(kind, 0);
		for (unsigned int len = 14, n = 0; len <= 1500; len += 60, n += 4) {
			assert_int_equal(virtio_net_lend(net, lent, 4), 4);
			for (unsigned int i = 0; i < 4; i++) {
				assert_int_equal(lent[i]->most, 1514);
				lent[i]->len = len + i;
				fill(lent[i]->data, len + i, len * 5 + i);
			}
			notified = virtqueue_get_stats(tx_queue()).notified;
			sent_before = refdev_net(rig.dev)->sent;
			assert_int_equal(virtio_net_submit(net, lent, 4), 4);
			assert_in_range(virtqueue_get_stats(tx_queue()).notified, notified,
					notified + 1);
			run_machine();
			assert_int_equal(refdev_net(rig.dev)->sent, sent_before + 4);
			for (unsigned int i = 0; i < 4; i++) {
				unsigned int slot = (sent_before + i) % REF_NET_FRAMES;

				fill(expected, len + i, len * 5 + i);
				assert_int_equal(refdev_net(rig.dev)->lengths[slot], len + i);
				assert_memory_equal(refdev_net(rig.dev)->frames[slot], expected,
						    len + i);
			}
			assert_int_equal(stats().tx_frames, n + 4);
		}
		rig_end(&rig);
	}
}

/* What is in it stays, so that only what changes need be written; longer and shorter. */
static void a_frame_of_ones_own_is_sent_again_and_again(void **state)
{
	unsigned int bytes;

	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		start_own(kind, 0, NULL);
		bytes = 0;
		for (unsigned int i = 0; i < 200; i++) {
			struct virtio_net_frame *frame = &frames[i % 3];
			unsigned int slot = i % REF_NET_FRAMES;

			if (!virtio_net_frame_idle(frame))
				assert_true(virtio_net_reclaim(net) > 0);
			frame->len = i % 4 ? 60 : 14 + i * 7;
			bytes += frame->len;
			assert_int_equal(virtio_net_submit(net, &frame, 1), 1);
			assert_false(virtio_net_frame_idle(frame));
			run_machine();
			assert_int_equal(refdev_net(rig.dev)->lengths[slot], frame->len);
			assert_memory_equal(refdev_net(rig.dev)->frames[slot], frame->data,
					    frame->len);
		}
		assert_int_equal(refdev_net(rig.dev)->sent, 200);
		assert_int_equal(stats().tx_frames, 200);
		assert_int_equal(stats().tx_bytes, bytes);
		assert_int_equal(virtio_net_reclaim_wait(net, SECONDS(1)), 0);
		assert_true(all_idle());
		assert_memory_kept();
		rig_end(&rig);
	}
}

static void the_size_of_the_memory_bounds_the_frame(void **state)
{
	static uint8_t small[VIRTIO_NET_HEADROOM + 100];
	struct virtio_net_frame frame, *one = &frame;
	const unsigned int least = VIRTIO_NET_HEADROOM + VIRTIO_NET_FRAME_MIN;

	(void)state;
	start(SPLIT, 0);
	assert_int_equal(virtio_net_frame_init(net, &frame, NULL, sizeof(small), NULL), -EINVAL);
	assert_int_equal(virtio_net_frame_init(net, &frame, small, 0, NULL), -EINVAL);
	assert_int_equal(virtio_net_frame_init(net, &frame, small, least - 1, NULL), -EINVAL);
	assert_int_equal(virtio_net_frame_init(net, &frame, small, least, NULL), 0);
	assert_int_equal(frame.most, VIRTIO_NET_FRAME_MIN);
	assert_int_equal(virtio_net_frame_init(net, &frame, small, sizeof(small), NULL), 0);
	assert_ptr_equal(frame.data, small + VIRTIO_NET_HEADROOM);
	assert_int_equal(frame.most, 100);
	frame.len = 101;
	assert_int_equal(virtio_net_submit(net, &one, 1), -EINVAL);
	frame.len = 100;
	assert_int_equal(virtio_net_submit(net, &one, 1), 1);
	run_machine();
	assert_int_equal(refdev_net(rig.dev)->lengths[0], 100);
	rig_end(&rig);
}

/* --- whose a frame is ------------------------------------------------------------------------- */

static void what_is_not_ones_own_is_refused(void **state)
{
	struct virtio_net_frame *lent, *one, copy, zero = {0};

	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		start_own(kind, 0, NULL);
		rig.dev->hold = true;
		/* in flight already */
		assert_int_equal(virtio_net_submit(net, list, 1), 1);
		assert_int_equal(virtio_net_submit(net, list, 1), -EINVAL);
		/* nothing at all, and nothing that was made a frame */
		one = NULL;
		assert_int_equal(virtio_net_submit(net, &one, 1), -EINVAL);
		one = &zero;
		assert_int_equal(virtio_net_submit(net, &one, 1), -EINVAL);
		zero.len = zero.most = 60;
		assert_int_equal(virtio_net_submit(net, &one, 1), -EINVAL);
		/* a copy of one that is */
		copy = frames[1];
		one = &copy;
		assert_int_equal(virtio_net_submit(net, &one, 1), -EINVAL);
		/* one of another device */
		assert_int_equal(virtio_net_submit(net, list + 1, 1), 1);
		frames[2].ticket ^= 64;
		assert_int_equal(virtio_net_submit(net, list + 2, 1), -EINVAL);
		/* lent, but returned; and lent, but sent */
		assert_int_equal(virtio_net_lend(net, &lent, 1), 1);
		lent->len = 60;
		virtio_net_return(net, &lent, 1);
		assert_int_equal(virtio_net_submit(net, &lent, 1), -EINVAL);
		assert_int_equal(virtio_net_lend(net, &lent, 1), 1);
		lent->len = 60;
		assert_int_equal(virtio_net_submit(net, &lent, 1), 1);
		assert_int_equal(virtio_net_submit(net, &lent, 1), -EINVAL);
		rig.dev->hold = false;
		refdev_release(rig.dev);
		run_machine();
		virtio_net_reclaim(net);
		/* lent, sent, and back with the driver */
		assert_int_equal(virtio_net_submit(net, &lent, 1), -EINVAL);
		assert_int_equal(refdev_net(rig.dev)->sent, 3);
		assert_int_equal(stats().tx_frames, 3);
		rig_end(&rig);
	}
}

static void a_wrong_length_is_refused(void **state)
{
	static const unsigned int wrong[] = {0, 1, 13, 1515, 65536, UINT32_MAX};

	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		start_own(kind, 0, NULL);
		for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
			frames[0].len = wrong[i];
			assert_int_equal(virtio_net_submit(net, list, 1), -EINVAL);
			/* those before it are sent, those behind it are not */
			frames[0].len = 60;
			frames[1].len = wrong[i];
			assert_int_equal(virtio_net_submit(net, list, 3), 1);
			assert_true(virtio_net_frame_idle(&frames[1]));
			assert_true(virtio_net_frame_idle(&frames[2]));
			run_machine();
			assert_int_equal(virtio_net_reclaim(net), 1);
		}
		assert_int_equal(refdev_net(rig.dev)->sent, ARRAY_SIZE(wrong));
		assert_int_equal(virtio_net_submit(net, list, 0), 0);
		rig_end(&rig);
	}
}

static void only_lent_frames_are_taken_back_unsent(void **state)
{
	struct virtio_net_frame *lent[65], *none = NULL;
	int most;

	(void)state;
	start_own(SPLIT, 0, NULL);
	most = virtio_net_lend(net, lent, ARRAY_SIZE(lent));
	assert_in_range(most, 16, 64);
	assert_int_equal(virtio_net_lend(net, &lent[most], 1), -ENOSPC);
	virtio_net_return(net, &none, 1);
	virtio_net_return(net, list, 3); /* not lent */
	assert_int_equal(virtio_net_lend(net, &lent[most], 1), -ENOSPC);
	virtio_net_return(net, lent, 1);
	virtio_net_return(net, lent, 1); /* twice: once */
	assert_int_equal(virtio_net_lend(net, lent, 2), 1);
	assert_int_equal(virtio_net_lend(net, &lent[most], 1), -ENOSPC);
	virtio_net_return(net, lent, (unsigned int)most);
	assert_int_equal(virtio_net_lend(net, lent, ARRAY_SIZE(lent)), most);
	for (int i = 0; i < most; i++) {
		for (int j = 0; j < i; j++)
			assert_ptr_not_equal(lent[i], lent[j]);
	}
	virtio_net_return(net, lent, (unsigned int)most);
	assert_true(virtio_net_frame_idle(&frames[0]));
	rig_end(&rig);
}

/* --- room --------------------------------------------------------------------------------------- */

static void who_finds_none_to_lend_is_told_when_there_are(void **state)
{
	struct virtio_net_frame *lent[64], *one;
	int most;

	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		start(kind, 0);
		rig.dev->hold = true;
		most = virtio_net_lend(net, lent, ARRAY_SIZE(lent));
		for (int i = 0; i < most; i++)
			lent[i]->len = 60;
		/* they are with somebody who has not sent them */
		assert_int_equal(virtio_net_lend(net, &one, 1), -ENOSPC);
		assert_int_equal(virtio_net_send(net, frame_60(), 60), -ENOSPC);
		assert_int_equal(stats().tx_full, 2);
		assert_int_equal(times_ready, 0);
		virtio_net_return(net, lent, 1);
		assert_int_equal(times_ready, 0); /* not from within that call */
		work_run(&system_wq);
		assert_int_equal(times_ready, 1);
		assert_int_equal(virtio_net_send(net, frame_60(), 60), 0);
		/* they are with the device */
		assert_int_equal(virtio_net_submit(net, lent + 1, (unsigned int)most - 1),
				 most - 1);
		assert_int_equal(virtio_net_lend(net, &one, 1), -ENOSPC);
		times_ready = 0;
		rig.dev->hold = false;
		refdev_release(rig.dev);
		run_machine();
		assert_true(times_ready >= 1);
		assert_int_equal(virtio_net_lend(net, &one, 1), 1);
		virtio_net_return(net, &one, 1);
		rig_end(&rig);
	}
}

/* The ring takes what it can; the rest stays with the sender, who is told when to go on. */
static void a_full_ring_takes_some_of_them(void **state)
{
	int first, rest;

	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		start_own(kind, 16, NULL);
		rig.dev->hold = true;
		first = virtio_net_submit(net, list, 30);
		assert_in_range(first, kind == LEGACY ? 8 : 16, 16);
		assert_int_equal(virtio_net_submit(net, list + first, 1), -ENOSPC);
		assert_true(virtio_net_frame_idle(&frames[first]));
		assert_int_equal(virtio_net_reclaim_wait(net, NSEC_PER_MSEC), -ETIMEDOUT);
		rig.dev->hold = false;
		refdev_release(rig.dev);
		for (rest = 30 - first; rest > 0; rest -= first) {
			assert_int_equal(virtio_net_reclaim_wait(net, SECONDS(1)), 0);
			first = virtio_net_submit(net, list + 30 - rest, (unsigned int)rest);
			assert_true(first > 0);
		}
		assert_int_equal(virtio_net_reclaim_wait(net, SECONDS(1)), 0);
		run_machine();
		virtio_net_reclaim(net);
		assert_true(all_idle());
		assert_int_equal(refdev_net(rig.dev)->sent, 30);
		assert_int_equal(stats().tx_frames, 30);
		assert_int_equal(virtio_net_reclaim_wait(net, 0), 0); /* none is in flight */
		rig_end(&rig);
	}
}

/* Where a frame cannot be mapped and none is in flight, nothing would ever make room. */
static void a_frame_that_cannot_be_mapped_stays_the_senders(void **state)
{
	(void)state;
	start_own(SPLIT, 0, NULL);
	dma_test_fail_map(1);
	assert_int_equal(virtio_net_submit(net, list, 2), -ENOMEM);
	dma_test_fail_map(2);
	assert_int_equal(virtio_net_submit(net, list, 2), 1);
	dma_test_fail_map(0);
	assert_true(virtio_net_frame_idle(&frames[1]));
	assert_int_equal(virtio_net_submit(net, list + 1, 1), 1);
	run_machine();
	assert_int_equal(refdev_net(rig.dev)->sent, 2);
	rig_end(&rig);
}

static void frames_stay_the_senders_while_the_link_is_down(void **state)
{
	(void)state;
	start_own(SPLIT, 0, NULL);
	refdev_net_set_link(rig.dev, false);
	refdev_pump();
	assert_int_equal(virtio_net_submit(net, list, 1), -ENETDOWN);
	assert_int_equal(virtio_net_submit(net, list, 2), -ENETDOWN);
	assert_true(all_idle());
	refdev_net_set_link(rig.dev, true);
	refdev_pump();
	assert_int_equal(virtio_net_submit(net, list, 2), 2);
	run_machine();
	assert_int_equal(refdev_net(rig.dev)->sent, 2);
	rig_end(&rig);
}

/* --- senders that are told ------------------------------------------------------------------------ */

static void every_sender_is_told_once_and_in_order(void **state)
{
	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		start(kind, 0);
		for (unsigned int n = 1; n < OWN / 2; n += 5) {
			make_own(sent);
			assert_int_equal(virtio_net_submit(net, list, n), n);
			run_machine(); /* nobody asks: an interrupt does it */
			assert_int_equal(all_told, n);
			for (unsigned int i = 0; i < n; i++)
				assert_int_equal(told[i], 1);
			assert_int_equal(told_lost, 0);
		}
		/* also where frames that nobody is told of are among them */
		make_own(sent);
		for (unsigned int i = 0; i < 8; i++) {
			assert_int_equal(virtio_net_send(net, frame_60(), 60), 0);
			assert_int_equal(virtio_net_submit(net, list + i, 1), 1);
			assert_int_equal(virtio_net_send(net, frame_60(), 60), 0);
		}
		run_machine();
		assert_int_equal(all_told, 8);
		rig_end(&rig);
	}
}

/* No recursion, and none is forgotten, also where the device is done before the call returns. */
static void a_sender_may_send_again_when_told(void **state)
{
	bool eager;

	(void)state;
	for (eager = false;; eager = true) {
		FOR_EACH_DEVICE(kind)
		{
			start(kind, 0);
			port_host_eager(eager);
			make_own(sent);
			again = 1000;
			again_error = 1;
			assert_int_equal(virtio_net_submit(net, list, 3), 3);
			for (unsigned int i = 0; i < 100 && all_told < 1003; i++)
				run_machine();
			assert_int_equal(again_error, 1);
			assert_int_equal(all_told, 1003);
			assert_int_equal(refdev_net(rig.dev)->sent, 1003);
			port_host_eager(false);
			assert_true(all_idle());
			rig_end(&rig);
		}
		if (eager)
			break;
	}
}

/* A device that takes its time: who is told of some is told of the others too. */
static void senders_are_told_of_the_last_as_well(void **state)
{
	static struct refdev_chain c;

	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		if (kind >= KINDS) /* in batches only */
			continue;
		start_own(kind, 0, sent);
		rig.dev->hold = true;
		assert_int_equal(virtio_net_submit(net, list, 8), 8);
		for (unsigned int n = 1; n <= 8; n++) {
			assert_true(refdev_pop(&rig.dev->queues[1], &c));
			refdev_push(&rig.dev->queues[1], &c, 0);
			refdev_interrupt(&rig.dev->queues[1]);
			refdev_pump();
			assert_in_range(all_told, n < 6 ? 0 : 6, n);
		}
		assert_int_equal(all_told, 8);
		rig.dev->hold = false;
		rig_end(&rig);
	}
}

/* However fast it is, and whoever finds that it is done: the rest is told from a work item. */
static void senders_are_told_of_some_at_a_time(void **state)
{
	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		if (kind >= KINDS) /* in batches only */
			continue;
		start_own(kind, 0, sent);
		rig.dev->lies.no_interrupts = true;
		assert_int_equal(virtio_net_submit(net, list, 16), 16);
		port_host_eager(true);
		refdev_pump();
		again = 200;
		virtio_net_reclaim(net);
		assert_in_range(all_told, 16, 64);
		for (unsigned int i = 0; i < 10; i++)
			run_machine();
		virtio_net_reclaim(net);
		assert_int_equal(all_told, 216);
		port_host_eager(false);
		rig.dev->lies.no_interrupts = false;
		run_machine();
		assert_true(all_idle());
		rig_end(&rig);
	}
}

/* --- devices that fail ------------------------------------------------------------------------------ */

static void what_a_device_had_when_it_failed_is_lost_and_comes_back(void **state)
{
	struct virtio_net_frame *lent[5];

	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		start_own(kind, 0, sent);
		for (unsigned int i = 8; i < 16; i++)
			frames[i].sent = NULL;
		rig.dev->hold = true;
		assert_int_equal(virtio_net_submit(net, list, 16), 16);
		assert_int_equal(virtio_net_lend(net, lent, 5), 5);
		for (unsigned int i = 0; i < 5; i++)
			lent[i]->len = 60;
		assert_int_equal(virtio_net_submit(net, lent, 3), 3);
		ask_for_reset();
		/* two are lent all the while, and may be sent after it */
		run_machine();
		assert_recovered(1);
		assert_true(all_idle());
		assert_int_equal(all_told, 8);
		assert_int_equal(told_lost, 8);
		assert_int_equal(frames[15].status, -EIO);
		assert_int_equal(frames[16].status, 0);
		assert_int_equal(stats().tx_lost, 19);
		rig.dev->hold = false;
		assert_int_equal(virtio_net_submit(net, lent + 3, 2), 2);
		assert_int_equal(virtio_net_submit(net, list, 16), 16);
		run_machine();
		virtio_net_reclaim(net);
		assert_true(all_idle());
		assert_int_equal(refdev_net(rig.dev)->sent, 18);
		assert_int_equal(all_told, 16);
		assert_works();
		assert_memory_kept();
		rig_end(&rig);
	}
}

static void nothing_is_sent_while_a_device_recovers(void **state)
{
	struct virtio_net_frame *lent;

	(void)state;
	start_own(SPLIT, 0, NULL);
	rig.dev->hold = true;
	assert_int_equal(virtio_net_submit(net, list, 1), 1);
	rig.dev->queues[1].lie = LIE_ID_RANGE;
	rig.dev->hold = false;
	refdev_release(rig.dev);
	refdev_pump();
	assert_int_equal(virtio_net_reclaim(net), 0); /* which finds it broken */
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_RECOVERING);
	assert_int_equal(virtio_net_submit(net, list + 1, 1), -ENOSPC);
	assert_int_equal(virtio_net_reclaim(net), 0);
	assert_int_equal(virtio_net_lend(net, &lent, 1), 1); /* there are some yet */
	lent->len = 60;
	assert_int_equal(virtio_net_submit(net, &lent, 1), -ENOSPC);
	assert_int_equal(virtio_net_reclaim_wait(net, SECONDS(1)), 0); /* by recovery */
	assert_recovered(1);
	assert_true(times_ready >= 1);
	assert_int_equal(frames[0].status, -EIO);
	assert_int_equal(virtio_net_submit(net, &lent, 1), 1);
	assert_int_equal(virtio_net_submit(net, list, 2), 2);
	run_machine();
	assert_int_equal(refdev_net(rig.dev)->sent, 4); /* the first had been read */
	rig_end(&rig);
}

static void a_device_given_up_gives_every_frame_back(void **state)
{
	struct virtio_net_frame *lent, *one;

	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		if (kind == LEGACY) /* cannot refuse features */
			continue;
		start_own(kind, 0, sent);
		frames[7].sent = NULL;
		rig.dev->hold = true;
		assert_int_equal(virtio_net_lend(net, &lent, 1), 1);
		lent->len = 60;
		assert_int_equal(virtio_net_submit(net, list, 8), 8);
		again = 3; /* no use */
		rig.dev->lies.refuse_features = true;
		ask_for_reset();
		run_machine();
		assert_given_up(-ENODEV);
		assert_true(all_idle());
		assert_int_equal(all_told, 7);
		assert_int_equal(told_lost, 7);
		assert_true(again_error == -EIO || again_error == -ENOSPC);
		assert_int_equal(frames[7].status, -EIO);
		assert_int_equal(virtio_net_submit(net, list, 1), -EIO);
		assert_int_equal(virtio_net_submit(net, list, 2), -EIO);
		assert_int_equal(virtio_net_submit(net, &lent, 1), -EIO);
		virtio_net_return(net, &lent, 1);
		assert_int_equal(virtio_net_lend(net, &one, 1), -EIO);
		assert_int_equal(virtio_net_reclaim_wait(net, SECONDS(1)), 0);
		rig_end(&rig);
	}
}

/* There is no recovery any more that would take them back. */
static void a_device_that_fails_too_often_gives_every_frame_back(void **state)
{
	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		start_own(kind, 0, sent);
		for (unsigned int i = 1; i <= 3; i++) {
			ask_for_reset();
			run_machine();
			assert_recovered(i);
		}
		frames[3].sent = NULL;
		rig.dev->hold = true;
		assert_int_equal(virtio_net_submit(net, list, 4), 4);
		ask_for_reset();
		run_machine();
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
		assert_true(all_idle());
		assert_int_equal(told_lost, 3);
		assert_int_equal(frames[3].status, -EIO);
		assert_int_equal(stats().tx_lost, 4);
		rig_end(&rig);
	}
}

static void a_device_that_is_removed_gives_every_frame_back(void **state)
{
	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		start_own(kind, 0, sent);
		rig.dev->hold = true;
		assert_int_equal(virtio_net_submit(net, list, 8), 8);
		again = 1;
		rig_end(&rig);
		assert_int_equal(all_told, 8);
		assert_int_equal(told_lost, 8);
		assert_int_equal(again_error, -ENODEV);
		assert_int_equal(port_host_live(), 0);
	}
}

/* Whatever it says of them, each comes back once. */
static void a_device_that_lies_harms_no_frame(void **state)
{
	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		for (enum refdev_lie lie = LIE_ID_RANGE; lie <= LIE_WRAP; lie++) {
			if (lie == (is_packed(kind) ? LIE_BATCH : LIE_WRAP))
				continue;
			start_own(kind, 0, sent);
			for (unsigned int i = 0; i < 8; i++)
				frames[i].sent = NULL;
			rig.dev->hold = true;
			assert_int_equal(virtio_net_submit(net, list, 16), 16);
			rig.dev->queues[1].lie = lie;
			rig.dev->hold = false;
			refdev_release(rig.dev);
			run_machine();
			/* A lie that is none here, as there is no such batch, or that was told by
			 * silence, is found out at the latest by who asks. */
			if (rig.vdev->recoveries == 0 && !all_idle())
				ask_for_reset();
			run_machine();
			assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
			assert_true(all_idle());
			assert_int_equal(all_told, 8);
			for (unsigned int i = 8; i < 16; i++)
				assert_int_equal(told[i], 1);
			assert_memory_kept();
			assert_works();
			rig_end(&rig);
			if (violation_count())
				fail_msg("kind %u lie %u: %s", kind, lie, violation_first());
		}
	}
}

/* --- receiving --------------------------------------------------------------------------------------- */

/* Where frames come one at a time, the device is told of buffers in batches, and yet never runs out. */
static void buffers_are_offered_again_in_batches(void **state)
{
	struct virtqueue *rx;
	unsigned long kicks;

	(void)state;
	FOR_EACH_DEVICE(kind)
	{
		start(kind, 0);
		rx = list_entry(rig.vdev->vqs.next, struct virtqueue, list);
		kicks = virtqueue_get_stats(rx).kicks;
		for (unsigned int i = 0; i < 300; i++) {
			assert_true(refdev_net_deliver(rig.dev, frame_60(), 60));
			refdev_pump();
			assert_int_equal(frames_received, i + 1);
		}
		/* a batch is up to 16, and a quarter of the ring */
		assert_in_range(virtqueue_get_stats(rx).kicks - kicks, 300 / 17, 300 / 8);
		rig_end(&rig);
	}
}

/* --- who waits for room -------------------------------------------------------------------- */

static unsigned int nested, deepest;

static void try_to_send(void *arg)
{
	struct virtio_net_frame *frame;

	(void)arg;
	times_ready++;
	nested++;
	deepest = MAX(deepest, nested);
	if (nested < 100 && virtio_net_lend(net, &frame, 1) == 1) {
		frame->len = 60;
		if (virtio_net_submit(net, &frame, 1) < 0)
			virtio_net_return(net, &frame, 1);
	}
	nested--;
}

/* A frame that was refused and given back is no room. */
static void who_gives_a_frame_back_is_not_told_at_once(void **state)
{
	(void)state;
	rig_direct = true;
	start_own(SPLIT, 8, NULL);
	rig.dev->hold = true;
	assert_int_equal(virtio_net_submit(net, list, 8), 8);
	virtio_net_set_tx_ready(net, try_to_send, NULL);
	deepest = 0;
	try_to_send(NULL);
	assert_int_equal(deepest, 1);
	times_ready = 0;
	run_machine();
	assert_int_equal(times_ready, 0);
	rig.dev->hold = false;
	refdev_release(rig.dev);
	run_machine();
	assert_true(times_ready > 0);
	assert_int_equal(deepest, 1);
	rig_end(&rig);
}

static void receive_and_reclaim(void *arg, const uint8_t *frame, unsigned int len)
{
	(void)arg;
	(void)frame;
	(void)len;
	virtio_net_reclaim(net);
}

/* The sender's interrupt finds nothing where a receiver has taken all frames back in the same one. */
static void room_that_another_finds_is_passed_on(void **state)
{
	(void)state;
	rig_direct = true;
	for (enum kind kind = SPLIT; kind <= PACKED; kind++) {
		start_own(kind, 8, NULL);
		virtio_net_set_receiver(net, receive_and_reclaim, NULL);
		rig.dev->hold = true;
		assert_int_equal(virtio_net_submit(net, list, 8), 8);
		assert_int_equal(virtio_net_submit(net, list + 8, 1), -ENOSPC);
		times_ready = 0;
		rig.dev->hold = false;
		refdev_release(rig.dev);
		assert_true(refdev_net_deliver(rig.dev, frame_60(), 60));
		run_machine();
		run_machine();
		assert_int_equal(virtqueue_in_flight(tx_queue()), 0);
		assert_int_equal(times_ready, 1);
		rig_end(&rig);
	}
}

static void a_frame_that_was_lost_once_is_not_lost_for_ever(void **state)
{
	(void)state;
	rig_direct = true;
	start_own(SPLIT, 0, sent);
	rig.dev->hold = true;
	assert_int_equal(virtio_net_submit(net, list, 1), 1);
	ask_for_reset();
	rig.dev->hold = false;
	run_machine();
	assert_int_equal(frames[0].status, -EIO);
	assert_int_equal(virtio_net_submit(net, list, 1), 1);
	run_machine();
	assert_int_equal(frames[0].status, 0);
	assert_int_equal(told_lost, 1);
	rig_end(&rig);
}

int main(void)
{
#define FRAMES_TEST(fn) cmocka_unit_test_setup_teardown(fn, port_host_setup, restore_rig)
	const struct CMUnitTest tests[] = {
		FRAMES_TEST(who_gives_a_frame_back_is_not_told_at_once),
		FRAMES_TEST(room_that_another_finds_is_passed_on),
		FRAMES_TEST(a_frame_that_was_lost_once_is_not_lost_for_ever),
		FRAMES_TEST(lent_frames_leave_as_they_were_built),
		FRAMES_TEST(a_frame_of_ones_own_is_sent_again_and_again),
		FRAMES_TEST(the_size_of_the_memory_bounds_the_frame),
		FRAMES_TEST(what_is_not_ones_own_is_refused),
		FRAMES_TEST(a_wrong_length_is_refused),
		FRAMES_TEST(only_lent_frames_are_taken_back_unsent),
		FRAMES_TEST(who_finds_none_to_lend_is_told_when_there_are),
		FRAMES_TEST(a_full_ring_takes_some_of_them),
		FRAMES_TEST(a_frame_that_cannot_be_mapped_stays_the_senders),
		FRAMES_TEST(frames_stay_the_senders_while_the_link_is_down),
		FRAMES_TEST(every_sender_is_told_once_and_in_order),
		FRAMES_TEST(a_sender_may_send_again_when_told),
		FRAMES_TEST(senders_are_told_of_the_last_as_well),
		FRAMES_TEST(senders_are_told_of_some_at_a_time),
		FRAMES_TEST(what_a_device_had_when_it_failed_is_lost_and_comes_back),
		FRAMES_TEST(nothing_is_sent_while_a_device_recovers),
		FRAMES_TEST(a_device_given_up_gives_every_frame_back),
		FRAMES_TEST(a_device_that_fails_too_often_gives_every_frame_back),
		FRAMES_TEST(a_device_that_is_removed_gives_every_frame_back),
		FRAMES_TEST(a_device_that_lies_harms_no_frame),
		FRAMES_TEST(buffers_are_offered_again_in_batches),
	};

	return cmocka_run_group_tests_name("virtio_net_frames", tests, recovery_rig_init, NULL);
}
