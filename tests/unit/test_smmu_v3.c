/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SMMUv3 driver on a simulated SMMU that walks its tables: setup and what is refused, translation for
 * devices, invalidation, both forms of the stream table, the queues when they wrap, fill up, stand still or
 * refuse, and faults on their way from the event queue to whoever is to hear of them.
 */
#include "tests/unit/test.h"
#include "tests/device/tree_cells.h"
#include <arch/cpu.h>
#include <arch/mmio.h>
#include "drivers/iommu/smmu_v3.h"
#include "drivers/iommu/smmu_v3_private.h"
#include "lib/devicetree.h"
#include "lib/dma_iommu.h"
#include "lib/irq.h"
#include "lib/log.h"
#include "lib/machine.h"
#include "tests/device/refsmmu.h"
#include "tests/unit/fake_timer.h"

#define STREAM	     0x108u
#define WINDOW	     0x40000000ull
#define WINDOW_PAGES 1024u
#define BELL	     0x8020000ull
#define FIRST_SPI    74u

static const struct dma_iommu_config config = {
	.window = WINDOW, .window_pages = WINDOW_PAGES, .bounce_pages = 32};
static struct refsmmu *ref;
static struct iommu *iommu;
static struct device dev;
static char buffer[16 * PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned int instances, told, messages;
static struct iommu_fault told_fault;
static struct device *told_dev;
static char message[256];

/* --- the machine below the driver --------------------------------------------------------------- */

uint8_t mmio_read8(const volatile void *reg)
{
	violation("smmu: a read of a byte at %p", reg);
	return 0;
}

uint16_t mmio_read16(const volatile void *reg)
{
	violation("smmu: a read of 16 bits at %p", reg);
	return 0;
}

uint32_t mmio_read32(const volatile void *reg)
{
	unsigned int offset = 0;
	struct refsmmu *smmu = refsmmu_at(reg, &offset);

	return refsmmu_read(smmu, offset);
}

void mmio_write8(volatile void *reg, uint8_t value)
{
	violation("smmu: a write of a byte, %d, at %p", value, reg);
}

void mmio_write16(volatile void *reg, uint16_t value)
{
	violation("smmu: a write of 16 bits, %d, at %p", value, reg);
}

void mmio_write32(volatile void *reg, uint32_t value)
{
	unsigned int offset = 0;
	struct refsmmu *smmu = refsmmu_at(reg, &offset);

	refsmmu_write(smmu, offset, value);
}

void *ioremap(uint64_t phys, size_t size)
{
	assert_int_equal(size, REFSMMU_SIZE);
	return refsmmu_ioremap(phys);
}

void log_message(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	if (level <= LOG_WARNING)
		messages++;
	if (getenv("VERBOSE"))
		fprintf(stderr, "log: %s\n", message);
}

static int pending = IRQ_SPURIOUS;

static int fake_acknowledge(void)
{
	int irq = pending;

	pending = IRQ_SPURIOUS;
	return irq;
}

static void fake_line(int irq)
{
	(void)irq;
}

static int fake_type(int irq, unsigned int trigger)
{
	(void)irq;
	return trigger == IRQF_TRIGGER_RISING ? 0 : -EINVAL;
}

static const struct irq_chip chip = {
	.name = "fake",
	.acknowledge = fake_acknowledge,
	.end = fake_line,
	.enable = fake_line,
	.disable = fake_line,
	.set_type = fake_type,
};

/* Lines: eventq, priq, cmdq-sync, gerror; four for each SMMU. */
static void raise_line(struct refsmmu *smmu, bool gerror)
{
	assert_ptr_equal(smmu, ref);
	pending = (int)(32 + FIRST_SPI + 4 * (instances - 1) + (gerror ? 3 : 0));
}

static void take_interrupt(void)
{
	unsigned long state = irq_save();

	if (pending != IRQ_SPURIOUS)
		irq_handle();
	irq_restore(state);
}

static void on_fault(struct device *device, const struct iommu_fault *fault)
{
	told++;
	told_dev = device;
	told_fault = *fault;
}

/* --- a device tree with one SMMU ------------------------------------------------------------------ */

static char blob[8192];

static void make_tree(unsigned int n, const char *names, int names_len)
{
	const uint32_t spi = FIRST_SPI + 4 * n;

	memset(blob, 0, sizeof(blob));
	assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	fdt_begin_node(blob, "");
	CELLS("#address-cells", 2);
	CELLS("#size-cells", 2);
	CELLS("interrupt-parent", 1);
	fdt_begin_node(blob, "smmuv3@9050000");
	fdt_property_string(blob, "compatible", "arm,smmu-v3");
	CELLS("reg", 0, (uint32_t)(REFSMMU_PHYS + n * REFSMMU_SIZE), 0, REFSMMU_SIZE);
	CELLS("interrupts", 0, spi, 1, 0, spi + 1, 1, 0, spi + 2, 1, 0, spi + 3, 1);
	fdt_property(blob, "interrupt-names", names, names_len);
	fdt_end_node(blob);
	fdt_begin_node(blob, "intc@8000000");
	CELLS("phandle", 1);
	CELLS("#interrupt-cells", 3);
	fdt_end_node(blob);
	fdt_end_node(blob);
	assert_int_equal(fdt_finish(blob), 0);
	assert_int_equal(dt_init(blob), 0);
}

static void remember(struct iommu *found, void *arg)
{
	*(struct iommu **)arg = found;
}

/* Lets the driver find @ref. The new IOMMU, or NULL where it refused. */
static struct iommu *probe_named(const char *names, int names_len)
{
	struct iommu *before = NULL, *after = NULL;

	iommu_for_each(remember, &before);
	make_tree(instances - 1, names, names_len);
	smmu_v3_init();
	work_run(&system_wq);
	iommu_for_each(remember, &after);
	return after == before ? NULL : after;
}

static struct iommu *probe(void)
{
	static const char names[] = "eventq\0priq\0cmdq-sync\0gerror";

	return probe_named(names, sizeof(names));
}

static int bare_setup(void **state)
{
	static bool first = true;

	memset(&dev, 0, sizeof(dev));
	strcpy(dev.name, "device");
	told = messages = 0;
	message[0] = '\0';
	pending = IRQ_SPURIOUS;
	fake_step = 1000;
	fake_ticks += 2 * NSEC_PER_SEC; /* so that messages are not held back */
	timer_set_device(&fake_timer);
	irq_set_chip(&chip);
	iommu_set_fault_handler(on_fault);
	for (size_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (char)(i * 13 + i / PAGE_SIZE);
	ref = refsmmu_new();
	ref->raise = raise_line;
	ref->cerror = 1;
	instances++;
	if (first)
		assert_int_equal(iommu_add_doorbell(BELL, 4), 0);
	first = false;
	return port_host_setup(state);
}

static int setup(void **state)
{
	bare_setup(state);
	iommu = probe();
	return iommu ? dma_iommu_attach(&dev, iommu, STREAM, &config) : -1;
}

static int teardown(void **state)
{
	struct dma_iommu_stats stats;

	if (dma_iommu_get_stats(&dev, &stats) && (stats.used_pages || stats.mistakes)) {
		print_error("%u pages, %lu mistakes\n", stats.used_pages, stats.mistakes);
		return -1;
	}
	if (dev.dma_ops)
		dma_iommu_detach(&dev);
	return port_host_teardown(state);
}

/* --- what devices do ------------------------------------------------------------------------------- */

static dma_addr_t map(void *ptr, size_t size, enum dma_data_direction dir)
{
	dma_addr_t addr = dma_map_single(&dev, ptr, size, dir);

	assert_false(dma_mapping_error(&dev, addr));
	return addr;
}

static char *reads(dma_addr_t addr)
{
	return refsmmu_access(ref, STREAM, addr, false);
}

static char *writes(dma_addr_t addr)
{
	return refsmmu_access(ref, STREAM, addr, true);
}

/* The access faults, and whoever is to hear of it does. */
static void expect_fault(dma_addr_t addr, bool write, enum iommu_fault_kind kind)
{
	unsigned int before = told;

	assert_null(refsmmu_access(ref, STREAM, addr, write));
	take_interrupt();
	assert_int_equal(told, before + 1);
	assert_ptr_equal(told_dev, &dev);
	assert_int_equal(told_fault.kind, kind);
	assert_int_equal(told_fault.id, STREAM);
	if (!told_fault.addr_valid)
		return;
	assert_true(told_fault.addr == addr);
	assert_int_equal(told_fault.write, write);
}

static void a_buffer_is_translated_until_it_is_unmapped(void **state)
{
	dma_addr_t addr = map(buffer + PAGE_SIZE, 2 * PAGE_SIZE, DMA_BIDIRECTIONAL);

	(void)state;
	assert_ptr_equal(reads(addr), buffer + PAGE_SIZE);
	assert_ptr_equal(reads(addr + PAGE_SIZE + 5), buffer + 2 * PAGE_SIZE + 5);
	assert_ptr_equal(writes(addr + 2 * PAGE_SIZE - 1), buffer + 3 * PAGE_SIZE - 1);
	expect_fault(addr + 2 * PAGE_SIZE, false, IOMMU_FAULT_UNMAPPED);
	expect_fault(0, true, IOMMU_FAULT_UNMAPPED);
	expect_fault((uintptr_t)buffer, true, IOMMU_FAULT_UNMAPPED);
	expect_fault(BIT_ULL(48) | addr, false, IOMMU_FAULT_UNMAPPED);
	expect_fault(UINT64_MAX, false, IOMMU_FAULT_UNMAPPED);
	dma_unmap_single(&dev, addr, 2 * PAGE_SIZE, DMA_BIDIRECTIONAL);
	/* Both were in the TLB. */
	expect_fault(addr, false, IOMMU_FAULT_UNMAPPED);
	expect_fault(addr + PAGE_SIZE, true, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(iommu_faults_of(&dev), 7);
	assert_int_equal(iommu->faults, 7);
}

static void what_a_device_may_only_read_it_cannot_write(void **state)
{
	dma_addr_t addr = map(buffer, PAGE_SIZE, DMA_TO_DEVICE), other;

	(void)state;
	assert_ptr_equal(reads(addr), buffer);
	expect_fault(addr, true, IOMMU_FAULT_PERMISSION);
	other = map(buffer + PAGE_SIZE, PAGE_SIZE, DMA_TO_DEVICE);
	expect_fault(other, true, IOMMU_FAULT_PERMISSION); /* also where it is in no TLB */
	dma_unmap_single(&dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
	dma_unmap_single(&dev, other, PAGE_SIZE, DMA_TO_DEVICE);
	/* The same address, for the other direction now. */
	other = map(buffer + 2 * PAGE_SIZE, PAGE_SIZE, DMA_FROM_DEVICE);
	assert_true(other == addr);
	assert_ptr_equal(writes(addr), buffer + 2 * PAGE_SIZE);
	dma_unmap_single(&dev, addr, PAGE_SIZE, DMA_FROM_DEVICE);
}

/* Few pages go one by one, many at once; both must be gone, and other mappings must stay. */
static void long_and_short_buffers_are_invalidated(void **state)
{
	static char large[65 * PAGE_SIZE] __attribute__((aligned(4096)));
	const size_t sizes[] = {PAGE_SIZE, 32 * PAGE_SIZE, 33 * PAGE_SIZE, 65 * PAGE_SIZE};
	dma_addr_t stays = map(buffer, PAGE_SIZE, DMA_TO_DEVICE);

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned long all = ref->commands[0x11];
		dma_addr_t addr = map(large, sizes[i], DMA_BIDIRECTIONAL);

		for (size_t at = 0; at < sizes[i]; at += PAGE_SIZE)
			assert_ptr_equal(writes(addr + at), large + at);
		dma_unmap_single(&dev, addr, sizes[i], DMA_BIDIRECTIONAL);
		for (size_t at = 0; at < sizes[i]; at += PAGE_SIZE)
			assert_null(reads(addr + at));
		take_interrupt();
		assert_int_equal(ref->commands[0x11] != all, sizes[i] > 32 * PAGE_SIZE);
		assert_ptr_equal(reads(stays), buffer);
	}
	dma_unmap_single(&dev, stays, PAGE_SIZE, DMA_TO_DEVICE);
}

static void streams_that_nobody_attached_reach_nothing(void **state)
{
	/* On the same bus, on another one, the last of the table, and beyond it. */
	static const uint32_t ids[] = {STREAM + 1, 0, 0xffff, 0x10000, 0xffffffff};
	dma_addr_t addr = map(buffer, PAGE_SIZE, DMA_BIDIRECTIONAL);

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		assert_null(refsmmu_access(ref, ids[i], addr, true));
		take_interrupt();
		assert_int_equal(told, i + 1);
		assert_null(told_dev);
		assert_int_equal(told_fault.kind, IOMMU_FAULT_STREAM);
		assert_int_equal(told_fault.id, ids[i]);
	}
	dma_unmap_single(&dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
}

/* The same addresses lead each device to its own buffers, and detaching ends it all. */
static void domains_are_kept_apart(void **state)
{
	static struct device other;
	dma_addr_t mine = map(buffer, PAGE_SIZE, DMA_BIDIRECTIONAL), theirs;

	(void)state;
	memset(&other, 0, sizeof(other));
	assert_int_equal(dma_iommu_attach(&other, iommu, STREAM + 1, &config), 0);
	theirs = dma_map_single(&other, buffer + PAGE_SIZE, PAGE_SIZE, DMA_BIDIRECTIONAL);
	assert_true(mine == theirs);
	assert_ptr_equal(reads(mine), buffer);
	assert_ptr_equal(refsmmu_access(ref, STREAM + 1, theirs, false), buffer + PAGE_SIZE);
	dma_unmap_single(&other, theirs, PAGE_SIZE, DMA_BIDIRECTIONAL);
	assert_null(refsmmu_access(ref, STREAM + 1, theirs, false));
	assert_ptr_equal(reads(mine), buffer);
	assert_int_equal(dma_iommu_detach(&other), 0);
	assert_null(refsmmu_access(ref, STREAM + 1, BELL, true));
	take_interrupt();
	assert_int_equal(told_fault.kind, IOMMU_FAULT_STREAM);
	dma_unmap_single(&dev, mine, PAGE_SIZE, DMA_BIDIRECTIONAL);
}

/* A domain that ends with something mapped: its ASID is another's then, for whom nothing of it may be left in
 * the TLB. */
static void an_asid_is_handed_on_without_translations(void **state)
{
	static struct device other;

	(void)state;
	memset(&other, 0, sizeof(other));
	for (unsigned int i = 0; i < 2; i++) {
		struct iommu_domain *domain = iommu_domain_alloc(iommu);

		assert_int_equal(iommu_prepare(domain, WINDOW, PAGE_SIZE), 0);
		assert_int_equal(iommu_attach(domain, 0x3344, &other), 0);
		assert_null(refsmmu_access(ref, 0x3344, WINDOW, false));
		assert_int_equal(
			iommu_map(domain, WINDOW, (uintptr_t)buffer, PAGE_SIZE, IOMMU_READ), 0);
		assert_ptr_equal(refsmmu_access(ref, 0x3344, WINDOW, false), buffer);
		assert_ptr_equal(iommu_detach(&other), domain);
		iommu_domain_free(domain);
	}
}

/* More domains one after the other than there are ASIDs: they come back. */
static void devices_come_and_go(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 600; i++) {
		static struct device other;
		dma_addr_t addr;

		memset(&other, 0, sizeof(other));
		assert_int_equal(dma_iommu_attach(&other, iommu, i * 7, &config), 0);
		addr = dma_map_single(&other, buffer, PAGE_SIZE, DMA_TO_DEVICE);
		assert_ptr_equal(refsmmu_access(ref, i * 7, addr, false), buffer);
		dma_unmap_single(&other, addr, PAGE_SIZE, DMA_TO_DEVICE);
		assert_int_equal(dma_iommu_detach(&other), 0);
	}
	assert_int_equal(dma_iommu_attach(&(struct device){.name = "far"}, iommu, 0x10000, &config),
			 -ERANGE);
}

static void doorbells_and_bypass(void **state)
{
	static struct device other;

	(void)state;
	memset(&other, 0, sizeof(other));
	assert_true(writes(BELL + 0x40) == (char *)(uintptr_t)(BELL + 0x40));
	expect_fault(BELL + PAGE_SIZE, true, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(iommu_bypass(iommu, 0x20, &other), 0);
	assert_ptr_equal(refsmmu_access(ref, 0x20, (uintptr_t)buffer, true), buffer);
	assert_ptr_equal(iommu_detach(&other), iommu->bypass);
	assert_null(refsmmu_access(ref, 0x20, (uintptr_t)buffer, true));
}

static void addresses_that_cannot_be_are_refused(void **state)
{
	struct iommu_domain *domain = iommu_domain_of(&dev);

	(void)state;
	assert_int_equal(iommu_map(domain, WINDOW, BIT_ULL(48), PAGE_SIZE, IOMMU_READ), -ERANGE);
	assert_int_equal(
		iommu_map(domain, WINDOW, BIT_ULL(48) - PAGE_SIZE, 2 * PAGE_SIZE, IOMMU_READ),
		-ERANGE);
	assert_int_equal(iommu_map(domain, 0x80000000ull, 0x1000, PAGE_SIZE, IOMMU_READ), -ENOMEM);
	assert_int_equal(iommu_map(domain, WINDOW, 0x1000, PAGE_SIZE, IOMMU_READ), 0);
	assert_int_equal(iommu_map(domain, WINDOW, 0x2000, PAGE_SIZE, IOMMU_READ), -EEXIST);
	assert_int_equal(iommu_unmap(domain, WINDOW, PAGE_SIZE), 0);
	assert_int_equal(iommu_unmap(domain, WINDOW, PAGE_SIZE), -ENOENT);
	assert_int_equal(iommu_prepare(domain, BIT_ULL(48), PAGE_SIZE), -ERANGE);
}

/* --- queues ------------------------------------------------------------------------------------------ */

/* A queue of 256 commands goes round many times; one of two has to be waited for at each step. */
static void the_command_queue_wraps(void **state)
{
	static const unsigned int sizes[] = {19, 3, 1, 0};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (i) {
			dma_iommu_detach(&dev);
			assert_int_equal(teardown(state), 0);
			bare_setup(state);
			ref->idr1 = 16u | 19u << 16 | sizes[i] << 21;
			ref->slow = true;
			iommu = probe();
			assert_int_equal(dma_iommu_attach(&dev, iommu, STREAM, &config), 0);
		}
		for (unsigned int n = 0; n < 400; n++) {
			dma_addr_t addr = map(buffer, 3 * PAGE_SIZE, DMA_TO_DEVICE);

			assert_ptr_equal(reads(addr + 2 * PAGE_SIZE), buffer + 2 * PAGE_SIZE);
			dma_unmap_single(&dev, addr, 3 * PAGE_SIZE, DMA_TO_DEVICE);
			assert_null(reads(addr + 2 * PAGE_SIZE));
		}
		assert_true(ref->syncs >= 400);
	}
}

/* It does not answer: bounded, said once, and from then on nothing is mapped any more. */
static void an_smmu_that_stands_still_is_given_up(void **state)
{
	dma_addr_t addr = map(buffer, PAGE_SIZE, DMA_TO_DEVICE);
	dma_addr_t other = map(buffer + PAGE_SIZE, PAGE_SIZE, DMA_TO_DEVICE);
	struct dma_iommu_stats stats;
	uint64_t before = fake_ticks;

	(void)state;
	ref->stalled = true;
	dma_unmap_single(&dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
	assert_true(fake_ticks - before < NSEC_PER_SEC);
	assert_int_equal(messages, 2); /* the SMMU's, and the buffer's */
	before = fake_ticks;
	dma_unmap_single(&dev, other, PAGE_SIZE, DMA_TO_DEVICE);
	assert_true(fake_ticks - before < NSEC_PER_MSEC);
	assert_int_equal(messages, 3);
	assert_true(dma_mapping_error(&dev, dma_map_single(&dev, buffer, 1, DMA_TO_DEVICE)));
	assert_true(dma_iommu_get_stats(&dev, &stats));
	assert_int_equal(stats.lost, 2);
	assert_int_equal(stats.used_pages, 2);
	assert_int_equal(dma_iommu_detach(&dev), -ETIMEDOUT);
}

/* A refused command is reported, the queue goes on, and what it was to invalidate is not used again. */
static void a_refused_command_is_an_error_and_not_the_end(void **state)
{
	dma_addr_t addr = map(buffer, PAGE_SIZE, DMA_TO_DEVICE), next;
	struct dma_iommu_stats stats;

	(void)state;
	ref->refuse_in = 1;
	dma_unmap_single(&dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
	assert_int_equal(messages, 2);
	assert_int_equal(ref->gerror, ref->gerrorn); /* acknowledged */
	assert_true(dma_iommu_get_stats(&dev, &stats));
	assert_int_equal(stats.lost, 1);
	next = map(buffer, PAGE_SIZE, DMA_TO_DEVICE);
	assert_true(next != addr);
	assert_ptr_equal(reads(next), buffer);
	dma_unmap_single(&dev, next, PAGE_SIZE, DMA_TO_DEVICE);
	assert_null(reads(next));
	take_interrupt();
	/* One in the middle of a batch that is longer than the queue. */
	ref->refuse_in = 3;
	next = map(buffer, 8 * PAGE_SIZE, DMA_TO_DEVICE);
	dma_unmap_single(&dev, next, 8 * PAGE_SIZE, DMA_TO_DEVICE);
	assert_true(dma_iommu_get_stats(&dev, &stats));
	assert_int_equal(stats.lost, 2);
	assert_int_equal(dma_iommu_detach(&dev), 0);
}

/* It may have read the entry by then, so nothing is freed before it is seen to have forgotten it. */
static void a_refused_attach_leaves_nothing(void **state)
{
	static struct device other = {.name = "other"};

	(void)state;
	/* Which leads to the domain (CFGI_STE, CFGI_CD), and the CMD_SYNC. */
	for (unsigned int nth = 1; nth <= 3; nth++) {
		ref->refuse_in = nth;
		assert_int_equal(dma_iommu_attach(&other, iommu, STREAM + 1, &config), -EIO);
		assert_null(refsmmu_access(ref, STREAM + 1, BELL, true));
		take_interrupt();
		assert_int_equal(told_fault.kind, IOMMU_FAULT_STREAM);
		assert_int_equal(dma_iommu_attach(&other, iommu, STREAM + 1, &config), 0);
		assert_non_null(refsmmu_access(ref, STREAM + 1, BELL, true));
		assert_int_equal(dma_iommu_detach(&other), 0);
	}
	/* What takes it back is refused too. */
	ref->refuse_in = 1;
	ref->refuse_again_in = 4;
	assert_int_equal(dma_iommu_attach(&other, iommu, STREAM + 1, &config), -ETIMEDOUT);
	assert_int_equal(dma_iommu_detach(&dev), 0);
}

/* It refuses even the command that does nothing, time after time: that too has an end, and few lines. */
static void an_smmu_that_refuses_everything_is_given_up(void **state)
{
	dma_addr_t addr = map(buffer, PAGE_SIZE, DMA_TO_DEVICE);
	uint64_t before = fake_ticks;

	(void)state;
	ref->refuse_all = true;
	dma_unmap_single(&dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
	assert_in_range(fake_ticks - before, 0, NSEC_PER_SEC);
	assert_int_equal(messages, 16 + 2); /* commands, the SMMU's end, and the buffer's */
	assert_true(dma_mapping_error(&dev, dma_map_single(&dev, buffer, 1, DMA_TO_DEVICE)));
	assert_int_equal(dma_iommu_detach(&dev), -ETIMEDOUT);
}

/* It cannot even read its queue: that is the end. */
static void a_queue_that_cannot_be_read_is_the_end(void **state)
{
	dma_addr_t addr = map(buffer, PAGE_SIZE, DMA_TO_DEVICE);

	(void)state;
	ref->refuse_in = 1;
	ref->cerror = 2;
	dma_unmap_single(&dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
	assert_true(dma_mapping_error(&dev, dma_map_single(&dev, buffer, 1, DMA_TO_DEVICE)));
	assert_int_equal(dma_iommu_detach(&dev), -ETIMEDOUT);
}

static void the_event_queue_wraps(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 500; i++)
		expect_fault(0x1000ull * (i + 1), i % 2, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(iommu->faults, 500);
	assert_int_equal(iommu->faults_lost, 0);
}

/* More faults than the queue holds before anybody looks: the first ones are heard of, the loss is counted, and
 * it goes on. */
static void events_that_are_lost_are_counted(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 200; i++)
		assert_null(reads(0x1000));
	take_interrupt();
	work_run(&system_wq);
	assert_int_equal(told, 128);
	assert_int_equal(iommu->faults_lost, 1);
	expect_fault(0x2000, false, IOMMU_FAULT_UNMAPPED);
	for (unsigned int i = 0; i < 130; i++)
		assert_null(reads(0x1000));
	take_interrupt();
	assert_int_equal(iommu->faults_lost, 2);
	/* An SMMU that reports it as a global error. */
	work_run(&system_wq);
	ref->abort_full = true;
	for (unsigned int i = 0; i < 130; i++)
		assert_null(reads(0x1000));
	take_interrupt();
	take_interrupt();
	assert_int_equal(iommu->faults_lost, 3);
	assert_int_equal(ref->gerror, ref->gerrorn);
	told = 0;
	work_run(&system_wq);
	expect_fault(0x2000, false, IOMMU_FAULT_UNMAPPED);
}

/* One device's faults fill the queue: the other one's is not recorded, but it is not believed either. */
static void a_lost_event_may_have_been_anybodys(void **state)
{
	static struct device other = {.name = "other"}, late = {.name = "late"};

	(void)state;
	assert_int_equal(dma_iommu_attach(&other, iommu, STREAM + 1, &config), 0);
	for (unsigned int abort = 0; abort < 2; abort++) {
		ref->abort_full = abort;
		for (unsigned int i = 0; i < 128; i++)
			assert_null(reads(0x1000));
		assert_false(iommu_faulted(&other)); /* full, but that was all */
		for (unsigned int i = 0; i < 128; i++)
			assert_null(reads(0x1000));
		assert_null(refsmmu_access(ref, STREAM + 1, WINDOW, true));
		assert_int_equal(iommu_faults_of(&other), 0);
		assert_true(iommu_faulted(&other));
		assert_false(iommu_faulted(&other));
		assert_true(iommu_faulted(&dev));
		assert_false(iommu_faulted(&dev));
		assert_int_equal(iommu->faults_lost, abort + 1);
		take_interrupt();
	}
	assert_int_equal(dma_iommu_attach(&late, iommu, STREAM + 2, &config), 0);
	assert_false(iommu_faulted(&late));
	assert_int_equal(dma_iommu_detach(&late), 0);
	assert_int_equal(dma_iommu_detach(&other), 0);
}

/* Thousands of faults make some lines a second. */
static void a_device_that_strays_does_not_fill_the_log(void **state)
{
	unsigned int first;

	(void)state;
	expect_fault(0x5000, true, IOMMU_FAULT_UNMAPPED);
	assert_string_equal(message, "SMMUv3 smmuv3@9050000: fault: stream 0x108 (device) writes "
				     "0x5000: unmapped (F_TRANSLATION)");
	fake_step = 0;
	for (unsigned int i = 0; i < 1000; i++)
		expect_fault(0x5000, true, IOMMU_FAULT_UNMAPPED);
	first = messages;
	assert_true(first >= 8 && first <= 16);
	fake_ticks += NSEC_PER_SEC;
	expect_fault(0x5000, true, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(messages, first + 2); /* how many there were, and this one */
	assert_int_equal(told, 1002);
	fake_step = 1000;
}

/* The message names one of the devices of a stream, and says that there are more. */
static void a_shared_stream_is_named_as_one(void **state)
{
	static struct device other = {.name = "other"};

	(void)state;
	assert_int_equal(dma_iommu_attach(&other, iommu, STREAM, &config), 0);
	expect_fault(0x5000, true, IOMMU_FAULT_UNMAPPED);
	assert_non_null(strstr(message, "stream 0x108 (device or another of its stream) writes"));
	assert_true(dma_faulted(&other));
	assert_true(dma_faulted(&dev));
	assert_int_equal(dma_iommu_detach(&other), 0);
	expect_fault(0x5000, true, IOMMU_FAULT_UNMAPPED);
	assert_non_null(strstr(message, "stream 0x108 (device) writes"));
}

/* --- setup -------------------------------------------------------------------------------------------- */

static void a_linear_stream_table_works(void **state)
{
	(void)state;
	for (unsigned int bits = 8; bits <= 16; bits += 8) {
		if (bits > 8)
			bare_setup(state);
		ref->idr0 &= ~(3u << 27);
		ref->idr1 = bits | 19u << 16 | 19u << 21;
		iommu = probe();
		assert_non_null(iommu);
		assert_int_equal(dma_iommu_attach(&dev, iommu, BIT(bits), &config), -ERANGE);
		assert_int_equal(dma_iommu_attach(&dev, iommu, STREAM % BIT(bits), &config), 0);
		assert_ptr_equal(refsmmu_access(ref, STREAM % BIT(bits),
						map(buffer, PAGE_SIZE, DMA_TO_DEVICE), false),
				 buffer);
		assert_null(refsmmu_access(ref, STREAM % BIT(bits) + 1, WINDOW, false));
		dma_unmap_single(&dev, WINDOW, PAGE_SIZE, DMA_TO_DEVICE);
		assert_int_equal(dma_iommu_detach(&dev), 0);
	}
}

/* What differs between SMMUs: stalls that have to be forbidden, MSIs that are switched off, ATS that is
 * checked, a smaller address space. */
static void other_features_are_used_or_switched_off(void **state)
{
	dma_addr_t addr;

	(void)state;
	ref->idr0 = (ref->idr0 & ~(3u << 24)) | BIT(13) | BIT(10);
	iommu = probe();
	assert_non_null(iommu);
	assert_true(ref->cr0 & BIT(4));
	assert_int_equal(dma_iommu_attach(&dev, iommu, STREAM, &config), 0);
	addr = map(buffer, PAGE_SIZE, DMA_TO_DEVICE);
	assert_ptr_equal(reads(addr), buffer);
	dma_unmap_single(&dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
}

static void what_is_missing_is_named(void **state)
{
	static const struct {
		uint32_t clear0, set0, set1, clear5;
		const char *text;
	} cases[] = {
		{BIT(1), 0, 0, 0, "no stage 1 translation"},
		{BIT(3), 0, 0, 0, "no AArch64 translation tables"},
		{BIT(4), 0, 0, 0, "no coherent access"},
		{0, 3u << 21, 0, 0, "no little-endian"},
		{3u << 24, 2u << 24, 0, 0, "no faults that end"},
		{0, 0, BIT(30), 0, "no tables and queues"},
		{0, 0, 0, BIT(4), "no pages of 4 KiB"},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		if (i)
			bare_setup(state);
		ref->idr0 = (ref->idr0 & ~cases[i].clear0) | cases[i].set0;
		ref->idr1 |= cases[i].set1;
		ref->idr5 &= ~cases[i].clear5;
		/* Whoever has left it on has to know what for. */
		ref->cr0 = ref->cr0ack = i % 2 ? CR0_SMMUEN : 0;
		assert_null(probe());
		assert_non_null(strstr(message, cases[i].text));
		assert_int_equal(ref->cr0, i % 2 ? CR0_SMMUEN : 0);
		assert_int_equal(ref->gbpa, 0);
	}
}

/* It is known, but no device gets past it in any way, so that none is probed. */
static void expect_closed(void)
{
	iommu = probe();
	assert_non_null(iommu);
	assert_string_equal(message, "SMMUv3 smmuv3@9050000: cannot be set up (-110): no device "
				     "behind it can be used");
	assert_null(iommu->ops->domain_alloc(iommu)); /* also where there is no doorbell to map */
	assert_int_equal(dma_iommu_attach(&dev, iommu, STREAM, &config), -ENOMEM);
	assert_int_equal(iommu_bypass(iommu, STREAM, &dev), -ENOMEM);
	assert_int_equal(iommu_confine(iommu, STREAM, &dev), -ENOMEM);
	assert_null(iommu_domain_of(&dev));
}

static void an_smmu_that_does_not_come_up_stays_closed(void **state)
{
	(void)state;
	ref->no_ack = true;
	ref->cr0ack = CR0_SMMUEN; /* somebody left it on */
	expect_closed();
	bare_setup(state);
	ref->gbpa_stuck = true;
	expect_closed();
	bare_setup(state);
	ref->stalled = true;
	expect_closed();
	assert_int_equal(ref->cr0, 0);
	assert_int_equal(ref->gbpa, BIT(20)); /* abort */
	assert_null(refsmmu_access(ref, STREAM, (uintptr_t)buffer, false));
}

/* While it is off nothing passes; what another system left on is switched off first. */
static void it_is_taken_over_from_whoever_had_it(void **state)
{
	(void)state;
	ref->cr0 = ref->cr0ack = CR0_SMMUEN | CR0_CMDQEN | CR0_EVENTQEN;
	ref->gerror = GERROR_EVENTQ_ABT;
	ref->irq_ctrl = 5;
	ref->stalled = true; /* it does not get far */
	expect_closed();
	assert_int_equal(ref->cr0, 0);
	assert_null(refsmmu_access(ref, STREAM, (uintptr_t)buffer, false));
	assert_int_equal(ref->gerror, ref->gerrorn);
}

static void one_line_for_all_interrupts_does(void **state)
{
	static const char combined[] = "combined", none[] = "other";

	(void)state;
	iommu = probe_named(combined, sizeof(combined));
	assert_non_null(iommu);
	assert_int_equal(dma_iommu_attach(&dev, iommu, STREAM, &config), 0);
	expect_fault(0x1000, false, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(dma_iommu_detach(&dev), 0);
	dev.dma_ops = NULL;
	bare_setup(state);
	iommu = probe_named(none, sizeof(none));
	assert_non_null(iommu);
	assert_non_null(strstr(message, "no interrupt for faults"));
	assert_int_equal(ref->irq_ctrl, 0);
}

#define SMMU_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define LOST_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, port_host_teardown)
#define BARE_TEST(fn) cmocka_unit_test_setup_teardown(fn, bare_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMMU_TEST(a_buffer_is_translated_until_it_is_unmapped),
		SMMU_TEST(what_a_device_may_only_read_it_cannot_write),
		SMMU_TEST(long_and_short_buffers_are_invalidated),
		SMMU_TEST(streams_that_nobody_attached_reach_nothing),
		SMMU_TEST(domains_are_kept_apart),
		SMMU_TEST(an_asid_is_handed_on_without_translations),
		SMMU_TEST(devices_come_and_go),
		SMMU_TEST(doorbells_and_bypass),
		SMMU_TEST(addresses_that_cannot_be_are_refused),
		SMMU_TEST(the_command_queue_wraps),
		LOST_TEST(an_smmu_that_stands_still_is_given_up),
		LOST_TEST(a_refused_command_is_an_error_and_not_the_end),
		LOST_TEST(a_refused_attach_leaves_nothing),
		LOST_TEST(an_smmu_that_refuses_everything_is_given_up),
		LOST_TEST(a_queue_that_cannot_be_read_is_the_end),
		SMMU_TEST(the_event_queue_wraps),
		SMMU_TEST(events_that_are_lost_are_counted),
		SMMU_TEST(a_lost_event_may_have_been_anybodys),
		SMMU_TEST(a_device_that_strays_does_not_fill_the_log),
		SMMU_TEST(a_shared_stream_is_named_as_one),
		BARE_TEST(a_linear_stream_table_works),
		BARE_TEST(other_features_are_used_or_switched_off),
		BARE_TEST(what_is_missing_is_named),
		BARE_TEST(an_smmu_that_does_not_come_up_stays_closed),
		BARE_TEST(it_is_taken_over_from_whoever_had_it),
		BARE_TEST(one_line_for_all_interrupts_does),
	};

	return cmocka_run_group_tests_name("smmu_v3", tests, NULL, NULL);
}
