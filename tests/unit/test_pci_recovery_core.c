/* SPDX-License-Identifier: BSD-2-Clause */
/* test_recovery_core.c over PCI. */
#include "tests/unit/over_pci.h"
#include "tests/unit/test_recovery_core.c"
