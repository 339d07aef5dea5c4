/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the SMMUs of the device tree and brings them up: first nothing passes while they are off, then
 * tables and queues, what earlier software left in their caches goes, and with the last step no stream
 * reaches anything but what lib/iommu.h's users map for it.
 */
#include <errno.h>
#include <stdio.h>
#include <arch/cpu.h>
#include "drivers/iommu/smmu_v3.h"
#include "drivers/iommu/smmu_v3_private.h"
#include "lib/devicetree.h"
#include "lib/log.h"
#include "lib/machine.h"
#include "lib/pages.h"

static const struct iommu_ops smmu_ops = {
	.domain_alloc = smmu_domain_alloc,
	.domain_free = smmu_domain_free,
	.attach = smmu_attach,
	.prepare = smmu_prepare,
	.map = smmu_map,
	.unmap = smmu_unmap,
	.poll = smmu_poll,
};

/* What this driver needs and the SMMU does not have, or NULL. */
static const char *missing(const struct smmu *smmu)
{
	if (!(smmu->idr0 & IDR0_S1P))
		return "stage 1 translation";
	if (!(smmu->idr0 & IDR0_TTF_AARCH64))
		return "AArch64 translation tables";
	if (!(smmu->idr0 & IDR0_COHACC))
		return "coherent access to its tables";
	if (IDR0_TTENDIAN(smmu->idr0) == TTENDIAN_BIG)
		return "little-endian translation tables";
	if (IDR0_STALL(smmu->idr0) == STALL_FORCED)
		return "faults that end an access";
	if (smmu->idr1 & IDR1_PRESET)
		return "tables and queues in memory of ours";
	if (!(smmu->idr5 & IDR5_GRAN4K))
		return "pages of 4 KiB";
	return NULL;
}

static int write_cr0(const struct smmu *smmu, uint32_t value)
{
	smmu_write(smmu, SMMU_CR0, value);
	return smmu_wait(smmu, SMMU_CR0ACK, value | CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN, value);
}

/* Off, and with nothing passing while it is. One that cannot do the latter lets all pass, as it did
 * before we came, until it is on. */
static int quiesce(struct smmu *smmu)
{
	int err = smmu_wait(smmu, SMMU_GBPA, GBPA_UPDATE, 0);

	if (err)
		return err;
	smmu_write(smmu, SMMU_GBPA, GBPA_UPDATE | GBPA_ABORT);
	err = smmu_wait(smmu, SMMU_GBPA, GBPA_UPDATE, 0);
	if (err)
		return err;
	smmu_write(smmu, SMMU_IRQ_CTRL, 0);
	err = smmu_wait(smmu, SMMU_IRQ_CTRLACK, IRQ_CTRL_EVENTQ | IRQ_CTRL_GERROR, 0);
	if (err)
		return err;
	err = write_cr0(smmu, 0);
	/* Errors of whoever was here before. */
	smmu->gerrorn = smmu_read(smmu, SMMU_GERROR);
	smmu_write(smmu, SMMU_GERRORN, smmu->gerrorn);
	return err;
}

static void write_attributes(const struct smmu *smmu)
{
	smmu_write(smmu, SMMU_CR1, CR1_WRITE_BACK);
	smmu_write(smmu, SMMU_CR2, CR2_PTM | CR2_RECINVSID);
	if (smmu->idr0 & IDR0_MSI) {
		smmu_write64(smmu, SMMU_GERROR_IRQ, 0);
		smmu_write64(smmu, SMMU_EVENTQ_IRQ, 0);
	}
}

/* Drops what its caches may hold of other tables. */
static int invalidate_all(struct smmu *smmu)
{
	unsigned long state = irq_save();
	int err;

	smmu_command(smmu, CMD_CFGI_ALL, CFGI_ALL_RANGE);
	smmu_command(smmu, CMD_TLBI_NSNH, 0);
	err = smmu_sync(smmu);
	irq_restore(state);
	return err;
}

static int allocate(struct smmu *smmu)
{
	int err = smmu_streams_init(smmu);

	if (!err)
		err = smmu_cmdq_init(smmu);
	if (!err)
		err = smmu_evtq_init(smmu);
	return err;
}

static int enable(struct smmu *smmu)
{
	uint32_t cr0 = CR0_CMDQEN;
	int err = write_cr0(smmu, cr0);

	if (!err)
		err = invalidate_all(smmu);
	if (err)
		return err;
	cr0 |= CR0_EVENTQEN;
	/* Otherwise a device that says that its address is translated already would be believed. */
	if (smmu->idr0 & IDR0_ATS)
		cr0 |= CR0_ATSCHK;
	err = write_cr0(smmu, cr0);
	return err ? err : write_cr0(smmu, cr0 | CR0_SMMUEN);
}

static int set_up(struct smmu *smmu)
{
	const char *what;
	int err;

	smmu->idr0 = smmu_read(smmu, SMMU_IDR0);
	smmu->idr1 = smmu_read(smmu, SMMU_IDR1);
	smmu->idr5 = smmu_read(smmu, SMMU_IDR5);
	what = missing(smmu);
	if (what) {
		log_error("%s: not usable: it has no %s", smmu->name, what);
		return -ENODEV;
	}
	smmu->taken = true;
	err = quiesce(smmu);
	if (err)
		return err;
	write_attributes(smmu);
	err = allocate(smmu);
	return err ? err : enable(smmu);
}

static void describe(struct smmu *smmu)
{
	snprintf(smmu->setup, sizeof(smmu->setup),
		 "stage 1, %u-bit addresses, 4 KiB pages, %s stream table of %u ids, %u commands, "
		 "%u events",
		 SMMU_VA_BITS, smmu->split ? "two-level" : "linear", 1u << smmu->stream_bits,
		 1u << smmu->cmdq.log2size, 1u << smmu->evtq.log2size);
}

/* One that has not been touched stays as it was found. */
static void leave_alone(struct smmu *smmu, int err)
{
	if (err != -ENODEV)
		log_error("%s: cannot be set up (%d)", smmu->name, err);
	free_pages_exact(smmu, sizeof(*smmu));
}

/*
 * One that did not come up is off and lets nothing pass, if it still answers. Otherwise it may look at its memory,
 * which is lost. It is known, without domains to give, so that no device is driven behind it in vain.
 */
static void give_up(struct smmu *smmu, int err)
{
	log_error("%s: cannot be set up (%d): no device behind it can be used", smmu->name, err);
	if (!write_cr0(smmu, 0)) {
		smmu_cmdq_exit(smmu);
		smmu_evtq_exit(smmu);
		smmu_streams_exit(smmu);
	}
	smmu->broken = true;
	snprintf(smmu->setup, sizeof(smmu->setup), "not set up, nothing passes");
	iommu_register(&smmu->iommu);
}

static void probe(int node)
{
	struct smmu *smmu = alloc_pages_exact(sizeof(*smmu));
	uint64_t phys, size;
	int err;

	if (!smmu || dt_reg(node, 0, &phys, &size) || size < SMMU_SIZE) {
		log_error("%s: malformed node, or no memory", dt_name(node));
		free_pages_exact(smmu, sizeof(*smmu));
		return;
	}
	snprintf(smmu->name, sizeof(smmu->name), "SMMUv3 %s", dt_name(node));
	smmu->iommu.name = smmu->name;
	smmu->iommu.setup = smmu->setup;
	smmu->iommu.dt_node = node;
	smmu->iommu.ops = &smmu_ops;
	smmu->iommu.iova_limit = BIT_ULL(SMMU_VA_BITS) - 1;
	list_init(&smmu->iommu.domains);
	smmu->base = ioremap(phys, SMMU_SIZE);
	err = smmu->base ? set_up(smmu) : -ENOMEM;
	if (err) {
		if (smmu->taken)
			give_up(smmu, err);
		else
			leave_alone(smmu, err);
		return;
	}
	describe(smmu);
	iommu_register(&smmu->iommu);
	smmu_evtq_request_irqs(smmu, node);
}

void smmu_v3_init(void)
{
	int node;

	dt_for_each_compatible (node, "arm,smmu-v3")
		probe(node);
}
