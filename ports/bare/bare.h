/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port to the bare machine: virtio/port.h on one CPU, with interrupts as the only concurrency,
 * and the way from boot/ to the image's main(). An image's main loop waits with port_event_wait(), which
 * runs work items meanwhile.
 */
#ifndef PORTS_BARE_BARE_H
#define PORTS_BARE_BARE_H

#include "lib/device.h"
#include "lib/timer.h"

/*
 * A wait for something that an interrupt or a work item brings:
 *
 *	bare_wait_begin(&wait, deadline_ns);
 *	while (nothing_has_come() && bare_wait(&wait))
 *		;
 *	bare_wait_end(&wait);
 *
 * bare_wait() runs what work there is, or sleeps until an interrupt has been served. It may return early,
 * and returns false once the deadline (ns since boot; UINT64_MAX: none) has passed. No wake-up is lost: if
 * any interrupt was handled since its last return, it returns at once. Thread context, IRQs enabled.
 */
struct bare_wait {
	struct timer timer;
	uint64_t deadline_ns;
	bool over, armed;
};

void bare_wait_begin(struct bare_wait *wait, uint64_t deadline_ns);
bool bare_wait(struct bare_wait *wait);
void bare_wait_end(struct bare_wait *wait);

/*
 * Reads the boot options dma= and swiotlb=, sets up the IOMMUs of the device tree, and makes the pool where
 * devices are to use one. Returns 0, or a negative errno: then no device may be probed, because it would get to see
 * memory that was to be kept from it. Thread context; before any device is probed.
 */
int bare_dma_init(void);

/* Gives @dev, which has no IOMMU before it, the DMA backend that was chosen. */
void bare_dma_setup(struct device *dev);

struct pci_function;
struct virtio_device;

/* Reads the boot options queue-size= and virtio_pci=. Before any device is probed. */
void bare_virtio_options_init(void);

/* Of every queue; 0: the transport's default. */
unsigned int bare_max_queue_size(void);

/* Whether a PCI device with both interfaces is to be driven through the legacy one. */
bool bare_legacy_pci(void);

/*
 * The same for a device whose accesses go through the IOMMU @iommu_node of the device tree (negative: through none)
 * as stream @id. @dev needs its name. Returns 0, or a negative errno, which was printed: then the device reaches no
 * memory and must not be probed. Thread context.
 */
int __must_check bare_dma_setup_iommu(struct device *dev, int iommu_node, uint32_t id);

/* Takes the device out of its IOMMU: it reaches no memory any more. Its driver has unmapped and freed
 * everything. Allowed for any device. Thread context. */
void bare_dma_release(struct device *dev);

/* The machine's devices, those that are plugged in later among them. */
extern struct virtio_bus bare_bus;

/* Probes every "virtio,mmio" node of the device tree. The drivers of bare_bus are known already. Once. */
void bare_virtio_mmio_probe(void);

/* Whether @fn is a virtio IOMMU, and then, once @vdev has its driver, what makes it the IOMMU that iommu-map
 * names: before the devices behind it are probed. What is wrong is printed. Thread context. */
bool bare_is_virtio_iommu(const struct pci_function *fn);
void bare_virtio_iommu_start(struct virtio_device *vdev, const struct pci_function *fn);

/* Probes every virtio device of pci_functions(), IOMMUs first. The drivers of bare_bus are known already. Once. */
void bare_virtio_pci_probe(void);

/* The image's program: all devices are on @bus, and system_wq is run by every wait. What it returns is the exit
 * status. */
int main(struct virtio_bus *bus);

#endif
