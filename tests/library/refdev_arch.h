/* SPDX-License-Identifier: BSD-2-Clause */
/* VIREO_ARCH for tests: registers are simulated (tests/device/refdev_mmio.c). */
#include "lib/arch/host/arch/barrier.h"
#include "lib/arch/host/arch/mmio.h"
