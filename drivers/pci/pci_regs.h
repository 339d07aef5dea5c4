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

#define PCI_EXP_FLAGS	       2
#define PCI_EXP_TYPE(flags)    ((flags) >> 4 & 15)
#define PCI_EXP_ROOT_PORT      4
#define PCI_EXP_DOWNSTREAM     6
#define PCI_EXP_TO_PCI	       7
#define PCI_EXP_SLOT	       BIT(8)
#define PCI_EXP_MESSAGE(flags) ((flags) >> 9 & 31)
#define PCI_EXP_LINK_CAP       0x0c
#define PCI_EXP_LINK_REPORTS   BIT(20)
#define PCI_EXP_LINK_STATUS    0x12
#define PCI_EXP_LINK_ACTIVE    BIT(13)

/* Slots (7.5.3.9 to 7.5.3.11). In the capability: what there is; in control: switches; in status: what happened. */
#define PCI_EXP_SLOT_CAP	      0x14
#define PCI_EXP_SLOT_BUTTON	      BIT(0)
#define PCI_EXP_SLOT_POWER	      BIT(1)
#define PCI_EXP_SLOT_LAMP	      BIT(4)
#define PCI_EXP_SLOT_HOTPLUG	      BIT(6)
#define PCI_EXP_SLOT_SILENT	      BIT(18) /* does not say when a command is completed */
#define PCI_EXP_SLOT_CONTROL	      0x18
#define PCI_EXP_SLOT_ON_BUTTON	      BIT(0)
#define PCI_EXP_SLOT_ON_FAULT	      BIT(1)
#define PCI_EXP_SLOT_ON_PRESENCE      BIT(3)
#define PCI_EXP_SLOT_INTERRUPT	      BIT(5)
#define PCI_EXP_SLOT_LAMP_MASK	      (3u << 8)
#define PCI_EXP_SLOT_LAMP_ON	      (1u << 8)
#define PCI_EXP_SLOT_LAMP_BLINK	      (2u << 8)
#define PCI_EXP_SLOT_LAMP_OFF	      (3u << 8)
#define PCI_EXP_SLOT_POWER_OFF	      BIT(10)
#define PCI_EXP_SLOT_ON_LINK	      BIT(12)
#define PCI_EXP_SLOT_STATUS	      0x1a
#define PCI_EXP_SLOT_BUTTON_PRESSED   BIT(0)
#define PCI_EXP_SLOT_POWER_FAULT      BIT(1)
#define PCI_EXP_SLOT_PRESENCE_CHANGED BIT(3)
#define PCI_EXP_SLOT_COMPLETED	      BIT(4)
#define PCI_EXP_SLOT_PRESENT	      BIT(6)
#define PCI_EXP_SLOT_LINK_CHANGED     BIT(8)

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
