/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GICv3 ITS and LPIs against a simulated one that checks every command (tests/device/its_model.c).
 */
#include "tests/unit/test.h"
#include <libfdt.h>
#include <arch/cache.h>
#include <arch/mmio.h>
#include "drivers/irqchip/gic_its.h"
#include "drivers/irqchip/gic_lpi.h"
#include "lib/devicetree.h"
#include "lib/irq.h"
#include "lib/log.h"
#include "lib/machine.h"
#include "lib/pages.h"
#include "tests/device/its_model.h"
#include "tests/unit/fake_timer.h"

#define LPIS	 IRQ_LPIS
#define LAST_ID	 0xffffu
#define POLLS	 1000000u
#define LPI_SETS 3 /* allocations that LPIs keep: properties, pending, owners */

/* --- the machine ------------------------------------------------------------------------------- */

static uint32_t offset_of(const volatile void *reg)
{
	return (uint32_t)((const volatile char *)reg - its_model_frames());
}

uint32_t mmio_read32(const volatile void *reg)
{
	return its_model_read32(offset_of(reg));
}

uint64_t mmio_read64(const volatile void *reg)
{
	return its_model_read64(offset_of(reg));
}

void mmio_write32(volatile void *reg, uint32_t value)
{
	its_model_write32(offset_of(reg), value);
}

void mmio_write64(volatile void *reg, uint64_t value)
{
	its_model_write64(offset_of(reg), value);
}

void cache_clean_invalidate(const void *start, size_t size)
{
	its_model_clean(start, size);
}

void *alloc_pages_aligned(size_t size, size_t alignment)
{
	return its_model_alloc(size, alignment);
}

void *alloc_pages_exact(size_t size)
{
	return its_model_alloc(size, PAGE_SIZE);
}

void free_pages_exact(void *ptr, size_t size)
{
	(void)size;
	its_model_free(ptr);
}

static bool unmappable;

void *ioremap(uint64_t phys, size_t size)
{
	(void)size;
	return unmappable ? NULL : (void *)(uintptr_t)phys;
}

void machine_secure_write32(uint64_t phys, uint32_t value)
{
	violation("a write as the secure world: 0x%llx, 0x%x", (unsigned long long)phys, value);
}

static unsigned int messages_logged;
static char last_message[256];

void log_message(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	messages_logged++;
	va_start(args, fmt);
	(void)vsnprintf(last_message, sizeof(last_message), fmt, args);
	va_end(args);
}

static char blob[4096];

static uint64_t its_address(unsigned int n)
{
	return (uintptr_t)its_model_frames() + ITS_MODEL_ITS + n * ITS_MODEL_ITS_SIZE;
}

static void add_its(unsigned int n, uint64_t size)
{
	uint64_t at = its_address(n);
	fdt32_t reg[4] = {cpu_to_fdt32((uint32_t)(at >> 32)), cpu_to_fdt32((uint32_t)at), 0,
			  cpu_to_fdt32((uint32_t)size)};

	fdt_begin_node(blob, n ? "its@40000" : "its@20000");
	fdt_property_string(blob, "compatible", "arm,gic-v3-its");
	fdt_property(blob, "reg", reg, sizeof(reg));
	fdt_end_node(blob);
}

/* A tree with the GIC's node, and in it ITSs of so many bytes, where not 0. Returns the GIC's node. */
static int make_tree(uint64_t size, uint64_t second)
{
	assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	fdt_begin_node(blob, "");
	fdt_property_u32(blob, "#address-cells", 2);
	fdt_property_u32(blob, "#size-cells", 2);
	fdt_begin_node(blob, "intc@0");
	fdt_property_string(blob, "compatible", "arm,gic-v3");
	fdt_property_u32(blob, "#address-cells", 2);
	fdt_property_u32(blob, "#size-cells", 2);
	fdt_property(blob, "ranges", NULL, 0);
	if (size)
		add_its(0, size);
	if (second)
		add_its(1, second);
	fdt_end_node(blob);
	fdt_end_node(blob);
	assert_int_equal(fdt_finish(blob), 0);
	assert_int_equal(dt_init(blob), 0);
	return dt_find_compatible(-1, "arm,gic-v3");
}

static struct gic_block block_at(uint32_t offset)
{
	char *base = its_model_frames() + offset;

	return (struct gic_block){base, (uintptr_t)base};
}

/* As at boot. The first controller, or NULL where none could be set up. */
static struct msi_controller *boot_with(uint64_t its_size, uint64_t second)
{
	static struct gic_block dist, redist;
	int gic = make_tree(its_size, second);

	dist = block_at(ITS_MODEL_DIST);
	redist = block_at(ITS_MODEL_REDIST);
	gic_its_init(gic, &dist, &redist);
	return list_empty(msi_controllers())
		       ? NULL
		       : list_entry(msi_controllers()->next, struct msi_controller, node);
}

static struct msi_controller *boot(void)
{
	return boot_with(0x20000, 0);
}

/* Nothing wrong, and nothing said that is not certain to have been done. */
static void check_synced(void)
{
	assert_int_equal(violation_count(), 0);
	assert_int_equal(its_model.unsynced, 0);
}

static int irqs[LPIS + 1];
static struct msi_message messages[LPIS + 1];

static int first_irq[0x10000]; /* by device id, of who took lines for it last */

static int take(struct msi_controller *msi, uint32_t id, unsigned int count)
{
	int err = msi->alloc(msi, id, count, irqs, messages);

	first_irq[id & LAST_ID] = irqs[0];
	return err;
}

static void give(struct msi_controller *msi, uint32_t id, unsigned int count)
{
	msi->free(msi, id, count, &first_irq[id & LAST_ID]);
}

static void time_passes(uint64_t ns)
{
	fake_ticks += ns;
	if (fake_ticks >= fake_deadline)
		timer_interrupt();
}

static int setup(void **state)
{
	timer_set_device(&fake_timer);
	its_model_reset();
	list_init(msi_controllers());
	messages_logged = 0;
	unmappable = false;
	return port_host_setup(state);
}

static int teardown(void **state)
{
	int err = port_host_teardown(state);

	/* Timers look at an ITS that has stopped: they end before its memory does. */
	its_model.stop_at = UINT32_MAX;
	its_model_continue();
	time_passes(NSEC_PER_SEC);
	its_model_reset();
	return err;
}

/* --- tests ------------------------------------------------------------------------------------- */

static void an_event_becomes_its_line(void **state)
{
	struct msi_controller *msi = boot();
	uint64_t its = (uintptr_t)its_model_frames() + ITS_MODEL_ITS;

	(void)state;
	assert_non_null(msi);
	check_synced();
	assert_int_equal(messages_logged, 0);
	assert_ptr_equal(msi_find(dt_find_compatible(-1, "arm,gic-v3-its")), msi);
	assert_null(msi_find(dt_find_compatible(-1, "arm,gic-v3")));
	assert_int_equal(msi->device_ids, 0x10000);
	assert_true(msi->doorbell == its + 0x10000);
	assert_int_equal(msi->doorbell_size, 0x1000);
	assert_int_equal(take(msi, 0x18, 3), 0);
	check_synced();
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(irqs[i], IRQ_LPI_FIRST + (int)i);
		assert_true(messages[i].address == its + 0x10040);
		assert_int_equal(messages[i].data, i);
		assert_true(gic_lpi_taken(irqs[i]));
	}
	assert_int_equal(msi->usage(msi).used, 3);
	gic_lpi_enable(irqs[1], true);
	check_synced();
	for (unsigned int i = 0; i < 3; i++)
		its_model_message(0x18, i);
	assert_int_equal(its_model.delivered[0], 0); /* disabled */
	assert_int_equal(its_model.delivered[1], 1);
	assert_int_equal(its_model.delivered[2], 0);
	gic_lpi_enable(irqs[2], true); /* pending meanwhile */
	assert_int_equal(its_model.delivered[2], 1);
	gic_lpi_enable(irqs[1], false);
	its_model_message(0x18, 1);
	assert_int_equal(its_model.delivered[1], 1);
	assert_int_equal(msi->raise(msi, 0x18, 2, &messages[2]), 0);
	assert_int_equal(its_model.delivered[2], 2);
	check_synced();
	give(msi, 0x18, 3);
	check_synced();
	assert_int_equal(its_model_mapped(), 0);
	assert_int_equal(msi->usage(msi).used, 0);
	assert_false(gic_lpi_taken(IRQ_LPI_FIRST));
}

/* What one device left pending, its successor does not get; and lines come back. */
static void lines_are_clean_for_their_next_owner(void **state)
{
	struct msi_controller *msi = boot();
	unsigned int live = its_model_live();

	(void)state;
	for (uint32_t round = 0; round < 100; round++) {
		assert_int_equal(take(msi, round, 4), 0);
		assert_int_equal(irqs[0], IRQ_LPI_FIRST);
		gic_lpi_enable(irqs[2], true);
		assert_int_equal(its_model.delivered[2], 0);
		gic_lpi_enable(irqs[2], false);
		its_model_message(round, 2);
		give(msi, round, 4);
		check_synced();
	}
	/* One page of a second level has been added, for these ids. */
	assert_int_equal(its_model_live(), live + 1);
}

static void lines_run_out_for_all_or_none(void **state)
{
	struct msi_controller *msi = boot();
	unsigned int commands;

	(void)state;
	assert_int_equal(msi->usage(msi).lines, LPIS);
	assert_int_equal(take(msi, 1, LPIS + 1), -ENOSPC);
	assert_int_equal(take(msi, 1, 200), 0); /* more commands than the ring has room for */
	assert_int_equal(take(msi, 2, 200), 0);
	assert_int_equal(take(msi, 5, LPIS - 400 - 1), 0);
	commands = its_model.commands;
	assert_int_equal(take(msi, 3, 2), -ENOSPC);
	assert_int_equal(its_model.commands, commands);
	assert_int_equal(take(msi, 3, 1), 0);
	assert_int_equal(irqs[0], IRQ_LPI_FIRST + LPIS - 1);
	assert_int_equal(take(msi, 4, 1), -ENOSPC);
	assert_int_equal(its_model_mapped(), LPIS);
	check_synced();
	give(msi, 1, 200);
	assert_int_equal(msi->usage(msi).used, LPIS - 200);
	assert_int_equal(take(msi, 4, 200), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(irqs[i], IRQ_LPI_FIRST + i);
	check_synced();
}

static void bad_requests_are_refused(void **state)
{
	struct msi_controller *msi;

	(void)state;
	its_model.options.event_bits = 4;
	msi = boot();
	assert_int_equal(take(msi, 1, 0), -EINVAL);
	assert_int_equal(take(msi, LAST_ID + 1, 1), -EINVAL);
	assert_int_equal(take(msi, 1, 17), -ENOSPC); /* of the device's events */
	assert_int_equal(take(msi, 1, 16), 0);
	assert_int_equal(take(msi, 1, 1), -ENOSPC); /* of the same */
	assert_int_equal(take(msi, LAST_ID, 1), 0);
	give(msi, 2, 1); /* has none */
	assert_int_equal(msi->usage(msi).used, 17);
	gic_lpi_enable(IRQ_LPI_FIRST + 40, true); /* nobody's */
	check_synced();
	assert_int_equal(its_model_mapped(), 17);
}

/* A driver behind a bridge that speaks for it. */
struct sharer {
	int irqs[4];
	struct msi_message messages[4];
};

static int join(struct msi_controller *msi, struct sharer *sharer, unsigned int count)
{
	return msi->alloc(msi, 0x500, count, sharer->irqs, sharer->messages);
}

static void leave(struct msi_controller *msi, const struct sharer *sharer, unsigned int count)
{
	msi->free(msi, 0x500, count, sharer->irqs);
}

/* Each of its messages arrives, at its own line. */
static void expect_heard(const struct sharer *sharer, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		unsigned int *delivered = &its_model.delivered[sharer->irqs[i] - IRQ_LPI_FIRST];
		unsigned int before = *delivered;

		gic_lpi_enable(sharer->irqs[i], true);
		its_model_message(0x500, sharer->messages[i].data);
		assert_int_equal(*delivered, before + 1);
		gic_lpi_enable(sharer->irqs[i], false);
	}
	check_synced();
}

static void devices_with_one_id_share_its_events(void **state)
{
	struct msi_controller *msi = boot();
	struct sharer a, b, c, d, e;
	unsigned int live;

	(void)state;
	assert_int_equal(join(msi, &a, 3), 0);
	live = its_model_live();
	assert_int_equal(join(msi, &b, 4), 0);
	expect_heard(&a, 3);
	expect_heard(&b, 4);
	leave(msi, &a, 3);
	expect_heard(&b, 4);
	assert_int_equal(join(msi, &c, 4), 0); /* does not fit before b */
	assert_int_equal(c.messages[0].data, 7);
	assert_int_equal(join(msi, &a, 2), 0); /* does */
	assert_int_equal(a.messages[1].data, 1);
	expect_heard(&a, 2);
	expect_heard(&b, 4);
	expect_heard(&c, 4);
	assert_int_equal(its_model_live(), live);
	leave(msi, &a, 2);
	assert_int_equal(join(msi, &d, 4), 0); /* behind c; its record is the first again */
	assert_int_equal(d.messages[0].data, 11);
	assert_int_equal(join(msi, &a, 3), 0);
	assert_int_equal(join(msi, &e, 2), 0);
	assert_int_equal(e.messages[0].data, 15);
	expect_heard(&b, 4);
	leave(msi, &b, 4);
	leave(msi, &a, 3);
	expect_heard(&c, 4);
	expect_heard(&d, 4);
	expect_heard(&e, 2);
	leave(msi, &c, 4);
	leave(msi, &d, 4);
	leave(msi, &e, 2);
	check_synced();
	assert_int_equal(its_model_mapped(), 0);
	assert_int_equal(its_model_live(), live - 1); /* the table of events */
	assert_int_equal(msi->usage(msi).used, 0);
}

static void events_of_one_id_run_out_and_come_back(void **state)
{
	struct msi_controller *msi = boot();
	struct sharer last = {.irqs = {0}}, a;
	unsigned int count = 0;

	(void)state;
	assert_int_equal(take(msi, 0x500, 257), -ENOSPC);
	assert_int_equal(take(msi, 0x501, 256), 0);
	give(msi, 0x501, 256);
	while (join(msi, &a, 4) == 0) {
		last = a;
		count++;
	}
	assert_int_equal(count, 256 / 4);
	assert_int_equal(join(msi, &a, 1), -ENOSPC);
	leave(msi, &last, 4);
	assert_int_equal(join(msi, &a, 4), 0);
	expect_heard(&a, 4);
	assert_int_equal(msi->usage(msi).used, 256);
}

/* An ITS that stops anywhere while one comes or goes does not disturb the other. */
static void sharers_survive_a_stop(void **state)
{
	struct msi_controller *msi = boot();
	struct sharer a, b, c;

	(void)state;
	assert_int_equal(join(msi, &a, 2), 0);
	for (unsigned int n = 0; n < 2 * 8; n++) {
		bool going = n & 1;
		unsigned int live = its_model_live();

		if (going)
			assert_int_equal(join(msi, &b, 3), 0);
		its_model.stop_at = its_model.commands + n / 2 % 4;
		if (going)
			leave(msi, &b, 3);
		else
			assert_int_equal(join(msi, &b, 3), -ETIMEDOUT);
		assert_int_equal(join(msi, &c, 3), -ETIMEDOUT);
		assert_int_equal(msi->usage(msi).used, 5);
		its_model.stop_at = UINT32_MAX;
		assert_int_equal(join(msi, &c, 3), 0);
		expect_heard(&a, 2);
		expect_heard(&c, 3);
		assert_int_equal(msi->usage(msi).used, 5);
		leave(msi, &c, 3);
		assert_int_equal(its_model_live(), live);
	}
	/* The last one leaves, and is in the way of the next until the ITS goes on for good. */
	its_model.stop_at = its_model.commands;
	leave(msi, &a, 2);
	its_model.stop_at = its_model.commands + 3;
	assert_int_equal(join(msi, &c, 3), -ETIMEDOUT);
	its_model.stop_at = UINT32_MAX;
	assert_int_equal(join(msi, &c, 3), 0);
	expect_heard(&c, 3);
	assert_int_equal(msi->usage(msi).used, 3);
}

static void slots_for_devices_run_out_and_come_back(void **state)
{
	struct msi_controller *msi = boot();
	uint32_t id = 0;

	(void)state;
	while (take(msi, id, 1) == 0)
		id++;
	assert_int_equal(id, ITS_DEVICES);
	assert_int_equal(take(msi, id, 1), -ENOSPC);
	assert_int_equal(msi->usage(msi).used, ITS_DEVICES);
	give(msi, 7, 1);
	assert_int_equal(take(msi, id, 1), 0);
	check_synced();
}

/* The ring of 128 commands goes round some hundred times, at every phase. */
static void the_ring_wraps(void **state)
{
	struct msi_controller *msi = boot();

	(void)state;
	for (unsigned int round = 0; round < 500; round++) {
		unsigned int count = 1 + round % 13;

		assert_int_equal(take(msi, round % 7, count), 0);
		give(msi, round % 7, count);
		check_synced();
	}
	assert_true(its_model.commands > 100 * ITS_QUEUE_SIZE / 2);
	assert_int_equal(its_model_mapped(), 0);
}

/* With all counts around the ring's own size: none is taken for an empty ring when it is full. */
static void the_ring_fills_up(void **state)
{
	struct msi_controller *msi = boot();

	(void)state;
	for (unsigned int count = ITS_QUEUE_SIZE - 6; count < ITS_QUEUE_SIZE + 6; count++) {
		assert_int_equal(take(msi, 1, count), 0);
		assert_int_equal(its_model_mapped(), count);
		give(msi, 1, count);
		assert_int_equal(its_model_mapped(), 0);
		check_synced();
	}
}

/* Each kind of ITS and of table, used by its first and its last device. */
static void check_kind(void)
{
	struct msi_controller *msi = boot();
	uint32_t last;

	assert_non_null(msi);
	assert_true(its_model_bytes() <= 512 * 1024);
	last = (uint32_t)msi->device_ids - 1;
	assert_int_equal(take(msi, 0, 2), 0);
	gic_lpi_enable(irqs[1], true);
	its_model_message(0, 1);
	assert_int_equal(its_model.delivered[1], 1);
	assert_int_equal(take(msi, last, 5), 0);
	gic_lpi_enable(irqs[4], true);
	its_model_message(last, 4);
	assert_int_equal(its_model.delivered[irqs[4] - IRQ_LPI_FIRST], 1);
	give(msi, last, 5);
	check_synced();
}

static void every_kind_of_its_is_driven(void **state)
{
	static const unsigned int device_bits[] = {1, 8, 13, 14, 16, 20, 32};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(device_bits) * 3 * 8; i++) {
		unsigned int way = i / ARRAY_SIZE(device_bits);

		its_model_reset();
		list_init(msi_controllers());
		its_model.options.device_bits = device_bits[i % ARRAY_SIZE(device_bits)];
		its_model.options.page_sizes = 1u << way % 3;
		its_model.options.coherent = way / 3 & 1;
		its_model.options.two_levels = way / 6 & 1;
		its_model.options.by_address = way / 12 & 1;
		its_model.options.itt_entry = way & 1 ? 16 : 8;
		check_kind();
	}
}

static void it_costs_little_memory(void **state)
{
	(void)state;
	assert_non_null(boot());
	assert_in_range(its_model_bytes(), 1, 64 * 1024);
}

/* Where the table of devices can only be flat, and would be large, the first ids have to do. */
static void ids_beyond_a_flat_table_are_refused(void **state)
{
	struct msi_controller *msi;

	(void)state;
	its_model.options.two_levels = false;
	msi = boot();
	assert_int_equal(messages_logged, 1);
	assert_non_null(strstr(last_message, "below 8192"));
	assert_int_equal(msi->device_ids, 8192);
	assert_int_equal(take(msi, 8192, 1), -EINVAL);
	assert_int_equal(take(msi, 8191, 1), 0);
	check_synced();
}

static void gics_with_fewer_lpis(void **state)
{
	struct msi_controller *msi;

	(void)state;
	its_model.options.num_lpis = 6;
	its_model.options.id_bits = 14;
	msi = boot();
	assert_int_equal(msi->usage(msi).lines, 128);
	assert_int_equal(take(msi, 1, 128), 0);
	assert_int_equal(take(msi, 2, 1), -ENOSPC);
	check_synced();
}

/* @keeps: allocations that stay, those of LPIs or none. */
static void expect_no_its(unsigned int keeps, const char *why)
{
	assert_null(boot());
	assert_int_equal(messages_logged, 1);
	assert_non_null(strstr(last_message, why));
	assert_int_equal(its_model_live(), keeps);
	assert_int_equal(violation_count(), 0);
}

static void what_cannot_be_set_up_is_said_once(void **state)
{
	static const struct {
		struct its_model_options wrong;
		unsigned int keeps;
		const char *why;
	} cases[] = {
		{{.no_lpis = true}, 0, "no LPIs (-19)"},
		{{.no_plpis = true}, 0, "no LPIs (-19)"},
		{{.id_bits = 13}, 0, "no LPIs (-19)"},
		{{.lpis_stuck = true}, 0, "no LPIs (-16)"},
		{{.refused_properties = 1}, 0, "no LPIs (-5)"},
		{{.refused_properties = ~0xfffull}, 0, "no LPIs (-5)"},
		{{.refused_pending = ~0xfffull}, 0, "no LPIs (-5)"},
		{{.never_quiet = true}, LPI_SETS, "its@20000: not usable for messages (-16)"},
		{{.version = 2}, LPI_SETS, "(-19)"},
		{{.not_physical = true}, LPI_SETS, "(-19)"},
		{{.no_devices = true}, LPI_SETS, "(-19)"},
		{{.refused = 1ull << 63}, LPI_SETS, "(-5)"},
		{{.refused = 0xffff0000}, LPI_SETS, "(-5)"},
		{{.refused_queue = 1ull << 63}, LPI_SETS, "(-5)"},
		{{.refused_queue = 0xfffff000}, LPI_SETS, "(-5)"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct its_model_options *options = &its_model.options;
		const struct its_model_options *wrong = &cases[i].wrong;

		its_model_reset();
		list_init(msi_controllers());
		messages_logged = 0;
		options->no_lpis = wrong->no_lpis;
		options->no_plpis = wrong->no_plpis;
		options->lpis_stuck = wrong->lpis_stuck;
		options->never_quiet = wrong->never_quiet;
		options->not_physical = wrong->not_physical;
		options->no_devices = wrong->no_devices;
		options->refused = wrong->refused;
		options->refused_queue = wrong->refused_queue;
		options->refused_properties = wrong->refused_properties;
		options->refused_pending = wrong->refused_pending;
		options->id_bits = wrong->id_bits ? wrong->id_bits : options->id_bits;
		options->version = wrong->version ? wrong->version : options->version;
		expect_no_its(cases[i].keeps, cases[i].why);
	}
}

/* What firmware has left on is switched off, and waited for, before it gets other tables. */
static void lpis_that_are_on_are_switched_off_first(void **state)
{
	struct msi_controller *msi;

	(void)state;
	its_model_firmware_enabled_lpis();
	msi = boot();
	assert_non_null(msi);
	assert_int_equal(messages_logged, 0);
	assert_int_equal(take(msi, 1, 1), 0);
	gic_lpi_enable(irqs[0], true);
	its_model_message(1, 0);
	assert_int_equal(its_model.delivered[0], 1);
	check_synced();
}

/* Each with a device of the same id: whose line is whose. */
static void two_itss_share_lpis_and_nothing_else(void **state)
{
	struct msi_controller *first = boot_with(0x20000, 0x20000), *second;
	struct sharer a, b;

	(void)state;
	second = msi_find(dt_find_path("/intc@0/its@40000"));
	assert_non_null(second);
	assert_ptr_not_equal(first, second);
	assert_true(second->doorbell == its_address(1) + 0x10000);
	assert_int_equal(join(first, &a, 2), 0);
	assert_int_equal(join(second, &b, 2), 0);
	assert_true(b.messages[0].address == its_address(1) + 0x10040);
	assert_int_equal(b.messages[0].data, 0);
	assert_int_equal(b.irqs[0], a.irqs[0] + 2);
	assert_int_equal(first->usage(first).used, 4);
	its_model_use(0);
	expect_heard(&a, 2);
	its_model_use(1);
	expect_heard(&b, 2);
	leave(second, &b, 2);
	assert_false(gic_lpi_taken(b.irqs[0]));
	assert_int_equal(first->usage(first).used, 2);
	its_model_use(0);
	expect_heard(&a, 2);
	/* One that has stopped is no concern of the other. */
	its_model.stop_at = its_model.commands;
	assert_int_equal(join(first, &b, 2), -ETIMEDOUT);
	its_model.stop_at = UINT32_MAX;
	assert_int_equal(join(second, &b, 2), 0);
	its_model_use(1);
	expect_heard(&b, 2);
}

static void an_its_that_fails_leaves_the_other(void **state)
{
	struct msi_controller *msi;

	(void)state;
	for (unsigned int bad = 0; bad < 2; bad++) {
		its_model_reset();
		list_init(msi_controllers());
		messages_logged = 0;
		msi = bad ? boot_with(0x20000, 0x10000) : boot_with(0x10000, 0x20000);
		assert_non_null(msi);
		assert_int_equal(messages_logged, 1);
		assert_non_null(strstr(last_message, bad ? "its@40000" : "its@20000"));
		assert_ptr_equal(msi->node.next, msi_controllers());
		assert_true(msi->doorbell == its_address(!bad) + 0x10000);
		assert_int_equal(take(msi, 1, 1), 0);
		check_synced();
	}
}

static void a_node_that_makes_no_sense(void **state)
{
	(void)state;
	assert_null(boot_with(0, 0));
	assert_int_equal(messages_logged, 0); /* no ITS is no error */
	assert_int_equal(its_model_live() + its_model.accesses, 0);
	assert_null(boot_with(0x10000, 0));
	assert_int_equal(messages_logged, 1);
	unmappable = true;
	assert_null(boot());
	assert_int_equal(messages_logged, 2);
	assert_non_null(strstr(last_message, "(-12)"));
}

static void memory_runs_out_at_boot(void **state)
{
	unsigned int n = 1;

	(void)state;
	do {
		its_model_reset();
		list_init(msi_controllers());
		its_model_fail_alloc(n);
		if (boot())
			break;
		assert_true(its_model_alloc_failed());
		assert_non_null(strstr(last_message, "(-12)"));
		assert_int_equal(its_model_live(), n <= LPI_SETS ? 0 : LPI_SETS);
		assert_int_equal(violation_count(), 0);
	} while (n++ < 100);
	assert_in_range(n, 6, 20);
	assert_false(its_model_alloc_failed());
}

static void memory_runs_out_for_a_device(void **state)
{
	struct msi_controller *msi = boot();
	unsigned int live = its_model_live();

	(void)state;
	for (unsigned int n = 1; n <= 2; n++) {
		its_model_fail_alloc(n);
		assert_int_equal(take(msi, LAST_ID, 4), -ENOMEM);
		assert_true(its_model_alloc_failed());
		assert_int_equal(msi->usage(msi).used, 0);
	}
	assert_int_equal(its_model_live(), live + 1); /* the second level */
	assert_int_equal(take(msi, LAST_ID, 4), 0);
	check_synced();
}

/* Both ways to stop, before every command of what alloc() and free() say. */
static void a_stopped_its_loses_nothing(void **state)
{
	struct msi_controller *msi = boot();
	unsigned int live;

	(void)state;
	assert_int_equal(take(msi, 1, 2), 0);
	gic_lpi_enable(irqs[0], true);
	live = its_model_live();
	for (unsigned int n = 0; n < 2 * 6; n++) {
		unsigned int delivered = its_model.delivered[0], before;

		its_model.stop_silently = n & 1;
		its_model.stop_at = its_model.commands + n / 2;
		messages_logged = 0;
		assert_int_equal(take(msi, 2, 4), -ETIMEDOUT);
		assert_int_equal(messages_logged, 1);
		/* The lines of others work on. */
		its_model_message(1, 0);
		assert_int_equal(its_model.delivered[0], delivered + 1);
		/* Later calls fail at once, and take nothing. */
		before = its_model.accesses;
		assert_int_equal(take(msi, 3, 1), -ETIMEDOUT);
		assert_int_equal(msi->raise(msi, 1, 0, &messages[0]), -ETIMEDOUT);
		assert_in_range(its_model.accesses - before, 1, 10);
		assert_int_equal(msi->usage(msi).used, 6);
		assert_int_equal(messages_logged, 1);
		/* When it goes on, all that was given to the device comes back. */
		its_model.stop_at = UINT32_MAX;
		its_model_continue();
		assert_int_equal(take(msi, 2, 1), 0);
		assert_int_equal(msi->usage(msi).used, 3);
		give(msi, 2, 1);
		check_synced();
		assert_int_equal(its_model_live(), live);
	}
}

static void a_stop_while_a_device_is_freed(void **state)
{
	struct msi_controller *msi = boot();

	(void)state;
	for (unsigned int n = 0; n < 2 * 6; n++) {
		unsigned int live = its_model_live();

		assert_int_equal(take(msi, 2, 4), 0);
		if (n == 0)
			live++; /* the second level */
		its_model.stop_silently = n & 1;
		its_model.stop_at = its_model.commands + n / 2;
		give(msi, 2, 4);
		give(msi, 2, 4); /* once is enough */
		assert_int_equal(msi->usage(msi).used, 4);
		assert_int_equal(take(msi, 2, 4), -ETIMEDOUT);
		its_model.stop_at = UINT32_MAX;
		its_model_continue();
		assert_int_equal(take(msi, 3, 1), 0);
		assert_int_equal(msi->usage(msi).used, 1);
		give(msi, 3, 1);
		check_synced();
		assert_int_equal(its_model_live(), live);
	}
}

/* A line that was masked or unmasked while nothing could be said is so afterwards. */
static void what_was_not_said_is_said_later(void **state)
{
	struct msi_controller *msi = boot();

	(void)state;
	assert_int_equal(take(msi, 1, 2), 0);
	gic_lpi_enable(irqs[0], true);
	its_model.stop_at = its_model.commands;
	gic_lpi_enable(irqs[0], false); /* times out */
	gic_lpi_enable(irqs[1], true);	/* is not even tried */
	/* It goes on, and stops again before it is told all. */
	its_model.stop_at = its_model.commands + 2;
	its_model_continue();
	its_model_message(1, 1);
	assert_int_equal(its_model.delivered[1], 0);
	assert_int_equal(take(msi, 2, 1), -ETIMEDOUT);
	its_model.stop_at = its_model.commands;
	assert_int_equal(take(msi, 2, 1), -ETIMEDOUT);
	its_model.stop_at = UINT32_MAX;
	its_model_continue();
	assert_int_equal(take(msi, 2, 1), 0);
	assert_true(its_model.invalls >= 2); /* the first at boot */
	assert_int_equal(its_model.delivered[1], 1);
	its_model_message(1, 0);
	assert_int_equal(its_model.delivered[0], 0);
	check_synced();
}

/* A stall does not end by itself; and who is told to go on and stalls at the same command is not waited for. */
static void a_stalled_its_is_told_to_try_again(void **state)
{
	struct msi_controller *msi = boot();
	unsigned int before;

	(void)state;
	its_model.stop_at = its_model.commands + 1;
	assert_int_equal(take(msi, 1, 2), -ETIMEDOUT);
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int retries = its_model.retries;

		before = its_model.accesses;
		assert_int_equal(take(msi, 1, 2), -ETIMEDOUT);
		assert_int_equal(its_model.retries, retries + 1);
		assert_in_range(its_model.accesses - before, 1, 5);
	}
	its_model.stop_at = UINT32_MAX;
	before = its_model.commands;
	its_model_continue();
	assert_int_equal(its_model.commands, before); /* the model is as stubborn as it should be */
	assert_int_equal(take(msi, 1, 2), 0);
	assert_int_equal(messages_logged, 2); /* that it stalled, and that it answers again */
	check_synced();
	/* One that is only slow is let be. */
	before = its_model.retries;
	its_model.stop_silently = true;
	its_model.stop_at = its_model.commands;
	assert_int_equal(take(msi, 2, 2), -ETIMEDOUT);
	assert_int_equal(take(msi, 2, 2), -ETIMEDOUT);
	its_model.stop_at = UINT32_MAX;
	its_model_continue();
	assert_int_equal(take(msi, 2, 2), 0);
	assert_int_equal(its_model.retries, before);
	check_synced();
}

/* A line that was unmasked while nothing could be said is so without anybody's call, whichever way it stopped. */
static void what_was_not_said_is_said_in_time(void **state)
{
	struct msi_controller *msi = boot();

	(void)state;
	assert_int_equal(take(msi, 1, 2), 0);
	for (unsigned int n = 0; n < 4; n++) {
		bool already_late = n & 1;
		unsigned int delivered = its_model.delivered[1];

		its_model.stop_silently = n & 2;
		its_model.stop_at = its_model.commands;
		if (already_late)
			assert_int_equal(msi->raise(msi, 1, 0, &messages[0]), -ETIMEDOUT);
		gic_lpi_enable(irqs[1], true);
		for (unsigned int i = 0; i < 10; i++)
			time_passes(NSEC_PER_SEC / 2);
		its_model_message(1, 1);
		assert_int_equal(its_model.delivered[1], delivered);
		its_model.stop_at = UINT32_MAX;
		its_model_continue();
		time_passes(NSEC_PER_SEC / 2);
		assert_int_equal(its_model.delivered[1], delivered + 1);
		check_synced();
		assert_true(fake_deadline == UINT64_MAX); /* no look more than needed */
		gic_lpi_enable(irqs[1], false);
		check_synced();
	}
}

static void an_its_that_stops_at_boot(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 3; n++) {
		its_model_reset();
		list_init(msi_controllers());
		its_model.stop_at = n;
		its_model.stop_silently = n & 1;
		assert_null(boot());
		assert_non_null(strstr(last_message, "(-110)"));
		assert_int_equal(its_model_live(), LPI_SETS);
		assert_int_equal(violation_count(), 0);
	}
}

static void waits_are_bounded(void **state)
{
	struct msi_controller *msi = boot();
	unsigned int before = its_model.accesses;

	(void)state;
	its_model.stop_silently = true;
	its_model.stop_at = its_model.commands;
	assert_int_equal(take(msi, 1, 1), -ETIMEDOUT);
	assert_in_range(its_model.accesses - before, 1000, 2 * POLLS);
	/* One that says that it has stopped is not waited for. */
	its_model.stop_at = UINT32_MAX;
	its_model_continue();
	its_model.stop_silently = false;
	its_model.stop_at = its_model.commands + 1;
	before = its_model.accesses;
	assert_int_equal(take(msi, 2, 1), -ETIMEDOUT);
	assert_in_range(its_model.accesses - before, 1, 30);
}

#define ITS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ITS_TEST(an_event_becomes_its_line),
		ITS_TEST(lines_are_clean_for_their_next_owner),
		ITS_TEST(lines_run_out_for_all_or_none),
		ITS_TEST(bad_requests_are_refused),
		ITS_TEST(devices_with_one_id_share_its_events),
		ITS_TEST(events_of_one_id_run_out_and_come_back),
		ITS_TEST(sharers_survive_a_stop),
		ITS_TEST(slots_for_devices_run_out_and_come_back),
		ITS_TEST(the_ring_wraps),
		ITS_TEST(the_ring_fills_up),
		ITS_TEST(every_kind_of_its_is_driven),
		ITS_TEST(it_costs_little_memory),
		ITS_TEST(ids_beyond_a_flat_table_are_refused),
		ITS_TEST(gics_with_fewer_lpis),
		ITS_TEST(what_cannot_be_set_up_is_said_once),
		ITS_TEST(lpis_that_are_on_are_switched_off_first),
		ITS_TEST(two_itss_share_lpis_and_nothing_else),
		ITS_TEST(an_its_that_fails_leaves_the_other),
		ITS_TEST(a_node_that_makes_no_sense),
		ITS_TEST(memory_runs_out_at_boot),
		ITS_TEST(memory_runs_out_for_a_device),
		ITS_TEST(a_stopped_its_loses_nothing),
		ITS_TEST(a_stop_while_a_device_is_freed),
		ITS_TEST(what_was_not_said_is_said_later),
		ITS_TEST(a_stalled_its_is_told_to_try_again),
		ITS_TEST(what_was_not_said_is_said_in_time),
		ITS_TEST(an_its_that_stops_at_boot),
		ITS_TEST(waits_are_bounded),
	};

	return cmocka_run_group_tests_name("its", tests, NULL, NULL);
}
