/* SPDX-License-Identifier: BSD-2-Clause */
/* A type of device of the tests' own, for those of the transports: two fields, and it uses whatever it is offered
 * at once. */
#ifndef TESTS_UNIT_PLAIN_DEVICE_H
#define TESTS_UNIT_PLAIN_DEVICE_H

#include "tests/unit/rig.h"

#define TEST_ID 43

static const struct refdev_field fields[] = {{0, 4, -1, REF_CONFIG_RO}, {4, 2, -1, REF_CONFIG_RW}};

static void serve_all(struct refdev *dev, struct refdev_queue *q)
{
	static struct refdev_chain chain;

	(void)dev;
	while (refdev_pop(q, &chain))
		refdev_push(q, &chain, 0);
	refdev_interrupt(q);
}

static const struct refdev_type type = {
	.id = TEST_ID,
	.fields = fields,
	.field_count = ARRAY_SIZE(fields),
	.process = serve_all,
};

#endif
