/* SPDX-License-Identifier: BSD-2-Clause */
/* The IOMMUs: how each is set up, which devices stand behind it and what is mapped for them, and faults. */
#include "apps/shell/commands.h"
#include "lib/dma_iommu.h"

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

	sh_printf(sh, "stream 0x%x %s %s %lu KiB faults %lu\n", (unsigned int)id, dev->name,
		  mode_of(domain), (unsigned long)(domain->mapped_bytes >> 10), faults);
	if (!dma_iommu_get_stats(dev, &stats))
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

const struct command iommu_commands[] = {
	{"iommu", "", "IOMMUs: their devices, what is mapped, faults", 0, 0, iommu_command},
	{NULL, NULL, NULL, 0, 0, NULL},
};
