/* SPDX-License-Identifier: BSD-2-Clause */
/* test_virtqueue_reset.c over PCI. */
#include "tests/unit/over_pci.h"
#include "tests/unit/test_virtqueue_reset.c"
