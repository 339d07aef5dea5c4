/* SPDX-License-Identifier: BSD-2-Clause */
/* Config space: offsets and bits (PCI Local Bus 3.0 chapter 6, PCI-to-PCI Bridge 1.2 chapter 3, PCI Express Base 7.5). */
#ifndef DRIVERS_PCI_PCI_REGS_H
#define DRIVERS_PCI_PCI_REGS_H

#include "lib/util.h"

#define PCI_DEVICE_ID	     0x02
#define PCI_CLASS_REVISION   0x08
#define PCI_BAR0	     0x10
#define PCI_SUBSYSTEM_VENDOR 0x2c
#define PCI_SUBSYSTEM_ID     0x2e
#define PCI_CAPABILITIES     0x34
#define PCI_INTERRUPT_PIN    0x3d

#define PCI_STATUS_CAPABILITIES BIT(4)

#define PCI_HEADER_MASK	  0x7f
#define PCI_HEADER_NORMAL 0
#define PCI_HEADER_BRIDGE 1
#define PCI_HEADER_MULTI  BIT(7)

#define PCI_CLASS_HOST_BRIDGE 0x0600 /* class and subclass */

#define PCI_BAR_IO	 BIT(0)
#define PCI_BAR_IO_MASK	 3u
#define PCI_BAR_TYPE	 6u
#define PCI_BAR_64	 4u
#define PCI_BAR_RESERVED 6u
#define PCI_BAR_PREFETCH BIT(3)
#define PCI_BAR_MEM_MASK 15u

/* Header type 1. */
#define PCI_PRIMARY_BUS	    0x18
#define PCI_SECONDARY_BUS   0x19
#define PCI_SUBORDINATE_BUS 0x1a
#define PCI_IO_BASE	    0x1c
#define PCI_IO_LIMIT	    0x1d
#define PCI_MEM_BASE	    0x20
#define PCI_MEM_LIMIT	    0x22
#define PCI_PREF_BASE	    0x24
#define PCI_PREF_LIMIT	    0x26
#define PCI_PREF_BASE_HIGH  0x28
#define PCI_PREF_LIMIT_HIGH 0x2c
#define PCI_IO_BASE_HIGH    0x30
#define PCI_IO_LIMIT_HIGH   0x32
#define PCI_WINDOW_TYPE	    15u
#define PCI_WINDOW_64	    1u /* or 32 bits of I/O */

/* Capabilities. */
#define PCI_CAP_FIRST	  0x40
#define PCI_CAP_NEXT	  1
#define PCI_EXT_CAP_FIRST 0x100

#define PCI_EXP_FLAGS	     2
#define PCI_EXP_TYPE(flags)  ((flags) >> 4 & 15)
#define PCI_EXP_ROOT_PORT    4
#define PCI_EXP_DOWNSTREAM   6
#define PCI_EXP_TO_PCI	     7
#define PCI_EXP_SLOT	     BIT(8)
#define PCI_EXP_SLOT_CAP     0x14
#define PCI_EXP_SLOT_HOTPLUG BIT(6)

#define PCI_MSIX_CONTROL       2
#define PCI_MSIX_TABLE	       4
#define PCI_MSIX_BIR	       7u
#define PCI_MSIX_SIZE_MASK     0x7ffu
#define PCI_MSIX_MASK_ALL      BIT(14)
#define PCI_MSIX_ENABLE	       BIT(15)
#define PCI_MSIX_ENTRY	       16u
#define PCI_MSIX_ADDRESS       0
#define PCI_MSIX_ADDRESS_HIGH  4
#define PCI_MSIX_DATA	       8
#define PCI_MSIX_VECTOR	       12
#define PCI_MSIX_VECTOR_MASKED BIT(0)

#endif
