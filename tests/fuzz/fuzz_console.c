/* SPDX-License-Identifier: BSD-2-Clause */
/* The console driver: input of any length at any time, and output that is taken late or never. */
#include "drivers/virtio/virtio_console.h"
#include "tests/fuzz/hdev.h"

/* Calls that may wait for seconds, of which an input makes only so many. */
#define LONG_CALLS 3u

static char text[2000];
static unsigned int long_calls;

static uint32_t answer(unsigned int queue, const struct hchain *chain)
{
	uint8_t how = fuzz_u8();

	if (queue)
		return how < 0xf8 ? 0 : how;
	if (how < 0x40)
		hchain_fill(chain, how);
	return how < 0xf8 ? MIN(how, chain->writable) : fuzz_u32() >> how % 32;
}

static void input_has_come(void *arg)
{
	fuzz_check(arg == text);
}

static void read_some(struct tty *tty)
{
	size_t len = fuzz_u16() % sizeof(text);
	char *buf = malloc(len + 1);
	int got = tty->read(tty, buf, len);

	fuzz_check(got <= (int)len);
	free(buf);
}

static void driver_step(uint8_t op)
{
	struct virtio_console *con = virtio_console_find(0);
	struct tty *tty = con ? virtio_console_tty(con) : NULL;
	size_t len = fuzz_u16() % sizeof(text);
	uint64_t timeout_ns = op * NSEC_PER_USEC * 50;

	if (!con)
		return;
	switch (op % 8) {
	case 0:
		hdev_bounded(timeout_ns, virtio_console_write(con, text, len, timeout_ns));
		break;
	case 1:
		if (long_calls++ < LONG_CALLS)
			tty->drain(tty);
		break;
	case 2:
	case 3:
	case 4:
		fuzz_check(tty->write(tty, text, len) <= (int)len);
		break;
	case 5:
		tty->write_panic(tty, text, len % 8);
		break;
	default:
		read_some(tty);
	}
}

static void one_step(void)
{
	uint8_t op = fuzz_u8();

	if (op < 0x60)
		driver_step(op);
	else if (op < 0x70)
		hdev_run(op * NSEC_PER_USEC);
	else
		hdev_step();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	memset(text, '\n', sizeof(text) / 2);
	virtio_console_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_console *con;

	fuzz_begin(data, size);
	long_calls = 0;
	hdev_start(VIRTIO_ID_CONSOLE, 0x5, answer); /* SIZE, EMERG_WRITE */
	con = virtio_console_find(0);
	if (con)
		virtio_console_tty(con)->set_input_callback(virtio_console_tty(con), input_has_come,
							    text);
	while (fuzz_more())
		one_step();
	hdev_end();
	return 0;
}
