/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reserved addresses (VIRTIO 1.4, 5.13.6.7 and 5.13.6.8): the device says for each endpoint which I/O virtual
 * addresses it keeps for itself. They are remembered for the device as a whole, since on a machine they come
 * from its memory map. An MSI region is a doorbell that is reached without a mapping; anything else must not be used.
 */
#include <string.h>
#include "drivers/virtio/virtio_iommu_private.h"

#define HEAD sizeof(struct virtio_iommu_probe_property)

static bool overlap(const struct viommu_range *a, const struct viommu_range *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static bool contains(const struct viommu_range *outer, const struct viommu_range *inner)
{
	return outer->start <= inner->start && inner->end <= outer->end;
}

/* --- what the device says -------------------------------------------------------------------- */

static bool same(const struct viommu_region *a, const struct viommu_region *b)
{
	return a->range.start == b->range.start && a->range.end == b->range.end && a->msi == b->msi;
}

static int add_region(struct viommu *v, const struct viommu_region *region)
{
	for (unsigned int i = 0; i < v->region_count; i++) {
		if (same(&v->regions[i], region))
			return 0;
	}
	if (v->region_count == VIOMMU_REGIONS)
		return -ENOSPC;
	v->regions[v->region_count++] = *region;
	return 0;
}

/* 5.13.6.8.1.1: a subtype that we do not know is as good as RESERVED; what is reserved in it is not looked at. */
static int read_region(struct viommu *v, const uint8_t *property, size_t length)
{
	struct virtio_iommu_probe_resv_mem mem;
	struct viommu_region region;

	if (length < sizeof(mem) - HEAD)
		return -EINVAL;
	memcpy(&mem, property, sizeof(mem));
	region = (struct viommu_region){
		.range = {le64_to_cpu(mem.start), le64_to_cpu(mem.end)},
		.msi = mem.subtype == VIRTIO_IOMMU_RESV_MEM_T_MSI,
	};
	return region.range.start <= region.range.end ? add_region(v, &region) : -EINVAL;
}

/*
 * 5.13.6.7.1: a property is as long as it says, whatever its type; one that we do not know is passed over, as
 * is one with a bit set above the type's twelve. What is left after the last one is 0.
 */
static int read_properties(struct viommu *v)
{
	const uint8_t *p = v->properties;
	size_t left = v->config.probe_size;
	int err = 0;

	while (left >= HEAD && !err) {
		struct virtio_iommu_probe_property head;
		uint16_t type, length;

		memcpy(&head, p, HEAD);
		type = le16_to_cpu(head.type);
		length = le16_to_cpu(head.length);
		if (type == VIRTIO_IOMMU_PROBE_T_NONE)
			break;
		if (length > left - HEAD)
			return -EINVAL;
		if (type == VIRTIO_IOMMU_PROBE_T_RESV_MEM)
			err = read_region(v, p, length);
		p += HEAD + length;
		left -= HEAD + length;
	}
	return err;
}

int viommu_learn_regions(struct viommu *v, uint32_t endpoint)
{
	unsigned long state;
	int err;

	if (v->config.probe_size == 0)
		return 0;
	state = port_lock(&v->lock);
	err = viommu_probe_request(v, endpoint);
	if (!err) {
		err = read_properties(v);
		if (err)
			port_log(LOG_ERROR, "%s: the properties of endpoint 0x%x are %s", v->name,
				 (unsigned int)endpoint, err == -ENOSPC ? "too many" : "malformed");
	}
	port_unlock(&v->lock, state);
	return err;
}

/* --- what follows from it -------------------------------------------------------------------- */

static bool touches_region(const struct viommu *v, const struct viommu_range *range)
{
	for (unsigned int i = 0; i < v->region_count; i++) {
		if (overlap(&v->regions[i].range, range))
			return true;
	}
	return false;
}

static bool in_msi_region(const struct viommu *v, const struct viommu_range *range)
{
	for (unsigned int i = 0; i < v->region_count; i++) {
		if (v->regions[i].msi && contains(&v->regions[i].range, range))
			return true;
	}
	return false;
}

enum viommu_verdict viommu_judge(const struct viommu *v, const struct viommu_mapping *mapping)
{
	const struct viommu_range range = {mapping->iova, mapping->iova + mapping->size - 1};

	if (!touches_region(v, &range))
		return VIOMMU_FREE;
	if ((mapping->prot & IOMMU_DEVICE) && mapping->iova == mapping->phys &&
	    in_msi_region(v, &range))
		return VIOMMU_PASSES;
	return VIOMMU_RESERVED;
}

bool viommu_is_usable(const struct viommu *v, const struct viommu_range *range)
{
	return !touches_region(v, range) || in_msi_region(v, range);
}
