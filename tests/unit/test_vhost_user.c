/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vhost-user transport against a back-end in the same program (fake_vhost_user.h): what a session says, and that
 * every answer of it may be wrong in every way, at the cost of the device and of nothing else.
 */
#include "tests/unit/fake_vhost_user.h"
#include "lib/work.h"
#include "tests/device/test_bus.h"
#include "virtio/wire/ring.h"

#define DRIVER_ID 42u

static struct fake_vhost_user fake;
static struct vhost_user_device vu;
static struct virtqueue *queues[3];
static unsigned int callbacks, config_changes, queue_count;
static uint32_t seen;
static bool write_config;
static char buffer[64];

/* --- a driver that does little ---------------------------------------------------------------- */

static void used(struct virtqueue *vq)
{
	(void)vq;
	callbacks++;
}

static int tiny_probe(struct virtio_device *vdev)
{
	/* One is left out, as a control queue often is. */
	static const struct virtqueue_info infos[] = {{"a", used}, {NULL, NULL}, {"b", used}};
	int err = virtio_find_vqs(vdev, queue_count, queues, infos);

	seen = virtio_cread32(vdev, 8);
	if (write_config)
		virtio_cwrite32(vdev, 8, 77);
	return err;
}

static void tiny_freeze(struct virtio_device *vdev)
{
	(void)vdev;
	for (unsigned int i = 0; i < queue_count; i++)
		while (queues[i] && virtqueue_detach_unused_buf(queues[i]))
			;
}

static int tiny_restore(struct virtio_device *vdev)
{
	seen = virtio_cread32(vdev, 8);
	return 0;
}

static void tiny_remove(struct virtio_device *vdev)
{
	tiny_freeze(vdev);
	virtio_del_vqs(vdev);
}

static void tiny_config_changed(struct virtio_device *vdev)
{
	seen = virtio_cread32(vdev, 8);
	config_changes++;
}

static const struct virtio_driver tiny = {
	.name = "tiny",
	.device_id = DRIVER_ID,
	.probe = tiny_probe,
	.remove = tiny_remove,
	.freeze = tiny_freeze,
	.restore = tiny_restore,
	.config_changed = tiny_config_changed,
};

/* --- the rig ---------------------------------------------------------------------------------- */

static int setup(void **state)
{
	int err = port_host_setup(state);

	fake_vhost_user_init(&fake, &vu);
	fake.config[8] = 11;
	callbacks = config_changes = 0;
	write_config = false;
	queue_count = 3;
	return err ? err : virtio_register_driver(&test_bus, &tiny);
}

static int teardown(void **state)
{
	virtio_unregister_driver(&test_bus, &tiny);
	return port_host_teardown(state);
}

static int probe(void)
{
	return vhost_user_probe(&test_bus, &vu, DRIVER_ID, "a-name-that-is-longer-than-a-device's");
}

static void start(void)
{
	assert_int_equal(probe(), 0);
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_LIVE);
}

/* Whatever happened: nothing is left open. */
static void end(void)
{
	vhost_user_remove(&vu);
	assert_false(fake.connected);
	assert_int_equal(fake.open_fds, 0);
	assert_int_equal(fake.open_queues, 0);
}

static void run_work(void)
{
	while (work_pending(&system_wq))
		work_run(&system_wq);
}

static void offer(struct virtqueue *vq)
{
	struct scatterlist sg;

	sg_init_one(&sg, buffer, sizeof(buffer));
	assert_int_equal(virtqueue_add_inbuf(vq, &sg, 1, buffer, GFP_ATOMIC), 0);
}

/* --- a session -------------------------------------------------------------------------------- */

static void a_session_tells_all_that_a_device_needs(void **state)
{
	(void)state;
	start();
	assert_string_equal(vu.vdev.dev.name, "a-name-that-is-longer-t");
	assert_string_equal(vu.vdev.config->bus_name(&vu.vdev), "vhost-user");
	assert_int_equal(fake.told_features, fake.features);
	assert_int_equal(fake.status, 15);
	assert_int_equal(fake.enabled, 5);
	assert_int_equal(fake.kickable, 5);
	assert_int_equal(seen, 11);
	for (unsigned int i = 0; i < 3; i += 2) {
		assert_int_equal(fake.ring_size[i], 256);
		assert_int_equal(fake.base[i], 0);
		assert_int_equal(fake.address[i].index, i);
		assert_int_equal(fake.address[i].desc, virtqueue_get_desc_addr(queues[i]));
		assert_int_equal(fake.address[i].avail, virtqueue_get_avail_addr(queues[i]));
		assert_int_equal(fake.address[i].used, virtqueue_get_used_addr(queues[i]));
	}
	/* The config space is fetched once, and again when it has changed. */
	assert_int_equal(fake.received[VHOST_USER_GET_CONFIG], 1);
	assert_int_equal(fake.received[VHOST_USER_SET_INFLIGHT_FD], 1);
	end();
	assert_int_equal(fake.received[VHOST_USER_GET_VRING_BASE], 2);
	assert_int_equal(fake.received[VHOST_USER_RESET_DEVICE], 1);
	assert_int_equal(fake.connections, 1);
}

static void a_packed_ring_begins_in_its_first_round(void **state)
{
	(void)state;
	fake.features |= BIT_ULL(VIRTIO_F_RING_PACKED);
	start();
	assert_int_equal(fake.base[0], 0x80008000);
	end();
}

static void an_old_back_end_has_its_queues_enabled_from_the_start(void **state)
{
	(void)state;
	fake.features = BIT_ULL(VIRTIO_F_VERSION_1);
	start();
	assert_int_equal(fake.received[VHOST_USER_GET_PROTOCOL_FEATURES], 0);
	assert_int_equal(fake.received[VHOST_USER_SET_VRING_ENABLE], 0);
	assert_int_equal(fake.received[VHOST_USER_GET_CONFIG], 0);
	assert_int_equal(fake.told_features, fake.features);
	assert_int_equal(seen, 0);
	end();
}

static void features_that_cannot_be_had_here_are_not_offered(void **state)
{
	(void)state;
	fake.features = ~0ull;
	vu.refused = BIT_ULL(VIRTIO_F_RING_PACKED);
	start();
	assert_false(fake.told_features &
		     (BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) | BIT_ULL(VIRTIO_F_NOTIFICATION_DATA) |
		      BIT_ULL(VIRTIO_F_RING_RESET) | BIT_ULL(VIRTIO_F_RING_PACKED) |
		      BIT_ULL(VHOST_F_LOG_ALL)));
	assert_true(fake.told_features & BIT_ULL(VIRTIO_F_IN_ORDER));
	end();
}

static void what_the_back_end_does_not_have_the_embedder_may(void **state)
{
	static const uint8_t local[64] = {[8] = 55};

	(void)state;
	fake.protocol &= ~BIT_ULL(VHOST_USER_PROTOCOL_F_CONFIG);
	vu.local_config = local;
	vu.local_features = BIT_ULL(5);
	start();
	assert_true(vu.vdev.device_features & BIT_ULL(5));
	assert_false(fake.told_features & BIT_ULL(5));
	assert_int_equal(seen, 55);
	/* Nobody to write it to. */
	virtio_cwrite32(&vu.vdev, 8, 1);
	assert_int_equal(fake.received[VHOST_USER_SET_CONFIG], 0);
	end();
}

static void the_config_space_has_an_end(void **state)
{
	(void)state;
	write_config = true;
	start();
	assert_int_equal(virtio_cread32(&vu.vdev, 8), 77);
	assert_int_equal(virtio_cread32(&vu.vdev, 61), 0);
	assert_int_equal(virtio_cread32(&vu.vdev, 4096), 0);
	virtio_cwrite32(&vu.vdev, 61, 1);
	virtio_cwrite32(&vu.vdev, 4096, 1);
	assert_int_equal(fake.received[VHOST_USER_SET_CONFIG], 1);
	end();
	vu.config_size = VHOST_USER_CONFIG_MAX + 1;
	assert_int_equal(probe(), -EINVAL);
}

static void a_queue_beyond_the_last_is_none(void **state)
{
	(void)state;
	fake.queues = 2;
	assert_int_equal(probe(), 0);
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_FAILED);
	assert_int_equal(vu.vdev.error, -ENOENT);
	end();
}

static void what_the_port_cannot_make_is_done_without_or_fails(void **state)
{
	(void)state;
	fake.no_channel = true;
	start();
	assert_int_equal(fake.received[VHOST_USER_SET_BACKEND_REQ_FD], 0);
	end();
	fake_vhost_user_init(&fake, &vu);
	fake.no_queue = true;
	assert_int_equal(probe(), 0);
	assert_int_equal(vu.vdev.error, -ENOMEM);
	end();
	fake_vhost_user_init(&fake, &vu);
	fake.refuses_connection = true;
	assert_int_equal(probe(), -ENODEV);
}

/* --- wrong answers ---------------------------------------------------------------------------- */

/* A probe with its @n-th answer a lie. Returns whether there were so many. */
static bool probe_with_lie(unsigned int n, enum fake_lie lie)
{
	uint64_t begin = port_now_ns();
	int err;

	fake_vhost_user_init(&fake, &vu);
	fake.lie_at = n;
	fake.lie = lie;
	err = probe();
	assert_in_range(port_now_ns() - begin, 0, 8 * NSEC_PER_SEC);
	if (fake.answers < n) {
		assert_int_equal(vu.vdev.state, VIRTIO_STATE_LIVE);
		end();
		return false;
	}
	/* Numbers can be anything; whoever is refused or not understood has no device. */
	if (lie != FAKE_REFUSES)
		assert_true(err || vu.vdev.state != VIRTIO_STATE_LIVE);
	if (err) {
		assert_false(fake.connected);
		assert_int_equal(fake.open_fds, 0);
		return true;
	}
	run_work();
	/* Where it was the driver's probe that went on without a connection, recovery has made a new one. */
	if (lie != FAKE_REFUSES)
		assert_true(vu.vdev.state == VIRTIO_STATE_FAILED || fake.connections == 2);
	end();
	return true;
}

static void every_answer_may_be_wrong_in_every_way(void **state)
{
	unsigned int lie, n, most = 0;

	(void)state;
	for (lie = 0; lie < FAKE_LIES; lie++) {
		for (n = 1; probe_with_lie(n, (enum fake_lie)lie); n++)
			most = MAX(most, n);
	}
	assert_in_range(most, 25, 100);
}

static void an_answer_about_another_part_of_the_config_space_is_none(void **state)
{
	(void)state;
	fake.config_offset = 4;
	assert_int_equal(probe(), 0);
	assert_int_equal(seen, 0);
	/* The next sessions are no better. */
	run_work();
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_FAILED);
	end();
}

static void a_request_that_cannot_be_sent_ends_the_session(void **state)
{
	(void)state;
	start();
	fake.cannot_send = true;
	assert_int_equal(vu.vdev.config->get_status(&vu.vdev), 0xff);
	assert_false(vu.connected);
	fake.cannot_send = false;
	run_work();
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_LIVE);
	assert_int_equal(fake.connections, 2);
	end();
}

/* --- resets and recovery ---------------------------------------------------------------------- */

static void a_reset_with_buffers_left_begins_a_new_session(void **state)
{
	(void)state;
	start();
	offer(queues[0]);
	virtio_needs_recovery(&vu.vdev, -EIO);
	run_work();
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_LIVE);
	assert_int_equal(fake.connections, 2);
	assert_int_equal(fake.enabled, 5);
	/* And without any it is enough to stop the queues. */
	virtio_needs_recovery(&vu.vdev, -EIO);
	run_work();
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_LIVE);
	assert_int_equal(fake.connections, 2);
	end();
}

static void a_back_end_that_goes_away_may_come_back(void **state)
{
	(void)state;
	start();
	fake.connected = false;
	vhost_user_main_ready(&vu);
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_RECOVERING);
	vhost_user_main_ready(&vu); /* is heard once */
	run_work();
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_LIVE);
	assert_int_equal(vu.vdev.recoveries, 1);
	end();
}

static void a_back_end_that_stays_away_is_waited_for_so_long(void **state)
{
	uint64_t begin;

	(void)state;
	vu.reconnect_ns = 2 * NSEC_PER_SEC;
	start();
	fake.connected = false;
	fake.refuses_connection = true;
	vhost_user_main_ready(&vu);
	begin = port_now_ns();
	run_work();
	assert_in_range(port_now_ns() - begin, NSEC_PER_SEC, 3 * NSEC_PER_SEC);
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_FAILED);
	assert_int_equal(vu.vdev.error, -ENODEV);
	assert_true(vu.vdev.gone);
	begin = port_now_ns();
	end();
	assert_in_range(port_now_ns() - begin, 0, NSEC_PER_SEC);
}

static void one_that_offers_less_than_before_is_given_up(void **state)
{
	(void)state;
	start();
	fake.features = BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES) | BIT_ULL(VIRTIO_F_VERSION_1);
	fake.connected = false;
	vhost_user_main_ready(&vu);
	run_work();
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_FAILED);
	end();
}

static void a_reset_that_is_refused_begins_a_new_session(void **state)
{
	(void)state;
	for (unsigned int skip = 3; skip < 5; skip++) {
		fake_vhost_user_init(&fake, &vu);
		start();
		/* After two queues were stopped: the status, and the reset. */
		fake.lie_at = fake.answers + skip;
		fake.lie = FAKE_REFUSES;
		virtio_needs_recovery(&vu.vdev, -EIO);
		run_work();
		assert_int_equal(vu.vdev.state, VIRTIO_STATE_LIVE);
		assert_int_equal(fake.connections, 2);
		end();
	}
}

static void a_queue_that_cannot_be_notified_recovers(void **state)
{
	(void)state;
	start();
	offer(queues[2]);
	fake.no_kick = true;
	assert_false(virtqueue_kick(queues[2]));
	assert_true(virtqueue_is_broken(queues[2]));
	fake.no_kick = false;
	run_work();
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_LIVE);
	offer(queues[2]);
	assert_true(virtqueue_kick(queues[2]));
	assert_int_equal(fake.kicks, 1);
	end();
}

/* --- events ----------------------------------------------------------------------------------- */

/* The back-end uses the first buffer of @vq. */
static void use_first(const struct virtqueue *vq)
{
	struct vring_used *ring = (struct vring_used *)(uintptr_t)virtqueue_get_used_addr(vq);

	ring->ring[0].id = 0;
	ring->ring[0].len = 4;
	ring->idx = 1;
}

static void an_interrupt_is_one_queues(void **state)
{
	(void)state;
	assert_int_equal(vhost_user_interrupt(&vu, 0), IRQ_NONE);
	start();
	offer(queues[2]);
	use_first(queues[2]);
	assert_int_equal(vhost_user_interrupt(&vu, 1), IRQ_NONE);
	assert_int_equal(vhost_user_interrupt(&vu, 0), IRQ_NONE);
	assert_int_equal(callbacks, 0);
	assert_int_equal(vhost_user_interrupt(&vu, 2), IRQ_HANDLED);
	assert_int_equal(callbacks, 1);
	end();
}

static void who_polls_hears_of_everything(void **state)
{
	(void)state;
	start();
	offer(queues[2]);
	use_first(queues[2]);
	virtio_bus_poll(&test_bus);
	assert_int_equal(callbacks, 1);
	/* Once in a while it looks at what is not in memory: the connection has ended. */
	fake.connected = false;
	for (unsigned int i = 0; i < 200 && vu.vdev.recoveries == 0; i++)
		virtio_bus_poll(&test_bus);
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_LIVE);
	assert_int_equal(vu.vdev.recoveries, 1);
	assert_in_range(fake.looks, 1, 4);
	end();
}

static void an_error_of_a_queue_is_the_devices(void **state)
{
	(void)state;
	start();
	vhost_user_queue_error(&vu, 2);
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_RECOVERING);
	run_work();
	assert_int_equal(vu.vdev.state, VIRTIO_STATE_LIVE);
	end();
}

static void say(uint32_t request, uint32_t flags, uint32_t size, uint32_t sent)
{
	const struct vhost_user_header header = {request, flags, size};

	memset(fake.channel_in, 0, sizeof(fake.channel_in));
	memcpy(fake.channel_in, &header, sizeof(header));
	fake.channel_size = sent;
	vhost_user_channel_ready(&vu);
}

static void a_change_of_the_config_space_is_read_and_acknowledged(void **state)
{
	const uint32_t head = sizeof(struct vhost_user_header);

	(void)state;
	start();
	fake.config[8] = 12;
	say(VHOST_USER_BACKEND_CONFIG_CHANGE, VHOST_USER_VERSION, 0, head);
	assert_int_equal(config_changes, 1);
	assert_int_equal(seen, 12);
	assert_int_equal(fake.channel_answer.header.request, 0);
	say(VHOST_USER_BACKEND_CONFIG_CHANGE, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY, 0, head);
	assert_int_equal(config_changes, 2);
	assert_int_equal(fake.channel_answer.header.flags, VHOST_USER_VERSION | VHOST_USER_REPLY);
	assert_int_equal(fake.channel_answer.payload.u64, 0);
	/* What we have not agreed to is refused, and its descriptors are closed. */
	fake.channel_fds = 3;
	say(3, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY, 24, head + 24);
	assert_int_equal(fake.channel_answer.payload.u64, 1);
	assert_int_equal(config_changes, 2);
	assert_int_equal(fake.open_fds, 0);
	end();
}

static void nonsense_on_the_channel_ends_the_session(void **state)
{
	static const struct {
		uint32_t flags, size, sent;
	} cases[] = {
		{VHOST_USER_VERSION, UINT32_MAX, 12},
		{VHOST_USER_VERSION, 8, 14},
		{VHOST_USER_VERSION, 0, 5},
		{VHOST_USER_VERSION | VHOST_USER_REPLY, 0, 12},
		{0, 0, 12},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_vhost_user_init(&fake, &vu);
		start();
		say(VHOST_USER_BACKEND_CONFIG_CHANGE, cases[i].flags, cases[i].size, cases[i].sent);
		assert_false(vu.connected);
		assert_int_equal(config_changes, 0);
		vhost_user_channel_ready(&vu);
		run_work();
		assert_int_equal(vu.vdev.state, VIRTIO_STATE_LIVE);
		end();
	}
	fake_vhost_user_init(&fake, &vu);
	start();
	fake.cannot_send = true;
	say(VHOST_USER_BACKEND_CONFIG_CHANGE, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY, 0, 12);
	assert_false(vu.connected);
	fake.cannot_send = false;
	run_work();
	end();
}

#define SESSION(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SESSION(a_session_tells_all_that_a_device_needs),
		SESSION(a_packed_ring_begins_in_its_first_round),
		SESSION(an_old_back_end_has_its_queues_enabled_from_the_start),
		SESSION(features_that_cannot_be_had_here_are_not_offered),
		SESSION(what_the_back_end_does_not_have_the_embedder_may),
		SESSION(the_config_space_has_an_end),
		SESSION(a_queue_beyond_the_last_is_none),
		SESSION(what_the_port_cannot_make_is_done_without_or_fails),
		SESSION(every_answer_may_be_wrong_in_every_way),
		SESSION(an_answer_about_another_part_of_the_config_space_is_none),
		SESSION(a_request_that_cannot_be_sent_ends_the_session),
		SESSION(a_reset_with_buffers_left_begins_a_new_session),
		SESSION(a_back_end_that_goes_away_may_come_back),
		SESSION(a_back_end_that_stays_away_is_waited_for_so_long),
		SESSION(one_that_offers_less_than_before_is_given_up),
		SESSION(a_reset_that_is_refused_begins_a_new_session),
		SESSION(a_queue_that_cannot_be_notified_recovers),
		SESSION(an_interrupt_is_one_queues),
		SESSION(who_polls_hears_of_everything),
		SESSION(an_error_of_a_queue_is_the_devices),
		SESSION(a_change_of_the_config_space_is_read_and_acknowledged),
		SESSION(nonsense_on_the_channel_ends_the_session),
	};

	return cmocka_run_group_tests_name("vhost_user", tests, NULL, NULL);
}
