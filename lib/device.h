/* SPDX-License-Identifier: BSD-2-Clause */
/* What every device has, whatever bus it sits on: a name for messages, and a way to do DMA. */
#ifndef LIB_DEVICE_H
#define LIB_DEVICE_H

#include "lib/util.h"

struct dma_map_ops;

struct device {
	char name[24];
	const struct dma_map_ops *dma_ops; /* NULL: direct, the device sees CPU addresses */
	uint64_t dma_mask;		   /* highest address the device can reach; 0: all */
	void *dma_priv;			   /* belongs to dma_ops */
};

#endif
