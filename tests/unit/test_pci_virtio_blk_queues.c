/* SPDX-License-Identifier: BSD-2-Clause */
/* test_virtio_blk_queues.c over PCI. */
#include "tests/unit/over_pci.h"
#include "tests/unit/test_virtio_blk_queues.c"
