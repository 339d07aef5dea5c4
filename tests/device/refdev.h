/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reference device: the device's half of virtio, on the host, written from the device
 * requirements of VIRTIO 1.4 and sharing no code with the drivers it is there to test. It sees
 * memory through a DMA address space of its own (dma_test.h), checks every rule that binds the
 * driver (a breach is a violation, violation.h), and lies when it is told to.
 *
 *	struct refdev *dev = refdev_blk_new(2, disk, sectors);	modern (1: legacy)
 *	vm.vdev.dev.dma_ops = &dma_test_ops;
 *	refdev_connect(dev, virtio_mmio_interrupt, &vm);
 *	virtio_mmio_probe(&test_bus, &vm, refdev_base(dev), ...);
 *	...			the driver runs; refdev_pump() lets the device and its interrupts run
 */
#ifndef TESTS_DEVICE_REFDEV_H
#define TESTS_DEVICE_REFDEV_H

#include "lib/irq.h"
#include "lib/util.h"
#include "tests/device/test_bus.h"

#define REFDEV_QUEUES	 4
#define REFDEV_MAX_SEGS	 1024
#define REFDEV_MMIO_SIZE 0x200u
#define REFDEV_TRACE	 64

/* 2.1, 2.2 and 6, as this side names them. */
#define REF_S_ACKNOWLEDGE 0x01u
#define REF_S_DRIVER	  0x02u
#define REF_S_DRIVER_OK	  0x04u
#define REF_S_FEATURES_OK 0x08u
#define REF_S_NEEDS_RESET 0x40u
#define REF_S_FAILED	  0x80u

#define REF_F_INDIRECT		28
#define REF_F_EVENT_IDX		29
#define REF_F_VERSION_1		32
#define REF_F_ACCESS_PLATFORM	33
#define REF_F_RING_PACKED	34
#define REF_F_IN_ORDER		35
#define REF_F_NOTIFICATION_DATA 38
#define REF_F_RING_RESET	40

#define REF_INT_VRING  1u
#define REF_INT_CONFIG 2u

struct refdev;
struct refdev_front;
struct refdev_queue;

/* A piece of a buffer, as a descriptor names it. */
struct refdev_seg {
	uint64_t addr;
	uint32_t len;
	bool writable;
};

/* A buffer that the driver has made available: readable pieces, then writable ones. */
struct refdev_chain {
	uint16_t id;	      /* how the ring names it */
	uint16_t descriptors; /* of the ring, not counting an indirect table's */
	unsigned int nsegs;
	uint64_t readable, writable; /* bytes */
	struct refdev_seg segs[REFDEV_MAX_SEGS];
};

/* The seam for ring formats: what a device does with a queue, whatever its layout. */
struct refdev_ring_ops {
	const char *name;
	/* The driver has set the queue up: checks its layout. */
	void (*enable)(struct refdev_queue *q);
	void (*disable)(struct refdev_queue *q);
	/* Whether a buffer is available; @chain gets the next one. */
	bool (*pop)(struct refdev_queue *q, struct refdev_chain *chain);
	/* Returns a buffer as used, @len bytes written. */
	void (*push)(struct refdev_queue *q, const struct refdev_chain *chain, uint32_t len);
	/* With VIRTIO_F_IN_ORDER: the buffer is used, written completely, and the next push says so. */
	void (*skip)(struct refdev_queue *q, const struct refdev_chain *chain);
	/* Where the driver will add its next buffer, as VIRTIO_F_NOTIFICATION_DATA puts it. */
	uint16_t (*next_offset)(const struct refdev_queue *q);
	/* Whether what was pushed since the last call deserves an interrupt. */
	bool (*wants_interrupt)(struct refdev_queue *q);
	/* Asks the driver for notifications (or none). */
	void (*want_notify)(struct refdev_queue *q, bool want);
};

extern const struct refdev_ring_ops refdev_split_ops;
extern const struct refdev_ring_ops refdev_packed_ops;

/* A wrong that the device does to a queue, once. */
enum refdev_lie {
	LIE_NONE,
	LIE_ID_RANGE,		/* a used id beyond the queue */
	LIE_ID_NOT_OUTSTANDING, /* a descriptor that is not a buffer's head */
	LIE_ID_DUPLICATE,	/* the same buffer twice */
	LIE_LEN,		/* more bytes than the buffer has */
	LIE_LEN_MAX,		/* UINT32_MAX bytes */
	LIE_IDX_JUMP, /* an index beyond what was made available; packed: a place too far */
	LIE_IDX_BACK, /* an index that goes back by one; packed: a place too early */
	LIE_BATCH,    /* split, in order: a batch that reaches beyond the index */
	LIE_WRAP,     /* packed: the flags of another round */
};

struct refdev_queue {
	struct refdev *dev;
	const struct refdev_ring_ops *ops;
	unsigned int index;
	uint32_t size_max, size;
	bool ready;
	bool must_read_ready; /* was disabled, and not read back yet */
	bool addr_written[3];
	uint64_t desc, driver, device; /* bus addresses of the three areas */
	uint32_t legacy_align;
	bool event_idx, indirect, in_order, notification_data;
	bool native;		  /* legacy: values in the CPU's byte order */
	bool resetting;		  /* QueueReset was written, and its end not read yet */
	unsigned int reset_reads; /* so many reads of it until the end */

	bool notified;		     /* there may be work */
	bool polling;		     /* the device looks without being notified */
	bool suppress_notify;	     /* and says that it needs none */
	unsigned long notifications; /* writes to the notify register */
	unsigned long popped, pushed, interrupts;
	enum refdev_lie lie;	      /* to be told by the next push */
	bool lied;		      /* and from then on nothing more is said */
	enum refdev_lie lie_on_start; /* to be told again whenever the queue is set up */

	unsigned int batch_buffers, batch_descs; /* skipped since the last push */
	struct refdev_chain *waiting;		 /* whether it ends its batch is not known yet */
	uint32_t waiting_len;

	/* The split ring's. */
	uint16_t last_avail, used_idx, signalled_used, next_in_order;
	struct refdev_desc_state *state;

	/* The packed ring's. Places are counted from the beginning and never wrap: place % size is
	 * the descriptor, an even place / size a round of wrap counter 1. */
	uint64_t avail_place, used_place, signalled_place;
	struct refdev_packed *packed;
};

/* A field of a config space: its width, and the feature that it depends on (-1: none). */
struct refdev_field {
	uint16_t offset;
	uint8_t width;
	int8_t feature;
	uint8_t writable; /* REF_CONFIG_* */
};

#define REF_CONFIG_RO	    0
#define REF_CONFIG_RW	    1 /* once features are agreed on */
#define REF_CONFIG_WO_EARLY 2 /* at any time (5.3.5.1#1) */

/* A type of device. */
struct refdev_type {
	uint32_t id;
	const struct refdev_field *fields;
	unsigned int field_count;
	/* Queue @q was notified. */
	void (*process)(struct refdev *dev, struct refdev_queue *q);
	void (*config_written)(struct refdev *dev, unsigned int offset);
	void (*reset)(struct refdev *dev);
	void (*free)(struct refdev *dev);
};

/* What the device does wrong for as long as it is set. */
struct refdev_lies {
	uint32_t magic, version;	 /* 0: the right ones */
	bool refuse_features;		 /* FEATURES_OK does not stay */
	bool reset_hangs;		 /* status never reads 0 again */
	unsigned int reset_reads;	 /* so many reads of status until it is 0 */
	bool generation_moves;		 /* at every read */
	unsigned int generation_moves_n; /* at the next n reads */
	bool no_interrupts;		 /* they are lost */
	bool ignore_notify;		 /* nothing is ever processed */
	bool queue_reset_hangs;		 /* QueueReset never reads 0 again */
	unsigned int queue_reset_reads;	 /* so many reads of QueueReset until it is 0 */
	bool stuck_ready;		 /* QueueReady reads 1 for queues not set up */
	bool stuck_pfn;			 /* and QueuePFN 1 */
	unsigned int ignore_acks;	 /* so many acknowledgements change nothing */
};

struct refdev {
	struct refdev *next;
	const struct refdev_type *type;
	void *base;			  /* no memory: an access that is not mmio_*() faults */
	size_t size;			  /* of that, as far as there are registers */
	const struct refdev_front *front; /* NULL: MMIO */
	void *front_state;
	uint32_t version;
	uint32_t device_id;
	uint64_t offered, accepted;
	uint64_t offered_high; /* bits 64 to 127 */
	unsigned int
		high_words_written; /* a bit for each of words 2 and 3 that was written, with 0 */
	unsigned int nqueues;
	struct refdev_queue queues[REFDEV_QUEUES];
	uint8_t config[256];
	unsigned int config_len;
	struct refdev_lies lies;
	bool hold; /* buffers stay where they are, until released */
	/* With VIRTIO_F_IN_ORDER: up to so many are returned by one used entry; 0: each has its own. */
	unsigned int in_order_batch;
	/* Called at each read of the config space; may change it. */
	void (*config_read_hook)(struct refdev *dev, unsigned int offset);

	/* Registers. */
	uint8_t status;
	uint32_t interrupt_status, generation;
	uint32_t device_features_sel, driver_features_sel, queue_sel, guest_page_size;
	bool device_sel_written, driver_sel_written, queue_sel_written, driver_features_written;
	bool status_read; /* since the last write to it */
	unsigned int reset_pending;

	/* The wire to the driver. */
	irqreturn_t (*handler)(int irq, void *dev_id);
	void *dev_id;
	bool in_handler;

	/* What happened. */
	uint8_t status_trace[REFDEV_TRACE]; /* values written */
	unsigned int status_writes;
	unsigned long resets, interrupts, acks, config_writes;
	void *priv; /* the type's */
};

/* --- making and using one ------------------------------------------------------------------ */

/* A device of @type (NULL: an empty slot): @version 1 or 2, @nqueues queues of @queue_size. */
struct refdev *refdev_new(const struct refdev_type *type, uint32_t version, unsigned int nqueues,
			  uint32_t queue_size);
void refdev_free(struct refdev *dev);

/* All devices, by refdev->next. */
struct refdev *refdev_first(void);

/* Drops all devices without a look: what a test that failed has left. */
void refdev_forget(void);

void *refdev_base(struct refdev *dev);

/* Where interrupts go. */
void refdev_connect(struct refdev *dev, irqreturn_t (*handler)(int irq, void *dev_id),
		    void *dev_id);

/* Lets all devices work and delivers interrupts until nothing moves. Returns whether anything
 * did. Nothing happens while the driver has interrupts masked (refdev_set_masked()). */
bool refdev_pump(void);

/* Says whether the CPU takes interrupts now. */
void refdev_set_masked(bool (*masked)(void));
/* Called around each handler: the port checks the context of its calls. */
void refdev_set_context_hook(void (*hook)(bool enter));

/* Marks all queues as notified, e.g. after dev->hold was dropped. */
void refdev_release(struct refdev *dev);

/* Raises REF_INT_*. */
void refdev_raise(struct refdev *dev, uint32_t bits);

/* Those that are raised and not taken never were. */
void refdev_lose_interrupts(struct refdev *dev);

/* Changes @len bytes of config space, with a new generation and an interrupt. */
void refdev_config_change(struct refdev *dev, unsigned int offset, const void *data,
			  unsigned int len);

/* Sets DEVICE_NEEDS_RESET (2.1.2#3: and says so). */
void refdev_needs_reset(struct refdev *dev);

/* --- for transports ------------------------------------------------------------------------ */

void refdev_reset(struct refdev *dev);
void refdev_queue_enable(struct refdev_queue *q);
void refdev_queue_disable(struct refdev_queue *q);
bool refdev_negotiated(const struct refdev *dev, unsigned int bit);

/* The driver notifies with @value: checks it, and returns its queue, or NULL for none. */
struct refdev_queue *refdev_notify(struct refdev *dev, uint32_t value);

/* --- for ring formats ---------------------------------------------------------------------- */

/* A field of @width bytes in the queue's byte order; reads as 0 what cannot be accessed. */
uint64_t refdev_load(const struct refdev_queue *q, uint64_t addr, unsigned int width);
void refdev_store(const struct refdev_queue *q, uint64_t addr, uint64_t value, unsigned int width);

/* Enters a piece of a buffer, and checks what holds in both formats. Returns false where the rest of
 * the chain makes no sense any more. */
bool refdev_add_seg(struct refdev_queue *q, struct refdev_chain *chain, uint64_t addr, uint32_t len,
		    bool writable);

/* --- for device types ---------------------------------------------------------------------- */

bool refdev_pop(struct refdev_queue *q, struct refdev_chain *chain);
void refdev_push(struct refdev_queue *q, const struct refdev_chain *chain, uint32_t len);
void refdev_skip(struct refdev_queue *q, const struct refdev_chain *chain);
/* Ends a batch, and sends the interrupt that pushes have earned. */
void refdev_interrupt(struct refdev_queue *q);

/* Copies out of the readable part, or into the writable one, from @offset; returns the bytes. */
size_t refdev_read(const struct refdev_chain *chain, uint64_t offset, void *buf, size_t len);
size_t refdev_write(const struct refdev_chain *chain, uint64_t offset, const void *buf, size_t len);

/* Little-endian fields of the config space. */
void refdev_set_config(struct refdev *dev, unsigned int offset, uint64_t value, unsigned int width);

#endif
