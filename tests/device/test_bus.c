/* SPDX-License-Identifier: BSD-2-Clause */
/* See test_bus.h. It needs no virtio_bus_init(), so that a test may begin anywhere. */
#include "tests/device/test_bus.h"

struct virtio_bus test_bus = {
	.devices = LIST_HEAD_INIT(test_bus.devices),
	.work = &system_wq,
};
