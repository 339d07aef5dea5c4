/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vendor capabilities of a function (VIRTIO 1.4, 4.1.4): where in which BAR the virtio structures
 * lie. The list is the device's, and so may be anything: each of the 48 places that it can have is looked
 * at once at most, and what makes no sense is passed over. Nothing of it is ever written.
 */
#include "virtio/virtio_pci_parts.h"

/* A capability lies at a multiple of 4, so that a bit each tells which were seen. */
#define PLACES ((PCI_CFG_END - PCI_CFG_CAP_FIRST) / 4)

static uint32_t word(const struct virtio_pci_ops *ops, void *fn, unsigned int at, unsigned int n)
{
	return ops->config_read(fn, at + 4 * n, 4);
}

/* The bytes of a capability that we read, by its type. 0: a type that we do not know. */
static unsigned int bytes_needed(uint8_t type)
{
	switch (type) {
	case VIRTIO_PCI_CAP_COMMON:
	case VIRTIO_PCI_CAP_ISR:
	case VIRTIO_PCI_CAP_DEVICE:
		return VIRTIO_PCI_CAP_BYTES;
	case VIRTIO_PCI_CAP_NOTIFY:
		return VIRTIO_PCI_CAP_NOTIFY_BYTES;
	case VIRTIO_PCI_CAP_SHARED:
		return VIRTIO_PCI_CAP_SHARED_BYTES;
	default:
		return 0;
	}
}

/* Its begin must suit the widest field in it (4.1.4.3.1, 4.1.4.4.1, 4.1.4.6.1). */
static unsigned int alignment(uint8_t type)
{
	switch (type) {
	case VIRTIO_PCI_CAP_COMMON:
	case VIRTIO_PCI_CAP_DEVICE:
		return 4;
	case VIRTIO_PCI_CAP_NOTIFY:
		return 2;
	default:
		return 1;
	}
}

static uint64_t length_needed(uint8_t type)
{
	switch (type) {
	case VIRTIO_PCI_CAP_COMMON:
		return VIRTIO_PCI_COMMON_BYTES;
	case VIRTIO_PCI_CAP_NOTIFY:
		return sizeof(uint16_t);
	default:
		return 1;
	}
}

static bool makes_sense(const struct virtio_pci_cap *cap)
{
	return cap->bar < PCI_BARS && cap->offset % alignment(cap->type) == 0 &&
	       cap->length >= length_needed(cap->type) && cap->offset + cap->length >= cap->offset;
}

/* Reads the capability at @at with the first word @head. Returns false for one that is not for us. */
static bool read_cap(const struct virtio_pci_ops *ops, void *fn, unsigned int at, uint32_t head,
		     struct virtio_pci_cap *cap)
{
	unsigned int len = head >> 16 & 0xff, needed = bytes_needed((uint8_t)(head >> 24));
	uint32_t bar;

	/* One that is longer than we know is one of a later specification. */
	if ((uint8_t)head != PCI_CAP_VENDOR || !needed || len < needed || at + needed > PCI_CFG_END)
		return false;
	bar = word(ops, fn, at, VIRTIO_PCI_CAP_WORD_BAR);
	cap->type = (uint8_t)(head >> 24);
	cap->bar = (uint8_t)bar;
	cap->id = (uint8_t)(bar >> 8);
	cap->offset = word(ops, fn, at, VIRTIO_PCI_CAP_WORD_OFFSET);
	cap->length = word(ops, fn, at, VIRTIO_PCI_CAP_WORD_LENGTH);
	cap->multiplier = 0;
	if (cap->type == VIRTIO_PCI_CAP_NOTIFY)
		cap->multiplier = word(ops, fn, at, VIRTIO_PCI_CAP_WORD_MULTIPLIER);
	if (cap->type == VIRTIO_PCI_CAP_SHARED) {
		cap->offset |= (uint64_t)word(ops, fn, at, VIRTIO_PCI_CAP_WORD_OFFSET_HI) << 32;
		cap->length |= (uint64_t)word(ops, fn, at, VIRTIO_PCI_CAP_WORD_LENGTH_HI) << 32;
	}
	return makes_sense(cap);
}

void virtio_pci_walk(const struct virtio_pci_ops *ops, void *fn,
		     bool (*visit)(const struct virtio_pci_cap *cap, void *arg), void *arg)
{
	uint64_t seen = 0;
	unsigned int at;

	if (!(ops->config_read(fn, PCI_CFG_STATUS, 2) & PCI_CFG_STATUS_CAP_LIST))
		return;
	/* The low bits of a place are reserved, and to be left out. */
	at = ops->config_read(fn, PCI_CFG_CAP_POINTER, 1) & 0xfc;
	while (at >= PCI_CFG_CAP_FIRST && !(seen & BIT_ULL((at - PCI_CFG_CAP_FIRST) / 4))) {
		uint32_t head = word(ops, fn, at, VIRTIO_PCI_CAP_WORD_HEAD);
		struct virtio_pci_cap cap;

		if (read_cap(ops, fn, at, head, &cap) && !visit(&cap, arg))
			return;
		seen |= BIT_ULL((at - PCI_CFG_CAP_FIRST) / 4);
		at = head >> 8 & 0xfc;
	}
}

_Static_assert(PLACES <= 64, "a bit for each place");

/* --- shared memory ------------------------------------------------------------------------------ */

struct region {
	struct virtio_pci_device *vp;
	uint8_t id;
	void *memory;
	uint64_t length;
};

/* The first region of that id that can be mapped. */
static bool find_region(const struct virtio_pci_cap *cap, void *arg)
{
	struct region *region = arg;
	struct virtio_pci_device *vp = region->vp;

	if (cap->type != VIRTIO_PCI_CAP_SHARED || cap->id != region->id)
		return true;
	region->memory = vp->ops->map(vp->fn, cap->bar, cap->offset, cap->length);
	region->length = cap->length;
	return !region->memory;
}

void *virtio_pci_shared_memory(struct virtio_pci_device *vp, uint8_t id, uint64_t *length)
{
	struct region region = {vp, id, NULL, 0};

	virtio_pci_walk(vp->ops, vp->fn, find_region, &region);
	if (region.memory)
		*length = region.length;
	return region.memory;
}
