/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Config space and its lists of capabilities. The lists are the device's word: their links may lead anywhere, or
 * in a circle. So a walk remembers where it has been, and starts at the head each time.
 */
#include <arch/mmio.h>
#include "drivers/pci/pci_private.h"

/* NULL: no such register. */
static char *reg(const struct pci_function *fn, unsigned int offset, unsigned int width)
{
	if (offset % width || offset >= PCI_CONFIG_SIZE)
		return NULL;
	return fn->config + offset;
}

#define DEFINE_CONFIG(bits)                                                               \
	uint##bits##_t pci_read##bits(const struct pci_function *fn, unsigned int offset) \
	{                                                                                 \
		const char *at = reg(fn, offset, (bits) / 8);                             \
                                                                                          \
		return at ? mmio_read##bits(at) : UINT##bits##_MAX;                       \
	}                                                                                 \
	void pci_write##bits(const struct pci_function *fn, unsigned int offset,          \
			     uint##bits##_t value)                                        \
	{                                                                                 \
		char *at = reg(fn, offset, (bits) / 8);                                   \
                                                                                          \
		if (at)                                                                   \
			mmio_write##bits(at, value);                                      \
	}

DEFINE_CONFIG(8)
DEFINE_CONFIG(16)
DEFINE_CONFIG(32)

bool pci_present(const struct pci_function *fn)
{
	return pci_read16(fn, PCI_VENDOR_ID) == fn->vendor;
}

/* A walk over the list, which holds each dword once. */
struct walk {
	const struct pci_function *fn;
	unsigned int at;
	uint64_t seen; /* a bit for each dword of 256 bytes */
};

/* Goes on to the capability that the byte at @link leads to. Returns false at the end. */
static bool follow(struct walk *walk, unsigned int link)
{
	unsigned int next = pci_read8(walk->fn, link) & ~3u;
	uint64_t bit = BIT_ULL(next / 4);

	if (next < PCI_CAP_FIRST || (walk->seen & bit))
		return false;
	walk->seen |= bit;
	walk->at = next;
	/* What has vanished reads as all ones, which as an id means nothing. */
	return pci_read8(walk->fn, next) != 0xff;
}

unsigned int pci_find_capability(const struct pci_function *fn, uint8_t id, unsigned int from)
{
	struct walk walk = {.fn = fn};
	bool behind = from == 0;
	unsigned int link = PCI_CAPABILITIES;

	if (!(pci_read16(fn, PCI_STATUS) & PCI_STATUS_CAPABILITIES))
		return 0;
	for (; follow(&walk, link); link = walk.at + PCI_CAP_NEXT) {
		if (behind && (id == PCI_CAP_ANY || pci_read8(fn, walk.at) == id))
			return walk.at;
		behind |= walk.at == from;
	}
	return 0;
}

unsigned int pci_find_ext_capability(const struct pci_function *fn, uint16_t id)
{
	unsigned int at = PCI_EXT_CAP_FIRST;

	/* A header is at least a dword, so a longer list goes in a circle. */
	for (unsigned int i = 0; i < (PCI_CONFIG_SIZE - PCI_EXT_CAP_FIRST) / 4; i++) {
		uint32_t header = pci_read32(fn, at);

		if (header == 0 || header == UINT32_MAX)
			return 0;
		if ((uint16_t)header == id)
			return at;
		at = header >> 20 & ~3u;
		if (at < PCI_EXT_CAP_FIRST)
			return 0;
	}
	return 0;
}
