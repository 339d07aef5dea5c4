/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arm's System MMU, version 3 (ARM IHI 0070): stage 1 translation for each device, as lib/iommu.h asks
 * for it. In QEMU: -M virt,iommu=smmuv3
 */
#ifndef DRIVERS_IOMMU_SMMU_V3_H
#define DRIVERS_IOMMU_SMMU_V3_H

/*
 * Sets up every "arm,smmu-v3" of the device tree and registers it; from then on a device behind it
 * reaches nothing until it is attached. One that lacks what the driver needs says so, and stays as it was
 * found. One that fails while it is set up says so, is closed, and has no domains to give: no device
 * behind it is probed.
 * Once, after the interrupt controller and the clock. Thread context.
 */
void smmu_v3_init(void);

#endif
