// SPDX-License-Identifier: BSD-2-Clause
/*
 * The benchmark for firmware (U-Boot and EDK2): an EFI application, because that is the only program that
 * both let call their drivers, and because the time that U-Boot's own commands take is that of its
 * shell. Its load options are jobs, as in linux_init.c:
 *
 *     blk 0 r|w rand|seq BYTES n=COUNT    through the block protocol: one request at a time
 *     net 0 tx BYTES n=COUNT              through the simple network protocol: one frame at a time
 *
 * Each prints "BENCH <the job> ticks=HEX hz=HEX"; run.py makes decimal figures of them, which spares
 * this program a division. At the end the machine is switched off.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_TEXT       512
#define MAX_FRAME      1514
#define TX_POLLS       1000000
#define SHUTDOWN       2
#define ALL_HANDLES    0
#define LEVEL_CALLBACK 8
#define BOOT_DATA      4 /* the kind of memory */
#define EXPERIMENTAL   0x88b5

typedef uintptr_t efi_status;
typedef uint16_t efi_char;

struct efi_guid {
	uint32_t first;
	uint16_t second, third;
	uint8_t rest[8];
};

/* Of each table only what is called here has a type; the rest are places. */
struct efi_header {
	uint64_t signature;
	uint32_t revision, size, crc, reserved;
};

struct efi_text_output {
	void *reset;
	efi_status (*output_string)(struct efi_text_output *self, efi_char *text);
};

struct efi_boot_services {
	struct efi_header header;
	uintptr_t (*raise_level)(uintptr_t level);
	void *before_pool[4];
	efi_status (*allocate_pool)(unsigned kind, uintptr_t bytes, void **memory);
	void *before_handle[10];
	efi_status (*handle_protocol)(void *handle, const struct efi_guid *guid, void **protocol);
	void *before_watchdog[12];
	efi_status (*set_watchdog)(uintptr_t seconds, uint64_t code, uintptr_t bytes, void *data);
	efi_status (*connect)(void *handle, void **drivers, void *path, uint8_t recursive);
	void *before_handles[5];
	efi_status (*locate_handles)(unsigned kind, const struct efi_guid *guid, void *key,
				     uintptr_t *count, void ***handles);
	efi_status (*locate_protocol)(const struct efi_guid *guid, void *key, void **protocol);
};

struct efi_runtime_services {
	struct efi_header header;
	void *before_reset[10];
	void (*reset_system)(unsigned kind, efi_status status, uintptr_t bytes, void *data);
};

struct efi_system {
	struct efi_header header;
	efi_char *vendor;
	uint32_t revision;
	void *input_handle, *input, *output_handle;
	struct efi_text_output *output;
	void *error_handle, *error;
	struct efi_runtime_services *runtime;
	struct efi_boot_services *boot;
};

struct efi_loaded_image {
	uint32_t revision;
	void *parent, *system, *device, *path, *reserved;
	uint32_t options_bytes;
	efi_char *options;
};

struct efi_media {
	uint32_t id;
	uint8_t removable, present, partition, read_only, caching;
	uint32_t block_size, alignment;
	uint64_t last_block;
};

struct efi_block {
	uint64_t revision;
	struct efi_media *media;
	void *reset;
	efi_status (*read)(struct efi_block *self, uint32_t media, uint64_t block, uintptr_t bytes,
			   void *data);
	efi_status (*write)(struct efi_block *self, uint32_t media, uint64_t block, uintptr_t bytes,
			    void *data);
};

struct efi_network {
	uint64_t revision;
	efi_status (*start)(struct efi_network *self);
	void *stop;
	efi_status (*initialize)(struct efi_network *self, uintptr_t receive, uintptr_t transmit);
	void *before_status[7];
	efi_status (*get_status)(struct efi_network *self, uint32_t *interrupts, void **sent);
	efi_status (*transmit)(struct efi_network *self, uintptr_t header, uintptr_t bytes,
			       void *frame, void *from, void *to, uint16_t *protocol);
};

static const struct efi_guid loaded_image_guid = {
	0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid block_guid = {
	0x964e5b21, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid network_guid = {
	0xa19832b9, 0xac25, 0x11d3, {0x9a, 0x2d, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};

static struct efi_system *firmware;

efi_status efi_main(void *image, struct efi_system *system);

/* For the compiler, which may call it. */
void *memset(void *to, int byte, size_t bytes);
void *memset(void *to, int byte, size_t bytes)
{
	volatile uint8_t *at = to;

	while (bytes--)
		*at++ = (uint8_t)byte;
	return to;
}

static uint64_t ticks(void)
{
	uint64_t now;

#ifdef __aarch64__
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(now) : : "memory");
#else
	__asm__ volatile("isb\n\tmrrc p15, 1, %Q0, %R0, c14" : "=r"(now) : : "memory");
#endif
	return now;
}

static uint32_t ticks_per_second(void)
{
	uintptr_t rate;

#ifdef __aarch64__
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(rate));
#else
	__asm__ volatile("mrc p15, 0, %0, c14, c0, 0" : "=r"(rate));
#endif
	return (uint32_t)rate;
}

static void print(const char *text)
{
	efi_char out[2] = {0, 0};

	for (; *text; text++) {
		if (*text == '\n') {
			out[0] = '\r';
			firmware->output->output_string(firmware->output, out);
		}
		out[0] = (efi_char)*text;
		firmware->output->output_string(firmware->output, out);
	}
}

static void print_hex(uint64_t value)
{
	char text[19];
	unsigned i;

	text[0] = '0';
	text[1] = 'x';
	for (i = 0; i < 16; i++) {
		unsigned digit = (unsigned)(value >> (60 - 4 * i)) & 15;

		text[2 + i] = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
	}
	text[18] = 0;
	print(text);
}

static int fails(const char *job, const char *why)
{
	print("BENCH-ERROR ");
	print(job);
	print(": ");
	print(why);
	print("\n");
	return -1;
}

static void report(const char *job, uint64_t passed)
{
	print("BENCH ");
	print(job);
	print(" ticks=");
	print_hex(passed);
	print(" hz=");
	print_hex(ticks_per_second());
	print("\n");
}

/* The text after @start, where that begins a word of @job; NULL otherwise. */
static const char *find(const char *job, const char *start)
{
	const char *at = job;

	while (*at) {
		unsigned i = 0;

		while (start[i] && at[i] == start[i])
			i++;
		if (!start[i])
			return at + i;
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
	}
	return NULL;
}

static uint32_t number(const char *text, uint32_t otherwise)
{
	uint32_t value = 0;

	if (!text || *text < '0' || *text > '9')
		return otherwise;
	while (*text >= '0' && *text <= '9')
		value = value * 10 + (uint32_t)(*text++ - '0');
	return value;
}

static int transfer(const char *job, struct efi_block *disk, void *buffer, uint32_t bytes)
{
	bool writes = find(job, "blk 0 w ") != NULL;
	bool random = find(job, "rand ") != NULL;
	uint32_t count = number(find(job, "n="), 1000);
	uint32_t blocks = bytes / 512;
	uint32_t places = 0, next = 0, seed = 0x2545f491, i;
	uint64_t block, start;

	for (block = blocks; block <= disk->media->last_block + 1; block += blocks)
		places++;
	start = ticks();
	for (i = 0; i < count; i++) {
		efi_status status;

		seed = seed * 1664525 + 1013904223;
		block = random ? ((uint64_t)seed * places >> 32) : next;
		next = next + 1 == places ? 0 : next + 1;
		status = writes ? disk->write(disk, disk->media->id, block * blocks, bytes, buffer)
				: disk->read(disk, disk->media->id, block * blocks, bytes, buffer);
		if (status)
			return fails(job, "the firmware's disk");
	}
	report(job, ticks() - start);
	return 0;
}

static int job_blk(const char *job)
{
	const char *size = find(job, "rand ") ? find(job, "rand ") : find(job, "seq ");
	uint32_t bytes = number(size, 0);
	struct efi_block *disk;
	void *memory;

	if (!bytes || bytes & 511 || number(find(job, "qd="), 1) != 1)
		return fails(job, "size, or a depth that firmware does not have");
	if (firmware->boot->locate_protocol(&block_guid, NULL, (void **)&disk) ||
	    disk->media->block_size != 512 || bytes / 512 > disk->media->last_block + 1)
		return fails(job, "no disk");
	if (firmware->boot->allocate_pool(BOOT_DATA, bytes + 4096, &memory))
		return fails(job, "memory");
	memory = (void *)(((uintptr_t)memory + 4095) & ~(uintptr_t)4095);
	return transfer(job, disk, memory, bytes);
}

/* Sends the frame and waits until it is ours again. */
static int send(struct efi_network *card, uint8_t *frame, uint32_t bytes)
{
	void *sent = NULL;
	unsigned polls;

	if (card->transmit(card, 0, bytes, frame, NULL, NULL, NULL))
		return -1;
	for (polls = 0; polls < TX_POLLS; polls++) {
		if (card->get_status(card, NULL, &sent))
			return -1;
		if (sent == frame)
			return 0;
	}
	return -1;
}

static int job_net(const char *job)
{
	static uint8_t frame[MAX_FRAME];
	uint32_t bytes = number(find(job, "tx "), 0);
	uint32_t count = number(find(job, "n="), 1000);
	struct efi_network *card;
	uint64_t start;
	uint32_t i;

	if (bytes < 14 || bytes > MAX_FRAME || number(find(job, "batch="), 1) != 1)
		return fails(job, "size, or a batch that firmware does not have");
	if (firmware->boot->locate_protocol(&network_guid, NULL, (void **)&card))
		return fails(job, "no card");
	/* The firmware's own stack, if it has one, would take back frames of ours from its timer. */
	firmware->boot->raise_level(LEVEL_CALLBACK);
	/* Both fail where that stack has done so: then the first frame can be sent. */
	card->start(card);
	card->initialize(card, 0, 0);
	memset(frame, 0xff, 6);
	frame[12] = EXPERIMENTAL >> 8;
	frame[13] = EXPERIMENTAL & 0xff;
	start = ticks();
	for (i = 0; i < count; i++) {
		if (send(card, frame, bytes) < 0)
			return fails(job, "the firmware's card");
	}
	report(job, ticks() - start);
	return 0;
}

static void run(const char *job)
{
	if (find(job, "blk ") == job + 4)
		(void)job_blk(job);
	else if (find(job, "net ") == job + 4)
		(void)job_net(job);
	else
		fails(job, "no such job");
}

static void run_all(const struct efi_loaded_image *image)
{
	static char job[MAX_TEXT];
	uint32_t length = image->options_bytes / sizeof(efi_char);
	uint32_t used = 0, i;

	for (i = 0; i < length; i++) {
		char letter = (char)image->options[i];

		if (letter && letter != ';' && used < MAX_TEXT - 1 && (letter != ' ' || used))
			job[used++] = letter;
		if ((!letter || letter == ';' || i == length - 1) && used) {
			job[used] = 0;
			used = 0;
			run(job);
		}
		if (!letter)
			break;
	}
}

static bool has(const struct efi_guid *guid)
{
	void *protocol;

	return firmware->boot->locate_protocol(guid, NULL, &protocol) == 0;
}

/* EDK2 gives a device its driver only when somebody asks for it; U-Boot has done so before. */
static void connect_all(void)
{
	uintptr_t count, i;
	void **handles;

	if (has(&block_guid) && has(&network_guid))
		return;
	if (firmware->boot->locate_handles(ALL_HANDLES, NULL, NULL, &count, &handles))
		return;
	for (i = 0; i < count; i++)
		firmware->boot->connect(handles[i], NULL, NULL, true);
}

efi_status efi_main(void *image, struct efi_system *system)
{
	struct efi_loaded_image *loaded;

	firmware = system;
	system->boot->set_watchdog(0, 0, 0, NULL);
	connect_all();
	print("\nBENCH boot n=1\n");
	if (system->boot->handle_protocol(image, &loaded_image_guid, (void **)&loaded))
		fails("", "no load options");
	else
		run_all(loaded);
	system->runtime->reset_system(SHUTDOWN, 0, 0, NULL);
	return 1;
}
