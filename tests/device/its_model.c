/* SPDX-License-Identifier: BSD-2-Clause */
/* See its_model.h. Numbers of registers, fields and commands are written down here once more, on purpose. */
#include <string.h>
#include "tests/device/its_memory.h"
#include "tests/device/its_model.h"
#include "tests/device/violation.h"

#define BASERS	  3 /* devices, collections, and one of an unknown kind */
#define QUEUE	  128
#define COMMAND	  32
#define NUMBER	  7 /* of this CPU's redistributor */
#define VALID	  (1ull << 63)
#define LPI_FIRST 8192

struct its_model its_model;

static char frames[ITS_MODEL_ALL] __attribute__((aligned(0x10000)));

struct model_device {
	uint32_t id;
	bool valid;
	uint64_t itt;
	unsigned int bits;
	uint32_t lpi[ITS_MODEL_EVENTS]; /* 0: not mapped */
};

static struct {
	uint32_t redist_ctlr;
	unsigned int busy; /* reads until a write of it has taken effect */
	uint64_t propbaser, pendbaser;
	uint8_t config[ITS_MODEL_LPIS]; /* as it was last read */
	bool pending[ITS_MODEL_LPIS];
} m;

/* An ITS; @it is the one that is concerned. */
static struct its_state {
	uint32_t its_ctlr;
	uint64_t cbaser, cwriter, creadr, baser[BASERS];
	bool collection;
	struct model_device devices[ITS_MODEL_DEVICES];
} state[ITS_MODEL_ITSS], *it = state;

/* --- what it uses ------------------------------------------------------------------------------ */

static uint64_t baser_address(unsigned int n)
{
	return it->baser[n] & 0x0000fffffffff000ull;
}

static size_t itt_bytes(unsigned int bits)
{
	return (size_t)its_model.options.itt_entry << bits;
}

static size_t baser_page(unsigned int n)
{
	return (size_t)4096 << 2 * (it->baser[n] >> 8 & 3);
}

static bool in_use_by_its(struct its_range range)
{
	bool used = its_overlaps(range, it->cbaser & 0x000ffffffffff000ull, 4096);

	for (unsigned int n = 0; n < BASERS; n++) {
		size_t size = ((it->baser[n] & 0xff) + 1) * baser_page(n);

		used |= it->baser[n] & VALID && its_overlaps(range, baser_address(n), size);
	}
	for (unsigned int i = 0; i < ITS_MODEL_DEVICES; i++) {
		used |= it->devices[i].valid &&
			its_overlaps(range, it->devices[i].itt, itt_bytes(it->devices[i].bits));
	}
	return used && it->its_ctlr & 1;
}

static bool in_use_by_any(struct its_range range)
{
	struct its_state *current = it;
	bool used = false;

	for (it = state; it < state + ITS_MODEL_ITSS; it++)
		used |= in_use_by_its(range);
	it = current;
	return used;
}

bool its_model_uses(struct its_range range)
{
	if (m.redist_ctlr & 1 && (its_overlaps(range, m.propbaser & 0x000ffffffffff000ull, 8192) ||
				  its_overlaps(range, m.pendbaser & 0x000fffffffff0000ull, 2048)))
		return true;
	return in_use_by_any(range);
}

void its_model_reset(void)
{
	its_memory_reset();
	memset(&m, 0, sizeof(m));
	memset(state, 0, sizeof(state));
	its_model_use(0);
	memset(&its_model, 0, sizeof(its_model));
	its_model.stop_at = UINT32_MAX;
	its_model.options = (struct its_model_options){
		.coherent = true,
		.two_levels = true,
		.page_sizes = 7,
		.device_bits = 16,
		.event_bits = 9,
		.itt_entry = 12,
		.id_bits = 16,
		.version = 3,
	};
}

void its_model_use(unsigned int n)
{
	it = &state[n];
}

char *its_model_frames(void)
{
	return frames;
}

/* --- LPIs ---------------------------------------------------------------------------------------- */

static void deliver(unsigned int lpi)
{
	if (!m.pending[lpi] || !(m.config[lpi] & 1) || !(m.redist_ctlr & 1))
		return;
	m.pending[lpi] = false;
	its_model.delivered[lpi]++;
}

static void read_config(unsigned int lpi)
{
	const uint8_t *byte =
		its_see((m.propbaser & 0x000ffffffffff000ull) + lpi, 1, "configuration of an LPI");

	if (!byte)
		return;
	if ((*byte & 0xfe) != 0xa2)
		violation("its: LPI %u: property 0x%x", lpi + LPI_FIRST, *byte);
	m.config[lpi] = *byte;
	deliver(lpi);
}

static void enable_lpis(void)
{
	if ((m.propbaser & 0x1f) != 13 || m.pendbaser & 0xf000)
		violation("its: LPIs enabled with PROPBASER 0x%llx, PENDBASER 0x%llx",
			  (unsigned long long)m.propbaser, (unsigned long long)m.pendbaser);
	if (!(m.pendbaser >> 62 & 1))
		violation("its: a pending table that is not said to be zeroed");
	its_check_given(m.pendbaser & 0x000fffffffff0000ull, 2048, "pending table");
	(void)its_see(m.propbaser & 0x000ffffffffff000ull, 8192, "property table");
}

/* --- commands ------------------------------------------------------------------------------------ */

static struct model_device *device_of(uint32_t id)
{
	for (unsigned int i = 0; i < ITS_MODEL_DEVICES; i++) {
		if (it->devices[i].valid && it->devices[i].id == id)
			return &it->devices[i];
	}
	return NULL;
}

static uint64_t target(void)
{
	return its_model.options.by_address ? (uintptr_t)frames + ITS_MODEL_REDIST : NUMBER << 16;
}

/* That the table of devices has room for @id. */
static void check_covered(uint32_t id)
{
	size_t page = baser_page(0), size = ((it->baser[0] & 0xff) + 1) * page;
	uint64_t address = baser_address(0);
	const uint64_t *first;

	if (!(it->baser[0] >> 62 & 1)) {
		if (((uint64_t)id + 1) * 8 > size)
			violation("its: device %u is beyond the table", id);
		return;
	}
	address += id / (page / 8) * 8;
	if (id / (page / 8) * 8 >= size)
		violation("its: device %u is beyond the first level", id);
	first = its_see(address, 8, "first level");
	if (!first || !(*first & VALID))
		violation("its: device %u has no second level", id);
	else if (*first & (page - 1))
		violation("its: a second level that is not aligned");
	else
		its_check_given(*first & 0x000ffffffffff000ull, page, "second level");
}

static void mapd(uint32_t id, const uint64_t *word)
{
	struct model_device *device = it->devices;

	if (device_of(id)) {
		violation("its: MAPD of device %u, which is mapped", id);
		return;
	}
	check_covered(id);
	while (device->valid)
		device++;
	*device = (struct model_device){
		.id = id,
		.valid = true,
		.itt = word[2] & 0x000fffffffffff00ull,
		.bits = (unsigned int)(word[1] & 0x1f) + 1,
	};
	if (word[1] & ~0x1full || word[2] & ~(VALID | 0x000fffffffffff00ull))
		violation("its: MAPD with reserved bits");
	if (device->bits > its_model.options.event_bits)
		violation("its: MAPD with %u bits of events", device->bits);
	its_check_given(device->itt, itt_bytes(device->bits), "interrupt translation table");
}

static void unmapd(uint32_t id, const uint64_t *word)
{
	struct model_device *device = device_of(id);

	if (!device || word[1] || word[2]) {
		violation("its: MAPD that unmaps device %u", id);
		return;
	}
	for (unsigned int i = 0; i < ITS_MODEL_EVENTS; i++) {
		if (device->lpi[i])
			violation("its: device %u unmapped with event %u", id, i);
	}
	device->valid = false;
}

/* The event's place in its device's table, or NULL: there is no such device or event. */
static uint32_t *event_of(const char *what, uint32_t id, uint64_t event)
{
	struct model_device *device = device_of(id);

	if (!device || event >> device->bits || event >= ITS_MODEL_EVENTS) {
		violation("its: %s of device %u, event %llu", what, id, (unsigned long long)event);
		return NULL;
	}
	(void)its_see(device->itt, itt_bytes(device->bits), what);
	return &device->lpi[event];
}

/* ... with an LPI in it. */
static uint32_t *mapped_event(const char *what, uint32_t id, uint64_t event)
{
	uint32_t *lpi = event_of(what, id, event);

	if (!lpi || *lpi)
		return lpi;
	violation("its: %s of device %u, event %llu, which is not mapped", what, id,
		  (unsigned long long)event);
	return NULL;
}

static void mapti(uint32_t id, const uint64_t *word)
{
	uint32_t number = (uint32_t)(word[1] >> 32);
	uint32_t *lpi = event_of("MAPTI", id, word[1] & UINT32_MAX);

	if (!lpi)
		return;
	if (*lpi || word[2] || !it->collection || number < LPI_FIRST ||
	    number >= LPI_FIRST + ITS_MODEL_LPIS) {
		violation("its: MAPTI of device %u to LPI %u, collection %llu", id, number,
			  (unsigned long long)word[2]);
		return;
	}
	for (unsigned int i = 0; i < ITS_MODEL_ITSS * ITS_MODEL_DEVICES; i++) {
		const struct model_device *any =
			&state[i / ITS_MODEL_DEVICES].devices[i % ITS_MODEL_DEVICES];

		for (unsigned int n = 0; any->valid && n < ITS_MODEL_EVENTS; n++) {
			if (any->lpi[n] == number)
				violation("its: LPI %u has two events", number);
		}
	}
	*lpi = number;
	read_config(number - LPI_FIRST);
}

static void about_event(unsigned int command, uint32_t id, const uint64_t *word)
{
	const char *what = command == 3 ? "INT" : command == 0xc ? "INV" : "DISCARD";
	uint32_t *lpi = mapped_event(what, id, word[1]);

	if (!lpi)
		return;
	if (command == 3) {
		m.pending[*lpi - LPI_FIRST] = true;
		deliver(*lpi - LPI_FIRST);
	} else if (command == 0xc) {
		read_config(*lpi - LPI_FIRST);
	} else {
		m.pending[*lpi - LPI_FIRST] = false;
		*lpi = 0;
	}
	if (word[2])
		violation("its: %s with reserved bits", what);
}

static void about_collection(unsigned int command, const uint64_t *word)
{
	if (command == 9) {
		if (word[2] != (VALID | target()))
			violation("its: MAPC of 0x%llx", (unsigned long long)word[2]);
		it->collection = true;
	} else if (command == 0xd) {
		if (!it->collection || word[2])
			violation("its: INVALL of collection %llu", (unsigned long long)word[2]);
		its_model.invalls++;
		for (unsigned int i = 0; i < ITS_MODEL_LPIS; i++)
			read_config(i);
	} else {
		if (word[2] != target())
			violation("its: SYNC of 0x%llx", (unsigned long long)word[2]);
		its_model.unsynced = 0;
	}
	if (word[1] || word[0] >> 8)
		violation("its: command %u with reserved bits", command);
}

static void carry_out(const uint64_t *word)
{
	uint32_t id = (uint32_t)(word[0] >> 32);
	unsigned int command = word[0] & 0xff;

	its_model.commands++;
	its_model.unsynced++;
	if (word[3] || word[0] & 0xffffff00u)
		violation("its: command %u with reserved bits", command);
	switch (command) {
	case 0x8:
		if (word[2] & VALID)
			mapd(id, word);
		else
			unmapd(id, word);
		break;
	case 0xa:
		mapti(id, word);
		break;
	case 0x3:
	case 0xc:
	case 0xf:
		about_event(command, id, word);
		break;
	case 0x5:
	case 0x9:
	case 0xd:
		about_collection(command, word);
		break;
	default:
		violation("its: unknown command 0x%x", command);
	}
}

/* A stalled ITS does nothing until it is told to try again. */
static void run(void)
{
	const uint64_t *word;

	while (it->its_ctlr & 1 && !(it->creadr & 1) && it->creadr != it->cwriter) {
		if (its_model.commands == its_model.stop_at) {
			it->creadr |= !its_model.stop_silently;
			return;
		}
		word = its_see((it->cbaser & 0x000ffffffffff000ull) + it->creadr, COMMAND,
			       "command");
		if (!word)
			return;
		carry_out(word);
		it->creadr = (it->creadr + COMMAND) % (QUEUE * COMMAND);
	}
}

void its_model_continue(void)
{
	run();
}

static void write_cwriter(uint64_t value)
{
	bool retry = value & 1;

	value &= ~1ull;
	if (value >= QUEUE * COMMAND || value % COMMAND)
		violation("its: GITS_CWRITER 0x%llx", (unsigned long long)value);
	else if (retry && (!(it->creadr & 1) || value != it->cwriter))
		violation("its: told to try again what has not stalled, or with more commands");
	it->cwriter = value % (QUEUE * COMMAND);
	if (retry)
		it->creadr &= ~1ull;
	its_model.retries += retry;
	run();
}

void its_model_message(uint32_t device, uint32_t event)
{
	const uint64_t word[4] = {0, event, 0, 0};

	about_event(3, device, word);
}

unsigned int its_model_mapped(void)
{
	unsigned int mapped = 0;

	for (unsigned int i = 0; i < ITS_MODEL_DEVICES; i++) {
		for (unsigned int n = 0; it->devices[i].valid && n < ITS_MODEL_EVENTS; n++)
			mapped += it->devices[i].lpi[n] != 0;
	}
	return mapped;
}

/* --- registers ----------------------------------------------------------------------------------- */

/* Attributes that an ITS outside of the caches' protocol does not have read as zero. */
static uint64_t base_register(uint64_t value)
{
	return its_model.options.coherent ? value : value & ~(3ull << 10);
}

static uint64_t baser_fixed(unsigned int n)
{
	static const uint64_t types[BASERS] = {1, 4, 6};

	if (n == 0 && its_model.options.no_devices)
		return 0;
	return types[n] << 56 | (n ? 15ull : 7ull) << 48;
}

static uint64_t read_baser(unsigned int n)
{
	return it->baser[n] | baser_fixed(n);
}

static void write_baser(unsigned int n, uint64_t value)
{
	uint64_t keep = ~its_model.options.refused & ~(7ull << 56 | 0x1full << 48);

	if (!baser_fixed(n))
		return;
	if (it->its_ctlr & 1)
		violation("its: GITS_BASER%u written while enabled", n);
	if (!its_model.options.two_levels || n)
		keep &= ~(1ull << 62);
	while (!(its_model.options.page_sizes >> (value >> 8 & 3) & 1))
		value = (value & ~(3ull << 8)) | ((value >> 8 & 3) + 1) % 3 << 8;
	it->baser[n] = base_register(value & keep);
	if (value & VALID && baser_address(n) & (baser_page(n) - 1) & ~its_model.options.refused)
		violation("its: GITS_BASER%u: table not aligned", n);
}

static void check_enable(void)
{
	if (!(it->cbaser & VALID))
		violation("its: enabled without a queue");
	for (unsigned int n = 0; n < BASERS; n++) {
		if (baser_fixed(n) && !(it->baser[n] & VALID))
			violation("its: enabled without table %u", n);
		else if (baser_fixed(n))
			its_check_given(baser_address(n),
					((it->baser[n] & 0xff) + 1) * baser_page(n), "table");
	}
}

static uint64_t its_read(uint32_t offset)
{
	const struct its_model_options *options = &its_model.options;

	switch (offset) {
	case 0x0:
		return it->its_ctlr | (it->its_ctlr & 1 || options->never_quiet ? 0 : 1u << 31);
	case 0x8:
		return (options->not_physical ? 0 : 1) | (uint64_t)(options->itt_entry - 1) << 4 |
		       (uint64_t)(options->event_bits - 1) << 8 |
		       (uint64_t)(options->device_bits - 1) << 13 |
		       (uint64_t)options->by_address << 19;
	case 0x80:
		return it->cbaser;
	case 0x90:
		return it->creadr;
	case 0xffe8:
		return options->version << 4;
	default:
		if (offset >= 0x100 && offset < 0x140)
			return offset - 0x100 >= 8 * BASERS ? 0 : read_baser((offset - 0x100) / 8);
		violation("its: read of 0x%x", offset);
		return 0;
	}
}

static void its_write(uint32_t offset, uint64_t value)
{
	switch (offset) {
	case 0x0:
		if (value & ~it->its_ctlr & 1)
			check_enable();
		it->its_ctlr = value & 1;
		break;
	case 0x80:
		if (it->its_ctlr & 1)
			violation("its: GITS_CBASER written while enabled");
		it->cbaser = base_register(value & ~its_model.options.refused_queue);
		it->creadr = 0;
		if (value && (value & 0xff) != QUEUE * COMMAND / 4096 - 1)
			violation("its: a queue of %llu pages", (unsigned long long)value & 0xff);
		break;
	case 0x88:
		write_cwriter(value);
		break;
	default:
		if (offset < 0x100 || offset >= 0x140)
			violation("its: write of 0x%x", offset);
		else if (offset - 0x100 < 8 * BASERS)
			write_baser((offset - 0x100) / 8, value);
	}
}

static uint64_t redist_read(uint32_t offset)
{
	switch (offset) {
	case 0x0:
		m.busy -= m.busy > 0;
		return m.redist_ctlr | (its_model.options.lpis_stuck ? 1 : 0) | (m.busy ? 8 : 0);
	case 0x8:
		return (its_model.options.no_plpis ? 0 : 1) | NUMBER << 8;
	case 0x70:
		return m.propbaser;
	case 0x78:
		return m.pendbaser & ~(1ull << 62);
	default:
		violation("redistributor: read of 0x%x", offset);
		return 0;
	}
}

static void redist_write(uint32_t offset, uint64_t value)
{
	switch (offset) {
	case 0x0:
		if (value & ~m.redist_ctlr & 1)
			enable_lpis();
		else if (~value & m.redist_ctlr & 1)
			m.busy = 5;
		m.redist_ctlr = (uint32_t)value & 1;
		return;
	case 0x70:
		m.propbaser = base_register(value & ~its_model.options.refused_properties);
		break;
	case 0x78:
		m.pendbaser = base_register(value & ~its_model.options.refused_pending);
		break;
	default:
		violation("redistributor: write of 0x%x", offset);
	}
	if (m.redist_ctlr & 1 || m.busy)
		violation("redistributor: 0x%x written while it may use its tables", offset);
}

void its_model_firmware_enabled_lpis(void)
{
	m.redist_ctlr = 1;
}

/* The register @offset is one of this ITS; it has the number that is returned. */
static uint32_t choose_its(uint32_t offset)
{
	its_model_use((offset - ITS_MODEL_ITS) / ITS_MODEL_ITS_SIZE);
	return (offset - ITS_MODEL_ITS) % ITS_MODEL_ITS_SIZE;
}

static uint64_t read_any(uint32_t offset)
{
	its_model.accesses++;
	if (offset >= ITS_MODEL_ITS)
		return its_read(choose_its(offset));
	if (offset >= ITS_MODEL_REDIST)
		return redist_read(offset - ITS_MODEL_REDIST);
	if (offset == 4)
		return (its_model.options.no_lpis ? 0 : 1u << 17) |
		       (its_model.options.id_bits - 1) << 19 | its_model.options.num_lpis << 11;
	violation("distributor: read of 0x%x", offset);
	return 0;
}

static void write_any(uint32_t offset, uint64_t value)
{
	its_model.accesses++;
	if (offset >= ITS_MODEL_ITS)
		its_write(choose_its(offset), value);
	else if (offset >= ITS_MODEL_REDIST)
		redist_write(offset - ITS_MODEL_REDIST, value);
	else
		violation("distributor: write of 0x%x", offset);
}

/* Registers of 32 bits: the control registers, and the lower half of GICR_TYPER. */
static bool is_narrow(uint32_t offset)
{
	if (offset < ITS_MODEL_REDIST)
		return true;
	if (offset < ITS_MODEL_ITS)
		return offset - ITS_MODEL_REDIST <= 0x8;
	offset = (offset - ITS_MODEL_ITS) % ITS_MODEL_ITS_SIZE;
	return offset == 0 || offset == 0xffe8;
}

uint32_t its_model_read32(uint32_t offset)
{
	if (!is_narrow(offset))
		violation("a read of 32 bits at 0x%x", offset);
	return (uint32_t)read_any(offset);
}

uint64_t its_model_read64(uint32_t offset)
{
	if (is_narrow(offset))
		violation("a read of 64 bits at 0x%x", offset);
	return read_any(offset);
}

void its_model_write32(uint32_t offset, uint32_t value)
{
	if (!is_narrow(offset))
		violation("a write of 32 bits at 0x%x", offset);
	write_any(offset, value);
}

void its_model_write64(uint32_t offset, uint64_t value)
{
	if (is_narrow(offset))
		violation("a write of 64 bits at 0x%x", offset);
	write_any(offset, value);
}
