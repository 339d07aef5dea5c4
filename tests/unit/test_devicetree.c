/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree reader on trees that the test writes: the one of a plain machine, and crooked ones.
 * Devicetree Specification 0.4.
 */
#include "tests/unit/test.h"
#include "tests/device/tree_cells.h"
#include "lib/devicetree.h"
#include "lib/devicetree_index.h"
#include "lib/irq.h"

static char blob[65536];

static void begin(void)
{
	memset(blob, 0, sizeof(blob));
	assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	fdt_begin_node(blob, "");
	CELLS("#address-cells", 2);
	CELLS("#size-cells", 2);
	CELLS("interrupt-parent", 1);
}

static void device(const char *name, const char *compatible, const char *status)
{
	fdt_begin_node(blob, name);
	fdt_property_string(blob, "compatible", compatible);
	if (status)
		fdt_property_string(blob, "status", status);
}

static void finish(void)
{
	fdt_begin_node(blob, "intc@8000000");
	CELLS("phandle", 1);
	CELLS("#interrupt-cells", 3);
	fdt_end_node(blob);
	fdt_end_node(blob);
	assert_int_equal(fdt_finish(blob), 0);
	assert_int_equal(dt_init(blob), 0);
}

/* Those of the parent alone: neither a grandchild, nor what follows, nor what is disabled. */
static void children_are_found_by_their_name(void **state)
{
	int parent, node, names = 0;

	(void)state;
	begin();
	device("before@0", "child", NULL);
	fdt_end_node(blob);
	device("parent@1", "parent", NULL);
	device("c1", "child", NULL);
	device("grand", "child", NULL);
	fdt_end_node(blob);
	fdt_end_node(blob);
	device("c2", "other", NULL);
	fdt_end_node(blob);
	device("c3", "child", "disabled");
	fdt_end_node(blob);
	device("c4", "child", "okay");
	fdt_end_node(blob);
	fdt_end_node(blob);
	device("after@2", "child", NULL);
	fdt_end_node(blob);
	finish();
	parent = dt_find_compatible(-1, "parent");
	dt_for_each_child (node, parent, "child") {
		assert_string_equal(dt_name(node), names ? "c4" : "c1");
		names++;
	}
	assert_int_equal(names, 2);
	assert_true(dt_next_child(dt_find_compatible(-1, "other"), -1, "child") < 0);
	assert_true(dt_next_child(parent, -1, "nothing") < 0);
}

static void garbage_is_no_tree(void **state)
{
	static char junk[256];
	uint32_t seed = 1;
	unsigned int i;

	(void)state;
	assert_int_equal(dt_init(NULL), -EINVAL);
	assert_int_equal(dt_init(junk), -EINVAL);
	begin();
	finish();
	memset(blob, 0, 4);
	assert_int_equal(dt_init(blob), -EINVAL);
	/* A tree that was damaged anywhere is refused or read, without harm. */
	for (i = 0; i < 2000; i++) {
		uint64_t base, size;
		struct dt_irq irq;
		int node;

		begin();
		device("a@1", "test", NULL);
		CELLS("reg", 0, 1, 0, 1);
		CELLS("interrupts", 0, 1, 1);
		fdt_end_node(blob);
		fdt_begin_node(blob, "memory@0");
		fdt_property_string(blob, "device_type", "memory");
		CELLS("reg", 0, 0, 0, 0x1000);
		fdt_end_node(blob);
		finish();
		/* Not the header's sizes: they say how much memory is ours. */
		blob[40 + test_random(&seed) % (fdt_totalsize(blob) - 40)] ^=
			(char)(1 << test_random(&seed) % 8);
		if (dt_init(blob))
			continue;
		dt_for_each_compatible (node, "test") {
			(void)dt_reg(node, 0, &base, &size);
			(void)dt_interrupt(node, 0, &irq);
			(void)dt_name(node);
		}
		(void)dt_memory(0, &base, &size);
		(void)dt_bootargs();
	}
}

static void devices_are_found_in_their_order_unless_disabled(void **state)
{
	static const char *const want[] = {"a@1", "b@2", "d@4"};
	unsigned int n = 0;
	int node;

	(void)state;
	begin();
	device("a@1", "test", NULL);
	fdt_end_node(blob);
	device("b@2", "test", "okay");
	fdt_end_node(blob);
	device("c@3", "test", "disabled");
	fdt_end_node(blob);
	device("d@4", "test", "ok");
	fdt_end_node(blob);
	device("e@5", "other", NULL);
	fdt_end_node(blob);
	device("f@6", "test", "fail-sss");
	fdt_end_node(blob);
	device("g@7", "test", NULL);
	fdt_property(blob, "status", "okay", 4); /* no NUL */
	fdt_end_node(blob);
	device("h@8", "test", NULL);
	fdt_property(blob, "status", NULL, 0);
	fdt_end_node(blob);
	finish();
	dt_for_each_compatible (node, "test") {
		assert_in_range(n, 0, 2);
		assert_string_equal(dt_name(node), want[n]);
		n++;
	}
	assert_int_equal(n, 3);
	assert_true(dt_find_compatible(-1, "nothing") < 0);
	assert_true(dt_find_path("/e@5") > 0);
	assert_true(dt_find_path("/none") < 0);
}

static void registers_are_addresses_of_64_bits(void **state)
{
	uint64_t addr, size;
	int node;

	(void)state;
	begin();
	device("a@1", "test", NULL);
	CELLS("reg", 0x12, 0x34567890, 1, 2, 0, 0xa000000, 0, 0x200);
	fdt_end_node(blob);
	device("b@1", "short", NULL);
	CELLS("reg", 0, 0xa000000, 0);
	fdt_end_node(blob);
	device("c@1", "none", NULL);
	fdt_end_node(blob);
	finish();
	node = dt_find_compatible(-1, "test");
	assert_int_equal(dt_reg(node, 0, &addr, &size), 0);
	assert_true(addr == 0x1234567890 && size == 0x100000002);
	assert_int_equal(dt_reg(node, 1, &addr, NULL), 0);
	assert_int_equal(addr, 0xa000000);
	assert_int_equal(dt_reg(node, 2, &addr, &size), -ENOENT);
	assert_int_equal(dt_reg(dt_find_compatible(-1, "short"), 0, &addr, &size), -EINVAL);
	assert_int_equal(dt_reg(dt_find_compatible(-1, "none"), 0, &addr, &size), -ENOENT);
}

static void addresses_are_translated_through_every_bus(void **state)
{
	uint64_t addr, size;

	(void)state;
	begin();
	fdt_begin_node(blob, "bus@40000000");
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 1);
	/* child, parent, size: two windows */
	CELLS("ranges", 0x1000, 0x8, 0x40000000, 0x1000, 0x8000, 0, 0x50000000, 0x100);
	device("a@1800", "first", NULL);
	CELLS("reg", 0x1800, 0x10);
	fdt_end_node(blob);
	device("b@8004", "second", NULL);
	CELLS("reg", 0x8004, 4);
	fdt_end_node(blob);
	device("c@9000", "outside", NULL);
	CELLS("reg", 0x9000, 4);
	fdt_end_node(blob);
	fdt_begin_node(blob, "inner");
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 0);
	fdt_property(blob, "ranges", NULL, 0);
	device("d@1004", "inner", NULL);
	CELLS("reg", 0x1004);
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_begin_node(blob, "crooked");
	CELLS("#address-cells", 0, 2);
	fdt_property(blob, "ranges", NULL, 0);
	device("f@1060", "crooked", NULL);
	CELLS("reg", 0, 0x1060, 1, 1);
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_begin_node(blob, "opaque"); /* no ranges: not the CPU's to reach */
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 0);
	device("e@50", "i2c", NULL);
	CELLS("reg", 0x50);
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_end_node(blob);
	finish();
	assert_int_equal(dt_reg(dt_find_compatible(-1, "first"), 0, &addr, &size), 0);
	assert_true(addr == 0x840000800 && size == 0x10);
	assert_int_equal(dt_reg(dt_find_compatible(-1, "second"), 0, &addr, &size), 0);
	assert_true(addr == 0x50000004);
	assert_int_equal(dt_reg(dt_find_compatible(-1, "outside"), 0, &addr, &size), -EINVAL);
	assert_int_equal(dt_reg(dt_find_compatible(-1, "inner"), 0, &addr, &size), 0);
	assert_true(addr == 0x840000004 && size == 0);
	assert_int_equal(dt_reg(dt_find_compatible(-1, "i2c"), 0, &addr, &size), -EINVAL);
	assert_int_equal(dt_reg(dt_find_compatible(-1, "crooked"), 0, &addr, &size), -EINVAL);
}

/* A device at 0x10, with its interrupt at controller @phandle. */
static void at_0x10(const char *name, uint32_t phandle)
{
	device(name, name, NULL);
	CELLS("reg", 0, 0x10, 0, 1);
	CELLS("interrupts", 0, 7, 1);
	CELLS("interrupt-parent", phandle);
	fdt_end_node(blob);
}

/* A bus at @base with the devices a and b. Where it is @flat they are not on it but beside it, at the same
 * places in the blob. */
static void make_bus(uint32_t base, bool flat)
{
	begin();
	device("bus", "simple-bus", NULL);
	CELLS("#address-cells", 2);
	CELLS("#size-cells", 2);
	if (flat) { /* a cell less for the end of the node */
		CELLS("ranges", 0, 0, 0, base, 0);
		fdt_end_node(blob);
	} else {
		CELLS("ranges", 0, 0, 0, base, 0, 0x1000);
	}
	at_0x10("a", 1);
	at_0x10("b", 2);
	if (!flat)
		fdt_end_node(blob);
	fdt_begin_node(blob, "other");
	CELLS("phandle", 2);
	CELLS("#interrupt-cells", 1);
	fdt_end_node(blob);
	finish();
}

/* What is remembered of a node is of no other one, and of no other tree. */
static void what_was_asked_before_does_not_matter(void **state)
{
	uint64_t addr, size;
	struct dt_irq irq;
	int first_a = -1;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		int a, b;

		make_bus(0x1000, i & 1);
		a = dt_find_compatible(-1, "a");
		b = dt_find_compatible(-1, "b");
		first_a = i ? first_a : a;
		assert_int_equal(a, first_a);
		for (unsigned int again = 0; again < 2; again++) {
			assert_int_equal(dt_reg(a, 0, &addr, &size), 0);
			assert_int_equal(addr, i & 1 ? 0x10 : 0x1010);
			assert_int_equal(dt_interrupt(a, 0, &irq), 0);
			assert_int_equal(dt_interrupt(b, 0, &irq), -EINVAL);
		}
		assert_int_equal(dt_reg(a, 0, &addr, &size), 0); /* the last before the next tree */
	}
}

static void interrupts_are_numbers_of_the_gic(void **state)
{
	struct dt_irq irq;
	int node;

	(void)state;
	begin();
	device("a@1", "test", NULL);
	/* SPI 16 rising, PPI 13 level low for all CPUs, SPI 987, SPI 988: no such */
	CELLS("interrupts", 0, 16, 1, 1, 13, 0xf08, 0, 987, 4, 0, 988, 4, 2, 0, 4);
	fdt_end_node(blob);
	device("b@1", "short", NULL);
	CELLS("interrupts", 0, 16);
	fdt_end_node(blob);
	device("c@1", "none", NULL);
	fdt_end_node(blob);
	finish();
	node = dt_find_compatible(-1, "test");
	assert_int_equal(dt_interrupt(node, 0, &irq), 0);
	assert_int_equal(irq.irq, 48);
	assert_int_equal(irq.trigger, IRQF_TRIGGER_RISING);
	assert_int_equal(dt_interrupt(node, 1, &irq), 0);
	assert_int_equal(irq.irq, 29);
	assert_int_equal(irq.trigger, IRQF_TRIGGER_LOW);
	assert_int_equal(dt_interrupt(node, 2, &irq), 0);
	assert_int_equal(irq.irq, 1019);
	assert_int_equal(dt_interrupt(node, 3, &irq), -EINVAL);
	assert_int_equal(dt_interrupt(node, 4, &irq), -EINVAL);
	assert_int_equal(dt_interrupt(node, 5, &irq), -ENOENT);
	assert_int_equal(dt_interrupt(dt_find_compatible(-1, "short"), 0, &irq), -EINVAL);
	assert_int_equal(dt_interrupt(dt_find_compatible(-1, "none"), 0, &irq), -ENOENT);
}

static void properties_of_the_wrong_kind_are_absent(void **state)
{
	int node;

	(void)state;
	begin();
	device("a@1", "test", NULL);
	fdt_property_string(blob, "text", "hello");
	fdt_property(blob, "open", "abc", 3); /* no NUL */
	fdt_property(blob, "empty", NULL, 0);
	CELLS("number", 42);
	CELLS("two", 1, 2);
	fdt_end_node(blob);
	finish();
	node = dt_find_compatible(-1, "test");
	assert_string_equal(dt_string(node, "text"), "hello");
	assert_null(dt_string(node, "open"));
	assert_null(dt_string(node, "empty"));
	assert_null(dt_string(node, "none"));
	assert_int_equal(dt_u32(node, "number", 7), 42);
	assert_int_equal(dt_u32(node, "two", 7), 7);
	assert_int_equal(dt_u32(node, "none", 7), 7);
	assert_int_equal(dt_u32(node, "empty", 7), 7);
}

static void the_command_line_is_that_of_chosen(void **state)
{
	size_t size;

	(void)state;
	begin();
	finish();
	assert_string_equal(dt_bootargs(), "");
	begin();
	fdt_begin_node(blob, "chosen");
	fdt_property_string(blob, "bootargs", "lsdev; poweroff");
	fdt_end_node(blob);
	finish();
	assert_string_equal(dt_bootargs(), "lsdev; poweroff");
	assert_ptr_equal(dt_blob(&size), blob);
	assert_int_equal(size, fdt_totalsize(blob));
}

static void memory_is_every_bank_of_every_node_that_is_okay(void **state)
{
	uint64_t base, size;

	(void)state;
	begin();
	fdt_begin_node(blob, "memory@40000000");
	fdt_property_string(blob, "device_type", "memory");
	CELLS("reg", 0, 0x40000000, 0, 0x10000000, 0, 0, 0, 0, 1, 0, 1, 0);
	fdt_end_node(blob);
	fdt_begin_node(blob, "secram@e000000");
	fdt_property_string(blob, "device_type", "memory");
	fdt_property_string(blob, "status", "disabled");
	fdt_property_string(blob, "secure-status", "okay");
	CELLS("reg", 0, 0xe000000, 0, 0x1000000);
	fdt_end_node(blob);
	fdt_begin_node(blob, "memory@300000000");
	fdt_property_string(blob, "device_type", "memory");
	CELLS("reg", 3, 0, 0, 0x1000);
	fdt_end_node(blob);
	finish();
	assert_int_equal(dt_memory(0, &base, &size), 0);
	assert_true(base == 0x40000000 && size == 0x10000000);
	assert_int_equal(dt_memory(1, &base, &size), 0); /* an empty bank is none */
	assert_true(base == 0x100000000 && size == 0x100000000);
	assert_int_equal(dt_memory(2, &base, &size), 0);
	assert_true(base == 0x300000000 && size == 0x1000);
	assert_int_equal(dt_memory(3, &base, &size), -ENOENT);
}

static void a_path_is_followed_name_by_name(void **state)
{
	int bus, device_node;

	(void)state;
	begin();
	fdt_begin_node(blob, "aliases");
	fdt_property_string(blob, "serial0", "/bus@1/uart@2");
	fdt_end_node(blob);
	fdt_begin_node(blob, "bus@1");
	fdt_begin_node(blob, "uart@20");
	fdt_end_node(blob);
	fdt_begin_node(blob, "uart@2");
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_begin_node(blob, "uart");
	fdt_end_node(blob);
	finish();
	bus = dt_find_path("/bus");
	device_node = dt_find_path("/bus@1/uart@2");
	assert_string_equal(dt_name(bus), "bus@1");
	assert_string_equal(dt_name(device_node), "uart@2");
	assert_int_equal(dt_find_path("//bus//uart@2/"), device_node);
	assert_string_equal(dt_name(dt_find_path("/bus/uart")), "uart@20"); /* the first */
	assert_string_equal(dt_name(dt_find_path("/uart")), "uart");
	assert_int_equal(dt_find_path("serial0"), device_node);
	assert_int_equal(dt_find_path("/"), 0);
	assert_true(dt_find_path("/bus@1/uart@") < 0);
	assert_true(dt_find_path("/bus@1/uart@200") < 0);
	assert_true(dt_find_path("/bus@1/uart@2/more") < 0);
	assert_true(dt_find_path("/us@1") < 0);
	assert_true(dt_find_path("serial1") < 0);
	assert_true(dt_find_path("") < 0);
}

static const char *const names[DT_PROPERTIES] = {
	"compatible",	    "status",		"device_type",	 "reg",
	"ranges",	    "#address-cells",	"#size-cells",	 "interrupts",
	"interrupt-parent", "#interrupt-cells", "interrupt-map", "interrupt-map-mask",
	"msi-map",	    "msi-map-mask",	"iommu-map",	 "iommu-map-mask",
	"bus-range",	    "phandle",		"linux,phandle", "bootargs",
	"stdout-path",	    "method",
};

/* Properties of any of the names and of others, twice or of an odd size now and then. */
static void random_properties(uint32_t *seed)
{
	static const char *const others[] = {"clocks", "regs", "re", "phandles", "Status", ""};

	for (uint32_t n = test_random(seed) % 6; n > 0; n--) {
		uint32_t i = test_random(seed) % (DT_PROPERTIES + ARRAY_SIZE(others));
		fdt32_t value[2] = {cpu_to_fdt32(test_random(seed) % 8), 0};
		static const int sizes[] = {4, 4, 4, 0, 3, 8};

		fdt_property(blob, i < DT_PROPERTIES ? names[i] : others[i - DT_PROPERTIES], value,
			     sizes[test_random(seed) % ARRAY_SIZE(sizes)]);
	}
}

/* A tree of @nodes nodes, at most six deep, some of whose properties stand where they count for nobody. */
static void random_tree(uint32_t *seed, unsigned int nodes)
{
	static const char *const node_names[] = {"cpu", "cpu@0", "cpu@1", "bus@1", "b@1@2", "bus"};
	unsigned int depth = 1;

	memset(blob, 0, sizeof(blob));
	assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	fdt_begin_node(blob, "");
	random_properties(seed);
	for (unsigned int i = 1; i < nodes; i++) {
		fdt_begin_node(blob, node_names[test_random(seed) % ARRAY_SIZE(node_names)]);
		random_properties(seed);
		for (depth++; depth > 1 && test_random(seed) % 6 < depth; depth--) {
			fdt_end_node(blob);
			if (test_random(seed) % 4 == 0)
				random_properties(seed);
		}
	}
	while (depth-- > 0)
		fdt_end_node(blob);
	assert_int_equal(fdt_finish(blob), 0);
	/* Holes that were something once. */
	(void)fdt_nop_property(blob, 0, names[test_random(seed) % DT_PROPERTIES]);
	(void)fdt_nop_node(blob, fdt_path_offset(blob, "/cpu@0"));
}

static void check_node(int node)
{
	static const char *const children[] = {"cpu", "cpu@1", "cpu@", "bus", "bu", "b@1"};

	assert_int_equal(dt_index_parent(node), fdt_parent_offset(blob, node));
	for (unsigned int i = 0; i < DT_PROPERTIES; i++) {
		int len, want_len;
		const void *want = fdt_getprop(blob, node, names[i], &want_len);

		assert_ptr_equal(dt_index_property(node, (enum dt_property)i, &len), want);
		assert_int_equal(len, want_len);
		assert_ptr_equal(dt_index_named(node, names[i], &len), want);
		assert_int_equal(len, want_len);
	}
	assert_ptr_equal(dt_index_named(node, "regs", NULL), fdt_getprop(blob, node, "regs", NULL));
	for (unsigned int i = 0; i < ARRAY_SIZE(children); i++) {
		assert_int_equal(dt_index_child(node, children[i], strlen(children[i])),
				 fdt_subnode_offset(blob, node, children[i]));
	}
}

/* All that is asked of the table is what libfdt answers. */
static void check_tree(void)
{
	int count = 0;
	int node = -1;

	assert_int_equal(dt_init(blob), 0);
	do {
		int next = fdt_next_node(blob, node, NULL);

		assert_int_equal(dt_index_next(node), next);
		node = next;
		if (node >= 0)
			check_node(node);
		count++;
	} while (node >= 0);
	/* From the other end, and in no order. */
	for (int offset = (int)fdt_size_dt_struct(blob); offset >= -4; offset -= 4)
		assert_int_equal(dt_index_parent(offset), fdt_parent_offset(blob, offset));
	for (uint32_t phandle = 0; phandle < 10; phandle++)
		assert_int_equal(dt_index_by_phandle(phandle),
				 fdt_node_offset_by_phandle(blob, phandle));
	assert_int_equal(dt_index_by_phandle(UINT32_MAX),
			 fdt_node_offset_by_phandle(blob, UINT32_MAX));
}

static void the_index_answers_as_libfdt_does(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (unsigned int i = 0; i < 60; i++) {
		random_tree(&seed, 1 + test_random(&seed) % 40);
		check_tree();
	}
}

/* Full at the last node, one node short, and far too small. */
static void a_tree_larger_than_the_index_is_read_all_the_same(void **state)
{
	static const unsigned int sizes[] = {DT_INDEX_NODES - 1, DT_INDEX_NODES, DT_INDEX_NODES + 1,
					     2 * DT_INDEX_NODES};
	uint32_t seed = 2;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		random_tree(&seed, sizes[i]);
		check_tree();
	}
}

/* Version 16 is that of the specification without a field of the header. */
static void a_tree_of_an_old_version_is_refused(void **state)
{
	(void)state;
	begin();
	finish();
	fdt_set_last_comp_version(blob, 2);
	fdt_set_version(blob, 15);
	assert_int_equal(dt_init(blob), -EINVAL);
	fdt_set_version(blob, 3);
	assert_int_equal(dt_init(blob), -EINVAL);
	fdt_set_version(blob, 16);
	check_tree();
}

/* fdt_check_full() finds these, but the index does not trust in it. */
static void an_index_of_a_broken_tree_stays_in_its_table(void **state)
{
	fdt32_t *tags;

	(void)state;
	begin();
	finish();
	tags = (fdt32_t *)(blob + fdt_off_dt_struct(blob));
	tags[0] = cpu_to_fdt32(FDT_END_NODE);
	dt_index_build(blob);
	assert_true(dt_index_next(-1) < 0);
	tags[0] = cpu_to_fdt32(FDT_BEGIN_NODE);
	tags[2] = cpu_to_fdt32(7); /* no such tag */
	dt_index_build(blob);
	assert_int_equal(dt_index_next(-1), 0);
	assert_true(dt_index_next(0) < 0);
	assert_true(dt_index_child(0, "intc", 4) < 0);
	assert_true(dt_index_by_phandle(1) < 0);
}

static void a_string_has_its_place_in_a_list(void **state)
{
	static const char list[] = "eventq\0gerror";
	int node;

	(void)state;
	begin();
	device("smmu", "a", NULL);
	fdt_property(blob, "interrupt-names", list, sizeof(list));
	fdt_end_node(blob);
	finish();
	node = dt_find_compatible(-1, "a");
	assert_int_equal(dt_string_index(node, "interrupt-names", "eventq"), 0);
	assert_int_equal(dt_string_index(node, "interrupt-names", "gerror"), 1);
	assert_true(dt_string_index(node, "interrupt-names", "event") < 0);
	assert_true(dt_string_index(node, "reg-names", "eventq") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(garbage_is_no_tree),
		TEST(children_are_found_by_their_name),
		TEST(devices_are_found_in_their_order_unless_disabled),
		TEST(registers_are_addresses_of_64_bits),
		TEST(a_string_has_its_place_in_a_list),
		TEST(addresses_are_translated_through_every_bus),
		TEST(what_was_asked_before_does_not_matter),
		TEST(interrupts_are_numbers_of_the_gic),
		TEST(properties_of_the_wrong_kind_are_absent),
		TEST(the_command_line_is_that_of_chosen),
		TEST(memory_is_every_bank_of_every_node_that_is_okay),
		TEST(a_path_is_followed_name_by_name),
		TEST(the_index_answers_as_libfdt_does),
		TEST(a_tree_larger_than_the_index_is_read_all_the_same),
		TEST(a_tree_of_an_old_version_is_refused),
		TEST(an_index_of_a_broken_tree_stays_in_its_table),
	};

	return cmocka_run_group_tests_name("devicetree", tests, NULL, NULL);
}
