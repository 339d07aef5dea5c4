/* SPDX-License-Identifier: BSD-2-Clause */
/* test_virtio_iommu.c over PCI. */
#include "tests/unit/over_pci.h"
#include "tests/unit/test_virtio_iommu.c"
