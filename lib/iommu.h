/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands between devices and memory. An IOMMU knows a device by a stream id (the device tree's
 * iommu-map says which); a stream is attached to a domain, which is a map from I/O virtual addresses to
 * memory. A stream that is attached to none reaches nothing.
 *
 * A driver registers its IOMMU here with what it can do. Above it are two users: lib/dma_iommu.h maps
 * each buffer for its own device, and iommu_confine() gives a device what set_memory_decrypted()
 * shares, and nothing else. Faults come back through iommu_report_fault().
 */
#ifndef LIB_IOMMU_H
#define LIB_IOMMU_H

#include "lib/device.h"
#include "lib/list.h"

/* What a device may do. An IOMMU that cannot forbid reading where writing is allowed allows both. */
#define IOMMU_READ   0x1u
#define IOMMU_WRITE  0x2u
#define IOMMU_DEVICE 0x4u /* registers, not memory: an MSI doorbell */

struct iommu;

struct iommu_domain {
	struct iommu *iommu;
	struct list_head node; /* of iommu->domains */
	unsigned int streams;  /* attached */
	bool confined;	       /* maps what is shared, and nothing else */
	bool bypass;	       /* no map: streams reach all memory at its physical addresses */
	uint64_t mapped_bytes; /* now, doorbells too */
	void *user;	       /* of lib/dma_iommu.c */
};

/*
 * An IOMMU driver. Addresses and sizes are whole pages. domain_alloc() to prepare() are called in
 * thread context, map() and unmap() in any: a driver whose device has to answer polls for it, bounded.
 * Calls for one domain do not nest, as the caller masks interrupts where it must.
 */
struct iommu_ops {
	/* An empty domain, or NULL. */
	struct iommu_domain *(*domain_alloc)(struct iommu *iommu);
	void (*domain_free)(struct iommu_domain *domain);
	/* Sends stream @id through @domain (past all tables, where @domain->bypass), or, where that is NULL, nowhere. 0, -ERANGE (no such stream),
	 * -ENOMEM, -EIO (refused: it does not go through @domain), -ETIMEDOUT (the IOMMU does not answer: the stream may
	 * be in either state). Where @domain is NULL any error leaves it in either. */
	int (*attach)(struct iommu *iommu, uint32_t id, struct iommu_domain *domain);
	/* Provides for all of a range what map() may need. 0 or -ENOMEM. NULL: nothing is needed. */
	int (*prepare)(struct iommu_domain *domain, uint64_t iova, uint64_t size);
	/* Maps a range of which nothing is mapped; @prot: IOMMU_*. When it returns devices can use it. 0,
	 * -ETIMEDOUT (the IOMMU does not answer: it may be mapped, or come to be), or another negative errno with
	 * nothing mapped; -ENOMEM where it was not prepared. */
	int (*map)(struct iommu_domain *domain, uint64_t iova, uint64_t phys, uint64_t size,
		   unsigned int prot);
	/* Unmaps whole ranges that were mapped. When it returns 0 no device reaches them any more, by any
	 * cached translation either. Otherwise neither addresses nor memory may be used again. */
	int (*unmap)(struct iommu_domain *domain, uint64_t iova, uint64_t size);
	/* Reports the faults that are recorded now, without waiting for an interrupt; with IRQs masked. NULL: they are
	 * reported as they happen. */
	void (*poll)(struct iommu *iommu);
};

/* Why an access was refused. */
enum iommu_fault_kind {
	IOMMU_FAULT_UNMAPPED,	/* no translation */
	IOMMU_FAULT_PERMISSION, /* mapped, but not for this */
	IOMMU_FAULT_STREAM,	/* the stream is attached to nothing */
	IOMMU_FAULT_OTHER, /* the IOMMU's tables or the IOMMU itself: see the driver's message */
};

struct iommu_fault {
	uint32_t id;
	enum iommu_fault_kind kind;
	bool addr_valid, write; /* write: where addr_valid */
	uint64_t addr;
	const char *what; /* the IOMMU's own name for it */
};

struct iommu {
	struct list_head node;
	int dt_node;	   /* in the device tree, for iommu-map */
	const char *name;  /* "SMMUv3 smmuv3@9050000" */
	const char *setup; /* a line on how it is set up, for people */
	const struct iommu_ops *ops;
	uint64_t iova_limit; /* the last address that a domain can map */
	struct list_head domains;
	struct iommu_domain *confined; /* of all devices that are to be confined; NULL: none yet */
	struct iommu_domain *bypass;   /* of all devices that the user trusts; NULL: none yet */
	unsigned long faults;	       /* reported */
	unsigned long faults_lost;     /* times that it may have refused what it did not record */
};

/* Makes @iommu known; the driver has filled in what is its own. Once. */
void iommu_register(struct iommu *iommu);

/* The IOMMU of a node, or NULL: it has no driver, or its setup failed. */
struct iommu *iommu_find(int dt_node);

/* --- domains and streams --------------------------------------------------------------------- */

/*
 * A domain of @iommu in which the doorbells are mapped, or NULL. Thread context, as all of these.
 */
struct iommu_domain *iommu_domain_alloc(struct iommu *iommu);

/* Frees a domain without streams. */
void iommu_domain_free(struct iommu_domain *domain);

/* Calls of ops that keep count. */
int __must_check iommu_prepare(struct iommu_domain *domain, uint64_t iova, uint64_t size);
int __must_check iommu_map(struct iommu_domain *domain, uint64_t iova, uint64_t phys, uint64_t size,
			   unsigned int prot);
int __must_check iommu_unmap(struct iommu_domain *domain, uint64_t iova, uint64_t size);

/* The domain of stream @id, or NULL. Functions behind a conventional PCI bridge share a stream. */
struct iommu_domain *iommu_domain_of_stream(const struct iommu *iommu, uint32_t id);

/* The domain of @dev, or NULL where it is attached to none. */
struct iommu_domain *iommu_domain_of(const struct device *dev);

/*
 * Sends @dev, whose stream is @id, through @domain. A device may be attached once; one that shares its
 * stream is attached to the stream's domain. Returns 0, -EBUSY (the stream, or the device, has
 * another domain), -ENOSPC (too many devices), or what the driver says.
 */
int __must_check iommu_attach(struct iommu_domain *domain, uint32_t id, struct device *dev);

/* Lets @dev past the IOMMU, as the user has asked. Returns 0 or a negative errno. */
int __must_check iommu_bypass(struct iommu *iommu, uint32_t id, struct device *dev);

/* Undoes it. Returns the domain that @dev had; the caller frees it where it has no streams left. NULL: none, or the
 * IOMMU did not answer, and the domain must stay. */
struct iommu_domain *iommu_detach(struct device *dev);

/*
 * Doorbells: pages that every device may write to for its interrupts to arrive. They are mapped at their
 * physical address in each domain, also in those that exist. Returns 0, -ENOSPC, or what a
 * domain says, with it mapped in none. Mapping twice is allowed.
 */
int __must_check iommu_add_doorbell(uint64_t phys, uint64_t size);

/* Whether a doorbell lies in a range, which then cannot be a window for other mappings. */
bool iommu_has_doorbell(uint64_t start, uint64_t size);

/* --- the confined mode ----------------------------------------------------------------------- */

/*
 * Lets @dev reach what is shared and nothing else, at physical addresses: for devices with the bounce
 * backend. Returns 0 or a negative errno. Thread context.
 */
int __must_check iommu_confine(struct iommu *iommu, uint32_t id, struct device *dev);

/*
 * Called by the port where set_memory_decrypted() shares pages, and where set_memory_encrypted() takes them
 * back: before they are used, and before they are used again. A failure is that function's. Thread
 * context.
 */
int __must_check iommu_share(uint64_t phys, uint64_t size);
int __must_check iommu_unshare(uint64_t phys, uint64_t size);

/* --- faults ---------------------------------------------------------------------------------- */

/* Counts @fault, for each device that has the stream, prints it with its device's name (a few a second at
 * most) and tells the handler. In interrupts, by drivers. */
void iommu_report_fault(struct iommu *iommu, const struct iommu_fault *fault);

/* The same in two steps, for a driver that takes several reports before it tells of them: a fault is counted, with
 * IRQs masked, before anybody can see that its report was taken. */
void iommu_count_fault(struct iommu *iommu, uint32_t id);
void iommu_tell_fault(struct iommu *iommu, const struct iommu_fault *fault);

/* Called once for each fault, printed or not; @dev: one that has the stream, NULL where none does. In
 * interrupts. */
void iommu_set_fault_handler(void (*handler)(struct device *dev, const struct iommu_fault *fault));

/* Whether @dev's stream has faulted since the last call (see dma_faulted()), or the IOMMU has lost a fault that may
 * have been its. Any context. */
bool iommu_faulted(struct device *dev);

/* Faults of @dev's stream so far. */
unsigned long iommu_faults_of(const struct device *dev);

/* "unmapped", "permission" ... */
const char *iommu_fault_name(enum iommu_fault_kind kind);

/* --- for people ------------------------------------------------------------------------------ */

/* Calls @visit for each IOMMU, and for each device that is attached to @iommu. */
void iommu_for_each(void (*visit)(struct iommu *iommu, void *arg), void *arg);
void iommu_for_each_device(const struct iommu *iommu,
			   void (*visit)(struct device *dev, uint32_t id,
					 const struct iommu_domain *domain, unsigned long faults,
					 void *arg),
			   void *arg);

#endif
