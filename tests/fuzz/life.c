/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a device of any type, whatever its transport: see life.h. */
#include "drivers/virtio/virtio_blk.h"
#include "drivers/virtio/virtio_console.h"
#include "drivers/virtio/virtio_net.h"
#include "drivers/virtio/virtio_rng.h"
#include "tests/fuzz/hdev.h"
#include "tests/fuzz/life.h"

#define TIMEOUT_NS NSEC_PER_MSEC

static uint8_t buf[4096];

/* One call of whichever driver there is. */
static void use(uint8_t op)
{
	size_t len = 1 + op * 7u;

	if (virtio_blk_find(&test_bus, 0))
		hdev_bounded(TIMEOUT_NS,
			     op & 1 ? virtio_blk_read(virtio_blk_find(&test_bus, 0), op, buf, 1,
						      TIMEOUT_NS)
				    : virtio_blk_flush(virtio_blk_find(&test_bus, 0), TIMEOUT_NS));
	if (virtio_net_find(&test_bus, 0))
		hdev_bounded(TIMEOUT_NS, virtio_net_send_wait(virtio_net_find(&test_bus, 0), buf,
							      60 + op, TIMEOUT_NS));
	if (virtio_console_find(&test_bus, 0))
		hdev_bounded(TIMEOUT_NS, virtio_console_write(virtio_console_find(&test_bus, 0),
							      (const char *)buf, len, TIMEOUT_NS));
	if (virtio_rng_find(&test_bus, 0))
		hdev_bounded(TIMEOUT_NS,
			     virtio_rng_read(virtio_rng_find(&test_bus, 0), buf, len, TIMEOUT_NS));
}

void life_step(void)
{
	uint8_t op = fuzz_u8();

	if (op < 0x30)
		use(op);
	else if (op < 0x40)
		hdev_run(op * NSEC_PER_USEC);
	else if (op < 0x44)
		hdev.lying_registers = op & 1;
	else
		hdev_step();
}

void life_init(void)
{
	(void)virtio_blk_init(&test_bus);
	(void)virtio_net_init(&test_bus);
	(void)virtio_console_init(&test_bus);
	(void)virtio_rng_init(&test_bus);
}
