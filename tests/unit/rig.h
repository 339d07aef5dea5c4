/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reference device behind a transport, as a driver's test wants it: with its own DMA address space, and
 * its interrupts connected. The transport is MMIO, or where rig_over_pci says so PCI: so a test
 * program runs over both (test_over_pci_*.c).
 */
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include "tests/device/refdev_pci.h"
#include "tests/device/refdev_types.h"
#include "tests/unit/test.h"
#include "virtio/virtio_mmio.h"
#include "virtio/virtio_pci.h"

/* Whether devices see the CPU's own addresses, as on a machine without a DMA backend. */
static bool rig_direct __attribute__((unused));

struct rig {
	struct refdev *dev;
	struct virtio_device *vdev;
	union {
		struct virtio_mmio_device vm;
		struct virtio_pci_device vp;
	};
	bool pci;
};

/* The device as its transport sees it, before it is probed. */
static inline void rig_prepare(struct rig *rig, struct refdev *dev)
{
	memset(rig, 0, sizeof(*rig));
	rig->dev = dev;
	rig->pci = rig_over_pci;
	rig->vdev = rig->pci ? &rig->vp.vdev : &rig->vm.vdev;
	rig->vdev->dev.dma_ops = rig_direct ? NULL : &dma_test_ops;
	dma_test_direct(rig_direct);
	if (!rig->pci) {
		refdev_connect(dev, virtio_mmio_interrupt, &rig->vm);
		return;
	}
	if (!dev->front)
		refdev_pci_attach(dev)->table = rig_vectors;
}

/* How often one interrupt is acknowledged at the device: a message need not be. */
static inline unsigned long rig_acknowledged(const struct rig *rig)
{
	return rig->pci && rig_vectors ? 0 : 1;
}

/* Probes it on @bus. */
static inline int rig_probe_on(struct rig *rig, struct virtio_bus *bus)
{
	struct refdev *dev = rig->dev;

	if (rig->pci)
		return virtio_pci_probe(bus, &rig->vp, &refdev_pci_ops, dev, "pci@00:01.0",
					dev->version < 2);
	return virtio_mmio_probe(bus, &rig->vm, refdev_base(dev), 0xa000000, REFDEV_MMIO_SIZE, 48);
}

static inline int rig_probe_prepared(struct rig *rig)
{
	return rig_probe_on(rig, &test_bus);
}

/* Probes @dev. Returns what the transport's probe does; the state is in rig->vdev. */
static inline int rig_probe(struct rig *rig, struct refdev *dev)
{
	rig_prepare(rig, dev);
	return rig_probe_prepared(rig);
}

static inline void rig_remove(struct rig *rig)
{
	if (rig->pci)
		virtio_pci_remove(&rig->vp);
	else
		virtio_mmio_remove(&rig->vm);
}

/* Probes @dev, which must come to life, and from then on forbids allocations. */
static inline void rig_start(struct rig *rig, struct refdev *dev)
{
	assert_int_equal(rig_probe(rig, dev), 0);
	assert_int_equal(rig->vdev->state, VIRTIO_STATE_LIVE);
	port_host_forbid_alloc(true);
}

/* Removes it, and checks that the driver has left nothing behind. */
static inline void rig_end(struct rig *rig)
{
	port_host_forbid_alloc(false);
	rig_remove(rig);
	assert_int_equal(dma_test_mappings(), 0);
	if (!rig->vdev->stuck)
		assert_int_equal(dma_test_allocations(), 0);
	refdev_free(rig->dev);
}

/*
 * Probes a device of @make() with the first, second, ... allocation failing, until a probe needs no more.
 * Each one either works (it can do with less) or fails cleanly. Returns the number of
 * allocations that a probe makes.
 */
static inline unsigned int rig_starve(struct refdev *(*make)(void))
{
	struct rig rig;
	unsigned int n;
	bool failed;

	for (n = 1; n < 200; n++) {
		port_host_fail_alloc(n);
		assert_int_equal(rig_probe(&rig, make()), 0);
		failed = port_host_alloc_failed();
		port_host_fail_alloc(0);
		if (rig.vdev->state == VIRTIO_STATE_FAILED) {
			assert_int_equal(rig.vdev->error, -ENOMEM);
			assert_true(rig.dev->status & REF_S_FAILED);
			assert_true(list_empty(&rig.vdev->vqs));
			assert_int_equal(port_host_live(), 0);
			assert_int_equal(dma_test_mappings(), 0);
			assert_int_equal(dma_test_allocations(), 0);
		}
		rig_end(&rig);
		assert_int_equal(port_host_live(), 0);
		if (!failed)
			return n - 1;
	}
	fail_msg("a probe that allocates for ever");
	return 0;
}

/* The same for mappings. */
static inline unsigned int rig_starve_maps(struct refdev *(*make)(void))
{
	struct rig rig;
	unsigned int n;

	for (n = 1; n < 400; n++) {
		unsigned long before = dma_test_total_mappings();

		dma_test_fail_map(n);
		assert_int_equal(rig_probe(&rig, make()), 0);
		dma_test_fail_map(0);
		if (rig.vdev->state == VIRTIO_STATE_FAILED)
			assert_int_equal(dma_test_mappings(), 0);
		rig_end(&rig);
		assert_int_equal(port_host_live(), 0);
		if (dma_test_total_mappings() - before < n)
			return n - 1;
	}
	fail_msg("a probe that maps for ever");
	return 0;
}

#endif
