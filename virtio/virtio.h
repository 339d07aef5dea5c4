/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices and drivers. A transport finds a device and registers it; a driver registers itself; the
 * core brings the two together by device id and runs the initialisation of VIRTIO 1.4, 3.1.1:
 *
 *	reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK (read back), driver->probe, DRIVER_OK
 *
 * so that a driver is its features, its queues and its requests. All of this runs in thread context.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <errno.h>
#include "lib/byteorder.h"
#include "lib/device.h"
#include "lib/list.h"
#include "lib/work.h"
#include "virtio/port.h"
#include "virtio/virtqueue.h"
#include "virtio/wire/virtio.h"

struct virtio_device;
struct virtio_driver;

/*
 * An instance of this library: the devices that were found and the drivers that are there for them. There may be
 * several, which know nothing of each other; a device, its driver's data and its queues belong to one. What
 * belongs to different instances may be used at the same time.
 */
#define VIRTIO_DRIVERS_MAX 16u

struct virtio_bus {
	struct list_head devices; /* by index */
	const struct virtio_driver *drivers[VIRTIO_DRIVERS_MAX];
	unsigned int driver_count;
	struct work_queue *work; /* for bottom halves */

	/* The core's. */
	struct work_queue own_work; /* *work, where the embedder has none */
	struct port_lock own_lock;  /* guards it */
	unsigned int polls;	    /* virtio_bus_poll() */
};

/*
 * Makes an instance without devices and drivers, whose bottom halves go to @work. NULL: to a queue of the instance's
 * own, guarded by port_lock(); nobody is told when something comes into it, so work_run(bus->work) is called from time to
 * time or after each interrupt, and virtio_bus_poll() does so. Thread context.
 */
void virtio_bus_init(struct virtio_bus *bus, struct work_queue *work);

/*
 * For who does without interrupts: looks at every queue of every live device as its interrupt would, from time to
 * time at what devices say of themselves too (a new capacity, a failure), and runs what bottom halves wait in
 * bus->work. Callbacks and done() functions come from here. Thread context, one thread at a time; from a work item or a
 * callback no further bottom halves are run.
 */
void virtio_bus_poll(struct virtio_bus *bus);

/* The size of a queue where the device takes more: enough for 256 requests in flight. */
#define VIRTIO_QUEUE_SIZE 256u

/* A reset takes effect at once on an emulator; hardware may take its time, but not for ever. */
#define VIRTIO_RESET_TIMEOUT_NS (1 * NSEC_PER_SEC)
#define VIRTIO_RESET_POLL_NS	(10 * NSEC_PER_USEC)

struct virtio_device_id {
	uint32_t device; /* VIRTIO_ID_* */
	uint32_t vendor;
};

/* A queue that a driver wants. A NULL @callback: the device is asked for no interrupts. A NULL
 * @name: the queue is left out. */
struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
};

/* What a transport provides. @get and @set access @len bytes at @offset of the device's config
 * space, as the device has them. */
struct virtio_config_ops {
	void (*get)(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len);
	void (*set)(struct virtio_device *vdev, unsigned int offset, const void *buf,
		    unsigned int len);
	uint32_t (*generation)(struct virtio_device *vdev);
	uint8_t (*get_status)(struct virtio_device *vdev);
	void (*set_status)(struct virtio_device *vdev, uint8_t status);
	uint64_t (*get_features)(struct virtio_device *vdev);
	int (*finalize_features)(struct virtio_device *vdev); /* writes vdev->features */
	int (*find_vqs)(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
			const struct virtqueue_info infos[]);
	void (*del_vqs)(struct virtio_device *vdev);
	/* Whether the bus finds no device any more; asked when registers do not read as they should. NULL:
	 * the bus cannot tell. Any context. */
	bool (*gone)(struct virtio_device *vdev);
	/* The device has been given up: the bus keeps it from memory and from interrupts. NULL: it cannot. */
	void (*isolate)(struct virtio_device *vdev);
	/* Reset of one queue, bounded: 0, -ETIMEDOUT or -ENODEV. NULL: the transport has none. */
	int (*reset_vq)(struct virtqueue *vq);
	/* Gives a queue to the device again after the queue's or the device's reset, with the
	 * addresses and size that it has now: 0, -EINVAL where the device no longer takes so large a
	 * queue, -EIO where it no longer takes the queue's interrupt. NULL: the transport cannot; its devices do not recover. */
	int (*enable_vq)(struct virtqueue *vq);
	/* Does what the device's interrupt for a change of its configuration would, if there is cause: for who polls. NULL:
	 * such changes go unnoticed there. Thread context. */
	void (*poll)(struct virtio_device *vdev);
	const char *(*bus_name)(struct virtio_device *vdev); /* e.g. "mmio@a003e00" */
};

enum virtio_state {
	VIRTIO_STATE_NO_DRIVER,	 /* nobody drives it */
	VIRTIO_STATE_LIVE,	 /* DRIVER_OK */
	VIRTIO_STATE_RECOVERING, /* it failed, and is to be reset and started again */
	VIRTIO_STATE_FAILED,	 /* probing or recovery failed: given up */
};

/* A device that fails more often than this within the period is given up. */
#define VIRTIO_RECOVERY_MAX	  3u
#define VIRTIO_RECOVERY_PERIOD_NS (10 * NSEC_PER_SEC)

/* The core's record of a device's recoveries (virtio_recovery.c). */
struct virtio_recovery {
	struct work work;
	struct port_lock lock;	     /* guards busy */
	bool busy;		     /* somebody probes, recovers or removes the device */
	unsigned int attempts, next; /* next: where the coming one goes */
	uint64_t started_ns[VIRTIO_RECOVERY_MAX]; /* of the last attempts, as a ring */
};

struct virtio_device {
	struct list_head node;
	struct virtio_bus *bus;
	unsigned int index;  /* among all devices, from 0: the lowest that was free */
	unsigned int number; /* among those of its type, likewise */
	struct device dev;
	struct virtio_device_id id;
	const struct virtio_config_ops *config;
	const struct virtio_driver *driver; /* NULL: none */
	enum virtio_state state;
	int error;		       /* why state is FAILED: a negative errno */
	bool legacy;		       /* driven through the legacy interface */
	bool driver_ok;		       /* the device has been told so */
	bool stuck;		       /* it did not answer a reset: it may still use its rings */
	bool gone;		       /* it was found to have vanished */
	uint64_t device_features;      /* offered */
	uint64_t device_features_high; /* bits 64 to 127 that are offered, too: nobody knows any */
	uint64_t features;	       /* negotiated */
	struct list_head vqs;
	unsigned int max_queue_size; /* descriptors a queue may have; 0: VIRTIO_QUEUE_SIZE */
	unsigned int config_changes; /* interrupts for a change of config space */
	unsigned int recoveries;     /* times that a failed device was brought back */
	unsigned long accesses;	     /* to its registers so far, config space not included */
	struct virtio_recovery recovery;
	int irq;    /* for people; negative: none */
	void *priv; /* the driver's */
};

/* A driver keeps what it knows of a device in vdev->priv, and nothing here: one serves all instances. */
struct virtio_driver {
	const char *name;
	uint32_t device_id;	      /* VIRTIO_ID_* */
	const unsigned int *features; /* bit numbers the driver understands */
	unsigned int feature_count;
	/* Looks at config space before the features are settled (3.1.1), and takes bits out of
	 * vdev->features that the driver cannot honour. May be NULL. */
	void (*validate)(struct virtio_device *vdev);
	/* Makes the queues and a working driver. 0 or a negative errno with all undone. It may call
	 * virtio_device_ready() to use its queues before it returns. */
	int (*probe)(struct virtio_device *vdev);
	/* Undoes probe(). The device is reset and its queues idle when it is called: every
	 * request in flight ends with -ENODEV, all memory and queues are freed. */
	void (*remove)(struct virtio_device *vdev);
	/*
	 * Recovery (virtio_recovery.c), all in thread context; a driver without @freeze and @restore
	 * has its device given up at once.
	 * @freeze: the device has been reset, and its queues stay as they were. The driver takes back
	 * what the device had finished (a broken queue gives nothing), then everything else with
	 * virtqueue_detach_unused_buf(), and from now on touches no queue.
	 * @restore: the queues are empty, features and sizes as before, DRIVER_OK is set. The driver
	 * looks at config space again and offers its buffers. 0, or a negative errno: given up.
	 * @fail: given up (vdev->error says why), reset, frozen or not. Every request ends with -EIO,
	 * who waits is woken, new ones are refused. The queues stay until remove(). May be NULL.
	 */
	void (*freeze)(struct virtio_device *vdev);
	int (*restore)(struct virtio_device *vdev);
	void (*fail)(struct virtio_device *vdev);
	/* The config space has changed. Interrupt context. May be NULL. */
	void (*config_changed)(struct virtio_device *vdev);
};

/* --- for transports ---------------------------------------------------------------------- */

/* Adds @vdev to @bus (config, id, dev.name, irq filled in; owned by the caller until it is unregistered),
 * and probes it where a driver is known. Returns 0 or -EINVAL; a failed probe is the device's
 * state, not an error. */
int virtio_register_device(struct virtio_bus *bus, struct virtio_device *vdev);

/* Removes the driver, resets the device and forgets it. */
void virtio_unregister_device(struct virtio_device *vdev);

/* The device reports a change of its configuration, or (DEVICE_NEEDS_RESET) that it has given up:
 * then it is to recover. Interrupt context. */
void virtio_config_changed(struct virtio_device *vdev);

/* --- for drivers --------------------------------------------------------------------------- */

/* Makes @driver known to @bus and probes all devices there that wait for it. The structure must stay. Returns 0, or
 * -ENOSPC: more than VIRTIO_DRIVERS_MAX. Thread context. */
int virtio_register_driver(struct virtio_bus *bus, const struct virtio_driver *driver);

/* Takes @driver away from all its devices on @bus, which are reset. Thread context. */
void virtio_unregister_driver(struct virtio_bus *bus, const struct virtio_driver *driver);

/* What the @n-th device (from 0) of @driver's type on @bus has in priv; NULL where there is no such device, or
 * it is not driven by @driver. */
void *virtio_driver_data(const struct virtio_bus *bus, const struct virtio_driver *driver,
			 unsigned int n);

/* Whether feature bit @bit (0 to 63) was negotiated. Any context. */
static inline bool virtio_has_feature(const struct virtio_device *vdev, unsigned int bit)
{
	return vdev->features & BIT_ULL(bit);
}

/* Makes the queues @infos[0..nvqs-1], in the device's order. All of them or none. Returns 0,
 * -ENOENT (no such queue), -EBUSY (it is in use already), -ENOMEM, -E2BIG (memory beyond a legacy
 * device's reach), -EINVAL (a queue that nobody can use as the device has it), or why there is no
 * interrupt. probe() only. */
int __must_check virtio_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
				 struct virtqueue *vqs[], const struct virtqueue_info infos[]);

/* Resets the device, bounded (a device that does not answer is marked failed), so that it uses no
 * buffer any more. Returns 0, -ETIMEDOUT, or -ENODEV (it is gone). Thread context. */
int virtio_reset_device(struct virtio_device *vdev);

/* Frees all queues. The device must be reset. */
void virtio_del_vqs(struct virtio_device *vdev);

/*
 * A live device has failed because of @error (a negative errno): it is reset and started again, or
 * given up, by a work item. Does nothing for a device that is not live. Any context, also with the
 * driver's lock held. A queue that breaks calls this itself.
 */
void virtio_needs_recovery(struct virtio_device *vdev, int error);

/*
 * The same at once, for who has waited too long. Returns 0 once the device is live again or given up, and
 * the driver's restore() or fail() has run; -EBUSY where somebody else is at it, or the device is
 * neither live nor recovering. Thread context, without the driver's lock; not from done().
 */
int virtio_recover(struct virtio_device *vdev, int error);

/* Sets DRIVER_OK. Once; the core does it after probe() unless the driver has. */
void virtio_device_ready(struct virtio_device *vdev);

/* --- config space (2.5) ------------------------------------------------------------------ */

/* Reads a field of 1, 2 or 4 bytes at @offset, in the CPU's byte order. Any context. */
uint8_t virtio_cread8(struct virtio_device *vdev, unsigned int offset);
uint16_t virtio_cread16(struct virtio_device *vdev, unsigned int offset);
uint32_t virtio_cread32(struct virtio_device *vdev, unsigned int offset);

/* Reads a field of 8 bytes, both halves of the same moment. Returns 0, or -EAGAIN with *@value
 * unchanged: it never stood still. Any context. */
int __must_check virtio_cread64(struct virtio_device *vdev, unsigned int offset, uint64_t *value);

/* Writes a field. Any context. */
void virtio_cwrite8(struct virtio_device *vdev, unsigned int offset, uint8_t value);
void virtio_cwrite32(struct virtio_device *vdev, unsigned int offset, uint32_t value);

/*
 * Reads @len bytes at @offset so that they belong together: again while the generation counter
 * moves, at most 16 times. Returns 0 or -EAGAIN (it never stood still). No byte order is
 * changed. Fields wider than a byte are read one by one: @width is 1, 2 or 4, and divides
 * @offset and @len. Any context.
 */
int __must_check virtio_cread_bytes(struct virtio_device *vdev, unsigned int offset, void *buf,
				    unsigned int len, unsigned int width);

/* A value in the byte order of the device's structures: little-endian, or ours where legacy. */
static inline uint16_t virtio16_to_cpu(const struct virtio_device *vdev, uint16_t value)
{
	return vdev->legacy ? value : le16_to_cpu(value);
}
static inline uint32_t virtio32_to_cpu(const struct virtio_device *vdev, uint32_t value)
{
	return vdev->legacy ? value : le32_to_cpu(value);
}
static inline uint64_t virtio64_to_cpu(const struct virtio_device *vdev, uint64_t value)
{
	return vdev->legacy ? value : le64_to_cpu(value);
}
#define cpu_to_virtio16(vdev, value) virtio16_to_cpu(vdev, value)
#define cpu_to_virtio32(vdev, value) virtio32_to_cpu(vdev, value)
#define cpu_to_virtio64(vdev, value) virtio64_to_cpu(vdev, value)

/* --- for people -------------------------------------------------------------------------- */

/* All devices of an instance, by index. */
#define virtio_for_each_device(vdev, bus) list_for_each_entry (vdev, &(bus)->devices, node)

/* Accesses to registers of all devices that are on @bus now, their config spaces not included. Any context. */
unsigned long virtio_access_count(const struct virtio_bus *bus);

/* The device of type @device_id on @bus with the number @n, or NULL. A device keeps its number while it is there. */
struct virtio_device *virtio_find_device(const struct virtio_bus *bus, uint32_t device_id,
					 unsigned int n);

/* "block" for VIRTIO_ID_BLOCK; "unknown" for an id without a name. */
const char *virtio_device_type_name(uint32_t device_id);

/* The name of feature @bit of a device type without its prefix ("RING_PACKED", "RO"), or NULL. */
const char *virtio_feature_name(uint32_t device_id, unsigned int bit);

const char *virtio_state_name(enum virtio_state state);

#endif
