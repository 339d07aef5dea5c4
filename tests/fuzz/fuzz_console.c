/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console driver: input of any length at any time, and output that is taken late or never. For as
 * long as the device does not lie, the characters of both directions are two endless texts, of which
 * nothing may be lost, doubled or out of order; and when all is quiet, all buffers are where they belong.
 */
#include "drivers/virtio/virtio_console.h"
#include "lib/timer.h"
#include "tests/fuzz/hdev.h"

/* Calls that may wait for seconds, of which an input makes only so many. */
#define LONG_CALLS 3u

/* The driver's buffers (virtio_console_private.h) in each direction, and their bytes. */
#define RX_BUFFERS 8u
#define TX_BUFFERS 16u
#define BUFFER	   256u

#define F_SIZE	     0
#define F_EMERG	     2
#define EMERG_OFFSET 8u

static unsigned int long_calls, panic_writes;
static unsigned long out_seen, in_given, in_read;
static bool types_fast;

/* Output that the device has not returned, in its order: what it has, then what it had before a reset. */
static struct piece {
	unsigned long start;
	uint32_t len;
} pieces[2 * TX_BUFFERS];
static unsigned int held, known;

/* The character at place @at of a text: no line ends, which tty_write_all() changes. */
static uint8_t character(unsigned long at)
{
	return (uint8_t)('!' + at % 90);
}

static unsigned long accepted(struct virtio_console *con)
{
	struct virtio_console_stats stats;

	virtio_console_get_stats(con, &stats);
	return stats.tx_bytes;
}

/* --- the device -------------------------------------------------------------------------------- */

static uint32_t answer(unsigned int queue, const struct hchain *chain)
{
	uint8_t how = types_fast && !queue ? 0xf7 : fuzz_u8();
	uint32_t len = how == 0xf7 ? chain->writable : MIN(how, chain->writable);

	if (how >= 0xf8) {
		hdev.lied = true;
		return fuzz_u32() >> how % 32;
	}
	if (queue)
		return 0;
	for (uint32_t i = 0; i < len; i++)
		hchain_put(chain, i, character(in_given++));
	return len;
}

/* Output comes to the device in the order in which it was accepted, once; after a reset, what it had not
 * returned comes first, as it was. */
static void taken(unsigned int queue, const struct hchain *chain)
{
	struct virtio_console *con = virtio_console_find(&test_bus, 0);
	struct piece *piece = &pieces[held];
	uint8_t buf[BUFFER + 1];
	uint32_t len = hchain_read(chain, buf, sizeof(buf));

	if (!queue || !con || hdev.lied)
		return;
	fuzz_check(len && len <= BUFFER && !chain->writable);
	if (held == known) {
		fuzz_check(known++ < ARRAY_SIZE(pieces));
		*piece = (struct piece){out_seen, len};
		out_seen += len;
	}
	held++;
	fuzz_check(piece->len == len);
	for (uint32_t i = 0; i < len; i++)
		fuzz_check(buf[i] == character(piece->start + i));
	fuzz_check(out_seen <= accepted(con));
}

static void returned(unsigned int queue, unsigned int n)
{
	if (!queue || hdev.lied)
		return;
	fuzz_check(n < held);
	held--;
	known--;
	memmove(&pieces[n], &pieces[n + 1], (known - n) * sizeof(pieces[0]));
}

static void was_reset(void)
{
	held = 0;
}

static void config_written(unsigned int offset, uint32_t value, unsigned int width)
{
	fuzz_check(offset == EMERG_OFFSET && width == sizeof(value));
	fuzz_check(value == character(panic_writes++));
}

/* Neither failed nor given up. */
static bool works(void)
{
	return hdev.vm.vdev.state == VIRTIO_STATE_LIVE;
}

/* --- the driver's user ---------------------------------------------------------------------------- */

static void input_has_come(void *arg)
{
	fuzz_check(arg == &in_read);
}

static void read_some(struct tty *tty, size_t len)
{
	char *buf = malloc(len + 1);
	int got = tty->read(tty, buf, len);

	fuzz_check(got >= 0 && got <= (int)len);
	if (!hdev.lied) {
		fuzz_check(got || !len || in_read == in_given || !works());
		for (int i = 0; i < got; i++)
			fuzz_check((uint8_t)buf[i] == character(in_read++));
		fuzz_check(in_read <= in_given);
	}
	free(buf);
}

/* Writes until all is taken, a second has passed without a step forward, or the device has failed. */
static void write_all(struct virtio_console *con, const char *text, size_t len)
{
	unsigned long before = accepted(con);
	uint64_t begin_ns = port_now_ns();
	int err = tty_write_all(virtio_console_tty(con), text, len);

	fuzz_check(!err || err == -EIO || err == -ETIMEDOUT);
	fuzz_check(accepted(con) - before <= len && (err || accepted(con) - before == len));
	fuzz_check(port_now_ns() - begin_ns <=
		   (2 + len) * NSEC_PER_SEC); /* each character a step at worst */
}

static void panic(struct virtio_console *con, const char *text, size_t len)
{
	bool offered = hdev.vm.vdev.device_features & BIT_ULL(F_EMERG);
	bool reachable = hdev.vm.size >= HDEV_CONFIG + EMERG_OFFSET + 4;

	panic_writes = 0;
	virtio_console_tty(con)->write_panic(virtio_console_tty(con), text, len);
	fuzz_check(panic_writes == (offered && reachable ? len : 0));
}

static void driver_step(uint8_t op)
{
	struct virtio_console *con = virtio_console_find(&test_bus, 0);
	struct tty *tty = con ? virtio_console_tty(con) : NULL;
	size_t len = fuzz_u16() % 2000;
	uint64_t timeout_ns = op * NSEC_PER_USEC * 50;
	char text[2000];

	if (!con)
		return;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)character((op % 8 == 5 ? 0 : accepted(con)) + i);
	switch (op % 8) {
	case 0:
		hdev_bounded(timeout_ns, virtio_console_write(con, text, len, timeout_ns));
		break;
	case 1:
		if (long_calls++ < LONG_CALLS)
			hdev_bounded(NSEC_PER_SEC, (tty->drain(tty), 0));
		break;
	case 2:
	case 3:
		fuzz_check(tty->write(tty, text, len) <= (int)len);
		break;
	case 4:
		if (long_calls++ < LONG_CALLS)
			write_all(con, text, len);
		break;
	case 5:
		panic(con, text, len % 8);
		break;
	default:
		read_some(tty, len);
	}
}

/* --- when all is quiet ------------------------------------------------------------------------------ */

static void settle(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		hdev_settle();
		hdev_run(NSEC_PER_MSEC); /* a recovery, if need be */
	}
}

static unsigned int buffers(unsigned int index, unsigned int most)
{
	struct virtqueue *vq;

	list_for_each_entry (vq, &hdev.vm.vdev.vqs, list)
		if (vq->index == index)
			return MIN(virtqueue_get_vring_size(vq), most);
	return 0;
}

static void check_size(const struct tty *tty)
{
	if (!virtio_has_feature(&hdev.vm.vdev, F_SIZE) || hdev.vm.size < HDEV_CONFIG + 4)
		return;
	fuzz_check(tty->cols == (hdev.config[0] | hdev.config[1] << 8));
	fuzz_check(tty->rows == (hdev.config[2] | hdev.config[3] << 8));
}

/* A device that was honest to the end has got all, and given all; no buffer has been lost. */
static void check_all_is_there(struct virtio_console *con)
{
	struct tty *tty = virtio_console_tty(con);
	static char text[(TX_BUFFERS + 1) * BUFFER];

	settle();
	if (!works())
		return;
	fuzz_check(out_seen == accepted(con) && !known);
	while (in_read < in_given)
		read_some(tty, 1000);
	settle();
	fuzz_check(hdev_take(0) == buffers(0, RX_BUFFERS));
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)character(out_seen + i);
	fuzz_check(tty->write(tty, text, sizeof(text)) == (int)(buffers(1, TX_BUFFERS) * BUFFER));
	settle();
	fuzz_check(out_seen == accepted(con));
	check_size(tty);
}

/* --- a run ------------------------------------------------------------------------------------------- */

/* Much input, read in pieces of another length or not at all: its ring wraps, or is full. */
static void type_fast(void)
{
	struct virtio_console *con = virtio_console_find(&test_bus, 0);
	unsigned int rounds = fuzz_u8() % 64, len = fuzz_u16() % 600;

	types_fast = true;
	for (; con && rounds; rounds--) {
		hdev_serve(0);
		read_some(virtio_console_tty(con), len);
	}
	types_fast = false;
}

static void one_step(void)
{
	uint8_t op = fuzz_u8();

	if (op < 0x5c)
		driver_step(op);
	else if (op < 0x60)
		type_fast();
	else if (op < 0x70)
		hdev_run(op * NSEC_PER_USEC);
	else
		hdev_step();
}

/* The clock of the busy waits: a look at it takes a millisecond, in which the device may do something. */
static uint64_t read_clock(void)
{
	port_host_advance(NSEC_PER_MSEC);
	return port_now_ns();
}

static void arm_nothing(uint64_t deadline)
{
	(void)deadline;
}

static void disarm_nothing(void)
{
}

static const struct timer_device fuzz_clock = {
	"fuzz", read_clock, NSEC_PER_SEC, arm_nothing, disarm_nothing,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)virtio_console_init(&test_bus);
	timer_set_device(&fuzz_clock);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_console *con;

	fuzz_begin(data, size);
	long_calls = 0;
	out_seen = in_given = in_read = 0;
	held = known = 0;
	hdev_start(VIRTIO_ID_CONSOLE, BIT_ULL(F_SIZE) | BIT_ULL(F_EMERG), answer);
	hdev.taken = taken;
	hdev.returned = returned;
	hdev.was_reset = was_reset;
	hdev.config_written = config_written;
	con = virtio_console_find(&test_bus, 0);
	if (con)
		virtio_console_tty(con)->set_input_callback(virtio_console_tty(con), input_has_come,
							    &in_read);
	while (fuzz_more())
		one_step();
	if (con && !hdev.lied)
		check_all_is_there(con);
	hdev_end();
	return 0;
}
