/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv2m on a distributor and frames of the test's own: whose lines are whose, and what is refused.
 */
#include "tests/unit/test.h"
#include <libfdt.h>
#include <arch/mmio.h>
#include "drivers/irqchip/gic_lines.h"
#include "drivers/irqchip/gic_private.h"
#include "lib/devicetree.h"
#include "lib/irq.h"
#include "lib/log.h"
#include "lib/machine.h"
#include "lib/msi.h"

#define LINES  288 /* of the distributor */
#define FRAMES 6
#define FRAME  0x1000u

/* --- the machine ------------------------------------------------------------------------------- */

static char dist_frame[0x1000], frames[FRAMES][FRAME] __attribute__((aligned(4096)));
static uint32_t typers[FRAMES];
static bool edge[1024], pending[1024];
static bool level_only; /* the distributor keeps lines as levels */
static uint32_t last_message_data;
static unsigned int last_message_frame;
static unsigned int messages_logged;
static const struct gic_block dist = {dist_frame, 0x1000};

/* The number of the frame that @reg is in, and the offset there. */
static unsigned int frame_of(const volatile void *reg, size_t *offset)
{
	size_t at = (size_t)((const volatile char *)reg - frames[0]);

	*offset = at % FRAME;
	return (unsigned int)(at / FRAME);
}

static bool of_dist(const volatile void *reg, size_t *offset)
{
	*offset = (size_t)((const volatile char *)reg - dist_frame);
	return *offset < sizeof(dist_frame);
}

uint32_t mmio_read32(const volatile void *reg)
{
	uint32_t value = 0;
	size_t offset;

	if (!of_dist(reg, &offset)) {
		unsigned int frame = frame_of(reg, &offset);

		assert_true(frame < FRAMES);
		assert_int_equal(offset, 8);
		return typers[frame];
	}
	assert_in_range(offset, 0xc00, 0xcff);
	for (unsigned int i = 0; i < 16; i++)
		value |= edge[(offset - 0xc00) * 4 + i] ? 2u << 2 * i : 0;
	return value;
}

void mmio_write32(volatile void *reg, uint32_t value)
{
	size_t offset;

	if (!of_dist(reg, &offset)) {
		last_message_frame = frame_of(reg, &offset);
		assert_int_equal(offset, 0x40);
		last_message_data = value;
	} else if (offset >= 0x280 && offset < 0x300) {
		for (unsigned int i = 0; i < 32; i++)
			pending[(offset - 0x280) * 8 + i] &= !(value >> i & 1);
	} else {
		assert_in_range(offset, 0xc00, 0xcff);
		for (unsigned int i = 0; i < 16 && !level_only; i++)
			edge[(offset - 0xc00) * 4 + i] = value >> (2 * i + 1) & 1;
	}
}

uint64_t mmio_read64(const volatile void *reg)
{
	(void)reg;
	fail();
	return 0;
}

void mmio_write64(volatile void *reg, uint64_t value)
{
	(void)reg;
	(void)value;
	fail();
}

void *ioremap(uint64_t phys, size_t size)
{
	assert_int_equal(size, FRAME);
	return (void *)(uintptr_t)phys;
}

void machine_secure_write32(uint64_t phys, uint32_t value)
{
	(void)phys;
	(void)value;
	fail();
}

void log_message(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
	messages_logged++;
}

/* --- the tree ---------------------------------------------------------------------------------- */

static char blob[8192];

static void begin(void)
{
	assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	fdt_begin_node(blob, "");
	fdt_property_u32(blob, "#address-cells", 2);
	fdt_property_u32(blob, "#size-cells", 2);
	fdt_begin_node(blob, "intc@0");
	fdt_property_string(blob, "compatible", "arm,cortex-a15-gic");
	fdt_property_u32(blob, "#address-cells", 2);
	fdt_property_u32(blob, "#size-cells", 2);
	fdt_property(blob, "ranges", NULL, 0);
}

/* A frame whose register says @first and @count; the properties override it where they are not 0. */
static void frame(unsigned int number, uint32_t first, uint32_t count, uint32_t base_spi,
		  uint32_t num_spis, uint32_t size)
{
	uint64_t at = (uintptr_t)frames[number];
	fdt32_t reg[4] = {cpu_to_fdt32((uint32_t)(at >> 32)), cpu_to_fdt32((uint32_t)at), 0,
			  cpu_to_fdt32(size)};
	char name[16];

	typers[number] = first << 16 | count;
	(void)snprintf(name, sizeof(name), "v2m@%u", number);
	fdt_begin_node(blob, name);
	fdt_property_string(blob, "compatible", "arm,gic-v2m-frame");
	fdt_property(blob, "reg", reg, sizeof(reg));
	if (base_spi)
		fdt_property_u32(blob, "arm,msi-base-spi", base_spi);
	if (num_spis)
		fdt_property_u32(blob, "arm,msi-num-spis", num_spis);
	fdt_end_node(blob);
}

/* As at boot. The number of controllers. */
static unsigned int boot(void)
{
	struct list_head *node;
	unsigned int count = 0;

	fdt_end_node(blob);
	/* A frame that is nobody's child is not this GIC's. */
	frame(FRAMES - 1, 64, 32, 0, 0, FRAME);
	fdt_end_node(blob);
	assert_int_equal(fdt_finish(blob), 0);
	assert_int_equal(dt_init(blob), 0);
	gic_v2m_init(dt_find_compatible(-1, "arm,cortex-a15-gic"), &dist, LINES);
	for (node = msi_controllers()->next; node != msi_controllers(); node = node->next)
		count++;
	return count;
}

static struct msi_controller *controller(unsigned int number)
{
	struct list_head *node = msi_controllers()->next;

	while (number--)
		node = node->next;
	return list_entry(node, struct msi_controller, node);
}

static int setup(void **state)
{
	(void)state;
	list_init(msi_controllers());
	memset(edge, 0, sizeof(edge));
	memset(pending, 0, sizeof(pending));
	level_only = false;
	messages_logged = 0;
	begin();
	return 0;
}

/* --- tests ------------------------------------------------------------------------------------- */

static unsigned int times_asked;

static void source(void)
{
	times_asked++;
	(void)boot();
}

/* Until somebody looks for a controller there is none. */
static void controllers_are_set_up_when_they_are_looked_for(void **state)
{
	struct msi_controller *msi;
	unsigned int found = 0;

	(void)state;
	frame(0, 80, 64, 0, 0, FRAME);
	msi_set_source(source);
	assert_int_equal(times_asked, 0);
	msi_for_each (msi)
		found++;
	assert_int_equal(found, 1);
	assert_ptr_equal(msi_find(controller(0)->dt_node), controller(0));
	assert_int_equal(times_asked, 1);
}

static void messages_name_their_line(void **state)
{
	struct msi_message messages[3];
	struct msi_controller *msi;
	int irqs[3];

	(void)state;
	frame(0, 80, 64, 0, 0, FRAME);
	assert_int_equal(boot(), 1);
	msi = controller(0);
	assert_true(msi->doorbell == (uintptr_t)frames[0]);
	assert_int_equal(msi->doorbell_size, 0x1000);
	assert_ptr_equal(msi_find(msi->dt_node), msi);
	pending[81] = pending[83] = true;
	assert_int_equal(msi->alloc(msi, 1, 3, irqs, messages), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(irqs[i], 80 + i);
		assert_true(messages[i].address == (uintptr_t)frames[0] + 0x40);
		assert_int_equal(messages[i].data, 80 + i);
		assert_true(edge[80 + i]);
	}
	/* What an earlier owner left is gone; what is not ours is as it was. */
	assert_false(pending[81]);
	assert_true(pending[83]);
	assert_false(edge[79] || edge[83]);
	assert_int_equal(msi->raise(msi, 1, 2, &messages[2]), 0);
	assert_int_equal(last_message_data, 82);
	assert_int_equal(last_message_frame, 0);
	assert_int_equal(messages_logged, 0);
	msi->free(msi, 1, 3, irqs);
	assert_int_equal(msi->usage(msi).used, 0);
}

static void lines_are_given_to_all_or_none(void **state)
{
	struct msi_message messages[40];
	struct msi_controller *msi;
	int irqs[40], others[40];

	(void)state;
	frame(0, 200, 40, 0, 0, FRAME);
	assert_int_equal(boot(), 1);
	msi = controller(0);
	assert_int_equal(msi->usage(msi).lines, 40);
	assert_int_equal(msi->alloc(msi, 1, 0, irqs, messages), -EINVAL);
	assert_int_equal(msi->alloc(msi, 1, 41, irqs, messages), -ENOSPC);
	assert_int_equal(msi->alloc(msi, 1, 20, irqs, messages), 0);
	assert_int_equal(msi->alloc(msi, 2, 21, others, messages), -ENOSPC);
	assert_int_equal(msi->alloc(msi, 2, 20, others, messages), 0);
	assert_int_equal(others[19], 239);
	assert_int_equal(msi->alloc(msi, 3, 1, others, messages), -ENOSPC);
	msi->free(msi, 1, 1, &irqs[5]);
	msi->free(msi, 1, 1, &irqs[5]); /* which is not taken */
	msi->free(msi, 1, 1, &irqs[17]);
	assert_int_equal(msi->usage(msi).used, 38);
	assert_int_equal(msi->alloc(msi, 3, 2, others, messages), 0);
	assert_int_equal(others[0], 205);
	assert_int_equal(others[1], 217);
}

/* Where the distributor has no edges, a device gets nothing. */
static void lines_that_cannot_be_edges(void **state)
{
	struct msi_message message;
	struct msi_controller *msi;
	int irq;

	(void)state;
	frame(0, 80, 64, 0, 0, FRAME);
	assert_int_equal(boot(), 1);
	msi = controller(0);
	level_only = true;
	assert_int_equal(msi->alloc(msi, 1, 1, &irq, &message), -EINVAL);
	assert_int_equal(msi->usage(msi).used, 0);
}

static void lines_that_are_not_the_gics(void **state)
{
	static const struct {
		uint32_t first, count, base_spi, num_spis, size;
		bool good;
	} cases[] = {
		{32, 1, 0, 0, FRAME, true},
		{31, 2, 0, 0, FRAME, false}, /* a private line */
		{0, 0, 0, 0, FRAME, false},
		{LINES - 1, 1, 0, 0, FRAME, true},
		{LINES - 1, 2, 0, 0, FRAME, false},
		{LINES, 1, 0, 0, FRAME, false},
		{0x3ff, 0x3ff, 0, 0, FRAME, false},
		{0x3ff, 0x3ff, 100, 8, FRAME, true},
		{80, 64, 0, 300, FRAME, false},
		{80, 64, UINT32_MAX, 2, FRAME, false},
		{80, 64, 100, UINT32_MAX, FRAME, false},
		{80, 64, 0, 0, FRAME - 1, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(NULL);
		frame(0, cases[i].first, cases[i].count, cases[i].base_spi, cases[i].num_spis,
		      cases[i].size);
		assert_int_equal(boot(), cases[i].good);
		assert_int_equal(messages_logged > 0, !cases[i].good);
	}
	assert_true(ARRAY_SIZE(cases) > 10);
}

static void each_frame_has_its_own_lines(void **state)
{
	struct msi_message messages[8];
	int irqs[8];

	(void)state;
	frame(0, 64, 8, 0, 0, FRAME);
	frame(1, 0, 0, 0, 0, FRAME); /* not usable */
	frame(2, 96, 8, 128, 16, FRAME);
	assert_int_equal(boot(), 2);
	assert_int_equal(controller(1)->usage(controller(1)).lines, 16);
	assert_int_equal(controller(0)->alloc(controller(0), 1, 8, irqs, messages), 0);
	assert_int_equal(irqs[7], 71);
	assert_int_equal(controller(1)->alloc(controller(1), 1, 8, irqs, messages), 0);
	assert_int_equal(irqs[0], 128);
	assert_int_equal(controller(1)->raise(controller(1), 1, 0, &messages[0]), 0);
	assert_int_equal(last_message_frame, 2);
	/* Lines of another frame are not this one's to give back. */
	controller(0)->free(controller(0), 1, 8, irqs);
	assert_int_equal(controller(0)->usage(controller(0)).used, 8);
}

static void more_frames_than_are_provided_for(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FRAMES - 1; i++)
		frame(i, 64 + 8 * i, 8, 0, 0, FRAME);
	assert_int_equal(boot(), 4);
	assert_int_equal(messages_logged, 1);
}

#define V2M_TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		V2M_TEST(controllers_are_set_up_when_they_are_looked_for),
		V2M_TEST(messages_name_their_line),
		V2M_TEST(lines_are_given_to_all_or_none),
		V2M_TEST(lines_that_cannot_be_edges),
		V2M_TEST(lines_that_are_not_the_gics),
		V2M_TEST(each_frame_has_its_own_lines),
		V2M_TEST(more_frames_than_are_provided_for),
	};

	return cmocka_run_group_tests_name("v2m", tests, NULL, NULL);
}
