/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOMMUs: how each is set up, which devices stand behind it and what is mapped for them, and faults. And a
 * way to see one: dma-stray lets a disk write where nothing is mapped for it.
 */
#include <errno.h>
#include <inttypes.h>
#include "apps/shell/commands.h"
#include "drivers/virtio/virtio_blk.h"
#include "lib/dma_iommu.h"
#include "lib/machine.h"
#include "lib/pages.h"

#define STRAY_SECTORS	 8u
#define STRAY_TIMEOUT_NS (5 * NSEC_PER_SEC)

static const char *mode_of(const struct iommu_domain *domain)
{
	if (domain->bypass)
		return "direct";
	return domain->confined ? "confined" : "mapped";
}

static void print_device(struct device *dev, uint32_t id, const struct iommu_domain *domain,
			 unsigned long faults, void *arg)
{
	struct shell *sh = arg;
	struct dma_iommu_stats stats;
	bool mapped = dma_iommu_get_stats(dev, &stats);

	/* While this is printed the device may go. */
	sh_printf(sh, "stream 0x%x %s %s %lu KiB faults %lu\n", (unsigned int)id, dev->name,
		  mode_of(domain), (unsigned long)(domain->mapped_bytes >> 10), faults);
	if (!mapped)
		return;
	sh_printf(sh, "  pages %lu stand-ins %lu maps %lu bounced %lu exhausted %lu lost %lu\n",
		  (unsigned long)stats.used_pages, (unsigned long)stats.used_bounce_pages,
		  stats.maps, stats.bounced, stats.exhausted, stats.lost);
}

static void print_iommu(struct iommu *iommu, void *arg)
{
	struct shell *sh = arg;

	sh_printf(sh, "%s: %s\n", iommu->name, iommu->setup);
	sh_printf(sh, "faults %lu lost %lu\n", iommu->faults, iommu->faults_lost);
	iommu_for_each_device(iommu, print_device, sh);
}

static void count_iommu(struct iommu *iommu, void *arg)
{
	unsigned int *count = arg;

	(void)iommu;
	(*count)++;
}

static int iommu_command(struct shell *sh, int argc, char **argv)
{
	unsigned int count = 0;

	(void)argc;
	(void)argv;
	iommu_for_each(count_iommu, &count);
	if (!count)
		sh_puts(sh, "no IOMMU\n");
	iommu_for_each(print_iommu, sh);
	return 0;
}

/* --- a stray access ---------------------------------------------------------------------------- */

/* One disk's backend while it strays: what is in @buffer goes unmapped, under an address that is nobody's. */
static struct {
	struct dma_map_ops ops;
	const struct dma_map_ops *real;
	const void *buffer;
	dma_addr_t addr;
} stray;

static dma_addr_t stray_map(struct device *dev, void *ptr, size_t size, enum dma_data_direction dir)
{
	return ptr == stray.buffer ? stray.addr : stray.real->map(dev, ptr, size, dir);
}

static void stray_unmap(struct device *dev, dma_addr_t addr, size_t size,
			enum dma_data_direction dir)
{
	if (addr != stray.addr)
		stray.real->unmap(dev, addr, size, dir);
}

/* The last page of RAM: no window for mappings reaches up there, and it is shared only once all
 * other memory is in use. */
static dma_addr_t stray_address(void)
{
	const struct machine_memory *memory = machine_memory();

	return memory->ram_base + memory->ram_size - PAGE_SIZE;
}

/* Whether an IOMMU would stop it: otherwise the access would do what it says. */
static bool is_held(const struct virtio_device *vdev)
{
	const struct iommu_domain *domain = iommu_domain_of(&vdev->dev);

	return domain && !domain->bypass && vdev->dev.dma_ops &&
	       virtio_has_feature(vdev, VIRTIO_F_ACCESS_PLATFORM);
}

/* Reads into a buffer that is never mapped. Returns what the read does. */
static int read_astray(struct virtio_device *vdev, struct virtio_blk *blk, void *buffer)
{
	int err;

	stray.real = vdev->dev.dma_ops;
	stray.ops = *stray.real;
	stray.ops.map = stray_map;
	stray.ops.unmap = stray_unmap;
	stray.buffer = buffer;
	stray.addr = stray_address();
	vdev->dev.dma_ops = &stray.ops;
	err = virtio_blk_read(blk, 0, buffer, STRAY_SECTORS, STRAY_TIMEOUT_NS);
	vdev->dev.dma_ops = stray.real;
	return err;
}

static int stray_command(struct shell *sh, int argc, char **argv)
{
	int n = command_device(sh, VIRTIO_ID_BLOCK, argv[1]);
	struct virtio_device *vdev;
	unsigned long before;
	void *buffer;
	int err;

	(void)argc;
	if (n < 0)
		return n;
	vdev = virtio_find_device(app_bus, VIRTIO_ID_BLOCK, (unsigned int)n);
	if (!is_held(vdev))
		return sh_error(sh, -ENODEV, "disk %d: no IOMMU holds it: it would do it", n);
	buffer = alloc_pages_exact(STRAY_SECTORS * VIRTIO_BLK_SECTOR_SIZE);
	if (!buffer)
		return sh_error(sh, -ENOMEM, "out of memory");
	before = iommu_faults_of(&vdev->dev);
	err = read_astray(vdev, virtio_blk_find(app_bus, (unsigned int)n), buffer);
	sh_printf(sh, "disk %d reads to 0x%" PRIx64 ": %s, faults %lu\n", n, (uint64_t)stray.addr,
		  err ? sh_strerror(err) : "no error", iommu_faults_of(&vdev->dev) - before);
	free_pages_exact(buffer, STRAY_SECTORS * VIRTIO_BLK_SECTOR_SIZE);
	return 0;
}

const struct command iommu_commands[] = {
	{"iommu", "", "IOMMUs: devices, what is mapped, faults", 0, 0, iommu_command},
	{"dma-stray", "N", "lets disk N write where nothing is mapped", 1, 1, stray_command},
	{NULL, NULL, NULL, 0, 0, NULL},
};
