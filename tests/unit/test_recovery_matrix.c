/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recovery as a matrix: each driver's queues, on each kind of ring, before a device that tells each of
 * the lies that such a ring can tell, or asks for a reset. A test is a row, a queue on a ring.
 *
 * Most lies are noticed: the queue breaks with a line of log. In the packed ring an index is the place of
 * a used descriptor, and one at the wrong place or of the wrong round is not seen at all: such a device is
 * merely silent, which a blocking call finds out by its deadline.
 */
#include "tests/unit/recovery_rig.h"

#define RX_FRAMES 8u
#define RX_BYTES  2048u /* what the console's buffers hold, all full */

/* A queue of a driver. */
struct subject {
	const char *name;
	unsigned int queue;
	bool device_writes;  /* into this queue's buffers */
	bool deadline_heals; /* a blocking call past its deadline recovers the device */
	void (*start)(enum kind kind);
	/* Has the device return several buffers at once, and the driver look at them. */
	void (*load)(void);
	/* Waits for a device that is silent: not for ever. */
	void (*wait)(void);
	void (*assert_kept)(
		void); /* after one recovery: what was with the device is where it belongs */
	void (*assert_works)(void);
	void (*assert_over)(void); /* given up: everything has ended, nothing new is taken */
};

static unsigned int mapped; /* by a driver at rest */
static bool honest;	    /* the device fails, but what it has returned is good */

/* The deadline of a second has passed since @begin, and not much more. */
static void assert_a_second_since(uint64_t begin)
{
	assert_in_range(port_now_ns() - begin, SECONDS(1), SECONDS(1) + NSEC_PER_SEC / 10);
}

/* --- disk: requests are sent again ------------------------------------------------------------- */

#define LOAD 100u

static bool loaded;

/* Once: what a failure has left is there still. */
static void disk_load(void)
{
	rig.dev->hold = true;
	if (!loaded)
		submit(0, LOAD);
	loaded = true;
	rig.dev->hold = false;
}

static void disk_wait(void)
{
	static uint8_t data[8 * 512];
	uint64_t begin = port_now_ns();

	assert_int_equal(virtio_blk_read(blk, 0, data, 8, SECONDS(1)), -ETIMEDOUT);
	assert_a_second_since(begin);
}

static void disk_assert_kept(void)
{
	assert_all_done(LOAD, 0);
}

static void disk_assert_over(void)
{
	static uint8_t data[512];

	for (unsigned int i = 0; i < LOAD; i++) {
		assert_int_equal(dones[i], 1); /* some before it came to that */
		assert_true(requests[i].status == 0 || requests[i].status == -EIO);
	}
	assert_int_equal(requests[LOAD - 1].status, -EIO);
	assert_int_equal(dma_test_mappings(), 0);
	assert_int_equal(virtio_blk_submit(blk, &requests[0]), -EIO);
	assert_int_equal(virtio_blk_read(blk, 0, data, 1, SECONDS(1)), -EIO);
	assert_int_equal(all_done, LOAD);
}

/* --- entropy: requests are sent again ---------------------------------------------------------- */

/* Fewer than the ring takes: a reader finds room. */
static void rng_load(void)
{
	if (answered != asked) /* what a failure has left is there still */
		return;
	rig.dev->hold = true;
	for (asked = answered = 0; asked < 6; asked++)
		assert_int_equal(ask(asked), 0);
	rig.dev->hold = false;
}

static void rng_wait(void)
{
	uint64_t begin = port_now_ns();
	uint8_t buf[16];

	assert_int_equal(virtio_rng_read(rng, buf, sizeof(buf), SECONDS(1)), -ETIMEDOUT);
	assert_a_second_since(begin);
}

static void rng_assert_kept(void)
{
	assert_all_answered(32);
	assert_int_equal(dma_test_mappings(), 0);
}

static void rng_assert_over(void)
{
	uint8_t buf[16];

	assert_int_equal(answered, asked);
	for (unsigned int i = 0; i < asked; i++) /* some before it came to that */
		assert_true(asks[i].received == 32 || asks[i].received == -EIO);
	assert_int_equal(dma_test_mappings(), 0);
	assert_int_equal(ask(0), -EIO);
	assert_int_equal(virtio_rng_read(rng, buf, sizeof(buf), SECONDS(1)), -EIO);
}

/* --- network, receive: all buffers are offered again -------------------------------------------- */

static void net_rx_load(void)
{
	static uint8_t frame[VIRTIO_NET_VLAN_MAX]; /* fills its buffer */

	frame[59] = frame_60()[59];
	/* Fewer where the lie lies on the next buffer of a packed ring. */
	assert_in_range(refdev_net_deliver_many(rig.dev, frame, sizeof(frame), RX_FRAMES), 1,
			RX_FRAMES);
}

static void net_rx_wait(void)
{
	assert_int_equal(received, 0);
}

static void net_rx_assert_kept(void)
{
	struct virtio_net_stats stats;

	virtio_net_get_stats(net, &stats);
	assert_int_equal(stats.rx_frames, received);
	assert_int_equal(stats.rx_errors, 0); /* what is doubtful is not looked at */
	assert_in_range(received, honest ? RX_FRAMES : 0, honest ? RX_FRAMES : RX_FRAMES - 1);
	assert_int_equal(dma_test_mappings(), mapped);
}

static void net_assert_over(void)
{
	unsigned long sent = refdev_net(rig.dev)->sent;

	assert_int_equal(virtio_net_send(net, frame_60(), 60), -EIO);
	assert_int_equal(virtio_net_send_wait(net, frame_60(), 60, SECONDS(1)), -EIO);
	assert_false(refdev_net_deliver(rig.dev, frame_60(), 60));
	assert_int_equal(refdev_net(rig.dev)->sent, sent);
}

/* --- network, send: frames are lost and counted ------------------------------------------------- */

static unsigned int accepted, room;

static unsigned int send_until_full(void)
{
	unsigned int n = 0;
	int err;

	while ((err = virtio_net_send(net, frame_60(), 60)) == 0)
		n++;
	assert_int_equal(err, -ENOSPC);
	return n;
}

/* How many frames there is room for, while the device takes none. */
static unsigned int room_for_frames(void)
{
	unsigned int n;

	rig.dev->hold = true;
	n = send_until_full();
	rig.dev->hold = false;
	run_machine();
	return n;
}

static void net_tx_start(enum kind kind)
{
	start_net(kind);
	room = room_for_frames();
	assert_in_range(room, 16, 64);
	assert_int_equal(virtio_net_send(net, frame_60(), 60), 0); /* finds all finished */
	run_machine();
	accepted = room + 1;
	woken = 0;
}

/* A transmit ring is looked at when it is full: by an interrupt that the sender has asked for, or by the
 * next sender, to whom a failure is a lack of room. */
static void net_tx_load(void)
{
	unsigned long resets = rig.dev->resets;

	accepted += room_for_frames();
	if (rig.dev->resets != resets)
		return;
	woken = 0;
	assert_int_equal(virtio_net_send(net, frame_60(), 60), -ENOSPC);
}

static void net_tx_wait(void)
{
	uint64_t begin = port_now_ns();

	assert_int_equal(virtio_net_send_wait(net, frame_60(), 60, SECONDS(1)), -ETIMEDOUT);
	assert_a_second_since(begin);
}

static void net_tx_assert_kept(void)
{
	struct virtio_net_stats stats;

	virtio_net_get_stats(net, &stats);
	assert_int_equal(stats.tx_frames, accepted);
	/* The ring was full. A lie may come with an entry, or a batch, that is believed. */
	assert_in_range(stats.tx_lost, honest ? room : room - IN_ORDER_BATCH, room);
	assert_true(woken >= 1); /* who was told that there is no room */
	assert_int_equal(room_for_frames(), room);
}

/* --- console, input: all buffers are offered again ---------------------------------------------- */

static char typed[RX_BYTES], read_back[RX_BYTES];
static int read_len;

static void con_rx_load(void)
{
	for (unsigned int i = 0; i < RX_BYTES; i++)
		typed[i] = (char)(i % 251);
	/* Fewer where the lie lies on the next buffer of a packed ring. */
	assert_in_range(refdev_console_input(rig.dev, typed, RX_BYTES), 1, RX_BYTES);
	run_machine();
	read_len = tty->read(tty, read_back, RX_BYTES);
}

static void con_rx_wait(void)
{
	assert_int_equal(read_len, 0);
}

static void con_rx_assert_kept(void)
{
	assert_in_range(read_len, honest ? RX_BYTES : 0, honest ? RX_BYTES : RX_BYTES - 1);
	assert_memory_equal(read_back, typed, read_len);
	assert_int_equal(tty->read(tty, read_back, RX_BYTES), 0); /* nothing twice */
	assert_int_equal(dma_test_mappings(), mapped);
}

static void con_assert_over(void)
{
	size_t before = refdev_console(rig.dev)->output_len;

	assert_int_equal(tty->write(tty, "abc", 3), -EIO);
	assert_int_equal(virtio_console_write(con, "abc", 3, SECONDS(1)), -EIO);
	assert_int_equal(tty->read(tty, read_back, RX_BYTES), 0);
	assert_int_equal(refdev_console(rig.dev)->output_len, before);
}

/* --- console, output: what was not confirmed is sent again, in order ----------------------------- */

static const char text[] = "0123456789more";

static unsigned long text_taken(void)
{
	struct virtio_console_stats stats;

	virtio_console_get_stats(con, &stats);
	return stats.tx_bytes;
}

static void con_tx_load(void)
{
	rig.dev->hold = true;
	for (unsigned int i = 0; i < 10; i++) /* less where a failure has left something */
		assert_in_range(tty->write(tty, text + i, 1), text_taken() ? 0 : 1, 1);
	rig.dev->hold = false;
	run_machine();
	tty->drain(tty); /* looks at the ring */
}

static void con_tx_wait(void)
{
	uint64_t begin = port_now_ns();

	assert_int_equal(virtio_console_write(con, "more", 4, SECONDS(1)), -ETIMEDOUT);
	assert_a_second_since(begin);
}

static void con_tx_assert_kept(void)
{
	const struct refdev_console *out = refdev_console(rig.dev);
	size_t len = text_taken(), first = 0, again;

	assert_true(len == 10 || len == 14);
	while (first < len && out->output[first] == text[first])
		first++; /* what the device took before it failed */
	assert_in_range(out->output_len, len, first + len);
	again = out->output_len - first;
	assert_memory_equal(out->output + first, text + len - again, again);
	assert_int_equal(dma_test_mappings(), mapped);
}

static const struct subject subjects[] = {
	{"disk", 0, true, true, start_disk, disk_load, disk_wait, disk_assert_kept,
	 assert_disk_works, disk_assert_over},
	{"entropy", 0, true, true, start_rng, rng_load, rng_wait, rng_assert_kept, assert_rng_works,
	 rng_assert_over},
	{"net rx", 0, true, false, start_net, net_rx_load, net_rx_wait, net_rx_assert_kept,
	 assert_net_works, net_assert_over},
	{"net tx", 1, false, false, net_tx_start, net_tx_load, net_tx_wait, net_tx_assert_kept,
	 assert_net_works, net_assert_over},
	{"console rx", 0, true, false, start_console, con_rx_load, con_rx_wait, con_rx_assert_kept,
	 assert_console_works, con_assert_over},
	{"console tx", 1, false, false, start_console, con_tx_load, con_tx_wait, con_tx_assert_kept,
	 assert_console_works, con_assert_over},
};

/* --- lies -------------------------------------------------------------------------------------- */

/* Whether such a ring can tell this lie, and the driver is to mind it. */
static bool can_lie(const struct subject *s, enum kind kind, enum refdev_lie lie)
{
	if (lie == LIE_BATCH) /* of which a packed ring says no number */
		return kind == SPLIT_IN_ORDER;
	if (lie == LIE_WRAP)
		return is_packed(kind);
	if (lie != LIE_LEN && lie != LIE_LEN_MAX)
		return true;
	/* Legacy devices say any length (2.7.8.2); packed, it means nothing where none is written. */
	return kind != LEGACY && (!is_packed(kind) || s->device_writes);
}

static bool is_silence(enum kind kind, enum refdev_lie lie)
{
	return is_packed(kind) && (lie == LIE_IDX_JUMP || lie == LIE_IDX_BACK || lie == LIE_WRAP);
}

/* --- a row of the matrix ------------------------------------------------------------------------ */

struct row {
	const struct subject *subject;
	enum kind kind;
};

static void begin(const struct row *row, enum refdev_lie lie)
{
	row->subject->start(row->kind);
	loaded = false;
	honest = lie == LIE_NONE;
	mapped = dma_test_mappings();
	rig.dev->queues[row->subject->queue].lie = lie;
	port_log(LOG_DEBUG, "%s, kind %d, lie %d", row->subject->name, row->kind, lie);
}

static void end(const struct row *row, enum refdev_lie lie)
{
	rig_end(&rig);
	if (violation_count())
		fail_msg("%s, kind %d, lie %d: %s", row->subject->name, row->kind, lie,
			 violation_first());
}

/* One failure of the device, up to what the core makes of it. */
static void fail_once(const struct subject *s, bool silent)
{
	unsigned int errors = port_host_messages(LOG_ERROR);

	s->load();
	run_machine();
	if (!silent)
		return;
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	assert_int_equal(port_host_messages(LOG_ERROR), errors);
	s->wait();
	if (!s->deadline_heals)
		ask_for_reset();
	run_machine();
}

static void a_device_that_lies_is_recovered(void **state)
{
	const struct row *row = *state;
	const struct subject *s = row->subject;

	for (enum refdev_lie lie = LIE_ID_RANGE; lie <= LIE_WRAP; lie++) {
		bool silent = is_silence(row->kind, lie);
		unsigned int errors = port_host_messages(LOG_ERROR);

		if (!can_lie(s, row->kind, lie))
			continue;
		begin(row, lie);
		fail_once(s, silent);
		assert_recovered(1);
		if (!silent || !s->deadline_heals) /* the one line that says why */
			assert_int_equal(port_host_messages(LOG_ERROR), errors + 1);
		s->assert_kept();
		s->assert_works();
		end(row, lie);
	}
}

static void a_device_that_never_stops_lying_is_given_up(void **state)
{
	const struct row *row = *state;
	const struct subject *s = row->subject;

	for (enum refdev_lie lie = LIE_ID_RANGE; lie <= LIE_WRAP; lie++) {
		bool silent = is_silence(row->kind, lie);
		unsigned int rounds = 0;

		if (!can_lie(s, row->kind, lie))
			continue;
		begin(row, lie);
		rig.dev->queues[s->queue].lie_on_start = lie;
		while (rounds++ <= VIRTIO_RECOVERY_MAX && rig.vdev->state == VIRTIO_STATE_LIVE)
			fail_once(s, silent);
		assert_given_up(silent && s->deadline_heals ? -ETIMEDOUT : -EIO);
		assert_int_equal(rig.vdev->recoveries, VIRTIO_RECOVERY_MAX);
		assert_int_equal(rig.dev->resets, 1 + VIRTIO_RECOVERY_MAX + 1);
		s->assert_over();
		end(row, lie);
	}
}

/* It takes nothing, and asks for a reset; whether it takes more after that is @better. */
static void fail_honestly(const struct subject *s, bool better)
{
	rig.dev->lies.ignore_notify = true;
	s->load();
	ask_for_reset();
	rig.dev->lies.ignore_notify = !better;
	run_machine();
}

static void a_device_that_asks_for_a_reset_is_recovered(void **state)
{
	const struct row *row = *state;

	begin(row, LIE_NONE);
	fail_honestly(row->subject, true);
	assert_recovered(1);
	assert_int_equal(port_host_messages(LOG_ERROR), 1);
	row->subject->assert_kept();
	row->subject->assert_works();
	end(row, LIE_NONE);
}

static void a_device_that_never_stops_asking_is_given_up(void **state)
{
	const struct row *row = *state;

	begin(row, LIE_NONE);
	for (unsigned int i = 1; i <= VIRTIO_RECOVERY_MAX; i++) {
		fail_honestly(row->subject, false);
		assert_recovered(i);
	}
	fail_honestly(row->subject, false);
	assert_given_up(-EIO);
	assert_int_equal(rig.dev->resets, 1 + VIRTIO_RECOVERY_MAX + 1);
	row->subject->assert_over();
	end(row, LIE_NONE);
}

static const struct CMUnitTest columns[] = {
	cmocka_unit_test(a_device_that_lies_is_recovered),
	cmocka_unit_test(a_device_that_never_stops_lying_is_given_up),
	cmocka_unit_test(a_device_that_asks_for_a_reset_is_recovered),
	cmocka_unit_test(a_device_that_never_stops_asking_is_given_up),
};

#define ROWS  (ARRAY_SIZE(subjects) * ALL_KINDS)
#define TESTS (ROWS * ARRAY_SIZE(columns))

int main(void)
{
	static const char *const kinds[] = {"legacy", "split", "packed", "split in order",
					    "packed in order"};
	static struct CMUnitTest tests[TESTS];
	static struct row rows[ROWS];
	static char names[TESTS][96];

	for (unsigned int i = 0; i < TESTS; i++) {
		const struct CMUnitTest *column = &columns[i % ARRAY_SIZE(columns)];
		unsigned int n = i / ARRAY_SIZE(columns);

		rows[n] = (struct row){&subjects[n / ALL_KINDS], (enum kind)(n % ALL_KINDS)};
		snprintf(names[i], sizeof(names[i]), "%s: %s, %s", column->name,
			 rows[n].subject->name, kinds[rows[n].kind]);
		tests[i] = (struct CMUnitTest){names[i], column->test_func, port_host_setup,
					       port_host_teardown, &rows[n]};
	}
	return cmocka_run_group_tests_name("recovery_matrix", tests, recovery_rig_init, NULL);
}
