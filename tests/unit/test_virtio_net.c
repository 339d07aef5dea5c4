/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network driver: frames go out and come in unchanged, receive buffers never run out for
 * longer than a callback, and lengths that the device makes up are counted, not believed.
 */
#include "tests/unit/rig.h"
#include "drivers/virtio/virtio_net.h"

#define ALL_FEATURES (BIT_ULL(REF_NET_F_MAC) | BIT_ULL(REF_NET_F_STATUS))

static struct rig rig;
static struct virtio_net *net;
static struct refdev_net *ref;

/* What the receiver got. */
static struct {
	unsigned long frames;
	unsigned int len;
	uint8_t last[2048];
	uint32_t checksum;
	bool reply;
} got;

static void receive(void *arg, const uint8_t *frame, unsigned int len)
{
	unsigned int i;

	assert_ptr_equal(arg, &got);
	got.frames++;
	got.len = len;
	assert_in_range(len, 14, 1518);
	memcpy(got.last, frame, len);
	for (i = 0; i < len; i++)
		got.checksum = got.checksum * 31 + frame[i];
	if (got.reply)
		assert_int_equal(virtio_net_send(net, frame, len), 0);
}

static void start(struct refdev *dev)
{
	memset(&got, 0, sizeof(got));
	ref = refdev_net(dev);
	rig_start(&rig, dev);
	net = virtio_net_find(&test_bus, 0);
	assert_non_null(net);
	virtio_net_set_receiver(net, receive, &got);
}

static void run_machine(void)
{
	struct port_event never;

	port_event_init(&never);
	(void)!port_event_wait(&never, 20 * NSEC_PER_MSEC);
}

static void fill(uint8_t *buf, size_t len, uint32_t seed)
{
	while (len-- > 0)
		*buf++ = (uint8_t)test_random(&seed);
}

static void frames_of_every_length_go_out_unchanged(void **state)
{
	static uint8_t frame[1514];
	uint32_t version;
	unsigned int len, sent;

	(void)state;
	for (version = 1; version <= 2; version++) {
		start(refdev_net_new(version, ALL_FEATURES));
		for (len = 14, sent = 0; len <= 1514; len += 25, sent++) {
			fill(frame, len, len);
			assert_int_equal(virtio_net_send(net, frame, len), 0);
			refdev_pump();
			assert_int_equal(ref->sent, sent + 1);
			assert_int_equal(ref->lengths[sent % REF_NET_FRAMES], len);
			assert_memory_equal(ref->frames[sent % REF_NET_FRAMES], frame, len);
		}
		rig_end(&rig);
	}
}

static void frames_of_every_length_come_in_unchanged(void **state)
{
	static uint8_t frame[1518];
	struct virtio_net_stats stats;
	uint32_t version;
	unsigned int len, n;

	(void)state;
	for (version = 1; version <= 2; version++) {
		start(refdev_net_new(version, ALL_FEATURES));
		for (len = 14, n = 0; len <= 1518; len += 16, n++) {
			fill(frame, len, len);
			assert_true(refdev_net_deliver(rig.dev, frame, len));
			refdev_pump();
			assert_int_equal(got.frames, n + 1);
			assert_int_equal(got.len, len);
			assert_memory_equal(got.last, frame, len);
		}
		virtio_net_get_stats(net, &stats);
		assert_int_equal(stats.rx_frames, n);
		assert_int_equal(stats.rx_errors, 0);
		rig_end(&rig);
	}
}

static void receive_buffers_are_refilled_for_ever(void **state)
{
	static uint8_t frame[100];
	unsigned int i, burst, delivered = 0;
	uint32_t seed = 5;
	bool eager;

	(void)state;
	for (eager = false;; eager = true) {
		start(refdev_net_new(2, ALL_FEATURES));
		port_host_eager(eager);
		delivered = 0;
		for (i = 0; i < 300; i++) {
			burst = test_random(&seed) % 70;
			while (burst-- > 0 && refdev_net_deliver(rig.dev, frame, sizeof(frame)))
				delivered++;
			run_machine();
			assert_int_equal(got.frames, delivered);
		}
		assert_true(delivered > 5000);
		port_host_eager(false);
		rig_end(&rig);
		if (eager)
			break;
	}
}

static void a_receiver_may_answer_at_once(void **state)
{
	static uint8_t frame[60];
	unsigned int i;

	(void)state;
	start(refdev_net_new(2, ALL_FEATURES));
	got.reply = true;
	for (i = 0; i < 200; i++) {
		fill(frame, sizeof(frame), i);
		assert_true(refdev_net_deliver(rig.dev, frame, sizeof(frame)));
		run_machine();
		assert_memory_equal(ref->frames[i % REF_NET_FRAMES], frame, sizeof(frame));
	}
	assert_int_equal(ref->sent, 200);
	rig_end(&rig);
}

static void without_a_receiver_frames_are_counted_and_dropped(void **state)
{
	static uint8_t frame[60];
	struct virtio_net_stats stats;

	(void)state;
	start(refdev_net_new(2, ALL_FEATURES));
	virtio_net_set_receiver(net, NULL, NULL);
	assert_true(refdev_net_deliver(rig.dev, frame, sizeof(frame)));
	run_machine();
	virtio_net_get_stats(net, &stats);
	assert_int_equal(stats.rx_dropped, 1);
	assert_int_equal(got.frames, 0);
	rig_end(&rig);
}

/* 2.7.8.3#1 */
static void lengths_that_cannot_be_are_counted_as_errors(void **state)
{
	static uint8_t frame[60];
	struct virtio_net_stats stats;
	uint32_t used;

	(void)state;
	start(refdev_net_new(2, ALL_FEATURES));
	for (used = 0; used < 12 + 14; used++) {
		assert_true(refdev_net_deliver_raw(rig.dev, frame, 14, used));
		run_machine();
	}
	virtio_net_get_stats(net, &stats);
	assert_int_equal(got.frames, 0);
	assert_int_equal(stats.rx_errors, 26);
	assert_true(refdev_net_deliver(rig.dev, frame, sizeof(frame))); /* and it goes on */
	run_machine();
	assert_int_equal(got.frames, 1);
	rig_end(&rig);
}

static void a_frame_of_a_wrong_length_is_not_sent(void **state)
{
	static uint8_t frame[4096];

	(void)state;
	start(refdev_net_new(2, ALL_FEATURES));
	assert_int_equal(virtio_net_send(net, frame, 0), -EINVAL);
	assert_int_equal(virtio_net_send(net, frame, 13), -EINVAL);
	assert_int_equal(virtio_net_send(net, frame, 1515), -EINVAL);
	assert_int_equal(virtio_net_send(net, frame, UINT32_MAX), -EINVAL);
	refdev_pump();
	assert_int_equal(ref->sent, 0);
	rig_end(&rig);
}

static void a_smaller_mtu_limits_what_is_sent(void **state)
{
	struct refdev *dev = refdev_net_new(2, ALL_FEATURES | BIT_ULL(REF_NET_F_MTU));
	struct virtio_net_info info;
	static uint8_t frame[1514];

	(void)state;
	refdev_set_config(dev, 10, 1280, 2);
	start(dev);
	virtio_net_get_info(net, &info);
	assert_int_equal(info.mtu, 1280);
	assert_int_equal(virtio_net_send(net, frame, 1294), 0);
	assert_int_equal(virtio_net_send(net, frame, 1295), -EINVAL);
	refdev_pump();
	rig_end(&rig);
}

/* 2.2.1#2 */
static void an_mtu_out_of_range_does_no_harm(void **state)
{
	static const uint16_t values[] = {0, 1, 67, 68, 1501, 9000, 65535};
	static uint8_t frame[1514];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		struct refdev *dev = refdev_net_new(2, ALL_FEATURES | BIT_ULL(REF_NET_F_MTU));
		struct virtio_net_info info;

		refdev_set_config(dev, 10, values[i], 2);
		assert_int_equal(rig_probe(&rig, dev), 0);
		net = virtio_net_find(&test_bus, 0);
		if (net) {
			virtio_net_get_info(net, &info);
			assert_in_range(info.mtu, 68, 1500);
			assert_int_equal(virtio_net_send(net, frame, 60), 0);
			refdev_pump();
		}
		rig_end(&rig);
	}
}

/* The device learns of added frames with the kick, and of all with one notification; where the ring is full
 * it learns of them without. */
static void added_frames_go_out_with_one_notification(void **state)
{
	static uint8_t frame[60];
	struct virtqueue *tx;
	unsigned long before;
	unsigned int n = 0;
	int err;

	(void)state;
	start(refdev_net_new(2, ALL_FEATURES));
	tx = list_entry(rig.vdev->vqs.prev, struct virtqueue, list);
	before = virtqueue_get_stats(tx).notified;
	assert_int_equal(virtio_net_add(net, frame, 13), -EINVAL);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(virtio_net_add(net, frame, sizeof(frame)), 0);
	run_machine();
	assert_int_equal(ref->sent, 0);
	virtio_net_kick(net);
	run_machine();
	assert_int_equal(ref->sent, 10);
	assert_int_equal(virtqueue_get_stats(tx).notified, before + 1);

	while ((err = virtio_net_add(net, frame, sizeof(frame))) == 0)
		n++;
	assert_int_equal(err, -ENOSPC);
	assert_in_range(n, 16, 64);
	run_machine();
	assert_int_equal(ref->sent, 10 + n);
	assert_int_equal(virtio_net_add(net, frame, sizeof(frame)), 0);
	rig_end(&rig);
}

static void a_full_transmit_ring_says_so_and_recovers(void **state)
{
	static uint8_t frame[60];
	struct virtio_net_stats stats;
	unsigned int n = 0;
	int err;

	(void)state;
	start(refdev_net_new(2, ALL_FEATURES));
	rig.dev->hold = true;
	while ((err = virtio_net_send(net, frame, sizeof(frame))) == 0)
		n++;
	assert_int_equal(err, -ENOSPC);
	assert_in_range(n, 16, 64);
	assert_int_equal(virtio_net_send_wait(net, frame, sizeof(frame), NSEC_PER_MSEC),
			 -ETIMEDOUT);
	rig.dev->hold = false;
	assert_int_equal(virtio_net_send_wait(net, frame, sizeof(frame), NSEC_PER_SEC), 0);
	run_machine();
	assert_int_equal(ref->sent, n + 1);
	virtio_net_get_stats(net, &stats);
	assert_true(stats.tx_full >= 1);
	assert_int_equal(stats.tx_frames, n + 1);
	rig_end(&rig);
}

static unsigned int readies;

static void ready(void *arg)
{
	(void)arg;
	readies++;
}

static void a_sender_is_told_when_room_comes_back(void **state)
{
	static uint8_t frame[60];

	(void)state;
	start(refdev_net_new(2, ALL_FEATURES));
	virtio_net_set_tx_ready(net, ready, NULL);
	readies = 0;
	rig.dev->hold = true;
	while (virtio_net_send(net, frame, sizeof(frame)) == 0)
		;
	assert_int_equal(readies, 0);
	rig.dev->hold = false;
	run_machine();
	assert_true(readies >= 1);
	assert_int_equal(virtio_net_send(net, frame, sizeof(frame)), 0);
	rig_end(&rig);
}

static void the_link_follows_the_device(void **state)
{
	static uint8_t frame[60];
	struct virtio_net_info info;
	unsigned long notifications;

	(void)state;
	start(refdev_net_new(2, ALL_FEATURES));
	virtio_net_get_info(net, &info);
	assert_true(info.link_up);
	assert_true(info.link_reported);
	refdev_net_set_link(rig.dev, false);
	refdev_pump();
	virtio_net_get_info(net, &info);
	assert_false(info.link_up);
	assert_int_equal(virtio_net_send(net, frame, sizeof(frame)), -ENETDOWN);
	/* With the link the device is notified, whether it asked for that or not. */
	notifications = rig.dev->queues[1].notifications;
	refdev_net_set_link(rig.dev, true);
	refdev_pump();
	assert_int_equal(rig.dev->queues[1].notifications, notifications + 1);
	assert_int_equal(virtio_net_send(net, frame, sizeof(frame)), 0);
	rig_end(&rig);
}

static void the_mac_address_is_the_devices_or_a_local_one(void **state)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
	struct virtio_net_info info;

	(void)state;
	start(refdev_net_new(2, ALL_FEATURES));
	virtio_net_get_info(net, &info);
	assert_true(info.mac_from_device);
	assert_memory_equal(info.mac, mac, 6);
	rig_end(&rig);
	start(refdev_net_new(2, 0));
	virtio_net_get_info(net, &info);
	assert_false(info.mac_from_device);
	assert_int_equal(info.mac[0] & 3, 2); /* locally administered, not multicast */
	assert_true(info.link_up);
	assert_false(info.link_reported);
	rig_end(&rig);
}

static void a_device_that_lies_fails_alone(void **state)
{
	static uint8_t frame[60];
	enum refdev_lie lie;
	unsigned int queue;

	(void)state;
	for (queue = 0; queue < 2; queue++) {
		for (lie = LIE_ID_RANGE; lie <= LIE_IDX_BACK; lie++) {
			/* A driver that looks late cannot tell: that descriptor is in use by then.
			 * The ring just stays full. */
			bool unseen = queue == 1 && lie == LIE_ID_NOT_OUTSTANDING;

			start(refdev_net_new(2, ALL_FEATURES));
			rig.dev->hold = true;
			assert_int_equal(virtio_net_send(net, frame, sizeof(frame)), 0);
			assert_int_equal(virtio_net_send(net, frame, sizeof(frame)), 0);
			rig.dev->queues[queue].lie = lie;
			rig.dev->lies.refuse_features = true; /* else test_recovery.c */
			rig.dev->hold = false;
			if (queue == 0)
				refdev_net_deliver(rig.dev, frame, sizeof(frame));
			run_machine();
			/* A transmit ring may be looked at only when somebody sends. */
			while (queue == 1 && virtio_net_send(net, frame, sizeof(frame)) == 0)
				;
			run_machine();
			assert_int_equal(virtio_net_send(net, frame, sizeof(frame)),
					 unseen ? -ENOSPC : -EIO);
			assert_int_equal(
				virtio_net_send_wait(net, frame, sizeof(frame), NSEC_PER_SEC),
				unseen ? -ETIMEDOUT : -EIO);
			rig_end(&rig);
			if (violation_count())
				fail_msg("queue %u lie %d: %s", queue, lie, violation_first());
		}
	}
}

static void removal_gives_everything_back(void **state)
{
	static uint8_t frame[60];

	(void)state;
	start(refdev_net_new(2, ALL_FEATURES));
	rig.dev->hold = true;
	assert_int_equal(virtio_net_send(net, frame, sizeof(frame)), 0);
	rig_end(&rig);
	assert_null(virtio_net_find(&test_bus, 0));
	assert_int_equal(port_host_live(), 0);
}

static void a_ring_of_any_size_works(void **state)
{
	static const uint32_t sizes[] = {2, 4, 8, 1024};
	static uint8_t frame[60];
	unsigned int i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct refdev *dev = refdev_net_new(2, ALL_FEATURES);

		dev->queues[0].size_max = dev->queues[1].size_max = sizes[i];
		start(dev);
		for (j = 0; j < 50; j++) {
			assert_int_equal(
				virtio_net_send_wait(net, frame, sizeof(frame), NSEC_PER_SEC), 0);
			assert_true(refdev_net_deliver(rig.dev, frame, sizeof(frame)));
			run_machine();
		}
		assert_int_equal(got.frames, 50);
		assert_int_equal(ref->sent, 50);
		rig_end(&rig);
	}
}

static struct refdev *make_modern(void)
{
	return refdev_net_new(2, ALL_FEATURES);
}

static struct refdev *make_legacy(void)
{
	return refdev_net_new(1, ALL_FEATURES);
}

static void running_out_of_memory_in_probe_is_survived(void **state)
{
	(void)state;
	assert_in_range(rig_starve(make_modern), 3, 30);
	assert_in_range(rig_starve(make_legacy), 3, 30);
	(void)rig_starve_maps(make_modern);
}

static int init(void **state)
{
	(void)state;
	(void)virtio_net_init(&test_bus);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_of_every_length_go_out_unchanged),
		TEST(frames_of_every_length_come_in_unchanged),
		TEST(receive_buffers_are_refilled_for_ever),
		TEST(a_receiver_may_answer_at_once),
		TEST(without_a_receiver_frames_are_counted_and_dropped),
		TEST(added_frames_go_out_with_one_notification),
		TEST(lengths_that_cannot_be_are_counted_as_errors),
		TEST(a_frame_of_a_wrong_length_is_not_sent),
		TEST(a_smaller_mtu_limits_what_is_sent),
		TEST(an_mtu_out_of_range_does_no_harm),
		TEST(a_full_transmit_ring_says_so_and_recovers),
		TEST(a_sender_is_told_when_room_comes_back),
		TEST(the_link_follows_the_device),
		TEST(the_mac_address_is_the_devices_or_a_local_one),
		TEST(a_device_that_lies_fails_alone),
		TEST(removal_gives_everything_back),
		TEST(a_ring_of_any_size_works),
		TEST(running_out_of_memory_in_probe_is_survived),
	};

	return cmocka_run_group_tests_name("virtio_net", tests, init, NULL);
}
