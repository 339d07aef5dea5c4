/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio IOMMU on PCI and its node. iommu-map names an IOMMU by a node of the device tree; the one of a virtio
 * IOMMU stands below its host, with the function's address in "reg".
 */
#include "drivers/pci/pci.h"
#include "drivers/virtio/virtio_iommu.h"
#include "lib/devicetree.h"
#include "lib/log.h"
#include "ports/bare/bare.h"

#define VENDOR_VIRTIO 0x1af4u
#define DEVICE_IOMMU  (0x1040u + VIRTIO_ID_IOMMU) /* there is no transitional one */

bool bare_is_virtio_iommu(const struct pci_function *fn)
{
	return fn->vendor == VENDOR_VIRTIO && fn->device == DEVICE_IOMMU;
}

/* What the IOMMU itself knows the function as, and where it stands in the first cell of "reg". */
static uint32_t requester_id(const struct pci_function *fn)
{
	return (uint32_t)fn->bus << 8 | (uint32_t)fn->slot << 3 | fn->function;
}

static int find_node(const struct pci_function *fn)
{
	int node;

	dt_for_each_compatible (node, "virtio,pci-iommu") {
		struct dt_cells reg;

		if (dt_parent(node) == pci_host_node(fn) && !dt_cells(node, "reg", &reg) &&
		    (dt_cells_read(&reg, 0, 1) >> 8 & 0xffff) == requester_id(fn))
			return node;
	}
	return -1;
}

void bare_virtio_iommu_start(struct virtio_device *vdev, const struct pci_function *fn)
{
	int node = find_node(fn);
	int err = virtio_iommu_register(vdev, node);

	if (node < 0)
		log_warning("%s: the device tree does not know this IOMMU: it is not used",
			    fn->name);
	else if (!err)
		err = virtio_iommu_admit(vdev, requester_id(fn));
	if (node >= 0 && err)
		log_error("%s: the IOMMU cannot be used as it should (%d)", fn->name, err);
}
