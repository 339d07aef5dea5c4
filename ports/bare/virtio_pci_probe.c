/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every PCI function that calls itself a virtio device gets a transport here: what virtio/ asks of a
 * function (virtio_pci_ops) is what drivers/pci has. Devices are probed in the order of enumeration, after
 * those of virtio-mmio, so that adding one to a slot further on renumbers none before it. Those that come
 * later take the lowest number that is free.
 */
#include <errno.h>
#include <stdio.h>
#include "drivers/pci/pci.h"
#include "lib/iommu.h"
#include "lib/irq.h"
#include "lib/msi.h"
#include "ports/bare/bare.h"
#include "virtio/port.h"
#include "virtio/virtio_pci.h"

/* More are not taken for one device: queues share beyond that. The GIC of a small machine has 64 lines
 * for messages. */
#define VECTORS_MAX 16u

struct bare_pci_device {
	struct virtio_pci_device vp;
	struct pci_function *fn;
	int irqs[VECTORS_MAX]; /* of the vectors that are enabled */
	unsigned int vectors;
};

/* --- what the transport asks of the function --------------------------------------------- */

static uint32_t read_config(void *arg, unsigned int offset, unsigned int width)
{
	const struct pci_function *fn = ((struct bare_pci_device *)arg)->fn;

	switch (width) {
	case 1:
		return pci_read8(fn, offset);
	case 2:
		return pci_read16(fn, offset);
	default:
		return pci_read32(fn, offset);
	}
}

static void *map_bar(void *arg, unsigned int bar, uint64_t offset, uint64_t length)
{
	return pci_map(((struct bare_pci_device *)arg)->fn, bar, offset, length);
}

static unsigned int count_vectors(void *arg)
{
	/* Asked once: it might say something else the second time. */
	unsigned int count = pci_msix_count(((struct bare_pci_device *)arg)->fn);

	return MIN(count, VECTORS_MAX);
}

static int enable_vectors(void *arg, unsigned int count)
{
	struct bare_pci_device *dev = arg;
	int err;

	if (count > VECTORS_MAX)
		return -EINVAL;
	err = pci_msix_enable(dev->fn, count, dev->irqs);
	dev->vectors = err ? 0 : count;
	return err;
}

static void disable_vectors(void *arg)
{
	struct bare_pci_device *dev = arg;

	pci_msix_disable(dev->fn);
	dev->vectors = 0;
}

/* A vector is a line of its own; the wired line is one of four that all functions share. */
static int route(void *arg, int vector, irq_handler_t handler, const char *name, void *dev_id)
{
	struct bare_pci_device *dev = arg;
	int irq = vector < 0 ? dev->fn->intx.irq : dev->irqs[vector];
	unsigned int flags = vector < 0 ? dev->fn->intx.trigger | IRQF_SHARED : IRQF_SHARED;
	int err = irq < 0 ? -ENODEV : request_irq(irq, handler, flags, name, dev_id);

	if (!err && vector < 0)
		pci_allow_intx(dev->fn, true);
	return err ? err : irq;
}

static void unroute(void *arg, int vector, void *dev_id)
{
	struct bare_pci_device *dev = arg;

	if (vector < 0)
		pci_allow_intx(dev->fn, false);
	free_irq(vector < 0 ? dev->fn->intx.irq : dev->irqs[vector], dev_id);
}

static void isolate(void *arg)
{
	struct pci_function *fn = ((struct bare_pci_device *)arg)->fn;

	pci_enable(fn, true, true, false);
	pci_allow_intx(fn, false);
}

static const struct virtio_pci_ops ops = {
	.config_read = read_config,
	.map = map_bar,
	.vectors = count_vectors,
	.enable_vectors = enable_vectors,
	.disable_vectors = disable_vectors,
	.request_irq = route,
	.free_irq = unroute,
	.isolate = isolate,
};

/* --- probing ---------------------------------------------------------------------------------- */

/* What the function may reach: by the chosen backend, and where its interrupts go. */
static int setup_dma(struct device *device, const struct pci_function *fn)
{
	const struct msi_controller *msi = fn->msi;
	int err = msi ? iommu_add_doorbell(msi->doorbell, msi->doorbell_size) : 0;

	if (!err && bare_is_virtio_iommu(fn)) {
		bare_dma_setup(device); /* it goes past itself */
		return 0;
	}
	return err ? err : bare_dma_setup_iommu(device, fn->iommu_node, fn->iommu_id);
}

/* The function masters the bus only once its IOMMU, if it has one, knows what it may reach, and only for a driver. */
static int probe_device(struct bare_pci_device *dev, struct pci_function *fn)
{
	struct device *device = &dev->vp.vdev.dev;
	int err;

	dev->fn = fn;
	dev->vp.vdev.max_queue_size = bare_max_queue_size();
	snprintf(device->name, sizeof(device->name), "%s", fn->name);
	err = setup_dma(device, fn);
	if (err)
		return err;
	pci_enable(fn, true, true, true);
	err = virtio_pci_probe(&bare_bus, &dev->vp, &ops, dev, fn->name, bare_legacy_pci());
	if (err) {
		pci_enable(fn, false, false, false);
		bare_dma_release(device);
	} else if (dev->vp.vdev.state == VIRTIO_STATE_NO_DRIVER) {
		isolate(dev);
	}
	return err;
}

static void probe(struct pci_function *fn)
{
	struct bare_pci_device *dev = port_alloc(sizeof(*dev));
	int err = dev ? probe_device(dev, fn) : -ENOMEM;

	if (err) {
		port_log(LOG_WARNING, "%s: virtio device not usable (%d)", fn->name, err);
		port_free(dev);
		return;
	}
	fn->priv = dev;
}

/* What stands before other devices comes before them. */
static void probe_iommus(void)
{
	struct pci_function *fn;

	pci_for_each_function (fn) {
		if (!bare_is_virtio_iommu(fn))
			continue;
		probe(fn);
		if (fn->priv)
			bare_virtio_iommu_start(&((struct bare_pci_device *)fn->priv)->vp.vdev, fn);
	}
}

/* An IOMMU that comes late stands before nothing: what is there goes past it already. */
static void added(struct pci_function *fn)
{
	if (virtio_pci_is_virtio(fn->vendor, fn->device) && !bare_is_virtio_iommu(fn))
		probe(fn);
}

/* The driver lets go of everything; a device that is still there reaches no memory from then on. */
static void removing(struct pci_function *fn)
{
	struct bare_pci_device *dev = fn->priv;

	if (!dev)
		return;
	fn->priv = NULL;
	virtio_pci_remove(&dev->vp);
	pci_enable(fn, false, false, false);
	bare_dma_release(&dev->vp.vdev.dev);
	port_free(dev);
}

void bare_virtio_pci_probe(void)
{
	static const struct pci_listener listener = {.added = added, .removing = removing};
	struct pci_function *fn;

	if (!pci_has_devices())
		return;
	probe_iommus();
	pci_for_each_function (fn)
		added(fn);
	if (pci_hotplug_init(&listener))
		port_log(LOG_ERROR, "pci: no memory for all hot-plug slots");
}
