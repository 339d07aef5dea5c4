/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hot-plug slots on simulated ports: what is plugged in is announced once with its addresses, what goes is
 * announced before it is forgotten, whatever way it goes, and a slot that lies, stays silent or never stops
 * talking costs a bounded time.
 */
#include "tests/unit/test.h"
#include <stdlib.h>
#include <arch/cpu.h>
#include "drivers/pci/pci_private.h"
#include "lib/irq.h"
#include "lib/msi.h"
#include "lib/timer.h"
#include "lib/work.h"
#include "tests/device/pci/pcisim.h"

#define DISK	    0x10421af4u
#define CAP	    PCI_CAP_FIRST /* of the ports */
#define STATUS	    (CAP + PCI_EXP_SLOT_STATUS)
#define CONTROL	    (CAP + PCI_EXP_SLOT_CONTROL)
#define PLUG_EVENTS (PCI_EXP_SLOT_PRESENCE_CHANGED | PCI_EXP_SLOT_BUTTON_PRESSED)

/* --- the machine --------------------------------------------------------------------------------------------- */

static uint64_t now_ns, timer_at;
static struct timer *timer;
static unsigned int irqs_saved;

static struct {
	int irq;
	irq_handler_t handler;
	void *dev_id;
} lines[8];
static int refused_irq; /* there is no handler for this one */
static int msi_error;	/* there are no vectors */

unsigned long irq_save(void)
{
	return irqs_saved++;
}

void irq_restore(unsigned long state)
{
	irqs_saved--;
	assert_int_equal(irqs_saved, state);
}

int request_irq(int irq, irq_handler_t handler, unsigned int flags, const char *name, void *dev_id)
{
	assert_true(flags & IRQF_SHARED);
	assert_non_null(name);
	if (irq == refused_irq)
		return -ENOMEM;
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		if (lines[i].handler)
			continue;
		lines[i].irq = irq;
		lines[i].handler = handler;
		lines[i].dev_id = dev_id;
		return 0;
	}
	return -ENOMEM;
}

int free_irq(int irq, void *dev_id)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		if (lines[i].handler && lines[i].irq == irq && lines[i].dev_id == dev_id) {
			lines[i].handler = NULL;
			return 0;
		}
	}
	fail_msg("a handler that was not there");
	return -ENOENT;
}

static unsigned int handlers(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++)
		count += lines[i].handler != NULL;
	return count;
}

/* Returns whether anybody claimed it. */
static bool interrupt(void)
{
	bool handled = false;

	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++)
		if (lines[i].handler)
			handled |= lines[i].handler(lines[i].irq, lines[i].dev_id) == IRQ_HANDLED;
	return handled;
}

uint64_t clock_ns(void)
{
	return now_ns;
}

uint64_t deadline_after(uint64_t timeout_ns)
{
	return now_ns + timeout_ns;
}

bool deadline_passed(uint64_t deadline)
{
	return now_ns >= deadline;
}

void delay_ns(uint64_t ns)
{
	assert_int_equal(irqs_saved, 0);
	now_ns += ns;
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	t->fn = fn;
}

void timer_start(struct timer *t, uint64_t deadline)
{
	timer = t;
	timer_at = deadline;
}

bool timer_cancel(struct timer *t)
{
	(void)t;
	timer = NULL;
	return true;
}

/* Runs what there is to do until @ns have passed. Returns how many times work ran. */
static unsigned int run_for(uint64_t ns)
{
	uint64_t end = now_ns + ns;
	unsigned int runs = 0;

	for (;;) {
		for (; work_pending(&system_wq); runs++)
			work_run(&system_wq);
		if (!timer || timer_at > end)
			break;
		if (timer_at > now_ns)
			now_ns = timer_at;
		timer->fn(timer);
		assert_true(++runs < 100000);
	}
	if (now_ns < end)
		now_ns = end;
	return runs;
}

/* --- the slots ----------------------------------------------------------------------------------------------- */

static struct sim_function *port, *disk;
static unsigned int commands;
static bool sticky, silent; /* events are not cleared; commands are never completed */
static bool ejects;	    /* what has no power is gone */

static void events(uint16_t bits)
{
	port->config[STATUS] |= (uint8_t)bits;
	port->config[STATUS + 1] |= (uint8_t)(bits >> 8);
}

static uint16_t pending(void)
{
	return (uint16_t)sim_get(port, STATUS, 2);
}

static void occupy(bool present)
{
	port->config[STATUS] &= (uint8_t)~PCI_EXP_SLOT_PRESENT;
	if (present)
		port->config[STATUS] |= PCI_EXP_SLOT_PRESENT;
}

/* As after a reset. */
static void reset_disk(struct sim_function *fn)
{
	fn->config[PCI_COMMAND] = 0;
	sim_bar(fn, 1, SIM_MEM32, 0x1000);
	sim_bar(fn, 4, SIM_MEM_64_PREF, 0x4000);
}

static void control_written(void)
{
	bool off = sim_get(port, CONTROL, 2) & PCI_EXP_SLOT_POWER_OFF;

	commands++;
	if (!silent)
		events(PCI_EXP_SLOT_COMPLETED);
	if (off && disk->present && ejects) {
		disk->present = false;
		occupy(false);
		events(PCI_EXP_SLOT_PRESENCE_CHANGED);
	}
}

static void written(struct sim_function *fn, unsigned int offset, unsigned int width,
		    uint32_t value)
{
	if (fn != port)
		return;
	if (offset == STATUS) {
		assert_int_equal(width, 2);
		/* Nothing that is not set may be cleared. */
		assert_int_equal(value & ~(uint32_t)pending(), 0);
		if (!sticky)
			for (unsigned int i = 0; i < 2; i++)
				port->config[STATUS + i] &= (uint8_t) ~(value >> 8 * i);
	} else if (offset == CONTROL) {
		assert_int_equal(width, 2);
		port->config[CONTROL] = (uint8_t)value;
		port->config[CONTROL + 1] = (uint8_t)(value >> 8);
		control_written();
	}
}

static struct sim_function *add_disk(struct sim_function *bridge, unsigned int slot)
{
	struct sim_function *fn = sim_add(bridge, slot, 0, DISK, 0x010000);

	reset_disk(fn);
	return fn;
}

static void plug(void)
{
	reset_disk(disk);
	disk->present = true;
	occupy(true);
	events(PLUG_EVENTS);
}

/* --- who is told --------------------------------------------------------------------------------------------- */

static unsigned int came, went, went_gone;
static bool lenient; /* there may be no room */

static void added(struct pci_function *fn)
{
	for (unsigned int i = 0; i < PCI_BARS; i++)
		assert_true(!fn->bars[i].size || fn->bars[i].assigned || lenient);
	came++;
	if (fn->header_type == PCI_HEADER_NORMAL && !lenient)
		pci_enable(fn, true, false, true);
	fn->priv = &came;
}

static void removing(struct pci_function *fn)
{
	went++;
	went_gone += !pci_present(fn);
	/* It has power until now. */
	if (pci_present(fn) && disk->present)
		assert_int_equal(sim_get(port, CONTROL, 2) & PCI_EXP_SLOT_POWER_OFF, 0);
}

static const struct pci_listener listener = {.added = added, .removing = removing};

static unsigned int functions(void)
{
	const struct pci_function *fn;
	unsigned int n = 0;

	pci_for_each_function (fn)
		n++;
	return n;
}

static int setup(void **state)
{
	(void)state;
	sim_reset();
	now_ns = 5;
	timer = NULL;
	memset(lines, 0, sizeof(lines));
	came = went = went_gone = commands = 0;
	sticky = silent = lenient = false;
	msi_error = 0;
	refused_irq = -1;
	ejects = true;
	port = sim_root_port(1, 0, true);
	sim_set32(port, CAP + PCI_EXP_SLOT_CAP,
		  PCI_EXP_SLOT_HOTPLUG | PCI_EXP_SLOT_BUTTON | PCI_EXP_SLOT_POWER |
			  PCI_EXP_SLOT_LAMP);
	disk = add_disk(port, 0);
	disk->present = false;
	sim_written = written;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pci_hotplug_forget();
	assert_int_equal(handlers(), 0);
	sim_reset();
	return 0;
}

static void start(void)
{
	sim_tree();
	assert_int_equal(pci_init(), 0);
	assert_int_equal(pci_hotplug_init(&listener), 0);
	run_for(1);
}

#define HOTPLUG_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static uint16_t lamp(void)
{
	return (uint16_t)sim_get(port, CONTROL, 2) & PCI_EXP_SLOT_LAMP_MASK;
}

/* --- tests --------------------------------------------------------------------------------------------------- */

static void what_is_plugged_in_is_announced_with_its_addresses(void **state)
{
	(void)state;
	start();
	assert_int_equal(came, 0);
	assert_int_equal(handlers(), 1);
	assert_false(interrupt()); /* it is somebody else's, on a shared line */
	for (unsigned int i = 1; i <= 50; i++) {
		plug();
		assert_true(interrupt());
		assert_int_equal(pending() & PLUG_EVENTS, 0); /* acknowledged in the interrupt */
		assert_int_equal(came, i - 1);		      /* and nothing more */
		run_for(1000);
		assert_int_equal(came, i);
		assert_int_equal(functions(), 2);
		assert_int_equal(lamp(), PCI_EXP_SLOT_LAMP_ON);
		events(PCI_EXP_SLOT_BUTTON_PRESSED);
		assert_true(interrupt());
		run_for(1000);
		assert_int_equal(went, i);
		assert_int_equal(functions(), 1);
		assert_int_equal(lamp(), PCI_EXP_SLOT_LAMP_OFF);
		assert_false(disk->present); /* it was let go of */
		(void)interrupt();
		run_for(2 * NSEC_PER_SEC);
	}
	assert_int_equal(went_gone, 0);
	assert_int_equal(came, 50);
}

static void what_is_pulled_out_is_gone_when_that_is_announced(void **state)
{
	(void)state;
	start();
	plug();
	(void)interrupt();
	run_for(1000);
	assert_int_equal(came, 1);
	disk->present = false;
	occupy(false);
	events(PCI_EXP_SLOT_PRESENCE_CHANGED);
	assert_true(interrupt());
	run_for(1000);
	assert_int_equal(went_gone, 1);
	assert_int_equal(functions(), 1);
	assert_true(sim_get(port, CONTROL, 2) & PCI_EXP_SLOT_POWER_OFF);
}

static void what_was_exchanged_is_removed_and_the_new_one_announced(void **state)
{
	(void)state;
	start();
	plug();
	(void)interrupt();
	run_for(1000);
	ejects = false;
	reset_disk(disk); /* another one of the same kind */
	events(PCI_EXP_SLOT_PRESENCE_CHANGED);
	(void)interrupt();
	run_for(1000);
	assert_int_equal(went, 1);
	assert_int_equal(came, 2);
	/* An event without a change is none. */
	events(PCI_EXP_SLOT_PRESENCE_CHANGED);
	(void)interrupt();
	run_for(1000);
	assert_int_equal(went, 1);
	assert_int_equal(came, 2);
}

static void a_device_may_take_its_time(void **state)
{
	(void)state;
	start();
	plug();
	disk->present = false;
	(void)interrupt();
	run_for(NSEC_PER_SEC / 2);
	assert_int_equal(came, 0);
	assert_int_equal(lamp(), PCI_EXP_SLOT_LAMP_BLINK);
	disk->present = true;
	run_for(10 * NSEC_PER_MSEC);
	assert_int_equal(came, 1);
}

static void a_link_that_is_reported_is_waited_for(void **state)
{
	(void)state;
	sim_set32(port, CAP + PCI_EXP_LINK_CAP, PCI_EXP_LINK_REPORTS);
	start();
	plug();
	(void)interrupt();
	run_for(NSEC_PER_SEC / 2);
	assert_int_equal(came, 0);
	port->config[CAP + PCI_EXP_LINK_STATUS + 1] = PCI_EXP_LINK_ACTIVE >> 8;
	run_for(10 * NSEC_PER_MSEC);
	assert_int_equal(came, 1);
}

static void what_never_answers_is_given_up(void **state)
{
	(void)state;
	start();
	plug();
	disk->present = false;
	(void)interrupt();
	assert_true(run_for(NSEC_PER_SEC + 20 * NSEC_PER_MSEC) < 500);
	assert_int_equal(came, 0);
	assert_int_equal(lamp(), PCI_EXP_SLOT_LAMP_OFF);
	assert_int_equal(sim_messages[LOG_ERROR], 1);
	/* And not looked at again until something happens. */
	disk->present = true;
	run_for(10 * NSEC_PER_SEC);
	assert_int_equal(came, 0);
	plug();
	(void)interrupt();
	run_for(1000);
	assert_int_equal(came, 1);
}

static void what_is_without_power_at_boot_gets_some(void **state)
{
	(void)state;
	occupy(true);
	ejects = false;
	start(); /* nothing was found */
	disk->present = true;
	run_for(10 * NSEC_PER_MSEC);
	assert_int_equal(came, 1);
}

static void an_event_without_an_interrupt_is_found_within_a_second(void **state)
{
	(void)state;
	start();
	plug();
	run_for(NSEC_PER_SEC);
	assert_int_equal(came, 1);
	disk->present = false;
	occupy(false);
	run_for(NSEC_PER_SEC + NSEC_PER_MSEC); /* without an event even */
	assert_int_equal(went_gone, 1);
}

static void a_function_that_vanishes_without_a_word_is_noticed(void **state)
{
	struct sim_function *other;

	(void)state;
	other = add_disk(NULL, 5); /* in no slot at all */
	start();
	plug();
	(void)interrupt();
	run_for(1000);
	assert_int_equal(functions(), 3);
	other->present = false;
	run_for(NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_int_equal(went_gone, 1);
	assert_int_equal(functions(), 2);
	/* The port, and with it what is behind. */
	port->present = false;
	run_for(NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_int_equal(went_gone, 3);
	assert_int_equal(functions(), 0);
	assert_int_equal(handlers(), 0);
	run_for(5 * NSEC_PER_SEC);
}

static void commands_that_are_never_completed_cost_a_second_once(void **state)
{
	uint64_t before;

	(void)state;
	silent = true;
	start();
	before = now_ns;
	for (unsigned int i = 0; i < 10; i++) {
		plug();
		(void)interrupt();
		run_for(1);
		events(PCI_EXP_SLOT_BUTTON_PRESSED);
		(void)interrupt();
		run_for(1);
	}
	assert_int_equal(came, 10);
	assert_true(now_ns - before < NSEC_PER_SEC + NSEC_PER_MSEC);
}

static void a_slot_that_never_stops_interrupting_is_masked(void **state)
{
	unsigned int taken = 0;

	(void)state;
	start();
	plug();
	sticky = true;
	events(PCI_EXP_SLOT_PRESENCE_CHANGED);
	while (taken < 1000 && !(sim_get(port, PCI_COMMAND, 2) & PCI_COMMAND_NO_INT)) {
		(void)interrupt();
		taken++;
	}
	assert_true(taken < 100);
	assert_true(run_for(NSEC_PER_SEC / 2) < 500);
	sticky = false;
	run_for(2 * NSEC_PER_SEC);
	/* It is heard again. */
	assert_false(sim_get(port, PCI_COMMAND, 2) & PCI_COMMAND_NO_INT);
}

/* Events that can be acknowledged, but come without end. */
static void a_storm_is_masked_too(void **state)
{
	unsigned int taken = 0;

	(void)state;
	start();
	while (taken < 1000 && !(sim_get(port, PCI_COMMAND, 2) & PCI_COMMAND_NO_INT)) {
		events(PCI_EXP_SLOT_BUTTON_PRESSED);
		(void)interrupt();
		taken++;
	}
	assert_in_range(taken, 10, 100);
	run_for(NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_false(sim_get(port, PCI_COMMAND, 2) & PCI_COMMAND_NO_INT);
}

static bool random_answer(uint64_t offset, unsigned int width, uint32_t *value)
{
	unsigned int at = offset & 0xfff;

	if (offset >> 12 != 1 << 3 || at < CAP + PCI_EXP_LINK_STATUS || at > STATUS)
		return false;
	*value = (uint32_t)rand() & (width == 4 ? UINT32_MAX : 0xffff);
	return true;
}

static void anything_written(struct sim_function *fn, unsigned int offset, unsigned int width,
			     uint32_t value)
{
	(void)width;
	(void)value;
	if (fn == port && offset == CONTROL)
		disk->present = rand() & 1;
}

static void a_slot_may_say_anything(void **state)
{
	unsigned int runs = 0;

	(void)state;
	start();
	srand(1);
	sim_answer = random_answer;
	sim_written = anything_written;
	for (unsigned int i = 0; i < 3000; i++) {
		(void)interrupt();
		runs += run_for(NSEC_PER_MSEC * (rand() % 50u));
	}
	assert_true(runs < 100000);
	assert_true(came >= went && came <= went + 1); /* each that came goes once */
	assert_true(came > 0);
}

static int msi_alloc(struct msi_controller *msi, uint32_t device_id, unsigned int count, int irqs[],
		     struct msi_message messages[])
{
	(void)msi;
	(void)device_id;
	if (msi_error)
		return msi_error;
	for (unsigned int i = 0; i < count; i++) {
		irqs[i] = 8192 + (int)i;
		messages[i] = (struct msi_message){0x8000000, i};
	}
	return 0;
}

static unsigned int vectors_freed;

static void msi_give_back(struct msi_controller *msi, uint32_t device_id, unsigned int count,
			  const int irqs[])
{
	(void)msi;
	(void)device_id;
	(void)irqs;
	vectors_freed += count;
}

static struct msi_controller controller = {
	.name = "test", .alloc = msi_alloc, .free = msi_give_back};

/* Two vectors, of which the slot's is the second. */
static void with_vectors(void)
{
	static const uint32_t no_map[] = {0x10000, 3, 0, 1};
	unsigned int cap = sim_cap(port, PCI_CAP_MSIX, 12);

	sim_set32(port, cap, (sim_get(port, cap, 4) & 0xffff) | 1u << 16); /* two vectors */
	port->writable[cap + 3] = 0xc0;
	port->config[CAP + PCI_EXP_FLAGS + 1] |= 1 << 1; /* message number 1 */
	sim_host.replace = "iommu-map";
	sim_host.cells = no_map;
	sim_host.cell_count = 4;
	sim_tree();
	controller.dt_node = dt_find_path("/msi");
	if (!msi_find(controller.dt_node))
		msi_register(&controller);
	vectors_freed = 0;
}

static void a_port_uses_the_vector_that_it_names(void **state)
{
	(void)state;
	with_vectors();
	start();
	assert_int_equal(lines[0].irq, 8193);
	assert_int_equal(handlers(), 1);
	plug();
	(void)interrupt();
	run_for(1000);
	assert_int_equal(came, 1);
	for (unsigned int i = 0; i < 100; i++) { /* a storm: the vector is masked */
		events(PCI_EXP_SLOT_PRESENCE_CHANGED);
		(void)interrupt();
	}
	assert_int_equal(port->table[16 + PCI_MSIX_VECTOR], PCI_MSIX_VECTOR_MASKED);
	run_for(NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_int_equal(port->table[16 + PCI_MSIX_VECTOR], 0);
	for (unsigned int i = 0; i < 64; i++) /* messages about nothing */
		assert_true(interrupt());
	assert_int_equal(port->table[16 + PCI_MSIX_VECTOR], 0);
	(void)interrupt();
	assert_int_equal(port->table[16 + PCI_MSIX_VECTOR], PCI_MSIX_VECTOR_MASKED);
	assert_false(work_pending(&system_wq));
	run_for(NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_int_equal(port->table[16 + PCI_MSIX_VECTOR], 0);
	assert_true(sim_get(port, PCI_COMMAND, 2) & PCI_COMMAND_NO_INT);
	vectors_freed = 0;
	pci_hotplug_forget();
	assert_int_equal(vectors_freed, 2);
}

static void a_port_that_gets_no_vector_uses_its_wire(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		setup(state);
		with_vectors();
		msi_error = i ? 0 : -ENOSPC;
		refused_irq = i ? 8193 : -1;
		start();
		assert_int_equal(handlers(), 1);
		assert_int_equal(lines[0].irq, 32 + 3 + 1);
		assert_int_equal(vectors_freed, i ? 2 : 0);
		assert_false(sim_get(port, PCI_COMMAND, 2) & PCI_COMMAND_NO_INT);
		plug();
		assert_true(interrupt());
		run_for(1000);
		assert_int_equal(came, 1);
		pci_hotplug_forget();
	}
	/* Nor that. */
	setup(state);
	refused_irq = 32 + 3 + 1;
	start();
	assert_int_equal(handlers(), 0);
	assert_true(sim_get(port, PCI_COMMAND, 2) & PCI_COMMAND_NO_INT);
	plug();
	run_for(NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_int_equal(came, 1);
}

static void without_an_interrupt_a_slot_is_looked_at(void **state)
{
	(void)state;
	port->config[PCI_INTERRUPT_PIN] = 0;
	start();
	assert_int_equal(handlers(), 0);
	plug();
	run_for(NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_int_equal(came, 1);
	events(PCI_EXP_SLOT_BUTTON_PRESSED);
	run_for(NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_int_equal(went, 1);
}

/* The wire is shared, so a port pulls it only while somebody listens. */
static void a_wire_is_pulled_while_there_is_a_handler(void **state)
{
	(void)state;
	sim_tree();
	assert_int_equal(pci_init(), 0);
	assert_true(sim_get(port, PCI_COMMAND, 2) & PCI_COMMAND_NO_INT);
	assert_int_equal(pci_hotplug_init(&listener), 0);
	assert_int_equal(handlers(), 1);
	assert_false(sim_get(port, PCI_COMMAND, 2) & PCI_COMMAND_NO_INT);
	pci_hotplug_forget();
	assert_int_equal(handlers(), 0);
	assert_true(sim_get(port, PCI_COMMAND, 2) & PCI_COMMAND_NO_INT);
}

static void a_power_fault_takes_the_device_away(void **state)
{
	(void)state;
	start();
	plug();
	(void)interrupt();
	run_for(1000);
	events(PCI_EXP_SLOT_POWER_FAULT);
	assert_true(interrupt());
	run_for(1000);
	assert_int_equal(went, 1);
	assert_int_equal(lamp(), PCI_EXP_SLOT_LAMP_OFF);
}

static uint16_t lamp_of(const struct sim_function *fn)
{
	return (uint16_t)sim_get(fn, CONTROL, 2) & PCI_EXP_SLOT_LAMP_MASK;
}

/* A port with a slot of its own, and something in that. */
static struct sim_function *plug_port(struct sim_function **leaf)
{
	struct sim_function *inner = sim_add(port, 0, 0, 0x000c1b36, 0x060400);

	sim_bridge(inner, PCI_EXP_DOWNSTREAM, true);
	sim_set32(inner, CAP + PCI_EXP_SLOT_CAP,
		  PCI_EXP_SLOT_HOTPLUG | PCI_EXP_SLOT_LAMP | PCI_EXP_SLOT_SILENT);
	inner->writable[CONTROL] = inner->writable[CONTROL + 1] = 0xff;
	inner->config[PCI_INTERRUPT_PIN] = 1;
	*leaf = add_disk(inner, 0);
	inner->config[STATUS] |= PCI_EXP_SLOT_PRESENT;
	disk->slot = 1; /* out of the way */
	occupy(true);
	events(PLUG_EVENTS);
	return inner;
}

/* Plugged in, and taken out with all that is in it. */
static void slots_come_and_go_as_well(void **state)
{
	struct sim_function *inner, *leaf;

	(void)state;
	start();
	inner = plug_port(&leaf);
	(void)interrupt();
	run_for(20 * NSEC_PER_MSEC);
	assert_int_equal(came, 2);
	assert_int_equal(handlers(), 2);
	assert_int_equal(lamp_of(inner), PCI_EXP_SLOT_LAMP_ON);
	leaf->present = inner->present = false;
	occupy(false);
	events(PCI_EXP_SLOT_PRESENCE_CHANGED);
	(void)interrupt();
	run_for(1000);
	assert_int_equal(went_gone, 2);
	assert_int_equal(handlers(), 1);
	assert_int_equal(functions(), 1);
}

static void what_was_there_at_boot_can_go(void **state)
{
	(void)state;
	disk->present = true;
	occupy(true);
	start();
	assert_int_equal(came, 0); /* it is known already */
	assert_int_equal(functions(), 2);
	assert_int_equal(lamp(), PCI_EXP_SLOT_LAMP_ON);
	assert_int_equal(commands, 2); /* that, and its events */
	events(PCI_EXP_SLOT_BUTTON_PRESSED);
	assert_true(interrupt());
	run_for(1000);
	assert_int_equal(went, 1);
	assert_int_equal(lamp(), PCI_EXP_SLOT_LAMP_OFF);
	run_for(2 * NSEC_PER_SEC);
	plug();
	(void)interrupt();
	run_for(1000);
	assert_int_equal(came, 1);
}

/* The slot still says that something is in it. */
static void a_slot_whose_device_has_vanished_can_be_used_again(void **state)
{
	(void)state;
	start();
	plug();
	(void)interrupt();
	run_for(1000);
	disk->present = false;
	run_for(NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_int_equal(went_gone, 1);
	assert_int_equal(lamp(), PCI_EXP_SLOT_LAMP_OFF);
	assert_true(sim_get(port, CONTROL, 2) & PCI_EXP_SLOT_POWER_OFF);
	plug();
	(void)interrupt();
	run_for(1000);
	assert_int_equal(came, 2);
}

static void slots_are_served_for_one_listener(void **state)
{
	(void)state;
	start();
	assert_int_equal(pci_hotplug_init(&listener), -EBUSY);
	assert_int_equal(handlers(), 1);
}

/* Its registers would lie behind what a capability can have. */
static void a_slot_without_registers_is_none(void **state)
{
	(void)state;
	memset(port->config + CAP, 0, 0x3c);
	port->config[PCI_CAPABILITIES] = 0xf0;
	port->config[0xf0] = PCI_CAP_EXPRESS;
	port->config[0xf0 + PCI_EXP_FLAGS] = PCI_EXP_ROOT_PORT << 4 | 2;
	port->config[0xf0 + PCI_EXP_FLAGS + 1] = PCI_EXP_SLOT >> 8;
	sim_set32(port, 0xf0 + PCI_EXP_SLOT_CAP, PCI_EXP_SLOT_HOTPLUG);
	start();
	assert_int_equal(functions(), 1);
	assert_int_equal(handlers(), 0);
	run_for(2 * NSEC_PER_SEC);
}

/* The listener gets it all the same: what has addresses can be driven. */
/* What came before memory ran out is driven, and what comes later. */
static void memory_may_run_out_at_any_time(void **state)
{
	/* The slot; the port that comes, its bus, the leaf (which its own slot finds later), that slot; nothing. */
	static const struct {
		unsigned int came, handlers;
	} rows[] = {{0, 0}, {0, 1}, {0, 1}, {2, 2}, {2, 1}, {2, 2}};
	struct sim_function *leaf;

	for (unsigned int n = 1; n <= ARRAY_SIZE(rows); n++) {
		setup(state);
		sim_tree();
		assert_int_equal(pci_init(), 0);
		sim_fail_alloc = n;
		assert_int_equal(pci_hotplug_init(&listener), n == 1 ? -ENOMEM : 0);
		(void)plug_port(&leaf);
		(void)interrupt();
		run_for(20 * NSEC_PER_MSEC);
		assert_int_equal(came, rows[n - 1].came);
		assert_int_equal(handlers(), rows[n - 1].handlers);
		assert_int_equal(sim_messages[LOG_ERROR] > 0, n < 6);
		assert_int_equal(sim_fail_alloc > 0, n == 6);
		pci_hotplug_forget();
	}
}

static void what_has_no_room_in_its_slot_is_announced(void **state)
{
	(void)state;
	lenient = true;
	start();
	plug();
	sim_bar(disk, 2, SIM_MEM32, 1u << 30);
	(void)interrupt();
	run_for(1000);
	assert_int_equal(came, 1);
	assert_int_equal(sim_messages[LOG_WARNING], 1); /* which BAR */
	assert_int_equal(sim_messages[LOG_ERROR], 1);	/* in which slot */
	events(PCI_EXP_SLOT_BUTTON_PRESSED);
	(void)interrupt();
	run_for(1000);
	assert_int_equal(went, 1);
}

/* The slot is on: who asks for what is in it gets it. */
static void what_came_with_its_slot_can_be_let_go_of(void **state)
{
	struct sim_function *inner, *leaf;

	(void)state;
	start();
	inner = plug_port(&leaf);
	(void)interrupt();
	run_for(20 * NSEC_PER_MSEC);
	leaf->present = false;
	inner->config[STATUS] &= (uint8_t)~PCI_EXP_SLOT_PRESENT;
	inner->config[STATUS] |= PCI_EXP_SLOT_PRESENCE_CHANGED;
	(void)interrupt();
	inner->config[STATUS] &= (uint8_t)~PCI_EXP_SLOT_PRESENCE_CHANGED;
	run_for(1000);
	assert_int_equal(went, 1);
	assert_int_equal(functions(), 2);
	assert_int_equal(lamp_of(inner), PCI_EXP_SLOT_LAMP_OFF);
}

static void what_has_no_power_in_a_slot_that_comes_gets_some(void **state)
{
	struct sim_function *inner, *leaf;

	(void)state;
	start();
	inner = plug_port(&leaf);
	leaf->present = false;
	(void)interrupt();
	run_for(1000);
	assert_int_equal(came, 1);
	assert_int_equal(lamp_of(inner), PCI_EXP_SLOT_LAMP_BLINK);
	leaf->present = true;
	run_for(20 * NSEC_PER_MSEC);
	assert_int_equal(came, 2);
}

/* The host bridge is what answers at bus 0. */
static void a_port_without_a_bus_number_has_no_slot(void **state)
{
	struct sim_function *second;

	(void)state;
	sim_host.bus_last = 1;
	sim_host.ecam_size = 2u << 20;
	sim_add(NULL, 0, 0, 0x00081b36, 0x060000);
	second = sim_root_port(2, 0, true);
	second->config[STATUS] |= PCI_EXP_SLOT_PRESENT;
	sim_tree();
	assert_int_equal(pci_init(), -ENOSPC);
	assert_int_equal(sim_messages[LOG_ERROR], 1);
	assert_int_equal(pci_hotplug_init(&listener), 0);
	assert_int_equal(handlers(), 1);
	run_for(3 * NSEC_PER_SEC);
	assert_int_equal(sim_messages[LOG_ERROR], 1);
	assert_int_equal(came, 0);
}

static void where_there_is_nothing_to_look_at_nothing_looks(void **state)
{
	(void)state;
	port->present = false;
	sim_add(NULL, 0, 0, 0x00081b36, 0x060000);
	start();
	assert_null(timer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOTPLUG_TEST(what_is_plugged_in_is_announced_with_its_addresses),
		HOTPLUG_TEST(what_is_pulled_out_is_gone_when_that_is_announced),
		HOTPLUG_TEST(what_was_exchanged_is_removed_and_the_new_one_announced),
		HOTPLUG_TEST(a_device_may_take_its_time),
		HOTPLUG_TEST(a_link_that_is_reported_is_waited_for),
		HOTPLUG_TEST(what_never_answers_is_given_up),
		HOTPLUG_TEST(what_is_without_power_at_boot_gets_some),
		HOTPLUG_TEST(an_event_without_an_interrupt_is_found_within_a_second),
		HOTPLUG_TEST(a_function_that_vanishes_without_a_word_is_noticed),
		HOTPLUG_TEST(commands_that_are_never_completed_cost_a_second_once),
		HOTPLUG_TEST(a_slot_that_never_stops_interrupting_is_masked),
		HOTPLUG_TEST(a_storm_is_masked_too),
		HOTPLUG_TEST(a_slot_may_say_anything),
		HOTPLUG_TEST(a_port_uses_the_vector_that_it_names),
		HOTPLUG_TEST(a_port_that_gets_no_vector_uses_its_wire),
		HOTPLUG_TEST(without_an_interrupt_a_slot_is_looked_at),
		HOTPLUG_TEST(a_wire_is_pulled_while_there_is_a_handler),
		HOTPLUG_TEST(a_power_fault_takes_the_device_away),
		HOTPLUG_TEST(slots_come_and_go_as_well),
		HOTPLUG_TEST(what_was_there_at_boot_can_go),
		HOTPLUG_TEST(a_slot_whose_device_has_vanished_can_be_used_again),
		HOTPLUG_TEST(slots_are_served_for_one_listener),
		HOTPLUG_TEST(a_slot_without_registers_is_none),
		HOTPLUG_TEST(memory_may_run_out_at_any_time),
		HOTPLUG_TEST(what_has_no_room_in_its_slot_is_announced),
		HOTPLUG_TEST(what_came_with_its_slot_can_be_let_go_of),
		HOTPLUG_TEST(what_has_no_power_in_a_slot_that_comes_gets_some),
		HOTPLUG_TEST(a_port_without_a_bus_number_has_no_slot),
		HOTPLUG_TEST(where_there_is_nothing_to_look_at_nothing_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
