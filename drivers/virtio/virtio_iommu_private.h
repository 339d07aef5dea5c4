/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the IOMMU driver have in common. virtio_iommu.c is the driver's life,
 * virtio_iommu_request.c asks the device, virtio_iommu_region.c knows what is reserved, virtio_iommu_domain.c
 * keeps a record of all that the device has been told, virtio_iommu_event.c hears of faults.
 */
#ifndef DRIVERS_VIRTIO_VIRTIO_IOMMU_PRIVATE_H
#define DRIVERS_VIRTIO_VIRTIO_IOMMU_PRIVATE_H

#include "drivers/virtio/virtio_iommu.h"
#include "drivers/virtio/wire/virtio_iommu.h"
#include "lib/dma.h"
#include "lib/iommu.h"

#define VIOMMU_ENDPOINTS 128u /* attached at a time */
#define VIOMMU_REGIONS	 16u  /* reserved, of all endpoints */
#define VIOMMU_EVENTS	 64u  /* buffers for reports of faults */
#define VIOMMU_PROBE_MAX 4096u

struct viommu_range {
	uint64_t start, end; /* the last address */
};

/* Addresses that an endpoint cannot use as it likes. */
struct viommu_region {
	struct viommu_range range;
	bool msi; /* goes past the translation to the doorbells; false: must not be used */
};

/* What was mapped. */
struct viommu_mapping {
	uint64_t iova, phys, size;
	uint32_t prot; /* IOMMU_* */
	bool sent; /* the device has it; else it waits for an endpoint, or needs none (an MSI region) */
};

/*
 * A domain lives at the device from its first endpoint to its last, and until a reset. Here it lives as long as
 * its user wants: what he maps is kept in order of addresses, and told to the device whenever it begins
 * to know the domain.
 */
struct viommu_domain {
	struct iommu_domain domain;
	struct viommu *viommu;
	struct list_head node; /* of viommu->domains */
	uint32_t id;
	unsigned int endpoints;
	bool exists; /* at the device */
	struct viommu_mapping *mappings;
	unsigned int count, capacity;
	struct viommu_range
		window; /* the widest range that was prepared, where the end is above 0 */
};

struct viommu_endpoint {
	uint32_t id;
	struct viommu_domain *domain; /* NULL: a free entry */
};

/* What the device has told of itself, and must not change. */
struct viommu_config {
	struct viommu_range input;
	uint32_t first_domain, last_domain;
	uint32_t probe_size; /* 0: there are no properties */
};

/* Memory that the device sees. The request is the only one in flight. */
struct viommu_shared {
	union {
		struct virtio_iommu_req_head head;
		uint8_t bytes[128]; /* a cache line of its own, so is the answer */
	} request;
	struct virtio_iommu_fault events[VIOMMU_EVENTS];
	uint8_t answer[]; /* properties, then the tail */
};

struct viommu {
	struct virtio_device *vdev;
	struct virtqueue *request_vq, *event_vq;
	struct viommu_shared *shared;
	dma_addr_t shared_addr;
	size_t shared_size;
	uint8_t *properties; /* a copy of those of one endpoint */
	struct viommu_config config;
	struct iommu iommu;
	char name[48], setup[96];
	bool registered;
	struct iommu_domain *own; /* that of virtio_iommu_admit(), or NULL */
	unsigned int references;  /* probe's, and one of each domain: the last one frees */

	/* Guards the queues and all below; held while the device is asked, because whoever interrupts us may
	 * want to map something too. */
	struct port_lock lock;
	int error; /* what calls return; 0: works */
	struct list_head domains;
	struct viommu_endpoint endpoints[VIOMMU_ENDPOINTS];
	struct viommu_region regions[VIOMMU_REGIONS];
	unsigned int region_count;
	unsigned long requests, refused, events_ignored;
	unsigned int event_buffers,
		event_run; /* run: taken since the event queue was last found empty */
	struct work work;  /* events that an interrupt left over */
};

/* --- virtio_iommu.c ---------------------------------------------------------------------------- */

/* Gives a reference back. Thread context. */
void viommu_put(struct viommu *v);

/* --- virtio_iommu_request.c: under the lock -------------------------------------------------- */

/* 0; the device's word as a negative errno, -ERANGE standing for an endpoint or a domain that it does
 * not know; -ETIMEDOUT: without an answer, so it may have been carried out; -EIO or -ENODEV: not sent, as the device
 * is to recover, or gone. */
/* -EOPNOTSUPP: the domain is a bypass, and the device has none. */
int viommu_attach_request(struct viommu *v, const struct viommu_domain *d, uint32_t endpoint);
int viommu_detach_request(struct viommu *v, uint32_t domain, uint32_t endpoint);
int viommu_map_request(struct viommu *v, uint32_t domain, const struct viommu_mapping *mapping);
int viommu_unmap_request(struct viommu *v, uint32_t domain, uint64_t iova, uint64_t size);
/* Leaves the properties in v->properties. */
int viommu_probe_request(struct viommu *v, uint32_t endpoint);

/* --- virtio_iommu_region.c --------------------------------------------------------------------- */

enum viommu_verdict {
	VIOMMU_FREE,
	VIOMMU_PASSES,	 /* a doorbell in an MSI region: it is reached without a mapping */
	VIOMMU_RESERVED, /* may not be mapped */
};

/* Asks for the properties of @endpoint and learns its regions. Thread context. */
int viommu_learn_regions(struct viommu *v, uint32_t endpoint);
enum viommu_verdict viommu_judge(const struct viommu *v, const struct viommu_mapping *mapping);
/* Whether all of a range that is to be used for mappings is free, or lies in an MSI region. */
bool viommu_is_usable(const struct viommu *v, const struct viommu_range *range);

/* --- virtio_iommu_domain.c --------------------------------------------------------------------- */

extern const struct iommu_ops viommu_ops;

/* The device has been reset: it knows no domain any more. Under the lock. */
void viommu_forget_all(struct viommu *v);
/* Tells it again. Thread context. */
int viommu_replay(struct viommu *v);
/* Whether @addr is mapped for @endpoint, for whatever access. Under the lock. */
bool viommu_is_mapped(const struct viommu *v, uint32_t endpoint, uint64_t addr);

/* --- virtio_iommu_event.c ---------------------------------------------------------------------- */

/* Offers all buffers, and tells the device. Under the lock. */
int viommu_offer_events(struct viommu *v);
vq_callback_t viommu_serve_events;
void viommu_poll_events(struct iommu *iommu);
void viommu_event_work(struct work *work);

#endif
